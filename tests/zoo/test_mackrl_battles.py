"""Figures 4.6 and 4.7 in small: a run that is tested as it goes, and rows from made-up results."""

from __future__ import annotations

import json
from typing import Any

import pytest

from leaderboard.report import plots
from zoo.papers.figure import Figure
from zoo.papers.mackrl import battle, delegation


def quiet(done: int, of: int) -> None:
    pass


@pytest.mark.learning
def test_a_run_is_tested_as_it_goes_and_is_the_same_again() -> None:
    settings: dict[str, Any] = {"arena": battle.arena_of("3m"), "steps": 2048, "points": 2, "games": 4, "seed": 3}
    one = battle.run(quiet, "central-v,batch=0", **settings)
    assert one["steps"] == [1024, 2048] and len(one["won"]) == 2 and one["seen"] == []
    seen = battle.run(quiet, "mackrl", **settings)
    assert [len(counts) for counts in seen["seen"]] == [4, 4]  # 0 to 3 foes
    assert all(0 <= chance <= count for counts in seen["seen"] for chance, count in counts)
    assert sum(count for _, count in seen["seen"][0]) > 0
    again = battle.run(quiet, "mackrl", **settings)
    assert again["won"] == seen["won"] and again["seen"] == seen["seen"]


def assembled(figure: Figure, results: list[Any]) -> Any:
    done = list(zip(figure.parts(True, 2), results, strict=True))
    report = figure.assemble(done, True, 2)
    json.dumps(report.to_json(), allow_nan=False)
    assert plots.pictures(figure.plot(report), ["png"])["png"].startswith(b"\x89PNG")
    return report


def test_who_is_ahead_stands_beside_what_was_published() -> None:
    results = []
    for part in battle.FIGURE.parts(True, 2):
        won = 0.5 if battle.method_of(part.settings["agent"]) == "mackrl" else 0.25
        won += 0.1 * part.settings["seed"]
        results.append({"steps": list(range(10)), "won": [won * n / 9 for n in range(10)], "seen": [], "cpu_s": 1.0})
    report = assembled(battle.FIGURE, results)
    rows = {(row.group, row.label): row for row in report.rows}
    last = rows["2s3z: share of battles won, at the end", "mackrl"]
    assert last.ours.mean == pytest.approx(0.55) and last.published.value == 0.845
    ahead = rows["2s3z: mackrl less central-v", "at the end"]
    assert ahead.ours.mean == pytest.approx(0.25) and ahead.published.value == pytest.approx(0.07)
    assert rows["3m: mackrl less central-v", "after a fifth"].published is None


def test_delegation_is_a_mean_over_moments_and_then_over_runs() -> None:
    counts = [[[1.0, 10], [9.0, 10], [0.0, 0], [0.0, 0], [0.0, 0], [0.0, 5]]] * 10
    other = [[[3.0, 10], [9.0, 10], [0.0, 0], [0.0, 0], [0.0, 0], [0.0, 5]]] * 10
    results = [{"steps": list(range(10)), "won": [0.0] * 10, "seen": seen, "cpu_s": 1.0} for seen in (counts, other)]
    report = assembled(delegation.FIGURE, results)
    rows = [row for row in report.rows if row.group.endswith("after 4 steps")]
    assert [(row.label, row.ours.mean) for row in rows] == [
        ("0 foes known", pytest.approx(0.2)),
        ("1 foes known", pytest.approx(0.9)),
        ("5 foes known", 0),
    ]
    assert [row.published.value for row in rows if row.published] == [0.16, 0.68, 0.0]
