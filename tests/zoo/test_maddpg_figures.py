"""MADDPG's tables played by house checkpoints: who meets whom, what is counted, and what is said of what is missing."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import ttest_1samp

from leaderboard.report import plots
from tests.zoo.command_line import Refused, Zoo, fresh_checkpoint
from zoo import papers
from zoo.entry import checkpoint, entrant
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.papers import games
from zoo.papers import house as house_runs
from zoo.papers.figure import Figure, FigureRow, Part, Reproduction
from zoo.papers.games import Game, Outcome
from zoo.papers.maddpg import deception as maddpg_deception
from zoo.papers.maddpg import inferred as maddpg_inferred
from zoo.papers.screen import report_screen
from zoo.papers.tables import over_pairs
from zoo.play.blocks import Task, play_block

FIGURES = [name for name in papers.NAMES if name.startswith("maddpg-") and name != "maddpg-ensembles"]
ARENA_OF = {
    "maddpg-communication": "speaker-listener",
    "maddpg-predator-prey": "tag",
    "maddpg-deception": "adversary",
    "maddpg-covert": "crypto",
    "maddpg-navigation": "spread",
    "maddpg-inferred": "speaker-listener",
}
SEATS = {
    "speaker-listener": ["speaker_0", "listener_0"],
    "tag": ["adversary_0", "adversary_1", "adversary_2", "agent_0"],
    "adversary": ["adversary_0", "agent_0", "agent_1"],
    "crypto": ["eve_0", "bob_0", "alice_0"],
    "spread": ["agent_0", "agent_1", "agent_2"],
}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A house of the test's own, empty."""
    folder = tmp_path / "house"
    monkeypatch.setattr(checkpoint, "HOUSE", folder)
    return folder


def card(house: Path, arena: str, text: str, seed: int, **learned: float) -> Path:
    """What a figure reads of a checkpoint before it plays."""
    agent, _, variant = text.partition("@")
    folder = house / f"{arena}-v1" / agent / variant
    folder.mkdir(parents=True, exist_ok=True)
    metrics = {f"learn/all/{name}": value for name, value in learned.items()} | {"agent_0/value": 9.0}
    facts = {
        "seed": seed,
        "steps": 500_000,
        "config": {"gamma": 0.8},
        "metrics": metrics,
        "command": f"zoo train {agent}",
    }
    (folder / checkpoint.CARD).write_text(json.dumps(facts))
    (folder / checkpoint.WEIGHTS).write_bytes(text.encode())
    return folder


def made_up(figure: Figure, seeds: int, tell: Callable[[Game], Outcome]) -> Reproduction:
    """The report when every game comes out as `tell` says."""
    done: list[tuple[Part, Any]] = []
    for part in figure.parts(False, seeds):
        if "games" not in part.settings:
            done.append((part, part.function(lambda *_: None, **part.settings)))
            continue
        seatings = part.settings["games"]
        texts = {text for game in seatings for text in game.values()}
        identity = f"{part.settings['arena']}-v1"
        cards = {text: house_runs.facts(identity, text) for text in texts}
        done.append((part, {"games": [tell(game) for game in seatings], "cards": cards}))
    return figure.assemble(json_copy(done), False, seeds)


def json_copy(done: list[tuple[Part, Any]]) -> list[tuple[Part, Any]]:
    return [(part, json.loads(json.dumps(result))) for part, result in done]


def rows_of(report: Reproduction, group: str) -> dict[str, FigureRow]:
    return {row.label: row for row in report.rows if row.group.startswith(group)}


def show(figure: Figure, report: Reproduction) -> str:
    """Screen and picture, which must be possible; the screen's text."""
    assert all(math.isfinite(row.ours.mean) for row in report.rows)
    json.dumps(report.to_json(), allow_nan=False)
    assert plots.pictures(figure.plot(report), ["png"])["png"].startswith(b"\x89PNG")
    console = Console(width=80, record=True, file=io.StringIO())
    run = {"quick": False, "workers": 1, "parts": 1, "kept": 0, "cpu_s": 0.0, "wall_s": 0.0}
    console.print(report_screen(figure, report, run))
    text = console.export_text()
    assert all(len(line) <= 80 for line in text.splitlines())
    return text


@pytest.mark.parametrize("name", FIGURES)
def test_without_any_checkpoint_the_figure_is_refused_in_one_line(house: Path, name: str) -> None:
    with pytest.raises(UserError, match=rf"no checkpoint of .* for {ARENA_OF[name]}-v1, and this figure") as refused:
        papers.load(name).parts(False, 3)
    assert "\n" not in str(refused.value)


