"""Files of Stable-Baselines3 play what the library itself answers, observation by observation, or are refused."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pettingzoo
import pytest
import torch
from gymnasium import spaces
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from torch import Tensor

from agents.protocol import Seating
from agents.scripts.imported import StableBaselines3
from arenas.foreign.arena import Foreign
from arenas.foreign.spaces import action_mask, encoder, environment_action
from arenas.protocol import TimeStep
from tests.arenas.test_origin import BOXES, SPACES

sb3 = pytest.importorskip("stable_baselines3")
contrib = pytest.importorskip("sb3_contrib")

ROWS = 200
BYTES = spaces.Box(0, 255, (40, 44, 3), np.uint8)
DISCRETE, NUMBERS = spaces.Discrete(5), spaces.Box(np.float32([-1, 0.1, -3]), np.float32([1, 2.5, 0]))
OBSERVATIONS: Mapping[str, spaces.Space[Any]] = {
    "numbers": spaces.Box(-2, 2, (6,)),
    "one number": spaces.Box(-2, 2, (1,)),
    "table": spaces.Box(-2, 2, (3, 4)),
    "board": spaces.Box(0, 1, (6, 7, 2), np.int8),
    "four dimensions": spaces.Box(0, 1, (2, 3, 2, 2)),
    "bytes": spaces.Box(0, 255, (16,), np.uint8),
    "table of bytes": spaces.Box(0, 255, (4, 5), np.uint8),
    "board of bytes": spaces.Box(0, 7, (4, 5, 3), np.uint8),
    "picture": BYTES,
    "picture channels first": spaces.Box(0, 255, (3, 40, 44), np.uint8),
    "double": spaces.Box(-1e6, 1e6, (4,), np.float64),
    "discrete": spaces.Discrete(7),
    "digits": spaces.MultiDiscrete([2, 5, 3]),
    "bits": spaces.MultiBinary(6),
    "table of bits": spaces.MultiBinary([2, 3]),
    "dict": spaces.Dict(
        {
            "z": spaces.Box(-1, 1, (2, 3)),
            "a": spaces.Discrete(4),
            "m": spaces.MultiDiscrete([2, 3]),
            "b": spaces.MultiBinary(2),
            "board": spaces.Box(0, 1, (3, 2, 2), np.int8),
        }
    ),
    "dict with a picture": spaces.Dict({"p": BYTES, "v": spaces.Box(0, 255, (3,), np.uint8)}),
}
DISCRETE_PLAYERS: Mapping[str, Any] = {
    "PPO": (sb3, {}),
    "A2C": (sb3, {"share_features_extractor": False, "net_arch": {"pi": [7], "vf": []}}),
    "DQN": (sb3, {"net_arch": []}),
    "MaskablePPO": (contrib, {"activation_fn": torch.nn.ELU}),
    "TRPO": (contrib, {"net_arch": []}),
    "QRDQN": (contrib, {"n_quantiles": 7}),
}
NUMBER_PLAYERS: Mapping[str, Any] = {
    "PPO": (sb3, {}),
    "A2C": (sb3, {"net_arch": []}),
    "DDPG": (sb3, {}),
    "TD3": (sb3, {"activation_fn": torch.nn.Tanh}),
    "SAC": (sb3, {}),
    "TQC": (contrib, {"n_quantiles": 5}),
}


class Alone(gymnasium.Env[Any, Any]):
    """An environment that shows and takes samples of its spaces."""

    def __init__(self, seen: spaces.Space[Any], done: spaces.Space[Any]) -> None:
        self.observation_space, self.action_space = seen, done

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> Any:
        return self.observation_space.sample(), 0.0, False, False, {}

    def action_masks(self) -> np.ndarray:
        return np.ones(DISCRETE.n, bool)


def foreign(seen: spaces.Space[Any], done: spaces.Space[Any]) -> Foreign:
    """The same spaces in a PettingZoo environment."""

    class Face(pettingzoo.ParallelEnv[str, Any, Any]):  # type: ignore[misc]  # pettingzoo is not checked
        metadata = {"name": "face_v0"}  # noqa: RUF012
        possible_agents = ["x"]  # noqa: RUF012

        def observation_space(self, agent: str) -> spaces.Space[Any]:
            return seen

        def action_space(self, agent: str) -> spaces.Space[Any]:
            return done

        def reset(self, seed: int | None = None, options: Any = None) -> Any:
            self.agents = ["x"]
            return {"x": seen.sample()}, {"x": {}}

    return Foreign(1, env=Face)


def saved(folder: Path, name: str, seen: spaces.Space[Any], done: spaces.Space[Any], **more: Any) -> tuple[Any, Path]:
    """A model whose answers differ from observation to observation, and its file."""
    library, arguments = {**NUMBER_PLAYERS, **DISCRETE_PLAYERS, **more.pop("players", {})}[name]
    policy = more.pop("policy", "MultiInputPolicy" if isinstance(seen, spaces.Dict) else "MlpPolicy")
    narrow = {} if policy == "LinearPolicy" else {"net_arch": [9, 8]}
    arguments = {**narrow, **arguments, **more.pop("policy_kwargs", {})}
    torch.manual_seed(1)
    seen.seed(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = getattr(library, name)(policy, Alone(seen, done), device="cpu", policy_kwargs=arguments, **more)
    spread(model, seen)
    path = folder / f"{name}.zip"
    model.save(path)
    return model, path


HEADS = ("action_net", "q_net.q_net", "quantile_net.quantile_net", "actor.mu")


@torch.no_grad()
def spread(model: Any, seen: spaces.Space[Any]) -> None:
    """Change the weights so that outputs differ from observation to observation, by about 1 around 0."""
    for p in model.policy.parameters():
        p.mul_(2) if p.dim() >= 2 and p.any() else p.add_(torch.randn_like(p) * 0.3)
    modules = dict(model.policy.named_modules())
    place = next(modules[name] for name in HEADS if name in modules)
    head = [m for m in place.modules() if isinstance(m, torch.nn.Linear)][-1]
    outputs: list[Tensor] = []
    hook = head.register_forward_hook(lambda *call: outputs.append(call[2]))
    for _ in range(50):
        model.predict(seen.sample(), deterministic=True)
    hook.remove()
    mean, deviation = torch.cat(outputs).mean(0), torch.cat(outputs).std(0) + 1e-9
    head.weight.div_(deviation[:, None])
    if head.bias is not None:
        head.bias.sub_(mean).div_(deviation)


def made(path: Path, seen: spaces.Space[Any], done: spaces.Space[Any], **attributes: Any) -> Any:
    """The agent in the arena that shows what the model was trained on."""
    needs = frozenset({"discrete" if isinstance(done, spaces.Discrete) else "continuous"})
    kind = type("Mine", (StableBaselines3,), {"file": str(path), "__module__": __name__, "needs": needs, **attributes})
    return kind.make(foreign(seen, done).spec, ("x",))


def shown(seen: spaces.Space[Any], raw: list[Any], actions: int, masks: np.ndarray | None = None) -> TimeStep:
    """The time step that the arena would show."""
    encode = encoder(seen)[1]
    rows = len(raw)
    legal = None
    if actions:
        own = [action_mask(r, {}) for r in raw] if masks is None else list(masks)
        legal = torch.tensor(np.stack([np.ones(actions, bool) if m is None else m for m in own])).bool()
    zeros, yes = torch.zeros(rows), torch.ones(rows, dtype=torch.bool)
    return TimeStep(torch.tensor(np.stack([encode(r) for r in raw])), legal, zeros, zeros + 1, yes, ~yes, yes)


def begun(agent: Any, rows: int) -> Any:
    luck = torch.arange(rows)
    return agent.begin(Seating("x", luck, luck))


def wrong(agent: Any, model: Any, seen: spaces.Space[Any], done: spaces.Space[Any]) -> int:
    """How many of 200 answers differ from the library's own."""
    raw = [seen.sample() for _ in range(ROWS)]
    step = shown(seen, raw, getattr(done, "n", 0))
    value: Tensor = agent.act(step, begun(agent, ROWS))[0].value
    assert value.unique(dim=0).shape[0] > 1  # else the comparison says nothing
    mine = [environment_action(done, v.numpy()) for v in value]
    theirs = [model.predict(r, deterministic=True)[0] for r in raw]
    return sum(not np.allclose(a, b, rtol=1e-4, atol=1e-4) for a, b in zip(mine, theirs, strict=True))


