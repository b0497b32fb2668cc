"""The battles of chapter 5 in small: what a run is made of, and what the figures make of their results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from zoo.papers.figure import Figure
from zoo.papers.replay import curves, fingerprints, history
from zoo.papers.replay.training import COPIES, NAMES, Run


def silent(done: int, total: int) -> None:
    """Nobody watches."""


def test_a_run_has_the_papers_numbers_and_a_test_counts_the_best_as_20() -> None:
    run = Run(5, False, "both", seed=0, episodes=100)
    config = run.agent.config
    assert (config.batch, config.rate, config.hidden, config.share) == (180, pytest.approx(1 / 30), 128, True)
    assert run.rounds == 100 * 30 // (COPIES * run.table.length)
    assert config.epsilon_steps == 1800
    assert run.scale * (225 + 50 + 200 + 225) == pytest.approx(20)  # five marines of 45 points on either side
    assert run.test(4)["return"] < 20


def test_equal_runs_are_equal() -> None:
    tests = []
    for _ in range(2):
        run = Run(3, False, "plain", seed=3, episodes=64)
        run.train(run.rounds, silent)
        tests.append(run.test(8))
    assert tests[0] == tests[1]


def test_a_regression_finds_a_linear_truth_and_nothing_in_noise() -> None:
    luck = np.random.default_rng(0)
    hidden = luck.normal(size=(600, 8))
    truth = hidden @ luck.normal(size=8) + 3
    assert np.abs(history.fitted(hidden, truth) - truth[1::2]).max() < 0.1
    noise = luck.normal(size=600)
    assert np.var(history.fitted(hidden, noise)) < 0.1


def test_halfway_is_where_the_network_was_while_it_read_the_episode() -> None:
    run = Run(3, True, "fingerprint", seed=0, episodes=64)
    run.train(run.rounds, silent)
    hidden = history.halfway(run)
    rows = run.agent.replay.newest(len(run.agent.replay))
    assert hidden.shape == (len(rows["first"]), 128)
    assert len(hidden) == run.rounds * COPIES
    assert bool(rows["first"][:, 0].all())  # every row begins with an episode
    assert not np.allclose(hidden[0], hidden[1])


@pytest.mark.parametrize(
    ("figure", "result", "rows"),
    [
        (curves.FIGURE, lambda n: {"return": [float(n)] * curves.POINTS, "won": [0.5] * curves.POINTS}, 28),
        (fingerprints.FIGURE, lambda n: [[n - eps for eps in fingerprints.GRID]] * 5, 15),
        (history.FIGURE, lambda n: {"r2": n / 9, "error": 1 / (1 + n), "points": [[0.0, 1.0], [0.2, 0.7]]}, 6),
    ],
)
def test_figures_say_what_came_out(figure: Figure, result: Any, rows: int) -> None:
    parts = figure.parts(False, 3)
    done = [(part, result(number)) for number, part in enumerate(parts)]
    report = figure.assemble(done, False, 3)
    assert len(report.rows) == rows
    figure.plot(report)
    if figure is curves.FIGURE:
        gains = [row for row in report.rows if "less" in row.label]
        assert all(row.ours.mean > 0 and row.target == ">=0 met" for row in gains)
        assert [part.settings["replay"] for part in parts[:5]] == list(NAMES)


def test_a_panel_alone_has_the_numbers_of_its_own_columns() -> None:
    figure = curves.FIGURE.chosen(["panel=5v5", "columns=order"])
    parts = figure.parts(False, 2)
    assert [part.settings["replay"] for part in parts] == [*curves.ORDER, *curves.ORDER]
    assert {(part.settings["units"], part.settings["recurrent"]) for part in parts} == {(5, False)}
    results = [{"return": [float(n)] * curves.POINTS, "won": [0.5] * curves.POINTS} for n in range(6)]
    report = figure.assemble(list(zip(parts, results, strict=True)), False, 2)
    shown = {row.label: row.published.value for row in report.rows if row.published is not None}
    assert shown == {"NOXP": 5.5, "XP": 10.0, "XP+FP": 18.6}
    figure.plot(report)


def test_values_are_read_by_stage_and_fingerprint() -> None:
    found = torch.tensor(fingerprints.values(silent, episodes=160, seed=0))
    assert found.shape == (5, 11)
    assert float((found[-1, 0] - found[-1, -1]).abs()) > 0  # the fingerprint is read
