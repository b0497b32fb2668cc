"""Joint action learner: it learns the values of joint actions, counts what the other does, and replies best to that.

Claus and Boutilier 1998, "The Dynamics of Reinforcement Learning in Cooperative Multiagent Systems", section 3: Q of
joint actions, and the empirical distribution of the other's actions as in fictitious play. One of the learners of
LOLA's tournament (Foerster et al. 2018, figure 4), where it is called JAL-Q. With own action a, the other's b, and the
counts C(s, b):

    EV(s, a)   = sum_b Q(s, a, b) C(s, b) / sum_c C(s, c)
    Q(s, a, b) <- Q(s, a, b)
                  + alpha_t [r + gamma max_c EV(s', c) - Q(s, a, b)]

While it trains it plays the action of the highest EV with probability 1 - epsilon and else a uniform one; frozen it
plays the action of the highest EV.

Departures: the paper's games have no states; here values and counts are kept for each state, and the next state is
worth what the best reply to the counts earns there. Exploration is epsilon-greedy as in the tournament's code, the
paper's is Boltzmann's. Where nothing has been seen yet, all actions of the other are equally likely. A transition
counts for the distribution after it has moved Q. The step size falls with the time and not with the visits of a cell.
Several copies in one cell at one step move it by the mean of their errors, each of them is counted, and what is learned
from a segment plays from the next segment on; with one copy and segments of one step it is the online algorithm.
"""

from __future__ import annotations

import torch
from torch import Tensor

from agents.parts.tabular import TabularAgent, TabularConfig, greedy
from agents.protocol import JointTrajectory, LearningContext, State

_UNSEEN = 1e-12  # the count that every action begins with, so that an unseen state is uniform


def expected(q: Tensor, counts: Tensor) -> Tensor:
    """EV [..., A] of own actions from Q [..., A, O] and counts [..., O] of the other's O actions."""
    return (q * counts.unsqueeze(-2)).sum(-1) / counts.sum(-1, keepdim=True)


class JalQ(TabularAgent):
    """A tabular Q-learner of joint actions that counts what the other does."""

    Config = TabularConfig
    needs_to_learn = frozenset({"joint"})
    config: TabularConfig

    def build(self, seed: int) -> None:
        """Q of joint actions, and counts of what the other does."""
        (self.other,) = (seat for seat in self.spec.seats if seat not in self.seats)
        self.replies = self.spec.seats[self.other].actions
        super().build(seed)
        shape = (self.replicas, self.states, self.replies)
        self.counts = torch.full(shape, _UNSEEN, dtype=torch.float64, device=self.device)

    def q_shape(self) -> tuple[int, ...]:
        """[S, A, O]."""
        return (self.states, self.actions, self.replies)

    def mixture(self) -> Tensor:
        """The best reply to the frequencies of what the other did."""
        return greedy(expected(self.q, self.counts))

    @torch.no_grad()
    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """One step of Q and of the counts for every transition of the segment, in the order of time."""
        seen, q, counts = self.experience(joint), self.q.flatten(0, 1), self.counts.flatten(0, 1)
        reply = joint.seats[self.other].actions.value
        cell = (seen.row * self.actions + seen.action) * self.replies + reply
        count = seen.row * self.replies + reply
        rate = self.rate(seen, cell, q.numel())
        leaves = (cell, count, seen.following, seen.reward, seen.discount, rate, seen.counted)
        flat, flat_counts, errors = q.view(-1), counts.view(-1), []
        for here, met, following, reward, discount, step, one in zip(*leaves, strict=True):
            best = expected(q.index_select(0, following), counts.index_select(0, following)).amax(-1)
            error = torch.addcmul(reward, discount, best) - flat.index_select(0, here)
            flat.index_add_(0, here, step * error)
            flat_counts.index_add_(0, met, one)
            errors.append(error)
        return self.learned(seen, errors)

    def acting_state(self) -> State:
        """Q and the counts."""
        return {**super().acting_state(), f"{self.seat}/counts": self.counts}
