"""Predator and prey: how often predators of one algorithm touch prey of the other, as a cross table.

Lowe et al. 2017 count touches in an episode. In simple_tag as it is public 16.1 touches would pay a predator 161; the
best that is known of agents trained elsewhere is 12 to 26. So the paper's setting was another, and what can be compared
is the order of the two numbers.
"""

from __future__ import annotations

from zoo.papers.figure import Published
from zoo.papers.games import at
from zoo.papers.maddpg import DDPG, MADDPG, UNLIKE
from zoo.papers.tables import CrossTable, Measure, Order

PUBLISHED = {"maddpg v ddpg": Published(16.1), "ddpg v maddpg": Published(10.3)}
#: Pairs of a predator and a prey that touch, summed over the steps of an episode.
contacts = at("agent_0", "contacts")


class PredatorPrey(CrossTable):
    """Cross table of MADDPG and DDPG in tag."""

    name = "maddpg-predator-prey"
    arena = "tag"
    rules = (MADDPG, DDPG)
    roles = (("adversary_0", "adversary_1", "adversary_2"), ("agent_0",))
    versus = "predators v prey"
    measures = (
        Measure("touches an episode", "touches an episode, pairs that overlap", contacts, PUBLISHED),
        Measure("steps with a touch, of 25", "steps of 25 with at least one touch", at("agent_0", "contact_steps")),
    )
    order = Order(
        "the paper's order (16.1 - 10.3): touches in maddpg v ddpg less those in ddpg v maddpg",
        MADDPG,
        DDPG,
        [contacts],
    )
    unlike = UNLIKE


FIGURE = PredatorPrey()
