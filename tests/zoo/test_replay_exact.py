"""What is learned from a replay of a partner who changes: closed forms against the losses that they minimise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from zoo.papers.replay import exact

#: Game and partner -> the best response, and what plain replay prefers.
PICKS = {
    ("climbing", 0): (0, 0),
    ("climbing", 1): (1, 2),
    ("climbing", 2): (1, 2),
    ("penalty", 0): (0, 1),
    ("penalty", 1): (1, 1),
    ("penalty", 2): (2, 1),
}


def silent(done: int, total: int) -> None:
    """Nobody watches."""


@pytest.mark.parametrize(("game", "g"), PICKS)
def test_minimisers_minimise_the_losses(game: str, g: int) -> None:
    pay, eps = exact.payoffs(game), exact.falling(50)
    found = exact.minimisers(pay, g, eps)
    then = [(1 - float(e)) * np.eye(3)[g] + float(e) / 3 for e in eps]
    for kind in ("plain", exact.WEIGHTED, "as clipped"):
        q = found[kind].clone().requires_grad_()
        loss: Any = 0.0
        for p in then:
            for b in range(3):
                weight = 1.0 if kind == "plain" else then[-1][b] / p[b]
                if kind == "as clipped":
                    weight = min(max(weight, 0.01), 2.0)
                loss = loss + p[b] * weight * (pay[:, b] - q).square().sum()
        (slope,) = torch.autograd.grad(loss, q)
        assert slope.abs().max() < 1e-9, kind
    on_policy = torch.tensor([float(then[-1] @ row.numpy()) for row in pay], dtype=torch.float64)
    for kind in (exact.ON_POLICY, exact.WEIGHTED, "fingerprint"):
        assert torch.allclose(found[kind], on_policy), kind


@pytest.mark.parametrize(("game", "g"), PICKS)
def test_plain_replay_picks_the_wrong_response_where_theory_says_so(game: str, g: int) -> None:
    found = exact.minimisers(exact.payoffs(game), g, exact.falling(1000))
    right, plain = PICKS[game, g]
    assert exact.best(found["plain"].tolist()) == plain
    for kind in (exact.ON_POLICY, exact.WEIGHTED, "as clipped", "fingerprint"):
        assert exact.best(found[kind].tolist()) == right, kind


def test_plain_replay_by_hand() -> None:
    # eps is .51 in the mean, and the rows of climbing are 11 -30 0, -30 7 6 and 0 0 5
    found = exact.minimisers(exact.payoffs("climbing"), 1, exact.falling(1000))["plain"]
    hand = [0.49 * row[1] + 0.51 * sum(row) / 3 for row in ([11, -30, 0], [-30, 7, 6], [0, 0, 5])]
    assert found.tolist() == pytest.approx(hand)


def test_weights_average_1_under_the_policy_that_collected() -> None:
    then = exact.partner(exact.falling(20), 2, 3)
    assert torch.allclose((then * exact.weights(then[-1], then)).sum(1), torch.ones(20, dtype=torch.float64))


@pytest.mark.learning
@pytest.mark.parametrize(("game", "g"), [("climbing", 1), ("penalty", 0)])
def test_learners_pick_what_their_minimisers_pick(game: str, g: int) -> None:
    right, _ = PICKS[game, g]
    for replay in ("plain", "importance", "fingerprint"):
        q = exact.learned(silent, game, g, replay, steps=4000, runs=20, seed=100)
        hits = sum(exact.best(one) == right for one in q)
        assert hits <= 6 if replay == "plain" else hits >= 18, replay


def test_figure_holds_what_was_computed() -> None:
    figure = exact.FIGURE
    done = []
    for part in figure.parts(True, 2):
        steps = {"steps": 5} if "steps" in part.settings else {}
        done.append((part, part.function(silent, **{**part.settings, **steps})))
    report = figure.assemble(done, True, 2)
    cells = {(row.group, row.label): row.exact["best response"] for row in report.rows if row.exact}
    assert cells["climbing, partner settled on 1: minimisers at eps = 0.02", "plain"] == "2, wrong"
    assert cells["climbing, partner settled on 1: minimisers at eps = 0.02", "fingerprint"] == "1"
    assert len(report.rows) == 6 * (len(exact.MINIMISERS) + len(exact.REPLAYS))
    figure.plot(report)
