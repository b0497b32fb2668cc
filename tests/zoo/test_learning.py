"""`zoo match --learn`: both learn; runs are the unit; whatever stops it, the same command goes on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leaderboard.records import BlockRecord
from leaderboard.report.terminal import to_text
from leaderboard.store.store import Fact, Store
from tests.zoo.command_line import Refused, Zoo, contents, fresh_checkpoint, recorded
from zoo import home
from zoo.entry.venue import ArenaChoice, Venue
from zoo.matches.learning import LearningMatch, LearningSummary, Schedule
from zoo.matches.screen import learning_screen

NAIVE, LOLA = "naive,hidden=0", "lola,hidden=0"
IPD = ("--arena", "ipd", "--set", "arena.max_steps=5")
SMALL = (*IPD, "--learn", "--rounds", 6, "--copies", 4, "--runs", 2)
TINY = ("--rounds", 30, "--runs", 1, "--copies", 8, "--length", 25)
LARGE = r"^zoo: \w+ .seat .*parameters .* are no longer finite after .* smaller steps .a lower lr. may help$"
NAME = "ipd-v1(max_steps=5)"
CHOICE = ArenaChoice("ipd", ("max_steps=5",))


def match(a: str = NAIVE, b: str = LOLA, *, rounds: int = 6, runs: int = 2, seed: int = 0) -> LearningMatch:
    venue = Venue(CHOICE)
    return LearningMatch(venue, (a, b), Schedule(rounds, 4, venue.spec.max_steps, "policies"), runs, seed)


def played(match: LearningMatch) -> LearningSummary:
    with Store(home.records()) as store:
        return match.play(store, "", lambda run, reading: None, recorded=True)


def test_every_figure_comes_again_with_the_seed(zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = zoo("match", NAIVE, LOLA, *SMALL, "--json")
    assert first.err == ""
    assert zoo("match", NAIVE, LOLA, *SMALL, "--json").json == first.json
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "other"))
    assert zoo("match", NAIVE, LOLA, *SMALL, "--json").json == first.json
    assert zoo("match", NAIVE, LOLA, *SMALL, "--seed", 1, "--json").json["seats"] != first.json["seats"]


def test_runs_are_the_unit() -> None:
    told = played(match(runs=3))
    assert len(recorded(NAME)) == 3
    assert {line.last_tenth.n for line in told.seats} == {told.difference.n} == {3}
    assert [(line.entrant, line.seat) for line in told.seats] == [
        (who, seat) for who in (NAIVE, LOLA) for seat in ("row", "column")
    ]
    means = [sum(line.last_tenth.mean for line in told.seats if line.entrant == who) / 2 for who in (NAIVE, LOLA)]
    assert told.difference.mean == pytest.approx(means[0] - means[1])
    alone = played(match(runs=1, seed=1))
    assert alone.difference.low is None
    assert alone.verdict == f"one run cannot tell {NAIVE} and {LOLA} apart"


def test_figures_are_those_of_the_rounds() -> None:
    told = played(match(runs=1, rounds=30))
    for line in told.seats:
        curve = told.curves[f"{line.entrant} as {line.seat}"]
        assert len(curve) == 30
        assert line.last_tenth.mean == pytest.approx(sum(curve[-3:]) / 3)
        assert line.all_rounds.mean == pytest.approx(sum(curve) / 30)
        assert -3 <= line.frozen.mean <= 0
        assert 0 <= line.metrics["cooperation"].mean <= 1


def test_long_curves_are_thinned() -> None:
    told = played(match("always-defect", NAIVE, runs=1, rounds=150))
    assert {len(curve) for curve in told.curves.values()} == {100}
    for line in told.seats:
        curve = told.curves[f"{line.entrant} as {line.seat}"]  # 50 points of 2 rounds, then 50 of 1
        assert line.all_rounds.mean == pytest.approx((2 * sum(curve[:50]) + sum(curve[50:])) / 150)


def test_who_is_named_first_changes_no_game_and_no_figure() -> None:
    one = played(match(NAIVE, LOLA))
    blocks = contents(recorded(NAME))
    other = played(match(LOLA, NAIVE))
    assert contents(recorded(NAME)) == blocks
    assert (other.entrants, other.match) == ([LOLA, NAIVE], one.match)
    assert other.difference.mean == pytest.approx(-one.difference.mean)
    assert sorted(map(repr, other.seats)) == sorted(map(repr, one.seats))
    assert other.curves == one.curves


def test_more_runs_are_added_to_those_there_are() -> None:
    played(match(runs=1))
    before = contents(recorded(NAME))
    played(match(runs=2))
    after = contents(recorded(NAME))
    assert before.items() < after.items() and len(after) == 2


def test_stopped_and_typed_again_it_has_every_figure_and_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = played(match(runs=3))
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "other"))
    home.records()
    add, left = Store.add, 2

    def stop(store: Store, record: Fact | BlockRecord) -> bool:
        nonlocal left
        left -= isinstance(record, BlockRecord)
        if left < 0:
            raise KeyboardInterrupt
        return add(store, record)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "add", stop)
        with pytest.raises(KeyboardInterrupt):
            played(match(runs=3))
    assert len(recorded(NAME)) == 2
    assert played(match(runs=3)) == whole


def test_against_itself_there_are_two_learners(zoo: Zoo) -> None:
    told = zoo("match", NAIVE, NAIVE, *SMALL, "--json").json
    assert told["entrants"] == [f"{NAIVE} (1)", f"{NAIVE} (2)"]
    assert [(line["entrant"], line["seat"]) for line in told["seats"]] == [
        (f"{NAIVE} (1)", "row"),
        (f"{NAIVE} (2)", "column"),
    ]
    assert told["curves"][f"{NAIVE} (1) as row"] != told["curves"][f"{NAIVE} (2) as column"]


@pytest.mark.learning
def test_against_a_script() -> None:
    told = played(match(NAIVE, "always-defect"))
    for line in told.seats:
        if line.entrant == "always-defect":
            assert line.metrics["cooperation"].mean == 0
        else:
            assert -3 <= line.last_tenth.mean <= -2


def test_learner_goes_on_from_a_checkpoint(zoo: Zoo, tmp_path: Path) -> None:
    folder = fresh_checkpoint(tmp_path / "naive", NAIVE, CHOICE, seed=5)
    told = zoo("match", f"naive@{folder}", "always-defect", *SMALL, "--json").json
    scratch = zoo("match", NAIVE, "always-defect", *SMALL, "--json").json
    assert told["entrant_ids"][0] != scratch["entrant_ids"][0]
    assert told["seats"] != scratch["seats"]


def test_board_of_learners_is_apart(zoo: Zoo) -> None:
    zoo("match", NAIVE, LOLA, *SMALL)
    assert {row["label"] for row in zoo("leaderboard", "--learn", "--format", "json").json[0]["rows"]} == {NAIVE, LOLA}
    assert zoo("leaderboard", code=2).err.endswith("no match of this kind is recorded yet; play one first\n")


def test_nothing_but_json_on_standard_output(zoo: Zoo) -> None:
    assert zoo("match", NAIVE, LOLA, *SMALL, "--json", "--no-record").json["recorded"] is False


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("tit-for-tat", "grim", *SMALL), "neither tit-for-tat nor grim learns"),
        ((LOLA, NAIVE, *SMALL, "--sight", "own"), r"sight 'own': it needs (joint|policies): learners see"),
        ((LOLA, NAIVE, *SMALL, "--episodes", 5), "--episodes is for matches without --learn"),
        ((LOLA, NAIVE, *SMALL, "--workers", 2), "--workers is for matches without --learn"),
        (("grim", "random", *IPD, "--rounds", 5), "--rounds needs --learn"),
        (("grim", "random", *IPD, "--sight", "own"), "--sight needs --learn"),
        ((LOLA, NAIVE, *IPD, "--learn", "--rounds", 0), "'--rounds': 0 is not in the range"),
        ((LOLA, NAIVE, *IPD, "--learn", "--runs", -1), "'--runs': -1 is not in the range"),
        ((LOLA, NAIVE, *IPD, "--learn", "--copies", "many"), "'--copies': 'many' is not a valid integer"),
        (
            ("naive-exact", "sos", "--arena", "tandem", "--learn", "--copies", 1, "--json"),
            r"NaiveExact .seat .*parameters .* are no longer finite after \d+ steps in tandem-v1; smaller steps",
        ),
        *(
            ((f"{text},lr=1e30", "random", "--arena", arena, "--learn", *TINY), LARGE)
            for arena, text in (("ipd", "lola"), ("ipd", "lola-dice,hidden=8"), ("coin", "naive"))
        ),
        (("lola,hidden=8,model_lr=1e30", "grim", *IPD, "--learn", *TINY, "--sight", "actions"), LARGE),
        (
            ("mine.py:RaisesWhileLearning", NAIVE, *SMALL, "--trust"),
            "broke in .*: FloatingPointError: too hot .mine.py, line",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line(words: tuple[object, ...], line: str, refused: Refused, here: Path) -> None:
    assert re.search(line, refused("match", *words))


LONG = "lola,hidden=0,lr=0.05,critic_lr=0.3,eta=0.1"


def test_long_labels_are_cut_and_figures_never() -> None:
    told = played(match(NAIVE, LONG, rounds=20))
    whole = to_text(learning_screen(told), 300)

    def figures(screen: str) -> list[str]:
        return sorted(re.findall(r"[-±]?\d+\.\d{3,}", screen))

    assert {f"{line.frozen.mean:.3f}" for line in told.seats} <= set(figures(whole))
    for width in (60, 80, 100, 120):
        text = to_text(learning_screen(told), width)
        assert max(map(len, text.splitlines())) <= width and "…" not in text
        assert figures(text) == figures(whole)
        assert text.count("█") >= 4


@pytest.mark.learning
def test_exact_runs_are_the_same_in_any_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exact(runs: int) -> LearningSummary:
        return played(match("lola-exact", "naive-exact", runs=runs, rounds=10))

    exact(1)
    exact(2)
    in_steps = exact(3)
    assert {line.last_tenth.n for line in in_steps.seats} == {3}
    blocks = contents(recorded(NAME))
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "other"))
    assert exact(3) == in_steps
    assert contents(recorded(NAME)) == blocks
    assert len({block.results[0].returns[0] for block in recorded(NAME)}) == 3


def test_who_learned_is_told() -> None:
    assert re.search("while both learned$|cannot be told apart", played(match()).verdict)
    assert played(match(NAIVE, "always-defect", rounds=30, runs=4)).verdict.endswith(f"while {NAIVE} learned")