def test_the_command_says_so_too(house: Path, refused: Refused, tmp_path: Path) -> None:
    said = refused("reproduce", "maddpg-covert", "--out", tmp_path / "out")
    assert "no checkpoint of maddpg, ddpg for crypto-v1" in said


def test_a_rules_first_seeds_are_its_runs_and_variants_are_rules_of_their_own(house: Path) -> None:
    for text, seed in (("maddpg", 0), ("maddpg@seed-10", 10), ("maddpg@seed-2", 2), ("maddpg@twice-seed-1", 1)):
        card(house, "tag", text, seed)
    found = house_runs.all_rules("tag-v1", "maddpg", 2)
    assert [(run.entrant, run.rule, run.seed) for run in found] == [
        ("maddpg", "maddpg", 0), ("maddpg@seed-2", "maddpg", 2), ("maddpg@twice-seed-1", "maddpg@twice", 1)
    ]  # fmt: skip
    assert len({run.weights for run in found}) == 3
    assert house_runs.house("tag-v1", "maddpg", 2) == found[:2]
    assert house_runs.house("tag-v1", "maddpg@twice", 2) == found[2:]
    played = house_runs.runs_of("tag", ["maddpg", "ddpg"], 5, ["random"])
    assert [run.entrant for run in played] == ["maddpg", "maddpg@seed-2", "maddpg@seed-10", "random"]


def test_other_weights_are_another_part(house: Path) -> None:
    folder = card(house, "tag", "maddpg", 0)
    [before] = papers.load("maddpg-predator-prey").parts(False, 1)
    (folder / checkpoint.WEIGHTS).write_bytes(b"trained on")
    [after] = papers.load("maddpg-predator-prey").parts(False, 1)
    assert before.settings["games"] == after.settings["games"]
    assert before.settings != after.settings


def test_intervals_over_pairs_are_over_the_seeds_of_both_roles() -> None:
    column = [0.0, 1.0, 5.0]
    same_rows = over_pairs({(i, j): x for i in range(4) for j, x in enumerate(column)})
    alone = over_pairs({(0, j): x for j, x in enumerate(column)})
    interval = ttest_1samp(column, 0).confidence_interval()
    assert (alone.low, alone.high) == pytest.approx((interval.low, interval.high))
    # rows that are all alike add no variance, however many pairs there are
    assert (same_rows.mean, same_rows.low, same_rows.high) == pytest.approx((2.0, alone.low, alone.high))
    assert (same_rows.n, alone.n) == (12, 3)
    both = over_pairs({(i, j): x + 10 * i for i in range(2) for j, x in enumerate(column)})
    assert both.low is not None and same_rows.low is not None and both.mean - both.low > 2 - same_rows.low
    assert over_pairs({(0, 0): 3.0}).low is None
    constant = over_pairs({(i, j): 3.0 for i in range(2) for j in range(2)})
    assert (constant.low, constant.high) == (3.0, 3.0)


# Two roles


def strength(text: str) -> float:
    """Made up: of an entrant, by rule and seed."""
    rule, _, seed = text.partition("@seed-")
    return {"maddpg": 10.0, "ddpg": 4.0}[rule] + int(seed or 0)


def touched(game: Game) -> Outcome:
    contacts = strength(game["adversary_0"]) - strength(game["agent_0"]) / 2
    assert len({game[seat] for seat in SEATS["tag"][:3]}) == 1
    return {seat: {"return": 0.0, "contacts": contacts, "contact_steps": contacts / 2} for seat in game}


def test_the_cross_table_of_tag(house: Path) -> None:
    for seed, text in enumerate(("maddpg", "maddpg@seed-1", "maddpg@seed-2")):
        card(house, "tag", text, seed)
    card(house, "tag", "ddpg", 0)
    figure = papers.load("maddpg-predator-prey")
    report = made_up(figure, 5, touched)
    told = rows_of(report, "touches an episode")
    means = {label: row.ours.mean for label, row in told.items()}
    expected = {"maddpg v own run": 5.5, "maddpg v maddpg": 5.5, "maddpg v ddpg": 9.0, "ddpg v maddpg": -1.5}
    assert means == pytest.approx(expected | {"ddpg v own run": 2.0})
    assert [told[label].ours.n for label in means] == [3, 6, 3, 3, 1]
    published = {label: row.published.value for label, row in told.items() if row.published}
    assert published == {"maddpg v ddpg": 16.1, "ddpg v maddpg": 10.3}
    [difference] = rows_of(report, "the paper's order").values()
    assert difference.ours.mean == pytest.approx(10.5)
    assert difference.target == ">=0 met"
    assert "maddpg 3 x 500,000 steps at gamma 0.8" in report.settings["runs"]
    assert report.seeds == "0 to 2"
    assert report.data["commands"]["maddpg@seed-1"] == "zoo train maddpg"
    assert "compare the order, not the numbers" in " ".join(show(figure, report).split())


