"""The figures of a cross-play matrix: of every entry, of every kind over its training seeds, raw and normalised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leaderboard.records import Measurement
from leaderboard.statistics.estimate import Estimate
from leaderboard.statistics.robustness import (
    ALPHA,
    Difference,
    PartnerSwap,
    Robustness,
    difference,
    normalise,
    partner_swap,
    robustness,
)
from leaderboard.strangers import KINDS
from zoo.anchors import BEST, Anchors
from zoo.crossplay.matrix import Matrix, Player
from zoo.entry.venue import entrant
from zoo.errors import UserError, nearest
from zoo.play.blocks import PUBLIC_SEED

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_CLEAR = 2.0  # standard errors by which anchors must differ before one divides by their difference


@dataclass(frozen=True)
class Scale:
    """The anchors with each column.

    Attributes:
        low, high: their mean returns, float [C].
        usable: where the high one is clearly above the low, bool [C].
        apart: of each episode the return of the low one and how much more the high one has, float [2, E, C].
    """

    low: Floats
    high: Floats
    usable: Flags
    apart: Floats


@dataclass(frozen=True)
class Entry:
    """One entrant in one role.

    Attributes:
        player, role: who and where; row: its row in the matrix.
        raw: figures of the return per episode; per_step: of the return per step.
        normalised: figures between the anchors; None where there are none with any held-out opponent.
        worst_against: labels of the opponents in the raw and the normalised worst case.
    """

    player: Player
    role: str
    row: int
    raw: Robustness
    per_step: Robustness
    normalised: Robustness | None
    worst_against: tuple[str, str | None]

    @property
    def order(self) -> tuple[bool, float]:
        """By what entries are sorted, best first: the worst case, normalised where that is known, and these first."""
        return _order(self.raw, self.normalised)


@dataclass(frozen=True)
class Group:
    """Entrants in one role that differ by their training seed only; figures are means over the seeds.

    `swap` tells what it costs to exchange partners between the seeds, None for a single one; `swap_normalised` the same
    between the anchors, where each seed's anchors are known.
    """

    label: str
    kind: str
    role: str
    members: tuple[str, ...]
    raw: Robustness
    normalised: Robustness | None
    swap: PartnerSwap | None
    swap_normalised: PartnerSwap | None

    @property
    def order(self) -> tuple[bool, float]:
        """As for entries."""
        return _order(self.raw, self.normalised)


@dataclass(frozen=True)
class Report:
    """Everything that is told of a matrix. Entries and groups are sorted by role, then best worst case first."""

    matrix: Matrix
    anchors: Anchors
    alpha: float
    scales: Mapping[str, Scale]
    entries: tuple[Entry, ...]
    groups: tuple[Group, ...]
    alone: tuple[str, ...]  # labels of rows that nobody is held out from

    def normalised(self, role: str) -> Floats:
        """Mean return between the anchors, float [R, C]; NaN where they do not differ."""
        scale = self.scales[role]
        return normalise(self.matrix.mean(role), scale.low, np.where(scale.usable, scale.high, scale.low))

    def to_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        matrix = self.matrix
        return {
            "arena": matrix.identity,
            "kind": matrix.spec.kind,
            "seed": matrix.seed,
            "episodes": matrix.episodes,
            "alpha": self.alpha,
            "anchors": asdict(self.anchors),
            "rows": [asdict(player) for player in matrix.rows],
            "columns": [asdict(player) for player in matrix.columns],
            "roles": [self._role_json(role, seats) for role, seats in matrix.roles.items()],
            "entries": [_entry_json(entry) for entry in self.entries],
            "groups": [_group_json(group) for group in self.groups],
            "alone": list(self.alone),
        }

    def _role_json(self, role: str, seats: Sequence[str]) -> dict[str, Any]:
        scale = self.scales[role]
        return {
            "role": role,
            "seats": list(seats),
            "mean": _known(self.matrix.mean(role)),
            "standard_error": _known(self.matrix.standard_error(role)),
            "normalised": _known(self.normalised(role)),
            "anchor_low": _known(scale.low),
            "anchor_high": _known(scale.high),
            "held_out": self.matrix.held_out.tolist(),
        }

    def measurements(self) -> list[Measurement]:
        """Records for the board, one for each entrant and figure; none where another seed than the public was played.

        Value and interval are per step and the means over the roles, those of each side in the details, and so are the
        normalised ones with the pool that makes them comparable, see `leaderboard.strangers`. A mean of intervals is at
        least as wide as that of the mean.
        """
        if self.matrix.seed != PUBLIC_SEED:
            return []
        found = []
        for player in dict.fromkeys(entry.player for entry in self.entries):
            mine = [entry for entry in self.entries if entry.player == player]
            if len(mine) == len(self.matrix.roles):
                found += [m for kind in KINDS if (m := self._measurement(player, mine, kind)) is not None]
        return found

    def _measurement(self, player: Player, mine: Sequence[Entry], kind: str) -> Measurement | None:
        told = self._over_roles({entry.role: _figure(entry.per_step, kind) for entry in mine})
        if told is None:
            return None
        value, low, high = told["all"]
        row = mine[0].row
        opponents = [c for c, out in zip(self.matrix.columns, self.matrix.held_out[row], strict=True) if out]
        between = self._over_roles({entry.role: _figure(entry.normalised, kind) for entry in mine})
        if between is not None:
            between["n"] = min(entry.normalised.opponents for entry in mine if entry.normalised is not None)
        details = {
            "unit": "return per step",
            "opponents": sorted(c.id for c in opponents),
            "episodes": self.matrix.episodes,
            "seed": self.matrix.seed,
            "alpha": self.alpha,
            "sides": told["sides"],
            "anchors": asdict(self.anchors),
            "pool": self._pool(),
            "normalised": between,
        }
        steps = self.matrix.episodes * self.matrix.spec.max_steps * len(opponents)
        n = len(opponents)
        return Measurement(player.id, self.matrix.identity, kind, value, low, high, n, False, steps, None, details)

    def _over_roles(self, figures: Mapping[str, Estimate | None]) -> dict[str, Any] | None:
        """{"all": [value, low, high], "sides": {side: the same}}, the mean over the roles and each side's own.

        An open interval is closed at the value. None unless the figure is known for every role.
        """
        known = {role: f for role, f in figures.items() if f is not None}
        if len(known) < len(figures):
            return None
        spans = {
            role: [f.mean, f.mean if f.low is None else f.low, f.mean if f.high is None else f.high]
            for role, f in known.items()
        }
        sides = {
            side: span
            for role, span in spans.items()
            for side, members in self.matrix.spec.sides().items()
            if set(members) <= set(self.matrix.roles[role])
        }
        return {"all": np.mean(list(spans.values()), axis=0).tolist(), "sides": sides}

    def _pool(self) -> dict[str, Any]:
        """With whom, and between whom, normalised figures are: where these are equal, entrants can be compared."""
        matrix, anchors = self.matrix, self.anchors
        if anchors.high == BEST:
            high = sorted(player.id for player in matrix.rows)
        else:
            high = [matrix.rows[_row(matrix, anchors.high)].id]
        low = None if anchors.low is None else matrix.rows[_row(matrix, anchors.low)].id
        return {"opponents": sorted(column.id for column in matrix.columns), "low": low, "best_of": high}


def report(
    matrix: Matrix,
    anchors: Anchors,
    *,
    entries: Sequence[str] | None = None,
    only: Sequence[str] = (),
    alpha: float = ALPHA,
) -> Report:
    """The figures of a matrix.

    Args:
        matrix: as played; the anchors' entrants are among its rows.
        anchors: between whom returns are normalised.
        entries: ENTRANT texts of the rows that are entries; None for all.
        only: roles to tell of; none for all.
        alpha: share of the opponents that CVaR averages over.

    Raises:
        UserError: there is no such role, or an anchor is no row of the matrix.
    """
    for role in only:
        if role not in matrix.roles:
            raise UserError(f"{matrix.identity} has no role {role!r}; {nearest(role, matrix.roles)}")
    rows = [i for i, player in enumerate(matrix.rows) if entries is None or player.text in entries]
    alone = [i for i in rows if not matrix.held_out[i].any()]
    judged = [i for i in rows if i not in alone]
    scales = {role: _scale(matrix, anchors, role) for role in matrix.roles}
    found: list[Entry] = []
    groups: list[Group] = []
    for role in only or matrix.roles:
        found += sorted((_entry(matrix, scales[role], role, i, alpha) for i in judged), key=lambda e: e.order)
        kinds: dict[str, list[int]] = {}
        for i in judged:
            kinds.setdefault(matrix.rows[i].kind, []).append(i)
        groups += sorted(
            (_group(matrix, scales[role], role, members, alpha) for members in kinds.values()), key=lambda g: g.order
        )
    labels = tuple(matrix.rows[i].label for i in alone)
    return Report(matrix, anchors, alpha, scales, tuple(found), tuple(groups), labels)


def compare(
    found: Report, role: str, first: Sequence[str], second: Sequence[str]
) -> tuple[Difference, Difference | None]:
    """How much more robust the first rows are than the second, raw and normalised.

    The differences are paired by episode and by opponent, over the opponents that are held out from all of them.

    Args:
        found: the report.
        role: in which role.
        first: ENTRANT texts of rows, such as the training seeds of one agent.
        second: those of another.

    Raises:
        UserError: a text is no row of the matrix.
        ValueError: no opponent is held out from all of them.
    """
    matrix, scale = found.matrix, found.scales[role]
    sides = [[_row(matrix, text) for text in texts] for texts in (first, second)]
    held_out = [matrix.held_out[rows] for rows in sides]
    kinds = [column.kind for column in matrix.columns]
    raw = [matrix.returns[role][:, rows] for rows in sides]
    plain = difference(raw[0], raw[1], (held_out[0], held_out[1]), kinds, alpha=found.alpha)
    usable = [out & scale.usable for out in held_out]
    if not np.concatenate(usable).all(axis=0).any():
        return plain, None
    between = [_normalised(matrix, scale, role, rows) for rows in sides]
    return plain, difference(between[0], between[1], (usable[0], usable[1]), kinds, alpha=found.alpha)


def _scale(matrix: Matrix, anchors: Anchors, role: str) -> Scale:
    """The anchors' levels with each opponent; the best is the best of all rows."""
    columns = np.arange(len(matrix.columns))
    nothing = np.full(len(columns), np.nan)
    if anchors.low is None:
        unknown = np.full((2, matrix.episodes, len(columns)), np.nan)
        return Scale(nothing, nothing, np.zeros(len(columns), dtype=np.bool_), unknown)
    returns, mean = matrix.returns[role], matrix.mean(role)
    bottom = _row(matrix, anchors.low)
    top = mean.argmax(axis=0) if anchors.high == BEST else np.full(len(columns), _row(matrix, anchors.high))
    base = returns[:, bottom, columns]
    apart = returns[:, top, columns] - base
    error = apart.std(axis=0, ddof=1) / len(apart) ** 0.5 if len(apart) > 1 else np.zeros(len(columns))
    low, high = mean[bottom], mean[top, columns]
    usable = (high - low > 1e-9) & (high - low > _CLEAR * error)
    return Scale(low, high, usable, np.stack([base, apart]))


