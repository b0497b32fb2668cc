"""Models that do not say what they were trained on: they play what their program answers, or are refused."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from agents.protocol import Agent, Seating
from arenas.foreign.spaces import action_width, encoder, environment_action
from arenas.origin import origin_text
from arenas.protocol import ArenaSpec, SeatSpec, TimeStep
from tests.agents.test_imported import quietly, wrap
from tests.arenas.test_origin import SPACES
from zoo.play.referee import Refereed

ROWS = 200
DISCRETE, NUMBERS = spaces.Discrete(4), spaces.Box(0, 2, (2,))


def spec_of(seen: spaces.Space[Any], done: spaces.Space[Any]) -> ArenaSpec:
    """The rules of a foreign environment with these spaces."""
    seat = SeatSpec(encoder(seen)[0], *action_width(done), origin=origin_text(seen, done))
    offers = frozenset({"discrete" if seat.actions else "continuous"})
    return ArenaSpec("made-up-v1", {"x": seat}, "mixed", 4, 0.9, offers)


def shown(seen: spaces.Space[Any], raw: list[Any], actions: int) -> TimeStep:
    """The time step that the arena would show."""
    rows = len(raw)
    zeros, yes = torch.zeros(rows), torch.ones(rows, dtype=torch.bool)
    legal = torch.ones(rows, actions, dtype=torch.bool) if actions else None
    encode = encoder(seen)[1]
    return TimeStep(torch.tensor(np.stack([encode(r) for r in raw])), legal, zeros, zeros + 1, yes, ~yes, yes)


def begun(agent: Agent, rows: int) -> Any:
    luck = torch.arange(rows)
    return agent.begin(Seating("x", luck, luck))


def traced(model: nn.Module, *example: Tensor) -> Path:
    folder = Path(tempfile.mkdtemp())
    with quietly():
        torch.jit.trace(model.eval(), example, check_trace=False).save(folder / "a.pt")
    return folder / "a.pt"


class Flat(nn.Module):
    """What most people train: everything in one row, then layers."""

    def __init__(self, wide: int, narrow: int = 4, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.net = nn.Sequential(nn.Linear(wide, 7), nn.Tanh(), nn.Linear(7, narrow))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x.flatten(1).float())


def own_rows(seen: spaces.Space[Any], raw: list[Any]) -> Tensor:
    """What a program that knows the environment alone would give its network."""
    if isinstance(seen, spaces.Box | spaces.MultiBinary):
        rows = torch.tensor(np.stack(raw)).float()
        return rows if rows.dim() > 1 else rows.unsqueeze(1)
    return torch.tensor(np.stack([spaces.flatten(seen, r) for r in raw])).float()


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(SPACES, st.integers(0, 1000), st.sampled_from(["", "environment"]))
def test_over_generated_spaces_the_answer_is_the_programs_own_or_there_is_none(
    seen: spaces.Space[Any], seed: int, sees: str
) -> None:
    assume(not sees or isinstance(seen, spaces.Box | spaces.MultiBinary))  # a program that says so sees no one-hot
    seen.seed(seed)
    raw = [seen.sample() for _ in range(ROWS)]
    given_ = own_rows(seen, raw)
    model = Flat(math.prod(given_.shape[1:]), seed=seed)
    kind = wrap("TorchScript", traced(model, given_[:2]), sees=sees)
    try:
        agent = kind.make(spec_of(seen, DISCRETE), ("x",))
    except ValueError as error:
        assert 'say sees = "arena"' in str(error) or "override observation" in str(error) or "fails on" in str(error)
        return
    expected = model(given_).detach()
    sure = expected.topk(2).values.diff(dim=-1).abs().squeeze(-1) > 1e-4
    mine = agent.act(shown(seen, raw, 4), begun(agent, ROWS))[0].value
    assert torch.equal(mine[sure], expected.argmax(-1)[sure])


BOARD = spaces.Box(0, 1, (6, 7, 2), np.int8)


def conv(channels: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(channels, 3, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4)).eval()


def test_a_board_that_the_model_flattens_may_be_meant_either_way() -> None:
    model = Flat(84)
    path = traced(model, torch.zeros(2, 6, 7, 2))
    with pytest.raises(ValueError, match=r"Box \[6, 7, 2\] of int8, the arena shows it as \[2, 6, 7\]: say sees = "):
        wrap("TorchScript", path).make(spec_of(BOARD, DISCRETE), ("x",))
    raw = [BOARD.sample() for _ in range(ROWS)]
    step = shown(BOARD, raw, 4)
    for sees, given_ in (("arena", step.observation), ("environment", torch.tensor(np.stack(raw)).float())):
        agent = wrap("TorchScript", path, sees=sees).make(spec_of(BOARD, DISCRETE), ("x",))
        assert torch.equal(agent.act(step, begun(agent, ROWS))[0].value, model(given_).argmax(-1))


def test_where_only_one_form_fits_it_is_found() -> None:
    model = conv(2)
    model(torch.zeros(1, 2, 6, 7))
    raw = [BOARD.sample() for _ in range(ROWS)]
    step = shown(BOARD, raw, 4)
    agent = wrap("TorchScript", traced(model, torch.zeros(2, 2, 6, 7))).make(spec_of(BOARD, DISCRETE), ("x",))
    assert torch.equal(agent.act(step, begun(agent, ROWS))[0].value, model(step.observation).argmax(-1))

    class Rows(nn.Module):  # takes rows x columns x planes
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Tensor) -> Tensor:
            return self.model(x.permute(0, 3, 1, 2))

    agent = wrap("TorchScript", traced(Rows(), torch.zeros(2, 6, 7, 2))).make(spec_of(BOARD, DISCRETE), ("x",))
    assert torch.equal(agent.act(step, begun(agent, ROWS))[0].value, model(step.observation).argmax(-1))


def test_a_number_of_a_discrete_may_be_looked_up() -> None:
    seen = spaces.Discrete(5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        model = nn.Sequential(nn.Embedding(5, 6), nn.Linear(6, 4))
    agent = wrap("TorchScript", traced(model, torch.zeros(2, dtype=torch.long))).make(spec_of(seen, DISCRETE), ("x",))
    raw = [seen.sample() for _ in range(ROWS)]
    expected = model(torch.tensor(raw)).argmax(-1)
    assert torch.equal(agent.act(shown(seen, raw, 4), begun(agent, ROWS))[0].value, expected)


@pytest.mark.parametrize("acts", ["arena", "environment"])
def test_numbers_are_in_the_bounds_that_the_class_names(acts: str) -> None:
    seen = spaces.Box(-1, 1, (3,))
    model = Flat(3, 2)
    path = traced(model, torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r'takes actions from 0\.0 to 2\.0 \(float32\): say acts = "environment"'):
        wrap("TorchScript", path).make(spec_of(seen, NUMBERS), ("x",))
    raw = [seen.sample() for _ in range(ROWS)]
    agent = wrap("TorchScript", path, acts=acts).make(spec_of(seen, NUMBERS), ("x",))
    value = agent.act(shown(seen, raw, 0), begun(agent, ROWS))[0].value
    played = np.stack([environment_action(NUMBERS, v.numpy()) for v in value])
    answer = model(torch.tensor(np.stack(raw))).detach().numpy()
    expected = answer if acts == "environment" else answer + 1
    np.testing.assert_allclose(played, expected.clip(0, 2), atol=1e-5)


def test_whole_numbers_in_a_box_are_for_the_class_to_say() -> None:
    done = spaces.Box(0, 3, (2,), np.int64)
    path = traced(Flat(3, 2), torch.zeros(2, 3))
    for attributes, reason in (({}, "say acts"), ({"acts": "environment"}, "override action")):
        with pytest.raises(ValueError, match=reason):
            wrap("TorchScript", path, **attributes).make(spec_of(spaces.Box(-1, 1, (3,)), done), ("x",))


# what remembers


class Remembers(nn.Module):
    """An LSTM with its state in front of everybody."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(4)
            self.cell, self.head = nn.LSTMCell(3, 5), nn.Linear(5, 4, bias=False)

    def forward(self, x: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        hidden, cell = self.cell(5 * x, (hidden, cell))
        return 9 * self.head(hidden), (hidden, cell)


def test_a_recurrent_model_goes_on_from_step_to_step_and_waits_for_its_turn() -> None:
    seen, model = spaces.Box(-1, 1, (3,)), Remembers()
    path = traced(model, torch.zeros(2, 3), torch.zeros(2, 5), torch.zeros(2, 5))
    agent = wrap("TorchScript", path, remembers=((5,), (5,))).make(spec_of(seen, DISCRETE), ("x",))
    memory, state, luck = begun(agent, 2), torch.zeros(2, 2, 5), torch.Generator().manual_seed(1)
    chosen = []
    for t in range(100):
        on_turn, first = torch.rand(2, generator=luck) < 0.7, torch.tensor([t == 0, t in (0, 33)])
        step = shown(seen, [seen.sample(), seen.sample()], 4)._replace(active=on_turn, first=first)
        action, memory = agent.act(step, memory)
        state[:, first] = 0
        outputs, following = model(step.observation, *state)
        state[:, on_turn] = torch.stack(following).detach()[:, on_turn]
        assert torch.equal(action.value[on_turn], outputs.argmax(-1)[on_turn])
        chosen += action.value[on_turn].tolist()
    assert len(set(chosen)) > 1


def test_states_of_other_shapes_are_refused() -> None:
    path = traced(Remembers(), torch.zeros(2, 3), torch.zeros(2, 5), torch.zeros(2, 5))
    spec = spec_of(spaces.Box(-1, 1, (3,)), DISCRETE)
    for remembers in (((4,), (5,)), ((5,),), ((5,), (5,), (5,))):
        with pytest.raises(ValueError, match=r"a\.pt fails on observations"):
            wrap("TorchScript", path, remembers=remembers).make(spec, ("x",))


# what answers nothing


class Answers(nn.Module):
    """Nonsense where the first number is positive."""

    def __init__(self, nonsense: float, narrow: int) -> None:
        super().__init__()
        self.nonsense, self.layer = nonsense, nn.Linear(3, narrow)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).masked_fill(x[:, :1] > 0, self.nonsense)


