"""LOLA: learning with opponent-learning awareness, by policy gradients.

Foerster, Chen, Al-Shedivat, Whiteson, Abbeel and Mordatch 2018. A learner that expects the other to take a naive
step, delta_2 = eta grad_2 V_2, ascends V_1(theta_1, theta_2 + delta_2) to first order (equation 4.4):

    theta_1 <- theta_1 + delta [ grad_1 V_1 + eta (grad_2 V_1)^T grad_1 grad_2 V_2 ]

The second term shapes what the other learns. All derivatives are estimated from the segment played (equations 4.5 to
4.7); the other's policy is shown, or fitted to what it did (section 4.4, opponent modelling), and from there on the two
cases are one.

Departures: derivatives of every order come from one expression, loaded DiCE (Farquhar et al. 2019), which estimates
the paper's equation 4.7 with less variance; its `decay` and the segments make the second-order term slightly biased.
Adam instead of plain ascent. grad_2 V_1 and the mixed term are estimated from the same games (biased by their
covariance, of order 1 / B). An entropy bonus. A perceptron with one bit of recollection (the sign of the last reward)
where the paper's coin agents are recurrent. Any number of peers: their shaping terms are added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from agents.parts.categorical import CategoricalPolicy, RecallSetting, recall_for
from agents.parts.dice import loaded_dice
from agents.parts.networks import Parameters, mlp, mlp_parameters
from agents.parts.optimizers import Adam
from agents.parts.returns import advantages, playing
from agents.protocol import (
    Agent,
    DifferentiablePolicy,
    JointTrajectory,
    LearningContext,
    Memory,
    Seating,
    State,
    Trajectory,
)
from agents.randomness import derive
from arenas.protocol import Action, ArenaSpec, TimeStep


@dataclass(frozen=True)
class Config:
    """Settings of `lola`."""

    lr: float = 0.003  # delta: Adam's step size for the policy
    eta: float = 1.0  # step that the other is expected to take, per unit of its gradient; 0 is the naive learner
    critic_lr: float = 0.003
    gamma: float = 0.96
    lambda_: float = 0.95
    decay: float = 0.96  # of an action's part in later states, see loaded_dice
    entropy: float = 0.01
    hidden: int = 64
    recall: RecallSetting = "auto"
    model_lr: float = 0.01  # Adam's step size for fitted peers (hidden ones)
    model_steps: int = 4  # steps of fitting a round
    clip: float = 0.0


def gradient(value: Tensor, parameters: Parameters, *, graph: bool = False) -> Parameters:
    grads = torch.autograd.grad(value, list(parameters.values()), create_graph=graph, retain_graph=True)
    return dict(zip(parameters, grads, strict=True))


class Lola(Agent):
    Config: ClassVar[type] = Config
    needs_to_learn = frozenset({"joint"})
    learns = True
    config: Config

    def __init__(
        self, spec: ArenaSpec, seats: tuple[str, ...], config: Any, seed: int, device: str = "cpu", replicas: int = 1
    ) -> None:
        super().__init__(spec, seats, config, seed, device, replicas)
        seat, hidden = self.seat_spec(), [config.hidden] if config.hidden else []
        self.recall = recall_for(config.recall, spec)
        build = {"replicas": replicas, "device": device}
        actor = CategoricalPolicy.initial_parameters(seat, self.recall, hidden, seed=derive(seed, "actor"), **build)
        self.actor = CategoricalPolicy(actor, seat, self.recall)
        width = actor["w0"].shape[1] * len(spec.seats)
        self.critic = mlp_parameters([width, *hidden, len(spec.seats)], seed=derive(seed, "critic"), last_scale=0.01, **build)
        self.actor_step = Adam(self.actor.parameters, config.lr)
        self.critic_step = Adam(self.critic, config.critic_lr)

    def begin(self, seating: Seating) -> Memory:
        return self.actor.begin(seating)

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        return self.actor.act(timestep, memory)

    def policy(self, seat: str) -> CategoricalPolicy:
        return self.actor

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        me = self.seats[0]
        c = self.config
        seats = list(joint.seats)
        feats = torch.cat([self.actor.features(joint.seats[s]) for s in seats], -1)
        phi = {n: p.detach().requires_grad_() for n, p in self.critic.items()}
        values = mlp(phi, feats)
        adv = {s: advantages(joint.seats[s].timesteps, values[..., i], c.gamma, c.lambda_) for i, s in enumerate(seats)}
        mine = joint.seats[me]
        counted = playing(mine.timesteps)
        err = sum(((values[:-1, :, i] - (adv[s] + values[:-1, :, i].detach())) * counted).square().mean(0).sum() for i, s in enumerate(seats))
        rows = counted.shape[1] // self.replicas
        theta = {n: p.detach().requires_grad_() for n, p in self.actor.parameters.items()}
        policy = self.actor.with_parameters(theta)
        lp = policy.log_prob(mine)
        first = mine.timesteps.first[:-1]
        ent = policy.entropy(mine)
        g1 = gradient((lp * adv[me]).sum() / rows + c.entropy * ent.sum() / rows, theta)
        total = dict(g1)
        shaping_norm = 0.0
        for other in seats:
            if other == me or not c.eta: continue
            peer = context.peers[other]
            psi = {n: p.detach().requires_grad_() for n, p in peer.parameters.items()}
            lp2 = peer.with_parameters(psi).log_prob(joint.seats[other])
            v1 = gradient((lp2 * adv[me]).sum() / rows, psi)
            v2 = gradient(loaded_dice(lp + lp2, adv[other], first, c.decay).sum() / rows, psi, graph=True)
            inner = sum((v1[n].detach() * v2[n]).sum() for n in psi)
            sh = gradient(inner, theta)
            n1 = sum(x.square().sum() for x in g1.values()).sqrt(); n2 = sum(x.square().sum() for x in sh.values()).sqrt()
            shaping_norm = float(n2 / n1)
            total = {n: total[n] + c.eta * sh[n] for n in total}
        self.actor_step.descend({n: -t for n, t in total.items()})
        self.critic_step.descend(dict(zip(phi, torch.autograd.grad(err / rows, list(phi.values())), strict=True)))
        return {"entropy": float(ent.sum() / counted.sum()), "ratio": shaping_norm}

    def acting_state(self) -> State:
        return {f"{self.seats[0]}/{name}": p for name, p in self.actor.parameters.items()}
