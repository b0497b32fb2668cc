"""Covert communication: how much more often Bob than Eve says what Alice meant, MADDPG and DDPG against each other.

Lowe et al. 2017 give Bob's success relative to Eve's. We take it as the difference of two shares, against an Eve of the
same algorithm that learned with them: an Eve of another run has never heard their code. Only two of the four symbols
are ever meant, so that Bob and Eve are right half of the time by guessing, and .5 is the best lead that can be had over
an Eve that guesses between the two.
"""

from __future__ import annotations

from zoo.papers.figure import Published
from zoo.papers.games import Outcome, at
from zoo.papers.maddpg import DDPG, MADDPG, UNLIKE
from zoo.papers.tables import CrossTable, Measure

PUBLISHED = {"maddpg v own run": Published(0.524), "ddpg v own run": Published(0.251)}
#: Share of symbols that are exact when guessed among the two that occur.
GUESS = 0.5
bob, eve = at("bob_0", "accuracy"), at("eve_0", "accuracy")


def lead(outcome: Outcome) -> float:
    """Bob's share of exact symbols less Eve's."""
    return bob(outcome) - eve(outcome)


class CovertCommunication(CrossTable):
    """Cross table of MADDPG and DDPG in crypto."""

    name = "maddpg-covert"
    arena = "crypto"
    rules = (MADDPG, DDPG)
    roles = (("bob_0", "alice_0"), ("eve_0",))
    versus = "Alice and Bob v Eve"
    measures = (
        Measure("Bob less Eve", "Bob's share less Eve's", lead, PUBLISHED, "higher"),
        Measure("Bob's exact symbols", "share of Bob's symbols that are exact", bob, guess=GUESS),
        Measure("Eve's exact symbols", "share of Eve's symbols that are exact", eve, guess=GUESS),
    )
    unlike = UNLIKE


FIGURE = CovertCommunication()
