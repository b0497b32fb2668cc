"""Replays of a report: chosen by rule, played once, held against the record, and packed so that they fit."""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from leaderboard.records import BlockRecord, SeatResult, block_id
from leaderboard.seeds import SECRET_SEEDS
from leaderboard.store.store import Store
from leaderboard.views.page import ArenaPage, arena_page
from tests.zoo.command_line import Zoo
from zoo import home
from zoo.entry.registry import load_arena
from zoo.page import replays as made
from zoo.page.choice import chosen
from zoo.page.games import draw
from zoo.page.replays import replays
from zoo.page.report import archive
from zoo.play import verify
from zoo.work import jobs


def block(first: int, returns: list[float]) -> BlockRecord:
    k = len(returns)
    results = [
        SeatResult(0, seat, who, np.array(x), np.full(k, 3), np.zeros(k))
        for seat, who, x in (("red", "a", returns), ("blue", "b", [-x for x in returns]))
    ]
    what = ("coin-v1", ("a", "b"), "play", 0, first, k)
    return BlockRecord(block_id(*what), *what, 1, tuple(results))


def test_the_median_the_best_and_the_worst_are_shown() -> None:
    games = chosen([block(3, [9.0, 1.0]), block(0, [4.0, 9.0, -2.0])], "red")
    assert [(game.kind, game.episode, game.recorded) for game in games] == [
        ("median", 0, {"red": 4.0, "blue": -4.0}),
        ("best", 1, {"red": 9.0, "blue": -9.0}),  # of equals the earliest
        ("worst", 2, {"red": -2.0, "blue": 2.0}),
    ]
    assert [(game.kind, game.episode) for game in chosen([block(0, [1.0, 1.0])], "red")] == [("only", 0)]


@pytest.fixture
def page(zoo: Zoo, zoo_home: str) -> ArenaPage:
    zoo("match", "greedy", "random", "--arena", "coin", "--panel", "greedy,random", "--episodes", 6)
    with home.read_records() as store:
        return arena_page(store, "coin-v1")


@pytest.fixture
def store(page: ArenaPage) -> Iterator[Store]:
    with home.read_records() as opened:
        yield opened


def unpacked(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(zlib.decompress(data))
    return found


def test_games_are_played_again_once(store: Store, page: ArenaPage, monkeypatch: pytest.MonkeyPatch) -> None:
    found = replays(store, archive(page))
    data = unpacked(found.data)
    assert found.games == len(data["games"]) == 9 and found.notes == ()
    for game in data["games"]:
        assert len(game["moments"]) == len(game["pays"]) + 1 == 151
        assert np.sum([data["pays"][k] for k in game["pays"]], axis=0) == pytest.approx(game["recorded"])
        shapes = [data["looks"][k][0] for k in data["frames"][data["moments"][game["moments"][7]][0]][::3]]
        assert shapes == ["square", "square", "disc", "ring"]
    monkeypatch.setattr(jobs, "work", None)  # nothing is played any more
    assert replays(store, archive(page)) == found


def test_a_game_that_is_not_as_recorded_is_left_out(
    store: Store, page: ArenaPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairings = made._pairings(archive(page))
    changed = replace(pairings[0].games[0], recorded=dict.fromkeys(pairings[0].games[0].recorded, 5.0))
    pairings[0] = replace(pairings[0], games=(changed, *pairings[0].games[1:]))
    monkeypatch.setattr(made, "_pairings", lambda page: pairings)
    found = replays(store, archive(page))
    assert found.games == 8 and found.notes == ("Left out: 1 game that came out otherwise than recorded.",)


def test_what_has_no_room_is_left_out_and_said(store: Store, page: ArenaPage, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = replays(store, archive(page))
    monkeypatch.setattr(made, "BUDGET", len(whole.data) * 2 // 3)
    less = replays(store, archive(page))
    assert len(less.data) <= made.BUDGET and 0 < less.games < whole.games
    assert less.notes == (f"Left out: {whole.games - less.games} games, as they would make the page too large.",)
    assert {game["kind"] for game in unpacked(less.data)["games"]} >= {"median"}


def test_games_on_a_secret_seed_are_not_shown(store: Store, page: ArenaPage) -> None:
    secret = replace(page, blocks=tuple(replace(block, seed=SECRET_SEEDS + 5) for block in page.blocks))
    found = replays(store, archive(secret))
    assert found.games == 0 and found.data == b""
    assert found.notes == ("Games on a secret seed are not shown, as they would tell what it deals.",)


def test_games_without_marks_are_pictures() -> None:
    arena = load_arena("tandem").make(1)
    arena.reset(torch.tensor([0]))
    picture = Image.open(io.BytesIO(base64.b64decode(draw(arena, 0)["picture"])))
    assert picture.format == "PNG" and max(picture.size) <= 200


def test_an_entrant_that_is_gone_is_said(store: Store, page: ArenaPage, monkeypatch: pytest.MonkeyPatch) -> None:
    (gone,) = [row.entrant for row in page.board.rows if row.label == "random"]
    known = verify.EntrantTexts.of
    monkeypatch.setattr(verify.EntrantTexts, "of", lambda self, who: None if who == gone else known(self, who))
    found = replays(store, archive(page))
    assert found.games == 3
    assert found.notes == ("2 pairings cannot be played again, as an entrant is not as it was.",)