@pytest.mark.parametrize("what", OBSERVATIONS)
@pytest.mark.parametrize("name", DISCRETE_PLAYERS)
def test_it_plays_what_the_library_answers(tmp_path: Path, name: str, what: str) -> None:
    seen = OBSERVATIONS[what]
    if name == "TRPO" and what not in ("numbers", "board", "dict"):
        pytest.skip("its policy is PPO's")
    model, path = saved(tmp_path, name, seen, DISCRETE)
    assert wrong(made(path, seen, DISCRETE), model, seen, DISCRETE) == 0


@pytest.mark.parametrize("what", ["numbers", "board", "picture", "discrete", "dict"])
@pytest.mark.parametrize("name", NUMBER_PLAYERS)
def test_numbers_are_those_that_the_library_answers(tmp_path: Path, name: str, what: str) -> None:
    seen = OBSERVATIONS[what]
    model, path = saved(tmp_path, name, seen, NUMBERS)
    assert wrong(made(path, seen, NUMBERS), model, seen, NUMBERS) == 0


def explorers() -> Iterator[tuple[str, Callable[..., tuple[Any, Path]]]]:
    ars = {"ARS": (contrib, {"net_arch": [9, 8]})}
    clipped, linear = ({"ARS": (contrib, kwargs)} for kwargs in ({"squash_output": False}, {}))
    yield "PPO by state", lambda f, s, d: saved(f, "PPO", s, d, use_sde=True)
    yield "PPO squashed", lambda f, s, d: saved(f, "PPO", s, d, use_sde=True, policy_kwargs={"squash_output": True})
    yield "SAC by state", lambda f, s, d: saved(f, "SAC", s, d, use_sde=True)
    yield "SAC clipped", lambda f, s, d: saved(f, "SAC", s, d, use_sde=True, policy_kwargs={"clip_mean": 0.4})
    yield "CrossQ", lambda f, s, d: saved(f, "CrossQ", s, d, players={"CrossQ": (contrib, {"net_arch": [9, 8]})})
    yield "ARS", lambda f, s, d: saved(f, "ARS", s, d, players=ars)
    yield "ARS clipped", lambda f, s, d: saved(f, "ARS", s, d, players=clipped)
    yield "ARS linear", lambda f, s, d: saved(f, "ARS", s, d, players=linear, policy="LinearPolicy")


