"""What kind of game a foreign environment is: declared, or recognised from a sample of play.

PettingZoo's environments do not say whether what one wins another loses. The small table below says it for PettingZoo's
own; an environment may say it itself, `metadata["kind"]`; of all others some episodes of random legal play are looked
at. Where returns differ from one episode to the next, those that add up to the same number make a competitive game and
those that are the same for all seats a cooperative one; all else is mixed. A sample can be wrong, so what was
recognised is said, and `kind=` overrides it. Every episode of a sample is played twice, as an environment that ignores
its seeds could be another kind of game in another process: it is mixed, and that too is said.

A seat that acts illegally is given less than play pays: the least return that is declared, or else the least of the
sample less the distance to the greatest, rounded down to 1, 2 or 5 times a power of ten.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import torch

from arenas.protocol import Action, Arena, ArenaError, Kind, SeatSpec, TimeStep

_EPISODES = (3, 20)  # the fewest and the most of a sample
_STEPS = 400  # of an episode at most, and of all from which on no further one begins
_ROUNDING = 1e-5
_UNLIKE = (
    "as it does not repeat an episode under the same seed (if its reset leaves something behind, --set arena.anew=true"
    " makes it anew for every episode)"
)
_UNKNOWN = -1000.0  # the forfeit where a sample does not show what play pays: surely below it

#: PettingZoo's environments: kind, and the least return by their default arguments where a sample takes long or shows
#: nothing; a bound where physics decide.
DECLARED: dict[str, tuple[Kind, float | None]] = {
    "classic/chess": ("competitive", -1.0),
    "classic/connect_four": ("competitive", -1.0),
    "classic/go": ("competitive", -1.0),
    "classic/hanabi": ("cooperative", 0.0),
    "classic/leduc_holdem": ("competitive", None),
    "classic/rps": ("competitive", None),
    "classic/texas_holdem": ("competitive", None),
    "classic/texas_holdem_no_limit": ("competitive", None),
    "classic/tictactoe": ("competitive", -1.0),
    "butterfly/cooperative_pong": ("cooperative", -10.0),
    "butterfly/knights_archers_zombies": ("mixed", 0.0),
    "butterfly/pistonball": ("cooperative", -50.0),
    "sisl/multiwalker": ("cooperative", -150.0),
    "sisl/pursuit": ("cooperative", -50.0),
}
#: Environments whose `reset` leaves something of the last episode behind: here the clock of the next zombie.
LEAVES_BEHIND = {"butterfly/knights_archers_zombies"}


@dataclass(frozen=True)
class Recognised:
    """What is known of a game.

    Attributes:
        kind: of the game.
        forfeit: return of a seat that acts illegally.
        said: how that is known, as the end of a sentence; "" where the user has said it.
        teams: seats that earned the same in every episode of a sample, in groups of two or more.
    """

    kind: Kind
    forfeit: float
    said: str = ""
    teams: tuple[tuple[str, ...], ...] = ()


_samples: dict[Any, Recognised] = {}


def recognise(
    name: str, metadata: Any, seats: int, sampled: Callable[[], Arena], key: Any, *, plain: bool
) -> Recognised:
    """What is declared of an environment, and what a sample of play shows of the rest.

    Args:
        name: the environment's full name.
        metadata: what it says of itself.
        seats: how many there are; among three or more a sample shows who shares.
        sampled: makes one copy of the game whose kind is not asked.
        key: the sample is made once a process for each key.
        plain: the environment pays by its default arguments. What is declared of physics holds for these alone, what
            is declared of boards and cards for all.
    """
    says = metadata if isinstance(metadata, dict) else {}
    short = plain_name(name)
    known = DECLARED.get(short) if plain or short.startswith("classic/") else None
    kind, least = known or (says.get("kind"), says.get("forfeit"))
    who = "declared for PettingZoo's environments" if known else "declared by the environment"
    kind = kind if kind in get_args(Kind) else None
    least = float(least) if isinstance(least, int | float) and math.isfinite(least) else None
    if kind is not None and least is not None and (seats < 3 or kind != "competitive"):
        return Recognised(kind, least, who)
    if key not in _samples:
        _samples[key] = _look(sampled())
    seen = _samples[key]
    forfeit = seen.forfeit if least is None else least
    return Recognised(kind or seen.kind, forfeit, who if kind else seen.said, seen.teams)


def plain_name(name: str) -> str:
    """The full name of an environment without PettingZoo's scheme and the version: "classic/go"."""
    return re.sub(r"_v\d+$", "", name.removeprefix("pettingzoo:"))


