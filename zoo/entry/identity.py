"""An arena's identity as boards, lists of matches and JSON print it, read back: "ipd-v1(max_steps=100)".

It is a name with its version, then settings, SuperSuit wrappers, and where the game is not ours its origin: a package
with its version, a file's name, or a hash. `ArenaEntry.identity` writes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from zoo.entry.registry import ARENAS, names
from zoo.entry.settings import json_or_text, split
from zoo.errors import UserError

_SETTING = re.compile(r"\s*(\w+)\s*=(?!=)")


@dataclass(frozen=True)
class Identity:
    """What an identity says.

    Attributes:
        head: name with version: "ipd-v1".
        name: what the arena is asked for by: "ipd".
        settings: `field=value` texts.
        wrap: SuperSuit wrappers.
        origin: where the game comes from, with versions.
    """

    head: str
    name: str
    settings: tuple[str, ...]
    wrap: tuple[str, ...]
    origin: frozenset[str]

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Take an identity apart; None where the text is none, such as a name alone.

        Raises:
            UserError: it begins like one and does not end.
        """
        head, bracket, inside = text.partition("(")
        name, _, version = head.rpartition("-v")
        ours = name in names(ARENAS) and version.isdecimal()
        if ours and bracket and not inside.endswith(")"):
            raise UserError(f"{text}: the bracket behind {head} is not closed, as it is in ipd-v1(max_steps=100)")
        if text in names(ARENAS) or not (ours or inside.endswith(")")):
            return None
        parts = [part.strip() for part in split(inside.removesuffix(")"))]
        settings = [part for part in parts if _SETTING.match(part)]
        wrap = [json_or_text(part.partition("=")[2]) for part in settings if part.startswith("wrap=")]
        return cls(
            head,
            name if ours else head,
            tuple(part for part in settings if not part.startswith("wrap=")),
            tuple(map(str, wrap[0])) if wrap and isinstance(wrap[0], list) else (),
            frozenset(part for part in parts if part not in settings),
        )

    def same_game(self, here: Self) -> bool:
        """Whether an identity of this installation is of the same version and origin."""
        return (here.head, here.origin) == (self.head, self.origin)

    def unsaid(self, here: Self) -> tuple[str, ...]:
        """What must be said of a foreign game that was found to be of a kind, where it was recorded as mixed."""
        said, found = (any(text.startswith("kind=") for text in one.settings) for one in (self, here))
        return ("kind=mixed",) if found and not said else ()


def joined(asked: str, said: tuple[str, ...], given: tuple[str, ...]) -> tuple[str, ...]:
    """The settings of an identity, and those given by --set.

    Raises:
        UserError: they contradict each other.
    """
    by_field = {setting.partition("=")[0].strip(): setting for setting in said}
    for setting in given:
        field, _, value = setting.partition("=")
        known = by_field.get(field.strip())
        if known is not None and json_or_text(known.partition("=")[2].strip()) != json_or_text(value.strip()):
            raise UserError(f"--set arena.{setting} contradicts {asked}, which says {known}: leave one of them out")
    return (*said, *(setting for setting in given if setting.partition("=")[0].strip() not in by_field))
