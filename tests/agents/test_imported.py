"""Policies from files: they play what the model says, keep the laws, are who their files are, or are refused."""

from __future__ import annotations

import io
import json
import textwrap
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from agents.protocol import Agent, Seating
from agents.randomness import derive_rows
from agents.scripts.baselines_network import LAYOUTS, MODULES
from agents.scripts.imported import Imported, TorchScript
from agents.scripts.random import Random
from arenas.protocol import ArenaSpec, SeatSpec, TimeStep
from zoo.check import Failed, check_agent
from zoo.entry.entrant import read_entrant
from zoo.entry.registry import load_agent, load_arena
from zoo.errors import UserError
from zoo.sandbox.levels import at

WIDTH, ACTIONS, NUMBERS, ROWS = 6, 4, 2, 9


# models and where they play


@contextmanager
def quietly() -> Iterator[None]:
    """Saving in the old format is deprecated, which says nothing about reading it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.", DeprecationWarning)
        yield


def network(wide: int = WIDTH, narrow: int = ACTIONS, seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(wide, 8), nn.ReLU(), nn.Linear(8, narrow)).eval()


def traced(path: Path, model: nn.Module, rows: int = 1, wide: int = WIDTH) -> Path:
    with quietly():
        torch.jit.trace(model, torch.zeros(rows, wide), check_trace=False).save(path)
    return path


def exported(path: Path, model: nn.Module, wide: int = WIDTH, *, fixed: bool = False) -> Path:
    sizes = None if fixed else ({0: torch.export.Dim.AUTO},)
    torch.export.save(torch.export.export(model, (torch.zeros(1 if fixed else 2, wide),), dynamic_shapes=sizes), path)
    return path


def onnx_file(path: Path, model: nn.Sequential, batch: int | str = "B", *, double: bool = False) -> Path:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.DOUBLE if double else onnx.TensorProto.FLOAT
    first, last = model[0], model[2]
    weights = {name: p.detach().double() if double else p.detach() for name, p in model.named_parameters()}
    nodes = [
        helper.make_node("Gemm", ["seen", "0.weight", "0.bias"], ["hidden"], transB=1),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", "2.weight", "2.bias"], ["logits"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "policy",
        [helper.make_tensor_value_info("seen", kind, [batch, first.in_features])],
        [helper.make_tensor_value_info("logits", kind, [batch, last.out_features])],
        [onnx.numpy_helper.from_array(w.numpy(), name) for name, w in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def game(actions: int = ACTIONS, numbers: int = 0, shape: tuple[int, ...] = (WIDTH,)) -> ArenaSpec:
    """Two sides, of which the first has two seats."""
    seats = {
        name: SeatSpec(shape, actions, action_dim=numbers, side=side)
        for name, side in (("hunter_0", "hunter"), ("hunter_1", "hunter"), ("prey", "prey"))
    }
    return ArenaSpec("made-up-v1", seats, "mixed", 4, 0.9, frozenset({"continuous" if numbers else "discrete"}))


def seen(spec: ArenaSpec, rows: int = ROWS) -> TimeStep:
    own = spec.seats["prey"]
    observation = torch.randn(rows, *own.observation, generator=torch.Generator().manual_seed(7))
    zeros, yes = torch.zeros(rows), torch.ones(rows, dtype=torch.bool)
    mask = torch.ones(rows, own.actions, dtype=torch.bool) if own.actions else None
    return TimeStep(observation, mask, zeros, zeros + 1, yes, ~yes, yes)


def answer(agent: Agent, timestep: TimeStep) -> Tensor:
    luck = derive_rows(5, len(timestep.reward))
    return agent.act(timestep, agent.begin(Seating(agent.seats[0], luck, luck)))[0].value


def wrap(base: str, path: Path, **attributes: Any) -> type[Imported]:
    """A class as a user's file has it."""
    import agents.scripts.imported as ours

    return type("Mine", (getattr(ours, base),), {"file": str(path), "__module__": __name__, **attributes})


def made(kind: type[Imported], spec: ArenaSpec, seat: str = "prey") -> Any:
    return kind.make(spec, (seat,))


def written(folder: Path, text: str) -> Path:
    """A user's file of agents."""
    folder.mkdir(exist_ok=True)
    file = folder / "my_agents.py"
    file.write_text(
        "from agents.scripts.imported import Onnx, StableBaselines3, TorchScript\n\n\n" + textwrap.dedent(text).lstrip()
    )
    return file