def _look(arena: Arena) -> Recognised:
    """What random legal play shows."""
    returns: list[list[float]] = []
    steps = 0
    try:
        while len(returns) < _EPISODES[0] or (len(returns) < _EPISODES[1] and steps < _STEPS):
            earned, seen = _episode(arena, len(returns))
            if _episode(arena, len(returns)) != (earned, seen):
                return Recognised("mixed", _UNKNOWN, _UNLIKE)
            returns.append(earned)
            steps += len(seen)
    except ArenaError:  # play will say what is wrong with the environment
        return Recognised("mixed", _UNKNOWN)
    finally:
        arena.close()
    table = np.array(returns)  # [episodes, seats]
    if not table.any():
        return Recognised("mixed", _UNKNOWN, f"as nothing was paid in {len(returns)} episodes of random play")
    played = f"recognised from {len(returns)} episodes of random play"
    return Recognised(kind_of(table), _below(table), played, _teams(list(arena.spec.seats), table))


def kind_of(returns: np.ndarray) -> Kind:
    """The kind of a game from the returns [episodes, seats] of some of its episodes."""
    near = _ROUNDING * max(1.0, float(np.abs(returns).max()))
    if returns.shape[1] < 2 or not returns.any():
        return "mixed"
    varies = float(np.ptp(returns, axis=0).max()) > near
    if float(np.ptp(returns, axis=1).max()) <= near:
        return "cooperative" if varies else "mixed"
    sums = returns.sum(1)
    zero = float(np.abs(sums).max()) <= near * returns.shape[1]
    constant = float(np.ptp(sums)) <= near * returns.shape[1]
    return "competitive" if zero or (constant and varies) else "mixed"


def _teams(seats: list[str], returns: np.ndarray) -> tuple[tuple[str, ...], ...]:
    """Groups of two or more, but not all, of three or more seats whose returns are the same in every episode."""
    if len(seats) < 3 or len(np.unique(returns, axis=0)) < 6:
        return ()
    groups: dict[bytes, list[str]] = {}
    for seat, earned in zip(seats, np.round(returns, 6).T, strict=True):
        groups.setdefault(earned.tobytes(), []).append(seat)
    return tuple(tuple(group) for group in groups.values() if 1 < len(group) < len(seats))


def _below(returns: np.ndarray) -> float:
    """Less than play pays, in proportion to what it pays."""
    low, high = float(returns.min()), float(returns.max())
    least = low - (high - low) if high > low else low - abs(low)
    if least >= 0:
        return min(-1.0, -high)
    scale = 10.0 ** math.floor(math.log10(-least))
    return -next(digit * scale for digit in (1.0, 2.0, 5.0, 10.0) if digit * scale >= -least * (1 - _ROUNDING))


def _episode(arena: Arena, seed: int, most: int = _STEPS) -> tuple[list[float], list[int]]:
    """The returns of all seats in an episode of legal moves by lot, and a hash of what the seats saw at every step."""
    luck = torch.Generator().manual_seed(seed)
    steps, _ = arena.reset(torch.tensor([seed]), autoreset=False)
    earned, seen = dict.fromkeys(steps, 0.0), [_hash(steps)]
    while len(seen) <= most and not all(bool(step.last[0]) for step in steps.values()):
        moves = {seat: Action(_move(step, arena.spec.seats[seat], luck)) for seat, step in steps.items()}
        steps, _ = arena.step(moves)
        seen.append(_hash(steps))
        for seat, step in steps.items():
            earned[seat] += float(step.reward[0])
    return list(earned.values()), seen


def _hash(steps: Mapping[str, TimeStep]) -> int:
    return zlib.crc32(b"".join(step.observation.cpu().numpy().tobytes() for step in steps.values()))


def _move(step: TimeStep, seat: SeatSpec, luck: torch.Generator) -> torch.Tensor:
    if step.action_mask is None:
        return 2 * torch.rand(1, seat.action_dim, generator=luck) - 1
    return torch.multinomial(step.action_mask.float(), 1, generator=luck)[:, 0]
