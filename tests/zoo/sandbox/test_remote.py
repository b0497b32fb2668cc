"""An agent in a process of its own plays, learns and refuses as it does in this one."""

from __future__ import annotations

import importlib.util
import itertools
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from agents.protocol import Agent, JointTrajectory, LearningContext, Seating, Trajectory
from agents.randomness import derive_rows
from agents.rollout import rollout
from arenas.protocol import Action, ArenaSpec, SeatSpec, TimeStep, moment
from tests.zoo.sandbox.conftest import SPEC, Kind, played, seat, step
from tests.zoo.sandbox.strangers import HEAD, stranger
from zoo.entry.registry import load_arena
from zoo.entry.settings import config_fields
from zoo.errors import UserError
from zoo.play.table import Table
from zoo.sandbox import levels
from zoo.sandbox.fault import AgentFault
from zoo.sandbox.remote import Remote, remote_agent
from zoo.sandbox.source import Source

NETWORK = '''
import torch
from agents.protocol import Agent
from agents.randomness import uniform
from arenas.protocol import Action
class Mine(Agent):
    """Samples from a network, and remembers what it saw."""
    needs = frozenset()
    def build(self, seed):
        draw = torch.Generator().manual_seed(seed)
        spec = self.seat_spec()
        self.size = 1
        for n in spec.observation: self.size *= n
        self.w = torch.randn(self.size, spec.actions, generator=draw)
    def begin(self, seating):
        return {"seed": seating.seed, "step": 0, "trace": torch.zeros(len(seating.seed), self.size)}
    def act(self, timestep, memory):
        trace = 0.9 * memory["trace"] + timestep.observation.flatten(1)
        draws = uniform(memory["seed"], memory["step"])
        chances = (trace @ self.w).softmax(-1)
        action = (chances.cumsum(-1) < draws.unsqueeze(-1)).sum(-1).clamp_max(self.w.shape[1] - 1)
        return Action(action), {**memory, "step": memory["step"] + 1, "trace": trace}
'''

LEARNER = '''
import torch
from dataclasses import dataclass
from agents.protocol import Agent
from arenas.protocol import Action
@dataclass(frozen=True)
class Config:
    lr: float = 0.1
    how: str = "plain"
    sizes: tuple[int, ...] = (2, 3)
    most: int | None = None
    def __post_init__(self):
        if self.lr < 0:
            raise ValueError("lr must not be negative")
class Mine(Agent):
    """Learns the mean reward of its actions."""
    Config = Config
    learns = True
    behaviour = 3
    def build(self, seed):
        self.values = torch.zeros(2)
    def act(self, timestep, memory):
        notes = {"value": self.values.max().expand(len(timestep.reward)).clone()}
        return Action(self.values.argmax().expand(len(timestep.reward)).clone(), None, notes), memory
    def learn(self, joint, context):
        mine = joint.seats[context.seats[0]]
        assert mine.actions.extras["value"].shape == mine.actions.value.shape
        assert mine.memory["step"] == 0
        chosen = torch.nn.functional.one_hot(mine.actions.value, 2).double()
        paid = (chosen * mine.timesteps.reward[1:].unsqueeze(-1)).sum((0, 1)) / chosen.sum((0, 1)).clamp_min(1)
        self.values = self.values + self.config.lr * (paid - self.values).float()
        return {"best": self.values.max(), "seats": len(joint.seats)}
    def acting_state(self):
        return {"values": self.values}
    def load_acting_state(self, state):
        if state.keys() != {"values"} or state["values"].shape != (2,):
            raise ValueError("weights do not fit this agent")
        self.values = state["values"]
'''


