"""REINFORCE: every seat climbs the gradient of its own return, with nothing but the returns that it saw.

Williams 1992, "Simple statistical gradient-following algorithms for connectionist reinforcement learning", episodic
REINFORCE (section 4 and theorem 2, applied from each time step on); a baseline of Lowe et al. 2017.

    theta_i <- theta_i + alpha sum_t grad log pi_i(a_t | o_t) (G_t - b)
    G_t = sum_{k >= t} gamma^(k - t) r_{k+1}

The baseline b is a moving average of the returns G (reinforcement comparison); there is none by default.

Where a segment ends before its episode does, G_t is the return within the segment: nothing is bootstrapped, as there is
nothing that knows the rest, and what came after is ignored. Train it with segments of a whole episode
(`--length episode`), where that makes no difference.

`naive` is another policy gradient with the same objective: there one object per seat, one hidden layer, recollection of
rewards, and advantages from a critic. Here one object owns all its seats and evaluates their networks together, and a
policy sees the present alone, as in the paper on MADDPG that this is a baseline of.

Departures: Adam instead of plain ascent, gradients clipped; all steps count alike, not by gamma^t from the episode's
start; an entropy bonus that is off by default. A round may be learned from in `parts`, a group of games after another:
all but the first group were then played by a policy that is up to `parts` - 1 steps old, which no ratio corrects.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from agents.naive import objective
from agents.parts.gradients import gradient, leaves
from agents.parts.logits import entropy, masked, taken
from agents.parts.optimizers import Adam
from agents.parts.policies.categorical import CategoricalPolicy
from agents.parts.policies.deterministic import sizes
from agents.parts.policy_agent import PolicyAgent
from agents.parts.returns import advantages
from agents.parts.segments import Segment, across, together
from agents.parts.team import Team
from agents.protocol import JointTrajectory, LearningContext, Memory, Seating, State
from agents.randomness import derive
from arenas.protocol import TimeStep
from arenas.settings import Amount, Checked, Count, Positive, Share, ShareOrNone


@dataclass(frozen=True)
class PolicyGradientConfig(Checked):
    """Settings of the independent policy gradients."""

    lr: Amount = 0.003  # Adam's step size of the policies; ours
    gamma: ShareOrNone = None  # discount per step; none: the arena's (Lowe et al. 0.95)
    entropy: Amount = 0.0  # weight of the policy's entropy (nats), beside returns in units of reward
    parts: Count = 1  # groups of games in a round, each of which makes one step
    clip: Positive = 0.5  # largest norm of each tensor's gradient (Lowe et al.)
    hidden: Count = 64  # units in each of the two hidden layers (Lowe et al.)


@dataclass(frozen=True)
class ReinforceConfig(PolicyGradientConfig):
    """Settings of `reinforce`."""

    baseline: Share = 0.0  # what is kept of the moving average of returns at each step; 0: no baseline


def returns(timesteps: TimeStep, gamma: float) -> Tensor:
    """G_t [T, ...] within the episode and the segment, 0 where the action did not count."""
    return advantages(timesteps, torch.zeros_like(timesteps.reward), gamma, 1.0)


class PolicyGradient(PolicyAgent):
    """A policy gradient for all the seats that it owns; what an action is praised for is left to `credit`.

    Shapes: T steps, N seats, B copies, A actions of the seat that has most.
    """

    owns = "all"
    learns = True
    config: Any

    def build(self, seed: int) -> None:
        """A policy for each own seat, and their optimiser."""
        self.gamma = self.spec.gamma if self.config.gamma is None else self.config.gamma
        layers = [sizes(self.spec.seats[s], [self.config.hidden, self.config.hidden]) for s in self.seats]
        self.actors = Team(layers, [derive(seed, "actor", s) for s in self.seats], last_scale=0.01, device=self.device)
        self.actor_step = Adam(self.actors.parameters, self.config.lr, clip=self.config.clip)
        self.policies = {s: CategoricalPolicy(self.actors.of(n), self.spec.seats[s]) for n, s in enumerate(self.seats)}

    def begin(self, seating: Seating) -> Memory:
        """The policy's memory, and the number of the seat among ours."""
        return self.policies[seating.seat].begin(seating) | {"seat": self.seats.index(seating.seat)}

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """One step of all seats' policies for each part of the round."""
        metrics: dict[str, float] = {}
        for part in together(joint, self.seats).parts(self.config.parts):
            credit, metrics = self.credit(part)
            theta = leaves(self.actors.parameters)
            scores = across(theta, part.timesteps.observation[:-1])
            log_pi = masked(scores, part.legal[:-1]).log_softmax(-1)
            value = objective(taken(log_pi, part.actions), credit)
            spread = entropy(log_pi) * part.counted
            value = value + self.config.entropy * spread.sum(0).mean()
            # the mean is over the games of all seats, each of which only moves its own parameters
            self.actor_step.descend(gradient(-len(self.seats) * value, theta))
            metrics["entropy"] = float((spread.sum() / part.counted.sum().clamp_min(1)).detach())
        return metrics

    @abstractmethod
    def credit(self, segment: Segment) -> tuple[Tensor, dict[str, float]]:
        """What each action is praised for [T, N, B], 0 where it did not count, and metrics."""

    def learning_state(self) -> State:
        """Policies and their optimiser."""
        return self.acting_state() | self.actors.state("actor") | self.actor_step.state("actor_step")


class Reinforce(PolicyGradient):
    """REINFORCE: the policy gradient with the returns that were seen, and no critic."""

    Config = ReinforceConfig
    config: ReinforceConfig

    def build(self, seed: int) -> None:
        """Policies, and the averages of the seats' returns."""
        super().build(seed)
        self.average = torch.zeros(len(self.seats), 1, device=self.device)  # of each seat's returns

    def credit(self, segment: Segment) -> tuple[Tensor, dict[str, float]]:
        """Returns less the baseline, which then moves."""
        gained = returns(segment.timesteps, self.gamma)
        counts = segment.counted.sum((0, 2)).clamp_min(1)
        mean = gained.sum((0, 2)) / counts
        if not self.config.baseline:
            return gained, {"return": float(mean.mean())}
        praise = (gained - self.average) * segment.counted
        self.average.lerp_(mean.unsqueeze(1), 1 - self.config.baseline)
        return praise, {"return": float(mean.mean())}

    def learning_state(self) -> State:
        """Policies, their optimiser, and the average of returns."""
        return super().learning_state() | {"average": self.average}