@pytest.mark.parametrize(("name", "train"), list(explorers()))
def test_other_heads_answer_as_the_library_does(tmp_path: Path, name: str, train: Any) -> None:
    seen = OBSERVATIONS["table"]
    model, path = train(tmp_path, seen, NUMBERS)
    if name == "CrossQ":  # statistics as if it had been trained
        for n, buffer in model.policy.actor.named_buffers():
            buffer.copy_(torch.rand_like(buffer) + 0.5) if "ra_" in n else None
        model.save(path)
    assert wrong(made(path, seen, NUMBERS), model, seen, NUMBERS) == 0


def test_an_lstm_goes_on_from_step_to_step_and_waits_for_its_turn(tmp_path: Path) -> None:
    """Two episodes of 200 steps; the state stays where the seat is not on turn, and is 0 where an episode begins."""
    seen = OBSERVATIONS["table"]
    arguments = {"lstm_hidden_size": 6, "n_lstm_layers": 2}
    model, path = saved(
        tmp_path, "RecurrentPPO", seen, DISCRETE, players={"RecurrentPPO": (contrib, arguments)}, policy="MlpLstmPolicy"
    )
    agent, luck = made(path, seen, DISCRETE), np.random.default_rng(3)
    memory, state, chosen = begun(agent, 2), [None, None], []
    for t in range(ROWS):
        raw, on_turn = [seen.sample(), seen.sample()], luck.random(2) < 0.7
        first = torch.tensor([t == 0, t in (0, 77)])
        step = shown(seen, raw, DISCRETE.n)._replace(first=first, active=torch.tensor(on_turn))
        action, memory = agent.act(step, memory)
        for row in range(2):
            state[row] = None if first[row] else state[row]
            if on_turn[row]:
                theirs, state[row] = model.predict(raw[row], state=state[row], deterministic=True)
                assert action.value[row] == theirs
                chosen.append(int(theirs))
    assert len(set(chosen)) > 1
    assert agent.policy("x") is None


