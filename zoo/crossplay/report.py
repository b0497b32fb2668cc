"""What a cross-play matrix is worth as plain data: for `--json`, and as records for the board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from leaderboard.records import Measurement
from leaderboard.statistics.estimate import Estimate, Floats
from leaderboard.views.strangers import KINDS
from zoo.crossplay.matrix import CrossMatrix
from zoo.crossplay.players import Contestant
from zoo.crossplay.scale import Scale
from zoo.entry.declared import BEST, Anchors
from zoo.play.blocks import PUBLIC_SEED

if TYPE_CHECKING:
    from zoo.crossplay.figures import Entry, Group


@dataclass(frozen=True)
class CrossReport:
    """Everything that is shown of a matrix.

    Attributes:
        matrix, anchors: what was played, and between whom returns are normalised.
        alpha: share of the opponents that CVaR averages over.
        scales: role -> the anchors' scale.
        entries, groups: sorted by role, then best worst case first.
        alone: labels of rows that nobody is held out from.
    """

    matrix: CrossMatrix
    anchors: Anchors
    alpha: float
    scales: Mapping[str, Scale]
    entries: tuple[Entry, ...]
    groups: tuple[Group, ...]
    alone: tuple[str, ...]

    def normalised(self, role: str) -> Floats:
        """Mean return between the anchors, float [R, C]; NaN where they do not differ."""
        return self.scales[role].of_means(self.matrix.mean(role))

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
        normalised ones with the pool that makes them comparable, see `views.strangers`. A mean of intervals is at
        least as wide as that of the mean.
        """
        if self.matrix.seed != PUBLIC_SEED:
            return []
        records = []
        for player in dict.fromkeys(entry.player for entry in self.entries):
            mine = [entry for entry in self.entries if entry.player == player]
            if len(mine) == len(self.matrix.roles):
                records += [m for kind in KINDS if (m := self._measurement(player, mine, kind)) is not None]
        return records

    def _measurement(self, player: Contestant, mine: Sequence[Entry], kind: str) -> Measurement | None:
        steps = self._over_roles({entry.role: getattr(entry.per_step, KINDS[kind]) for entry in mine})
        if steps is None:
            return None
        value, low, high = steps["all"]
        matrix, between = self.matrix, None
        if all(entry.normalised is not None for entry in mine):
            between = self._over_roles({entry.role: getattr(entry.normalised, KINDS[kind]) for entry in mine})
        if between is not None:
            between["n"] = min(entry.normalised.opponents for entry in mine if entry.normalised is not None)
        opponents = sorted(c.id for c, out in zip(matrix.columns, matrix.held_out[mine[0].row], strict=True) if out)
        details = {
            "unit": "return per step",
            "opponents": opponents,
            "episodes": matrix.episodes,
            "seed": matrix.seed,
            "alpha": self.alpha,
            "sides": steps["sides"],
            "anchors": asdict(self.anchors),
            "pool": self._pool(),
            "normalised": between,
        }
        n = len(opponents)
        budget = matrix.episodes * matrix.spec.max_steps * n
        return Measurement(player.id, matrix.identity, kind, value, low, high, n, False, budget, None, details)

    def _over_roles(self, figures: Mapping[str, Estimate | None]) -> dict[str, Any] | None:
        """{"all": [value, low, high], "sides": {side: the same}}, the mean over the roles and each side's own.

        An open interval is closed at the value. None unless the figure is known for every role.
        """
        spans = {
            role: [x.mean, x.mean if x.low is None else x.low, x.mean if x.high is None else x.high]
            for role, x in figures.items()
            if x is not None
        }
        if len(spans) < len(figures):
            return None
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
            high = [matrix.rows[matrix.row_of(anchors.high)].id]
        low = None if anchors.low is None else matrix.rows[matrix.row_of(anchors.low)].id
        return {"opponents": sorted(column.id for column in matrix.columns), "low": low, "best_of": high}


def _known(values: Floats) -> Any:
    """Nested lists with null for NaN."""
    known = values.astype(object)
    known[~np.isfinite(values)] = None
    return known.tolist()


def _plain(value: Any) -> Any:
    """Dataclasses as plain data, estimates as "value", "low" and "high"."""
    if isinstance(value, Estimate):
        return {"value": value.mean, "low": value.low, "high": value.high}
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return list(value) if isinstance(value, tuple) else value


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "entrant": entry.player.label,
        "entrant_id": entry.player.id,
        "group": entry.player.kind_label,
        "role": entry.role,
        "raw": _plain(entry.raw),
        "normalised": _plain(entry.normalised),
        "worst_against": dict(zip(("raw", "normalised"), entry.worst_against, strict=True)),
    }


def _group_json(group: Group) -> dict[str, Any]:
    return {
        "group": group.label,
        "role": group.role,
        "members": list(group.members),
        "raw": _plain(group.raw),
        "normalised": _plain(group.normalised),
        "partner_swap": _plain(group.swap),
        "partner_swap_normalised": _plain(group.swap_normalised),
    }
