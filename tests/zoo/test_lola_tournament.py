"""The round robin: all sit where they should, a seed is a tournament of its own, and the report says who leads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from zoo.papers.figure import Part
from zoo.papers.lola.hall import LEARNERS, PAIRS, Hall
from zoo.papers.lola.tournament import FIGURE, GAMES, tournament
from zoo.papers.run import reproduce
from zoo.work.progress import unwatched

ALWAYS = 40.0  # a logit


def silent(done: int, total: int) -> None:
    """Tell nobody."""


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    return {game: tournament(silent, game, 2, 3, 8) for game in GAMES}


def test_every_place_is_taken_once_and_partners_face_each_other() -> None:
    hall = Hall("ipd", 3, 5)
    taken = torch.cat([where.index for where, _ in (*hall.tables, *hall.exact)])
    assert sorted(taken.tolist()) == list(range(2 * 3 * len(PAIRS)))
    assert torch.equal(hall.partner[hall.partner], torch.arange(hall.count))
    who = {int(place): where.learner for where, _ in (*hall.tables, *hall.exact) for place in where.index}
    for seed in range(3):
        for number, pair in enumerate(PAIRS):
            row = seed * len(PAIRS) + number
            assert (who[row], who[int(hall.partner[row])]) == pair


def test_rewards_reach_those_who_earned_them() -> None:
    hall = Hall("ipd", 2, 6)
    for where, agent in hall.exact:  # the naive learners always cooperate, LOLA always defects
        for logits in agent.acting_state().values():
            logits.fill_(ALWAYS if where.learner == "naive-exact" else -ALWAYS)
    earned = hall.episode(0).view(2, 2, len(PAIRS))
    at = {pair: earned[:, :, number] for number, pair in enumerate(PAIRS)}
    exactly = {
        ("naive-exact", "naive-exact"): (-1.0, -1.0),
        ("naive-exact", "lola-exact"): (-3.0, 0.0),
        ("lola-exact", "lola-exact"): (-2.0, -2.0),
    }
    for pair, (row, column) in exactly.items():
        assert at[pair][0].tolist() == [row, row] and at[pair][1].tolist() == [column, column]
    for who in LEARNERS[:4]:
        assert (at[who, "naive-exact"][0] >= -1).all() and (at[who, "naive-exact"][1] <= -1).all()
        assert (at[who, "lola-exact"][0] <= -2).all() and (at[who, "lola-exact"][1] >= -2).all()


def test_a_table_learner_learns_from_every_step_and_an_exact_one_from_every_episode() -> None:
    hall = Hall("imp", 1, 7)
    before = [{n: t.clone() for n, t in agent.acting_state().items()} for _, agent in hall.exact]
    hall.episode(0)
    assert all((agent.clock == 7).all() for _, agent in hall.tables)  # type: ignore[attr-defined]
    for then, (_, agent) in zip(before, hall.exact, strict=True):
        assert all(not torch.equal(then[name], t) for name, t in agent.acting_state().items())


@pytest.mark.learning
def test_a_seed_is_the_same_tournament_whatever_the_number_of_seeds(results: dict[str, Any]) -> None:
    alone = tournament(silent, "imp", 1, 3, 8)
    for who in LEARNERS:
        np.testing.assert_allclose(alone["learners"][who][0], results["imp"]["learners"][who][0], atol=1e-12)
    different = [np.ptp(results["imp"]["all"][who]) > 0 for who in LEARNERS]
    assert sum(different) >= 4


@pytest.mark.learning
def test_nothing_is_won_in_matching_pennies_that_nobody_lost(results: dict[str, Any]) -> None:
    for pair, (row, column) in results["imp"]["pairs"].items():
        np.testing.assert_allclose(np.array(row) + np.array(column), 0, atol=1e-12, err_msg=pair)


@pytest.mark.learning
def test_the_report_ranks_by_what_was_earned_and_draws_both_games(results: dict[str, Any]) -> None:
    for rank, who in enumerate(("lola-exact", "wolf-phc", "phc", "jal-q", "naive-exact", "independent-q")):
        results["ipd"]["last"][who] = [-1.0 - rank, -1.25 - rank]
    parts = FIGURE.parts(True, 2)
    assert [part.settings["game"] for part in parts] == list(GAMES)
    done = [(Part(p.name, p.function, p.settings), results[p.settings["game"]]) for p in parts]
    report = FIGURE.assemble(done, True, 2)
    ipd = [row.label for row in report.rows if row.group.startswith("Iterated prisoner")]
    assert ipd == ["LOLA-Ex", "WoLF-PHC", "PHC", "JAL-Q", "NL-Ex", "NL-Q"]
    assert len(report.rows) == 2 * len(LEARNERS)
    assert "LOLA-Ex is number 1 of 6, +0.25 per step against the best of the others, WoLF-PHC" in report.notes[0]
    assert "Ours: it is number 1, +1.000" in report.notes[0]
    assert "LOLA-Ex is number 5 of 6, -0.23 per step against the best of the others, NL-Q" in report.notes[1]
    published = {(row.group[:13], row.label): row.published.value for row in report.rows if row.published}
    assert len(published) == 12 and published["Iterated matc", "LOLA-Ex"] == -0.1
    assert not {"agrees", "no number published"} & {row.verdict for row in report.rows}  # of two seeds, and of a figure
    panels = FIGURE.plot(report).axes
    assert [len(panel.lines) for panel in panels] == [len(LEARNERS)] * 2


def test_a_tournament_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.papers.lola.tournament.SAVE", 0.0)
    whole, kept = tournament(silent, "ipd", 1, 4, 5), tmp_path / "state.safetensors"
    seen: list[int] = []

    def stop(done: int, total: int) -> None:
        seen.append(done)
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # after the second save
        tournament(stop, "ipd", 1, 4, 5, state=kept)
    assert tournament(lambda done, total: seen.append(done), "ipd", 1, 4, 5, state=kept) == whole
    assert seen == [1, 2, 3, 3, 4]


def test_a_part_is_given_a_place_for_its_state_and_leaves_nothing_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Part("ipd", tournament, {}).keeps and not Part("x", silent, {}).keeps
    monkeypatch.setattr("zoo.papers.lola.tournament.QUICK", 2)
    monkeypatch.setattr("zoo.papers.lola.tournament.STEPS", 3)
    monkeypatch.setattr("zoo.papers.lola.tournament.SAVE", 0.0)
    list(reproduce(FIGURE, tmp_path, quick=True, seeds=1, workers=1, force=False, watch=unwatched))
    assert {path.suffix for path in (tmp_path / "parts").iterdir()} == {".json"}
