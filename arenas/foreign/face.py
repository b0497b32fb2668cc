"""Any arena as a PettingZoo environment: one copy of the game, arrays in and out.

    env = parallel_env(Coin, render_mode="ansi", size=5)     # or env(...) for the AEC form

The name in `metadata` is the arena's with underscores ("coin_v1"). An agent is called like its seat, with the number
that PettingZoo wants in a name: seat "red" is agent "red_0", seat "adversary_1" keeps its name. Legal actions stand in
`infos[agent]["action_mask"]` where actions are discrete, as `action_space(agent).sample` takes them. `reset(seed=s)`
plays the same game as `Arena.reset` with the seed s in a batch of one; a later `reset()` without a seed goes on to new
luck that the first seed decides.

Where seats send messages of M bits, one number is an action and what is said with it: `Discrete(A * 2**M)`, in which
number n is action n // 2**M with the message n % 2**M, whose first bit counts one (`joined`, `parted`). An observation
is flat there: what the seat sees, then the N x M bits that it hears (place by place, see `arenas.channel`), then N
numbers that say in which places there is something to hear.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium import logger
from gymnasium.spaces import Box, Discrete, Space
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils.conversions import parallel_to_aec
from pettingzoo.utils.wrappers import OrderEnforcingWrapper
from torch import Tensor

from arenas.luck import bits
from arenas.protocol import Action, Arena, ArenaSpec, SeatSpec, TimeStep

MOST_BITS = 12  # of a message that is part of an action
RENDER_MODES = ("human", "ansi", "rgb_array")
_SEED_MASK = (1 << 63) - 1


class ArenaEnv(ParallelEnv[str, np.ndarray, Any]):  # type: ignore[misc]  # pettingzoo is not checked
    """An arena of one copy behind PettingZoo's parallel interface.

    Args:
        arena: the game, with a batch size of 1.
        render_mode: "human" (prints the text), "ansi", "rgb_array" or None.

    Raises:
        ValueError: an unknown render mode, or messages beside continuous actions, or of more than `MOST_BITS` bits.
    """

    def __init__(self, arena: Arena, render_mode: str | None = None) -> None:
        name = arena.spec.name
        if render_mode not in (None, *RENDER_MODES):
            raise ValueError(f"{name}: render_mode must be one of {', '.join(RENDER_MODES)}, got {render_mode!r}")
        for seat in arena.spec.seats.values():
            if seat.message_dim and not seat.actions:
                raise ValueError(f"{name}: its seats send messages beside continuous actions, for which no space is")
            if seat.message_dim > MOST_BITS:
                raise ValueError(f"{name}: messages of {seat.message_dim} bits; {MOST_BITS} are the most in one action")
        self.arena = arena
        self.render_mode = render_mode
        self.metadata = {
            "name": name.replace("-", "_"),
            "render_modes": list(RENDER_MODES),
            "is_parallelizable": True,
            "render_fps": 4,
        }
        self.seats = {agent_name(seat): seat for seat in arena.spec.seats}
        self.possible_agents = list(self.seats)
        self.agents: list[str] = []
        self._observation_spaces = {a: _observation_space(arena.spec, s) for a, s in self.seats.items()}
        self._action_spaces = {a: _action_space(arena.spec.seats[s]) for a, s in self.seats.items()}
        if arena.spec.state_dim:
            low, high = zip(*(spec.bounds for spec in arena.spec.seats.values()), strict=True)
            self.state_space = Box(min(low), max(high), (arena.spec.state_dim,), np.float32)
        self._seed: int | None = None
        self._state: Tensor | None = None

    def observation_space(self, agent: str) -> Space[Any]:
        """A float32 box of the seat's observation shape and bounds; flat, with what is heard, where it hears."""
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> Space[Any]:
        """The seat's actions: discrete, with the bits of a message behind, or a box of numbers in [-1, 1]."""
        return self._action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
        """Start an episode; `options` are not used."""
        if seed is not None or self._seed is None:
            self._seed = (secrets.randbits(63) if seed is None else seed) & _SEED_MASK
            self._episode = 0
        luck = torch.tensor([self._seed], device=self.arena.device)
        steps, self._state = self.arena.reset(bits(luck, self._episode) if self._episode else luck, autoreset=False)
        self._episode += 1
        self.agents = list(self.possible_agents)
        seen = {a: steps[s] for a, s in self.seats.items()}
        return {a: shown(t) for a, t in seen.items()}, {a: self._info(a, t) for a, t in seen.items()}

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[
        dict[str, np.ndarray], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, np.ndarray]]
    ]:
        """Play one step.

        Raises:
            ValueError: an agent's action is missing or not in its action space.
        """
        if not self.agents:
            return {}, {}, {}, {}, {}
        steps, self._state = self.arena.step({s: self._action(a, actions.get(a)) for a, s in self.seats.items()})
        seen = {a: steps[self.seats[a]] for a in self.agents}
        ended = {a: bool(t.discount[0] == 0) for a, t in seen.items()}
        cut = {a: bool(t.last[0]) and not ended[a] for a, t in seen.items()}
        self.agents = [a for a in self.agents if not ended[a] and not cut[a]]
        return (
            {a: shown(t) for a, t in seen.items()},
            {a: float(t.reward[0]) for a, t in seen.items()},
            ended,
            cut,
            {a: self._info(a, t) for a, t in seen.items()},
        )

    def _action(self, agent: str, given: Any) -> Action:
        """The action as a batch of one; a seat whose part is over does nothing."""
        space = self._action_spaces[agent]
        if agent not in self.agents:
            given = space.low if isinstance(space, Box) else 0
        if isinstance(space, Box) and given is not None:
            given = np.asarray(given, dtype=np.float32)
        if given is None or not space.contains(given):
            raise ValueError(f"{self.metadata['name']}: {agent} needs an action in {space}, got {given!r}")
        return parted(torch.as_tensor(given, device=self.arena.device).unsqueeze(0), self._bits(agent))

    def _bits(self, agent: str) -> int:
        """M of an agent."""
        return self.arena.spec.seats[self.seats[agent]].message_dim

    def _info(self, agent: str, step: TimeStep) -> dict[str, np.ndarray]:
        """Which actions are legal; anything may be said with them."""
        if step.action_mask is None:
            return {}
        return {"action_mask": _array(step.action_mask).astype(np.int8).repeat(2 ** self._bits(agent))}

    def state(self) -> np.ndarray:
        """The global state, float32 [S].

        Raises:
            NotImplementedError: the arena shows none.
        """
        if self._state is None:
            raise NotImplementedError(f"{self.metadata['name']} shows no global state")
        return _array(self._state)

    def render(self) -> str | np.ndarray | None:
        """Text, picture, or None after printing the text ("human")."""
        if self.render_mode is None:
            logger.warn(f"{self.metadata['name']}: render() needs a render_mode, one of {', '.join(RENDER_MODES)}")
            return None
        if self.render_mode == "human":
            print(self.arena.render(0, "ansi"))
            return None
        return self.arena.render(0, self.render_mode)

    def close(self) -> None:
        """Close the arena."""
        self.arena.close()


