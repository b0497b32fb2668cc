"""Are the intervals honest? Synthetic truth is played, rated, and compared with what was said of it.

*Boards with a panel*: entrants have true headlines; their returns per episode and partner have heavy tails (Student's t
with 3 degrees of freedom), noise of unequal size, and luck that all share to unequal degrees, so that errors are
correlated between entrants. The field of true headlines is one standard error wide ("close") or five ("apart") at any
number of episodes, so that ranks are always in doubt. The intervals are those of `panel_means`.

*Competitive fields*: a wide or a tight one; one whose players are unequally steady; and one with a cyclic part that no
single number can express; games between random pairs. The intervals are those of the batch fit, and of others that are
installed.

Coverage is the share of pairs whose true difference (on fields: expected score), and of entrants whose true rank, lie
within their 95 % intervals. Each repeat is one unit of the estimates.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from leaderboard.statistics.cycles import CYCLES, cycles
from leaderboard.statistics.estimate import Estimate, t
from leaderboard.statistics.panel_means import panel_means
from leaderboard.statistics.raters import OURS, RATERS, Rater
from leaderboard.statistics.rating import BETA

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

#: What coverage of 95 % intervals should be.
TARGET = (0.93, 0.97)
BOARD, FIELD = "board", "field"
ENTRANTS, PARTNERS = 20, 6
PLAYERS = 50
#: Board -> how many standard errors the field is wide.
BOARDS = {"close": 1.0, "apart": 5.0}
#: Field -> (standard deviation of the skills, share of draws between equals, size of the cyclic part, standard
#: deviation of the logarithm of the players' own noise). The rating's model is true in the first two.
FIELDS = {
    "wide": (25.0 / 3.0, 0.1, 0.0, 0.0),
    "tight": (25.0 / 12.0, 0.3, 0.0, 0.0),
    "uneven": (25.0 / 6.0, 0.2, 0.0, 0.4),
    "cyclic": (25.0 / 12.0, 0.3, 6.0, 0.0),
}
_UNIT = float(np.sqrt(2.0)) * BETA
_ORDERS = 5  # in which the same results are rated
_FEW, _FEWEST = 2, 2  # repeats in which orders are changed; repeats of a way of rating that takes long
_WORTH = 40  # boards that take as long as one field
_PROOF = 5  # repeats
_LONG = 0.5  # seconds for one rating that are long


@dataclass(frozen=True)
class Simulation:
    """What is simulated: numbers of episodes and of games, how often each, and the seed of it all."""

    episodes: tuple[int, ...] = (2, 3, 5, 10, 100, 1000)
    games: tuple[int, ...] = (100, 400, 1000, 5000)
    boards: int = 200
    fields: int = 40
    seed: int = 0

    @property
    def units(self) -> int:
        """How many units of work there are in all: a board is one, a field is worth several."""
        boards, fields = len(self.episodes) * self.boards, len(self.games) * self.fields
        return len(BOARDS) * boards + len(FIELDS) * fields * _WORTH


QUICK = Simulation(episodes=(2, 5, 10, 100), games=(100, 1000), boards=40, fields=8)


@dataclass(frozen=True)
class Coverage:
    """How one way of rating did in one setting.

    Attributes:
        group: "board" or "field".
        name: the board's or the field's name.
        method: who rates.
        size: episodes, or games.
        pairs, ranks: share of true differences and of true ranks inside their intervals.
        width: mean width of the rank intervals, in places.
        swing: mean over players of the places by which the order of the results moves them; None on boards.
        cpu_s: median seconds of one rating with all intervals.
        cyclic: share of repeats in which cycles were found; None on boards.
    """

    group: str
    name: str
    method: str
    size: int
    pairs: Estimate
    ranks: Estimate
    width: float
    swing: float | None
    cpu_s: float
    cyclic: float | None


@dataclass(frozen=True)
class Missing:
    """A way of rating that is not installed."""

    method: str


def selfcheck(plan: Simulation) -> Iterator[Coverage | Missing | int]:
    """Every setting's coverage as it is known; between them, the units of work that were done."""
    for name in BOARDS:
        for episodes in plan.episodes:
            yield from _board(name, episodes, plan)
    absent: set[str] = set()
    for name in FIELDS:
        for games in plan.games:
            yield from _field(name, games, plan, absent)