def _row(matrix: Matrix, text: str) -> int:
    wanted = entrant(matrix.choice, text).id
    for number, player in enumerate(matrix.rows):
        if player.id == wanted:
            return number
    raise UserError(f"{text} is no row of the matrix: let it play, too")


def _normalised(matrix: Matrix, scale: Scale, role: str, rows: Sequence[int]) -> Floats:
    """The rows' returns between the anchors, float [E, rows, C]; NaN where those do not differ.

    The score s = (U - low) / (high - low) of the means is a ratio of numbers that share the luck of the episodes, so
    an episode e is given s + ((U_e - low_e) - s (high_e - low_e)) / (high - low), the ratio linearised (the delta
    method): its mean is s, and it varies as s does. An anchor itself has 0 or 1 in every episode.
    """
    returns = matrix.returns[role][:, rows]
    span = np.where(scale.usable, scale.high - scale.low, np.nan)
    score = (returns.mean(axis=0) - scale.low) / span
    low, apart = scale.apart[:, :, None]
    return np.asarray(score + ((returns - low) - score * apart) / span)


def _own(matrix: Matrix, values: Floats, rows: Sequence[int]) -> Floats | None:
    """Returns [E, R] with the rows' own partners; None where one was not trained, or is no column."""
    at = [matrix.own_column(i) for i in rows]
    if any(j is None for j in at):
        return None
    own = values[:, np.arange(len(rows)), np.array(at, dtype=np.intp)]
    return own if np.isfinite(own).all() else None


