"""How robust an entry is to whom it meets: mean, worst case and tail over opponents, and the gap to its partners.

An *entry* is one way of training, R times over (its training runs, each with its own seed; R = 1 for a single entrant).
It meets C opponents for E episodes each, with common random numbers: episode e has the same luck in every cell. An
opponent is *held out* where it does not come from the entry's own training run. Of each run s, with U(s, c) its mean
return with opponent c:

    mean   M = mean of U(s, c) over the held-out c
    worst  W = min of U(s, c) over the held-out c
    CVaR   mean of the worst share alpha of the U(s, c), conditional value at risk (Rockafellar & Uryasev 2000)
    gap    U(s, own partner) - M

An entry's figure is the mean of its runs' figures. With a `Selection` of K runs out of R, all of these runs meet the
same opponents, who are strangers to each of them, and the figure is the mean over all selections. Of a *mixture*, which
draws one of the K runs for every episode, the figures are those of its expected return, the mean over s of U(s, c): its
mean and gap are the average of its runs', and its true worst case and CVaR, concave in U, are at least that.

The least of estimated means is too low, the more so the more opponents are close: the opponent that looks worst by the
luck of the episodes is chosen. Therefore the worst are chosen on one half of the episodes, the even ones, and their
returns are estimated on the other, then the other way round, and both are averaged. That is unbiased for the opponents
that were chosen, who where it is close may be not quite the worst. Below four episodes there are no halves.

Intervals come from `resampling` in levels: the episodes, all cells together, as their luck is shared; the
training seeds, with every selection that holds the seed; and for mean and gap, which speak of opponents like these, the
opponents, whole kinds at a time (opponents that differ by their training seed only are one kind). From fewer than four
kinds nothing can be said of others: there the interval is for exactly these opponents, as it is for worst case and
CVaR, since a minimum over others cannot be estimated from some. The worst opponents are chosen anew in every sample.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from leaderboard.statistics.estimate import Estimate, Floats, jackknife, within
from leaderboard.statistics.resampling import Bootstrap, Level, Measured, Resampling, binned, resampled

Flags = NDArray[np.bool_]

ALPHA = 0.2  # share of the opponents that CVaR averages over
FEWEST_KINDS = 4  # from so many kinds of opponents on the intervals of mean and gap are for others like them
FEWEST_EPISODES = 4  # from so many on the worst opponents are chosen and estimated on different ones
BOOTSTRAP = Bootstrap()
MEAN, WORST, CVAR, OWN, GAP = "mean", "worst", "cvar", "own", "gap"


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

    mean: Estimate
    worst: Estimate
    cvar: Estimate
    own: Estimate | None
    gap: Estimate | None
    worst_at: tuple[int, ...]
    opponents: int
    kinds: int
    seeds: int


@dataclass(frozen=True)
class Difference:
    """First entry less second, paired by episodes and by the opponents that are held out from both."""

    mean: Estimate
    worst: Estimate
    cvar: Estimate
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
    drop: Estimate
    correlation: float | None


def crossed(one: Floats, other: Floats, alpha: float = ALPHA) -> Floats:
    """CVaR of opponents chosen by one set of episodes and estimated by the other, mean of both ways.

    Args:
        one: float [..., n], mean return with each opponent over some episodes.
        other: the same over others, independent of them; where it is `one` again, that is plain CVaR.
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


@dataclass(frozen=True)
class Selection:
    """The rows over which an entry's figures are averaged.

    Attributes:
        members: of each of G rows the runs whose mean return it has.
        seeds: of each row the runs on which it depends: its members, and those who decide whom it meets.
        held_out: bool [G, C], the opponents that count.
    """

    members: Sequence[Sequence[int]]
    seeds: Sequence[Sequence[int]]
    held_out: Flags

    @classmethod
    def runs(cls, held_out: Flags) -> "Selection":
        """Every run by itself, with the opponents that are held out from it, bool [R, C]."""
        each = [(run,) for run in range(len(held_out))]
        return cls(each, each, held_out)

    @classmethod
    def strangers(cls, runs: Sequence[int | None], count: int, k: int, *, mixed: bool = False) -> "Selection":
        """All K of `count` runs, with the opponents that share no training seed with any of them.

        Args:
            runs: of each of C opponents the run with its training seed; None for one that was not trained.
            count: R.
            k: how many runs are selected.
            mixed: whether the entry is the mixture of its selection, or else each of its runs by itself.

        Raises:
            ValueError: there is no run outside a selection.
        """
        if count <= k:
            raise ValueError(f"selections of {k} need at least {k + 1} training seeds, got {count}")
        chosen = list(itertools.combinations(range(count), k))
        rows = [(members, seeds) for seeds in chosen for members in ([seeds] if mixed else [(s,) for s in seeds])]
        held_out = np.array([[run not in seeds for run in runs] for _, seeds in rows], dtype=np.bool_)
        return cls([members for members, _ in rows], [seeds for _, seeds in rows], held_out)

    def mean(self, values: Floats, row: int, at: int | Sequence[int]) -> Floats:
        """Mean return of a row with opponents `at`, float [..., len(at)] of values [..., R, C]."""
        members = self.members[row]
        return np.asarray(sum(values[..., run, at] for run in members) / len(members))