# what they play


@pytest.mark.parametrize("form", ["traced", "exported", "onnx", "onnx double"])
def test_it_plays_what_the_model_says(tmp_path: Path, form: str) -> None:
    model, spec = network(), game()
    timestep = seen(spec)
    match form:
        case "traced":
            kind = wrap("TorchScript", traced(tmp_path / "a.pt", model))
        case "exported":
            kind = wrap("TorchScript", exported(tmp_path / "a.pt2", model))
        case _:
            kind = wrap("Onnx", onnx_file(tmp_path / "a.onnx", model, double=form == "onnx double"))
    agent = made(kind, spec)
    logits = model(timestep.observation).detach()
    assert len(set(logits.argmax(-1).tolist())) > 1
    assert torch.equal(answer(agent, timestep), logits.argmax(-1))
    assert not agent._by_row
    kind.deterministic = False
    torch.testing.assert_close(agent.probabilities(timestep), logits.softmax(-1))


@pytest.mark.parametrize("form", ["exported", "onnx"])
def test_a_model_for_one_row_is_asked_row_by_row(tmp_path: Path, form: str) -> None:
    model, spec = network(), game()
    if form == "exported":
        agent = made(wrap("TorchScript", exported(tmp_path / "a.pt2", model, fixed=True)), spec)
    else:
        agent = made(wrap("Onnx", onnx_file(tmp_path / "a.onnx", model, batch=1)), spec)
    timestep = seen(spec)
    assert agent._by_row
    assert torch.equal(answer(agent, timestep), model(timestep.observation).argmax(-1))


class OneRow(nn.Module):
    """What some exports do: the batch is gone, or everything is taken for one row."""

    def __init__(self, model: nn.Module, how: str) -> None:
        super().__init__()
        self.model, self.how = model, how

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "squeezed":
            return self.model(x).squeeze()
        if self.how == "flattened":
            return self.model(x.reshape(1, WIDTH))
        return self.model(x - x.mean(0, keepdim=True) + x[:1])


@pytest.mark.parametrize(("how", "by_row"), [("squeezed", False), ("flattened", True), ("mixed", True)])
def test_rows_are_kept_apart_whatever_the_model_does(tmp_path: Path, how: str, by_row: bool) -> None:
    model, spec = network(), game()
    agent = made(wrap("TorchScript", traced(tmp_path / "a.pt", OneRow(model, how))), spec)
    assert agent._by_row == by_row
    for rows in (1, ROWS):
        timestep = seen(spec, rows)
        assert torch.equal(answer(agent, timestep), model(timestep.observation).argmax(-1))


@pytest.mark.parametrize("form", ["traced", "exported", "stored"])
def test_tensors_are_where_the_agent_is(tmp_path: Path, form: str) -> None:
    match form:
        case "traced":
            kind = wrap("TorchScript", traced(tmp_path / "a.pt", network()))
        case "exported":
            kind = wrap("TorchScript", exported(tmp_path / "a.pt2", network()))
        case _:
            kind = wrap("StableBaselines3", stored(tmp_path / "a.zip", "DQN"))
    timestep, luck = seen(game()), derive_rows(5, ROWS)
    with torch.device("meta"):  # what forgets to say where has no numbers
        agent = made(kind, game())
        found, _ = agent.act(timestep, agent.begin(Seating("prey", luck, luck)))
    assert torch.equal(found.value, answer(made(kind, game()), timestep))


def test_numbers_are_played_as_they_are_within_their_bounds(tmp_path: Path) -> None:
    model, spec = network(narrow=NUMBERS), game(0, NUMBERS)
    kind = wrap("TorchScript", traced(tmp_path / "a.pt", model), needs=frozenset({"continuous"}))
    timestep = seen(spec)._replace(observation=5 * seen(spec).observation)
    found, expected = answer(made(kind, spec), timestep), model(timestep.observation)
    assert (expected.abs() > 1).any()
    torch.testing.assert_close(found, expected.clamp(-1, 1))
    assert made(kind, spec).policy("prey") is None


