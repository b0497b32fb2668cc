"""Level-based foraging as an arena, where the package is installed."""

from __future__ import annotations

import importlib.util

import gymnasium
import numpy as np
import pytest
import torch

from arenas.foreign.arena import Foreign
from arenas.protocol import Action, ArenaError
from zoo.check import Failed, check_arena
from zoo.entry.registry import load_arena
from zoo.errors import UserError

NAME = "Foraging-5x5-2p-1f-v3"
INSTALLED = importlib.util.find_spec("lbforaging") is not None
needed = pytest.mark.skipif(not INSTALLED, reason="lbforaging is not installed")


@pytest.mark.skipif(INSTALLED, reason="lbforaging is installed")
def test_where_it_is_missing_a_line_says_what_to_install() -> None:
    with pytest.raises((ArenaError, ModuleNotFoundError), match=r"pip install 'marl-zoo\[foraging\]'"):
        Foreign(1, env=f"lbforaging:{NAME}")
    with pytest.raises(UserError, match=f"^arena lbforaging:{NAME}: lbforaging is not installed: pip install"):
        load_arena(f"lbforaging:{NAME}").make(1)


@needed
def test_it_is_the_packages_own_game() -> None:
    arena = Foreign(1, env=f"lbforaging:{NAME}")
    assert [*arena.spec.seats] == ["player_0", "player_1"] and arena.spec.max_steps == 50
    own = gymnasium.make(NAME, disable_env_checker=True).unwrapped
    steps, _ = arena.reset(torch.tensor([7]))
    seen, _ = own.reset(seed=7)
    luck = np.random.default_rng(0)
    for _ in range(50):
        assert [steps[seat].observation[0].tolist() for seat in arena.spec.seats] == [view.tolist() for view in seen]
        moves = luck.integers(6, size=2)
        steps, _ = arena.step({s: Action(torch.tensor([m])) for s, m in zip(arena.spec.seats, moves, strict=True)})
        seen, paid, over, cut, _ = own.step(tuple(moves.tolist()))
        assert [float(steps[seat].reward[0]) for seat in arena.spec.seats] == pytest.approx(paid)
        if over or cut:
            break


@needed
def test_it_keeps_the_laws() -> None:
    assert not [f for f in check_arena(f"lbforaging:{NAME}") if isinstance(f.verdict, Failed)]


@needed
def test_a_name_that_is_none_is_answered_in_one_line() -> None:
    with pytest.raises((ArenaError, ValueError), match="names are Foraging-SIZExSIZE"):
        Foreign(1, env="lbforaging:Foraging")