def here(text: str, tmp_path: Path) -> Any:
    """The same class in this process."""
    file = tmp_path / "here.py"
    file.write_text(text)
    spec = importlib.util.spec_from_file_location("here_for_test", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Mine


def episodes(agent: Agent, arena_name: str, rows: int) -> JointTrajectory:
    arena = load_arena(arena_name).make(rows)
    other = load_arena(arena_name).make(1).spec  # only for its seats
    names = list(other.seats)
    seeds = derive_rows(0, rows)
    players = dict.fromkeys(names, agent)
    memories = {name: agent.begin(Seating(name, seeds, seeds)) for name in names}
    joint, _ = rollout(arena, players, memories, arena.reset(seeds, autoreset=False)[0], arena.spec.max_steps)
    return joint


@pytest.mark.parametrize("arena", ["coin", "ipd", "spread"])
def test_it_plays_as_in_this_process(kind: Kind, tmp_path: Path, arena: str) -> None:
    spec = load_arena(arena).make(1).spec
    seats = tuple(spec.seats)
    far, near = (episodes(of.make(spec, seats, seed=5), arena, 7) for of in (kind(NETWORK), here(NETWORK, tmp_path)))
    for name in seats:
        assert torch.equal(far.seats[name].actions.value, near.seats[name].actions.value)
        assert torch.equal(far.seats[name].timesteps.reward, near.seats[name].timesteps.reward)


def test_continuous_actions_messages_and_common_knowledge_arrive_whole(kind: Kind, tmp_path: Path) -> None:
    text = """
from agents.protocol import Agent
from arenas.protocol import Action
class Mine(Agent):
    \"\"\"Answers by all that it sees.\"\"\"
    needs = frozenset({"continuous"})
    def act(self, t, memory):
        value = t.observation[:, :2] + t.reward.unsqueeze(-1) + t.common["all"].sum(-1, keepdim=True)
        heard = (t.messages * t.audible.unsqueeze(-1)).sum(1)
        flags = t.first.float() + 2 * t.last + 4 * t.active
        assert t.action_mask is None
        return Action(value.double(), heard + flags.unsqueeze(-1)), memory
"""
    spec = ArenaSpec("m-v1", {"a": SeatSpec((3,), 0, 2, 4)}, "mixed", 5, 0.9, frozenset({"continuous"}))
    draw = torch.Generator().manual_seed(0)
    agents = [of.make(spec, ("a",)) for of in (kind(text), here(text, tmp_path))]
    memories = [agent.begin(seat(3)) for agent in agents]
    for number in range(4):
        plain = moment(torch.randn(3, 3, generator=draw), 0, torch.randn(3, generator=draw), first=number == 0)
        shown = plain._replace(
            messages=torch.randn(3, 2, 4, generator=draw),
            audible=torch.rand(3, 2, generator=draw) < 0.5,
            common={"all": torch.randn(3, 6, generator=draw)},
        )
        for who in (0, 1):
            action, memories[who] = agents[who].act(shown, memories[who])
            if who == 0:
                far = action
        assert torch.allclose(far.value, action.value.float())
        assert far.value.dtype is torch.float32
        assert far.message is not None
        assert action.message is not None
        assert torch.equal(far.message, action.message)


@pytest.mark.parametrize(("value", "expected"), [
    ("torch.tensor([1.0, 0.0])", [1, 0]),
    ("torch.tensor([0.5, float('nan')])", [-1, -1]),
    ("torch.tensor([7, -3])", [7, -3]),
    ("torch.tensor([1e30, -1e30])", [2**31, -1]),
    ("torch.tensor([True, False])", [1, 0]),
    ("torch.tensor([1, 0], dtype=torch.uint8)", [1, 0]),
])  # fmt: skip
def test_numbers_that_are_no_action_stay_illegal(kind: Kind, value: str, expected: list[int]) -> None:
    """Which values are legal is the referee's to say; here they only must not become legal ones."""
    text = f"{HEAD}\nclass Mine(Zeros):\n    def act(self, timestep, memory):\n        return Action({value}), memory\n"
    agent = kind(text).make(SPEC, ("a",))
    action, _ = agent.act(step(0), agent.begin(seat()))
    assert action.value.tolist() == expected


COUNTER = stranger(
    "pass",
    "    def act(self, timestep, memory):\n"
    "        return Action(memory['step'] + timestep.observation[:, 0].long()), {'step': memory['step'] + 1}\n",
)


def test_a_token_gives_the_same_action_each_time(kind: Kind) -> None:
    agent = kind(COUNTER).make(SPEC, ("a", "b"))
    start = agent.begin(seat())
    first, after = agent.act(step(0), start)
    for _ in range(2):
        assert torch.equal(agent.act(step(0), start)[0].value, first.value)
        assert agent.act(step(5), after)[0].value.tolist() == [6, 6]


def test_games_may_be_played_between_each_other(kind: Kind) -> None:
    agent = kind(COUNTER).make(SPEC, ("a", "b"))
    small, large = agent.begin(seat(1)), agent.begin(seat(3))
    other = agent.begin(Seating("b", torch.arange(2), torch.arange(2)))
    for number in range(3):
        action, small = agent.act(step(10, 1), small)
        assert action.value.tolist() == [10 + number]
        action, large = agent.act(step(20, 3), large)
        assert action.value.tolist() == [20 + number] * 3
        action, other = agent.act(step(30, 2), other)
        assert action.value.tolist() == [30 + number] * 2


def test_memories_are_forgotten_with_their_tokens(kind: Kind) -> None:
    text = f"""{HEAD}
import gc, weakref
class Thing:
    living = weakref.WeakSet()
    def __init__(self):
        Thing.living.add(self)
class Mine(Zeros):
    def begin(self, seating):
        return {{"thing": Thing()}}
    def act(self, timestep, memory):
        gc.collect()
        return Action(torch.full((len(timestep.reward),), len(Thing.living))), {{"thing": Thing()}}
"""
    agent = kind(text).make(SPEC, ("a",))

    def living(keep: bool) -> list[int]:
        memory, kept, counts = agent.begin(seat()), [], []
        for number in range(4):
            kept.append(memory if keep else None)
            action, memory = agent.act(step(number), memory)
            counts.append(int(action.value[0]))
        return counts

    assert living(keep=True) == [1, 2, 3, 4]
    living(keep=False)
    assert living(keep=False) == [1, 1, 1, 1]


def test_what_a_seat_shows_does_not_leak_into_the_other(kind: Kind) -> None:
    agent = kind(COUNTER).make(SPEC, ("a", "b"))
    memories = {name: agent.begin(Seating(name, torch.arange(2), torch.arange(2))) for name in ("a", "b")}
    for number, name in itertools.product(range(2), ("a", "b")):
        shown = step(3 if name == "a" else 8)
        action, memories[name] = agent.act(shown, memories[name])
        assert action.value.tolist() == [(3 if name == "a" else 8) + number] * 2


def test_it_declares_what_its_class_does(kind: Kind) -> None:
    mine = kind(LEARNER)
    assert (mine.__name__, mine.__doc__, mine.learns, mine.behaviour, mine.owns) == (
        *("Mine", "Learns the mean reward of its actions.", True, 3, "seat"),
    )
    assert mine.needs == {"discrete"}
    config = mine.Config()
    assert asdict(config) == {"lr": 0.1, "how": "plain", "sizes": (2, 3), "most": None}
    texts = {name: (field.type_text, field.default) for name, field in config_fields(config).items()}
    assert texts == {
        "lr": ("float", 0.1),
        "how": ("str", "plain"),
        "sizes": ("JSON", (2, 3)),
        "most": ("int | none", None),
    }
    assert config == mine.Config(0.1)
    assert hash(config) == hash(mine.Config())


def test_its_config_is_judged_by_its_own_class(kind: Kind) -> None:
    mine = kind(LEARNER)
    assert mine.Config(lr=0.5).lr == 0.5
    with pytest.raises(ValueError, match=r"^lr must not be negative$"):
        mine.Config(lr=-1.0)


def test_a_game_that_it_does_not_know_is_refused_with_its_words(kind: Kind) -> None:
    mine = kind(stranger("pass", "    def build(self, seed):\n        raise ValueError('only for\\n two')\n"))
    with pytest.raises(ValueError, match=r"^only for two$"):
        mine.make(SPEC, ("a",))


def test_it_learns_as_in_this_process(kind: Kind, tmp_path: Path) -> None:
    def learned(of: Any) -> tuple[list[Any], torch.Tensor]:
        arena = load_arena("ipd").make(4)
        players = {name: of.make(arena.spec, (name,)) for name in arena.spec.seats}
        table = Table(arena, "ipd", players, list(players), sight="actions", length=5)
        rounds = [table.play_round() for _ in range(3)]
        return [r.learning for r in rounds], next(iter(players.values())).learning_state()["values"]

    (far, values), (near, expected) = learned(kind(LEARNER)), learned(here(LEARNER, tmp_path))
    assert torch.equal(values, expected)
    assert far == [{seats: {n: pytest.approx(float(v)) for n, v in m.items()} for seats, m in r.items()} for r in near]


def test_states_go_both_ways(kind: Kind) -> None:
    mine = kind(LEARNER)
    agent = mine.make(SPEC, ("a",))
    agent.load_acting_state({"values": torch.tensor([0.0, 2.0])})
    assert agent.acting_state()["values"].tolist() == [0.0, 2.0]
    assert agent.act(step(0), agent.begin(seat()))[0].value.tolist() == [1, 1]
    with pytest.raises(ValueError, match=r"^weights do not fit this agent"):
        agent.load_learning_state({"values": torch.zeros(3)})
    assert agent.act(step(0), agent.begin(seat()))[0].value.tolist() == [1, 1]  # it plays on


@pytest.mark.parametrize("word", ["policies", "simulator", "value"])
def test_who_learns_from_objects_is_sent_to_trusted(kind: Kind, word: str) -> None:
    mine = kind(stranger("pass", f"    learns = True\n    needs_to_learn = frozenset({{'{word}'}})\n"))
    agent = mine.make(SPEC, ("a",))
    played(agent, agent.begin(seat()))
    with pytest.raises(UserError, match=f"it needs {word}, .* add `--isolation trusted`"):
        agent.begin(seat(training=True))
    with pytest.raises(UserError, match=f"it needs {word}"):
        agent.learn(JointTrajectory({}), LearningContext(("a",), 0, 0))


def test_metrics_are_numbers_by_name(kind: Kind) -> None:
    agent = kind(stranger("pass", "    def learn(self, joint, context):\n        return {'a': 'text'}\n")).make(
        SPEC, ("a",)
    )
    with pytest.raises(AgentFault, match="ValueError: could not convert"):
        agent.learn(JointTrajectory({"a": _segment()}), LearningContext(("a",), 0, 0))


def _segment() -> Trajectory:
    steps: TimeStep = moment(torch.zeros(3, 2, 3), 2, torch.zeros(3, 2))
    return Trajectory(steps, Action(torch.zeros(2, 2).long()))


def test_functions_of_the_zoo_run_beside_the_class(kind: Kind) -> None:
    mine = kind(stranger("pass"))
    assert mine.call("zoo.sandbox.declare:describe", [])[0] == "Mine"
    mine.call("builtins:setattr", "kept", [1, {"two": b"3"}])  # one process for all calls
    assert mine.call("builtins:getattr", "kept") == [1, {"two": b"3"}]
    with pytest.raises(AgentFault, match="AttributeError"):
        mine.call("builtins:getattr", "kept", hash_seed="7")  # and another one under another seed
    with pytest.raises(AgentFault, match="AttributeError"):
        mine.call("zoo.sandbox.declare:nothing")
    with pytest.raises(AgentFault, match="AttributeError"):
        mine.call("builtins:getattr", "kept")  # a new process after a fault


def test_an_import_that_fails_is_the_users_to_mend(kind: Kind) -> None:
    with pytest.raises(UserError, match=r"^mine.py cannot be imported: ZeroDivisionError: .* \(mine.py, line 1\)$"):
        kind("1 / 0")
    with pytest.raises(UserError, match=r"mine.py has no 'Mine'"):
        kind("class Other: pass")
    with pytest.raises(UserError, match=r"mine.py:Mine is not an agent"):
        kind("class Mine: pass")
    with pytest.raises(UserError, match=r"SyntaxError"):
        kind("class Mine(:")
    with pytest.raises(UserError, match=r"the setting 'net' is a Tensor; settings are numbers"):
        kind(
            "import torch\nfrom dataclasses import dataclass, field\nfrom agents.protocol import Agent\n"
            "@dataclass(frozen=True)\nclass C:\n    net: object = field(default_factory=lambda: torch.zeros(2))\n"
            "class Mine(Agent):\n    Config = C\n    def act(self, t, m): ...\n"
        )


def test_modules_and_files_beside_it_come_along(kind: Kind, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text(
        "from pathlib import Path\nA = int((Path(__file__).parent / 'a.txt').read_text())\n"
    )
    (tmp_path / "a.txt").write_text("1")
    (tmp_path / "secret.txt").write_text("2")
    text = f"""{HEAD}
from pathlib import Path
import helper
class Mine(Zeros):
    @classmethod
    def files(cls):
        return tuple((Path(__file__).parent / f"data_{{n}}.bin") for n in (1,))
    def act(self, timestep, memory):
        assert not (Path(__file__).parent / ("secret" + ".txt")).exists()
        data = len((Path(__file__).parent / f"data_{{1}}.bin").read_bytes())
        return Action(torch.full((len(timestep.reward),), helper.A + data)), memory
"""
    (tmp_path / "data_1.bin").write_bytes(b"12345")
    mine = kind(text)
    assert set(mine.source.files) == {"mine.py", "helper.py", "a.txt", "data_1.bin"}
    assert [path.read_bytes() for path in mine.files()] == [b"12345"]
    agent = mine.make(SPEC, ("a",))
    assert agent.act(step(0), agent.begin(seat()))[0].value.tolist() == [6, 6]


def test_packages_import_each_other(level: str, tmp_path: Path) -> None:
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "inner.py").write_text("VALUE = 1\n")
    (package / "mine.py").write_text(
        HEAD + "\nfrom .inner import VALUE\nclass Mine(Zeros):\n    def act(self, t, m):\n"
        "        return Action(torch.full((len(t.reward),), VALUE)), m\n"
    )
    agent = remote_agent(Source.of_folder(tmp_path, "pack/mine.py:Mine")).make(SPEC, ("a",))
    assert agent.act(step(0), agent.begin(seat()))[0].value.tolist() == [1, 1]


def test_it_says_how_it_is_kept(kind: Kind, level: str) -> None:
    agent = kind(stranger("pass")).make(SPEC, ("a",))
    assert agent.isolation.startswith(level)
    assert "rlimits" in agent.isolation
    assert agent.cpu_s > 0


def test_one_class_per_level(kind: Kind, level: str, tmp_path: Path) -> None:
    mine = kind(stranger("pass"))
    assert remote_agent(mine.source) is mine
    with levels.at("process"):
        assert issubclass(remote_agent(mine.source), Remote)
        assert remote_agent(mine.source).level == "process"
    assert levels.isolation() == level
    with pytest.raises(UserError, match="unknown level 'stric'; did you mean strict"), levels.at("stric"):
        pass
