"""Whatever is wrong with what was typed, or with what it names: one clear line, exit code 2, and nothing is lost."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.zoo.command_line import Refused, Zoo, contents, fresh_checkpoint, recorded
from zoo.entry.checkpoint import CARD, WEIGHTS
from zoo.entry.venue import ArenaChoice

COIN = ("--arena", "coin", "--set", "arena.max_steps=5", "--episodes", 4)
PANEL = ("--panel", "random,cooperator")
CHOICE = ArenaChoice("coin", ("max_steps=5",))
MINI = ("--arena", "hanabi", "--set", "arena.variant=mini", "--set")
SWITCH = ("--arena", "switch", "--set")
IPD = ("--arena", "ipd", "--set", "arena.max_steps=5", "--episodes", 4)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        # who and where
        (("match", "greedyy", "random", *COIN), "unknown agent 'greedyy'; did you mean greedy"),
        (("match", "", "random", *COIN), "unknown agent ''; known: "),
        (("match", "@somewhere", "random", *COIN), "unknown agent ''; known: "),
        (("match", "greedy", "random", "--arena", "coinn"), "unknown arena 'coinn'; did you mean coin"),
        (("match", "random", "random", "--arena", "foraging"), "games are named as in lbforaging:Foraging-8x8"),
        (("train", "iql", "--arena", "openspiel"), "a library, whose games are named as in openspiel:hex"),
        (("match", "tit-for-tat", "random", *COIN), "tit-for-tat cannot play .*: it needs matrix, which"),
        (("match", "greedy", "random", *IPD), "greedy cannot play .*: it needs coin, which"),
        (("match", "bad", "bad", *COIN), r"bad cannot play .* hands, which the arena does not .*`zoo agents bad`"),
        (
            ("match", "bad", "bad", "--arena", "hanabi"),
            r"26\^5 = 11,881,376 hands .*: set fewer colours.* variant=mini",
        ),
        (("match", "random", "random", *SWITCH, "arena.n=2"), r"n must be in \[3, 8\], got 2"),
        (("match", "random", "random", *SWITCH, "arena.bits=0"), r"bits must be in \[1, 4\], got 0"),
        (("train", "dial,sigma=-1", *SWITCH, "arena.n=3"), "sigma must be at least 0, got -1"),
        (
            ("train", "dial,width=2", *SWITCH, "arena.n=3"),
            "a message of 2 bits is wider than the channel of .* carries 1",
        ),
        (("match", "rial,width=9", "dial", *SWITCH, "arena.n=3"), "a message of 9 bits is wider than the channel"),
        (("match", "random", "random", *MINI, "arena.hand=5"), "are 10 cards, and the deck of .* has 8: .*; set fewer"),
        (
            ("match", "random", "random", *MINI, "arena.colours=1", "--set", "arena.ranks=1"),
            "deck of 1 colour x 1 rank has 3",
        ),
        (("match", "iql", "random", *COIN), r"no house checkpoint for coin-v1.max_steps=5.: train one with `zoo tr"),
        (("match", "mine.py", "random", *COIN), "unknown agent 'mine.py'; name its class, too: mine.py:CLASS"),
        (("match", "nowhere.py:X", "random", *COIN), "there is no file nowhere.py"),
        (("match", "broken.py:X", "random", *COIN), "broken.py cannot be imported: OSError: worn out"),
        (("match", "no_such_module:X", "random", *COIN), "no_such_module cannot be imported: there is no module"),
        (("match", ":X", "random", *COIN), " cannot be imported: "),
        (("match", "mine.py:Plane", "random", *COIN), "mine.py has no 'Plane'; did you mean Plain"),
        (("match", "mine.py:Stranger", "random", *COIN), "mine.py:Stranger is not an agent: expected a subclass"),
        (("match", "mine.py:number", "random", *COIN), "mine.py:number is not an agent: expected a subclass"),
        (("match", "greedy", "random", "--arena", "mine.py:number"), "mine.py:number is no arena: expected a sub"),
        (("match", "random", "random", "--arena", "envs.py:no_env"), "int is neither a ParallelEnv nor an AECEnv"),
        (("match", "random", "random", "--arena", "envs.py:raises_when_made"), "RuntimeError: no parts"),
        (("match", "random", "random", "--arena", "pettingzoo:classic/chess_v99"), "has no environment 'classic/ch"),
        (("match", "random", "random", "--arena", "mpe2:simple_tog_v3"), "nearest names are simple_tag_v3"),
        (("tournament", "greedy", "random", "greedi", *COIN), "unknown agent 'greedi'; did you mean greedy"),
        (("match", "greedy", "random", "coin"), "Missing option '--arena'; did you mean --arena coin"),
        (("leaderboard", "ipd-v1"), "unexpected extra argument .ipd-v1.; did you mean --arena ipd-v1"),
        # numbers
        (("match", "greedy", "random", *COIN[:-1], 0), "'--episodes': 0 is not in the range"),
        (("match", "greedy", "random", *COIN[:-1], -5), "'--episodes': -5 is not in the range"),
        (("match", "greedy", "random", *COIN[:-1], 10**15), "'--episodes': 10+ is not in the range"),
        (("match", "greedy", "random", *COIN[:-1], "ten"), "'--episodes': 'ten' is not a valid integer"),
        (("match", "greedy", "random", *COIN, "--seed", -1), "'--seed': -1 is not in the range"),
        (("match", "greedy", "random", *COIN, "--seed", 2**63), r"'--seed': \d+ is not in the range"),
        (("match", "greedy", "random", *COIN, "--workers", 0), "'--workers': 0 is not in the range"),
        (("tournament", "greedy", "random", *COIN[:-1], 0), "'--episodes': 0 is not in the range"),
        (("tournament", "greedy", "random", *COIN, "--workers", -2), "'--workers': -2 is not in the range"),
        # settings
        (("match", "naive,nothing=1", "random", *COIN), "naive has no field 'nothing'; "),
        (("match", "naive,lr=fast", "random", *COIN), "naive: lr must be a finite number, got 'fast'"),
        (("match", "naive,lr=nan", "random", *COIN), "naive: lr must be a finite number, got 'nan'"),
        (("match", "naive,lr=inf", "random", *COIN, "--learn"), "--episodes is for matches without --learn"),
        (("match", "naive,lr=inf", "random", *COIN[:-2], "--learn"), "naive: lr must be a finite number, got 'inf'"),
        (("match", "naive,lr", "random", *COIN), "naive: expected field=value, got 'lr'"),
        (("match", "greedy,size=3", "random", *COIN), "greedy has no field 'size'; none is known"),
        (("match", "greedy", "random", "--arena", "coin", "--set", "size=5"), "--set size=5: expected arena.FIELD="),
        (("match", "greedy", "random", "--arena", "coin", "--set", "arena.nothing=1"), "has no field 'nothing'; kn"),
        (("match", "greedy", "random", "--arena", "coin", "--set", "arena.size"), "expected field=value, got 'size'"),
        (("match", "greedy", "random", "--arena", "coin", "--set", "arena.size=big"), "size must be a whole number"),
        (("match", "greedy", "random", "--arena", "coin", "--set", "arena.size=1"), "size must be at least 2"),
        (("match", "greedy", "random", *COIN, "--wrap", "frame_stack_v1=4"), "--wrap needs a PettingZoo environment"),
        (("match", "random", "random", "--arena", "matrix"), "arena matrix needs payoffs: --set arena.payoffs=VALUE"),
        # who and where break while they play
        (
            ("match", "mine.py:Raises", "random", *COIN, "--trust"),
            r"ZeroDivisionError: nothing to divide \(mine.py, line \d+\)",
        ),
        (
            ("match", "mine.py:RaisesAtBegin", "random", *COIN, "--trust"),
            r"LookupError: no chair \(mine.py, line \d+\)",
        ),
        (
            ("match", "mine.py:RaisesWhenMade", "random", *COIN, "--trust"),
            r"cannot be made: OSError: no parts \(mine.py, line",
        ),
        (("match", "mine.py:Leaves", "random", *COIN, "--trust"), r"SystemExit: 0 \(mine.py, line \d+\)"),
        (("match", "mine.py:WrongShape", "random", *COIN, "--trust"), r"an action has shape \[1\], expected \[2\]"),
        (
            ("match", "mine.py:Unfinished", "random", *COIN, "--trust"),
            "cannot be made: TypeError: Can't instantiate abstract",
        ),
        (
            ("match", "random", "random", "--arena", "envs.py:raises_in_step"),
            r"seed \d+, step 3: step\(\) raised RuntimeError: canno",
        ),
        (
            ("match", "random", "random", "--arena", "envs.py:raises_in_reset"),
            r"step 0: reset\(\) raised RuntimeError: cannot beg",
        ),
    ],
)
def test_one_line(words: tuple[object, ...], line: str, refused: Refused, here: Path) -> None:
    assert re.search(line, refused(*words))


def test_what_was_played_before_a_fault_stays(zoo: Zoo, here: Path) -> None:
    zoo("match", "random", "mine.py:Plain", *COIN, *PANEL)
    before = contents(recorded("coin-v1(max_steps=5)"))
    zoo("tournament", "random", "mine.py:Plain", "greedy", "mine.py:Raises", *COIN, *PANEL, "--trust", code=2)
    after = contents(recorded("coin-v1(max_steps=5)"))
    assert before.items() < after.items()


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database, and never was one" * 10)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20_000])


def newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO schema_version VALUES (999, 'from the future')")
    connection.close()


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("command", ["match", "leaderboard"])
@pytest.mark.parametrize("harm", [garbage, truncated, newer, folder])
def test_broken_database(harm: Callable[[Path], None], command: str, zoo: Zoo, refused: Refused, zoo_home: str) -> None:
    path = Path(zoo_home) / "records.sqlite"
    zoo("match", "grim", "random", *IPD, "--panel", "grim,random")
    harm(path)
    before = path.read_bytes() if path.is_file() else None
    assert str(path) in refused(*(("match", "grim", "random", *IPD) if command == "match" else ("leaderboard",)))
    assert (path.read_bytes() if path.is_file() else None) == before


def test_read_only_database(zoo: Zoo, refused: Refused, zoo_home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    zoo("match", "grim", "random", *IPD, "--panel", "grim,random")
    path = Path(zoo_home) / "records.sqlite"
    monkeypatch.setenv("ZOO_HOME", f"sqlite:///file:{path}?mode=ro&uri=true")
    assert "is read-only; make the file and its folder writable" in refused("match", "grim", "random", *IPD)


@pytest.mark.parametrize(
    ("home", "line"),
    [
        ("/dev/null/zoo", "cannot use ZOO_HOME /dev/null/zoo: Not a directory; set it to a writable folder"),
        ("{here}/mine.py", "File exists; set it to a writable folder"),
        ("nosuch://somewhere", "'nosuch' is no known kind of database"),
        ("sqlite:///{here}/none/records.sqlite", "cannot be opened; check that its folder exists"),
    ],
)
def test_home_that_cannot_be_used(
    home: str, line: str, refused: Refused, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_HOME", home.format(here=here))
    assert line in refused("match", "grim", "random", *IPD)


# checkpoints


def edit(**facts: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        card = json.loads((folder / CARD).read_text())
        (folder / CARD).write_text(json.dumps(card | facts))

    return change


def rewrite(name: str, data: bytes | None) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        if data is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(data)

    return change


def cut_short(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-5])


def spoil(value: float) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        import safetensors.torch

        state = safetensors.torch.load_file(folder / WEIGHTS)
        next(iter(state.values())).view(-1)[0] = value
        safetensors.torch.save_file(state, folder / WEIGHTS)

    return change


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (rewrite(CARD, None), "is no checkpoint: it has no card.json"),
        (rewrite(WEIGHTS, None), "is broken: weights.safetensors: "),
        (rewrite(WEIGHTS, b""), "is broken: weights.safetensors: "),
        (rewrite(CARD, b"{"), "is broken: card.json: "),
        (rewrite(CARD, b"\xff\xfe"), "is broken: card.json: "),
        (rewrite(CARD, b"[]"), "is broken: card.json: "),
        (rewrite(CARD, b'{"format": 1}'), "is broken: card.json: "),
        (cut_short, "is broken: weights.safetensors: "),
        (spoil(float("nan")), "is not finite"),
        (spoil(float("inf")), "is not finite"),
        (edit(format=2), "has format 2, this version reads 1"),
        (edit(agent="lola"), "is of lola, not of naive"),
        (edit(arena="ipd-v1"), r"was trained in ipd-v1, this is coin-v1\(max_steps=5\)"),
        (edit(behaviour=99), "was made by behaviour 99 of naive, this is"),
        (edit(behaviour="one"), "is broken: card.json: behaviour is 'one'"),
        (edit(config=[]), r"is broken: card.json: config is \[\]"),
        (edit(config={"nothing": 1}), "naive has no field 'nothing'"),
        (edit(config={"lr": "fast"}), "lr must be a finite number, got 'fast'"),
        (edit(config={"hidden": 5}), "weights do not fit this agent"),
        (edit(seats="red"), "is broken: card.json: seats is 'red'"),
        (edit(seats=[]), "has no weights for seat (red|blue)"),
        (edit(seats=["green"]), "has no weights for seat (red|blue)"),
    ],
)
def test_broken_checkpoint(harm: Callable[[Path], None], line: str, refused: Refused, here: Path) -> None:
    fresh_checkpoint(Path("trained"), "naive,hidden=0", CHOICE)
    harm(Path("trained"))
    assert re.search(line, refused("match", "naive@trained", "random", *COIN))


def test_whole_checkpoint_plays(zoo: Zoo, refused: Refused, here: Path) -> None:
    fresh_checkpoint(Path("trained"), "naive,hidden=0", CHOICE)
    told = zoo("match", "naive@trained", "random", *COIN, *PANEL, "--json").json
    assert told["entrants"] == ["naive@trained", "random"]
    assert "nowhere is no checkpoint: it has no card.json" in refused("match", "naive@nowhere", "random", *COIN)
    misspelt = refused("match", "dial@seed-9", "random", "--arena", "switch")
    assert (
        "seed-9 is no checkpoint: it has no card.json; the house's of dial are @" in misspelt and "@seed-1," in misspelt
    )
