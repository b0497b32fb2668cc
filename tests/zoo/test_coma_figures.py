"""Figures of COMA's chapter: what is exact in them, and that learning orders methods as theory says."""

from __future__ import annotations

from typing import Any

import pytest

from zoo.papers import load
from zoo.papers.coma.baseline import (
    GAMMA,
    METHODS,
    SIGMA,
    TEAMS,
    UPDATES,
    WARM,
    ZERO,
    learned,
    lemma,
    spreads,
    variances,
)


def tell(done: int, total: int) -> None:
    assert done <= total


def test_the_lemma_holds_for_random_tables() -> None:
    found = lemma(tell, 1, 12)
    assert max(found["coma"], found["iac-q"]) < ZERO
    assert found["largest term"] > 0.1


@pytest.mark.parametrize("agents", [2, 40])
def test_variances_are_the_closed_forms(agents: int) -> None:
    found, closed = spreads(tell, 1, agents, 100_000), variances(agents, SIGMA, GAMMA)
    assert {m: found[m] == pytest.approx(closed[m], rel=0.02) for m in METHODS} == dict.fromkeys(METHODS, True)


def test_a_warm_critic_and_a_cold_one_order_the_methods_differently() -> None:
    """Two seeds; over ten the intervals are apart."""
    warm, cold = learned(tell, 100, WARM, UPDATES), learned(tell, 100, 0, UPDATES)
    assert warm["coma"] > warm["central-qv"] > warm["central-v"] > warm["iac-v"]
    assert cold["central-v"] > cold["coma"]


def test_the_report_says_all_three() -> None:
    figure: Any = load("coma-baseline")
    parts = figure.parts(True, 1)
    results = []
    for part in parts:
        settings = dict(part.settings)
        if "games" in settings:
            settings["games"] = 2000
        if "updates" in settings:
            settings |= {"warm": min(2, settings["warm"]), "updates": 4}
        results.append((part, part.function(tell, **settings)))
    report = figure.assemble(results, True, 1)
    assert len(report.rows) == 2 + len(TEAMS) * len(METHODS) + 2 * len(METHODS)
    assert any("COMA" in note and ("~" in note or ">" in note) for note in report.notes)
