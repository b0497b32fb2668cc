"""Advantage alignment: a policy gradient that takes the other's advantage for its own, as far as it fared well.

Duque, Aghajohari, Cooijmans, Ciuca, Zhang, Gidel and Courville 2024, "Advantage Alignment Algorithms". If all players
choose actions in proportion to the exponential of what they gain by them, shaping what the others do comes down to
another advantage in the policy gradient: for player 1

    A*_t = A1_t + beta gamma P_t A2_t,   P_t = mean of A1_k over k < t

An action that is good for the other is reinforced after good times and discouraged after bad ones: reciprocity.

Departures: `spite` weighs P_t where it is negative and is 0 by default, because two learners of the paper's rule
(`spite=1`) that have begun to hurt each other learn to go on. P_t is a plain mean (the paper discounts it, its code
divides the sum by t + 1), begun anew with each segment and episode. Advantages are generalised advantage estimates
from a critic that sees what all seats see, divided by their standard deviation over the segment; while its values are
still too high, P_t is negative and nobody is aligned, so that it must learn fast enough. With several others, their
advantages are added. Adam, with a step size and an entropy bonus that fall together. One actor plays all seats
of a side and learns from all of them. A perceptron that recalls fading sums of losses and gains
(`agents.parts.policies.traces`) takes the place of the paper's recurrent network.

Trained with nobody but itself the rule becomes a cooperator that anybody may rob. So the agent keeps a sparring
partner: a second policy of the same kind, which learns its own return alone, from games with its like, and becomes
selfish wherever that pays. In training by itself each seat of each game is lent to the partner with probability
`sparring`, by the seat's luck; such games show in the training curve. The agent does not align itself with the
partner, which does not answer to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from agents.parts.gradients import gradient, leaves
from agents.parts.logits import entropy, masked, taken
from agents.parts.networks import mlp, mlp_parameters
from agents.parts.optimizers import Adam
from agents.parts.policies.categorical import CategoricalPolicy, Recall
from agents.parts.policies.traces import TracePolicy
from agents.parts.policy_agent import PolicyAgent
from agents.parts.returns import advantages
from agents.protocol import JointTrajectory, LearningContext, Memory, Seating, State, Trajectory, playing
from agents.randomness import derive, uniform
from arenas.protocol import Action, TimeStep
from arenas.settings import Checked, Count, Share

_LOT = 1 << 40  # the draw of a seat's luck that decides who fills it; far beyond those that choose actions


@dataclass(frozen=True)
class AdvantageAlignmentConfig(Checked):
    """Settings of `advantage-alignment`."""

    beta: float = 1.2  # weight of the others' advantages; 0: own return alone
    spite: float = 0.0  # weight of the past's mean where it is negative; 1: the paper's rule, 0: own return alone there
    sparring: Share = 0.25  # part of the seats lent to the sparring partner in training by itself; 0: none
    lr: float = 0.002  # Adam's step size for the policies
    critic_lr: float = 0.003  # Adam's step size for the values; 0.03 where returns are far from 0, as in ipd (see head)
    anneal: int = 400  # updates after which lr and entropy have fallen to half, 1 / (1 + update / anneal); 0: they stay
    gamma: float = 0.96  # discount per step
    lambda_: float = 0.95  # of the generalised advantage estimate
    entropy: float = 0.1  # weight of the policy's entropy (nats), beside advantages of standard deviation 1
    hidden: Count = 64  # units of the one hidden layer
    recall: Literal["auto", "none", "traces"] = "auto"  # auto: traces unless the observation tells the last actions


def past_mean(advantage: Tensor, first: Tensor) -> Tensor:
    """Mean of `advantage` [T, B] over the steps before t since the last `first` [T, B]; 0 where there is none."""
    total, count = torch.zeros_like(advantage[0]), torch.zeros_like(advantage[0])
    means = []
    for now, begins in zip(advantage, first, strict=True):
        keep = (~begins).to(advantage.dtype)
        total, count = total * keep, count * keep
        means.append(total / count.clamp_min(1))
        total, count = total + now, count + 1
    return torch.stack(means)


def aligned(mine: Tensor, others: Tensor, first: Tensor, beta: float, gamma: float, spite: float = 1.0) -> Tensor:
    """A*_t, [T, B], from my advantages and the sum of the others' [T, B]; see the head of this file."""
    past = past_mean(mine, first)
    return mine + beta * gamma * (past.clamp_min(0) + spite * past.clamp_max(0)) * others


