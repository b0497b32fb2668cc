"""`zoo crossplay`: the matrix, what it plays and what it does not, groups of seeds, anchors, and what is refused."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from leaderboard.records import BlockRecord
from leaderboard.store.store import Store
from tests.zoo.command_line import Refused, Zoo, contents, fresh_checkpoint, recorded
from zoo import crossplay, home
from zoo.crossplay import BEST
from zoo.entry import checkpoint, declarations
from zoo.entry.venue import ArenaChoice, Venue
from zoo.entry.wildcards import expand
from zoo.errors import UserError
from zoo.matches import plan

IPD = ("--arena", "ipd", "--set", "arena.max_steps=10", "--episodes", 20)
IMP = ("--arena", "imp", "--set", "arena.max_steps=10", "--episodes", 30)
NAME = "ipd-v1(max_steps=10)"
FOUR = ("tit-for-tat", "grim", "always-defect", "always-cooperate")
VENUE = Venue(ArenaChoice("ipd", ("max_steps=10",)))
TWO_SIDES = ArenaChoice("imp", ("max_steps=10",))


@pytest.fixture
def seeds(tmp_path: Path) -> list[str]:
    """Three untrained agents that differ by their seed only."""
    return [
        f"naive@{fresh_checkpoint(tmp_path / f'run-{seed}', 'naive', TWO_SIDES, seed, command=f'zoo --seed {seed}')}"
        for seed in (1, 2, 10)
    ]


def by_name(told: dict, *path: str) -> dict[str, object]:
    found = {}
    for entry in told["entries"]:
        value = entry
        for step in path:
            value = value[step]
        found[entry["entrant"]] = value
    return found


def test_everybody_with_everybody(zoo: Zoo) -> None:
    told = zoo("crossplay", *FOUR, *IPD, "--json").json
    (role,) = told["roles"]
    assert [row["label"] for row in told["rows"]] == [*FOUR, "random"]
    assert [column["label"] for column in told["columns"]] == list(FOUR)
    tft, grim, defect, cooperate, _ = role["mean"]
    assert tft == pytest.approx([-10, -10, -21, -10]) and grim == pytest.approx([-10, -10, -21, -10])
    assert defect == pytest.approx([-18, -18, -20, 0])
    assert cooperate == pytest.approx([-10, -10, -30, -10])
    # held out is everybody else; nobody trained with anybody
    assert by_name(told, "raw", "worst", "value") == pytest.approx(dict(zip(FOUR, (-21, -21, -18, -30), strict=True)))
    assert by_name(told, "raw", "mean", "value") == pytest.approx(
        dict(zip(FOUR, (-41 / 3, -41 / 3, -12, -50 / 3), strict=True))
    )
    # scripts trained with nobody
    assert set(by_name(told, "raw", "own").values()) == set(by_name(told, "raw", "gap").values()) == {None}
    assert {m.kind for m in measurements()} == {"strangers_mean", "strangers_worst", "strangers_cvar"}
    assert by_name(told, "worst_against", "raw")["grim"] == "always-defect"
    order = [entry["normalised"]["worst"]["value"] for entry in told["entries"]]
    assert order == sorted(order, reverse=True)


def test_blocks_are_those_of_tournaments(zoo: Zoo) -> None:
    zoo("tournament", *FOUR, *IPD, "--no-panel")
    blocks = contents(recorded(NAME))
    told = zoo("crossplay", *FOUR, *IPD, "--anchor-low", "always-defect", "--json").json
    assert told["played"] == 0 and told["blocks"] == len(blocks) == 10
    assert contents(recorded(NAME)) == blocks


def test_the_second_time_nothing_is_played_and_the_figures_are_the_same(zoo: Zoo) -> None:
    first = zoo("crossplay", *FOUR, *IPD, "--json").json
    blocks, measured = contents(recorded(NAME)), measurements()
    again = zoo("crossplay", *FOUR, *IPD, "--json").json
    assert (first.pop("played"), again.pop("played")) == (14, 0)
    del first["cpu_s"], again["cpu_s"]
    assert first == again
    assert contents(recorded(NAME)) == blocks and measurements() == measured


def test_what_was_stopped_goes_on_where_it_was(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    play = plan.play_blocks

    def stops(venue: Venue, tasks: list, workers: int) -> Iterator[BlockRecord]:
        for number, block in enumerate(play(venue, tasks, workers)):
            if number == 5:
                raise RuntimeError("pulled the plug")
            yield block

    monkeypatch.setattr(plan, "play_blocks", stops)
    with pytest.raises(RuntimeError):
        crossplay.play(VENUE, FOUR, episodes=20, store=Store(home.records()))
    assert len(recorded(NAME)) == 5
    monkeypatch.setattr(plan, "play_blocks", play)
    told = zoo("crossplay", *FOUR, *IPD, "--json").json
    assert told["played"] == 14 - 5


def measurements() -> list:
    with Store(home.records(), read_only=True) as store:
        return store.measurements()


def test_without_records_nothing_is_kept(zoo: Zoo) -> None:
    zoo("crossplay", "grim", "random", *IPD, "--no-record")
    assert not Path(home.records()).exists()


@pytest.mark.slow
def test_workers_play_the_same(zoo: Zoo) -> None:
    told = [
        zoo("crossplay", "grim", "random", *IPD, "--no-record", "--json", "--workers", workers).json["roles"]
        for workers in (1, 2)
    ]
    assert told[0] == told[1]


def test_seeds_of_one_agent_are_a_group(zoo: Zoo, seeds: list[str]) -> None:
    folder = Path(seeds[0].partition("@")[2]).parent
    told = zoo("crossplay", f"naive@{folder}/run-*", "random", *IMP, "--json").json
    assert [row["text"] for row in told["rows"]] == [*seeds, "random"]
    group = next(g for g in told["groups"] if g["group"] == "naive" and g["role"] == "row")
    assert len(group["members"]) == 3 and group["raw"]["seeds"] == 3
    role = told["roles"][0]
    assert role["role"] == "row" and role["held_out"][0] == [False, True, True, True]
    mean = np.array(role["mean"])
    strangers = [np.delete(mean[i], i) for i in range(3)]
    assert group["raw"]["mean"]["value"] == pytest.approx(np.mean([s.mean() for s in strangers]))
    assert group["raw"]["worst"]["value"] >= np.mean([s.min() for s in strangers])
    assert group["raw"]["own"]["value"] == pytest.approx(np.trace(mean[:3, :3]) / 3)
    gaps = by_name(told, "raw", "gap")
    assert gaps["random"] is None and gaps[group["members"][0]] is not None
    swap, square = group["partner_swap"], mean[:3, :3]
    assert swap["self_play"] == pytest.approx(np.trace(square) / 3)
    assert swap["cross_play"] == pytest.approx((square.sum() - np.trace(square)) / 6)


def test_other_training_is_another_group(zoo: Zoo, seeds: list[str], tmp_path: Path) -> None:
    longer = f"naive@{fresh_checkpoint(tmp_path / 'longer', 'naive', TWO_SIDES, 3, steps=5000)}"
    told = zoo("crossplay", *seeds, longer, *IMP, "--json").json
    labels = {row["text"]: row["kind_label"] for row in told["columns"]}
    assert len({labels[text] for text in seeds}) == 1
    assert labels[longer] != labels[seeds[0]] and "5.0k steps" in labels[longer]


def test_a_run_that_went_on_is_the_same_run(tmp_path: Path) -> None:
    """Weights of other seeds stand for those that more steps would have made."""

    def run(name: str, weights: int, command: str, seed: int = 0, steps: int = 500, agent: str = "naive") -> str:
        folder = fresh_checkpoint(tmp_path / name, agent, TWO_SIDES, weights, command=command, steps=steps)
        card = json.loads((folder / checkpoint.CARD).read_text())
        (folder / checkpoint.CARD).write_text(json.dumps(card | {"seed": seed}))
        return f"naive@{folder}"

    plain = "zoo train naive --arena imp"
    texts = [
        run("short", 1, f"{plain} --steps 500"),
        run("long", 2, f"{plain} --steps=1000 --out there", steps=1000),
        run("seed", 3, f"{plain} --steps 500 --seed 1", seed=1),
        run("copies", 4, f"{plain} --steps 500 --copies 8"),
        run("settings", 5, f"{plain} --steps 500", agent="naive,lr=0.5"),
        run("untold", 6, ""),
        run("untold-too", 7, ""),
        run("copied", 7, "elsewhere", seed=9).replace("naive@", "naive,lr=0.5@"),
    ]
    found = crossplay.play(Venue(TWO_SIDES), texts, episodes=2)
    same = {(i, j) for i, j in np.argwhere(~found.held_out).tolist() if i < j}
    assert same == {(0, 1), (6, 7)}  # more steps, and the same weights


def test_all_checkpoints_of_the_house() -> None:
    choice = ArenaChoice("imp")
    found = crossplay.expand(Venue(choice), ["grim", "naive@*", "lola@seed-?"])
    assert found == ["grim", "naive", "naive@seed-1", "naive@seed-2", "lola@seed-1", "lola@seed-2"]


def test_the_same_weights_count_once(tmp_path: Path) -> None:
    for name in ("b-10", "b-9", "copy"):
        fresh_checkpoint(tmp_path / name, "naive", TWO_SIDES, seed=10 if name == "b-10" else 9)
    found = crossplay.expand(Venue(TWO_SIDES), [f"naive@{tmp_path}/*"])
    assert found == [f"naive@{tmp_path}/b-9", f"naive@{tmp_path}/b-10"]


def test_patterns_name_many(zoo: Zoo) -> None:
    told = zoo("crossplay", "always-*", "grim", *IPD, "--against", "tit-for-*", "--anchor-low", "grim", "--json").json
    assert [row["label"] for row in told["rows"]] == ["always-cooperate", "always-defect", "grim"]
    assert {column["label"] for column in told["columns"]} - {row["label"] for row in told["rows"]} == {"tit-for-tat"}


def test_a_pattern_of_agents_may_have_one_of_checkpoints(seeds: list[str]) -> None:
    venue = Venue(TWO_SIDES)
    folder = str(Path(seeds[0].partition("@")[2]).parent)
    named = expand(venue, [f"naiv?@{folder}/run-*", "grim"], lambda text: crossplay.expand(venue, [text]))
    assert named.texts == (*(f"naive@{folder}/run-{n}" for n in (1, 2, 10)), "grim")
    assert not named.left_out


def test_further_opponents_are_columns_only(zoo: Zoo) -> None:
    told = zoo("crossplay", "grim", "tit-for-tat", *IPD, "--against", "always-defect", "--json").json
    assert [c["label"] for c in told["columns"]] == ["grim", "tit-for-tat", "always-defect"]
    assert {entry["entrant"] for entry in told["entries"]} == {"grim", "tit-for-tat"}
    assert by_name(told, "raw", "opponents") == {"grim": 2, "tit-for-tat": 2}
    assert told["blocks"] == 5 + 3  # and random, the anchor, with each of the three


def test_roles_are_parties_and_can_be_chosen(zoo: Zoo) -> None:
    told = zoo("crossplay", "naive-exact", "random", "--arena", "imp", "--episodes", 20, "--json").json
    row, column = told["roles"]
    assert (row["role"], column["role"]) == ("row", "column")
    # what one side wins the other loses
    assert np.array(row["mean"]) == pytest.approx(-np.array(column["mean"]).T)
    one = zoo(
        "crossplay", "naive-exact", "random", "--arena", "imp", "--episodes", 20, "--role", "column", "--json"
    ).json
    assert {entry["role"] for entry in one["entries"]} == {"column"}


def test_on_one_side_of_three_the_partners_fill_the_rest() -> None:
    with Store(home.records()) as store:
        found = crossplay.play(Venue(ArenaChoice("spread")), ["still", "assignment"], episodes=20, store=store)
        blocks = {block.entrants: block for block in store.blocks(found.identity)}
    assert {role: len(seats) for role, seats in found.roles.items()} == {"agent": 3}
    still, scripted = (player.id for player in found.rows)
    together = blocks[min(still, scripted), max(still, scripted)]
    rotations: dict[int, list] = {}
    for result in together.results:
        rotations.setdefault(result.rotation, []).append(result)
    alone = [  # the one whom nobody else in the rotation is
        next(r for r in told if sum(r.entrant == other.entrant for other in told) == 1) for told in rotations.values()
    ]
    for row, who in enumerate((still, scripted)):
        wanted = [result.returns for result in alone if result.entrant == who]
        assert len(wanted) == 3
        assert found.returns["agent"][:, row, 1 - row] == pytest.approx(np.mean(wanted, axis=0))
    own = np.mean([result.returns for result in blocks[scripted, scripted].results], axis=0)
    assert found.returns["agent"][:, 1, 1] == pytest.approx(own)
    assert found.mean("agent")[1, 1] > found.mean("agent")[0, 0]


def test_predators_and_prey_are_the_roles_of_tag(zoo: Zoo) -> None:
    told = zoo("crossplay", "pursuit", "random", "--arena", "tag", "--episodes", 20, "--json").json
    predators, prey = told["roles"]
    assert (predators["role"], len(predators["seats"])) == ("adversary", 3)
    assert (prey["role"], len(prey["seats"])) == ("agent", 1)
    assert predators["mean"][0][1] > predators["mean"][1][1]
    assert told["anchors"]["high"] == "pursuit"
    rows = zoo("leaderboard", "--arena", "tag", "--format", "json").json["rows"]
    shown = {(row["label"], row["side"]): row["strangers_mean"] for row in rows}
    # either role has one opponent here, and an own figure: the high anchor's, and the low one's
    ends = {(who, side): float(who == "pursuit") for who in ("pursuit", "random") for side in ("adversary", "agent")}
    assert shown == pytest.approx(ends)
    stored = {m.subject: m.details["sides"] for m in measurements() if m.kind == "strangers_mean"}
    for role in (predators, prey):
        value, low, high = stored[told["rows"][0]["id"]][role["role"]]
        assert value == pytest.approx(role["mean"][0][1]) and low < value < high


def test_anchors_are_zero_and_one(zoo: Zoo) -> None:
    ends = ("--anchor-low", "always-cooperate", "--anchor-high", "always-defect")
    told = zoo("crossplay", *FOUR, *IPD, *ends, "--json").json
    normalised = told["roles"][0]["normalised"]
    # with tit-for-tat and grim defection is no better than cooperation: nothing to normalise by
    assert normalised[2] == [None, None, 1.0, 1.0] and normalised[3] == [None, None, 0.0, 0.0]
    assert told["anchors"]["source"] == "as asked for"
    best = zoo("crossplay", *FOUR, *IPD, "--json").json["roles"][0]
    assert np.array(best["normalised"]).max(axis=0).tolist() == [1.0] * 4
    assert best["normalised"][4] == [0.0] * 4


def test_anchors_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declarations, "FOLDER", tmp_path)
    ids = {text: VENUE.id(text) for text in ("random", "grim")}

    def declare(number: int, **what: object) -> None:
        (tmp_path / f"{NAME}.anchors-{number}.json").write_text(json.dumps(what))

    assert crossplay.anchors_for(VENUE).entrants == ("random",)
    declare(1, low={"random": ids["random"]}, high=BEST)
    declare(2, low={"random": ids["random"]}, high={"grim": ids["grim"]})
    found = crossplay.anchors_for(VENUE)
    assert (found.low, found.high, found.source) == ("random", "grim", f"{NAME}/anchors-2")
    assert crossplay.anchors_for(VENUE, high=BEST).high == BEST
    assert crossplay.anchors_for(Venue(ArenaChoice("ipd"))).source != found.source
    declare(3, low={"random": "0123"}, high=BEST)
    with pytest.raises(UserError, match=r"anchors-3: random is now .*, the file holds 0123"):
        crossplay.anchors_for(VENUE)


def test_files_of_the_house_name_who_plays() -> None:
    for file in declarations.FOLDER.glob("*.anchors-*.json"):
        name, _, _ = file.stem.rpartition(".anchors-")
        choice = ArenaChoice(name.rpartition("-v")[0])
        assert crossplay.anchors_for(Venue(choice)).low is not None


def test_figures_reach_the_board(zoo: Zoo) -> None:
    zoo("crossplay", *FOUR, *IPD)
    told = zoo("crossplay", *FOUR, *IPD, "--json").json
    rows = {row["label"]: row for row in zoo("leaderboard", "--arena", NAME, "--format", "json").json["rows"]}
    worst, mean = (by_name(told, "normalised", name, "value") for name in ("worst", "mean"))
    for name in FOUR:
        assert rows[name]["strangers_worst"] == pytest.approx(worst[name])
        assert rows[name]["strangers_mean"] == pytest.approx(mean[name])
        assert rows[name]["strangers_mean_low"] <= rows[name]["strangers_mean"] <= rows[name]["strangers_mean_high"]
        assert rows[name]["strangers"] == 3 and rows[name]["partner_gap"] is None
    assert rows["random"]["strangers_mean"] is None
    raw = by_name(told, "raw", "mean", "value")
    stored = {m.subject: m.value for m in measurements() if m.kind == "strangers_mean"}
    assert {row["label"]: stored[row["id"]] for row in told["columns"]} == pytest.approx(raw)
    assert "strangers worst" in zoo("leaderboard", "--arena", NAME, "--wide", width=80).out


def test_a_bad_opponent_gains_nothing_on_the_board_by_not_meeting_itself(zoo: Zoo) -> None:
    """In plain returns random, the worst partner of all, would be the best: all others meet it, it does not."""
    told = zoo("crossplay", "random", "still", "assignment", "--arena", "spread", "--episodes", 40, "--json").json
    rows = {row["label"]: row for row in zoo("leaderboard", "--arena", "spread", "--format", "json").json["rows"]}
    means = {name: row["strangers_mean"] for name, row in rows.items()}
    assert told["anchors"]["high"] == "assignment"
    assert means["random"] == 0.0 and means["assignment"] == 1.0
    assert rows["random"]["strangers"] == 2
    # whatever the luck of the episodes by which the worst is chosen, the anchors are 0 and 1
    for name, wanted in (("random", 0.0), ("assignment", 1.0)):
        entry = next(e for e in told["entries"] if e["entrant"] == name)["normalised"]
        for figure in ("worst", "cvar", "mean"):
            assert list(entry[figure].values()) == pytest.approx([wanted] * 3, abs=1e-9)
    still = next(e for e in told["entries"] if e["entrant"] == "still")["normalised"]["mean"]
    scores = told["roles"][0]["normalised"][1]
    assert still["value"] == pytest.approx((scores[0] + scores[2]) / 2)
    assert still["low"] < still["value"] < still["high"]


def test_another_pool_is_not_put_beside_the_first(zoo: Zoo) -> None:
    zoo("crossplay", *FOUR, *IPD)
    zoo("crossplay", "random", "always-defect", *IPD)
    rows = {row["label"]: row for row in zoo("leaderboard", "--arena", NAME, "--format", "json").json["rows"]}
    assert {name: row["strangers"] for name, row in rows.items()} == dict.fromkeys(FOUR, 3) | {"random": 0}
    zoo("crossplay", *FOUR, "random", *IPD)
    rows = {row["label"]: row for row in zoo("leaderboard", "--arena", NAME, "--format", "json").json["rows"]}
    assert {row["strangers"] for row in rows.values()} == {4}


def test_other_seeds_do_not_reach_the_board(zoo: Zoo) -> None:
    zoo("crossplay", *FOUR, *IPD, "--seed", 3)
    assert measurements() == []


@pytest.mark.parametrize("width", [80, 120])
def test_screen_fits_and_explains(zoo: Zoo, width: int) -> None:
    said = zoo("crossplay", *FOUR, "random", *IPD, width=width)
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= width
    told = " ".join(said.out.split())
    for word in ("worst n", "CVaR", "mean", "random", "best of these entrants, so that n changes with who is named"):
        assert word in told
    assert "chosen on one half of the episodes and estimated on the other" in told
    assert "other opponents like these" in told and "exactly these" not in told
    assert "gap" not in told and "own:" not in told  # nobody here was trained
    few = " ".join(zoo("crossplay", *FOUR[:3], *IPD, width=width).out.split())
    assert "exactly these opponents, as they are of fewer than 4 kinds" in few
    assert "like these" not in few


def test_groups_are_shown_where_there_are_seeds(zoo: Zoo, seeds: list[str]) -> None:
    said = zoo("crossplay", *seeds, "random", *IMP, width=120)
    assert "Groups" in said.out and "R_-" in said.out
    assert "gap [95 %]" in said.out and "own: with itself, as it trained" in said.out
    assert "Groups" not in zoo("crossplay", "grim", "random", *IPD).out


def test_csv_and_picture(zoo: Zoo, tmp_path: Path) -> None:
    table, picture = tmp_path / "cells.csv", tmp_path / "map.png"
    told = zoo("crossplay", *FOUR, *IPD, "--csv", table, "--plot", picture, "--json").json
    lines = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [float(line["mean"]) for line in lines] == [x for row in told["roles"][0]["mean"] for x in row]
    assert {line["held_out"] for line in lines if line["row"] == line["column"]} == {"0"}
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert zoo("crossplay", *FOUR, *IPD, "--plot", tmp_path / "map.svg").out.splitlines()[-1].endswith("map.svg")


def test_entries_of_one_run_alone_have_no_figures(zoo: Zoo, seeds: list[str]) -> None:
    said = zoo("crossplay", seeds[0], seeds[0].replace("naive@", "naive,lr=0.5@"), *IMP, "--no-record")
    assert "Without figures" in said.out
    assert zoo("crossplay", seeds[0], seeds[0].replace("naive@", "naive,lr=0.5@"), *IMP, "--json").json["entries"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("grim",), "at least two entrants, got 1"),
        (("iql",), "iql has no house checkpoint"),
        (("grim", "random", "grim"), "grim is named twice"),
        (("grim", "random", "--against", "random"), "random is named twice"),
        (("grim", "random", "--role", "predator"), "no role 'predator'; known: player"),
        (("grim", "nobody"), "unknown agent 'nobody'"),
        (("naive@/nowhere/*", "grim"), "fits no checkpoint"),
        (("grim", "random", "--plot", "map.jpg"), "must end in .png or .svg"),
        (("grim", "random", "--anchor-low", "best"), "can only be the high anchor"),
        (("grim", "random", "--anchor-high", "nobody"), "unknown agent 'nobody'"),
    ],
)
def test_refused_in_one_line(words: tuple[str, ...], said: str, refused: Refused) -> None:
    assert said in refused("crossplay", *words, *IPD)


def test_a_file_that_cannot_be_written_is_refused(refused: Refused) -> None:
    assert "cannot write /nowhere/map.png" in refused("crossplay", "grim", "random", *IPD, "--plot", "/nowhere/map.png")


def test_a_role_left_empty_is_refused_before_anything_is_played(tmp_path: Path, refused: Refused) -> None:
    folder = fresh_checkpoint(tmp_path / "half", "naive", TWO_SIDES)
    card = json.loads((folder / checkpoint.CARD).read_text())
    (folder / checkpoint.CARD).write_text(json.dumps(card | {"seats": ["row"]}))
    line = refused("crossplay", f"naive@{folder}", "random", *IMP)
    assert "leaves the role column empty" in line and "trained for row only" in line


def test_for_programs() -> None:
    found = crossplay.play(VENUE, ["grim", "random"], ["always-defect", "grim", "random"], episodes=7)
    assert found.returns["player"].shape == (7, 2, 3) and found.mean("player").shape == (2, 3)
    assert np.isfinite(found.returns["player"]).all()
    assert found.held_out.tolist() == [[True, False, True], [True, True, False]]
    told = crossplay.report(found, crossplay.anchors_for(VENUE))
    assert {entry.player.label for entry in told.entries} == {"grim", "random"}
    assert found.mean("player")[0, 0] == -3 - 9 * 2  # grim is exploited once in ten steps, then both defect
    with pytest.raises(UserError, match="tit-for-tat is no row"):
        crossplay.report(found, crossplay.anchors_for(VENUE, "tit-for-tat"))


def test_two_ways_of_training_are_compared_by_common_opponents() -> None:
    found = crossplay.play(VENUE, [*FOUR, "random"], episodes=20)
    told = crossplay.report(found, crossplay.anchors_for(VENUE))
    raw, between = crossplay.compare(told, "player", ["always-defect"], ["always-cooperate", "grim"])
    # tit-for-tat and random are neither of them
    mean = found.mean("player")[:, [0, 4]]
    assert raw.opponents == 2
    assert raw.mean.mean == pytest.approx(mean[2].mean() - (mean[3].mean() + mean[1].mean()) / 2)
    assert raw.worst.mean == pytest.approx(mean[2].min() - (mean[3].min() + mean[1].min()) / 2)
    assert between is not None and between.opponents == 2
    with pytest.raises(UserError, match="win-stay-lose-shift is no row"):
        crossplay.compare(told, "player", ["win-stay-lose-shift"], ["grim"])
