"""`zoo verify`: recorded blocks are played again, and an edited record is found."""

from __future__ import annotations

import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from leaderboard.store.rows import _RESULT, block_content
from leaderboard.store.store import Store
from tests.zoo.command_line import Refused, Zoo
from zoo import home
from zoo.cli import main
from zoo.entry.venue import ArenaChoice, Venue
from zoo.play import luck
from zoo.play.blocks import Task, play_block

SOUND = r"All records are as they were written; \d+\.\d CPU s\.\n"
MATCH = ("match", "greedy", "random", "--arena", "coin", "--set", "arena.max_steps=5", "--episodes", "6")
PANEL = ("--panel", "cooperator,random")


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A match of coin and a learning match of the prisoner's dilemma, made once."""
    folder = tmp_path_factory.mktemp("records")
    learning = ["match", "naive-exact", "tit-for-tat", "--arena", "ipd", "--learn", "--rounds", "2", "--runs", "1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_HOME", str(folder))
        for words in ([*MATCH, *PANEL], learning):
            with pytest.raises(SystemExit) as end:
                main(words)
            assert not end.value.code
    return folder / "records.sqlite"


@pytest.fixture
def file(records: Path, zoo_home: str) -> Path:
    """A copy of the records, where commands look for them."""
    return Path(shutil.copy(records, zoo_home))


def edit(file: Path, statement: str, *values: Any) -> None:
    """Change the database behind the zoo's back."""
    with sqlite3.connect(file) as database:
        assert database.execute(statement, values).rowcount > 0
    database.close()


def match_id() -> str:
    with Store(home.records(), read_only=True) as store:
        return next(match.id for match in store.matches() if "greedy" in match.details["pairing"])


def forge(change: str, value: Any) -> str:
    """Edit a result of the pairing of the match and make all hashes fit again, tallies included; the block's id."""
    with Store(home.records()) as store:
        ids = {who.label: who.id for who in store.entrants()}
        pair = sorted((ids["greedy"], ids["random"]))
        with store._writing() as connection:
            chosen = 'SELECT id FROM block WHERE "first" = :a AND "second" = :b ORDER BY first_episode LIMIT 1'
            (block,) = connection.execute(text(chosen), {"a": pair[0], "b": pair[1]}).scalars()
            same = f"UPDATE seat_result SET {change} = :value WHERE block = :block AND rotation = 0 AND seat = 'red'"
            assert connection.execute(text(same), {"value": value, "block": block}).rowcount == 1
            row = dict(connection.execute(text("SELECT * FROM block WHERE id = :id"), {"id": block}).mappings().one())
            names = ", ".join(_RESULT)
            query = text(f"SELECT {names} FROM seat_result WHERE block = :block")
            results = [tuple(values) for values in connection.execute(query, {"block": block})]
            seal = {"content": block_content(row, results), "id": block}
            connection.execute(text("UPDATE block SET content = :content WHERE id = :id"), seal)
            connection.execute(text("DELETE FROM tally WHERE arena = :arena"), {"arena": row["arena"]})
        store.tallies(row["arena"], "play")  # makes them again from the blocks
    return str(block)


@pytest.mark.usefixtures("file")
def test_a_sound_home(zoo: Zoo, records: Path, zoo_home: str) -> None:
    with sqlite3.connect(records) as database:
        blocks, episodes = database.execute("SELECT count(*), sum(episodes) FROM block WHERE mode = 'play'").fetchone()
    database.close()
    before = (Path(zoo_home) / "records.sqlite").read_bytes()
    told = zoo("verify", "--all", "--json").json
    assert (told["unsound"], told["differences"]) == ([], [])
    assert (told["blocks"], told["episodes"]) == (blocks, episodes)
    assert told["left_out"] == ["1 learning matches: their runs are not played again"]
    screen = zoo("verify", "--all").out
    assert f"All records are as they were written; {blocks} blocks of {episodes:,} episodes came out as reco" in screen
    assert "left out: 1 learning matches" in screen
    one = zoo("verify", match_id()[:6], "--json").json
    assert one["differences"] == one["left_out"] == [] and 0 < one["blocks"] < blocks
    assert (Path(zoo_home) / "records.sqlite").read_bytes() == before
    assert zoo("verify", "--all", "--workers", 2, "--json").json == told


@pytest.mark.usefixtures("file")
def test_hashes_alone_play_nothing(zoo: Zoo) -> None:
    told = zoo("verify", "--all", "--hashes", "--json").json
    assert told == {"unsound": [], "blocks": 0, "episodes": 0, "differences": [], "left_out": []}
    assert re.fullmatch(SOUND, zoo("verify", "--all", "--hashes").out)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("seat_result", "returns = zeroblob(length(returns))"),
        ("seat_result", "lengths = zeroblob(length(lengths))"),
        ("seat_result", "entrant = 'somebody'"),
        ("seat_result", "rotation = rotation + 1"),
        ("block", "seed = seed + 1"),
        ("block", '"first" = "second", "second" = "first"'),
        ("entrant", "label = 'the best'"),
        ("panel", "weights = '{}'"),
        ("match", "episodes = 1000"),
        ("arena", "draw_band = 1000"),
        ("tally", "won = 1000"),
    ],
)
@pytest.mark.parametrize("words", [("--all",), ("--all", "--hashes")], ids=" ".join)
def test_edited_rows_are_named(table: str, change: str, words: tuple[str, ...], zoo: Zoo, file: Path) -> None:
    edit(file, f'UPDATE "{table}" SET {change} WHERE "row" = (SELECT max("row") FROM "{table}")')
    said = zoo("verify", *words, code=2)
    wanted = {"seat_result": "block ", "tally": "the sums of "}.get(table, f"{table} ")
    assert any(line.startswith(wanted) for line in said.out.splitlines()), said.out
    cure = (
        "`zoo leaderboard --rebuild` makes the sums again" if table == "tally" else "; restore a copy of the database"
    )
    assert said.err.startswith("zoo: ") and "cannot be trusted" in said.err and cure in said.err
    assert "Traceback" not in said.err and len(said.err.splitlines()) == 1
    told = zoo("verify", *words, "--json", code=2).json
    assert told["unsound"] and told["blocks"] == 0