def test_what_an_lstm_saw_before_matters(tmp_path: Path) -> None:
    seen = OBSERVATIONS["board"]
    players = {"RecurrentPPO": (contrib, {"lstm_hidden_size": 6})}
    _, path = saved(tmp_path, "RecurrentPPO", seen, DISCRETE, players=players, policy="MlpLstmPolicy")
    agent = made(path, seen, DISCRETE)
    step = shown(seen, [seen.sample() for _ in range(50)], DISCRETE.n)
    memory = begun(agent, 50)
    for _ in range(3):
        _, memory = agent.act(step._replace(first=~step.active), memory)
    before, after = agent.act(step, begun(agent, 50))[0].value, agent.act(step, memory)[0].value
    assert torch.equal(before, after)  # `first` sets it back
    assert not torch.equal(before, agent.act(step._replace(first=~step.active), memory)[0].value)


def masks(luck: np.random.Generator, rows: int) -> np.ndarray:
    """Random legal actions, at least one a row."""
    drawn = luck.random((rows, DISCRETE.n)) < 0.5
    drawn[np.arange(rows), luck.integers(DISCRETE.n, size=rows)] = True
    return drawn


def test_a_mask_is_heeded_as_maskable_ppo_heeds_it(tmp_path: Path) -> None:
    seen = OBSERVATIONS["board"]
    model, path = saved(tmp_path, "MaskablePPO", seen, DISCRETE)
    raw, legal = [seen.sample() for _ in range(ROWS)], masks(np.random.default_rng(5), ROWS)
    agent = made(path, seen, DISCRETE)
    mine = agent.act(shown(seen, raw, DISCRETE.n, legal), begun(agent, ROWS))[0].value.tolist()
    assert mine == [
        int(model.predict(r, action_masks=m, deterministic=True)[0]) for r, m in zip(raw, legal, strict=True)
    ]


def test_a_mask_within_the_observation_is_seen_where_it_was_trained_on(tmp_path: Path) -> None:
    """As PettingZoo's classic games give it: a network for the whole Dict, and one for the observation alone."""
    inner, bits = spaces.Box(0, 1, (3, 3, 2), np.int8), spaces.Box(0, 1, (DISCRETE.n,), np.int8)
    seen = spaces.Dict({"observation": inner, "action_mask": bits})
    luck = np.random.default_rng(6)
    raw = [{"observation": inner.sample(), "action_mask": m.astype(np.int8)} for m in masks(luck, ROWS)]
    step = shown(seen, raw, DISCRETE.n)
    model, path = saved(tmp_path, "PPO", seen, DISCRETE)
    logits = model.policy.get_distribution(
        model.policy.obs_to_tensor({k: np.stack([r[k] for r in raw]) for k in seen})[0]
    )
    agent = made(path, seen, DISCRETE)
    torch.testing.assert_close(
        agent._outputs(step, by_row=False).log_softmax(-1), logits.distribution.logits.detach(), rtol=1e-4, atol=1e-4
    )
    model, path = saved(tmp_path, "MaskablePPO", inner, DISCRETE)
    agent = made(path, seen, DISCRETE)
    mine = agent.act(step, begun(agent, ROWS))[0].value.tolist()
    assert mine == [
        int(model.predict(r["observation"], action_masks=r["action_mask"].astype(bool), deterministic=True)[0])
        for r in raw
    ]