def test_what_is_forbidden_is_not_played(tmp_path: Path) -> None:
    model, spec = network(), game()
    timestep = seen(spec)
    logits = model(timestep.observation)
    mask = torch.ones(ROWS, ACTIONS, dtype=torch.bool).scatter(1, logits.argmax(-1, keepdim=True), False)
    agent = made(wrap("TorchScript", traced(tmp_path / "a.pt", model)), spec)
    expected = logits.masked_fill(~mask, -torch.inf).argmax(-1)
    assert torch.equal(answer(agent, timestep._replace(action_mask=mask)), expected)


def test_peers_see_its_policy_at_all_time_steps_at_once(tmp_path: Path) -> None:
    model, spec = network(), game()
    agent = made(wrap("TorchScript", traced(tmp_path / "a.pt", model), deterministic=False), spec)
    timestep = seen(spec, 6)
    stacked = TimeStep(*(leaf.unflatten(0, (2, 3)) if isinstance(leaf, Tensor) else leaf for leaf in timestep))
    torch.testing.assert_close(agent.policy("prey").probabilities(stacked), model(stacked.observation).softmax(-1))


def test_observations_and_outputs_can_be_adapted(tmp_path: Path) -> None:
    model, spec = network(wide=2), game(actions=2)
    order = [3, 1]

    class Mine(TorchScript):
        file = str(traced(tmp_path / "a.pt", model, wide=2))

        def observation(self, timestep: TimeStep) -> Tensor:
            return timestep.observation[:, :2]

        def action(self, outputs: Tensor, timestep: TimeStep) -> Tensor:
            return outputs[:, order]

    timestep = seen(spec)
    expected = model(timestep.observation[:, :2])[:, order].argmax(-1)
    assert torch.equal(answer(made(Mine, spec), timestep), expected)


def test_one_of_several_outputs_can_be_chosen(tmp_path: Path) -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.actor, self.critic = network(), network(narrow=1)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.critic(x), self.actor(x)

    model, spec = Pair(), game()
    path = traced(tmp_path / "a.pt", model)
    timestep = seen(spec)
    assert torch.equal(
        answer(made(wrap("TorchScript", path, output=1), spec), timestep), model.actor(timestep.observation).argmax(-1)
    )
    with pytest.raises(ValueError, match="gives 1 numbers a row"):
        made(wrap("TorchScript", path), spec)


def test_seats_and_sides_may_have_files_of_their_own(tmp_path: Path) -> None:
    models = {name: network(seed=number) for number, name in enumerate(("prey", "hunter", "leader"))}
    for name, model in models.items():
        traced(tmp_path / f"{name}.pt", model)
    files = {"hunter_0": str(tmp_path / "leader.pt"), "hunter": str(tmp_path / "hunter.pt")}
    kind, spec = wrap("TorchScript", tmp_path / "prey.pt", per_seat=files), game()
    timestep = seen(spec)
    for seat, name in (("hunter_0", "leader"), ("hunter_1", "hunter"), ("prey", "prey")):
        expected = models[name](timestep.observation).argmax(-1)
        assert torch.equal(answer(made(kind, spec, seat), timestep), expected)
    assert len(kind.files()) == 3


def test_another_agent_plays_where_there_is_no_file(tmp_path: Path) -> None:
    files, spec = {"prey": str(traced(tmp_path / "a.pt", network()))}, game()
    kind = wrap("TorchScript", Path("none"), file="", per_seat=files, stand_in=Random)
    assert isinstance(made(kind, spec), TorchScript)
    assert isinstance(made(kind, spec, "hunter_1"), Random)

    class Learner(Random):
        learns = True

    kind.stand_in = Learner
    with pytest.raises(ValueError, match="expected a scripted agent"):
        made(kind, spec, "hunter_1")


# who they are


def test_the_laws_hold(tmp_path: Path) -> None:
    file = written(tmp_path, 'class Mine(TorchScript):\n    file = "a.pt"\n    deterministic = False\n')
    traced(tmp_path / "a.pt", network(5, 2), wide=5)
    assert faults(f"{file}:Mine", "ipd") == {}


def test_the_laws_hold_for_onnx(tmp_path: Path) -> None:
    file = written(tmp_path, 'class Mine(Onnx):\n    file = "a.onnx"\n')
    onnx_file(tmp_path / "a.onnx", network(5, 2), batch=1)
    assert faults(f"{file}:Mine", "ipd") == {}


