"""Level-based foraging, the package `lbforaging`, as a PettingZoo environment: it is Gymnasium's, in tuples.

Papoudakis et al. 2021, "Benchmarking Multi-Agent Deep Reinforcement Learning Algorithms in Cooperative Tasks". Players
on a grid load food that is worth their levels together; actions are stay, north, south, west, east, load.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

import gymnasium
import numpy as np
from pettingzoo import ParallelEnv

HOW_LONG = "_max_episode_steps"  # of the package's game, which has no public name


class ForagingEnv(ParallelEnv[str, np.ndarray, int]):  # type: ignore[misc]  # pettingzoo is not checked
    """One game of Gymnasium's registry; players are player_0, player_1, ...

    Args:
        name: "Foraging-8x8-2p-1f-v3"
        arguments: the environment's own.
    """

    metadata: ClassVar[Any] = MappingProxyType({"name": "foraging", "render_modes": ["rgb_array"]})

    def __init__(self, name: str, **arguments: Any) -> None:
        self.game: Any = gymnasium.make(name, disable_env_checker=True, **arguments).unwrapped
        seen, acts = self.game.observation_space, self.game.action_space
        assert isinstance(seen, gymnasium.spaces.Tuple) and isinstance(acts, gymnasium.spaces.Tuple)
        self.possible_agents = [f"player_{n}" for n in range(len(acts))]
        self.agents: list[str] = []
        self._seen = dict(zip(self.possible_agents, seen, strict=True))
        self._acts = dict(zip(self.possible_agents, acts, strict=True))
        self.max_cycles: int = getattr(self.game, HOW_LONG)
        self.render_mode = self.game.render_mode

    def observation_space(self, agent: str) -> Any:
        """What a player sees: food and players as (row, column, level)."""
        return self._seen[agent]

    def action_space(self, agent: str) -> Any:
        """Six actions."""
        return self._acts[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, Any], Any]:
        """A new game."""
        self.agents = list(self.possible_agents)
        for player in self.game.players:
            player.position = None  # else nobody could begin where somebody of the game before stands
        seen, _ = self.game.reset(seed=seed, options=options)
        return dict(zip(self.agents, seen, strict=True)), {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, int]) -> tuple[Any, ...]:
        """All players act."""
        agents = self.agents
        seen, paid, over, cut, _ = self.game.step(tuple(int(actions[agent]) for agent in agents))
        if over or cut:
            self.agents = []
        rewards = {agent: float(reward) for agent, reward in zip(agents, paid, strict=True)}
        return (
            dict(zip(agents, seen, strict=True)),
            rewards,
            dict.fromkeys(agents, bool(over)),
            dict.fromkeys(agents, bool(cut)),
            {agent: {} for agent in agents},
        )

    def render(self) -> Any:
        """The picture of the package, which needs a display."""
        return self.game.render()

    def close(self) -> None:
        """Let go of the game."""
        self.game.close()


def named(name: str) -> Callable[..., ForagingEnv]:
    """What makes the environment of that name.

    Raises:
        ModuleNotFoundError: the package is not installed.
        ValueError: an unknown name.
    """
    try:
        import lbforaging  # noqa: F401  # it registers its environments
    except ModuleNotFoundError as error:
        words = "lbforaging is not installed: pip install 'marl-zoo[foraging]'"
        raise ModuleNotFoundError(words, name="lbforaging") from error
    if name not in gymnasium.registry:
        raise ValueError(
            f"lbforaging has no environment {name!r}; names are Foraging-SIZExSIZE-PLAYERSp-FOODf-v3, such as"
            " Foraging-8x8-2p-1f-v3"
        )
    return partial(ForagingEnv, name)