@pytest.mark.parametrize("deterministic", [True, False])
@pytest.mark.parametrize(
    ("nonsense", "done"), [(math.nan, DISCRETE), (-math.inf, DISCRETE), (math.nan, spaces.Box(-1, 1, (2,)))]
)
def test_an_answer_that_is_none_is_the_policys_fault(
    nonsense: float, done: spaces.Space[Any], deterministic: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = spaces.Box(-1, 1, (3,))
    path = traced(Answers(nonsense, 4 if done is DISCRETE else 2), torch.zeros(2, 3))
    spec = spec_of(seen, done)
    referee = Refereed(wrap("TorchScript", path, deterministic=deterministic).make(spec, ("x",)), spec.seats["x"])
    step = shown(seen, [seen.sample() for _ in range(ROWS)], spec.seats["x"].actions)
    step = step._replace(active=torch.arange(ROWS) % 3 > 0)
    referee.act(step, begun(referee, ROWS))
    fouls = referee.fouls
    assert fouls is not None
    assert torch.equal(fouls.step == 0, step.active & (step.observation[:, 0] > 0))
    assert "a.pt answers NaN" in capsys.readouterr().err


def test_what_a_model_forbids_itself_is_no_fault() -> None:
    class Masks(Answers):
        def __init__(self) -> None:
            super().__init__(0, 4)
            self.register_buffer("forbidden", torch.tensor([True, False, True, False]))

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x).masked_fill(self.forbidden, -math.inf)

    seen = spaces.Box(-1, 1, (3,))
    spec = spec_of(seen, DISCRETE)
    agent = wrap("TorchScript", traced(Masks(), torch.zeros(2, 3)), deterministic=False).make(spec, ("x",))
    value = agent.act(shown(seen, [seen.sample() for _ in range(ROWS)], 4), begun(agent, ROWS))[0].value
    assert set(value.tolist()) == {1, 3}


