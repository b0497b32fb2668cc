"""The table: what learners see, when they learn, which steps count, and going on to the bit."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch

from agents.parts.policies.scripted import ScriptedPolicy
from agents.protocol import Agent, JointTrajectory, LearningContext, Seating
from agents.scripts.memory_one import AlwaysCooperate, AlwaysDefect
from arenas.coin import Coin
from arenas.matrix import IteratedPrisonersDilemma
from arenas.protocol import Action
from zoo.entry.registry import load_agent
from zoo.errors import UserError
from zoo.play.packing import pack, unpack
from zoo.play.table import SIGHTS, Table

LEARNERS = ("naive", "lola", "maddpg,batch=32,warmup=32,rate=0.05,capacity=200")


class Watcher(AlwaysCooperate):
    """Learns nothing, and notes all that it is told; every learn moves its one weight by one."""

    learns = True
    told: list[tuple[JointTrajectory, LearningContext]]

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.told, self.seatings = [], list[Seating]()
        self.weight = torch.zeros(1)

    def begin(self, seating: Seating) -> dict[str, Any]:
        self.seatings.append(seating)
        return super().begin(seating)

    def act(self, timestep: Any, memory: Any) -> Any:
        action, memory = super().act(timestep, memory)
        return action._replace(extras={"note": action.value}), memory

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        self.told.append((joint, context))
        self.weight += 1
        return {"weight": float(self.weight)}

    def policy(self, seat: str) -> ScriptedPolicy:
        return WatchedPolicy(self)

    def acting_state(self) -> dict[str, torch.Tensor]:
        return {f"{self.seats[0]}/weight": self.weight}


class WatchedPolicy(ScriptedPolicy):
    def __init__(self, agent: Watcher) -> None:
        super().__init__(agent)
        self.parameters = {"weight": agent.weight}

    def with_parameters(self, parameters: Any) -> Any:
        other = WatchedPolicy(self._agent)
        other.parameters = dict(parameters)
        return other


class NeedsPolicies(Watcher):
    needs_to_learn: ClassVar[frozenset[str]] = frozenset({"joint", "policies", "state"})


def ipd(copies: int = 3, steps: int = 5) -> IteratedPrisonersDilemma:
    return IteratedPrisonersDilemma(copies, max_steps=steps)


def seat(arena: Any, seat_name: str, kind: type[Agent]) -> Agent:
    return kind.make(arena.spec, (seat_name,))


def table(row: type[Agent] = Watcher, column: type[Agent] = Watcher, **more: Any) -> Table:
    arena = more.pop("arena", None) or ipd()
    players = {"row": seat(arena, "row", row), "column": seat(arena, "column", column)}
    learning = [name for name, agent in players.items() if agent.learns]
    return Table(arena, "ipd-v1", players, learning, **more)


def learners(text: str, arena: Any, seed: int = 0) -> dict[str, Agent]:
    name, *assignments = text.split(",")
    entry = load_agent(name)
    seats = tuple(arena.spec.seats)
    groups = [seats] if entry.agent.owns == "all" else [(s,) for s in seats]
    agents = {g: entry.agent.make(arena.spec, g, entry.config(assignments), seed) for g in groups}
    return {s: agent for g, agent in agents.items() for s in g}


@pytest.mark.parametrize("sight", SIGHTS)
def test_a_learner_sees_what_sight_allows(sight: Any) -> None:
    t = table(sight=sight)
    t.play_round()
    ((joint, context),) = t.players["row"].told
    assert joint.seats["row"].memory is not None
    assert "note" in joint.seats["row"].actions.extras
    if sight == "own":
        assert list(joint.seats) == ["row"]
        assert joint.state is None
    else:
        assert joint.state is not None
        assert list(joint.seats) == ["row", "column"]
        assert joint.seats["column"].memory is None
        assert joint.seats["column"].actions.extras == {}
    assert list(context.peers) == (["column"] if sight == "policies" else [])
    assert context.seats == ("row",)


def test_what_is_not_offered_is_named() -> None:
    table(NeedsPolicies, AlwaysDefect, sight="policies")
    with pytest.raises(UserError, match=r"NeedsPolicies cannot .* 'actions': it needs policies.*; --sight policies"):
        table(NeedsPolicies, sight="actions")
    with pytest.raises(UserError, match=r"needs joint.*policies.*state: the global state.*; --sight policies"):
        table(NeedsPolicies, sight="own")
    with pytest.raises(UserError, match=r"AlwaysDefect .* does not learn"):
        arena = ipd()
        players = {name: seat(arena, name, AlwaysDefect) for name in arena.spec.seats}
        Table(arena, "ipd-v1", players, ["row"])


def test_a_peer_that_shows_no_policy_is_missed() -> None:
    class Secretive(AlwaysDefect):
        def policy(self, seat: str) -> Any:
            return None

    with pytest.raises(UserError, match="column is played by Secretive, which shows none; enter a learner"):
        table(NeedsPolicies, Secretive)


def test_all_learn_from_peers_as_they_were_when_the_round_was_played() -> None:
    t = table()
    for number in range(3):
        t.play_round()
        for name, other in (("row", "column"), ("column", "row")):
            _, context = t.players[name].told[-1]
            assert float(context.peers[other].parameters["weight"]) == number
            assert context.update == number
    seeds = [context.seed for player in t.players.values() for _, context in player.told]
    assert len(set(seeds)) == len(seeds)


def test_only_learners_learn_and_only_they_explore() -> None:
    arena = ipd()
    players = {name: seat(arena, name, Watcher) for name in arena.spec.seats}
    t = Table(arena, "ipd-v1", players, ["column"])
    played = t.play_round()
    assert played.learning == {("column",): {"weight": 1.0}}
    assert [players[name].seatings[0].training for name in players] == [False, True]
    assert players["row"].told == []


def test_one_object_in_two_seats_learns_once_and_wholly() -> None:
    arena = ipd()
    agent = Watcher.make(arena.spec, ("row", "column"))
    t = Table(arena, "ipd-v1", dict.fromkeys(arena.spec.seats, agent), ["row", "column"], sight="own")
    assert t.play_round().learning == {("row", "column"): {"weight": 1.0}}
    assert list(agent.told[0][0].seats) == ["row", "column"]
    assert agent.told[0][1].peers == {}
    with pytest.raises(ValueError, match="would learn in"):
        Table(arena, "ipd-v1", dict.fromkeys(arena.spec.seats, agent), ["row"])


def test_every_learner_imagines_in_a_twin_of_its_own() -> None:
    t = table()
    t.play_round()
    (mine,), (yours,) = ([c.simulator for _, c in p.told] for p in t.players.values())
    assert mine is not None
    assert mine is not yours
    assert mine is not t.arena
    assert mine.batch_size == t.arena.batch_size


def test_whole_episodes_start_anew_each_round_with_new_luck() -> None:
    arena = Coin(4, max_steps=6)
    t = Table(arena, "coin-v1", learners("naive", arena), ["red", "blue"])
    assert t.fresh
    boards = []
    for _ in range(3):
        t.play_round()
        assert t._game is not None
        assert t._game.timesteps["red"].last.all()
        boards.append(t._game.timesteps["red"].observation)
    assert not torch.equal(boards[0], boards[1])
    assert not torch.equal(boards[1], boards[2])


def test_segments_go_on_where_the_last_one_ended() -> None:
    t = table(length=4)  # episodes of 5 steps and a reset
    assert not t.fresh
    firsts = []
    for _ in range(3):
        t.play_round()
        joint, _ = t.players["row"].told[-1]
        firsts += joint.seats["row"].timesteps.first[:-1, 0].tolist()
    assert firsts == [i in (0, 6) for i in range(12)]
    assert len(t.players["row"].seatings) == 1


def test_seats_have_luck_of_their_own_and_episodes_too() -> None:
    t = table()
    t.play_round()
    t.play_round()
    seeds = [s.seed for p in t.players.values() for s in p.seatings]
    flat = torch.cat(seeds).tolist()
    assert len(set(flat)) == len(flat)


def test_resets_between_episodes_do_not_count() -> None:
    t = table(AlwaysCooperate, AlwaysDefect, length=9, fresh=False)
    for _ in range(4):
        played = t.play_round()
        assert played.per_step == {"row": -3.0, "column": 0.0}
        assert played.metrics["row"]["cooperation"] == 1.0
        assert played.metrics["column"]["cooperation"] == 0.0


def test_figures_of_a_whole_episode() -> None:
    played = table(AlwaysCooperate, AlwaysDefect).play_round()
    assert played.returns["row"].tolist() == [-15.0] * 3
    assert played.steps == 15
    assert played.number == 0
    assert played.learning == {}


def test_a_metric_without_events_is_nan() -> None:
    class Still(Agent):
        def act(self, timestep: Any, memory: Any) -> Any:
            return Action(torch.zeros(len(timestep.reward), dtype=torch.long)), memory

    arena = Coin(1, size=3, max_steps=1)
    played = [
        Table(arena, "coin-v1", {name: seat(arena, name, Still) for name in arena.spec.seats}, [], seed=s).play_round()
        for s in range(8)
    ]
    shares = [p.metrics["red"]["own_colour_share"] for p in played]
    assert any(math.isnan(s) for s in shares)


def figures(t: Table, rounds: int) -> list[Any]:
    return [
        (r.number, r.per_step, {s: v.tolist() for s, v in r.returns.items()}, r.learning)
        for r in itertools.islice(t, rounds)
    ]


def tensors_of(t: Table) -> dict[str, list[Any]]:
    tensors, _ = t.state()
    return {name: tensor.tolist() for name, tensor in tensors.items()}


@pytest.mark.parametrize("text", LEARNERS)
@pytest.mark.parametrize(("game", "length"), [(Coin, 4), (Coin, 6), (IteratedPrisonersDilemma, 4)])
def test_a_restored_table_goes_on_to_the_bit(text: str, game: Any, length: int) -> None:
    def fresh(seed: int = 3) -> Table:
        arena = game(6, max_steps=6)
        return Table(arena, "game", learners(text, arena, seed), list(arena.spec.seats), length=length, seed=seed)

    whole = fresh()
    expected = figures(whole, 7)
    for stop in (0, 1, 4):
        begun = fresh()
        figures(begun, stop)
        state = begun.state()
        figures(begun, 2)  # what comes later does not reach into the state
        resumed = fresh(seed=3)
        resumed.restore(*state)
        assert figures(resumed, 7 - stop) == expected[stop:]
        assert tensors_of(resumed) == tensors_of(whole)
    assert figures(fresh(seed=4), 7) != expected


def test_an_arena_without_snapshot_goes_on_at_an_episodes_start() -> None:
    class Foreign(IteratedPrisonersDilemma):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            self.spec = replace(self.spec, offers=self.spec.offers - {"simulator"})

        def snapshot(self) -> Any:
            raise ValueError("ipd-v1 keeps no snapshot")

        twin = snapshot

    t = table(length=4, arena=Foreign(3, max_steps=5))
    t.play_round()
    tensors, numbers = t.state()
    assert numbers["game"] is None
    again = table(length=4, arena=Foreign(3, max_steps=5))
    again.restore(tensors, numbers)
    assert again.update == 1
    again.play_round()
    joint, _ = again.players["row"].told[-1]
    assert joint.seats["row"].timesteps.first[0].all()


def test_trees_survive_packing() -> None:
    tree = {"a": torch.arange(3), "b": [1, 2.5, None, True], "c": ({"d": torch.tensor(0.5)}, "text"), "e": {}}
    tensors, packed = pack(tree)
    assert sorted(tensors) == ["a", "c/0/d"]
    found = unpack(packed, tensors)
    assert torch.equal(found["a"], tree["a"])
    assert found["b"] == tree["b"]
    assert isinstance(found["c"], tuple)
    assert found["c"][1] == "text"
    assert found["e"] == {}
    for wrong in ({"x": object()}, {1: 2}, {"a/b": torch.zeros(1), "a": {"b": torch.zeros(1)}}):
        with pytest.raises(TypeError):
            pack(wrong)
