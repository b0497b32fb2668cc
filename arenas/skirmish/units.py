"""What units can do, and who fights whom.

Health, shields, damage in points; ranges and speeds in map units, speeds per second; cooldowns in seconds.

Sources: marine, stalker and zealot are StarCraft II's at patch 4.10 as SMAClite lists them (Michalski et al. 2023); the
zealot's reach is SMAX's 2 (Rutherford et al. 2023), as units here are points. Wraith, dragoon and the older zealot are
StarCraft: Brood War's, at 23.8 frames a second and 32 pixels a unit: those of the thesis's 5w and 2d_3z (Foerster 2018,
chapter 3). Explosive damage, which is halved against small units, is written as a bonus against armoured ones.
Departures from either game: no collisions, no acceleration, no regeneration of shields, no upgrades.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """A type of unit."""

    health: float
    shield: float
    armour: float  # off each hit on health
    damage: float  # of one hit
    hits: int  # of one shot
    bonus: float  # of one hit against armoured units
    reach: float  # the range of its weapon
    cooldown: float
    speed: float
    armoured: bool = False


UNITS: Mapping[str, Unit] = {
    "marine": Unit(45, 0, 0, 6, 1, 0, 5, 0.61, 3.15),
    "stalker": Unit(80, 80, 1, 13, 1, 5, 6, 1.34, 4.13, armoured=True),
    "zealot": Unit(100, 50, 1, 8, 2, 0, 2, 0.86, 3.15),
    "wraith": Unit(120, 0, 0, 20, 1, 0, 5, 0.92, 4.96, armoured=True),
    "dragoon": Unit(100, 80, 1, 10, 1, 10, 4, 1.26, 3.72, armoured=True),
    "old-zealot": Unit(100, 60, 1, 8, 2, 0, 2, 0.92, 2.98),
}


@dataclass(frozen=True)
class Scenario:
    """Who fights whom: the types of both teams, and the limit of an episode in steps."""

    own: tuple[str, ...]
    foes: tuple[str, ...]
    limit: int

    @property
    def types(self) -> tuple[str, ...]:
        """The types that occur, each once."""
        return tuple(dict.fromkeys((*self.own, *self.foes)))


def _even(limit: int, **counts: int) -> Scenario:
    units = tuple(name.replace("_", "-") for name, count in counts.items() for _ in range(count))
    return Scenario(units, units, limit)


#: Limits are SMAC's; the thesis gives none for its own maps.
SCENARIOS: Mapping[str, Scenario] = {
    "3m": _even(60, marine=3),
    "5m": _even(60, marine=5),
    "8m": _even(120, marine=8),
    "2s3z": _even(120, stalker=2, zealot=3),
    "3s5z": _even(150, stalker=3, zealot=5),
    "5m_vs_6m": Scenario(("marine",) * 5, ("marine",) * 6, 70),
    "5w": _even(60, wraith=5),
    "2d_3z": _even(120, dragoon=2, old_zealot=3),
}
