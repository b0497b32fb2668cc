"""Tan's tables: what a column counts, and how its rows are made."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.papers.independent import sharing


def silent(done: int, total: int) -> None:
    """Nobody watches."""


def test_a_column_counts_the_steps_up_to_each_catch_and_is_the_same_again() -> None:
    found = [sharing.column(silent, [], "random", 0.1, 100, 3, 5) for _ in range(2)]
    assert found[0] == found[1]
    blocks = np.array(found[0])
    assert blocks.shape == (3, 2)
    # two random hunters take 56 steps by Tan's table 1; a mean over 300 trials has a spread of about 3
    assert blocks.mean() == pytest.approx(56, abs=12)


@pytest.mark.learning
def test_two_hunters_of_one_policy_learn_sooner() -> None:
    policy, none = (np.array(sharing.column(silent, ["depth=2"], share, 0.1, 50, 6, 5)) for share in ("policy", "none"))
    assert policy.mean() < none.mean()


def test_every_column_has_a_row_and_sharing_one_that_says_what_it_saves() -> None:
    figure = sharing.FIGURE
    parts = figure.parts(True, 3)
    assert len({part.name for part in parts}) == len(parts) == len(sharing.COLUMNS)
    results = []
    for number, part in enumerate(parts):
        blocks = part.settings["trials"] // sharing.BLOCK
        early = 40 - number if part.settings["share"] in ("policy", "episodes") else 60
        results.append([[early + run, *[20.0 + run] * (blocks - 1)] for run in range(3)])
    report = figure.assemble(list(zip(parts, results, strict=True)), True, 3)
    rows = {(row.group, row.label): row for row in report.rows}
    assert len(rows) == len(sharing.COLUMNS) + 3
    saves = rows[sharing.SPEED, "policy saves"]
    assert saves.target.endswith("met") and saves.ours.mean == pytest.approx(
        60 - rows[sharing.SPEED, "policy"].ours.mean + 1
    )
    assert rows["table 1: hunters that learn, in training", "one prey, one hunter"].ours.mean == pytest.approx(21)
    figure.plot(report)
