"""Independent Q-learning: every seat learns the values of its own actions and takes the others for part of the world.

Watkins and Dayan 1992, "Q-learning", equation 1; used by several agents at once by Tan 1993, "Multi-Agent
Reinforcement Learning: Independent vs. Cooperative Agents". One of the learners of LOLA's tournament (Foerster et al.
2018, figure 4), where it is called NL-Q.

    Q(s, a) <- Q(s, a) + alpha_t [r + gamma max_b Q(s', b) - Q(s, a)]

While it trains it plays the best action with probability 1 - epsilon and else a uniform one, or, with a `temperature`
T, by Boltzmann's distribution as Tan's hunters do; frozen it is greedy.

    pi(a | s) = exp(Q(s, a) / T) / sum_b exp(Q(s, b) / T)

`share` is Tan's cooperation (sections 5 and 6) of the seats of one side, which are alike:

    policy     every table learns from what all of them did, so that those
               that begin alike (init=0) stay one and the same
    episodes   where another's episode ends with a reward above 0, it is
               gone through once more from its beginning, and learned from

His third kind, shared sensation, is what a seat sees, and so a matter of the game: `sense=shared` in `hunter-prey`.

Departures: the step size falls with the time and not with the visits of a cell, as in the tournament's code. That code
takes the other of two actions with probability epsilon, here a uniform one is drawn. Several copies in one cell at one
step move it by the mean of their errors, and the values learned from a segment play from the next segment on; with one
copy and segments of one step it is the algorithm as published. That matters: two of them in the iterated prisoner's
dilemma cooperate far more when they learn from whole episodes than when they learn from every step. Tan's hunters that
exchange and average their tables every so many steps are left out, as nobody is shown another's table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from agents.parts.policies.table import draw_within, rows_now
from agents.parts.tabular import Experience, TabularAgent, TabularConfig, greedy, q_step
from agents.protocol import CannotLearn, JointTrajectory, LearningContext, Memory, State
from arenas.protocol import Action, TimeStep
from arenas.settings import Amount

_LARGE = 500  # states


@dataclass(frozen=True)
class IndependentQConfig(TabularConfig):
    """Settings of `independent-q`; the numbers are those of LOLA's published code."""

    share: Literal["none", "episodes", "policy"] = "none"  # what it learns from beside its own steps, see above
    temperature: Amount = 0.0  # T of Boltzmann's distribution while it trains (Tan 0.4); 0: epsilon instead


class IndependentQ(TabularAgent):
    """A tabular Q-learner that looks at its own seat alone, unless it shares."""

    Config = IndependentQConfig
    needs = frozenset({"discrete", "one-hot"})
    arrived = frozenset({"share", "temperature"})
    config: IndependentQConfig

    def build(self, seed: int) -> None:
        """A table, and what others have told of episodes that still run."""
        super().build(seed)
        mine = self.spec.seats[self.seat]
        self.others = [name for name, seat in self.spec.seats.items() if seat.side == mine.side and name != self.seat]
        if self.config.share != "none" and not self.others:
            raise ValueError(
                f"share={self.config.share} is with other seats of one's side, and {self.seat} has none in"
                f" {self.spec.name}: leave it out"
            )
        self.told: dict[str, Tensor] = {}  # another seat -> its last steps, float64 [7, n, B]

    def mixture(self) -> Tensor:
        """The action of the highest value."""
        return greedy(self.q)

    def _probabilities(self, training: bool) -> Tensor:
        return self._explored(self.q, training)

    def _explored(self, q: Tensor, training: bool) -> Tensor:
        """What it plays where actions are worth `q` [..., A]."""
        if training and self.config.temperature:
            drawn: Tensor = (q / self.config.temperature).softmax(-1)
            return drawn
        best, epsilon = greedy(q), self.config.epsilon
        return (1 - epsilon) * best + epsilon / self.actions if training and epsilon else best

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw from the table; of a large one that changes all the time only the rows are made that are needed."""
        training = memory["training"]
        if training not in self._bounds and self.states > _LARGE:
            q = self.q.flatten(0, 1).index_select(0, rows_now(timestep, memory))
            return draw_within(self._explored(q, training).cumsum(-1)[:, :-1], memory)
        return super().act(timestep, memory)

    @torch.no_grad()
    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """One step of Q-learning for every transition of the segment, in the order of time; and what is shared."""
        if self.config.share != "none" and not joint.seats.keys() >= set(self.others):
            raise CannotLearn(f"share={self.config.share} needs 'joint', to see what the other seats did")
        seen, q = self.experience(joint), self.q.flatten(0, 1)
        if self.config.share == "policy":
            seen = self._together(joint, seen)
        metrics = self.learned(seen, [q_step(q, *move) for move in self.moves(seen)])
        if self.config.share == "episodes":
            for other in self.others:
                for episode in self._ended_well(other, joint, seen.clock):
                    for move in self.moves(episode):
                        q_step(q, *move)
        return metrics

    def _together(self, joint: JointTrajectory, seen: Experience) -> Experience:
        """What all seats of our side did, step by step, at every step in the order of the seats: leaves [T N, B]."""
        of = {seat: self.lived(joint, seat, seen.clock) for seat in self.others} | {self.seat: seen}
        ordered = [of[seat] for seat in self.spec.seats if seat in of]
        return Experience(*(torch.stack(leaves, dim=1).flatten(0, 1) for leaves in zip(*ordered, strict=True)))

    def _ended_well(self, other: str, joint: JointTrajectory, clock: Tensor) -> list[Experience]:
        """Another's episodes that ended in this segment with a reward above 0, from their beginnings."""
        lived, first = self.lived(joint, other, clock), joint.seats[other].timesteps.first[:-1]
        new = torch.stack([leaf.double() for leaf in (*lived[:-1], first)])
        kept = torch.cat([self.told[other], new], dim=1) if other in self.told else new
        row, following, action, reward, discount, counted, begins = kept.unbind(0)
        steps = torch.arange(len(row), device=row.device).unsqueeze(1)
        begun = torch.where(begins.bool(), steps, 0).cummax(0).values  # [n, B], where the running episode began
        well = (reward > 0) & (discount == 0) & counted.bool()
        found = []
        for t in range(len(row) - len(first), len(row)):
            if bool(well[t].any()):
                start = int(begun[t][well[t]].min())
                span = slice(start, t + 1)
                on = counted[span] * well[t] * (steps[span] >= begun[t])
                whole = (row[span].long(), following[span].long(), action[span].long(), reward[span], discount[span])
                found.append(Experience(*whole, on, clock[-1].expand(t + 1 - start, -1)))
        least = int(torch.where(well[-1], len(row), begun[-1]).min())
        self.told[other] = kept[:, max(least, len(row) - self.spec.max_steps) :].clone()
        return found

    def learning_state(self) -> State:
        """The tables, the number of steps learned from, and what others have told of episodes that still run."""
        told = {f"{self.seat}/told by {other}": steps for other, steps in self.told.items() if steps.numel()}
        return super().learning_state() | told

    def load_learning_state(self, state: State) -> None:
        """Take over all of it; the episodes are as long as they are."""
        told = {other: state.get(f"{self.seat}/told by {other}") for other in self.others}
        self.told = {other: steps.clone().to(self.device) for other, steps in told.items() if steps is not None}
        super().load_learning_state(state)
