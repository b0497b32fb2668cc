"""Many runs as one batch: deterministic, paired, and exact where the game allows it."""

from __future__ import annotations

import numpy as np
import pytest

from zoo.entry.venue import ArenaChoice
from zoo.play.replicas import Runs, run_replicas

IPD, COIN = ArenaChoice("ipd"), ArenaChoice("coin")


def runs(row: str, column: str, rounds: int = 3, replicas: int = 4, seed: int = 0) -> Runs:
    return run_replicas(IPD, {"row": row, "column": column}, rounds=rounds, replicas=replicas, seed=seed)


@pytest.mark.learning
def test_values_are_exact_and_come_again() -> None:
    told, again, other = (runs("naive-exact", "tit-for-tat", seed=seed) for seed in (0, 0, 1))
    assert told.exact
    assert told.values["row"].shape == (3, 4)
    assert np.array_equal(told.values["row"], again.values["row"])
    assert not np.array_equal(told.values["row"], other.values["row"])
    assert np.array_equal(runs("always-cooperate", "always-defect").values["row"], np.full((3, 4), -3.0))


def test_rules_on_equal_seeds_start_from_equal_policies() -> None:
    naive, lola = runs("naive-exact", "grim"), runs("lola-exact", "grim")
    assert np.array_equal(naive.values["row"][0], lola.values["row"][0])
    assert not np.array_equal(
        runs("naive-exact", "naive-exact").values["row"][2], runs("lola-exact", "naive-exact").values["row"][2]
    )


@pytest.mark.learning
def test_more_replicas_leave_the_first_as_they_are() -> None:
    few, many = (runs("lola-exact", "lola-exact", replicas=replicas).values["row"] for replicas in (2, 5))
    assert np.allclose(few, many[:, :2], atol=1e-12)
    assert len(np.unique(many[0])) == 5


@pytest.mark.learning
def test_sampled_replicas_do_not_depend_on_their_number() -> None:
    few, many = (
        run_replicas(
            IPD, {"row": "naive,hidden=0", "column": "lola,hidden=0"}, rounds=4, replicas=n, copies=8, length=None
        )
        for n in (2, 3)
    )
    assert np.allclose(few.values["row"], many.values["row"][:, :2], atol=1e-5)


def test_tail_and_mean_are_over_rounds() -> None:
    told = runs("naive-exact", "always-defect", rounds=20)
    assert np.allclose(told.tail()["row"], told.values["row"][-2:].mean(0))
    assert np.allclose(told.mean()["column"], told.values["column"].mean(0))


def test_probabilities_are_those_of_the_final_policy() -> None:
    told = runs("naive-exact", "tit-for-tat", rounds=200).probabilities("row")
    assert told.shape == (4, 5, 2)
    assert np.allclose(told.sum(-1), 1)
    assert np.array_equal(runs("naive-exact", "tit-for-tat").probabilities("column")[0, :, 0], [1, 1, 0, 1, 0])


@pytest.mark.learning
def test_sampled_learners_with_a_memory_are_judged_by_what_they_got() -> None:
    texts = {"red": "naive,hidden=8", "blue": "greedy"}
    told = run_replicas(COIN, texts, rounds=2, replicas=3, copies=4, length=10)
    assert not told.exact
    assert told.values["red"].shape == (2, 3)
    with pytest.raises(ValueError, match="red has no table of probabilities in coin-v1"):
        told.probabilities("red")


def test_a_learner_that_trains_one_run_at_a_time_is_run_as_often() -> None:
    """Every run has luck of its own, and the runs are the same however many there are."""
    texts = {"red": "advantage-alignment,hidden=8", "blue": "naive,hidden=8"}
    three, two = (run_replicas(COIN, texts, rounds=2, replicas=n, copies=4, length=10) for n in (3, 2))
    for seat, values in three.values.items():
        assert len(set(values.sum(0))) == 3
        assert np.allclose(values[:, :2], two.values[seat])
    policy = three.players["red"].policy("red")
    assert policy is not None and policy.replicas == 3  # which the others see as one