def test_what_is_missing_is_named_and_the_rest_is_shown(house: Path) -> None:
    card(house, "tag", "maddpg", 0)
    figure = papers.load("maddpg-predator-prey")
    report = made_up(figure, 5, touched)
    assert [row.label for row in report.rows] == ["maddpg v own run"] * 2
    assert "Left out for want of a house checkpoint: ddpg." in report.notes
    show(figure, report)


def test_bob_and_eve(house: Path) -> None:
    for seed in (0, 1):
        for rule in ("maddpg", "ddpg"):
            card(house, "crypto", f"{rule}@seed-{seed}" if seed else rule, seed)

    def tell(game: Game) -> Outcome:
        assert game["bob_0"] == game["alice_0"]
        bob, eve = strength(game["bob_0"]) / 20, 0.5 if game["eve_0"] != game["bob_0"] else 0.6
        return {
            "bob_0": {"return": 0, "accuracy": bob},
            "eve_0": {"return": 0, "accuracy": eve},
            "alice_0": {"return": 0},
        }

    figure = papers.load("maddpg-covert")
    report = made_up(figure, 2, tell)
    lead = rows_of(report, "Bob's share less Eve's")
    assert lead["maddpg v own run"].ours.mean == pytest.approx(0.525 - 0.6)
    assert lead["maddpg v maddpg"].ours.mean == pytest.approx(0.525 - 0.5)
    published = {label: row.published.value for label, row in lead.items() if row.published}
    assert published == {"maddpg v own run": 0.524, "ddpg v own run": 0.251}
    assert "Only 2 of the 4 symbols are ever meant" in show(figure, report)


def test_deception_tells_wider_radii_beside(house: Path) -> None:
    for seed in (0, 1):
        for rule in ("maddpg", "ddpg"):
            card(house, "adversary", f"{rule}@seed-{seed}" if seed else rule, seed)

    def tell(game: Game) -> Outcome:
        base = 0.3 if game["agent_0"].startswith("maddpg") else 0.5
        shares = {f"within {radius:g}": base + radius for radius in games.RADII}
        covered = {f"covered within {radius:g}": 0.94 * (radius >= 0.1) for radius in games.RADII}
        return {seat: {"return": 0.0, "at_goal": 0.0} | shares | covered for seat in game}

    figure = papers.load("maddpg-deception")
    report = made_up(figure, 2, tell)
    found = rows_of(report, "the adversary is at the goal")["maddpg v ddpg"]
    assert found.ours.mean == pytest.approx(0.4)
    assert found.note == "within .2 and .3 0.50/0.60"
    assert found.published is not None and found.published.value == 0.164
    covered = rows_of(report, "good agents cover all landmarks")
    assert covered["maddpg v own run"].verdict == "agrees"
    assert [label for label, row in covered.items() if row.published] == ["maddpg v own run"]
    [difference] = rows_of(report, "the paper's order").values()
    assert difference.ours.mean == pytest.approx(0.2)
    show(figure, report)


# Teams


def test_communication_has_a_target_and_names_who_is_missing(house: Path) -> None:
    for seed, text in enumerate(("maddpg", "maddpg@seed-1", "maddpg@seed-2")):
        card(house, "speaker-listener", text, seed)
    card(house, "speaker-listener", "iql", 0)

    def tell(game: Game) -> Outcome:
        assert len(set(game.values())) == 1
        at = {"maddpg": 0.83, "maddpg@seed-1": 0.86, "maddpg@seed-2": 0.89}.get(game["speaker_0"], 0.25)
        shares = {f"within {radius:g}": min(1.0, at * radius * 10) for radius in games.RADII}
        return {seat: {"return": -9.0, "at_goal": at, "distance": 1 - at} | shares for seat in game}

    figure = papers.load("maddpg-communication")
    report = made_up(figure, 5, tell)
    told = rows_of(report, "listener within .1")
    assert told["maddpg"].ours.mean == pytest.approx(0.86)
    assert (told["maddpg"].target, told["maddpg"].verdict) == (">=0.84 met", "cannot be told apart")
    assert told["iql"].note == "within .2 and .3 0.50/0.75"
    assert [label for label, row in told.items() if row.target] == ["maddpg"]
    text = show(figure, report)
    assert "want of a house checkpoint: maddpg-inferred, ddpg, actor-critic, reinforce." in " ".join(text.split())
    # number, interval, verdict and target stand in one line
    [line] = [line for line in text.splitlines() if ">=0.84 met" in line]
    assert line.startswith("maddpg ") and "cannot be told apart" in line


