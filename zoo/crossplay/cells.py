"""Every cell of a cross-play matrix as CSV."""

from __future__ import annotations

import csv
import io
import math

from zoo.crossplay.report import CrossReport

HEADER = (
    "arena",
    "role",
    "row",
    "row_id",
    "row_group",
    "column",
    "column_id",
    "column_group",
    "held_out",
    "mean",
    "standard_error",
    "n",
    "normalised",
)


def to_csv(report: CrossReport) -> str:
    """A header, and one line for each role, row and column: mean return per episode of the row; unknown is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    matrix = report.matrix
    for role in matrix.roles:
        mean, error, between = matrix.mean(role), matrix.standard_error(role), report.normalised(role)
        for i, row in enumerate(matrix.rows):
            for j, column in enumerate(matrix.columns):
                figures = [x if math.isfinite(x) else "" for x in (mean[i, j], error[i, j], between[i, j])]
                writer.writerow(
                    [
                        *(matrix.identity, role, row.label, row.id, row.kind_label),
                        *(column.label, column.id, column.kind_label, int(matrix.held_out[i, j])),
                        *(figures[0], figures[1], matrix.episodes, figures[2]),
                    ]
                )
    return out.getvalue()
