"""Robustness on the board: which of an entrant's cross-play figures is shown.

`zoo crossplay` records how an entrant does with strangers, who come from other training runs than its own. Every
entrant leaves another one out of the pool that all meet, itself, so that plain returns would favour whoever is a bad
opponent. The board therefore shows the normalised figures, each return on a scale from the low to the high anchor with
the same opponent, and only those of one pool: the same opponents and anchors. Of several pools it is the one in which
most of the board's entrants were measured, then the newest; who was measured in others only is left blank.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from leaderboard.records import Measurement, canonical

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
#: What the column with their number is called.
COUNT = "strangers n"
CAPTION = (
    "Strangers: n opponents of other training runs, by `zoo crossplay`. Mean and worst return with them, each on a "
    "scale from 0, what the arena's low anchor gets with that opponent, to 1, the high anchor; the worst is chosen on "
    "one half of the episodes and estimated on the other. Partner gap: how much more it is with the partners that it "
    "trained with. All are of one pool of opponents and anchors, that of most rows; who met only others is blank."
)


def by_subject(measurements: Iterable[Measurement], entrants: Collection[str]) -> dict[str, list[Measurement]]:
    """{entrant id: its measurements of robustness}, in their order, all of the pool that most of `entrants` share."""
    pools: dict[str, list[Measurement]] = {}
    for measurement in measurements:
        known = measurement.details.get("normalised") is not None and "pool" in measurement.details
        if measurement.kind in COLUMNS and known and measurement.subject in entrants:
            pool = canonical(measurement.details["pool"])
            pools[pool] = [*pools.pop(pool, ()), measurement]  # the pool that was measured last is the last
    subjects: dict[str, list[Measurement]] = {}
    # of equal pools the one that was measured last
    for measurement in max(reversed(pools.values()), key=lambda pool: len({m.subject for m in pool}), default=()):
        subjects.setdefault(measurement.subject, []).append(measurement)
    return subjects


def shown(measurements: Sequence[Measurement], side: str = "") -> dict[str, Sequence[Any]]:
    """Each kind's value and the ends of its interval, None where it was not measured, and of how many opponents.

    Args:
        measurements: of one entrant and one pool, oldest first; those of the most episodes are shown, then the newest.
        side: the row's side, whose own figure is taken where there is one; else the mean over the roles.
    """
    chosen: dict[str, Sequence[Any]] = {"strangers": [0]}
    for kind in COLUMNS:
        mine = [m for m in measurements if m.kind == kind]
        chosen[kind] = [None, None, None]
        if mine:
            _, best = max(enumerate(mine), key=lambda at: (at[1].details.get("episodes", 0), at[0]))
            between = best.details["normalised"]
            chosen[kind] = [round(float(x), 9) + 0.0 for x in between["sides"].get(side, between["all"])]
            chosen["strangers"] = [between["n"]]
    return chosen