def measure(
    values: Floats,
    who: Selection,
    kinds: Sequence[str],
    *,
    own: Floats | None = None,
    alpha: float = ALPHA,
    by: Resampling = BOOTSTRAP,
) -> dict[str, Measured]:
    """The figures of one entry by name (mean, worst, cvar; with `own` also own and gap), with their samples.

    Args:
        values: float [E, R, C], return of each episode (or batch of episodes), run and opponent; it may be NaN where
            the opponent is held out from no row of the run.
        who: the rows.
        kinds: [C], the kind of each opponent.
        own: float [E, R], return with the run's own partner.
        alpha: share of CVaR.
        by: how intervals are made.

    Raises:
        ValueError: shapes do not fit, a counted value is not finite, or a row has no opponent held out.
    """
    counted = _counted(values, who, kinds)
    if own is not None:
        if own.shape != values.shape[:2]:
            raise ValueError(f"own returns have shape {list(own.shape)}, expected {list(values.shape[:2])}")
        values = np.concatenate([values, own[:, :, None]], axis=2)
        counted = np.concatenate([counted, np.ones((len(counted), 1), dtype=np.bool_)], axis=1)
    cells, base, episodes = _by_episodes(np.where(counted, values, 0.0), who, alpha, own is not None, by)
    runs = values.shape[1]
    levels = {name: {"episodes": Level(samples.mean(-1), len(values))} for name, samples in episodes.items()}
    if runs > 1:
        seeds = by.weights(runs)
        weights = np.stack([seeds[:, list(row)].min(axis=1) for row in who.seeds], axis=1)  # a row needs all of them
        for name, figure in base.items():
            levels[name]["seeds"] = Level(weights @ figure / weights.sum(axis=1), runs)
    names = list(dict.fromkeys(kinds[c] for c in np.flatnonzero(who.held_out.any(axis=0)).tolist()))
    if len(names) >= FEWEST_KINDS:
        opponents = Level(_by_opponents(cells, who, kinds, names, by), len(names))
        for name in {MEAN, GAP} & set(base):  # the gap's sign is turned, its spread is the same
            levels[name]["opponents"] = opponents
    return {name: Measured(float(figure.mean()), levels[name], runs, by) for name, figure in base.items()}


def robustness(
    values: Floats,
    held_out: Flags,
    kinds: Sequence[str],
    *,
    own: Floats | None = None,
    alpha: float = ALPHA,
    by: Resampling = BOOTSTRAP,
) -> Robustness:
    """The figures of one entry, every run by itself.

    Args:
        values: float [E, R, C], return of each episode, run and opponent.
        held_out: bool [R, C], the opponents that count; `values` may be NaN where they do not.
        kinds: [C], the kind of each opponent.
        own: float [E, R], return with the run's own partner.
        alpha: share of CVaR.
        by: how intervals are made.

    Raises:
        ValueError: shapes do not fit, a counted value is not finite, or a run has no opponent held out.
    """
    figures = measure(values, Selection.runs(held_out), kinds, own=own, alpha=alpha, by=by)
    estimates = {name: figure.estimate() for name, figure in figures.items()}
    lists = [np.flatnonzero(row).tolist() for row in held_out]
    cells = binned(np.where(held_out, values, 0.0))[0].sum(axis=0) / len(values)
    return Robustness(
        mean=estimates[MEAN],
        worst=estimates[WORST],
        cvar=estimates[CVAR],
        own=estimates.get(OWN),
        gap=estimates.get(GAP),
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
    by: Resampling = BOOTSTRAP,
) -> Difference:
    """How much more robust one entry is than another, over the opponents that are held out from all runs of both.

    Args:
        first: float [E, R, C] as in `robustness`.
        second: the same; the number of runs may differ, episodes and opponents are shared.
        held_out: bool [R, C] of either.
        kinds: as there.
        alpha: as there.
        by: as there.

    Raises:
        ValueError: as there, or no opponent is held out from both.
    """
    both = np.concatenate(held_out).all(axis=0)
    if not both.any():
        raise ValueError("no opponent is held out from all training seeds of both entries")
    if len(first) != len(second):
        raise ValueError(f"the entries have {len(first)} and {len(second)} episodes; they must be the same ones")
    at: list[int] = np.flatnonzero(both).tolist()
    shown = [kinds[c] for c in at]
    one, other = (
        measure(v[:, :, at], Selection.runs(np.ones((v.shape[1], len(at)), np.bool_)), shown, alpha=alpha, by=by)
        for v in (first, second)
    )
    estimates = {name: (x - _other_runs(other[name])).estimate() for name, x in one.items()}
    return Difference(estimates[MEAN], estimates[WORST], estimates[CVAR], len(at))


