"""The figures of a cross-play matrix: of every entry, of every kind over its training seeds, raw and normalised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leaderboard.statistics.estimate import Floats
from leaderboard.statistics.robustness import (
    ALPHA,
    Difference,
    Robustness,
    difference,
    partner_swap,
    robustness,
)
from zoo.crossplay.matrix import CrossMatrix
from zoo.crossplay.report import CrossReport, Entry, Group
from zoo.crossplay.scale import Scale
from zoo.entry.declared import Anchors
from zoo.errors import UserError, nearest


def report(
    matrix: CrossMatrix,
    anchors: Anchors,
    *,
    entries: Sequence[str] | None = None,
    only: Sequence[str] = (),
    alpha: float = ALPHA,
) -> CrossReport:
    """The figures of a matrix.

    Args:
        matrix: as played; the anchors' entrants are among its rows.
        anchors: between whom returns are normalised.
        entries: ENTRANT texts of the rows that are entries; None for all.
        only: roles to show; none for all.
        alpha: share of the opponents that CVaR averages over.

    Raises:
        UserError: there is no such role, or an anchor is no row of the matrix.
    """
    for role in only:
        if role not in matrix.roles:
            raise UserError(f"{matrix.identity} has no role {role!r}; {nearest(role, matrix.roles)}")
    rows = [i for i, player in enumerate(matrix.rows) if entries is None or player.text in entries]
    judged = [i for i in rows if matrix.held_out[i].any()]
    kinds: dict[str, list[int]] = {}
    for i in judged:
        kinds.setdefault(matrix.rows[i].kind, []).append(i)
    judges = {role: _Judge(matrix, Scale.of(matrix, anchors, role), role, alpha) for role in matrix.roles}
    shown = [judges[role] for role in only or matrix.roles]
    return CrossReport(
        matrix,
        anchors,
        alpha,
        scales={role: judge.scale for role, judge in judges.items()},
        entries=tuple(e for judge in shown for e in sorted(map(judge.entry, judged), key=lambda e: e.order)),
        groups=tuple(g for judge in shown for g in sorted(map(judge.group, kinds.values()), key=lambda g: g.order)),
        alone=tuple(matrix.rows[i].label for i in rows if i not in judged),
    )


def compare(
    report: CrossReport, role: str, first: Sequence[str], second: Sequence[str]
) -> tuple[Difference, Difference | None]:
    """How much more robust the first rows are than the second, raw and normalised.

    The differences are paired by episode and by opponent, over the opponents that are held out from all of them.

    Args:
        report: the figures.
        role: in which role.
        first: ENTRANT texts of rows, such as the training seeds of one agent.
        second: those of another.

    Raises:
        UserError: a text is no row of the matrix.
        ValueError: no opponent is held out from all of them.
    """
    matrix, scale = report.matrix, report.scales[role]
    sides = [[matrix.row_of(text) for text in texts] for texts in (first, second)]
    one, other = (matrix.returns[role][:, rows] for rows in sides)
    held_out = tuple(matrix.held_out[rows] for rows in sides)
    raw = difference(one, other, (held_out[0], held_out[1]), matrix.kinds, alpha=report.alpha)
    usable = [out & scale.usable for out in held_out]
    if not np.concatenate(usable).all(axis=0).any():
        return raw, None
    one, other = scale.of_episodes(one), scale.of_episodes(other)
    return raw, difference(one, other, (usable[0], usable[1]), matrix.kinds, alpha=report.alpha)


@dataclass(frozen=True)
class _Judge:
    """What makes the figures of one role."""

    matrix: CrossMatrix
    scale: Scale
    role: str
    alpha: float

    def entry(self, row: int) -> Entry:
        """The figures of one row."""
        raw, normalised = self._figures([row])
        worst, named = (None if x is None else self.matrix.columns[x.worst_at[0]].label for x in (raw, normalised))
        assert worst is not None
        return Entry(self.role, raw, normalised, self.matrix.rows[row], row, (worst, named))

    def group(self, rows: Sequence[int]) -> Group:
        """The figures of rows of one kind."""
        raw, normalised = self._figures(rows)
        players = [self.matrix.rows[i] for i in rows]
        own = [self.matrix.own_column(i) for i in rows]
        swap = swap_normalised = None
        if len({player.run for player in players}) == len(rows) > 1 and None not in own:
            square = np.ix_(rows, [j for j in own if j is not None])
            swap = partner_swap(self.matrix.mean(self.role)[square])
            between = self.scale.of_episodes(self.matrix.returns[self.role]).mean(axis=0)[square]
            swap_normalised = partner_swap(between) if np.isfinite(between).all() else None
        members = tuple(player.label for player in players)
        return Group(self.role, raw, normalised, players[0].kind_label, players[0].kind, members, swap, swap_normalised)

    def _figures(self, rows: Sequence[int]) -> tuple[Robustness, Robustness | None]:
        """Raw and normalised figures of some rows together."""
        values, held_out = self.matrix.returns[self.role][:, rows], self.matrix.held_out[rows]
        raw, usable = self._robustness(values, held_out, rows), held_out & self.scale.usable
        if not usable.any(axis=1).all():
            return raw, None
        return raw, self._robustness(self.scale.of_episodes(values), usable, rows)

    def _robustness(self, values: Floats, held_out: NDArray[np.bool_], rows: Sequence[int]) -> Robustness:
        own = self._own(values, rows)
        return robustness(values, held_out, self.matrix.kinds, own=own, alpha=self.alpha)

    def _own(self, values: Floats, rows: Sequence[int]) -> Floats | None:
        """Returns [E, R] with the rows' own partners; None where one was not trained, or is no column."""
        at = [self.matrix.own_column(i) for i in rows]
        if any(j is None for j in at):
            return None
        own = values[:, np.arange(len(rows)), np.array(at, dtype=np.intp)]
        return own if np.isfinite(own).all() else None
