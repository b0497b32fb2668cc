"""Every cell of a cross-play matrix as CSV."""

from __future__ import annotations

import csv
import io
import math
from itertools import product

import numpy as np

from zoo.crossplay.report import CrossReport

_WHO = "arena role row row_id row_group column column_id column_group held_out"
HEADER = (*_WHO.split(), "mean", "standard_error", "n", "normalised")


def to_csv(report: CrossReport) -> str:
    """A header, and one line for each role, row and column: mean return per episode of the row; unknown is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    matrix = report.matrix
    for role in matrix.roles:
        figures = np.stack([matrix.mean(role), matrix.standard_error(role), report.normalised(role)])
        for (i, row), (j, column) in product(enumerate(matrix.rows), enumerate(matrix.columns)):
            mean, error, between = (x if math.isfinite(x) else "" for x in figures[:, i, j].tolist())
            pair = [cell for one in (row, column) for cell in (one.label, one.id, one.kind_label)]
            held_out = int(matrix.held_out[i, j])
            writer.writerow([matrix.identity, role, *pair, held_out, mean, error, matrix.episodes, between])
    return out.getvalue()