class Squared(sb3.common.torch_layers.BaseFeaturesExtractor):  # type: ignore[misc,name-defined]
    """An extractor without weights, which nothing in the file tells but its name."""

    def __init__(self, space: spaces.Space[Any]) -> None:
        super().__init__(space, spaces.flatdim(space))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) ** 2


class OwnPolicy(sb3.ppo.MlpPolicy):  # type: ignore[misc,name-defined]
    """A policy class that might do anything."""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"policy": OwnPolicy}, "its policy class is of test_sb3_answers, not of the library's own"),
        ({"policy_kwargs": {"features_extractor_class": Squared}}, "features_extractor_class .*Squared.* is not known"),
        ({"done": spaces.MultiDiscrete([2, 3])}, "actions of kind MultiDiscrete, seat x takes Discrete"),
        ({"shows": spaces.Box(-2, 2, (4, 3))}, r"trained on observations Box \[3, 4\], the arena shows Box \[4, 3\]"),
        ({"shows": spaces.Box(-2, 2, (12,))}, r"the arena shows Box \[12\]"),
        ({"shows": spaces.MultiBinary([3, 4])}, r"the arena shows MultiBinary \[3, 4\]"),
        ({"shows": OBSERVATIONS["dict"]}, "the arena shows Dict"),
        ({"seen": spaces.Discrete(4, start=0), "shows": spaces.Discrete(4, start=1)}, "trained on .* Discrete"),
        ({"seen": OBSERVATIONS["board"], "shows": spaces.Box(0, 1, (2, 6, 7), np.int8)}, r"shows Box \[2, 6, 7\]"),
        ({"seen": BYTES, "shows": spaces.Box(0, 254, BYTES.shape, np.uint8)}, "trained on observations"),
        ({"seen": OBSERVATIONS["dict"]}, "trained on a Dict with 'a', the arena shows Box"),
        ({"done": spaces.Box(0, 3, (2,), np.int64), "takes": spaces.Box(0, 3, (2,))}, "whole numbers in a Box"),
        ({"done": NUMBERS, "takes": spaces.Box(-1, 1, (3,))}, "trained for actions with low"),
        ({"done": spaces.Box(-1, 1, (3,)), "takes": spaces.Box(-1, 1, (2,))}, "gives 3 numbers a row, .* takes 2"),
    ],
)
def test_what_was_trained_on_something_else_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    seen, done = changes.pop("seen", OBSERVATIONS["table"]), changes.pop("done", DISCRETE)
    shows, takes = (
        changes.pop("shows", OBSERVATIONS["table"] if isinstance(seen, spaces.Dict) else seen),
        changes.pop("takes", None),
    )
    takes = takes or (DISCRETE if isinstance(done, spaces.MultiDiscrete) else done)
    _, path = saved(tmp_path, "PPO", seen, done, **changes)
    with pytest.raises(ValueError, match=rf"/PPO\.zip:? .*{reason}"):
        made(path, shows, takes)


def test_what_was_overridden_is_not_asked_for(tmp_path: Path) -> None:
    """Somebody who says how observations are to be shown knows better, as with VecNormalize."""
    seen, shows = OBSERVATIONS["picture"], spaces.Box(0, 1, (3, 40, 44))
    model, path = saved(tmp_path, "PPO", seen, DISCRETE, policy="CnnPolicy")
    own = [model.observation_space.sample() for _ in range(20)]
    agent = made(
        path, shows, DISCRETE, observation=lambda self, step: torch.tensor(np.stack(own[: len(step.reward)])).float()
    )
    step = shown(shows, [shows.sample() for _ in own], DISCRETE.n)
    expected = [int(model.predict(r, deterministic=True)[0]) for r in own]
    assert agent.act(step, begun(agent, len(own)))[0].value.tolist() == expected


