"""Policy hill climbing and WoLF-PHC: Q-learning with a mixed policy that moves towards the greedy action.

Bowling and Veloso 2002, "Multiagent learning using a variable learning rate", Artificial Intelligence 136, the tables
of PHC and WoLF-PHC. Two of the learners of LOLA's tournament (Foerster et al. 2018, figure 4). After a transition from
s, with Q moved as in Q-learning:

    delta_sa = min(pi(s, a), delta / (A - 1))
    pi(s, a) <- pi(s, a) - delta_sa    where a is not argmax_b Q(s, b)
    pi(s, a) <- pi(s, a) + sum of the other delta_sb    where it is

PHC has one delta. WoLF-PHC ("win or learn fast") keeps the average policy, and is cautious where it wins:

    C(s) <- C(s) + 1
    avg(s, .) <- avg(s, .) + [pi(s, .) - avg(s, .)] / C(s)
    delta = delta_win  where sum_a pi(s, a) Q(s, a) > sum_a avg(s, a) Q(s, a)
    delta = delta_lose = lose * delta_win  elsewhere

While it trains it plays pi with probability 1 - epsilon and else a uniform action; frozen it plays pi.

Departures: step sizes fall with the time, as in the tournament's code: that of PHC's policy soon, as 1 / (20000 + t),
that of WoLF's hardly. The exploration that the paper leaves open is uniform with probability epsilon; the tournament's
code has none. Several copies in one cell at one step move Q by the mean of their errors and pi once, and what is
learned from a segment plays from the next segment on; with one copy and segments of one step it is the algorithm as
published.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from agents.parts.tabular import Rate, TabularAgent, TabularConfig, decayed, q_step
from agents.protocol import JointTrajectory, LearningContext, State
from arenas.settings import Amount, Range


@dataclass(frozen=True)
class PhcConfig(TabularConfig):
    """Settings of `phc`; the numbers are those of LOLA's published code."""

    delta: Rate = 5e-5  # step of the policy, which falls as 1 / (1 / delta + delta_decay t)
    delta_decay: Amount = 1.0  # see delta; 0: it stays


@dataclass(frozen=True)
class WolfPhcConfig(PhcConfig):
    """Settings of `wolf-phc`; the numbers are those of LOLA's published code."""

    delta: Rate = 0.01  # delta_win, which falls as 1 / (1 / delta + delta_decay t)
    delta_decay: Amount = 5e-5  # see delta; 0: it stays
    lose: Annotated[float, Range(1)] = 2.0  # delta_lose / delta_win


def climb(policy: Tensor, q: Tensor, delta: Tensor) -> None:
    """Move `policy` [R * S, A] in place towards the greedy action of `q` [R * S, A] by `delta` [R * S, 1]."""
    best = q.argmax(-1, keepdim=True)
    taken = torch.minimum(policy, delta / (policy.shape[-1] - 1)).scatter_(-1, best, 0.0)
    policy.sub_(taken).scatter_add_(-1, best, taken.sum(-1, keepdim=True))


class Phc(TabularAgent):
    """Policy hill climbing: Q-learning with a policy that moves in small steps."""

    Config = PhcConfig
    config: PhcConfig

    def build(self, seed: int) -> None:
        """Q, and a uniform policy."""
        super().build(seed)
        if self.actions < 2:
            raise ValueError(
                f"policy hill climbing chooses among actions, and {self.spec.name} has one in seat {self.seat}"
            )
        self.pi = torch.full_like(self.q, 1 / self.actions)

    def mixture(self) -> Tensor:
        """The mixed policy."""
        return self.pi

    @torch.no_grad()
    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """One step of Q and of the policy for every transition of the segment, in the order of time."""
        seen, q, pi = self.experience(joint), self.q.flatten(0, 1), self.pi.flatten(0, 1)
        step = seen.counted * decayed(self.config.delta, self.config.delta_decay, seen.clock)
        delta = q.new_zeros(len(step), len(q), 1)  # of every row at every step, 0 where nobody was there
        delta.squeeze(-1).scatter_reduce_(1, seen.row, step, "amax")
        errors = []
        for much, move in zip(delta, self.moves(seen), strict=True):
            errors.append(q_step(q, *move))
            climb(pi, q, self.speed(q, pi, much))
        return self.learned(seen, errors)

    def speed(self, q: Tensor, pi: Tensor, delta: Tensor) -> Tensor:
        """The step of the policy `pi` [R * S, 1], given `delta`, which is 0 where nobody was."""
        return delta

    def acting_state(self) -> State:
        """The mixed policy."""
        return {f"{self.seat}/policy": self.pi}


class WolfPhc(Phc):
    """WoLF: policy hill climbing, slowly while it wins and fast while it loses."""

    Config = WolfPhcConfig
    config: WolfPhcConfig

    def build(self, seed: int) -> None:
        """Q, the policy, its average, and the visits behind that."""
        super().build(seed)
        self.average = self.pi.clone()
        self.visits = torch.zeros_like(self.pi[..., :1])  # C, [R, S, 1]

    def speed(self, q: Tensor, pi: Tensor, delta: Tensor) -> Tensor:
        """`delta` where the policy beats its average by what Q says, `lose` times as much elsewhere."""
        average, visits, visited = self.average.flatten(0, 1), self.visits.flatten(0, 1), delta.sign()
        visits += visited
        average.lerp_(pi, visited / visits.clamp_min(1))
        winning = ((pi - average) * q).sum(-1, keepdim=True) > 0
        return torch.where(winning, delta, self.config.lose * delta)

    def learning_state(self) -> State:
        """The tables, the steps learned from, the average policy, and the visits behind it."""
        return {**super().learning_state(), f"{self.seat}/average": self.average, f"{self.seat}/visits": self.visits}
