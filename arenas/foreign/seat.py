"""A seat of a foreign environment, in all copies at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from arenas.foreign.spaces import action_width, encoder, environment_action
from arenas.foreign.truth import checker
from arenas.origin import origin_text
from arenas.protocol import DONE


class Seat:
    """What a seat saw and got last, row by row, and what is remembered of its episode."""

    def __init__(self, env: Any, agent: Any, rows: int) -> None:
        self.agent, self.action_space = agent, env.action_space(agent)
        space = env.observation_space(agent)
        self.origin = origin_text(space, self.action_space)
        self.encoder, self.wrong = encoder(space), checker(space)
        self.actions = action_width(self.action_space)[0]  # A, or 0
        self.seen = np.zeros((rows, *self.encoder[0]), np.float32)
        self.legal = np.ones((rows, self.actions), bool)
        self.reward, self.discount = np.zeros(rows, np.float32), np.ones(rows, np.float32)
        self.active, self.alive = np.zeros(rows, bool), np.ones(rows, bool)  # alive until it has left the game
        self.total = np.zeros(rows)  # return so far
        self.early = np.zeros(rows)  # what it was paid with the reset
        self.turns = np.zeros(rows, np.int64)  # actions so far
        self.fault = np.full(rows, DONE)

    def begin(self, row: int) -> None:
        """A new episode begins in a row."""
        self.discount[row], self.alive[row], self.active[row], self.fault[row] = 1, True, False, DONE
        self.total[row] = self.turns[row] = self.reward[row] = self.seen[row] = 0
        self.legal[row] = True

    def act(self, value: np.ndarray) -> Any:
        """The environment's form of an action."""
        return environment_action(self.action_space, value)

    def idle(self) -> Any:
        """What is played for a seat that is not on turn where everybody acts: the first action of its space."""
        return self.act(np.zeros(() if self.actions else self.action_space.shape))

    def may(self, row: int, value: np.ndarray) -> bool:
        """Whether the rules know this action, a number or a vector [D]."""
        if not self.actions:
            return bool(np.isfinite(value).all())
        number = float(value)
        return number in range(self.actions) and bool(self.legal[row, int(number)])