@pytest.mark.parametrize("more", [{}, {"normalize_images": False}, {"features_extractor_kwargs": {"features_dim": 9}}])
@pytest.mark.parametrize("name", ["PPO", "DQN", "QRDQN", "SAC"])
def test_pictures_go_through_the_convolutions(tmp_path: Path, name: str, more: dict[str, Any]) -> None:
    seen, done = OBSERVATIONS["picture"], NUMBERS if name == "SAC" else DISCRETE
    model, path = saved(tmp_path, name, seen, done, policy="CnnPolicy", policy_kwargs=more)
    assert wrong(made(path, seen, done), model, seen, done) == 0


#: Spaces that the library knows, small ones, so that two of them are often alike.
SINGLE = st.one_of(
    BOXES.filter(lambda space: space.shape != ()),
    st.integers(1, 4).map(spaces.Discrete),
    st.lists(st.integers(1, 3), min_size=1, max_size=3).map(spaces.MultiDiscrete),
    st.lists(st.integers(1, 3), min_size=1, max_size=2).map(spaces.MultiBinary),
)
KNOWN = SINGLE | st.dictionaries(st.sampled_from("ab"), SINGLE, min_size=1, max_size=2).map(spaces.Dict)
LAYERS = st.lists(st.integers(1, 9), max_size=2)
ACTIVATIONS = st.sampled_from([torch.nn.Tanh, torch.nn.ReLU, torch.nn.ELU, torch.nn.SiLU, torch.nn.LeakyReLU])


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(KNOWN, KNOWN | SPACES, LAYERS, ACTIVATIONS, st.sampled_from(["PPO", "DQN"]), st.booleans())
def test_generated_networks_over_generated_spaces_answer_alike_or_are_refused(
    seen: spaces.Space[Any], other: spaces.Space[Any], layers: list[int], activation: Any, name: str, same: bool
) -> None:
    """Where the arena shows another space than the network knows, its numbers must be the same, or it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = {"net_arch": layers, "activation_fn": activation}
        try:
            model, path = saved(Path(folder), name, seen, DISCRETE, policy_kwargs=arguments)
        except RuntimeError:  # its own convolutions do not fit so small a picture
            reject()
        shows = seen if same else other
        try:
            agent = made(path, shows, DISCRETE)
        except ValueError:
            return
        raw = [shows.sample() for _ in range(50)]
        step = shown(shows, raw, DISCRETE.n)
        mine = agent.act(step, begun(agent, len(raw)))[0].value.tolist()
        theirs = [int(model.predict(_of_the_models_space(r, seen, shows), deterministic=True)[0]) for r in raw]
        best = agent._outputs(step, by_row=False).topk(2).values
        sure = (best[:, 0] - best[:, 1] > 1e-3).tolist()  # what is shown may hold one number, which tells nothing apart
        assert [m for m, s in zip(mine, sure, strict=True) if s] == [t for t, s in zip(theirs, sure, strict=True) if s]


def _of_the_models_space(raw: Any, seen: spaces.Space[Any], shows: spaces.Space[Any]) -> Any:
    """What the environment would give the model where its space differs by a shape, or is a part of a Dict."""
    if isinstance(seen, spaces.Dict):
        return {key: raw[key].reshape(part.shape) if part.shape else raw[key] for key, part in seen.spaces.items()}
    while isinstance(shows, spaces.Dict) and len(shows) == 1:
        ((key, shows),) = shows.spaces.items()
        raw = raw[key]
    while isinstance(shows, spaces.Tuple) and len(shows) == 1:
        shows, raw = shows[0], raw[0]
    return np.asarray(raw).reshape(seen.shape or ())