def _figures(
    matrix: Matrix, scale: Scale, role: str, rows: Sequence[int], alpha: float
) -> tuple[Robustness, Robustness | None]:
    kinds = [column.kind for column in matrix.columns]
    held_out = matrix.held_out[rows]
    values = matrix.returns[role][:, rows]
    raw = robustness(values, held_out, kinds, own=_own(matrix, values, rows), alpha=alpha)
    usable = held_out & scale.usable
    if not usable.any(axis=1).all():
        return raw, None
    between = _normalised(matrix, scale, role, rows)
    own = _own(matrix, between, rows)
    return raw, robustness(between, usable, kinds, own=own, alpha=alpha)


def _entry(matrix: Matrix, scale: Scale, role: str, row: int, alpha: float) -> Entry:
    raw, normalised = _figures(matrix, scale, role, [row], alpha)
    steps = matrix.per_step[role][:, [row]]
    kinds = [column.kind for column in matrix.columns]
    per_step = robustness(steps, matrix.held_out[[row]], kinds, own=_own(matrix, steps, [row]), alpha=alpha)
    worst = matrix.columns[raw.worst_at[0]].label
    named = matrix.columns[normalised.worst_at[0]].label if normalised is not None else None
    return Entry(matrix.rows[row], role, row, raw, per_step, normalised, (worst, named))


