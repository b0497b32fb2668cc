"""The proposition on right gradient steps: laws held against plain enumeration, and what is told of them."""

from __future__ import annotations

import io
import itertools
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from leaderboard.report import plots
from tests.zoo.command_line import Zoo
from zoo.papers.figure import Part, Reproduction
from zoo.papers.maddpg import gradient_direction as figure
from zoo.papers.maddpg import step_signs
from zoo.papers.maddpg.gradient_direction import FIGURE, VARIANTS
from zoo.papers.maddpg.step_signs import HALF, REWARDS, products, shares
from zoo.papers.screen import report_screen

THETAS = (HALF, Fraction(2, 3), figure.BESIDE)


def done() -> list[tuple[Part, Any]]:
    """Parts and results of a quick run, as they are read back from a file."""
    return [
        (part, json.loads(json.dumps(part.function(lambda *_: None, **part.settings))))
        for part in FIGURE.parts(True, 1)
    ]


def test_the_proposition_holds_for_the_reward_of_all_ones() -> None:
    for agents in range(1, 13):
        right, none, wrong = shares(products("score", agents, HALF, REWARDS["all ones"]))
        assert (right, none, wrong) == (Fraction(1, 2**agents), 1 - Fraction(1, 2**agents), 0)


@pytest.mark.parametrize("agents", range(1, 9))
def test_the_reward_as_printed_has_no_gradient(agents: int) -> None:
    assert step_signs.gradient(agents, HALF, REWARDS["all equal"]) == [0] * agents
    assert shares(products("score", agents, HALF, REWARDS["all equal"])) == (0, 1, 0)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_law_is_what_the_enumeration_finds(name: str) -> None:
    variant = VARIANTS[name]
    for agents in range(1, 9):
        found = shares(products(variant.estimator, agents, variant.theta, REWARDS[variant.reward]))
        assert variant.law(agents, variant.theta) == found
        assert sum(found) == 1


@pytest.mark.parametrize("theta", THETAS)
@pytest.mark.parametrize("agents", [1, 2, 3, 5])
def test_the_gradient_is_that_of_the_objective(agents: int, theta: Fraction) -> None:
    """J = theta^N, plus (1 - theta)^N where all zeros are paid too."""
    ones, zeros = theta ** (agents - 1), (1 - theta) ** (agents - 1)
    assert step_signs.objective(agents, theta, REWARDS["all ones"]) == theta**agents
    assert step_signs.gradient(agents, theta, REWARDS["all ones"]) == [ones] * agents
    assert step_signs.gradient(agents, theta, REWARDS["all equal"]) == [ones - zeros] * agents


@pytest.mark.parametrize("theta", THETAS)
@pytest.mark.parametrize("reward", REWARDS)
@pytest.mark.parametrize("estimator", ["score", "critic", "baseline"])
def test_every_step_is_unbiased(estimator: str, reward: str, theta: Fraction) -> None:
    agents, paid = 4, REWARDS[reward]
    g, j = step_signs.gradient(agents, theta, paid), step_signs.objective(agents, theta, paid)
    total = [Fraction(0)] * agents
    for joint in step_signs.joint_actions(agents):
        step = step_signs.estimate(estimator, joint, theta, paid, j)
        total = [t + step_signs.probability(joint, theta) * s for t, s in zip(total, step, strict=True)]
    assert total == g
    assert sum(p * d for p, d in products(estimator, agents, theta, paid)) == sum(x * x for x in g)


def test_a_baseline_makes_wrong_steps() -> None:
    right, _, wrong = shares(products("baseline", 8, HALF, REWARDS["all ones"]))
    assert (right, wrong) == (Fraction(47, 128), Fraction(23, 64))


@pytest.mark.parametrize("estimator", ["score", "critic"])
def test_a_minibatch_is_the_mean_of_its_steps(estimator: str) -> None:
    """Held against the means themselves, vector by vector."""
    agents, draws, reward = 2, 3, REWARDS["all ones"]
    g = step_signs.gradient(agents, HALF, reward)
    right = Fraction(0)
    for batch in itertools.product(step_signs.joint_actions(agents), repeat=draws):
        steps = [step_signs.estimate(estimator, joint, HALF, reward, Fraction(0)) for joint in batch]
        middle = [sum(column, Fraction(0)) / draws for column in zip(*steps, strict=True)]
        if sum(x * y for x, y in zip(middle, g, strict=True)) > 0:
            right += Fraction(1, 2 ** (agents * draws))
    found = products(estimator, agents, HALF, reward)
    assert shares(found, draws)[0] == right == step_signs.in_batch(shares(found)[0], draws)


@pytest.mark.parametrize("right", [Fraction(1), Fraction(19, 20), Fraction(1, 2), Fraction(13, 4096)])
def test_no_fewer_draws_would_do(right: Fraction) -> None:
    draws = step_signs.draws_needed(right)
    assert step_signs.in_batch(right, draws) >= step_signs.SURE
    assert draws == 1 or step_signs.in_batch(right, draws - 1) < step_signs.SURE


def test_rows_screen_and_picture_tell_fractions() -> None:
    report = FIGURE.assemble(done(), True, 1)
    published = [row for row in report.rows if row.published]
    assert {row.verdict for row in published if row.group.startswith("score")} >= {"agrees", "misses by -0.25"}
    assert not any("NOT" in row.group for row in report.rows)
    json.dumps(report.to_json(), allow_nan=False)
    assert plots.pictures(FIGURE.plot(report), ["png"])["png"].startswith(b"\x89PNG")
    lines = screen(report).splitlines()
    assert all(len(line) <= 80 for line in lines)
    [law] = [line.split() for line in lines if line.startswith("N = 8") and line.endswith("agrees")]
    assert law[3:] == ["0.00390625", "(0.5^8)", "1/256", "255/256", "0", "agrees"]
    assert any(line.split()[3:] == ["9/256", "247/256", "0"] for line in lines)
    assert "Exact, without seeds" in lines[-2] + lines[-1]


def test_a_law_that_does_not_hold_is_told() -> None:
    parts = done()
    for part, result in parts:
        if part.name == "critic":
            result[2] = ["1/3", "2/3", "0"]
        elif part.name == "score, batches":
            result[0] = ["1/3", "2/3", "0"]
    groups = {row.group for row in FIGURE.assemble(parts, True, 1).rows}
    assert [group for group in groups if group.endswith("NOT so at N = 3")] != []
    assert [group for group in groups if "NOT 1 - (1 - P(> 0))^M" in group] != []


def test_the_command_writes_all_fractions(zoo: Zoo, tmp_path: Path) -> None:
    zoo("reproduce", "gradient-direction", "--quick", "--out", tmp_path)
    told = json.loads((tmp_path / "gradient-direction-quick.json").read_text())
    assert told["data"]["steps"]["critic"][7] == ["9/256", "247/256", "0"]
    assert (tmp_path / "gradient-direction-quick.png").exists()


def screen(report: Reproduction) -> str:
    console = Console(width=80, record=True, file=io.StringIO())
    run = {"quick": True, "workers": 1, "parts": 1, "kept": 0, "cpu_s": 0.0, "wall_s": 0.0}
    console.print(report_screen(FIGURE, report, run))
    return console.export_text()
