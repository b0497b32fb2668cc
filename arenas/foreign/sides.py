"""Sides and teams of a foreign environment's seats, from their names, from what the user says, and from who shares.

Seats whose names differ in their number only are of one side, as they play one role ("adversary_0", "adversary_1").
Colours and the like are no roles but teams: "red_0" and "blue_0" can be exchanged where they see and do the same, and
so can "redmelee_0" and "bluemelee_0", while "redmelee_0" and "redranged_0" play two roles of one team.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from arenas.foreign.seat import Seat
from arenas.foreign.spaces import action_width
from arenas.protocol import SeatSpec

_COLOURS = ("black", "white", "red", "blue", "green", "yellow", "north", "south", "east", "west", "left", "right")


def seat_specs(
    name: str, seats: Mapping[str, Seat], sides: str, *, cooperative: bool, shared: tuple[tuple[str, ...], ...] = ()
) -> dict[str, SeatSpec]:
    """The spec of every seat.

    Args:
        name: the environment's, for messages.
        seats: by name.
        sides: "a=player_0,player_2;b=player_1" in place of the sides by name, or "".
        cooperative: all are of one team.
        shared: groups of seats that were seen to earn the same, each of which is a team.

    Raises:
        ValueError: `sides` that do not fit.
    """
    looks = {s: (seat.encoder[0], *action_width(seat.action_space)) for s, seat in seats.items()}
    side = _by_text(name, sides, looks) if sides else _by_name(looks)
    colours = {} if sides else _colours(looks)
    several = len(set(side.values())) > 1
    team = {s: colours.get(s) or (side[s] if several else s) for s in looks}
    for number, group in enumerate(() if colours else shared):
        team |= dict.fromkeys(group, "+".join(dict.fromkeys(side[s] for s in group)) if several else f"team_{number}")
    return {
        s: SeatSpec(*look, team="all" if cooperative else team[s], side=side[s], origin=seats[s].origin)
        for s, look in looks.items()
    }


def _by_name(looks: Mapping[str, Any]) -> dict[str, str]:
    """Seat -> side: its name without number and colour, or the whole name where those of one role do not look alike."""
    colours = _colours(looks)
    role = {s: (_split(s)[1] if colours else _stem(s)) or "player" for s in looks}
    alike: dict[str, set[Any]] = {}
    for seat, look in looks.items():
        alike.setdefault(role[seat], set()).add(look)
    return {seat: role[seat] if len(alike[role[seat]]) == 1 else seat for seat in looks}


def _stem(seat: str) -> str:
    return re.sub(r"_?\d+$", "", seat) or seat


def _split(seat: str) -> tuple[str, str]:
    """The colour with which a name begins, and the role that is left of it."""
    for colour in _COLOURS:
        if seat.startswith(colour):
            return colour, re.sub(r"_?\d+$", "", seat.removeprefix(colour)).strip("_")
    return "", _stem(seat)


def _colours(looks: Mapping[str, Any]) -> dict[str, str]:
    """Seat -> colour, where all names begin with one of several, and each has the same roles that look alike."""
    colour = {seat: _split(seat)[0] for seat in looks}
    if not all(colour.values()) or len(set(colour.values())) < 2:
        return {}
    roles: dict[str, set[Any]] = {}
    for seat, look in looks.items():
        roles.setdefault(colour[seat], set()).add((_split(seat)[1], look))
    return colour if len({frozenset(of) for of in roles.values()}) == 1 else {}


def _by_text(name: str, text: str, looks: Mapping[str, Any]) -> dict[str, str]:
    """Seat -> side from "a=player_0,player_2;b=player_1"."""
    side: dict[str, str] = {}
    for part in text.split(";"):
        label, _, members = part.partition("=")
        named = [seat.strip() for seat in members.split(",")]
        if len({looks.get(seat) for seat in named}) > 1:
            raise ValueError(f"{name}: seats of one side must see and do the same, those of {part!r} do not")
        side.update(dict.fromkeys(named, label.strip()))
    if side.keys() != looks.keys():
        raise ValueError(f"{name}: sides must name each of {', '.join(looks)}, as in 'a=...;b=...'; got {text!r}")
    return side
