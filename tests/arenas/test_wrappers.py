"""SuperSuit's wrappers by name: what each does on which kind of game, or why it is refused."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import mpe2.simple_spread_v3 as spread
import numpy as np
import pettingzoo
import pytest
import torch
from gymnasium import spaces

from arenas.foreign.arena import Foreign
from arenas.foreign.wrappers import REFUSED, REFUSED_WITH_MASKS, known
from arenas.protocol import Action, ArenaError

pytestmark = pytest.mark.filterwarnings("ignore")


class Pictures(pettingzoo.ParallelEnv):
    """Two look at noise; where there are masks, one action alone is legal at each step, and another is an error."""

    metadata = MappingProxyType({"name": "pictures_v0", "render_modes": []})

    def __init__(self, masked: bool = False) -> None:
        self.possible_agents, self.masked, self.np_random = ["p_0", "p_1"], masked, np.random.default_rng(0)

    def observation_space(self, agent: str) -> Any:
        seen = spaces.Box(0, 255, (6, 6, 3), np.uint8)
        return (
            spaces.Dict({"observation": seen, "action_mask": spaces.Box(0, 1, (3,), np.int8)}) if self.masked else seen
        )

    def action_space(self, agent: str) -> Any:
        return spaces.Discrete(3)

    def _seen(self) -> dict[str, Any]:
        noise = {agent: self.luck.integers(0, 256, (6, 6, 3), dtype=np.uint8) for agent in self.agents}
        mask = np.eye(3, dtype=np.int8)[self.t % 3]
        return {a: {"observation": n, "action_mask": mask} for a, n in noise.items()} if self.masked else noise

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        self.luck, self.agents, self.t = np.random.default_rng(seed), list(self.possible_agents), 0
        return self._seen(), {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, int]) -> Any:
        assert not self.masked or set(actions.values()) == {self.t % 3}
        self.t += 1
        seen, agents, over = self._seen(), self.agents, self.t >= 6
        self.agents = [] if over else agents
        return (
            seen,
            dict.fromkeys(agents, 2.0),
            dict.fromkeys(agents, over),
            dict.fromkeys(agents, False),
            {agent: {} for agent in agents},
        )


def masked() -> Pictures:
    return Pictures(masked=True)


def vectors(**arguments: Any) -> Any:
    return spread.parallel_env(max_cycles=6, **arguments)


def numbers() -> Any:
    return vectors(continuous_actions=True)


def turns() -> Any:
    return spread.env(max_cycles=6)


GAMES: dict[str, Any] = {
    "vectors": vectors,
    "numbers": numbers,
    "turns": turns,
    "pictures": Pictures,
    "masked": masked,
    "board": "pettingzoo:classic/tictactoe_v3",
}
ALIKE = {
    "vectors": (18,),
    "numbers": (18,),
    "turns": (18,),
    "pictures": (3, 6, 6),
    "masked": (3, 6, 6),
    "board": (2, 3, 3),
}
STACKED = {g: (2 * shape[0], *shape[1:]) for g, shape in ALIKE.items()}
INDICATED = {
    "vectors": (21,),
    "numbers": (21,),
    "turns": (21,),
    "pictures": (5, 6, 6),
    "masked": (5, 6, 6),
    "board": (4, 3, 3),
}
FLAT = {"vectors": (18,), "numbers": (18,), "turns": (18,), "pictures": (108,), "masked": (108,), "board": (18,)}
WITHOUT_MASKS = {g: shape for g, shape in ALIKE.items() if g not in ("masked", "board")}
#: Wrapper with arguments -> kind of game -> what a seat then sees; it is refused on kinds that are missing.
WORKS: dict[str, dict[str, tuple[int, ...]]] = {
    "agent_indicator_v0": INDICATED,
    "black_death_v3": WITHOUT_MASKS,
    "clip_actions_v0": {"numbers": (18,)},
    "clip_reward_v0": ALIKE,
    'color_reduction_v0="B"': {"pictures": (6, 6), "masked": (6, 6)},
    "delay_observations_v0=2": ALIKE,
    "dtype_v0=float32": ALIKE,
    "flatten_v0": FLAT,
    "frame_skip_v0=2": WITHOUT_MASKS,
    "frame_stack_v1=2": STACKED,
    'frame_stack_v2={"stack_size":2}': STACKED,
    "max_observation_v0=2": ALIKE,
    "nan_noop_v0=0": ALIKE,
    "nan_random_v0": ALIKE,
    "nan_zeros_v0": ALIKE,
    "normalize_obs_v0": {},
    "pad_action_space_v0": WITHOUT_MASKS,
    "pad_observations_v0": ALIKE,
    "reshape_v0=[108]": {"pictures": (108,), "masked": (108,)},
    "reshape_v0=[2,9]": {"vectors": (2, 9), "numbers": (2, 9), "turns": (2, 9), "board": (2, 9)},
    "resize_v1=[4,4]": {"pictures": (3, 4, 4), "masked": (3, 4, 4)},
    "scale_actions_v0=0.5": {"numbers": (18,)},
    "sticky_actions_v0=0.5": WITHOUT_MASKS,
}


def play(env: Any, *wrap: str) -> Foreign:
    arena = Foreign(2, env=env, wrap=wrap)
    steps, _ = arena.reset(torch.tensor([1, 2]))
    luck = torch.Generator().manual_seed(0)
    for _ in range(8):
        actions = {}
        for seat, step in steps.items():
            mask, width = step.action_mask, arena.spec.seats[seat].action_dim
            legal = None if mask is None else torch.multinomial(mask.float(), 1, generator=luck)[:, 0]
            actions[seat] = Action(torch.zeros(2, width) if legal is None else legal)
        steps, _ = arena.step(actions)
    assert not any(bool(fault.any()) for fault in arena.faults().values())
    return arena


@pytest.mark.parametrize("game", GAMES)
@pytest.mark.parametrize("wrap", WORKS)
def test_every_wrapper_plays_or_is_refused_in_one_line(wrap: str, game: str) -> None:
    shape = WORKS[wrap].get(game)
    if shape is not None:
        arena = play(GAMES[game], wrap)
        assert next(iter(arena.spec.seats.values())).observation == shape
        return
    with pytest.raises((ArenaError, ValueError), match=r"^wrapper ") as caught:
        Foreign(1, env=GAMES[game], wrap=(wrap,))
    assert "\n" not in str(caught.value) and not str(caught.value).endswith("AssertionError")


def test_every_wrapper_of_supersuit_is_in_the_list_or_refused_by_name() -> None:
    assert {wrap.partition("=")[0] for wrap in WORKS} | REFUSED.keys() == set(known())
    for name, why in REFUSED.items():
        with pytest.raises(ValueError, match=f"^wrapper {name}: ") as caught:
            Foreign(1, env=vectors, wrap=(name,))
        assert str(caught.value) == f"wrapper {name}: {why}"
    for name in REFUSED_WITH_MASKS:
        assert any(wrap.startswith(name) and "board" not in where for wrap, where in WORKS.items())


def test_the_mask_is_that_of_the_moment_whatever_is_wrapped() -> None:
    """What is seen is two steps old, the mask is not: with an old one the game would refuse the moves."""
    plain, late = (play(masked, *wrap) for wrap in ((), ("delay_observations_v0=2",)))
    first, _ = plain.reset(torch.tensor([1, 2]))
    old, _ = late.reset(torch.tensor([1, 2]))
    for t in range(4):
        assert torch.equal(first["p_0"].action_mask, old["p_0"].action_mask)
        move = {seat: Action(torch.tensor([t % 3] * 2)) for seat in first}
        before = first
        (first, _), (old, _) = plain.step(move), late.step(move)
        assert not torch.equal(first["p_0"].observation, old["p_0"].observation)
        assert not torch.equal(before["p_0"].observation, first["p_0"].observation)


def test_normalising_takes_a_type_before_it() -> None:
    arena = play(Pictures, "dtype_v0=float32", "normalize_obs_v0=[0,1]")
    steps, _ = arena.reset(torch.tensor([1, 2]))
    assert float(steps["p_0"].observation.min()) >= 0 and 0.5 < float(steps["p_0"].observation.max()) <= 1
    with pytest.raises(ArenaError, match=r"put dtype_v0=float32 before it$"):
        Foreign(1, env=Pictures, wrap=("normalize_obs_v0",))


@pytest.mark.parametrize(
    ("wrap", "said"),
    [
        ("resize_v1=84", r"missing a required argument: 'y_size'; it takes x_size, y_size, linear_interp=True$"),
        ('resize_v1={"x":1}', "it takes x_size, y_size"),
        ("flatten_v0=3", "it takes no arguments$"),
        ("dtype_v0=flot", "numpy has no type 'flot'$"),
        ("frame_stak_v1", "the nearest names are frame_stack_v"),
        ("", "SuperSuit has no wrapper ''"),
    ],
)
def test_wrong_arguments_are_answered_in_one_line(wrap: str, said: str) -> None:
    with pytest.raises((ArenaError, ValueError), match=said) as caught:
        Foreign(1, env=Pictures, wrap=(wrap,))
    assert "\n" not in str(caught.value)
