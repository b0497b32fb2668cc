"""Naive learning: every seat improves its own return and takes the others for part of the world.

The policy-gradient learner with a value baseline (NL-PG) that LOLA is measured against: Foerster et al. 2018,
"Learning with Opponent-Learning Awareness", equation 4.1 with the gradient of equation 4.5.

    theta_1 <- theta_1 + delta grad_1 E sum_t gamma^t r_t,   grad_1 = E sum_t grad_1 log pi_1(a_t | s_t) A_t

Departures: Adam instead of plain ascent; generalised advantage estimates instead of returns less a baseline; segments
of an episode with a bootstrapped value; an entropy bonus; a perceptron with one bit of recollection (the sign of the
last reward) where the paper's coin agents are recurrent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from agents.parts.categorical import CategoricalPolicy, RecallSetting, recall_for
from agents.parts.networks import mlp, mlp_parameters
from agents.parts.optimizers import Adam
from agents.parts.returns import advantages, playing
from agents.protocol import Agent, JointTrajectory, LearningContext, Memory, Seating, State
from agents.randomness import derive
from arenas.protocol import Action, ArenaSpec, TimeStep


@dataclass(frozen=True)
class Config:
    """Settings of `naive`."""

    lr: float = 0.003  # Adam's step size for the policy
    critic_lr: float = 0.003  # Adam's step size for the value
    gamma: float = 0.96  # discount per step; the paper's for ipd and coin
    lambda_: float = 0.95  # of the generalised advantage estimate
    entropy: float = 0.01  # weight of the policy's entropy, in units of advantage per step
    hidden: int = 64  # units of the one hidden layer; 0: logits are linear in the observation (a table)
    recall: RecallSetting = "auto"  # what of the past the policy knows besides the observation


def policy_loss(log_prob: Tensor, advantage: Tensor, entropy: Tensor, weight: float) -> Tensor:
    """Minus the policy-gradient objective, per step and game: inputs [T, B], result [B]."""
    return -(log_prob * advantage + weight * entropy).mean(0)


class Naive(Agent):
    """A policy-gradient learner with a value baseline."""

    Config: ClassVar[type] = Config
    learns = True
    config: Config

    def __init__(
        self, spec: ArenaSpec, seats: tuple[str, ...], config: Any, seed: int, device: str = "cpu", replicas: int = 1
    ) -> None:
        super().__init__(spec, seats, config, seed, device, replicas)
        seat, hidden = self.seat_spec(), [config.hidden] if config.hidden else []
        recall = recall_for(config.recall, spec)
        build = {"replicas": replicas, "device": device}
        actor = CategoricalPolicy.initial_parameters(seat, recall, hidden, seed=derive(seed, "actor"), **build)
        self.actor = CategoricalPolicy(actor, seat, recall)
        width = actor["w0"].shape[1]
        self.critic = mlp_parameters([width, *hidden, 1], seed=derive(seed, "critic"), last_scale=0.01, **build)
        self.actor_step = Adam(self.actor.parameters, config.lr)
        self.critic_step = Adam(self.critic, config.critic_lr)

    def begin(self, seating: Seating) -> Memory:
        """See `CategoricalPolicy.begin`."""
        return self.actor.begin(seating)

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw from the policy."""
        return self.actor.act(timestep, memory)

    def policy(self, seat: str) -> CategoricalPolicy:
        """The policy as peers may see it."""
        return self.actor

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """One step of the policy and one of the value on the segment just played."""
        mine = joint.seats[self.seats[0]]
        theta = {name: p.detach().requires_grad_() for name, p in self.actor.parameters.items()}
        phi = {name: p.detach().requires_grad_() for name, p in self.critic.items()}
        policy = self.actor.with_parameters(theta)
        value = mlp(phi, self.actor.features(mine)).squeeze(-1)  # [T + 1, B]
        advantage = advantages(mine.timesteps, value, self.config.gamma, self.config.lambda_)
        counted = playing(mine.timesteps)
        entropy = policy.entropy(mine)
        loss = policy_loss(policy.log_prob(mine), advantage, entropy, self.config.entropy)
        error = ((value[:-1] - (advantage + value[:-1].detach())) * counted).square().mean(0)
        rows = error.shape[0] // self.replicas
        self.actor_step.descend(dict(zip(theta, torch.autograd.grad(loss.sum() / rows, list(theta.values())), strict=True)))
        self.critic_step.descend(dict(zip(phi, torch.autograd.grad(error.sum() / rows, list(phi.values())), strict=True)))
        return {"entropy": float(entropy.sum() / counted.sum().clamp_min(1)), "value_error": float(error.mean())}

    def acting_state(self) -> State:
        """The policy's parameters."""
        return {f"{self.seats[0]}/{name}": p for name, p in self.actor.parameters.items()}

    def learning_state(self) -> State:
        """Policy, value and both optimisers."""
        critic = {f"{self.seats[0]}/critic/{name}": p for name, p in self.critic.items()}
        return self.acting_state() | critic | self.actor_step.state("actor") | self.critic_step.state("critic")
