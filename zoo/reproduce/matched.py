"""Robustness of entries whose training seeds are matched, and of mixtures of independently trained runs.

A *team* is K of the n training seeds. All entries meet the same opponents O(t) for a team t: every run, of whatever
algorithm, whose seed is none of the team's, and the scripts; so all of them are strangers. With U(s, c) the mean return
of an entry's run s with opponent c, the figures of an entry for a team are those of
`leaderboard.statistics.robustness`,

    mean over O(t), worst case (the least), CVaR, gap = U(s, own partner) - mean,

of each run s of the team, averaged; or, for the *mixture* of the team, of which one run is drawn for every episode,
those of its expected return, mean over s of U(s, c). The mixture's mean and gap are therefore the average of its runs',
and its true worst case and CVaR, concave in U, are at least that. An entry's figure is the mean over all teams.

As there, the worst opponents are chosen on one half of the episodes, every other batch of them, and estimated on the
other, both ways, averaged; below four batches there are no halves.

Intervals are 95 %. Each level is left out unit by unit while the others stay (the jackknife, Efron & Stein 1981):
batches of episodes; training seeds, with every team that holds the seed, so that what mixtures share is counted; and
for mean and gap, which speak of opponents like these, the kinds of opponents from four on. The levels' variances are
added, and the interval is that of Student's t with the degrees of freedom of Welch and Satterthwaite. Differences are
taken unit by unit, so they are paired throughout.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from leaderboard.statistics.robustness import ALPHA, FEWEST_EPISODES, FEWEST_KINDS, crossed
from zoo.matches.match import Estimate

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
MEAN, WORST, CVAR, GAP = "mean", "worst", "CVaR", "gap"


@dataclass(frozen=True)
class Opponents:
    """Those who are met.

    Attributes:
        seeds: of each of C opponents the place of its training seed among the n; None for a script.
        kinds: equal for opponents that differ by their training seed only.
        n: training seeds; k: members of a team.
    """

    seeds: tuple[int | None, ...]
    kinds: tuple[str, ...]
    n: int
    k: int

    @property
    def teams(self) -> list[tuple[int, ...]]:
        """All K of the n training seeds."""
        return list(itertools.combinations(range(self.n), self.k))

    def strangers(self, team: Sequence[int]) -> Flags:
        """Whom a team meets, bool [C]."""
        return np.array([seed not in team for seed in self.seeds], dtype=np.bool_)


@dataclass(frozen=True)
class Measured:
    """A number, and what it would be without each unit of each level, float [units]."""

    value: float
    without: Mapping[str, Floats]

    def __sub__(self, other: Measured) -> Measured:
        return Measured(
            self.value - other.value, {level: x - other.without[level] for level, x in self.without.items()}
        )

    def estimate(self) -> Estimate:
        """The number with its interval; n counts the training seeds."""
        parts = []
        for x in self.without.values():
            n = len(x)
            if n > 1:
                parts.append(((n - 1) / n * float(((x - x.mean()) ** 2).sum()), n - 1))
        total, n = sum(variance for variance, _ in parts), len(self.without["seeds"])
        if not parts:
            return Estimate(self.value, None, None, n)
        if total <= 0.0:
            return Estimate(self.value, self.value, self.value, n)
        freedom = total**2 / sum(variance**2 / df for variance, df in parts)
        half = float(stdtrit(freedom, 0.975)) * math.sqrt(total)
        return Estimate(self.value, self.value - half, self.value + half, n)


def figures(
    values: Floats, own: Floats, opponents: Opponents, *, mixed: bool = False, alpha: float = ALPHA
) -> dict[str, Measured]:
    """Mean, worst case, CVaR and gap of an entry.

    Args:
        values: float [B, n, C], mean return in each batch of episodes of each run with each opponent.
        own: float [B, n], with the partner that the run was trained with.
        opponents: who the C are.
        mixed: whether the entry is the mixture of a team, or else each of its runs by itself.
        alpha: share of the opponents that CVaR averages over.

    Raises:
        ValueError: shapes do not fit, or some team has no opponent, or no seed can be left out.
    """
    batches, n, count = values.shape
    if n != opponents.n or count != len(opponents.seeds) or own.shape != (batches, n):
        raise ValueError(
            f"returns have shape {list(values.shape)} and those with own partners {list(own.shape)}, expected"
            f" [B, {opponents.n}, {len(opponents.seeds)}] and [B, {opponents.n}]"
        )
    if n <= opponents.k:
        raise ValueError(f"teams of {opponents.k} need at least {opponents.k + 1} training seeds, got {n}")
    teams = opponents.teams
    base = _of_teams(values.mean(0), own.mean(0), _halves(values), opponents, mixed, alpha)
    fewer = None
    if batches > 1:
        fewer = _of_teams(_left_out(values), _left_out(own), _halves_left_out(values), opponents, mixed, alpha)
    keep = np.array([[s not in team for team in teams] for s in range(n)], dtype=np.float64)  # [n, teams]
    found = {}
    for name, x in base.items():
        without = {"seeds": keep @ x / keep.sum(1)}
        if fewer is not None:
            without["episodes"] = fewer[name].mean(-1)
        found[name] = Measured(float(x.mean()), without)
    kinds = dict.fromkeys(opponents.kinds)
    if len(kinds) >= FEWEST_KINDS:
        halves = _halves(values)
        rest = [_of_teams(values.mean(0), own.mean(0), halves, opponents, mixed, alpha, but=kind) for kind in kinds]
        for name in (MEAN, GAP):
            left = np.array([told[name].mean() for told in rest])
            found[name] = Measured(found[name].value, {**found[name].without, "kinds": left})
    return found


def average(told: Sequence[Mapping[str, Measured]]) -> dict[str, Measured]:
    """The figures of an entry that is each of several by turns, such as one sub-policy or another."""
    return {
        name: Measured(
            float(np.mean([t[name].value for t in told])),
            {level: np.mean([t[name].without[level] for t in told], axis=0) for level in first.without},
        )
        for name, first in told[0].items()
    }


def _left_out(values: Floats) -> Floats:
    """Means over all batches but one, [B, ...]."""
    return np.asarray((values.sum(0) - values) / (len(values) - 1))


def _halves(values: Floats) -> tuple[Floats, Floats]:
    """Means over the even and over the odd batches; over all where there are too few for halves."""
    if len(values) < FEWEST_EPISODES:
        return values.mean(0), values.mean(0)
    return values[::2].mean(0), values[1::2].mean(0)


def _halves_left_out(values: Floats) -> tuple[Floats, Floats]:
    """`_halves` [B, ...] where each batch in turn is left out of its half."""
    if len(values) < FEWEST_EPISODES:
        return _left_out(values), _left_out(values)
    found = []
    for h, whole in enumerate(_halves(values)):
        half = np.broadcast_to(whole, values.shape).copy()
        half[h::2] = _left_out(values[h::2])
        found.append(half)
    return found[0], found[1]


def _of_teams(
    values: Floats,
    own: Floats,
    halves: tuple[Floats, Floats],
    opponents: Opponents,
    mixed: bool,
    alpha: float,
    but: str | None = None,
) -> dict[str, Floats]:
    """The figures of every team [..., teams], of returns [..., n, C] and [..., n], without opponents of a kind.

    `halves` are the returns by either half of the episodes.
    """
    kept = np.array([kind != but for kind in opponents.kinds], dtype=np.bool_)
    found: dict[str, list[Floats]] = {MEAN: [], WORST: [], CVAR: [], GAP: []}
    for team in opponents.teams:
        chosen = opponents.strangers(team) & kept
        if not chosen.any():
            raise ValueError("a team of training seeds has no opponent from another run")
        met, one, other = (x[..., list(team), :][..., chosen] for x in (values, *halves))
        if mixed:
            met, one, other = (x.mean(-2, keepdims=True) for x in (met, one, other))
        found[MEAN].append(met.mean((-2, -1)))
        found[WORST].append(crossed(one, other, 1 / met.shape[-1]).mean(-1))
        found[CVAR].append(crossed(one, other, alpha).mean(-1))
        found[GAP].append(own[..., list(team)].mean(-1) - found[MEAN][-1])
    return {name: np.stack(x, axis=-1) for name, x in found.items()}