# Boards.


def board(rng: np.random.Generator, name: str, episodes: int) -> tuple[Floats, Floats, Floats]:
    """A board's truth: true headlines [n], weights [m] of the panel, own returns [n, m, E]."""
    n, m = ENTRANTS, PARTNERS
    weights = rng.dirichlet(np.ones(m))
    noise = np.exp(rng.normal(0.0, 0.5, (n, 1, 1)))
    shared = rng.uniform(0.0, 2.0, (n, 1, 1))
    pair = rng.normal(0.0, 2.0 * BOARDS[name] / np.sqrt(episodes), (n, m))  # t's standard deviation is 1.7
    own = noise * rng.standard_t(3, (n, m, episodes))
    luck = shared * rng.standard_t(3, (1, m, episodes))
    return pair @ weights, weights, pair[:, :, None] + own + luck


def _board(name: str, episodes: int, plan: Simulation) -> Iterator[Coverage | int]:
    pairs, ranks, widths, seconds = [], [], [], []
    i, j = np.triu_indices(ENTRANTS, 1)
    for repeat in range(plan.boards):
        truth, weights, returns = board(np.random.default_rng([plan.seed, 0, episodes, repeat]), name, episodes)
        started = time.process_time()
        means = panel_means(returns, weights)
        apart = [means.difference(a, b) for a, b in zip(i.tolist(), j.tolist(), strict=True)]
        intervals = means.rank_intervals()
        seconds.append(time.process_time() - started)
        pairs.append(float(np.mean([e.contains(x) for e, x in zip(apart, truth[i] - truth[j], strict=True)])))
        ranks.append(_inside(truth, intervals))
        widths.append(_width(intervals))
        yield 1
    cpu, width = float(np.median(seconds)), float(np.mean(widths))
    yield Coverage(BOARD, name, "panel means", episodes, t(pairs), t(ranks), width, None, cpu, None)


def _inside(truth: Floats, intervals: list[tuple[int, int]]) -> float:
    """Share of true ranks inside their intervals."""
    rank = np.empty(len(truth), dtype=np.intp)
    rank[np.argsort(-truth, kind="stable")] = np.arange(1, len(truth) + 1)
    low, high = np.array(intervals).T
    return float(((low <= rank) & (rank <= high)).mean())


def _width(intervals: list[tuple[int, int]]) -> float:
    return float(np.mean([high - low for low, high in intervals]))


# Fields.


def field(rng: np.random.Generator, name: str, games: int) -> tuple[Floats, Floats, tuple[Ints, Ints, Floats]]:
    """A field's truth: expected scores [n, n], mean expected scores [n], and results (first, second, score), each [m].

    A player's true rank is that of its mean expected score; where the model is true, that of its skill.
    """
    spread, draws, turn, uneven = FIELDS[name]
    skill = rng.normal(size=PLAYERS)
    skill = spread * (skill - skill.mean()) / skill.std()
    u, v = rng.normal(size=(2, PLAYERS))
    apart = skill[:, None] - skill[None, :] + turn * (u[:, None] * v[None, :] - v[:, None] * u[None, :])
    margin = float(ndtri((1.0 + draws) / 2.0)) * _UNIT
    noise = np.exp(rng.normal(0.0, uneven, PLAYERS)) * BETA
    unit = np.hypot(noise[:, None], noise[None, :])
    true = 0.5 * (ndtr((apart - margin) / unit) + ndtr((apart + margin) / unit))
    first = rng.integers(0, PLAYERS, games)
    second = (first + rng.integers(1, PLAYERS, games)) % PLAYERS
    difference = apart[first, second] + unit[first, second] * rng.normal(size=games)
    score = np.where(np.abs(difference) < margin, 0.5, np.where(difference > 0, 1.0, 0.0))
    return true, true.mean(axis=1), (first, second, score)