# in ONNX


def onnx_model(path: Path, layer: nn.Linear, taken: Any, shape: list[int]) -> Path:
    """Observations of one type and shape, flattened, and a linear layer."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kinds = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node("Cast", ["seen"], ["number"], to=kinds.FLOAT),
        helper.make_node("Flatten", ["number"], ["row"]),
        helper.make_node("Gemm", ["row", "weight", "bias"], ["logits"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "policy",
        [helper.make_tensor_value_info("seen", getattr(kinds, taken), ["B", *shape])],
        [helper.make_tensor_value_info("logits", kinds.FLOAT, ["B", layer.out_features])],
        [onnx.numpy_helper.from_array(p.detach().numpy(), name) for name, p in layer.named_parameters()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize(
    ("seen", "taken"),
    [
        (BOARD, "FLOAT"),  # the shape says which form is meant
        (BOARD, "INT8"),
        (spaces.Box(0, 255, (12,), np.uint8), "UINT8"),  # whole numbers cannot be fractions
        (spaces.Box(0, 255, (4, 5, 3), np.uint8), "UINT8"),
        (spaces.Box(-1, 1, (3, 2)), "DOUBLE"),
        (spaces.Discrete(6, start=2), "INT64"),
        (spaces.MultiDiscrete([3, 4]), "INT32"),
    ],
)
def test_types_and_shapes_in_onnx_say_what_is_meant(tmp_path: Path, seen: spaces.Space[Any], taken: str) -> None:
    raw = [seen.sample() for _ in range(ROWS)]
    given_ = torch.tensor(np.stack(raw)).float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        layer = nn.Linear(math.prod(given_.shape[1:]), 4)
    path = onnx_model(tmp_path / "a.onnx", layer, taken, list(given_.shape[1:]))
    agent = wrap("Onnx", path).make(spec_of(seen, DISCRETE), ("x",))
    outputs = layer(given_.reshape(ROWS, -1)).detach()
    torch.testing.assert_close(agent._outputs(shown(seen, raw, 4), by_row=False), outputs, rtol=1e-4, atol=1e-4)


def test_bytes_as_numbers_may_be_meant_either_way_in_onnx(tmp_path: Path) -> None:
    seen = spaces.Box(0, 255, (12,), np.uint8)
    path = onnx_model(tmp_path / "a.onnx", nn.Linear(12, 4), "FLOAT", [12])
    with pytest.raises(ValueError, match=r"bytes as fractions of 255: say sees"):
        wrap("Onnx", path).make(spec_of(seen, DISCRETE), ("x",))


def test_a_state_in_onnx_is_the_second_input(tmp_path: Path) -> None:
    """A running sum of what was seen."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    values = [helper.make_tensor_value_info(name, kind, ["B", 4]) for name in ("seen", "state", "logits", "sum")]
    nodes = [helper.make_node("Add", ["seen", "state"], [name]) for name in ("logits", "sum")]
    graph = helper.make_graph(nodes, "sum", values[:2], values[2:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "a.onnx")
    seen = spaces.Box(-1, 1, (4,))
    agent = wrap("Onnx", tmp_path / "a.onnx", remembers=((4,),)).make(spec_of(seen, DISCRETE), ("x",))
    memory, total = begun(agent, 3), torch.zeros(3, 4)
    for t in range(20):
        step = shown(seen, [seen.sample() for _ in range(3)], 4)._replace(first=torch.full((3,), t == 0))
        action, memory = agent.act(step, memory)
        total += step.observation
        assert torch.equal(action.value, total.argmax(-1))
