"""Robustness on the board: which of an entrant's cross-play figures is shown.

`zoo crossplay` records how an entrant does with strangers, who come from other training runs than its own. The figure
of the most opponents is shown, then of the most episodes, then the newest; a worst case over few says little.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from leaderboard.records import Measurement

#: Kind of measurement -> which figure of `robustness.Robustness` it is.
KINDS: dict[str, str] = {
    "strangers_mean": "mean",
    "strangers_worst": "worst",
    "strangers_cvar": "cvar",
    "partner_gap": "gap",
}
#: Kind -> what the column is called.
COLUMNS: dict[str, str] = {
    "strangers_mean": "strangers mean [95 %]",
    "strangers_worst": "strangers worst [95 %]",
    "partner_gap": "partner gap [95 %]",
}
CAPTION = (
    "Strangers mean and worst, partner gap: own return per step with those of other training runs, and how much more "
    "it is with its own partners, by `zoo crossplay`."
)


def by_subject(measurements: Iterable[Measurement]) -> dict[str, list[Measurement]]:
    """{entrant id: its measurements of robustness}, in their order."""
    found: dict[str, list[Measurement]] = {}
    for measurement in measurements:
        if measurement.kind in KINDS:
            found.setdefault(measurement.subject, []).append(measurement)
    return found


def shown(measurements: Sequence[Measurement], side: str = "") -> dict[str, Any]:
    """The fields of a board's row: each kind's value and interval, None where it was not measured, and of how many.

    Args:
        measurements: of one entrant, oldest first.
        side: the row's side, whose own figure is taken where it was told; else the mean over the roles.
    """
    row: dict[str, Any] = {"strangers": 0}
    for kind in COLUMNS:
        mine = [m for m in measurements if m.kind == kind]
        row[kind] = row[f"{kind}_low"] = row[f"{kind}_high"] = None
        if not mine:
            continue
        _, best = max(enumerate(mine), key=lambda at: (at[1].n, at[1].details.get("episodes", 0), at[0]))
        span = best.details.get("sides", {}).get(side, (best.value, best.low, best.high))
        row[kind], row[f"{kind}_low"], row[f"{kind}_high"] = (round(float(x), 9) + 0.0 for x in span)
        row["strangers"] = best.n
    return row
