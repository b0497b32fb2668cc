"""`zoo match`: what is played, what is recorded and rated, and what the figures are worth."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leaderboard.report.terminal import to_text
from leaderboard.store.store import Store
from tests.zoo.command_line import Zoo, contents, recorded
from zoo import home
from zoo.entry.entrant import Entrant, read_entrant
from zoo.entry.registry import ArenaEntry, load_arena
from zoo.entry.venue import ArenaChoice, Venue
from zoo.matches.match import Summary, public_board, summarise
from zoo.matches.panel import panel_of
from zoo.matches.plan import Work, play, register, run
from zoo.matches.screen import match_screen
from zoo.matches.tournament import prepare
from zoo.play.blocks import play_block
from zoo.work.progress import Reading

SHORT = ("--arena", "coin", "--set", "arena.max_steps=10", "--panel", "random,greedy")
NAME = "coin-v1(max_steps=10)"
LONG = "lola,hidden=0,lr=0.05,critic_lr=0.3,eta=0.1"


def summary(
    a: str, b: str, choice: ArenaChoice, episodes: int = 20, onward: bool = False, panel: tuple[str, ...] = ()
) -> Summary:
    """A match in the test's records."""
    venue = Venue(choice)
    with Store(home.records()) as store:
        partners = panel_of(venue, store, Work(), members=panel) if panel else None
        plan = prepare(venue, (a, b), store, partners, episodes, onward=onward)
        before = public_board(store, plan.venue.identity)
        run(plan, store)
        return summarise(plan, store, before, cpu_s=1.25, recorded=True)


def test_both_sit_in_every_seat_against_each_other_themselves_and_the_panel(zoo: Zoo) -> None:
    zoo("match", "greedy", "cooperator", *SHORT, "--episodes", 20)
    blocks = recorded(NAME)
    with Store(home.records(), read_only=True) as store:
        label = {who.id: who.label for who in store.entrants()}
    pairs = {frozenset(label[who] for who in block.entrants) for block in blocks}
    texts = [{"greedy", "cooperator"}, {"greedy"}, {"cooperator"}, {"greedy", "random"}, {"cooperator", "random"}]
    assert pairs == set(map(frozenset, [*texts, {"random"}]))  # the panel's members have met themselves and each other
    for block in blocks:
        seated = {(r.rotation, r.seat): label[r.entrant] for r in block.results}
        names = sorted(label[who] for who in block.entrants)
        found = [{seat: who for (n, seat), who in seated.items() if n == rotation} for rotation in (0, 1)]
        if names[0] == names[1]:
            assert found == [dict.fromkeys(("red", "blue"), names[0]), {}]
        else:
            assert found[0] in (
                wanted := [dict(zip(("red", "blue"), order, strict=True)) for order in (names, names[::-1])]
            )
            assert found[1] in wanted and found[0] != found[1]