def parallel_env(arena: Callable[..., Arena], render_mode: str | None = None, **settings: Any) -> ArenaEnv:
    """An arena, given by its class or another function of batch size and settings, as a parallel environment."""
    return ArenaEnv(arena(1, **settings), render_mode)


def env(arena: Callable[..., Arena], render_mode: str | None = None, **settings: Any) -> AECEnv[str, np.ndarray, Any]:
    """An arena as an AEC environment."""
    return OrderEnforcingWrapper(parallel_to_aec(parallel_env(arena, render_mode, **settings)))


def agent_name(seat: str) -> str:
    """What PettingZoo calls the agent in a seat."""
    return seat if re.fullmatch(r".*_\d+", seat) else f"{seat}_0"


def shown(step: TimeStep) -> np.ndarray:
    """What an agent observes: the observation, or with what is heard behind it, see the head of this file."""
    if step.messages is None or step.audible is None:
        return _array(step.observation)
    return np.concatenate([_array(x).ravel() for x in (step.observation, step.messages, step.audible.float())])


def joined(action: Action) -> Tensor:
    """Actions and what is said with them as numbers of the action space, [B, ...]; what is said is cut to bits."""
    if action.message is None:
        return action.value
    bits = (action.message > 0.5).long()
    return (action.value << bits.shape[1]) + (bits << torch.arange(bits.shape[1], device=bits.device)).sum(1)


def parted(numbers: Tensor, bits: int) -> Action:
    """The actions, and messages of so many bits, of numbers of the action space [B]."""
    if not bits:
        return Action(numbers)
    said = (numbers.unsqueeze(1) >> torch.arange(bits, device=numbers.device)) & 1
    return Action(numbers >> bits, said.float())


def _observation_space(spec: ArenaSpec, seat: str) -> Box:
    own, n = spec.seats[seat], len(spec.seats)
    heard = n * max(other.message_dim for other in spec.seats.values()) + n
    if heard == n:
        return Box(*own.bounds, own.observation, np.float32)
    least, most = (np.full(math.prod(own.observation), bound, dtype=np.float32) for bound in own.bounds)
    zeros = np.zeros(heard, dtype=np.float32)
    return Box(np.concatenate([least, zeros]), np.concatenate([most, zeros + 1]), dtype=np.float32)


def _action_space(spec: SeatSpec) -> Space[Any]:
    return Discrete(spec.actions << spec.message_dim) if spec.actions else Box(-1, 1, (spec.action_dim,), np.float32)


def _array(batch: Tensor) -> np.ndarray:
    """The only row as an array of its own."""
    return batch[0].numpy(force=True).copy()
