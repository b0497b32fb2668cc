"""Blocks: luck that holds no entrant, the same records from any process, and what becomes of those who cheat."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from agents.protocol import Memory, Policy, Seating
from arenas.protocol import Action, ArenaSpec, SeatSpec, TimeStep
from leaderboard.records import Status
from leaderboard.seeds import PUBLIC_SEED
from tests.zoo.command_line import Zoo, contents, recorded
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.play.blocks import Task, _game, _play_elsewhere, play_block, play_blocks
from zoo.play.episodes import begin
from zoo.play.luck import episode_seeds
from zoo.play.referee import NEVER, Refereed
from zoo.play.seating import rotations, sit_down
from zoo.sandbox.levels import at
from zoo.work.pool import Contact

COIN = Venue(ArenaChoice("coin", ("max_steps=10",)))


def task(a: str, b: str, venue: Venue = COIN, *, seed: int = 0, first: int = 0, episodes: int = 20) -> Task:
    low, high = sorted((a, b), key=venue.id)
    return Task((low, high), seed, first, episodes)


def test_luck_holds_no_entrant() -> None:
    def dealt(a: str, b: str, seed: int = 0) -> tuple[dict[str, torch.Tensor], dict[str, Memory]]:
        pair = [COIN.entrant(text) for text in (a, b)]
        arena = COIN.make(8)
        begun = begin(sit_down(arena, pair, {"red": 0, "blue": 1}, seed), episode_seeds("coin", seed, 4, 8))
        return {seat: step.observation for seat, step in begun.timesteps.items()}, begun.memories

    boards, luck = dealt("greedy", "random")
    other_boards, other_luck = dealt("cooperator", "random")
    assert all(torch.equal(boards[seat], other_boards[seat]) for seat in boards)
    assert all(torch.equal(luck[seat]["seed"], other_luck[seat]["seed"]) for seat in luck)
    assert not torch.equal(luck["red"]["seed"], luck["blue"]["seed"])
    assert not torch.equal(boards["red"], dealt("greedy", "random", seed=1)[0]["red"])


def test_block_played_again_is_the_same_to_the_byte_in_any_order_and_process() -> None:
    tasks = [task("greedy", "random"), task("greedy", "cooperator"), task("greedy", "random", first=20)]
    here = contents(list(play_blocks(COIN, tasks)))
    assert contents(list(play_blocks(COIN, tasks[::-1]))) == here
    assert contents(list(play_blocks(COIN, tasks, workers=2))) == here
    assert len(here) == 3


def test_episode_does_not_depend_on_the_block_that_holds_it() -> None:
    whole, part = (
        play_block(COIN, task("greedy", "random")),
        play_block(COIN, task("greedy", "random", first=5, episodes=3)),
    )
    for one, other in zip(whole.results, part.results, strict=True):
        assert list(one.returns[5:8]) == list(other.returns)


def test_worker_that_is_ended_from_outside_is_told_in_one_line(here: Path) -> None:
    tasks = [task("mine.py:Exits", "random"), task("mine.py:Exits", "greedy")]
    with at("trusted"), pytest.raises(UserError, match="a worker process was ended from outside"):
        list(play_blocks(Venue(COIN.choice), tasks, workers=2))


@pytest.mark.parametrize(
    ("planned", "words"),
    [
        ({"identity": "coin-v7"}, "coin-v7 and coin-v1"),
        ({"spec": replace(COIN.spec, max_steps=11)}, "with other rules"),
        ({"spec": replace(COIN.spec, seats={"red": SeatSpec((4, 3, 3), 5)})}, "with other rules"),
    ],
)
def test_a_game_that_says_something_else_in_a_worker_is_refused(planned: dict[str, Any], words: str) -> None:
    """A file whose class draws its own spaces would mix games under one name."""
    venue = Venue(COIN.choice)
    vars(venue).update(planned)
    contact = Contact(lambda *_: None, lambda: False, lambda make, *rest: make(*rest))
    with pytest.raises(UserError, match=f"coin is not the same game in each process: .*{words}"):
        _play_elsewhere(contact, COIN.choice, _game(venue), [])


def spec(*sides: str) -> ArenaSpec:
    seats = {f"seat_{i}": SeatSpec((1,), 2, side=side) for i, side in enumerate(sides)}
    return ArenaSpec("game-v1", seats, "mixed", 5, 1.0, frozenset())


def test_seatings() -> None:
    def of(*sides: str, alone: bool = False) -> list[str]:
        return ["".join(map(str, s.values())) for s in rotations(spec(*sides), alone=alone)]

    assert of("p", "p") == ["01", "10"]
    assert of("p", "p", "p") == ["011", "100", "101", "010", "110", "001"]
    assert of("wolf", "wolf", "sheep") == ["001", "110"]
    assert of("p", "p", alone=True) == ["00"]
    assert of("p") == ["0", "1"]


# the referee


class Script(Policy):
    """Plays the given actions, a row of them for each step."""

    def __init__(self, actions: list[list[float]]) -> None:
        self.actions = actions

    def begin(self, seating: Seating) -> Memory:
        return {"step": 0}

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        return Action(torch.tensor(self.actions[memory["step"]])), {"step": memory["step"] + 1}


def moment(mask: list[list[bool]] | None, rows: int, active: list[bool] | None = None) -> TimeStep:
    one, yes = torch.ones(rows), torch.ones(rows, dtype=torch.bool)
    on = yes if active is None else torch.tensor(active)
    return TimeStep(one[:, None], None if mask is None else torch.tensor(mask), one, one, ~yes, ~yes, on)


def test_referee_notes_the_first_illegal_action_and_mends_it() -> None:
    rows = [[True, True, True], [False, False, True], [True, False, True]]
    player = Refereed(Script([[0, 2, 2], [3, 2, 1], [-1, 0, 0]]), SeatSpec((1,), 3))
    memory, played = {"step": 0}, []
    for _ in range(3):
        action, memory = player.act(moment(rows, 3), memory)
        played.append(action.value.tolist())
    assert played == [[0, 2, 2], [0, 2, 0], [0, 2, 0]]
    assert player.fault is not None and player.fault.tolist() == [1, 2, 1]


def test_referee_asks_nothing_of_a_seat_that_is_not_on_turn() -> None:
    player = Refereed(Script([[9, 9]]), SeatSpec((1,), 3))
    player.act(moment([[True] * 3] * 2, 2, active=[False, True]), {"step": 0})
    assert player.fault is not None and player.fault.tolist() == [NEVER, 0]


@pytest.mark.parametrize("value", [1.5, float("nan"), float("inf"), -1.0, 3.0, 1e30])
def test_what_is_no_number_of_an_action_is_illegal(value: float) -> None:
    player = Refereed(Script([[value, 1.0]]), SeatSpec((1,), 3))
    action, _ = player.act(moment([[False, True, True]] * 2, 2), {"step": 0})
    assert player.fault is not None and player.fault.tolist() == [0, NEVER]
    assert action.value.tolist() == [1, 1]


def test_vector_must_be_finite() -> None:
    player = Refereed(Script([[[0.5, 1.0], [float("nan"), 1.0]]]), SeatSpec((1,), 0, action_dim=2))  # type: ignore[list-item]
    action, _ = player.act(moment(None, 2), {"step": 0})
    assert player.fault is not None and player.fault.tolist() == [NEVER, 0]
    assert action.value.tolist() == [[0.5, 1.0], [0.0, 0.0]]


@pytest.mark.parametrize("arena", ["ipd", "coin"])
def test_illegal_action_forfeits_and_ends_the_episode_for_the_partner(arena: str, here: Path) -> None:
    venue = Venue(ArenaChoice(arena, ("max_steps=10",)))
    block = play_block(venue, task("mine.py:Cheats", "random", venue))
    honest = play_block(venue, task("mine.py:Plain", "random", venue))
    cheat, forfeit = venue.id("mine.py:Cheats"), venue.spec.forfeit
    partners = {(r.rotation, r.seat): r for r in honest.results}
    assert {r.entrant for r in block.results} == set(block.entrants)
    for result in block.results:
        assert set(result.lengths) == {4}
        if result.entrant == cheat:
            assert set(result.statuses) == {Status.INVALID.code} and set(result.returns) == {forfeit}
        else:
            assert set(result.statuses) == {Status.DONE.code}
            assert forfeit < result.returns.min() and result.returns.max() <= 3
        assert all(n == 0 for _, _, n in result.metrics.values())
    assert all(set(r.lengths) == {10} and not r.statuses.any() for r in partners.values())


def test_fault_is_shown_and_kept(zoo: Zoo, here: Path) -> None:
    words = ("match", "mine.py:Cheats", "random", "--arena", "ipd", "--set", "arena.max_steps=10", "--episodes", 20)
    told = zoo(*words, "--json").json
    assert [line["faults"] for line in told["seats"]] == [{"INVALID": 20}, {"INVALID": 20}, {}, {}]
    assert {line["own_return"]["mean"] for line in told["seats"][:2]} == {-30.0}
    assert zoo(*words, "--seed", 0).out.count("20 INVALID") == 2
    row = next(
        row
        for row in zoo("leaderboard", "--arena", "ipd", "--format", "json").json["rows"]
        if row["label"] == "mine.py:Cheats"
    )
    assert (
        row["faults"]
        == row["faults_by_status"]["INVALID"]
        == sum(
            int((r.statuses == Status.INVALID.code).sum())
            for block in recorded("ipd-v1(max_steps=10)")
            if block.seed != PUBLIC_SEED  # on which a stranger is not rated
            for r in block.results
        )
    )
