"""Nemeses: what found the worst case of an entrant, or most of a learning rule, kept as an entrant `nemesis:ENTRANT`.

`declared/nemeses.json` holds, by arena identity, whether the victim is `frozen` or learns (`rules`), and its text, by
which entrant that is, and what a frozen victim then earns per step, the mean over its seats. A nemesis of a learning
rule adapts, and so needs `--learn`.
"""

from __future__ import annotations

from typing import NamedTuple

from zoo.entry import declarations
from zoo.errors import UserError

SCHEME = "nemesis:"


def nemeses(identity: str, *, learning: bool = False) -> dict[str, str]:
    """Victim -> the entrant that is its nemesis in this arena.

    Where there is one of the frozen victim and one of the rule, it is the rule's with `learning`, else the other.
    """
    kept = declarations.read("nemeses").get(identity, {})
    frozen, rules = ({victim: one["by"] for victim, one in kept.get(kind, {}).items()} for kind in ("frozen", "rules"))
    return {**frozen, **rules} if learning else {**rules, **frozen}


class Nemesis(NamedTuple):
    """What is kept of a frozen victim's nemesis."""

    arena: str  # identity
    victim: str
    by: str  # entrant
    worst_case: float  # of the victim, per step
    exact: bool  # else the worst that was found


def nemeses_of(agent: str) -> list[Nemesis]:
    """The nemeses of an agent, as it is and as its house checkpoints play."""
    return [
        Nemesis(identity, victim, one["by"], one["worst_case"], not one.get("found", False))
        for identity, kept in declarations.read("nemeses").items()
        for victim, one in kept.get("frozen", {}).items()
        if victim.partition("@")[0] == agent
    ]


def plain_text(text: str, identity: str, *, learning: bool = False) -> str:
    """The entrant that `text` stands for: itself, but for `nemesis:VICTIM`.

    Raises:
        UserError: nobody's nemesis is known under this name here.
    """
    if not text.startswith(SCHEME):
        return text
    known = nemeses(identity, learning=learning)
    victim = text.removeprefix(SCHEME)
    if victim not in known:
        raise UserError(
            f"no nemesis of {victim!r} is kept in {identity}; kept are those of {', '.join(known) or 'nobody'}"
        )
    return known[victim]
