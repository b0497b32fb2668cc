"""The Thurstone likelihood with draws: its derivatives, its maximum over skills and draw margin, and its moments.

Unit: c = sqrt(2) beta, the standard deviation of the difference of two performances. In that unit, with d the
difference of the skills of i and j, and e > 0 the draw margin,

    P(i beats j) = Phi(d - e),   P(j beats i) = Phi(-d - e),   P(draw) = Phi(e - d) - Phi(-e - d).

The logarithm of each is jointly concave in (d, e): they are integrals of a log-concave density over sets that are
convex in (d, e, noise) (Prekopa 1973). So there is one maximum, and damped Newton steps find it from anywhere.

Around the maximum the posterior leans: who won all his games may be any amount better, but not worse. So the mean and
the covariance of the skills are those of expectation propagation (Minka 2001), which starts from the maximum.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

Floats = NDArray[np.float64]
_LOG_SQRT_2PI = 0.5 * float(np.log(2.0 * np.pi))
_TOLERANCE = 1e-10  # half the squared Newton decrement: how far below the maximum, in nats
# Gauss and Hermite's nodes and logarithms of their weights, for means over a standard normal variable.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(11)
_LOG_WEIGHTS = np.log(_WEIGHTS / _WEIGHTS.sum())
_SWEEPS, _SETTLED = 12, 1e-3  # of expectation propagation; settled where no skill moves by this share of its error


@dataclass(frozen=True)
class Data:
    """The pairs that have met: i, j int [m] with i < j, and how often i won, j won, and neither did, float [m]."""

    n: int
    i: NDArray[np.intp]
    j: NDArray[np.intp]
    won: Floats
    lost: Floats
    drawn: Floats


@dataclass(frozen=True)
class Derivatives:
    """Sum over m pairs' values and, per pair [m], derivatives by d and e of the log-likelihood."""

    value: float
    d: Floats
    e: Floats
    dd: Floats
    de: Floats
    ee: Floats


def terms(d: Floats, e: float, won: Floats, lost: Floats, drawn: Floats) -> Derivatives:
    """The log-likelihood of counts [m] at skill differences d [m] and margin e, with its derivatives."""
    a, b = d - e, -d - e
    log_a, log_b, log_q = _log_chances(d, e)
    density_a, density_b = -0.5 * a * a - _LOG_SQRT_2PI, -0.5 * b * b - _LOG_SQRT_2PI
    p, q = np.exp(density_a - log_a), np.exp(density_b - log_b)  # hazard rates of a win and of a loss
    u, v = np.exp(density_a - log_q), np.exp(density_b - log_q)
    curve_p, curve_q = -p * (p + a), -q * (q + b)
    draw_d, draw_e, bend = v - u, u + v, a * u + b * v
    return Derivatives(
        value=float(np.sum(won * log_a + lost * log_b + drawn * log_q)),
        d=won * p - lost * q + drawn * draw_d,
        e=-won * p - lost * q + drawn * draw_e,
        dd=won * curve_p + lost * curve_q + drawn * (bend - draw_d * draw_d),
        de=-won * curve_p + lost * curve_q + drawn * (b * v - a * u - draw_d * draw_e),
        ee=won * curve_p + lost * curve_q + drawn * (bend - draw_e * draw_e),
    )


def _log_chances(d: Floats, e: float) -> tuple[Floats, Floats, Floats]:
    """Logarithms of the probabilities of a win, a loss and a draw at differences d of any shape."""
    win, loss = log_ndtr(d - e), log_ndtr(-d - e)
    # Phi(e - d) - Phi(-e - d), from the smaller tails on either side of zero, where nothing cancels.
    near, far = log_ndtr(e - np.abs(d)), np.minimum(win, loss)
    return win, loss, near + np.log1p(-np.exp(far - near))


@dataclass(frozen=True)
class Peak:
    """The maximum of log-likelihood + log-prior for one spread.

    Attributes:
        skill: float [n]; margin: e; both in units of c.
        value: log-likelihood + log-prior there, without the prior's normalisation.
        precision: float [n+1, n+1], minus the Hessian by (skill, margin).
    """

    skill: Floats
    margin: float
    value: float
    precision: Floats


