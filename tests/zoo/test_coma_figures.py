"""Figures of COMA's chapter: what is exact in them, and that learning orders methods as theory says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from zoo.entry.entrant import read_entrant
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers import load
from zoo.papers.coma import table
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
from zoo.papers.figure import Published


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


def test_every_method_of_the_table_is_an_agent_and_was_chosen_among_five() -> None:
    venue = Venue(ArenaChoice(table.ARENA, table.USUAL))
    for label, method in table.METHODS.items():
        read_entrant(method.agent, venue.arena(1), venue.identity, learning=True)
        tried = table.TRIED.get(label, table.TRIED["central-V"])
        assert len(tried) >= 5, label
    assert set(table.TRIED) <= set(table.METHODS)


def test_the_table_counts_the_last_evaluation_and_says_what_the_bars_say() -> None:
    figure: Any = load("coma-table")
    results = []
    for part in figure.parts(False, 2):
        games = part.settings.get("episodes")
        level = 0.95 if "central-v" in part.settings.get("agent", "") else 0.4 + 0.01 * part.settings.get("seed", 0)
        results.append((part, games // 2 if games else {"won": level, "curve": [1.0, 1.0, 1.0, level]}))
    report = figure.assemble(results, False, 2)
    ours = {row.label: row.ours.mean for row in report.rows}
    assert ours["central-V"] == pytest.approx(0.95)
    assert ours["COMA"] == pytest.approx(0.405)
    assert any(note.startswith("central-V: at least 0.9 in 2 of 2") for note in report.notes)
    assert any(note.startswith("COMA: at least 0.5 in 0 of 2") for note in report.notes)
    assert any(note.startswith("central-V above IAC-V") for note in report.notes)


def test_another_battle_is_a_column_with_the_thesiss_numbers_beside_it() -> None:
    figure: Any = load("coma-table,scenario=3m,enemy=1,methods=thesis")
    assert figure.label == "coma-table,scenario=3m,enemy=1.0,methods=thesis"
    parts = figure.parts(True, 2)
    assert {tuple(part.settings["battle"]) for part in parts} == {("scenario=3m", "enemy=1")}
    results = [(p, 64 if "episodes" in p.settings else {"won": 0.5, "curve": [0.75, 0.5]}) for p in parts]
    report = figure.assemble(results, True, 2)
    assert {row.group for row in report.rows} == {"share of battles won after 4,096 steps, 3m, enemy x 1"}
    rows = {row.label: row for row in report.rows}
    assert set(table.THESIS) | {"nearest first"} == set(rows)
    assert rows["COMA"].published == Published(0.87, 0.84, 0.9, "thesis", rounding=0.005)
    assert (rows["COMA"].ours.mean, rows["COMA, best"].ours.mean) == (0.5, 0.75)
    figure.plot(report)
    usual: Any = load("coma-table")
    assert usual.label == "coma-table" and tuple(usual.parts(True, 1)[0].settings["battle"]) == table.USUAL


@pytest.mark.slow
def test_a_run_is_the_same_again() -> None:
    agent = "coma,hidden=8,critic_hidden=8,warmup=1"
    first, second = (table.one_run(tell, 3, agent, 16, 4096, [*table.USUAL]) for _ in range(2))
    assert first == second
    assert len(first["curve"]) == table.POINTS
    assert np.all((np.array(first["curve"]) >= 0) & (np.array(first["curve"]) <= 1))
