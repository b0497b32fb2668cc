"""Humans against entrants: the games are those of a match, kept apart from the board, and rated with an interval."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from leaderboard.report.html import player_script
from tests.zoo.command_line import Refused, Zoo
from tests.zoo.serve.asking import Answer, ask, asked
from zoo import home
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.play.episodes import play_episodes
from zoo.play.luck import episode_seeds
from zoo.play.seating import sit_down
from zoo.serve.duel_site import DuelSite
from zoo.serve.duels import DONE, HumanGame, keep, kept, rated
from zoo.serve.human import HumanTable, actions_of
from zoo.serve.site import application

SHORT = ("max_steps=4",)


def table(entrant: str, arena: str = "ipd", settings: tuple[str, ...] = SHORT, seed: int = 0) -> HumanTable:
    venue = Venue(ArenaChoice(arena, settings))
    return HumanTable(venue, venue.entrant(entrant), "me", seed)


def played(of: HumanTable, choice: int = 0) -> dict[str, Any]:
    """A whole game in which the human always does the same."""
    told = of.new_game()
    while not told["over"]:
        told = of.act(choice)
    return told


def test_the_games_are_those_of_a_match() -> None:
    venue = Venue(ArenaChoice("ipd", SHORT))
    pair = [venue.entrant("random"), venue.entrant("always-cooperate")]
    me, seats = table("random", seed=3), []
    for episode in range(4):
        told = played(me)
        seats.append(told["seat"])
        rotation = {seat: int(seat == told["seat"]) for seat in venue.spec.seats}
        dealt = episode_seeds(venue.identity, 3, 0, 4)
        match = play_episodes(sit_down(venue.arena(4), pair, rotation, 3), dealt)
        assert told["returns"] == {seat: float(of[episode]) for seat, of in match.returns.items()}
    assert set(seats) == set(venue.spec.seats)


def test_games_are_kept_apart_and_counted(zoo: Zoo) -> None:
    me = table("tit-for-tat")
    me.new_game()
    me.act(0)  # and leaves it
    for _ in range(3):
        played(me, 1)
    states = [(game.episode, game.state, game.steps) for game in kept()]
    assert states == [(0, "left", 0), (1, DONE, 4), (2, DONE, 4), (3, DONE, 4)]
    (rating,) = rated(kept("ipd-v1(max_steps=4)"))
    assert (rating.games, rating.left, rating.spoiled, rating.won) == (3, 1, 0, None)
    # defects on tit-for-tat: 0, then -2 three times; the other -3, then -2
    assert (rating.own.mean, rating.other.mean, rating.difference.mean) == (-6.0, -9.0, 3.0)
    assert (rating.own.low, rating.own.n) == (-6.0, 3)
    assert not (home.folder() / "records.sqlite").exists()  # on no board
    said = zoo("duel", "--results")
    assert "tit-for-tat" in said.out and "-6.00 [-6.00, -6.00]" in " ".join(said.out.split())
    (plain,) = zoo("duel", "--results", "--arena", "ipd", "--json").json or [None]
    assert plain["difference"] == {"mean": 3.0, "low": 3.0, "high": 3.0, "n": 3}


def test_another_process_goes_on_with_the_next_game() -> None:
    played(table("random"))
    table("random").new_game()
    assert table("random").new_game()["episode"] == 2
    assert table("random", seed=1).new_game()["episode"] == 0


def test_one_game_has_no_interval_and_shares_of_games_have_wilsons() -> None:
    about = ("zero-v1", "competitive", "e", "greedy", "me", 0)
    for episode, mine in enumerate((1.0, -1.0, 0.0)):
        keep(HumanGame(*about, episode, "a", "", DONE, {"a": mine, "b": -mine}, 4))
    (rating,) = rated(kept())
    assert rating.won is not None and rating.won.mean == 0.5 and rating.won.method == "Wilson"
    (rating,) = rated(kept()[:1])
    assert rating.own.low is None


def test_damaged_games_are_passed_over() -> None:
    played(table("random"))
    (home.folder() / "duels" / "x.json").write_text('{"half": ')
    assert len(kept()) == 1


@pytest.mark.parametrize(
    ("arena", "settings", "words"),
    [
        ("hanabi", ("variant=mini",), "hides"),
        ("switch", (), "messages"),
        ("tandem", (), "no single choice"),
        ("skirmish", (), "hides"),
    ],
)
def test_games_that_a_page_would_give_away_are_refused(arena: str, settings: tuple[str, ...], words: str) -> None:
    with pytest.raises(UserError, match=words):
        table("random", arena, settings if arena != "hanabi" else ())


def test_actions_have_their_names() -> None:
    coin = Venue(ArenaChoice("coin"))
    assert actions_of(coin, "red") == ["right", "left", "down", "up"]
    assert actions_of(Venue(ArenaChoice("ipd")), "row") == ["cooperate", "defect"]
    payoffs = "payoffs=[[[1,0],[0,1]],[[0,1],[1,0]],[[0,0],[0,0]]]"
    assert actions_of(Venue(ArenaChoice("matrix", (payoffs,))), "row") == ["action 0", "action 1", "action 2"]
    assert actions_of(Venue(ArenaChoice("spread")), "agent_0")[1] == "left"


def test_the_moves_do_what_they_are_called() -> None:
    me = table("random", "coin", ("max_steps=9", "size=5"))
    told = me.new_game()
    for name, (right, down) in {"right": (1, 0), "left": (-1, 0), "down": (0, 1), "up": (0, -1)}.items():
        before = place(told)
        told = me.act(told["actions"].index(name))
        after = place(told)
        assert [(b - a + 2) % 5 - 2 for a, b in zip(before, after, strict=True)] == [right, down], name


def place(told: dict[str, Any]) -> list[int]:
    """The human's cell, of two that share one between them."""
    marks = [mark for mark in told["moments"][-1]["marks"] if mark[0] == "square" and mark[2] == told["seat"]]
    return [round(mark[at] / 100 - 0.5) for mark in marks for at in (4, 5)]