def test_the_laws_hold_for_stable_baselines_where_actions_are_continuous(tmp_path: Path) -> None:
    own = next(iter(load_arena("tandem").make(1).spec.seats.values()))
    text = 'class Mine(StableBaselines3):\n    file = "a.zip"\n    needs = frozenset({"continuous"})\n'
    file = written(tmp_path, text)
    stored(tmp_path / "a.zip", "DDPG or TD3", wide=own.observation[0], action=box(own.action_dim))
    assert faults(f"{file}:Mine", "tandem") == {}


def faults(agent: str, arena: str) -> dict[str, str]:
    return {f.title: f.verdict.reason for f in check_agent(agent, arena) if isinstance(f.verdict, Failed)}


def test_another_model_is_another_entrant(tmp_path: Path) -> None:
    file = written(tmp_path, 'class Mine(TorchScript):\n    file = "a.pt"\n')
    arena = load_arena("ipd").make(1)

    def identity() -> str:
        return read_entrant(f"{file}:Mine", arena, "ipd-v1").id

    traced(tmp_path / "a.pt", network(5, 2), wide=5)
    first = identity()
    assert identity() == first
    old = (tmp_path / "a.pt").read_bytes()
    traced(tmp_path / "a.pt", network(5, 2, seed=1), wide=5)
    assert identity() != first
    (tmp_path / "a.pt").write_bytes(old)
    assert identity() == first


def test_a_copy_in_another_folder_plays_the_model_beside_it(tmp_path: Path) -> None:
    spec = load_arena("ipd").make(1).spec
    entries = []
    for seed, name in enumerate(("one", "two")):
        file = written(tmp_path / name, 'class Mine(TorchScript):\n    file = "a.pt"\n')
        traced(file.parent / "a.pt", network(5, 2, seed), wide=5)
        with at("trusted"):  # in this process, so that one can look inside
            entries.append(load_agent(f"{file}:Mine"))
    assert entries[0].key != entries[1].key
    players: list[Any] = [entry.agent.make(spec, ("row",)) for entry in entries]
    assert [player._path.parent.name for player in players] == ["one", "two"]


def test_weights_beside_an_onnx_file_are_part_of_it(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "a.onnx", network())
    kind = wrap("Onnx", path)
    assert kind.files() == (path,)
    (tmp_path / "a.onnx.data").write_bytes(b"weights")
    assert kind.files() == (path, tmp_path / "a.onnx.data")


# what is refused


def test_a_model_of_another_width_is_refused(tmp_path: Path) -> None:
    spec, model = game(), network(wide=9)
    for kind in (
        wrap("TorchScript", traced(tmp_path / "a.pt", model, wide=9)),
        wrap("TorchScript", exported(tmp_path / "a.pt2", model, wide=9)),
        wrap("StableBaselines3", stored(tmp_path / "a.zip", "DQN", wide=9)),
        wrap("Onnx", onnx_file(tmp_path / "a.onnx", model)),
    ):
        with pytest.raises(
            ValueError,
            match=r"/a\.\w+(: it was)? (takes 9 numbers a row|trained on .* Box \[9\], the arena shows Box \[6\])",
        ):
            made(kind, spec)


def test_a_model_with_other_outputs_is_refused(tmp_path: Path) -> None:
    path = traced(tmp_path / "a.pt", network(narrow=3))
    with pytest.raises(ValueError, match=r"a\.pt gives 3 numbers a row, seat prey of made-up-v1 takes 4 \(one for"):
        made(wrap("TorchScript", path), game())
    with pytest.raises(ValueError, match=r"gives 3 numbers a row, seat prey of made-up-v1 takes 2 \(the action\)"):
        made(wrap("TorchScript", path), game(0, NUMBERS))


