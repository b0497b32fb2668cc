"""Figures run again: kept parts, verdicts, the screens, and that the estimators rank as they should."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from leaderboard.report import plots
from leaderboard.statistics import estimate
from leaderboard.statistics.estimate import Estimate, exact
from tests.zoo.command_line import Refused, Zoo
from zoo import papers
from zoo.entry.registry import load_arena
from zoo.errors import UserError
from zoo.papers import learning_runs, pages
from zoo.papers.dice import derivatives
from zoo.papers.dice import example as dice_example
from zoo.papers.dice import gradients as dice_gradients
from zoo.papers.figure import Figure, FigureRow, Part, Published, Reproduction, Tell
from zoo.papers.lola import imp as lola_imp
from zoo.papers.lola import ipd as lola_ipd
from zoo.papers.run import assembled, key
from zoo.papers.run import reproduce as run
from zoo.papers.screen import report_screen
from zoo.work.jobs import Done
from zoo.work.progress import Reading

CALLS: list[int] = []


def square(tell: Tell, number: int) -> dict[str, float]:
    if number < 0:
        raise KeyboardInterrupt
    CALLS.append(number)
    tell(1, 1)
    return {"square": number**2}


class Squares(Figure):
    name, unit = "squares", "numbers"
    interrupted = False

    @property
    def facts(self) -> dict[str, Any]:
        seeds = {"seeds_default": 3, "seeds_quick": 2}
        return {"name": self.name, "title": "Squares", "source": "Euclid, book II"} | seeds

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        found = [Part(f"number {n}", square, {"number": n}) for n in range(seeds)]
        return [*found[:2], Part("stop", square, {"number": -1}), *found[2:]] if self.interrupted else found

    def assemble(self, done: Sequence[tuple[Part, Any]], quick: bool, seeds: int) -> Reproduction:
        values = [result["square"] for _, result in done]
        return Reproduction(
            [FigureRow("mean of squares", estimate.t(values), Published(1.0))],
            {"n": seeds},
            "0 to 2",
            data={"y": values},
        )

    def plot(self, report: Reproduction) -> Any:
        plot, (axes,) = plots.panels(1)
        plots.curve(axes, [0, 1, 2], report.data["y"], [None] * 3, [None] * 3, label="n^2", colour=plots.COLOURS[0])
        return plot


def go(figure: Figure, folder: Path, workers: int = 1, force: bool = False) -> list[Done]:
    CALLS.clear()
    chosen = run(figure, folder, quick=False, seeds=3, workers=workers, force=force, watch=lambda *_: None)
    return list(chosen)


def test_what_was_stopped_goes_on_where_it_stopped(tmp_path: Path) -> None:
    stopped = Squares()
    stopped.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        go(stopped, tmp_path)
    assert CALLS == [0, 1]
    done = go(Squares(), tmp_path)
    assert CALLS == [2]
    assert [d.kept for d in done] == [True, True, False]
    assert assembled(Squares(), done, quick=False, seeds=3).data["y"] == [0, 1, 4]
    assert all(d.kept for d in go(Squares(), tmp_path))
    assert CALLS == []


def test_force_starts_anew_and_a_spoiled_part_is_done_again(tmp_path: Path) -> None:
    go(Squares(), tmp_path)
    assert not any(d.kept for d in go(Squares(), tmp_path, force=True))
    kept = sorted((tmp_path / "parts").iterdir())
    assert len(kept) == 3  # and nothing half written
    kept[0].write_text(kept[0].read_text()[:-9])
    assert sum(d.kept for d in go(Squares(), tmp_path)) == 2
    assert len(CALLS) == 1


def test_a_part_is_known_by_its_settings_and_the_figures_revision() -> None:
    class Revised(Squares):
        revision = 2

    part, other = Squares().parts(False, 2)
    keys = {key(Squares(), part), key(Squares(), other), key(Revised(), part)}
    assert len(keys) == 3
    assert key(Squares(), Part("another name", part.function, dict(part.settings))) in keys


@pytest.mark.slow
def test_worker_processes_give_the_same(tmp_path: Path) -> None:
    def parts(folder: str, workers: int) -> dict[str, Any]:
        figure = dice_gradients.FIGURE
        tiny = [Part(p.name, p.function, {**p.settings, "sizes": [64]}) for p in figure.parts(True, 2)]

        class Tiny(dice_gradients.DiceGradients):
            def parts(self, quick: bool, seeds: int) -> list[Part]:
                return tiny

        told: list[tuple[str, Reading]] = []
        chosen = run(
            Tiny(), tmp_path / folder, quick=True, seeds=2, workers=workers, force=False,
            watch=lambda *news: told.append(news),
        )  # fmt: skip
        found = {done.job.key: done.result for done in chosen}
        assert told
        return found

    assert parts("two", 2) == parts("one", 1)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another --out"):
        go(Squares(), tmp_path / "file")


@pytest.mark.parametrize(
    ("published", "low", "high", "verdict"),
    [
        (None, 0.9, 1.1, "no number published"),
        (Published(1.04, 0.88, 1.2), 0.9, 1.1, "agrees"),
        (Published(1.04, 0.98, 1.1), 0.9, 1.1, "cannot be told apart"),
        (Published(1.04, 0.98, 1.1), None, None, "one seed: no verdict"),
        (Published(2.0, 1.5, 2.5), 0.9, 1.1, "worse by 1"),
        (Published(0.0, -0.5, 0.5), 0.9, 1.1, "better by 1"),
        (Published(1.05), 0.9, 1.1, "cannot be told apart"),
        (Published(1.2), 0.9, 1.1, "worse by 0.2"),
        (Published(1.0), 1.0, 1.0, "agrees"),
        (Published(1.004, rounding=0.005), 1.0, 1.0, "agrees"),
        (Published(1.006, rounding=0.005), 1.0, 1.0, "worse by 0.006"),
    ],
)
def test_the_verdict_says_where_we_are_worse(
    published: Published | None, low: float | None, high: float | None, verdict: str
) -> None:
    assert FigureRow("", Estimate(1.0, low, high, 9), published, better="higher").verdict == verdict


def test_a_verdict_without_a_better_way_tells_the_sign() -> None:
    assert FigureRow("", Estimate(1.0, 0.9, 1.1, 9), Published(1.2)).verdict == "misses by -0.2"


def test_the_papers_own_luck_and_rounding_count() -> None:
    """-1.415 of 400 runs beside -1.54 of 50 runs: the 50 runs alone allow .13."""
    ours = Estimate(-1.415, -1.46, -1.37, 400)
    assert FigureRow("", ours, Published(-1.54), better="higher", sd=0.46).verdict == "better by 0.12"
    known = Published(-1.54, runs=50, rounding=0.005)
    assert FigureRow("", ours, known, better="higher", sd=0.46).verdict == "cannot be told apart"
    assert FigureRow("", replace(ours, mean=-1.3), known, better="higher", sd=0.46).verdict == "better by 0.24"


def test_fewer_seeds_make_no_agreement_easier() -> None:
    """Runs that end at -2 but for one in fifty: few of them are equal, and do not know it."""
    published = Published.of_runs(-1.98, 0.14, 50)

    def verdict(values: list[float]) -> str:
        return learning_runs.over_runs("", np.array(values), published, "", "higher").verdict

    assert verdict([-2.0] * 390 + [-1.0] * 10) == "agrees"
    assert [verdict([-2.0] * n) for n in (1, 2, 5, 40)] == ["one seed: no verdict", *["cannot be told apart"] * 3]
    draw = np.random.default_rng(0)
    agreeing = []
    for n in (2, 5, 20, 100, 400):
        samples = draw.normal(-1.98, 0.14, size=(200, n))
        agreeing.append(sum(verdict(sample.tolist()) == "agrees" for sample in samples))
    assert agreeing == sorted(agreeing) and agreeing[0] == 0 and agreeing[-1] > 150


def test_number_published_and_verdict_stand_in_one_line_of_eighty_columns() -> None:
    row = FigureRow(
        "LOLA2 against LOLA2", Estimate(-1.045, -1.057, -1.032, 400), Published(-1.14), "g", "higher", sd=0.13
    )
    told = replace(row, note="all updates -1.073")
    report = Reproduction([told, replace(told, label="LOLA against NL", note="all updates -1.202")], {}, "0 to 399")
    console = Console(width=80, record=True, file=io.StringIO())
    run = {"quick": False, "workers": 1, "parts": 1, "kept": 0, "cpu_s": 0.0, "wall_s": 0.0}
    console.print(report_screen(Squares(), report, run))
    lines = console.export_text().splitlines()
    [line] = [line for line in lines if line.startswith("LOLA2 against LOLA2 ")]
    assert line.split()[3:] == ["-1.14", "-1.045", "[-1.057,", "-1.032]", "better", "by", "0.095", "0.13"]
    assert "all updates: LOLA2 against LOLA2 -1.073; LOLA against NL -1.202" in lines
    computed = FigureRow("u = m", exact(4.0), group="computed", note="size, over 200")
    console.print(report_screen(Squares(), replace(report, rows=[*report.rows, computed]), run))
    lines = console.export_text().splitlines()
    assert "u = m: size, over 200" in lines and [line.split() for line in lines if line.startswith("u = m  ")] == [
        ["u", "=", "m", "4.000", "exact"]
    ]


def test_another_first_seed_gives_other_runs_and_other_files(
    zoo: Zoo, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("reproduce", "lola-imp", "--quick", "--seeds", 2, "--plot", "none", "--out", tmp_path, "--json")
    monkeypatch.setattr(lola_imp.LolaImp, "updates", {False: 2, True: 1})
    monkeypatch.setattr(lola_imp.LolaImp, "copies", 2)
    usual, again = zoo(*words).json, zoo(*words, "--first-seed", 0).json
    assert again["run"]["kept"] == usual["run"]["parts"] and again["rows"] == usual["rows"]
    other, third = (zoo(*words, "--first-seed", first).json for first in (1, 2))
    assert other["run"]["kept"] == third["run"]["kept"] == 0
    means = [[row["ours"]["mean"] for row in report["rows"] if row["sd"]] for report in (usual, other, third)]
    assert len({tuple(values) for values in means}) == 3
    assert other["seeds"].endswith("of first seed 1") and other["settings"]["first seed"] == 1
    assert {file.name for file in tmp_path.glob("*.json")} == {
        "lola-imp-quick.json", "lola-imp-quick-first-seed-1.json", "lola-imp-quick-first-seed-2.json"
    }  # fmt: skip
    assert "draws no runs of its own" in refused("reproduce", "maddpg-covert", "--first-seed", 1)


def test_targets_are_met_or_missed() -> None:
    assert FigureRow("", Estimate(0.96, None, None, 1), at_least=0.95).target == ">=0.95 met"
    assert FigureRow("", Estimate(0.94, None, None, 1), at_least=0.95).target == ">=0.95 missed"


def test_intervals_of_means_shares_and_deviations() -> None:
    bounds = Published.of_runs(-1.06, 0.19, 50)
    assert bounds.low == pytest.approx(-1.114, abs=1e-3)  # t, 49 degrees of freedom
    assert estimate.wilson(49, 50).low == pytest.approx(0.895, abs=1e-3)  # Wilson's
    assert estimate.wilson(0, 50).high == pytest.approx(0.0713, abs=1e-3)
    told = estimate.deviation(float(np.std([0.0, 1.0] * 25, ddof=1)), 50)
    assert told.low == pytest.approx(told.mean * 0.8353, rel=1e-3)  # chi-squared, 49 degrees of freedom
    assert told.high == pytest.approx(told.mean * 1.2461, rel=1e-3)


def test_curves_of_parts_are_pooled_as_one() -> None:
    values = torch.randn(30, 12, generator=torch.Generator().manual_seed(1), dtype=torch.float64).numpy()

    def result(runs: Any) -> dict[str, Any]:
        seat = {"tail": [], "all": [], "policy": [], "curve": learning_runs.thinned(runs)}
        return {"row": seat}

    whole = learning_runs.thinned(values)
    pooled = learning_runs.joined([result(values[:, :5]), result(values[:, 5:11]), result(values[:, 11:])])
    assert pooled["row"]["curve"]["mean"] == pytest.approx(whole["mean"])
    assert pooled["row"]["curve"]["error"] == pytest.approx(whole["error"])


def test_the_band_of_a_curve_is_students() -> None:
    """Two runs have one degree of freedom: 12.7 standard errors, where 1.96 would cover 70 % only."""
    for runs, errors in ((2, 12.706), (5, 2.776), (50, 2.010)):
        curve = {"update": [1.0], "mean": [0.5], "error": [0.1], "runs": runs}
        band = learning_runs.band(curve)
        assert (band["x"], band["mean"]) == ([1.0], [0.5])
        assert band["high"][0] - 0.5 == pytest.approx(0.1 * errors, rel=1e-3)
        assert 0.5 - band["low"][0] == pytest.approx(0.1 * errors, rel=1e-3)
    values = np.random.default_rng(0).normal(size=(1, 5))
    of_runs, wanted = learning_runs.band(learning_runs.thinned(values)), estimate.t(values[0])
    assert (of_runs["low"], of_runs["high"]) == (pytest.approx([wanted.low]), pytest.approx([wanted.high]))
    alone = learning_runs.band(learning_runs.thinned(values[:, :1]))
    assert (alone["low"], alone["high"]) == ([None], [None])


@pytest.mark.learning
def test_estimates_of_derivatives_rank_as_they_should() -> None:
    pairs = [dice_gradients.one_pair(lambda *_: None, seed, [64, 1_000]) for seed in (0, 1)]

    def correlation(estimator: str, kind: str, at: int) -> list[float]:
        return [pair[estimator][kind]["correlation"][at] for pair in pairs]

    assert all(pair["surrogate"]["mixed"]["zero"] for pair in pairs)
    assert correlation("surrogate", "gradient", 1) == correlation("dice", "gradient", 1)
    for at in (0, 1):
        for one, dice, baseline in zip(
            *(correlation(e, "mixed", at) for e in ("loaded", "dice", "baseline")), strict=True
        ):
            assert one > 0.3 + max(dice, baseline)
        for with_baseline, without in zip(*(correlation(e, "gradient", at) for e in ("baseline", "dice")), strict=True):
            assert with_baseline > without
    assert estimate.t(correlation("loaded", "mixed", 1)).mean >= 0.95  # the mean over pairs, as in the figure
    assert min(correlation("loaded_fitted", "gradient", 1)) > 0.99


def test_the_exact_values_are_the_arenas() -> None:
    logits = torch.randn(2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    arena = load_arena("ipd").make(1)
    policies = {seat: derivatives.LogitTable(own) for seat, own in zip(arena.spec.seats, logits, strict=True)}
    exact = arena.value(policies, steps=derivatives.STEPS)["row"]
    assert derivatives.Pair(logits).values()[0, 0].item() == pytest.approx(exact.item(), abs=1e-9)


def test_the_list_says_what_there_is_and_how_long_it_takes(zoo: Zoo) -> None:
    told = {line["name"]: line for line in zoo("reproduce", "--list", "--json").json}
    assert set(told) == set(papers.NAMES)
    for line in told.values():
        assert 0 < line["cpu_minutes_quick"] < line["cpu_minutes"] <= 60  # 30 minutes on two cores
    screen = zoo("reproduce", "--list").out
    assert all(name in screen for name in papers.NAMES)
    estimates = sum("estimated" in line for line in told.values())
    assert screen.count("~") == (estimates + 1 if estimates else 0)  # one more where it says what that means


def test_an_unknown_name_is_answered_with_the_nearest(refused: Refused) -> None:
    assert "did you mean dice-gradients" in refused("reproduce", "dice-gradient")
    assert "lola-ipd" in refused("reproduce")


def test_the_command_writes_json_and_pictures_and_goes_on(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(papers, "load", lambda name: Squares())
    CALLS.clear()
    said = zoo("reproduce", "squares", "--out", tmp_path, "--plot", "both", "--seeds", 3)
    assert CALLS == [0, 1, 2]
    assert "mean of squares" in said.out
    assert "cannot be told apart" in said.out
    assert (tmp_path / "squares.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "squares.svg").read_text()
    told = json.loads((tmp_path / "squares.json").read_text())
    assert told["rows"][0]["ours"]["mean"] == pytest.approx(5 / 3)
    assert told["rows"][0]["verdict"] == "cannot be told apart"
    assert told["run"]["kept"] == 0
    again = zoo("reproduce", "squares", "--out", tmp_path, "--plot", "none", "--seeds", 3, "--json").json
    assert again["run"]["kept"] == 3
    assert again["rows"] == told["rows"]
    assert CALLS == [0, 1, 2]
    kept = (tmp_path / "squares.json").read_text()
    zoo("reproduce", "squares", "--quick", "--out", tmp_path, "--seeds", 3)
    assert (tmp_path / "squares.json").read_text() == kept
    assert json.loads((tmp_path / "squares-quick.json").read_text())["run"]["quick"]
    assert (tmp_path / "squares-quick.png").exists()


def test_all_figures_go_on_and_their_page_counts_verdicts(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    facts = {"cpu_minutes": 0.1, "cpu_minutes_quick": 0.01}
    monkeypatch.setattr(papers, "NAMES", ("squares", "cubes"))
    monkeypatch.setattr(papers, "FIGURES", {"squares": facts, "cubes": facts})
    monkeypatch.setattr(papers, "load", lambda name: type(name, (Squares,), {"name": name})())
    CALLS.clear()
    words = ("reproduce", "--all", "--out", tmp_path, "--plot", "none", "--seeds", 3, "--first-seed", 5)
    said = zoo(*words)  # they draw nothing, so that they have no other first seed
    assert CALLS == [0, 1, 2, 0, 1, 2]
    assert "squares" in said.out
    assert "about 0.2 CPU minutes" in said.err
    told = zoo(*words, "--json").json
    assert CALLS == [0, 1, 2, 0, 1, 2]
    assert [(one["name"], one["cannot tell"], one["agrees"], one["run"]["kept"]) for one in told] == [
        ("squares", 1, 0, 3),
        ("cubes", 1, 0, 3),
    ]
    page = (tmp_path / "README.md").read_text()
    assert re.search(r"^\| all \| 0 \| 0 \| 2 \| 0 \| 0 \|", page, re.MULTILINE)
    assert "leave out lola-ipd" in refused("reproduce", "lola-ipd", "--all")


def test_a_page_says_what_the_file_says_and_names_what_misses() -> None:
    missing = FigureRow(
        "mean", estimate.t([1.0, 1.1, 0.9]), Published(3.0), "group", "higher", at_least=2.0, note="near"
    )
    report = Reproduction([missing, FigureRow("other", estimate.exact(2.0))], {"n": 3}, "0 to 2", ["why it misses"])
    run = {"quick": False, "workers": 1, "parts": 1, "kept": 0, "cpu_s": 60.0, "wall_s": 60.0}
    facts = {"name": "means", "title": "Means", "source": "nobody 2020", "version": "1", "run": run}
    whole = json.loads(json.dumps(facts | report.to_json()))
    again = Reproduction.from_json(whole)
    assert json.loads(json.dumps(again.to_json())) == {name: whole[name] for name in report.to_json()}
    page = pages.figure_page(whole, "means.png")
    assert "| mean | 3 | 1.00 [0.75, 1.25] | worse by 2 | 3 | >=2 missed |" in page
    assert "![Means](means.png)" in page
    every = pages.overview_page([whole])
    assert "| means | group: mean | 3 | worse by 2 |" in every
    assert "- why it misses" in every


def test_agreement_with_tit_for_tat_is_of_both_players_at_all_observations() -> None:
    always_defect, tit_for_tat = [0.0] * 5, [1.0, 1.0, 0.0, 1.0, 0.0]
    pairs = np.array([[always_defect] * 2, [tit_for_tat] * 2, [tit_for_tat, always_defect], [[0.5] * 5] * 2])
    # with tit-for-tat in one seat, a defector does the same where tit-for-tat sees DD or, in its own view, CD
    assert lola_ipd.FIGURE.agreement(pairs).tolist() == pytest.approx([0.2, 1.0, 0.4, 0.25])


def test_the_equilibrium_of_matching_pennies_is_every_probability_near_a_half() -> None:
    there, almost = [0.5, 0.45, 0.55, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5, 0.7]
    pairs = np.array([[there] * 2, [there, almost], [[0.0] * 5] * 2])
    assert lola_imp.FIGURE.agreement(pairs).tolist() == pytest.approx([1.0, 0.9, 0.0])


def test_the_surrogate_loss_is_wrong_at_second_order_and_newton_shows_it() -> None:
    for theta in (0.1, 0.4, 0.9):
        right = [1 + theta - 2 * theta**2, 1 - 4 * theta]
        assert dice_example.derivatives("exact", theta) == pytest.approx([*right, -4])
        assert dice_example.derivatives("DiCE", theta) == pytest.approx([*right, -4])
        assert dice_example.derivatives("surrogate loss", theta) == pytest.approx([*right, -2])
    assert dice_example.newton("DiCE") == pytest.approx([0.25] * 4)
    assert dice_example.newton("surrogate loss") == pytest.approx([0.1, 0.4] * 2)
    assert dice_example.solved()[-1] < 1e-9 < dice_example.solved()[4]


def test_runs_of_few_outcomes_are_counted() -> None:
    """Four of 400 naive pairs cooperate: the mean's t interval would not know."""
    values = np.array([-2.0] * 396 + [-1.0] * 4)
    row = learning_runs.share_of_runs("NL-Ex", values, lola_ipd.COOPERATES, lola_ipd.SHARE)
    assert (row.ours.mean, row.ours.method, row.ours.n) == (0.01, "Wilson", 400)
    assert row.ours.low == pytest.approx(0.0039, abs=1e-4) and row.ours.high == pytest.approx(0.0254, abs=1e-4)


