"""What a cross-play matrix is worth as plain data: for `--json`, and as records for the board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from leaderboard.records import Measurement
from leaderboard.statistics.estimate import Estimate, Floats
from leaderboard.statistics.robustness import PartnerSwap, Robustness
from leaderboard.statistics.tally import is_head_to_head
from leaderboard.views.strangers import KINDS
from zoo.crossplay.matrix import CrossMatrix
from zoo.crossplay.players import Contestant
from zoo.crossplay.scale import Scale
from zoo.entry.declared import BEST, Anchors
from zoo.play.blocks import arena_record


@dataclass(frozen=True)
class Judged:
    """Figures in one role.

    Attributes:
        role: which one.
        raw: figures of the own return per episode, or of games won in a competitive game on one side.
        normalised: figures between the anchors; None where there are none with any held-out opponent.
    """

    role: str
    raw: Robustness
    normalised: Robustness | None

    @property
    def order(self) -> tuple[bool, float]:
        """The key for sorting, best first: the worst case, normalised where that is known, and these first."""
        return self.normalised is None, -(self.normalised or self.raw).worst.mean


@dataclass(frozen=True)
class Entry(Judged):
    """One entrant in one role.

    Attributes:
        player: who; row: its row in the matrix.
        worst_against: labels of the opponents in the raw and the normalised worst case.
    """

    player: Contestant
    row: int
    worst_against: tuple[str, str | None]


@dataclass(frozen=True)
class Group(Judged):
    """Entrants in one role that differ by their training seed only; figures are means over the seeds.

    Attributes:
        label, kind: what people read for it, and what its members share.
        members: their labels.
        swap: what it costs to exchange partners between the seeds; None for a single one.
        swap_normalised: the same between the anchors, where each seed's anchors are known.
    """

    label: str
    kind: str
    members: tuple[str, ...]
    swap: PartnerSwap | None
    swap_normalised: PartnerSwap | None


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
            "kind": matrix.venue.spec.kind,
            "seed": matrix.seed,
            "episodes": matrix.episodes,
            "faults": {text: dict(of) for text, of in matrix.faults.items()},
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
        """Records for the board, one for each entrant and figure; none where it was played on a seed that is not rated.

        Value and interval are per episode and the means over the roles, those of each side in the details. So are the
        normalised ones, with the pool that makes them comparable, see `views.strangers`. A mean of intervals is at
        least as wide as that of the mean.
        """
        if not self.matrix.rated:
            return []
        by_player: dict[Contestant, list[Entry]] = {}
        for entry in self.entries:
            by_player.setdefault(entry.player, []).append(entry)
        whole = [mine for mine in by_player.values() if len(mine) == len(self.matrix.roles)]
        return [m for mine in whole for kind in KINDS if (m := self._measurement(mine, kind)) is not None]

    def _measurement(self, mine: Sequence[Entry], kind: str) -> Measurement | None:
        """One figure of an entrant, from its entries in all roles."""
        raw, between = (
            self._over_roles({entry.role: getattr(getattr(entry, which), KINDS[kind], None) for entry in mine})
            for which in ("raw", "normalised")
        )
        if raw is None:
            return None
        value, low, high = raw["all"]
        matrix = self.matrix
        games = is_head_to_head(arena_record(matrix.venue.spec, matrix.venue.identity))
        if between is not None:
            between["n"] = min(entry.normalised.opponents for entry in mine if entry.normalised is not None)
        opponents = sorted(c.id for c, out in zip(matrix.columns, matrix.held_out[mine[0].row], strict=True) if out)
        details = {
            "unit": "games won" if games else "own return per episode",
            "opponents": opponents,
            "episodes": matrix.episodes,
            "seed": matrix.seed,
            "alpha": self.alpha,
            "sides": raw["sides"],
            "anchors": asdict(self.anchors),
            "pool": self._pool(),
            "normalised": between,
        }
        n = len(opponents)
        budget = matrix.episodes * matrix.venue.spec.max_steps * n
        return Measurement(mine[0].player.id, matrix.identity, kind, value, low, high, n, False, budget, None, details)

    def _over_roles(self, figures: Mapping[str, Estimate | None]) -> dict[str, Any] | None:
        """{"all": [value, low, high], "sides": {side: the same}}, the mean over the roles and each side's own.

        An open interval is closed at the value. None unless the figure is known for every role.
        """
        spans = {}
        for role, x in figures.items():
            if x is None:
                return None
            spans[role] = [x.mean, x.mean if x.low is None else x.low, x.mean if x.high is None else x.high]
        sides = {
            side: span
            for role, span in spans.items()
            for side, members in self.matrix.venue.spec.sides().items()
            if set(members) <= set(self.matrix.roles[role])
        }
        return {"all": np.mean(list(spans.values()), axis=0).tolist(), "sides": sides}

    def _pool(self) -> dict[str, Any]:
        """With whom, and between whom, normalised figures are: where these are equal, entrants can be compared."""
        matrix, anchors, venue = self.matrix, self.anchors, self.matrix.venue
        high = sorted(player.id for player in matrix.rows) if anchors.high == BEST else [venue.id(anchors.high)]
        low = None if anchors.low is None else venue.id(anchors.low)
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
    player, worst = entry.player, dict(zip(("raw", "normalised"), entry.worst_against, strict=True))
    who = {"entrant": player.label, "entrant_id": player.id, "group": player.kind_label, "role": entry.role}
    return who | _figures_json(entry) | {"worst_against": worst}


def _group_json(group: Group) -> dict[str, Any]:
    who = {"group": group.label, "role": group.role, "members": list(group.members)}
    swap = {"partner_swap": _plain(group.swap), "partner_swap_normalised": _plain(group.swap_normalised)}
    return who | _figures_json(group) | swap


def _figures_json(judged: Judged) -> dict[str, Any]:
    return {"raw": _plain(judged.raw), "normalised": _plain(judged.normalised)}