def maximise(data: Data, spread: float, skill: Floats, margin: float, imagined: tuple[float, float]) -> Peak:
    """Newton's method on (skill, margin) with skills ~ N(0, spread^2), from the given start.

    Args:
        data: the counts.
        spread: standard deviation of the skills, in units of c.
        skill: float [n], where to start.
        margin: where to start, > 0.
        imagined: (decided, drawn) imagined games between two equals: they keep the margin finite and above zero
            where all games, or none, were drawn.
    """
    peak = _at(data, spread, skill, margin, imagined)
    for _ in range(200):
        gradient, current = peak
        step = np.linalg.solve(current.precision, gradient)
        gain = float(gradient @ step) / 2.0
        if gain < _TOLERANCE:
            break
        size = 1.0 if current.margin + step[-1] > 0.1 * current.margin else -0.9 * current.margin / float(step[-1])
        while size > 1e-12:
            trial = _at(
                data, spread, current.skill + size * step[:-1], current.margin + size * float(step[-1]), imagined
            )
            if trial[1].value >= current.value + 1e-4 * size * gain:
                break
            size /= 2.0
        else:
            break  # the remaining gain is below the precision of the sum
        peak = trial
    return peak[1]


def _at(data: Data, spread: float, skill: Floats, margin: float, imagined: tuple[float, float]) -> tuple[Floats, Peak]:
    """Gradient [n+1] and the rest at one point."""
    n, i, j = data.n, data.i, data.j
    t = terms(skill[i] - skill[j], margin, data.won, data.lost, data.drawn)
    half, drawn = np.array([imagined[0] / 2.0]), np.array([imagined[1]])
    equals = terms(np.zeros(1), margin, half, half, drawn)
    gradient = np.empty(n + 1)
    gradient[:n] = np.bincount(i, t.d, n) - np.bincount(j, t.d, n) - skill / spread**2
    gradient[n] = t.e.sum() + equals.e[0]
    precision = np.zeros((n + 1, n + 1))
    precision[i, j] = precision[j, i] = t.dd
    precision[np.arange(n), np.arange(n)] = 1.0 / spread**2 - np.bincount(i, t.dd, n) - np.bincount(j, t.dd, n)
    precision[n, :n] = precision[:n, n] = np.bincount(j, t.de, n) - np.bincount(i, t.de, n)
    precision[n, n] = -(t.ee.sum() + equals.ee[0])
    value = t.value + equals.value - 0.5 * float(skill @ skill) / spread**2
    return gradient, Peak(skill, margin, value, precision)


def moments(data: Data, spread: float, peak: Peak) -> tuple[Floats, Floats]:
    """Mean [n] and covariance [n, n] of the skills by expectation propagation at a peak's margin, in units of c.

    In the place of each pair's likelihood stands exp(linear d - precision d^2 / 2), chosen so that the mean and the
    variance of d are what the likelihood itself would give. All pairs are renewed at once, most of the way.

    Args:
        data: the counts.
        spread: standard deviation of the skills.
        peak: the maximum for that spread.
    """
    n, i, j, own = data.n, data.i, data.j, np.arange(data.n)
    counts = [count[:, None] for count in (data.won, data.lost, data.drawn)]
    d = peak.skill[i] - peak.skill[j]
    start = terms(d, peak.margin, data.won, data.lost, data.drawn)
    precision, linear, mean = -start.dd, start.d - start.dd * d, peak.skill
    matrix = np.zeros((n, n))
    for _ in range(_SWEEPS):
        matrix[i, j] = matrix[j, i] = -precision
        matrix[own, own] = 1.0 / spread**2 + np.bincount(i, precision, n) + np.bincount(j, precision, n)
        covariance = np.linalg.inv(matrix)
        before, mean = mean, covariance @ (np.bincount(i, linear, n) - np.bincount(j, linear, n))
        deviation = np.sqrt(np.diagonal(covariance))
        if n < 2 or (_ and np.abs(mean - before).max() < _SETTLED * deviation.max()):
            break
        variance = deviation[i] ** 2 + deviation[j] ** 2 - 2.0 * covariance[i, j]
        middle = mean[i] - mean[j]
        x = middle[:, None] + np.sqrt(variance)[:, None] * _NODES
        # The likelihood over what stands for it: all that is left of the integrand under the current normal density.
        ratio = 0.5 * precision[:, None] * x * x - linear[:, None] * x + _LOG_WEIGHTS
        for count, chance in zip(counts, _log_chances(x, peak.margin), strict=True):
            ratio += count * chance
        share = np.exp(ratio - ratio.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        right = (share * x).sum(axis=1)
        narrow = (share * (x - right[:, None]) ** 2).sum(axis=1)
        step = 1.0 / narrow - 1.0 / variance
        linear = linear + 0.7 * (right / narrow - middle / variance)
        precision = np.maximum(precision + 0.7 * step, 0.0)
    return mean, (covariance + covariance.T) / 2.0