def test_a_match_looks_every_name_up_once(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: Counter[tuple[str, str]] = Counter()

    def counted(original: Any) -> Any:
        def look_up(text: str, *arguments: Any, **more: Any) -> Any:
            looked_up[original.__name__, text] += 1
            return original(text, *arguments, **more)

        return look_up

    for original in (load_arena, read_entrant):
        for module in [m for m in sys.modules.values() if vars(m).get(original.__name__) is original]:
            monkeypatch.setattr(module, original.__name__, counted(original))
    zoo("match", "random", "greedy", "--arena", "coin", "--episodes", 2)
    assert {("load_arena", "coin"), ("read_entrant", "random"), ("read_entrant", "greedy")} <= looked_up.keys()
    assert set(looked_up.values()) == {1}, looked_up


@pytest.mark.parametrize(
    ("a", "b", "values"),
    [
        ("tit-for-tat", "always-defect", (-301, -298)),
        ("grim", "win-stay-lose-shift", (-150, -150)),
        ("always-cooperate", "always-defect", (-450, 0)),
        ("tit-for-tat", "random", (None, None)),
        ("win-stay-lose-shift", "random", (None, None)),
    ],
)
def test_classics_agree_with_the_exact_value(a: str, b: str, values: tuple[float | None, float | None]) -> None:
    for line in summary(a, b, ArenaChoice("ipd")).seats:
        value = dict(zip((a, b), values, strict=True))[line.entrant]
        assert line.exact is not None
        if value is not None:
            assert line.exact == pytest.approx(value, abs=1e-6)
            assert line.own_return.mean == pytest.approx(value, abs=1e-6)
        assert abs(line.own_return.mean - line.exact) <= 4 * standard_error(line.own_return) + 1e-4


@pytest.mark.parametrize(("a", "b"), [("greedy", "cooperator"), ("greedy", "greedy"), ("random", "cooperator")])
def test_coin_scripts_agree_with_the_exact_value(a: str, b: str) -> None:
    lines = summary(a, b, ArenaChoice("coin"), 100).seats
    assert len(lines) == (2 if a == b else 4)
    for line in lines:
        assert line.exact is not None
        assert abs(line.own_return.mean - line.exact) <= 4 * standard_error(line.own_return)


def standard_error(estimate: Any) -> float:
    """From a 95 % t-interval of 20 episodes or more, a little too large."""
    return float(estimate.high - estimate.low) / 2 / 1.96


def test_next_match_goes_on_where_the_last_one_stopped(zoo: Zoo) -> None:
    short = ("--arena", "coin", "--set", "arena.max_steps=2", "--panel", "random,greedy", "--json")
    words = ("match", "random", "cooperator", *short)
    block = ArenaChoice("coin").make(1).spec.block
    assert zoo(*words, "--episodes", block + 50).json["first_episode"] == 0
    again = zoo(*words, "--episodes", block).json
    assert (again["first_episode"], again["seed"], again["rated"]) == (block + 50, 0, True)
    pair = set(again["entrant_ids"])
    blocks = [b for b in recorded("coin-v1(max_steps=2)") if set(b.entrants) == pair]
    spans = {(b.first_episode, b.episodes) for b in blocks}
    # cut at the multiples of the block, so that other pairings' blocks have the same seeds
    assert spans == {(0, block), (block, 50), (block + 50, block - 50), (2 * block, 50)}
    other = zoo("match", "naive", "cooperator", *short).json
    assert (other["first_episode"], other["episodes"]) == (0, 1000)


def test_match_that_was_stopped_is_finished_first() -> None:
    venue = Venue(ArenaChoice("coin", ("max_steps=2",)))
    with Store(home.records()) as store:
        plan = prepare(venue, ("greedy", "cooperator"), store, None, episodes=20, onward=True)
        register(plan, store)
        first = next(iter(plan.tasks.values()))
        store.add(play_block(venue, first))
        again = prepare(venue, ("greedy", "cooperator"), store, None, episodes=20, onward=True)
        assert again.tasks == plan.tasks
        for task in plan.tasks.values():
            store.add(play_block(venue, task))
        assert prepare(venue, ("greedy", "cooperator"), store, None, episodes=20, onward=True).first_episode == 20


def test_nothing_is_said_of_blocks_where_all_are_recorded() -> None:
    venue = Venue(ArenaChoice("coin", ("max_steps=2",)))
    told: list[Reading] = []
    work = Work(watch=lambda key, reading: told.append(reading))
    with Store(home.records()) as store:
        plan = prepare(venue, ("greedy", "cooperator"), store, None, episodes=20, onward=True)
        assert play(plan, store, work)
        assert [told[0].done, told[-1].done] == [0, len(plan.tasks)]
        told.clear()
        assert play(plan, store, work) == []
    assert told == []


def test_the_arena_and_each_entrant_are_read_once(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    read: Counter[str] = Counter()

    def counted(made: type, name: str) -> None:
        plain = made.__init__

        def init(self: Any, *args: Any, **named: Any) -> None:
            plain(self, *args, **named)
            read[f"{made.__name__} {getattr(self, name)}"] += 1

        monkeypatch.setattr(made, "__init__", init)

    counted(ArenaEntry, "name")
    counted(Entrant, "label")
    zoo("match", "random", "greedy", "--arena", "coin", "--panel", "random,cooperator", "--episodes", 2)
    assert read["ArenaEntry coin"] == read["Entrant random"] == read["Entrant greedy"] == 1
    assert set(read.values()) == {1}


def test_seed_reproduces_every_figure_and_adds_nothing(zoo: Zoo) -> None:
    words = ("match", "greedy", "random", *SHORT, "--episodes", 20, "--seed", 7, "--json")
    first, blocks = zoo(*words).json, contents(recorded(NAME))
    second = zoo(*words).json
    assert first | {"cpu_s": 0} == second | {"cpu_s": 0}
    assert contents(recorded(NAME)) == blocks
    with Store(home.records(), read_only=True) as store:
        assert len(store.matches()) == 2  # the panel's members met first
    assert zoo(*words, "--no-record").json | {"cpu_s": 0, "recorded": True} == first | {"cpu_s": 0}
    assert zoo(*words[:-2], 8, "--json").json["seats"] != first["seats"]
    assert "from the records, nothing was added" in " ".join(zoo(*words[:-1]).out.split())


def test_order_of_the_two_changes_no_game(zoo: Zoo) -> None:
    zoo("match", "greedy", "random", *SHORT, "--episodes", 20, "--seed", 0)
    before = contents(recorded(NAME))
    swapped = zoo("match", "random", "greedy", *SHORT, "--episodes", 20, "--seed", 0, "--json").json
    assert contents(recorded(NAME)) == before
    assert swapped["entrants"] == ["random", "greedy"]
    (comparison,) = swapped["comparisons"]
    assert comparison["quantity"] == "own return" and comparison["difference"]["mean"] < 0


def test_only_the_public_seed_is_rated(zoo: Zoo) -> None:
    words = ("match", "greedy", "random", *SHORT[:-1], "cooperator,naive", "--episodes", 20, "--json")
    rated = zoo(*words).json
    assert rated["rated"] and [change["mu_before"] for change in rated["rating"]] == [None, None]
    board = zoo("leaderboard", "--arena", NAME, "--format", "json").json
    other = zoo(*words, "--seed", 3).json
    assert not other["rated"] and other["rating"] == []
    after = zoo("leaderboard", "--arena", NAME, "--format", "json").json
    assert [row | {"matches": 0} for row in after["rows"]] == [row | {"matches": 0} for row in board["rows"]]
    more = zoo(*words).json
    mu = {row["label"]: row["mu"] for row in board["rows"]}
    assert {change["label"]: change["mu_before"] for change in more["rating"]} == {
        name: mu[name] for name in ("greedy", "random")
    }


def test_no_record_leaves_no_trace(zoo: Zoo, zoo_home: str) -> None:
    told = zoo("match", "greedy", "random", *SHORT, "--episodes", 20, "--no-record", "--json").json
    assert (told["recorded"], told["rated"], told["rating"]) == (False, False, [])
    assert list(Path(zoo_home).iterdir()) == []
    assert "not recorded" in zoo("match", "greedy", "random", *SHORT, "--episodes", 20, "--no-record").out


def test_match_against_oneself(zoo: Zoo) -> None:
    told = zoo("match", "greedy", "greedy", *SHORT, "--episodes", 20, "--json").json
    assert [line["seat"] for line in told["seats"]] == ["red", "blue"]
    assert told["comparisons"] == []
    screen = zoo("match", "greedy", "greedy", *SHORT, "--episodes", 20, "--seed", 0).out
    assert screen.startswith(f"greedy against itself in {NAME}")


def test_one_episode_has_no_interval(zoo: Zoo) -> None:
    told = zoo("match", "greedy", "random", *SHORT, "--episodes", 1, "--json").json
    assert {line["own_return"]["low"] for line in told["seats"]} == {None}
    assert told["comparisons"][0]["verdict"] == "one episode cannot tell greedy and random apart"
    assert "None" not in zoo("match", "greedy", "random", *SHORT, "--episodes", 1, "--seed", 0).out


def test_sides_of_a_competitive_game_are_exchanged(zoo: Zoo) -> None:
    told = zoo("match", "always-cooperate", "always-defect", "--arena", "imp", "--episodes", 20, "--json").json
    got = {(line["entrant"], line["seat"]): line["own_return"]["mean"] for line in told["seats"]}
    steps = told["length"]
    assert got == {
        ("always-cooperate", "row"): -steps,
        ("always-cooperate", "column"): steps,
        ("always-defect", "row"): -steps,
        ("always-defect", "column"): steps,
    }


def test_unit_is_the_episode_however_many_rotations(zoo: Zoo, here: Path) -> None:
    Path("three.py").write_text(
        "from envs import Env as Two\n\n\nclass Env(Two):\n    possible_agents = ['a_0', 'a_1', 'a_2']\n"
    )
    (here / "mine.py").rename(here / "agents_of_mine.py")
    words = ("match", "random", "agents_of_mine.py:Plain", "--arena", "three.py:Env", "--episodes", 4, "--json")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(here))
        told = zoo(*words).json
    assert len(told["seats"]) == 6
    assert {line["own_return"]["n"] for line in told["seats"]} == {4}


# what is on the screen


def numbers(text: str) -> Iterator[tuple[float, int]]:
    """Every number in a text, with its decimals."""
    for found in re.findall(r"-?\d[\d,]*\.?\d*", text):
        plain = found.replace(",", "")
        yield float(plain), len(plain.partition(".")[2])


def figures(tree: Any) -> Iterator[float]:
    """Every number in a JSON value, and the two that are shown as a difference of two: half-widths and changes."""
    if isinstance(tree, dict):
        if {"mean", "high"} <= tree.keys() and tree["high"] is not None:
            yield tree["high"] - tree["mean"]
        if {"mu_before", "mu_after"} <= tree.keys() and tree["mu_before"] is not None:
            yield tree["mu_after"] - tree["mu_before"]
        tree = list(tree.values())
    if isinstance(tree, list):
        for branch in tree:
            yield from figures(branch)
    elif isinstance(tree, int | float) and not isinstance(tree, bool):
        yield float(tree)


def strings(tree: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict | list):
        for branch in tree.values() if isinstance(tree, dict) else tree:
            yield from strings(branch)


@pytest.mark.parametrize("again", [False, True], ids=["new", "known"])
def test_every_figure_on_the_screen_is_in_the_json(again: bool) -> None:
    if again:
        summary("greedy", "random", ArenaChoice("coin", ("max_steps=10",)), panel=("random", "greedy"))
    told = summary(
        "greedy", "cooperator", ArenaChoice("coin", ("max_steps=10",)), onward=again, panel=("random", "greedy")
    )
    text, data = to_text(match_screen(told), 250).replace("95 %", ""), told.to_json()
    for name in sorted(set(strings(data)) - {""}, key=len, reverse=True):
        text = text.replace(name, " ")
    text = text.replace("public seed 0", "")
    shown = list(numbers(text))
    assert len(shown) > 40
    returns = [[line["own_return"], line["exact"]] for line in data["seats"]]
    returns += [[comparison[key] for key in ("first", "second", "difference")] for comparison in data["comparisons"]]
    known = [*figures(data), *(value / data["length"] for value in figures(returns))]  # shown per step
    for value, digits in shown:
        assert any(abs(value - figure) <= 0.5000001 * 10**-digits for figure in known), value


def cells(text: str) -> list[str]:
    """All numbers in a text, as they are written."""
    return re.findall(r"[-±]?\d[\d,]*\.\d+", text)


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_long_labels_are_cut_and_figures_never(width: int) -> None:
    told = summary("greedy", "cooperator", ArenaChoice("coin", ("max_steps=10",)), panel=("random", "greedy"))
    long = dict(zip(told.entrants, (LONG, LONG.replace("0.1", "0.2")), strict=True))
    told = replace(
        told,
        entrants=list(long.values()),
        seats=[replace(line, entrant=long[line.entrant], faults={"INVALID": 20}) for line in told.seats],
        rating=[replace(change, label=long[change.label]) for change in told.rating],
        comparisons=[replace(told.comparisons[0], partners=list(long.values()))],
    )
    text, whole = to_text(match_screen(told), width), to_text(match_screen(told), 300)
    assert max(map(len, text.splitlines())) <= width
    labels = re.compile(r"lola[,\w=.]*")
    second = re.compile(r"^ \S*$", re.M)  # line of a label
    assert sorted(cells(second.sub("", labels.sub("", text)))) == sorted(cells(labels.sub("", whole)))
    assert text.count("20 INVALID") == 4
    assert "…" not in text
    for eta in ("0.1", "0.2"):  # what tells the two apart can still be seen
        assert re.search(rf"^lola\S*{eta} +red|^lola.* red .*\n \S*{eta}$", text, re.M), eta


# games that are not ours


@pytest.mark.parametrize(
    ("arena", "seats"),
    [
        (("pettingzoo:classic/connect_four_v3",), 2),
        (("mpe2:simple_tag_v3", "--set", "arena.max_cycles=5"), 4),
        (("mpe2:simple_tag_v3", "--set", "arena.max_cycles=5", "--wrap", "frame_stack_v1=4"), 4),
        (("envs.py:env",), 2),
    ],
)
def test_foreign_games(arena: tuple[str, ...], seats: int, zoo: Zoo, here: Path) -> None:
    words = ("match", "mine.py:Cheats", "random", "--arena", *arena, "--episodes", 3)
    told = zoo(*words, "--json").json
    lines = {(line["entrant"], line["seat"]): line for line in told["seats"]}
    assert len(lines) == 2 * seats
    for (who, _), line in lines.items():
        assert line["faults"] == ({"INVALID": 3} if who == "mine.py:Cheats" else {})
        assert line["own_return"]["n"] == (3 if who == "mine.py:Cheats" else 0)  # a partner's fault says nothing of it
    assert all(comparison["difference"]["mean"] < 0 for comparison in told["comparisons"])
    assert zoo(*words, "--seed", 0).out.count("3 INVALID") == seats
    again = zoo(*words, "--seed", 0, "--json").json
    assert (again["seats"], again["steps"]) == (told["seats"], told["steps"])


def test_seats_that_earn_the_same_share_a_line_where_there_are_many() -> None:
    choice = ArenaChoice("skirmish", ("scenario=2s3z", "opponent=team", "limit=3"))
    found = summary("focus-fire", "random", choice, episodes=2)
    assert len(found.seats) == 20
    lines = to_text(match_screen(found), width=120).splitlines()
    assert sum("red_* (5)" in line for line in lines) == sum("blue_* (5)" in line for line in lines) > 0
    assert not any("zealot" in line for line in lines)
