"""How robust an entry is to whom it meets: mean, worst case and tail over opponents, and the gap to its partners.

An *entry* is one way of training, R times over (its training seeds; R = 1 for a single entrant). It meets C opponents
for E episodes each, with common random numbers: episode e has the same luck in every cell. An opponent is *held out*
where it does not come from the entry's own training run. Of each training seed s, with U(s, c) its mean return with
opponent c:

    mean   M = mean of U(s, c) over the held-out c
    worst  W = min of U(s, c) over the held-out c
    CVaR   mean of the worst share alpha of the U(s, c), conditional value at risk (Rockafellar & Uryasev 2000)
    gap    U(s, own partner) - M

An entry's figure is the mean of its seeds' figures.

The least of estimated means is too low, the more so the more opponents are close: whom the luck of the episodes makes
look worst is chosen. Therefore the worst are chosen on one half of the episodes, the even ones, and their returns are
estimated on the other, then the other way round, and both are averaged. That is unbiased for the opponents that were
chosen, who where it is close may be not quite the worst. Below four episodes there are no halves.

Intervals are 95 % and come from a bootstrap in levels. Each level is resampled on its own while the others stay:
the episodes, all cells together, as their luck is shared; the training seeds; and for mean and gap, which speak of
opponents like these, the opponents, whole kinds at a time (opponents that differ by their training seed only are one
kind). From fewer than four kinds nothing can be said of others: there the interval is for exactly these opponents, as
it is for worst case and CVaR, since a minimum over others cannot be estimated from some. A level of n units is
resampled by drawing n - 1, which makes the variance of a mean unbiased (Rao & Wu 1988; whole clusters suffice, as their
means carry the spread inside). The levels' variances are added, and the interval is that of Student's t with the
degrees of freedom of Welch and Satterthwaite. The worst opponents are chosen anew in every draw.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ALPHA = 0.2
"""Share of the opponents that CVaR averages over."""
DRAWS = 1000
"""Bootstrap samples of each level: the standard error of a standard error is then 2 %."""
FEWEST_KINDS = 4
"""Kinds of opponents from which on the intervals of mean and gap are for others like them."""
FEWEST_EPISODES = 4
"""Episodes from which on the worst opponents are chosen and estimated on different ones."""
_BINS = 1000  # episodes are resampled in at most so many bins, which bounds time and memory
_FIGURES = ("mean", "worst", "cvar")


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval, which is None where nothing tells how much it varies."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Robustness:
    """The figures of one entry, see the module.

    Attributes:
        mean, worst, cvar: over the held-out opponents.
        own, gap: with its own partner, and how much more that is than the mean; None without one.
        worst_at: of each training seed, the opponent (column) with the least mean over all episodes.
        opponents: held-out opponents of a training seed, the fewest where seeds differ; kinds: kinds of them.
        seeds: R.
    """

    mean: Figure
    worst: Figure
    cvar: Figure
    own: Figure | None
    gap: Figure | None
    worst_at: tuple[int, ...]
    opponents: int
    kinds: int
    seeds: int


@dataclass(frozen=True)
class Difference:
    """First entry less second, paired by episodes and by the opponents that are held out from both."""

    mean: Figure
    worst: Figure
    cvar: Figure
    opponents: int


@dataclass(frozen=True)
class PartnerSwap:
    """What exchanging partners between D training runs of one kind costs.

    Attributes:
        self_play: mean of the diagonal, everybody with the partners that it trained with.
        cross_play: mean off the diagonal, with those of another run: zero-shot coordination (Hu et al. 2020).
        drop: self_play - cross_play, with the jackknife's interval over runs where there are three or more.
        correlation: R_- = drop / self_play (Lanctot et al. 2017); None unless self_play is above 0, and it means
            something on normalised scores only.
    """

    self_play: float
    cross_play: float
    drop: Figure
    correlation: float | None


def cvar(values: Floats, alpha: float = ALPHA) -> Floats:
    """Mean of the lowest share `alpha` of `values` [..., n], the last one counted in part; at least the lowest one.

    Raises:
        ValueError: no values, or alpha not in (0, 1].
    """
    return np.asarray(np.sort(values, axis=-1) @ _tail(values.shape[-1], alpha))


def crossed(one: Floats, other: Floats, alpha: float = ALPHA) -> Floats:
    """CVaR of opponents chosen by one set of episodes and estimated by the other, mean of both ways.

    Args:
        one: float [..., n], mean return with each opponent over some episodes.
        other: the same over others, independent of them; the same again for `cvar`.
        alpha: share of the opponents, 1 / n for the worst case alone.

    Raises:
        ValueError: no values, or alpha not in (0, 1].
    """
    weight = _tail(one.shape[-1], alpha)
    chosen = [np.take_along_axis(b, np.argsort(a, axis=-1), axis=-1) for a, b in ((one, other), (other, one))]
    return np.asarray((chosen[0] @ weight + chosen[1] @ weight) / 2)


def _tail(n: int, alpha: float) -> Floats:
    """What each of n values counts for in CVaR, the least first."""
    if n == 0 or not 0 < alpha <= 1:
        raise ValueError(f"CVaR needs values and a share in (0, 1], got {n} values and {alpha}")
    weight = np.clip(alpha * n - np.arange(n), 0.0, 1.0)
    return np.asarray(weight / weight.sum())


def robustness(
    values: Floats,
    held_out: Flags,
    kinds: Sequence[str],
    *,
    own: Floats | None = None,
    alpha: float = ALPHA,
    draws: int = DRAWS,
    seed: int = 0,
) -> Robustness:
    """The figures of one entry.

    Args:
        values: float [E, R, C], return of each episode, training seed and opponent.
        held_out: bool [R, C], the opponents that count; `values` may be NaN where they do not.
        kinds: [C], the kind of each opponent.
        own: float [E, R], return with the seed's own partner.
        alpha: share of CVaR.
        draws: bootstrap samples of each level.
        seed: the draws derive from it alone.

    Raises:
        ValueError: shapes do not fit, a counted value is not finite, or a training seed has no opponent held out.
    """
    _check(values, held_out, kinds)
    if own is not None and own.shape != values.shape[:2]:
        raise ValueError(f"own returns have shape {list(own.shape)}, expected {list(values.shape[:2])}")
    lists = [np.flatnonzero(row).tolist() for row in held_out]
    everything = values if own is None else np.concatenate([values, own[:, :, None]], axis=2)
    cells, base, episodes = _by_level(
        np.where(_counted(held_out, own is not None), everything, 0.0), lists, alpha, own is not None, draws, seed
    )
    weights, units = _opponent_weights(held_out, kinds, draws, seed)
    opponents = None if weights is None else _weighted(cells[:, : len(kinds)], held_out, weights)
    found: dict[str, Figure] = {}
    for name, figure in base.items():
        levels = [(episodes[name].mean(-1), len(values)), (_by_seeds(figure, draws, seed), len(figure))]
        if opponents is not None and name in ("mean", "gap"):
            levels.append((opponents.mean(-1), units))  # the gap's sign is turned, its spread is the same
        found[name] = _interval(float(figure.mean()), levels)
    return Robustness(
        mean=found["mean"],
        worst=found["worst"],
        cvar=found["cvar"],
        own=found.get("own"),
        gap=found.get("gap"),
        worst_at=tuple(at[int(np.argmin(cells[i, at]))] for i, at in enumerate(lists)),
        opponents=min(len(at) for at in lists),
        kinds=len({kinds[c] for at in lists for c in at}),
        seeds=len(lists),
    )


def difference(
    first: Floats,
    second: Floats,
    held_out: tuple[Flags, Flags],
    kinds: Sequence[str],
    *,
    alpha: float = ALPHA,
    draws: int = DRAWS,
    seed: int = 0,
) -> Difference:
    """How much more robust one entry is than another, over the opponents that are held out from all seeds of both.

    Args:
        first: float [E, R, C] as in `robustness`.
        second: the same; the number of training seeds may differ, episodes and opponents are shared.
        held_out: bool [R, C] of either.
        kinds: [C], the kind of each opponent.
        alpha: share of CVaR.
        draws: bootstrap samples of each level.
        seed: the draws derive from it alone.

    Raises:
        ValueError: as in `robustness`, or no opponent is held out from both.
    """
    both = np.concatenate(held_out).all(axis=0)
    if not both.any():
        raise ValueError("no opponent is held out from all training seeds of both entries")
    common = [np.broadcast_to(both, v.shape[1:]) for v in (first, second)]
    for v, shown in zip((first, second), common, strict=True):
        _check(v, shown, kinds)
    if len(first) != len(second):
        raise ValueError(f"the entries have {len(first)} and {len(second)} episodes; they must be the same ones")
    at: list[int] = np.flatnonzero(both).tolist()
    sides = []
    for number, v in enumerate((first, second)):
        whole = [list(range(len(at)))] * v.shape[1]
        cells, base, episodes = _by_level(v[:, :, at], whole, alpha, False, draws, seed)
        seeds = {name: _by_seeds(figure, draws, seed + 1 + number) for name, figure in base.items()}
        sides.append((cells, base, episodes, seeds))
    (cells, base, episodes, seeds), (cells2, base2, episodes2, seeds2) = sides
    weights, units = _opponent_weights(np.ones((1, len(at)), dtype=np.bool_), [kinds[c] for c in at], draws, seed)
    found = {}
    for name in _FIGURES:
        levels = [
            (episodes[name].mean(-1) - episodes2[name].mean(-1), len(first)),
            (seeds[name], first.shape[1]),
            (seeds2[name], second.shape[1]),
        ]
        if name == "mean" and weights is not None:
            apart = (cells.mean(0) - cells2.mean(0))[None]
            levels.append((_weighted(apart, np.ones_like(apart, dtype=np.bool_), weights)[:, 0], units))
        found[name] = _interval(float(base[name].mean() - base2[name].mean()), levels)
    return Difference(found["mean"], found["worst"], found["cvar"], len(at))


def partner_swap(values: Floats) -> PartnerSwap:
    """What exchanging partners costs, from mean returns [D, D] of run (row) with the partners of run (column).

    Raises:
        ValueError: fewer than two runs, or not a square of finite numbers.
    """
    if values.ndim != 2 or values.shape[0] != values.shape[1] or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError("exchanging partners needs a square of finite returns of at least two runs")

    def levels(square: Floats) -> tuple[float, float]:
        n = len(square)
        on = float(np.trace(square))
        return on / n, (float(square.sum()) - on) / (n * (n - 1))

    own, other = levels(values)
    n = len(values)
    low = high = None
    if n > 2:
        without = [np.delete(np.delete(values, i, axis=0), i, axis=1) for i in range(n)]
        left = np.array([a - b for a, b in map(levels, without)])
        spread = math.sqrt((n - 1) / n * float(((left - left.mean()) ** 2).sum()))
        half = float(stdtrit(n - 1, 0.975)) * spread
        low, high = own - other - half, own - other + half
    return PartnerSwap(own, other, Figure(own - other, low, high), (own - other) / own if own > 0 else None)


def normalise(values: Floats, low: Floats, high: Floats) -> Floats:
    """(values - low) / (high - low) along the last axis [..., C]; NaN where `high` is not above `low`."""
    span = high - low
    usable = np.isfinite(span) & (span > 0)
    return np.asarray(np.where(usable, (values - low) / np.where(usable, span, 1.0), np.nan))


def _check(values: Floats, held_out: Flags, kinds: Sequence[str]) -> None:
    if values.ndim != 3 or held_out.shape != values.shape[1:] or len(kinds) != values.shape[2]:
        raise ValueError(
            f"returns have shape {list(values.shape)}, held-out flags {list(held_out.shape)}, and there are"
            f" {len(kinds)} kinds: expected [E, R, C], [R, C] and C"
        )
    if not held_out.any(axis=1).all():
        raise ValueError("a training seed has no opponent that is held out")
    if not np.isfinite(values[:, held_out]).all():
        raise ValueError("the return with an opponent that is held out is not finite")


def _counted(held_out: Flags, with_own: bool) -> Flags:
    more = np.ones((len(held_out), 1 if with_own else 0), dtype=np.bool_)
    return np.concatenate([held_out, more], axis=1)


@functools.lru_cache(maxsize=32)
def _counts(units: int, draws: int, seed: int) -> Floats:
    """How often each of n units is drawn, float [draws, n]: n - 1 with replacement. Read-only."""
    rng = np.random.Generator(np.random.PCG64([seed, units]))
    at = rng.integers(units, size=(draws, units - 1)) + units * np.arange(draws)[:, None]
    counts = np.bincount(at.ravel(), minlength=draws * units).reshape(draws, units).astype(np.float64)
    counts.flags.writeable = False
    return counts


def _by_episodes(values: Floats, draws: int, seed: int) -> tuple[Floats, Floats]:
    """Means over the episodes [R, C], and those of resampled episodes [draws, R, C] (as they are if there is one)."""
    episodes = len(values)
    bins = min(episodes, _BINS)
    start = np.arange(bins) * episodes // bins
    size = np.diff(np.append(start, episodes)).astype(np.float64)
    sums = np.add.reduceat(values, start, axis=0)
    mean = sums.sum(axis=0) / episodes
    if bins < 2:
        return mean, np.broadcast_to(mean, (draws, *mean.shape))
    counts = _counts(bins, draws, seed)
    drawn = (counts @ sums.reshape(bins, -1)) / (counts @ size)[:, None]
    return mean, drawn.reshape(draws, *mean.shape)


def _by_level(
    values: Floats, lists: Sequence[list[int]], alpha: float, with_own: bool, draws: int, seed: int
) -> tuple[Floats, dict[str, Floats], dict[str, Floats]]:
    """Mean returns [R, C], each training seed's figures [R], and those of resampled episodes [draws, R]."""
    cells, drawn = _by_episodes(values, draws, seed)
    if len(values) < FEWEST_EPISODES:
        halves, resampled = (cells, cells), (drawn, drawn)
    else:  # each half has luck of its own
        (one, one_drawn), (two, two_drawn) = (_by_episodes(values[h::2], draws, seed + 11 * h) for h in (0, 1))
        halves, resampled = (one, two), (one_drawn, two_drawn)
    return cells, _of_seeds(cells, halves, lists, alpha, with_own), _of_seeds(drawn, resampled, lists, alpha, with_own)