@pytest.mark.parametrize(
    "name",
    [
        "dice-example",
        "dice-baseline",
        "lola-ipd",
        "lola-imp",
        "lola-exploitability",
        "lola-coin",
        "dice-lookahead",
        "mackrl-matrix",
    ],
)
def test_every_figure_goes_from_its_parts_to_rows_and_a_picture(name: str) -> None:
    """With so little work that the numbers mean nothing."""
    figure = papers.load(name)
    seeds = 1 if name == "lola-coin" else 3
    small = {"updates": 2, "copies": 2, "games": 2, "episodes": 2, "samples": 1}
    done = []
    for part in figure.parts(True, seeds):
        settings = part.settings | {key: value for key, value in small.items() if key in part.settings}
        result = json.loads(json.dumps(part.function(lambda *_: None, **settings)))
        done.append((Part(part.name, part.function, settings), result))
    report = figure.assemble(done, True, seeds)
    assert all(math.isfinite(row.ours.mean) for row in report.rows)
    assert any(row.published is not None for row in report.rows)
    json.dumps(report.to_json(), allow_nan=False)
    assert plots.pictures(figure.plot(report), ["png"])["png"].startswith(b"\x89PNG")
    console = Console(width=80, record=True, file=io.StringIO())
    run = {"quick": True, "workers": 1, "parts": 1, "kept": 0, "cpu_s": 0.0, "wall_s": 0.0}
    console.print(report_screen(figure, report, run))
    assert all(len(line) <= 80 for line in console.export_text().splitlines())