def _group(matrix: Matrix, scale: Scale, role: str, rows: Sequence[int], alpha: float) -> Group:
    raw, normalised = _figures(matrix, scale, role, rows, alpha)
    player = matrix.rows[rows[0]]
    at = [matrix.own_column(i) for i in rows]
    swap = swap_normalised = None
    runs = {matrix.rows[i].run for i in rows}
    if len(runs) == len(rows) > 1 and None not in at:
        square = np.ix_(rows, [j for j in at if j is not None])
        swap = partner_swap(matrix.mean(role)[square])
        between = _normalised(matrix, scale, role, range(len(matrix.rows))).mean(axis=0)[square]
        swap_normalised = partner_swap(between) if np.isfinite(between).all() else None
    members = tuple(matrix.rows[i].label for i in rows)
    return Group(player.kind_label, player.kind, role, members, raw, normalised, swap, swap_normalised)


def _order(raw: Robustness, normalised: Robustness | None) -> tuple[bool, float]:
    return normalised is None, -(normalised or raw).worst.mean


def _figure(found: Robustness | None, kind: str) -> Estimate | None:
    figure: Estimate | None = None if found is None else getattr(found, KINDS[kind])
    return figure


def _known(values: Floats) -> Any:
    """Nested lists with null for NaN."""
    found = np.where(np.isfinite(values), values, np.nan).astype(object)
    found[~np.isfinite(values)] = None
    return found.tolist()


def _robustness_json(found: Robustness | None) -> dict[str, Any] | None:
    if found is None:
        return None
    figures = {name: _estimate_json(getattr(found, name)) for name in ("mean", "worst", "cvar", "own", "gap")}
    return asdict(found) | figures | {"worst_at": list(found.worst_at)}


def _estimate_json(figure: Estimate | None) -> dict[str, float | None] | None:
    return None if figure is None else {"value": figure.mean, "low": figure.low, "high": figure.high}


def _swap_json(swap: PartnerSwap | None) -> dict[str, Any] | None:
    return None if swap is None else asdict(swap) | {"drop": _estimate_json(swap.drop)}


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "entrant": entry.player.label,
        "entrant_id": entry.player.id,
        "group": entry.player.kind_label,
        "role": entry.role,
        "raw": _robustness_json(entry.raw),
        "normalised": _robustness_json(entry.normalised),
        "worst_against": {"raw": entry.worst_against[0], "normalised": entry.worst_against[1]},
    }


def _group_json(group: Group) -> dict[str, Any]:
    return {
        "group": group.label,
        "role": group.role,
        "members": list(group.members),
        "raw": _robustness_json(group.raw),
        "normalised": _robustness_json(group.normalised),
        "partner_swap": _swap_json(group.swap),
        "partner_swap_normalised": _swap_json(group.swap_normalised),
    }