def _of_seeds(
    cells: Floats, halves: tuple[Floats, Floats], lists: Sequence[list[int]], alpha: float, with_own: bool
) -> dict[str, Floats]:
    """Each training seed's figures [..., R] from cells [..., R, C]; with an own partner its column is the last.

    `halves` are the cells of either half of the episodes.
    """
    mine = [cells[..., row, at] for row, at in enumerate(lists)]
    apart = [(halves[0][..., row, at], halves[1][..., row, at]) for row, at in enumerate(lists)]
    found = {
        "mean": np.stack([x.mean(-1) for x in mine], axis=-1),
        "worst": np.stack([crossed(*x, 1 / x[0].shape[-1]) for x in apart], axis=-1),
        "cvar": np.stack([crossed(*x, alpha) for x in apart], axis=-1),
    }
    if with_own:
        found["own"] = cells[..., -1]
        found["gap"] = found["own"] - found["mean"]
    return found


def _by_seeds(figure: Floats, draws: int, seed: int) -> Floats:
    """Means [draws] over resampled training seeds of a figure [R]."""
    if len(figure) < 2:
        return np.broadcast_to(figure.mean(), (draws,))
    return np.asarray(_counts(len(figure), draws, seed) @ figure / (len(figure) - 1))


def _opponent_weights(held_out: Flags, kinds: Sequence[str], draws: int, seed: int) -> tuple[Floats | None, int]:
    """How often each opponent counts in each draw of kinds, float [draws, C], and the number of kinds drawn from.

    None where there are too few kinds to speak of others.
    """
    present: list[int] = np.flatnonzero(held_out.any(axis=0)).tolist()
    names = list(dict.fromkeys(kinds[c] for c in present))
    if len(names) < FEWEST_KINDS:
        return None, len(names)
    weights = np.zeros((draws, len(kinds)))
    weights[:, present] = _counts(len(names), draws, seed + 7)[:, [names.index(kinds[c]) for c in present]]
    return weights, len(names)


def _weighted(cells: Floats, held_out: Flags, weights: Floats) -> Floats:
    """Means [draws, R] over resampled opponents; a draw that leaves a seed without any takes the plain mean."""
    total = weights @ held_out.T.astype(np.float64)
    sums = weights @ np.where(held_out, cells, 0.0).T
    plain = np.where(held_out, cells, 0.0).sum(1) / held_out.sum(1)
    return np.asarray(np.where(total > 0, sums / np.maximum(total, 1.0), plain))


def _interval(value: float, levels: Sequence[tuple[Floats, int]]) -> Figure:
    """The value with the interval of the added variances of its levels: draws, and units drawn from."""
    parts = [(float(draws.var()), units - 1) for draws, units in levels if units > 1]
    if not parts:
        return Figure(value)
    total = sum(variance for variance, _ in parts)
    if total <= 0.0:
        return Figure(value, value, value)
    freedom = total**2 / sum(variance**2 / df for variance, df in parts)
    half = float(stdtrit(freedom, 0.975)) * math.sqrt(total)
    return Figure(value, value - half, value + half)