def _other_runs(figure: Measured) -> Measured:
    """The figure, its training seeds being others than those of what it is compared with."""
    return replace(figure, levels={f"other {k}" if k == "seeds" else k: v for k, v in figure.levels.items()})


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
    drop = within(own - other, None, len(values), "jackknife")
    if len(values) > 2:
        without = [np.delete(np.delete(values, i, axis=0), i, axis=1) for i in range(len(values))]
        drop = jackknife(own - other, np.array([a - b for a, b in map(levels, without)]))
    return PartnerSwap(own, other, drop, drop.mean / own if own > 0 else None)


def normalise(values: Floats, low: Floats, high: Floats) -> Floats:
    """(values - low) / (high - low) along the last axis [..., C]; NaN where `high` is not above `low`."""
    span = high - low
    usable = np.isfinite(span) & (span > 0)
    return np.asarray(np.where(usable, (values - low) / np.where(usable, span, 1.0), np.nan))


def _counted(values: Floats, who: Selection, kinds: Sequence[str]) -> Flags:
    """Which returns are used, bool [R, C].

    Raises:
        ValueError: see `measure`.
    """
    rows, columns = who.held_out.shape
    if values.ndim != 3 or columns != values.shape[2] or len(kinds) != columns or len(who.members) != rows:
        raise ValueError(
            f"returns have shape {list(values.shape)}, held-out flags {list(who.held_out.shape)}, and there are"
            f" {len(kinds)} kinds: expected [E, R, C], [R, C] and C"
        )
    if not who.held_out.any(axis=1).all():
        raise ValueError("a training seed has no opponent that is held out")
    counted = np.zeros(values.shape[1:], dtype=np.bool_)
    for members, row in zip(who.members, who.held_out, strict=True):
        counted[list(members)] |= row
    if not np.isfinite(values[:, counted]).all():
        raise ValueError("the return with an opponent that is held out is not finite")
    return counted


def _by_episodes(
    values: Floats, who: Selection, alpha: float, with_own: bool, by: Resampling
) -> tuple[Floats, dict[str, Floats], dict[str, Floats]]:
    """Mean returns [R, C], each row's figures [G], and those of resampled episodes [D, G]."""
    cells, drawn = resampled(values, by)
    halves, resampled_halves = [cells, cells], [drawn, drawn]
    if len(values) >= FEWEST_EPISODES:  # each half has luck of its own
        parts = [resampled(values[h::2], by, 11 * h) for h in (0, 1)]
        halves = [mean for mean, _ in parts]
        resampled_halves = by.together(halves, [samples for _, samples in parts])
    return (
        cells,
        _of_rows(cells, halves, who, alpha, with_own),
        _of_rows(drawn, resampled_halves, who, alpha, with_own),
    )


def _of_rows(
    cells: Floats, halves: Sequence[Floats], who: Selection, alpha: float, with_own: bool
) -> dict[str, Floats]:
    """Each row's figures [..., G] from cells [..., R, C]; with an own partner its column is the last.

    `halves` are the cells of either half of the episodes.
    """
    lists = [np.flatnonzero(row).tolist() for row in who.held_out]
    apart = [(who.mean(halves[0], row, at), who.mean(halves[1], row, at)) for row, at in enumerate(lists)]
    figures = {
        MEAN: np.stack([who.mean(cells, row, at).mean(-1) for row, at in enumerate(lists)], axis=-1),
        WORST: np.stack([crossed(*x, 1 / x[0].shape[-1]) for x in apart], axis=-1),
        CVAR: np.stack([crossed(*x, alpha) for x in apart], axis=-1),
    }
    if with_own:
        figures[OWN] = np.stack([who.mean(cells, row, -1) for row in range(len(lists))], axis=-1)
        figures[GAP] = figures[OWN] - figures[MEAN]
    return figures


def _by_opponents(cells: Floats, who: Selection, kinds: Sequence[str], names: Sequence[str], by: Resampling) -> Floats:
    """Means [D] over resampled kinds of opponents; a sample that leaves a row without any takes the row's plain mean.

    `names` are the kinds that are drawn from.
    """
    drawn = by.weights(len(names), 7)
    weights = np.zeros((len(drawn), len(kinds)))
    known = [c for c, kind in enumerate(kinds) if kind in names]
    weights[:, known] = drawn[:, [names.index(kinds[c]) for c in known]]
    everyone = list(range(len(kinds)))
    rows = np.stack([who.mean(cells, row, everyone) for row in range(len(who.members))])
    rows = np.where(who.held_out, rows, 0.0)
    total = weights @ who.held_out.T.astype(np.float64)
    plain = rows.sum(1) / who.held_out.sum(1)
    return np.asarray(np.where(total > 0, weights @ rows.T / np.maximum(total, 1.0), plain).mean(-1))