class _Tally:
    """What one way of rating has said so far in one setting."""

    def __init__(self, method: str, rater: Rater) -> None:
        self.method, self.rater = method, rater
        self.pairs: list[float] = []
        self.ranks: list[float] = []
        self.widths: list[float] = []
        self.swings: list[float] = []
        self.seconds: list[float] = []

    @property
    def waits(self) -> bool:
        """Whether it has taken long often enough."""
        return len(self.seconds) >= _FEWEST and min(self.seconds) > _LONG

    def add(self, true: Floats, mean: Floats, results: tuple[Ints, Ints, Floats], rng: np.random.Generator) -> None:
        started = time.process_time()
        rated = self.rater(PLAYERS, *results)
        sure = rated.intervals()
        self.seconds.append(time.process_time() - started)
        score = true[np.triu_indices(PLAYERS, 1)]
        known = np.isfinite(sure.low)
        self.pairs.append(float(((sure.low <= score) & (score <= sure.high))[known].mean()))
        self.ranks.append(_inside(mean, sure.ranks))
        self.widths.append(_width(sure.ranks))
        if len(self.swings) < _FEW and self.seconds[-1] < _LONG:
            orders = [rng.permutation(len(results[0])) for _ in range(_ORDERS)]
            first, second, score = results
            values = [self.rater(PLAYERS, first[order], second[order], score[order]).value for order in orders]
            places = np.argsort(np.argsort(-np.array([rated.value, *values]), axis=1, kind="stable"), axis=1)
            self.swings.append(float(np.ptp(places, axis=0).mean()))

    def coverage(self, name: str, games: int, cyclic: float) -> Coverage:
        swing = float(np.mean(self.swings)) if self.swings else None
        cpu, width = float(np.median(self.seconds)), float(np.mean(self.widths))
        return Coverage(FIELD, name, self.method, games, t(self.pairs), t(self.ranks), width, swing, cpu, cyclic)


def _field(name: str, games: int, plan: Simulation, absent: set[str]) -> Iterator[Coverage | Missing | int]:
    tallies = [_Tally(method, rater) for method, rater in RATERS.items() if method not in absent]
    found = []
    for repeat in range(plan.fields):
        rng = np.random.default_rng([plan.seed, 1, list(FIELDS).index(name), games, repeat])
        true, mean, results = field(rng, name, games)
        for tally in list(tallies):
            if tally.waits:
                continue
            try:
                tally.add(true, mean, results, np.random.default_rng([plan.seed, 2, games, repeat]))
            except ImportError:
                tallies.remove(tally)
                absent.add(tally.method)
                yield Missing(tally.method)
        found.append(_has_cycles(results))
        yield _WORTH
    for tally in tallies:
        yield tally.coverage(name, games, float(np.mean(found)))


def _has_cycles(results: tuple[Ints, Ints, Floats]) -> bool:
    """What the detector of cycles says, with the even and the odd results as its two parts."""
    shares, played = np.zeros((2, PLAYERS, PLAYERS)), np.zeros((2, PLAYERS, PLAYERS))
    first, second, score = results
    part = np.arange(len(first)) % 2
    np.add.at(played, (part, first, second), 1.0)
    np.add.at(played, (part, second, first), 1.0)
    np.add.at(shares, (part, first, second), score)
    np.add.at(shares, (part, second, first), 1.0 - score)
    return cycles(shares / np.maximum(played, 1.0), played).verdict == CYCLES


def promised(coverage: Coverage) -> bool:
    """Whether these intervals should cover: ours, where the model is true; all else is there for comparison."""
    return coverage.group == BOARD or (coverage.method == OURS and not any(FIELDS[coverage.name][2:]))


def holds(coverage: Coverage) -> bool:
    """Whether intervals cover as they should, as far as was promised.

    Ranks can be covered more often than asked, as those of boards follow the verdicts on two, and an interval of whole
    places holds at least 95 %; so their upper bound does not count. A coverage counts as short only where its own
    interval says so, from five repeats on.
    """
    if not promised(coverage) or coverage.pairs.n < _PROOF:
        return True
    pairs, ranks = coverage.pairs, coverage.ranks
    slack = (pairs.half or 0.0, ranks.half or 0.0)
    low, high = TARGET
    return low - slack[0] <= pairs.mean <= high + slack[0] and ranks.mean >= low - slack[1]
