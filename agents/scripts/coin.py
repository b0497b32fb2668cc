"""Scripts for the coin games: one takes every coin, one takes only its own, and one does the one after the other.

Both walk the shortest way on the torus, along the row first. On an even torus, where both ways round are equally long,
they go right and down.
"""

from __future__ import annotations

import torch
from torch import Tensor

from agents.parts.coin_walk import cooperate, take
from agents.parts.policies.scripted import PureScript, Scripted, ScriptedPolicy
from agents.parts.turns import Turns
from agents.protocol import Agent, JointTrajectory, LearningContext, Memory, State
from arenas.protocol import Action, TimeStep


class Greedy(PureScript):
    """Always walks to the nearest coin, its own or the other's."""

    needs = frozenset({"discrete", "coin"})

    def choose(self, seen: Tensor) -> Tensor:
        """Towards the coin that is nearer."""
        return take(seen)


class Cooperator(PureScript):
    """Walks to its own coin; while there is none, steps away from the other's."""

    needs = frozenset({"discrete", "coin"})

    def choose(self, seen: Tensor) -> Tensor:
        """Towards the own coin, or away from the other."""
        return cooperate(seen)


class CooperateThenTake(Agent):
    """Cooperates while the other learns, then takes every coin: how far can a learner be lulled on the coin games?

    Its lesson and its harvest are scripts: it looks at nothing but the number of updates.
    """

    Config = Turns
    config: Turns
    learns = True
    replicated = True
    needs = frozenset({"discrete", "coin"})

    def build(self, seed: int) -> None:
        """Both scripts, and the clock."""
        self._scripts = (Cooperator.make(self.spec, self.seats), Greedy.make(self.spec, self.seats))
        self.clock = torch.zeros(1, dtype=torch.long, device=self.device)

    @property
    def _script(self) -> Scripted:
        """Who plays at this update."""
        return self._scripts[self.config.harvests(int(self.clock))]

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Act by the script of this update."""
        return self._script.act(timestep, memory)

    def policy(self, seat: str) -> ScriptedPolicy | None:
        """The script of this update."""
        return self._script.policy(seat)

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """Count one update."""
        self.clock += 1
        return {"taking": float(self._script is self._scripts[1])}

    def acting_state(self) -> State:
        """The number of updates so far."""
        return {f"{self.seats[0]}/clock": self.clock}