def test_navigation_with_strangers_in_every_seat(house: Path) -> None:
    for seed in (0, 1, 2):
        card(house, "spread", f"maddpg@seed-{seed}" if seed else "maddpg", seed)
    card(house, "spread", "ddpg", 0)

    def tell(game: Game) -> Outcome:
        whole = len(set(game.values())) == 1
        lone = min(game, key=lambda seat: list(game.values()).count(game[seat]))
        value = -9.0 if whole else -14.0 - SEATS["spread"].index(lone)
        collided = 0.5 if "maddpg" in game["agent_0"] else 1.25
        return {seat: {"return": value, "distance": 0.8, "collisions": collided} for seat in game}

    figure = papers.load("maddpg-navigation")
    parts = {part.name: part for part in figure.parts(False, 3)}
    games = parts["maddpg with a stranger"].settings["games"]
    assert len(games) == 3 * 2 * 3 == len({tuple(game.items()) for game in games})
    assert all(sorted(map(list(game.values()).count, game.values())) == [1, 2, 2] for game in games)
    assert "ddpg with a stranger" not in parts
    report = made_up(figure, 3, tell)
    returns = rows_of(report, "return per agent of an episode")
    assert returns["maddpg"].target == ">=-12 met"
    mixed = rows_of(report, "return per agent, one of the three")
    assert mixed["maddpg, stranger"].ours.mean == pytest.approx(-15.0)
    assert mixed["maddpg, change"].ours.mean == pytest.approx(-6.0)
    assert mixed["maddpg, change"].ours.n == 6
    ratio = rows_of(report, "maddpg as a multiple of ddpg")["collisions"]
    assert ratio.ours.mean == pytest.approx(0.4)
    assert ratio.published is not None and ratio.published.basis == "almost half"
    show(figure, report)


def test_inferred_policies_beside_true_ones(house: Path) -> None:
    for seed in (0, 1):
        for rule in ("maddpg", "maddpg-inferred"):
            text = f"{rule}@seed-{seed}" if seed else rule
            learned = {"divergence": 0.2 + 0.2 * seed} if rule == "maddpg-inferred" else {}
            folder = card(house, "speaker-listener", text, seed, **learned)
            if not (rule == "maddpg" and seed):
                rows = [{"steps": 100, "speaker_0/return_per_step": -1.0, "listener_0/return_per_step": -2.0}]
                rows.append(
                    {"steps": 200, "speaker_0/return_per_step": -0.5}
                    | {f"learn/a+b/{k}": v for k, v in learned.items()}
                )
                (folder / "curve.json").write_text(json.dumps({"run": {}, "rows": rows}))
    card(house, "spread", "maddpg", 0)

    def tell(game: Game) -> Outcome:
        at = 0.8 if "inferred" in game["speaker_0"] else 0.9
        return {seat: {"return": -9.0, "at_goal": at} for seat in game}

    figure = papers.load("maddpg-inferred")
    report = made_up(figure, 5, tell)
    told = rows_of(report, "speaker-listener: listener within .1")
    assert told["inferred less true"].ours.mean == pytest.approx(-0.1)
    assert told["inferred less true"].verdict == "worse by 0.1"
    [apart] = rows_of(report, "KL divergence").values()
    assert (apart.label, apart.ours.n) == ("speaker-listener", 2)
    assert apart.ours.mean == pytest.approx(0.3)
    curves = report.data["arenas"]["speaker-listener"]["curves"]
    assert ["maddpg-inferred", {"return": [[100, -37.5], [200, -12.5]], "divergence": [[200, 0.2]]}] in curves
    assert "No learning curve is kept of maddpg@seed-1 in speaker-listener." in report.notes
    assert list(report.data["arenas"]) == ["speaker-listener"]  # nobody has inferred policies in spread
    show(figure, report)


def test_curves_are_averaged_at_the_steps_that_all_runs_have() -> None:
    _, (panel,) = plots.panels(1)
    told: Sequence[tuple[str, Any]] = [("maddpg", [[1000, 1.0], [2000, 3.0]]), ("maddpg", [[2000, 5.0], [3000, 7.0]])]
    maddpg_inferred.lines(panel, told)
    [middle] = [line for line in panel.lines if line.get_label() == "maddpg, mean of seeds"]
    assert np.asarray(middle.get_xydata()).tolist() == [[2.0, 4.0]]