@pytest.mark.parametrize("mode", ["play", "learn"])
def test_sums_are_made_again_and_removed_blocks_are_not(mode: str, zoo: Zoo, file: Path) -> None:
    edit(file, "UPDATE tally SET won = 1000 WHERE mode = ?", mode)
    assert "--rebuild` makes the sums again" in zoo("verify", "--all", "--hashes", code=2).err
    zoo("leaderboard", "--rebuild")
    assert re.fullmatch(SOUND, zoo("verify", "--all", "--hashes").out)
    edit(file, "DELETE FROM seat_result WHERE block IN (SELECT id FROM block WHERE mode = ?)", mode)
    edit(file, "DELETE FROM block WHERE mode = ?", mode)
    said = zoo("verify", "--all", "--hashes", code=2)
    assert "belong to no block, as blocks were removed" in said.out and "restore a copy of the database" in said.err


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    ("change", "value", "line"),
    [
        pytest.param(
            "returns",
            np.full(6, 99.0).tobytes(),
            r"seat red, rotation 0, episode 0: recorded returns 99, played again",
            id="returns",
        ),
        ("lengths", None, "recorded lengths 4, played again 5 (6 of 6 episodes differ)"),
        ("metrics", "{}", "seat red, rotation 0: the metrics differ"),
    ],
)
def test_rows_whose_hashes_were_made_again_are_found_by_playing(change: str, value: Any, line: str, zoo: Zoo) -> None:
    with Store(home.records(), read_only=True) as store:
        lengths = store.blocks("coin-v1(max_steps=5)")[0].results[0].lengths
    block = forge(change, np.full(6, 4, lengths.dtype).tobytes() if value is None else value)
    told = zoo("verify", match_id(), "--json", code=2).json
    assert told["unsound"] == []
    (said,) = told["differences"]
    assert said.startswith(f"block {block[:16]} of coin-v1(max_steps=5)") and line in said
    assert re.fullmatch(SOUND, zoo("verify", "--all", "--hashes").out)
    shown = zoo("verify", "--all", code=2)
    assert shown.out.splitlines()[0] == said and "1 record of" in shown.err


def test_an_entrant_that_changed_is_left_out_and_said(zoo: Zoo, here: Path) -> None:
    words = ("match", "mine.py:Plain", "random", "--arena", "ipd", "--set", "arena.max_steps=5", "--episodes", 4)
    zoo(*words, "--panel", "grim,random")
    Path("mine.py").write_text(Path("mine.py").read_text() + "\n# changed\n")
    told = zoo("verify", "--all", "--json").json
    (line,) = told["left_out"]
    assert "no longer as they were" in line and "mine.py:Plain" in line
    assert told["blocks"] > 0 and told["differences"] == []
    Path("mine.py").unlink()
    assert zoo("verify", "--all", "--json").json["left_out"] == told["left_out"]


def test_an_arena_that_is_gone_is_left_out_and_said(zoo: Zoo, here: Path) -> None:
    zoo("match", "mine.py:Plain", "random", "--arena", "envs.py:env", "--episodes", 4)
    Path("envs.py").unlink()
    told = zoo("verify", "--all", "--json").json
    (line,) = told["left_out"]
    assert told["blocks"] == 0 and "envs.py" in line


@pytest.mark.usefixtures("file")
def test_refusals(refused: Refused) -> None:
    assert "name a MATCH, or give --all" in refused("verify")
    assert "name a MATCH, or give --all" in refused("verify", "abc", "--all")
    assert "no match 'xyz'; the latest are:" in refused("verify", "xyz")
    assert "there is no file board.zoo" in refused("verify", "board.zoo")


def test_nothing_yet(refused: Refused) -> None:
    assert refused("verify", "--all").endswith("no records yet; play a match first")


def test_a_certificate_is_checked_and_a_wrong_digit_fails(zoo: Zoo, tmp_path: Path) -> None:
    proof = tmp_path / "proof.json"
    zoo("exploit", "tit-for-tat", "--arena", "ipd", "--certificate", proof)
    assert "every claim holds" in zoo("verify", "--certificate", proof).out
    proof.write_text(proof.read_text().replace("-1.0", "-1.1", 1))
    assert "does not hold" in zoo("verify", "--certificate", proof, code=2).err


def test_blocks_on_a_secret_that_is_not_held_are_left_out(zoo: Zoo) -> None:
    zoo("match", "tit-for-tat", "random", "--arena", "ipd", "--set", "arena.max_steps=3", "--episodes", 2)
    venue, secret = Venue(ArenaChoice("ipd", ("max_steps=3",))), luck.present()
    low, high = sorted(("tit-for-tat", "random"), key=venue.id)
    with Store(home.records()) as store:
        store.add(play_block(venue, Task((low, high), secret.number, 0, 2)))
    assert "left out" not in zoo("verify", "--all").out
    (home.secrets_folder() / f"{secret.name}.key").unlink()
    said = zoo("verify", "--all").out
    assert f"left out: 1 blocks of {venue.identity} on secret seeds that this home does not hold" in said