class AdvantageAlignment(PolicyAgent):
    """A policy gradient that weighs the other's advantage by how well it fared itself."""

    Config = AdvantageAlignmentConfig
    needs_to_learn = frozenset({"joint"})
    owns = "side"
    learns = True
    config: AdvantageAlignmentConfig

    def build(self, seed: int) -> None:
        """The actor, its sparring partner, a critic for each side, and their optimisers."""
        spec, config = self.spec, self.config
        self.traces = config.recall == "traces" or (config.recall == "auto" and "matrix" not in spec.offers)
        self.actor, self.partner = (self._policy(self.seats[0], derive(seed, who)) for who in ("actor", "partner"))
        self.policies = dict.fromkeys(self.seats, self.actor)
        self.readers = {seat: self._policy(seat, 0) for seat in spec.seats}  # their features count, not their weights
        # the critics need no products of observation and traces, which come last among the features
        width = TracePolicy.plain_width if self.traces else partial(CategoricalPolicy.width, recall="none")
        self.shown = {seat: width(spec.seats[seat]) for seat in spec.seats}
        widths = [sum(self.shown.values()) + (len(spec.seats) if config.sparring else 0), config.hidden, 1]
        self.critics = {
            side: mlp_parameters(widths, seed=derive(seed, "critic", side), last_scale=0.01, device=self.device)
            for side in spec.sides()
        }
        self.actor_step = Adam(self.actor.parameters, config.lr)
        self.partner_step = Adam(self.partner.parameters, config.lr)
        self.critic_steps = {side: Adam(critic, config.critic_lr) for side, critic in self.critics.items()}

    def _policy(self, seat: str, seed: int) -> CategoricalPolicy:
        spec = self.spec.seats[seat]
        recall: Recall = "traces" if self.traces else "none"
        kind = TracePolicy if self.traces else CategoricalPolicy
        parameters = kind.initial_parameters(spec, recall, [self.config.hidden], seed=seed, device=self.device)
        return kind(parameters, spec, recall)

    def begin(self, seating: Seating) -> Memory:
        """The policy's memory; in training by itself also `lent` bool [B], True where the partner plays."""
        memory = self.actor.begin(seating)
        if seating.training and self.config.sparring and len(self.seats) == len(self.spec.seats):
            memory["lent"] = uniform(seating.seed, _LOT) < self.config.sparring
        return memory

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw from the actor, or from the partner where the seat is lent."""
        action, following = self.actor.act(timestep, memory)
        if "lent" in memory:
            other, _ = self.partner.act(timestep, memory)
            action = Action(torch.where(memory["lent"], other.value, action.value))
        return action, following

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """One step of the values, of the actor and, where it met its like, of the partner on the segment played."""
        config = self.config
        seen = {seat: self.readers[seat].features(trajectory) for seat, trajectory in joint.seats.items()}
        lent = {seat: _lent(trajectory) for seat, trajectory in joint.seats.items()}
        advantage, error = self.criticise(joint, seen, lent)
        scale = torch.stack(list(advantage.values())).std().clamp_min(1e-6)
        advantage = {seat: a / scale for seat, a in advantage.items()}
        weight, ours, partners = {}, {}, {}
        for seat in self.seats:
            others = [other for other in self.spec.seats if other != seat]
            theirs = sum((advantage[other] * ~lent[other] for other in others), torch.zeros_like(advantage[seat]))
            first = joint.seats[seat].timesteps.first[:-1]
            weight[seat] = aligned(advantage[seat], theirs, first, config.beta, config.gamma, config.spite)
            ours[seat] = ~lent[seat]
            partners[seat] = torch.stack([lent[seat], *(lent[other] for other in others)]).all(0)
        fallen = 1 + context.update / config.anneal if config.anneal else 1.0
        entropy = self._ascend(self.actor, self.actor_step, joint, seen, weight, ours, fallen)
        if any(bool(rows.any()) for rows in partners.values()):
            self._ascend(self.partner, self.partner_step, joint, seen, advantage, partners, fallen)
        return {"entropy": entropy, "value_error": error}

    def criticise(
        self, joint: JointTrajectory, seen: Mapping[str, Tensor], lent: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], float]:
        """Advantages [T, B] of all seats, and one step of the critics towards the returns seen.

        A seat's critic is shown what the seat sees and then, in the order of play, what the others see, and who of
        them is the partner. The mean squared error of the values is the second result.
        """
        seats = tuple(self.spec.seats)
        views = {seat: x[..., : self.shown[seat]] for seat, x in seen.items()}
        if self.config.sparring:
            for seat, x in views.items():
                views[seat] = torch.cat((x, lent[seat].float().view(1, -1, 1).expand(len(x), -1, -1)), dim=-1)
        phi = {side: leaves(critic) for side, critic in self.critics.items()}
        advantage: dict[str, Tensor] = {}
        loss = {side: torch.zeros((), device=self.device) for side in phi}
        for i, seat in enumerate(seats):
            side, steps = self.spec.seats[seat].side, joint.seats[seat].timesteps
            value = mlp(phi[side], torch.cat([views[other] for other in seats[i:] + seats[:i]], dim=-1)).squeeze(-1)
            advantage[seat] = advantages(steps, value, self.config.gamma, self.config.lambda_)
            missed = (value[:-1] - value[:-1].detach() - advantage[seat]) * playing(steps)
            loss[side] = loss[side] + missed.square().mean(1).sum()
        for side, step in self.critic_steps.items():
            step.descend(gradient(loss[side], phi[side]))
        error = sum(float(missed.detach()) for missed in loss.values())
        return advantage, error / len(seats) / len(next(iter(advantage.values())))

    def _ascend(
        self,
        policy: CategoricalPolicy,
        step: Adam,
        joint: JointTrajectory,
        seen: Mapping[str, Tensor],
        weight: Mapping[str, Tensor],
        rows: Mapping[str, Tensor],
        fallen: float,
    ) -> float:
        """A step along the mean over our seats' actions of weight [T, B] times log pi; returns the mean entropy.

        `rows` bool [B] says in which games of a seat the policy played and is to learn.
        """
        theta = leaves(policy.parameters)
        total, spread, count = (torch.zeros((), device=self.device) for _ in range(3))
        for seat in self.seats:
            mine, trajectory = rows[seat], joint.seats[seat]
            mask, counted = trajectory.timesteps.action_mask, playing(trajectory.timesteps)[:, mine]
            logits = masked(mlp(theta, seen[seat][:-1, mine]), None if mask is None else mask[:-1, mine])
            log_pi = logits.log_softmax(-1)
            praise = taken(log_pi, trajectory.actions.value[:, mine]) * weight[seat][:, mine]
            total = total + (praise * counted).sum()
            spread = spread + (entropy(log_pi) * counted).sum()
            count = count + counted.sum()
        value = (total + self.config.entropy / fallen * spread) / count.clamp_min(1)
        step.lr = self.config.lr / fallen
        step.descend({name: -g for name, g in gradient(value, theta).items()})
        return float((spread / count.clamp_min(1)).detach())

    def learning_state(self) -> State:
        """Actor, partner, critics and all optimisers."""
        state = self.acting_state() | self.actor_step.state("actor_step") | self.partner_step.state("partner_step")
        state |= {f"partner/{name}": p for name, p in self.partner.parameters.items()}
        for side, critic in self.critics.items():
            state |= {f"critic/{side}/{name}": p for name, p in critic.items()}
            state |= self.critic_steps[side].state(f"critic_step/{side}")
        return state


def _lent(trajectory: Trajectory) -> Tensor:
    """Bool [B]: True where a sparring partner filled the seat."""
    nowhere = torch.zeros_like(trajectory.timesteps.first[0])
    lent: Tensor = (trajectory.memory or {}).get("lent", nowhere)
    return lent
