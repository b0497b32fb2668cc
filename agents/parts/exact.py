"""What the exact learners share: the game as a differentiable function of both players' parameters.

Shapes: R replicas, each a game of two players of its own. A value is [R]; a parameter is [R, ...]. All derivatives are
of V, the exact discounted return in the paper's unit (not normalised), in double precision.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from agents.parts.gradients import gradient, leaves
from agents.parts.networks import table_parameters
from agents.parts.policies.categorical import CategoricalPolicy
from agents.parts.policies.point import PointPolicy
from agents.parts.policy_agent import PolicyAgent
from agents.protocol import DifferentiablePolicy, JointTrajectory, LearningContext, Parameters
from agents.randomness import derive
from arenas.protocol import Arena
from arenas.settings import Amount, Checked

#: Both players' parameters, mine first.
Pair = tuple[Parameters, Parameters]
#: V of both players [R] as a function of their parameters.
Values = Callable[[Parameters, Parameters], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class ExactConfig(Checked):
    """Settings of every exact learner."""

    lr: Amount = 1.0  # delta: the own step per unit of gradient, V being 1 / (1 - gamma) times the return per step
    init: Amount = 1.0  # standard deviation of the first logits, or actions where these are continuous


def swapped(values: Values, theta: Pair) -> tuple[Values, Pair]:
    """The same game as the other player sees it."""
    return (lambda mine, other: values(other, mine)[::-1]), (theta[1], theta[0])


def inner(a: Parameters, b: Parameters) -> Tensor:
    """Inner product of two parameter dicts in every replica, [R]; a single 0 where they are empty."""
    device = next((p.device for p in a.values()), None)
    nothing = torch.zeros((), dtype=torch.float64, device=device)
    return sum(((a[name] * b[name]).flatten(1).sum(1) for name in a), start=nothing)


def together(a: Pair, b: Pair) -> Tensor:
    """Inner product over both players, [R]."""
    return inner(a[0], b[0]) + inner(a[1], b[1])


def plus(a: Parameters, b: Parameters, scale: float | Tensor = 1.0) -> Parameters:
    """The sum a + scale * b; `scale` is a number, or one for each replica, [R]."""

    def scaled(p: Tensor) -> Tensor:
        return scale.view(-1, *[1] * (p.dim() - 1)) * p if isinstance(scale, Tensor) else scale * p

    return {name: p + scaled(b[name]) for name, p in a.items()}


def simultaneous(v: tuple[Tensor, Tensor], theta: Pair) -> Pair:
    """(grad_1 V_1, grad_2 V_2) with graph."""
    return gradient(v[0].sum(), theta[0], higher=True), gradient(v[1].sum(), theta[1], higher=True)


class ExactAgent(PolicyAgent):
    """A learner of one seat of a two-player game whose exact value is known; subclasses write `ascent`."""

    learns = True
    replicated = True
    needs = frozenset({"value"})
    needs_to_learn = frozenset({"simulator", "policies"})
    Config = ExactConfig
    config: Any

    def build(self, seed: int) -> None:
        """The policy: logits, or an action where these are continuous."""
        spec = self.spec
        if len(spec.seats) != 2:
            raise ValueError(f"{type(self).__name__} knows games of two players, {spec.name} has {len(spec.seats)}")
        (self.seat,) = self.seats
        (self.other,) = (seat for seat in spec.seats if seat != self.seat)
        mine = self.seat_spec()
        draw: Any = {"std": self.config.init, "seed": derive(seed, "actor")}
        draw |= {"replicas": self.replicas, "device": self.device}
        self.actor: CategoricalPolicy | PointPolicy
        if mine.actions:
            first = CategoricalPolicy.initial_parameters(mine, "none", (), **draw)
            self.actor = CategoricalPolicy({name: p.double() for name, p in first.items()}, mine)
        else:
            first = table_parameters(1, mine.action_dim, **draw)
            self.actor = PointPolicy({"action": first["w0"].squeeze(1).double()}, mine)
        self.policies = {self.seat: self.actor}

    @abstractmethod
    def ascent(self, values: Values, theta: Pair) -> Parameters:
        """The direction of my step, given the game and both players' parameters as leaves of a graph."""

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """One step along `ascent`; what was played does not matter."""
        simulator = context.simulator
        assert simulator is not None  # the word "simulator" is needed to learn
        policies: dict[str, DifferentiablePolicy] = {self.seat: self.actor, self.other: context.peers[self.other]}
        theta = tuple(leaves(self._wide(policies[seat].parameters)) for seat in (self.seat, self.other))
        values = game(simulator, policies, (self.seat, self.other))
        step = self.ascent(values, (theta[0], theta[1]))
        with torch.no_grad():
            value = values(theta[0], theta[1])[0].mean()
            for name, p in self.actor.parameters.items():
                p.add_(step[name], alpha=self.config.lr)
        return {"value": float(value) * (1 - self.spec.gamma)}

    def _wide(self, parameters: Parameters) -> Parameters:
        """A peer's parameters with a replica axis as long as ours, so that each of its copies has one of us."""
        return {name: p.expand(self.replicas, *p.shape[1:]) if p.shape[0] == 1 else p for name, p in parameters.items()}


def game(arena: Arena, policies: Mapping[str, DifferentiablePolicy], seats: tuple[str, str]) -> Values:
    """V of both `seats`, mine first, as a function of their parameters."""
    mine, other = seats

    def values(theta_1: Parameters, theta_2: Parameters) -> tuple[Tensor, Tensor]:
        moved = {mine: policies[mine].with_parameters(theta_1), other: policies[other].with_parameters(theta_2)}
        payoffs = arena.value(moved)
        return payoffs[mine], payoffs[other]

    return values
