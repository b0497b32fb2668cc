"""Who throws games to whom: pairs in which one gets far more, and the other far less, than their other games predict.

What i gets from j is predicted twice: from what others get from j, and from what i gets from others. Who resembles whom
is measured on the panel, whose members take no sides: by what each entrant gets from every member and every member from
it. Both predictions are Gaussian process regressions with the pair itself left out (Rasmussen and Williams 2006,
equation 5.12), so that kinds of play that exploit each other, and whose likes do so too, are predicted and not flagged.

The evidence on a pair is the smallest of four standardised surprises: i gets more than predicted, both ways, and j
less, both ways. Honest fields differ in how well they can be predicted, so the evidence is held against the field's
own: a pair is flagged where it exceeds that of the pair at the top `_BULK` of all pairs by a factor of `LIMIT`. That is
calibrated, not derived: of made-up honest fields of 12 to 40 entrants (300 each; memory-one strategies, and rows and
columns that add up with interactions and heavy tails) 0 to 3.7 % have any pair flagged; `docs/class-competition.md`
says how often planted pairs are found.

A flag says that a pair is unlike all others. It does not say why.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: By how much the evidence on a pair must exceed that of the field, for 5 % of honest seasons to have one flagged.
LIMIT = 7.0
#: Entrants from which on a field can be judged.
FEWEST = 12
_BULK = 0.023  # share of the pairs that may throw games without hiding each other
_NOISE = 0.02  # variance of a prediction's error, as a share of that of the returns of entrants unlike each other
_LEAST = 0.1  # of the range of all means: less is no thrown game, however surprising


@dataclass(frozen=True)
class Thrown:
    """A pair that is unlike all others.

    Attributes:
        giver, taker: positions.
        gain, loss: what the taker got more, and the giver less, than predicted, per episode; the smaller of both ways.
        evidence: by how often it exceeds that of the field; `LIMIT` or more.
    """

    giver: int
    taker: int
    gain: float
    loss: float
    evidence: float


def thrown_games(mean: Floats, members: int) -> list[Thrown]:
    """The pairs that throw games to each other, the most surprising first; none in a field of fewer than `FEWEST`.

    Args:
        mean: float [m + n, m + n], what the row gets from the column per episode, its members of the panel first;
            NaN where the two have not met. With oneself, too.
        members: m, their number; without a panel, entrants are compared over each other.
    """
    n = len(mean) - members
    if n < FEWEST:
        return []
    known = np.isfinite(mean)
    returns = _filled(mean, known)
    by_row, by_column = _surprise(returns, members), _surprise(returns.T, members)
    more = np.minimum(by_row.share, by_column.share.T)[members:, members:]
    less = np.minimum(-by_row.share.T, -by_column.share)[members:, members:]
    evidence = np.minimum(more, less)
    evidence[~(known & known.T)[members:, members:] | np.eye(n, dtype=np.bool_)] = 0.0
    pairs = np.sort(np.maximum(evidence, evidence.T)[np.triu_indices(n, 1)])[::-1]
    usual = max(float(pairs[int(np.ceil(_BULK * len(pairs)))]), 1e-9)
    gain = np.minimum(by_row.size, by_column.size.T)[members:, members:]
    loss = np.minimum(-by_row.size.T, -by_column.size)[members:, members:]
    least = _LEAST * float(returns.max() - returns.min())
    found = np.argwhere((evidence >= LIMIT * usual) & (gain >= least) & (loss >= least))
    flagged = [
        Thrown(int(j), int(i), float(gain[i, j]), float(loss[i, j]), min(float(evidence[i, j]) / usual, 999.0))
        for i, j in found
    ]
    return sorted(flagged, key=lambda pair: (-pair.evidence, pair.giver, pair.taker))


@dataclass(frozen=True)
class _Surprise:
    """What each row got from each column beyond its prediction: in its own unit, and in standard errors."""

    size: Floats
    share: Floats


def _surprise(returns: Floats, members: int) -> _Surprise:
    """Each entry [i, j] against its prediction from the other rows' [k, j], by how much k resembles i."""
    n = len(returns)
    kin = slice(0, members) if members else slice(0, n)
    features = np.hstack([returns[:, kin], returns[kin, :].T])
    spread = features.std(axis=0)
    features = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    distance = ((features[:, None] - features[None]) ** 2).mean(axis=-1)
    usual = np.median(distance[np.triu_indices(n, 1)])
    kernel = np.exp(-0.5 * distance / (usual if usual > 0 else 1.0)) + 1.0
    inverse = np.linalg.inv(kernel + _NOISE * np.eye(n))
    own = np.diagonal(inverse)[:, None]
    size = inverse @ (returns - returns.mean()) / own
    return _Surprise(size, size * np.sqrt(own))


def _filled(mean: Floats, known: NDArray[np.bool_]) -> Floats:
    """The means with what is not known replaced by what rows and columns add up to."""
    if known.all():
        return np.array(mean)
    rest = np.where(known, mean, 0.0)
    whole = rest.sum() / max(known.sum(), 1)
    rows = np.where(known.any(axis=1), rest.sum(axis=1) / np.maximum(known.sum(axis=1), 1), whole)
    columns = np.where(known.any(axis=0), rest.sum(axis=0) / np.maximum(known.sum(axis=0), 1), whole)
    return np.where(known, mean, rows[:, None] + columns[None, :] - whole)