def test_a_model_that_draws_luck_of_its_own_is_refused(tmp_path: Path) -> None:
    class Lucky(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = network()

        def forward(self, x: Tensor) -> Tensor:
            logits = self.model(x)
            return logits + torch.rand_like(logits)

    path = traced(tmp_path / "a.pt", Lucky())
    with torch.random.fork_rng(devices=[]), pytest.raises(ValueError, match="draws luck of its own"):
        made(wrap("TorchScript", path), game())


def test_a_model_that_fails_is_told_with_its_words(tmp_path: Path) -> None:
    class Fails(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.view(-1, 4)

    path = traced(tmp_path / "a.pt", Fails(), rows=2)
    with pytest.raises(ValueError, match=r"fails on observations \[3, 6\] of seat prey .*: .*invalid for input"):
        made(wrap("TorchScript", path), game())


@pytest.mark.parametrize(
    ("base", "name", "reason"),
    [
        ("TorchScript", "a.pt", "is no TorchScript file: save one by"),
        ("TorchScript", "a.pt2", "is no torch.export file"),
        ("Onnx", "a.onnx", "cannot be read as ONNX"),
        ("StableBaselines3", "a.zip", "is no Stable-Baselines3 file"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, base: str, name: str, reason: str) -> None:
    if base == "Onnx":
        pytest.importorskip("onnxruntime")
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(ValueError, match=f"{name} {reason}"):
        made(wrap(base, tmp_path / name), game())


def test_weights_alone_are_no_model(tmp_path: Path) -> None:
    torch.save(network().state_dict(), tmp_path / "a.pt")
    with pytest.raises(ValueError, match="is no TorchScript file"):
        made(wrap("TorchScript", tmp_path / "a.pt"), game())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, 'class Mine(TorchScript):\n    file = "a.pt"\n\n\nclass None_(TorchScript):\n    pass\n')
    arena = load_arena("ipd").make(1)
    with pytest.raises(UserError, match=r"names the file a\.pt, which is no regular file in"):
        read_entrant(f"{file}:Mine", arena, "ipd-v1")
    with pytest.raises(UserError, match="no file for seat row of side player: set file, per_seat or stand_in"):
        read_entrant(f"{file}:None_", arena, "ipd-v1").agents(arena.spec, ("row",), 0)


def test_without_onnxruntime_the_command_that_installs_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.onnx").write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(ValueError, match=r"a\.onnx needs onnxruntime: pip install 'marl-zoo\[onnx\]'"):
        made(wrap("Onnx", tmp_path / "a.onnx"), game())


def test_an_onnx_model_with_two_inputs_is_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    values = [helper.make_tensor_value_info(name, kind, ["B", WIDTH]) for name in ("seen", "state", "sum")]
    graph = helper.make_graph([helper.make_node("Add", ["seen", "state"], ["sum"])], "two", values[:2], values[2:])
    path = tmp_path / "a.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    with pytest.raises(ValueError, match=r"takes 2 inputs \(seen, state\), expected one"):
        made(wrap("Onnx", path), game())


# Stable-Baselines3


def box(size: int, low: str = "-1.", high: str = "1.", dtype: str = "float32") -> dict[str, Any]:
    """A space as `data` has it; what is serialised there must not be needed."""
    return {
        ":type:": "<class 'gymnasium.spaces.box.Box'>",
        ":serialized:": "no pickle",
        "dtype": dtype,
        "_shape": [size],
        "low": f"[{' '.join([low] * size)}]",
        "high": f"[{' '.join([high] * size)}]",
    }


def other_space(kind: str) -> dict[str, Any]:
    module = {"Discrete": "discrete", "MultiDiscrete": "multi_discrete", "Dict": "dict"}[kind]
    return {":type:": f"<class 'gymnasium.spaces.{module}.{kind}'>", ":serialized:": "no pickle"}


def weights_of(algorithm: str, wide: int = WIDTH, narrow: int = ACTIONS) -> dict[str, Tensor]:
    """Parameters under the names that the library gives them, with those of the critic."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        if algorithm == "PPO, A2C":
            parts: dict[str, nn.Module] = {
                "mlp_extractor.policy_net": nn.Sequential(nn.Linear(wide, 8), nn.Tanh(), nn.Linear(8, 7), nn.Tanh()),
                "mlp_extractor.value_net": nn.Sequential(nn.Linear(wide, 5), nn.Tanh()),
                "action_net": nn.Linear(7, narrow),
                "value_net": nn.Linear(5, 1),
            }
        else:
            body = nn.Sequential(nn.Linear(wide, 8), nn.ReLU(), nn.Linear(8, narrow))
            twin = nn.Sequential(nn.Linear(wide, 8), nn.ReLU(), nn.Linear(8, narrow))
            name, target = (
                ("q_net.q_net", "q_net_target.q_net") if algorithm == "DQN" else ("actor.mu", "actor_target.mu")
            )
            parts = {name: body, target: twin}
    return {f"{prefix}.{name}": p for prefix, part in parts.items() for name, p in part.state_dict().items()}


def stored(
    path: Path,
    algorithm: str,
    wide: int = WIDTH,
    *,
    action: Mapping[str, Any] | None = None,
    observation: Mapping[str, Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    weights: Any = None,
) -> Path:
    """A file as the library's `save` lays it out (2.9.2), without what only goes on training."""
    action = action or other_space("Discrete")
    narrow = action["_shape"][0] if "_shape" in action else ACTIONS
    facts = {
        "policy_class": {":type:": "<class 'abc.ABCMeta'>", ":serialized:": "no pickle", "__module__": MODULES[0]},
        "policy_kwargs": {":type:": "<class 'dict'>", ":serialized:": "no pickle", **(kwargs or {})},
        "observation_space": observation or box(wide, "-inf", "inf"),
        "action_space": action,
        "gamma": 0.99,
    }
    buffer = io.BytesIO()
    torch.save(weights_of(algorithm, wide, narrow) if weights is None else weights, buffer)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", json.dumps(facts))
        archive.writestr("policy.pth", buffer.getvalue())
        archive.writestr("_stable_baselines3_version", "2.9.2")
    return path


def expected(algorithm: str, weights: Mapping[str, Tensor], x: Tensor, activation: Any = None) -> Tensor:
    """The actor, written out."""

    def layer(name: str, x: Tensor) -> Tensor:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    if algorithm == "PPO, A2C":
        between = activation or torch.tanh
        x = between(layer("mlp_extractor.policy_net.0", x))
        return layer("action_net", between(layer("mlp_extractor.policy_net.2", x)))
    name = "q_net.q_net" if algorithm == "DQN" else "actor.mu"
    x = layer(f"{name}.2", (activation or torch.relu)(layer(f"{name}.0", x)))
    return x.tanh() if algorithm == "DDPG or TD3" else x


@pytest.mark.parametrize("algorithm", ["PPO, A2C", "DQN"])
def test_actors_with_discrete_actions_play_what_their_weights_say(tmp_path: Path, algorithm: str) -> None:
    assert any(algorithm in layout.algorithm for layout in LAYOUTS)
    spec = game(shape=(2, 3))  # flattened, as the library does
    timestep = seen(spec)
    agent = made(wrap("StableBaselines3", stored(tmp_path / "a.zip", algorithm)), spec)
    outputs = expected(algorithm, weights_of(algorithm), timestep.observation.flatten(1))
    assert torch.equal(answer(agent, timestep), outputs.argmax(-1))
    torch.testing.assert_close(agent._outputs(timestep, by_row=False), outputs)


@pytest.mark.parametrize(("algorithm", "low", "high"), [("PPO, A2C", "0.", "2."), ("DDPG or TD3", "0.", "2.")])
def test_actors_with_numbers_are_brought_to_the_unit_range(tmp_path: Path, algorithm: str, low: str, high: str) -> None:
    """PPO's means are in the action space's own units; DDPG's and TD3's are in [-1, 1] before they are scaled."""
    spec = game(0, NUMBERS)
    timestep = seen(spec)
    kind = wrap("StableBaselines3", stored(tmp_path / "a.zip", algorithm, action=box(NUMBERS, low, high)))
    outputs = expected(algorithm, weights_of(algorithm, narrow=NUMBERS), timestep.observation)
    scaled = outputs - 1 if algorithm == "PPO, A2C" else outputs
    torch.testing.assert_close(answer(made(kind, spec), timestep), scaled.clamp(-1, 1))


def test_the_activation_is_read_from_the_file(tmp_path: Path) -> None:
    spec, kwargs = game(), {"activation_fn": "<class 'torch.nn.modules.activation.ELU'>", "net_arch": [8, 7]}
    timestep = seen(spec)
    agent = made(wrap("StableBaselines3", stored(tmp_path / "a.zip", "PPO, A2C", kwargs=kwargs)), spec)
    outputs = expected("PPO, A2C", weights_of("PPO, A2C"), timestep.observation, nn.functional.elu)
    torch.testing.assert_close(agent._outputs(timestep, by_row=False), outputs)


def test_an_actor_without_hidden_layers_is_one_layer(tmp_path: Path) -> None:
    spec, layer = game(), nn.Linear(WIDTH, ACTIONS)
    weights = {"action_net.weight": layer.weight.detach(), "action_net.bias": layer.bias.detach()}
    agent = made(wrap("StableBaselines3", stored(tmp_path / "a.zip", "PPO, A2C", weights=weights)), spec)
    timestep = seen(spec)
    torch.testing.assert_close(agent._outputs(timestep, by_row=False), layer(timestep.observation).detach())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"weights": {"other.weight": torch.zeros(2, 2)}}, "are of none of SAC, TQC or CrossQ, DDPG or TD3, DQN"),
        (
            {"weights": {**weights_of("DQN"), "q_net.features_extractor.own.weight": torch.zeros(2, 2)}},
            "extractor of its own",
        ),
        ({"weights": {"action_net.0.weight": torch.ones(4)}}, "action_net has other layers than linear ones"),
        ({"observation": other_space("Dict")}, "does not say what the parts of its observations of kind Dict are"),
        ({"observation": box(6, dtype="uint8")}, "trained on observations of kind Box uint8"),
        ({"action": other_space("MultiDiscrete")}, "actions of kind MultiDiscrete, seat prey takes Discrete"),
        ({"action": box(NUMBERS)}, "actions of kind Box, seat prey takes Discrete"),
        ({"kwargs": {"features_extractor_class": "x"}}, "policy_kwargs has the features_extractor_class x"),
        ({"kwargs": {"activation_fn": "<class 'mine.Activation'>"}}, "is none of ELU"),
    ],
)
def test_what_cannot_be_played_is_refused_by_name(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    kind = wrap("StableBaselines3", stored(tmp_path / "a.zip", "PPO, A2C", **change))
    with pytest.raises(ValueError, match=rf"/a\.zip: .*{reason}"):
        made(kind, game())


def test_layers_between_the_linear_ones_are_refused(tmp_path: Path) -> None:
    weights = weights_of("PPO, A2C")
    moved = {
        name.replace("policy_net.2", "policy_net.3"): w for name, w in weights.items()
    }  # Linear, Tanh, Dropout, ...
    with pytest.raises(ValueError, match="with one activation between"):
        made(wrap("StableBaselines3", stored(tmp_path / "a.zip", "PPO, A2C", weights=moved)), game())


def test_values_are_no_logits(tmp_path: Path) -> None:
    kind = wrap("StableBaselines3", stored(tmp_path / "a.zip", "DQN"), deterministic=False)
    with pytest.raises(ValueError, match="leave deterministic = True"):
        made(kind, game())


@pytest.mark.parametrize(("low", "high"), [("-inf", "inf"), ("0. ...", "1. ...")])
def test_bounds_that_cannot_be_read_are_refused(tmp_path: Path, low: str, high: str) -> None:
    kind = wrap("StableBaselines3", stored(tmp_path / "a.zip", "PPO, A2C", action=box(NUMBERS, low, high)))
    with pytest.raises(ValueError, match="the bounds of its actions cannot be read"):
        made(kind, game(0, NUMBERS))


class Trap:
    """What runs when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return Path.touch, (self.file,)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.zip", "DQN", weights={"q_net": Trap(tmp_path / "sprung")})
    with pytest.raises(ValueError, match=r"policy\.pth is no plain dict of tensors"):
        made(wrap("StableBaselines3", path), game())
    assert not (tmp_path / "sprung").exists()


def test_a_tensor_that_grows_when_it_is_used_is_refused(tmp_path: Path) -> None:
    grows = torch.zeros(1).expand(2**20, 2**14)
    path = stored(tmp_path / "a.zip", "DQN", weights={**weights_of("DQN"), "q_net.q_net.0.weight": grows})
    with pytest.raises(ValueError, match=r"a tensor in its policy\.pth is larger than what is stored of it"):
        made(wrap("StableBaselines3", path), game())


def test_a_file_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.zip", "DQN")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("data", "[" * 200_000)
        archive.writestr("policy.pth", zipfile.ZipFile(path).read("policy.pth"))
    with pytest.raises(ValueError, match="is no Stable-Baselines3 file"):
        made(wrap("StableBaselines3", tmp_path / "b.zip"), game())