# Played


def test_a_game_is_what_a_match_plays(house: Path) -> None:
    choice = ArenaChoice("tag")
    for agent, seed in (("maddpg", 3), ("ddpg", 4)):
        fresh_checkpoint(house / "tag-v1" / agent, agent, choice, seed)
    game = dict.fromkeys(SEATS["tag"][:3], "maddpg") | {"agent_0": "ddpg"}
    venue = Venue(choice)
    played = games.play(venue, {seat: venue.entrant(text) for seat, text in game.items()}, 40)
    identities = {text: entrant.read_entrant(text, choice.make(1), "tag-v1").id for text in ("maddpg", "ddpg")}
    texts = sorted(identities, key=identities.__getitem__)
    block = play_block(Venue(choice), Task((texts[0], texts[1]), 0, 0, 40))
    rotation = next(r.rotation for r in block.results if r.seat == "agent_0" and r.entrant == identities["ddpg"])
    told = games.summed_up(played)
    for result in block.results:
        if result.rotation == rotation:
            assert played.returns[result.seat].tolist() == result.returns.tolist()
            for name, (value, _, _) in result.metrics.items():
                assert told[result.seat][name] == pytest.approx(value)


def test_shares_within_radii_are_of_the_end_of_the_episode(house: Path) -> None:
    fresh_checkpoint(house / "adversary-v1" / "maddpg", "maddpg", ArenaChoice("adversary"))
    venue = Venue(ArenaChoice("adversary"))
    for script, least in (("informed-adversary", 0.5), ("maddpg", 0.0)):
        played = games.play(venue, dict.fromkeys(SEATS["adversary"], venue.entrant(script)), 200)
        told = maddpg_deception.summary(played)
        for by_name in told.values():
            assert by_name["within 0.1"] == pytest.approx(by_name["at_goal"])
            assert by_name["covered within 0.1"] == pytest.approx(by_name["all_covered"])
            shares = [by_name[f"within {radius:g}"] for radius in games.RADII]
            assert shares == sorted(shares)
            assert shares[-1] >= least
        # with one agent at the goal, no more landmarks can be covered than the goal is reached
        good = told["agent_0"]
        assert all(good[f"covered within {r:g}"] <= good[f"within {r:g}"] for r in games.RADII)


@pytest.mark.parametrize("name", FIGURES)
def test_untrained_agents_go_through_every_figure(house: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arena = ARENA_OF[name]
    inferred = ["maddpg-inferred"] if name == "maddpg-inferred" else ["ddpg"]
    for agent in ("maddpg", *inferred):
        for seed in (0, 1):
            place = house / f"{arena}-v1" / agent
            fresh_checkpoint(place / f"seed-{seed}" if seed else place, agent, ArenaChoice(arena), seed)
    monkeypatch.setattr(games, "QUICK_EPISODES", 12)
    figure = papers.load(name)
    told: list[tuple[int, int]] = []
    done = [(part, part.function(lambda *at: told.append(at), **part.settings)) for part in figure.parts(True, 2)]
    assert told[-1] == (told[-1][1],) * 2
    again = [(part, part.function(lambda *_: None, **part.settings)) for part, _ in done[:1]]
    assert again[0][1] == done[0][1]
    report = figure.assemble(json_copy(done), True, 2)
    assert report.settings["episodes a game"] == 12
    assert report.seeds == "0 to 1"
    show(figure, report)


@pytest.mark.learning
def test_trained_agents_from_the_command_to_the_picture(house: Path, zoo: Zoo, tmp_path: Path) -> None:
    for agent in ("maddpg", "maddpg-inferred"):
        zoo(
            "train", f"{agent},warmup=200,batch=32", "--arena", "speaker-listener", "--steps", 4000, "--copies", 16,
            "--length", "episode", "--out", house / "speaker-listener-v1" / agent,
        )  # fmt: skip
    said = zoo("reproduce", "maddpg-inferred", "--quick", "--out", tmp_path / "out")
    assert said.code == 0, said.err
    assert (tmp_path / "out" / "maddpg-inferred-quick.png").exists()
    told = json.loads((tmp_path / "out" / "maddpg-inferred-quick.json").read_text())
    curves = dict(told["data"]["arenas"]["speaker-listener"]["curves"])
    assert len(curves["maddpg"]["return"]) > 5 and curves["maddpg"]["divergence"] == []
    assert all(value >= 0 for _, value in curves["maddpg-inferred"]["divergence"])
    [apart] = [row for row in told["rows"] if row["group"].startswith("KL divergence")]
    assert apart["ours"]["mean"] > 0
