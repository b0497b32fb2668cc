"""Do entrants form cycles? A model with one number per entrant against one that knows a rock, paper and scissors, too.

The scalar model says that i does better against j than j against i by r_i - r_j; the rank-2 model adds a turning part,
u_i v_j - v_i u_j (a "disc game", Balduzzi et al. 2019; mElo-2, Balduzzi et al. 2018). Both are fitted to some of the
data and predict the rest. More freedom always fits better, but it predicts better only where there are cycles; on
transitive fields the rank-2 model predicts worse.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from leaderboard.statistics.estimate import Estimate, quantile, within

Floats = NDArray[np.float64]

CYCLES, ORDER, OPEN = "cycles", "no cycles", "cannot tell"
# Prior standard deviations of strengths and of the turning part, and of the noise of a difference whose size is 1.
_STRENGTH, _TURN, _NOISE = 3.0, 1.0, 0.3
_MATTERS = 0.03  # a gain below this share of the loss without any model changes no decision
_SEED = 20190123


@dataclass(frozen=True)
class Cycles:
    """Losses on held-out data, lower is better, and what follows.

    Attributes:
        loss: "log-loss" in nats a game, or "squared error" as a share of the squared size of the differences.
        scalar, rank2: the two models' held-out losses.
        gain: scalar less rank2, with its 95 % interval over pairs.
        triples: share of all triples of entrants that go round in the rank-2 model.
        verdict: "cycles", "no cycles" or "cannot tell".
    """

    loss: str
    scalar: float
    rank2: float
    gain: Estimate
    triples: float
    verdict: str


def cycles(parts: Floats, games: Floats | None = None) -> Cycles:
    """Whether a single number per entrant is enough, from k >= 2 independent parts of the data, each held out once.

    Args:
        parts: float [k, n, n], from different episodes each. Without `games`, differences of returns (only i < j is
            read; NaN where a pair has not met). With `games`, the share of games that i won against j, draws half.
        games: float [k, n, n], number of games of each pair; where it is 0, the share is not read.

    Raises:
        ValueError: fewer than two parts, or shapes that do not match.
    """
    parts = np.asarray(parts, dtype=np.float64)
    if parts.ndim != 3 or len(parts) < 2 or parts.shape[1] != parts.shape[2]:
        raise ValueError(f"differences of shape {parts.shape} are not two or more square matrices")
    if games is not None and np.shape(games) != parts.shape:
        raise ValueError(f"{np.shape(games)} numbers of games for shares of shape {parts.shape}")
    n = parts.shape[1]
    i, j = np.triu_indices(n, 1)
    value = parts[:, i, j]
    weight = np.isfinite(value).astype(np.float64) if games is None else np.asarray(games, np.float64)[:, i, j]
    value = np.where(weight > 0, value, 0.0)
    if games is None:
        size = np.sqrt((weight * value**2).sum() / max(weight.sum(), 1.0))
        value = value / size if size > 0 else value
    pairs = _Pairs(n, i, j, logistic=games is not None)
    lost = np.zeros((2, len(i)))
    for held in range(len(parts)):
        rest = np.arange(len(parts)) != held
        total = weight[rest].sum(axis=0)
        mean = (weight[rest] * value[rest]).sum(axis=0) / np.maximum(total, 1e-300)
        scalar = pairs.fitted(mean, total, turning=False)
        for model, fit in enumerate((scalar, pairs.fitted(mean, total, turning=True, start=scalar))):
            lost[model] += weight[held] * pairs.loss(pairs.predicted(fit), value[held])
    seen = weight.sum(axis=0)
    whole = float(seen.sum())
    if n < 3 or whole == 0.0:
        nothing = within(0.0, None, n, "t over pairs")
        return Cycles("log-loss" if games is not None else "squared error", 0.0, 0.0, nothing, 0.0, OPEN)
    mean = (weight * value).sum(axis=0) / np.maximum(seen, 1e-300)
    triples = pairs.triples(pairs.predicted(pairs.fitted(mean, seen, turning=True)))
    losses = lost.sum(axis=1) / whole
    gain = _over_pairs(lost[0] - lost[1], seen)
    least = _MATTERS * (np.log(2.0) if games is not None else 1.0)
    sure = gain.low is not None and gain.low > 0
    verdict = ORDER if gain.mean < least or triples == 0.0 else CYCLES if sure else OPEN
    name = "log-loss" if games is not None else "squared error"
    return Cycles(name, float(losses[0]), float(losses[1]), gain, triples, verdict)


def _over_pairs(gain: Floats, weight: Floats) -> Estimate:
    """Mean gain per game, with the pairs as units: these entrants are the question, not others like them."""
    mean, m = float(gain.sum() / weight.sum()), int((weight > 0).sum())
    error = float(np.sqrt(((gain - mean * weight) ** 2).sum() * m / max(m - 1.0, 1.0)) / weight.sum())
    return within(mean, quantile(m - 1) * error if m > 1 else None, m, "t over pairs")


@dataclass(frozen=True)
class _Pairs:
    """All pairs i < j of n entrants, and models of them; parameters are (r, u, v), float [3, n]."""

    n: int
    i: NDArray[np.intp]
    j: NDArray[np.intp]
    logistic: bool

    def predicted(self, fit: Floats) -> Floats:
        """Differences, or log-odds where the data are shares of games."""
        r, u, v = fit
        return np.asarray(r[self.i] - r[self.j] + u[self.i] * v[self.j] - v[self.i] * u[self.j])

    def loss(self, predicted: Floats, value: Floats) -> Floats:
        """Per game and pair."""
        if self.logistic:
            return np.asarray(-value * log_expit(predicted) - (1.0 - value) * log_expit(-predicted))
        return np.asarray((value - predicted) ** 2)

    def fitted(self, value: Floats, weight: Floats, *, turning: bool, start: Floats | None = None) -> Floats:
        """The likeliest parameters under normal priors; the turning part starts from small numbers, always the same."""
        n, i, j = self.n, self.i, self.j
        factor = 1.0 if self.logistic else 0.5 / _NOISE**2
        first = np.zeros((3, n)) if start is None else start.copy()
        rows = 3 if turning else 1
        if turning:
            first[1:] = self._turned(value, weight, first)

        def target(x: Floats) -> tuple[float, Floats]:
            fit = np.zeros((3, n))
            fit[:rows] = x.reshape(rows, n)
            _, u, v = fit
            predicted = self.predicted(fit)
            slope = expit(predicted) - value if self.logistic else 2.0 * (predicted - value)
            slope = factor * weight * slope
            by = np.stack(
                [
                    np.bincount(i, slope, n) - np.bincount(j, slope, n),
                    np.bincount(i, slope * v[j], n) - np.bincount(j, slope * v[i], n),
                    np.bincount(j, slope * u[i], n) - np.bincount(i, slope * u[j], n),
                ]
            )
            scale = np.array([_STRENGTH, _TURN, _TURN])[:, None] ** 2
            total = factor * float(weight @ self.loss(predicted, value)) + float((fit**2 / scale).sum()) / 2.0
            return total, (by + fit / scale)[:rows].reshape(-1)

        found = minimize(target, first[:rows].reshape(-1), jac=True, method="L-BFGS-B", options={"maxiter": 500})
        fit = np.zeros((3, n))
        fit[:rows] = found.x.reshape(rows, n)
        return fit

    def _turned(self, value: Floats, weight: Floats, fit: Floats) -> Floats:
        """The (u, v) [2, n] of the largest turning part of what a fit leaves."""
        predicted = self.predicted(fit)
        rest = np.zeros((self.n, self.n))
        left = 4.0 * (value - expit(predicted)) if self.logistic else value - predicted
        rest[self.i, self.j] = np.where(weight > 0, left, 0.0)
        rest -= rest.T
        # An antisymmetric matrix times i is Hermitian; its largest eigenvalue l has a partner -l.
        scale, axes = np.linalg.eigh(1j * rest)
        axis = axes[:, -1] * np.exp(-1j * np.angle(axes[np.argmax(np.abs(axes[:, -1])), -1]))
        size = np.sqrt(2.0 * max(float(scale[-1]), 1e-6))
        return np.asarray(size * np.stack([axis.imag, axis.real]))

    def triples(self, predicted: Floats) -> float:
        """Share of triples that go round: all of them less those in which one beats the other two."""
        n = self.n
        wins = np.bincount(self.i, predicted > 0, n) + np.bincount(self.j, predicted <= 0, n)
        whole = n * (n - 1) * (n - 2) / 6.0
        return float(1.0 - (wins * (wins - 1.0) / 2.0).sum() / whole) if n > 2 else 0.0