@pytest.fixture
def site() -> Any:
    made = DuelSite(table("tit-for-tat"))
    return made, application(None, None, {"127.0.0.1"}, more=made.routes())


def post(site: Any, what: str, sent: object, **headers: str) -> Answer:
    made, app = site
    body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    return ask(app, f"{made.path}/{what}", "POST", body, **{"content_type": "application/json", **headers})


def test_a_game_through_the_page(site: Any) -> None:
    made, app = site
    page = ask(app, made.path)
    assert page.status == 200 and "No game has ended yet" in page.text
    assert player_script()[:40] in page.text and "unsafe" not in page.headers["content-security-policy"]
    told = post(site, "begin", {}).json
    assert (told["step"], told["legal"], told["over"]) == (0, [True, True], False)
    for step in range(4):
        told = post(site, "act", {"episode": 0, "step": step, "action": 1}).json
    assert told["over"] and told["returns"][told["seat"]] == -6.0
    assert told["table"][0]["games"] == "1"
    assert post(site, "act", {"episode": 0, "step": 4, "action": 1}).status == 400
    assert "-6.00" in ask(app, made.path).text


def test_what_the_page_would_not_send_is_refused(site: Any) -> None:
    made, app = site
    begun = post(site, "begin", {}).json
    act = {"episode": begun["episode"], "step": 0, "action": 0}
    for sent, status in (
        ({**act, "action": 2}, 400),
        ({**act, "action": -1}, 400),
        ({**act, "action": True}, 400),
        ({**act, "action": "0"}, 400),
        ({**act, "step": 1}, 409),
        ({**act, "episode": 7}, 409),
        ({}, 400),
        ([], 400),
        (b"{", 400),
        (b"[" * 900, 400),
        (b" " * 2000, 413),
    ):
        assert post(site, "act", sent).status == status, sent
    assert post(site, "act", act, content_type="text/plain").status == 415  # as a form of another site would
    assert post(site, "act", act, host="evil.example").status == 421
    other = made.path[:-1] + ("A" if made.path[-1] != "A" else "B")
    for path in (other, "/duel/", "/duel/%00", f"/duel/{'x' * 9000}", "/"):
        assert ask(app, path).status == 404
    assert ask(app, f"{other}/begin", "POST", b"{}", content_type="application/json").status == 404
    assert post(site, "act", act).status == 200  # and none of it has moved the game


def test_two_windows_do_not_play_a_step_twice(site: Any) -> None:
    made, app = site
    post(site, "begin", {})
    body = json.dumps({"episode": 0, "step": 0, "action": 0}).encode()

    async def both() -> list[int]:
        asks = [asked(app, f"{made.path}/act", "POST", body, content_type="application/json") for _ in range(2)]
        return sorted(answer.status for answer in await asyncio.gather(*asks))

    assert asyncio.run(both()) == [200, 409]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "name an ENTRANT"),
        (("random",), "name an ENTRANT"),
        (("--results", "random"), "leave out ENTRANT"),
        (("random", "--arena", "ipd", "--json"), "--json belongs"),
        (("random", "--arena", "ipd", "--name", " "), "--name"),
        (("randm", "--arena", "ipd"), "random"),
        (("random", "--arena", "ipdd"), "ipd"),
    ],
)
def test_bad_input_is_one_line(refused: Refused, words: tuple[str, ...], says: str) -> None:
    assert says in refused("duel", *words)


def test_a_taken_port_is_named(refused: Refused) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert "--port" in refused("serve", "--port", port)
        assert "--port" in refused("duel", "random", "--arena", "ipd", "--port", port)
    assert "--host" in refused("serve", "--host", "no.such.host.invalid")
