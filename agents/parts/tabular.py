"""What learners with tables share: Q of one-hot observations, its step size and its update, and how they act.

Shapes: T steps, B copies, R replicas, S states (indices of the one-hot observation), A own actions. Tables carry a
leading R; flat ones are [R * S, A], and a cell is row * A + action.

A segment is learned from transition by transition in the order of time. Where several copies of a replica were in the
same cell at the same step, the cell moves by the mean of their errors; with one copy this is the online algorithm.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import torch
from torch import Tensor

from agents.parts.policies.table import TablePolicy, begin, bounds, draw, table_rows
from agents.protocol import Agent, JointTrajectory, Memory, Seating, State, playing
from agents.randomness import derive, generator
from arenas.protocol import Action, TimeStep
from arenas.settings import Amount, Checked, Range, Share

#: The first of step sizes that fall.
Rate = Annotated[float, Range(0, 1, "(]")]


@dataclass(frozen=True)
class TabularConfig(Checked):
    """Settings of every learner with a table of action values; the numbers are those of LOLA's published code."""

    alpha: Rate = 0.01  # step size of Q, which falls as 1 / (1 / alpha + alpha_decay t) with the steps t learned from
    alpha_decay: Amount = 1e-4  # see alpha; 0: it stays
    epsilon: Share = 0.05  # how often it draws an action uniformly while it trains
    gamma: Share = 0.96  # discount per step
    init: Amount = 1.0  # standard deviation of the first Q around 0


class Experience(NamedTuple):
    """A segment as a table reads it; leaves [T, B]."""

    row: Tensor  # long, replica * S + state
    following: Tensor  # long, the row of the next state
    action: Tensor  # long
    reward: Tensor  # float64
    discount: Tensor  # float64, gamma times the arena's: 0 after a termination, not after a cut by time
    counted: Tensor  # float64, 1 where the transition is one, 0 between episodes and where the seat was inactive
    clock: Tensor  # long, 1, 2, ...: the steps that the replica has learned from, this one included


def decayed(first: float, growth: float, clock: Tensor) -> Tensor:
    """Step size 1 / (1 / first + growth * clock)."""
    return 1 / (1 / first + growth * clock)


def share(cell: Tensor, counted: Tensor, cells: int) -> Tensor:
    """Weight [T, B] of each copy in the mean of those that were in its `cell` [T, B] at the same step."""
    together = counted.new_zeros(len(cell), cells).scatter_add_(1, cell, counted)
    return counted / together.gather(1, cell).clamp_min(1)


def greedy(values: Tensor) -> Tensor:
    """Probabilities [..., A] of the best action, the lowest index where several are."""
    return torch.zeros_like(values).scatter_(-1, values.argmax(-1, keepdim=True), 1.0)


def q_step(q: Tensor, cell: Tensor, following: Tensor, reward: Tensor, discount: Tensor, rate: Tensor) -> Tensor:
    """One step of Q-learning in place on `q` [R * S, A]; the rest is [B]. Returns the errors [B].

    Q(s, a) <- Q(s, a) + alpha [r + gamma max_b Q(s', b) - Q(s, a)]   (Watkins and Dayan 1992, equation 1)
    """
    flat = q.view(-1)
    best = q.index_select(0, following).amax(-1)
    error = torch.addcmul(reward, discount, best) - flat.index_select(0, cell)
    flat.index_add_(0, cell, rate * error)
    return error


class TabularAgent(Agent):
    """A learner of one seat with a table of action values.

    While it trains (`Seating.training`) it plays `mixture` with probability 1 - epsilon and else a uniform action;
    otherwise it plays `mixture`.
    """

    needs = frozenset({"discrete", "matrix"})
    learns = True
    replicated = True
    config: Any

    def build(self, seed: int) -> None:
        """A table of random values for each replica."""
        (self.seat,) = self.seats
        (self.states,) = self.spec.seats[self.seat].observation
        self.actions = self.spec.seats[self.seat].actions
        shape = self.q_shape()
        tables = [
            torch.randn(shape, dtype=torch.float64, generator=generator(derive(seed, "replica", r)))
            for r in range(self.replicas)
        ]
        self.q = self.config.init * torch.stack(tables).to(self.device)
        self.clock = torch.zeros(self.replicas, dtype=torch.long, device=self.device)  # steps learned from
        self._bounds: dict[bool, Tensor] = {}

    def q_shape(self) -> tuple[int, ...]:
        """Shape of one replica's Q."""
        return (self.states, self.actions)

    @abstractmethod
    def mixture(self) -> Tensor:
        """What it holds for best: action probabilities [R, S, A]."""

    def _probabilities(self, training: bool) -> Tensor:
        """What it plays, with exploration or without, [R, S, A]."""
        best, epsilon = self.mixture(), self.config.epsilon
        return (1 - epsilon) * best + epsilon / self.actions if training and epsilon else best

    def begin(self, seating: Seating) -> Memory:
        """The memory of a table (`agents.parts.policies.table.begin`), and whether to explore."""
        return {**begin(seating, self.states, self.replicas), "training": seating.training}

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw from the table, which is made again after every change."""
        training = memory["training"]
        if training not in self._bounds:
            self._bounds[training] = bounds(self._probabilities(training))
        return draw(self._bounds[training], timestep, memory)

    def policy(self, seat: str) -> TablePolicy:
        """What it plays, as a table: with exploration once it has learned something, until then without.

        So peers see what a learner plays; and as a checkpoint holds what plays and no trace of learning, an agent made
        from one shows the policy that it is frozen to.
        """
        return TablePolicy.of(self._probabilities(bool(self.clock.any())))

    def experience(self, joint: JointTrajectory) -> Experience:
        """Our segment as the tables read it; this counts the steps."""
        counted = playing(joint.seats[self.seat].timesteps).double()
        passed = counted.view(len(counted), self.replicas, -1).amax(-1).long().cumsum(0)  # [T, R]
        clock = (self.clock + passed).repeat_interleave(counted.shape[1] // self.replicas, dim=1)
        self.clock += passed[-1]
        return self.lived(joint, self.seat, clock)

    def lived(self, joint: JointTrajectory, seat: str, clock: Tensor) -> Experience:
        """The segment of a seat like ours as the tables would read it, at `clock` [T, B]."""
        steps, actions = joint.seats[seat].timesteps, joint.seats[seat].actions
        rows, counted = table_rows(steps.observation, self.replicas), playing(steps).double()
        discount = self.config.gamma * steps.discount[1:].double()
        return Experience(rows[:-1], rows[1:], actions.value, steps.reward[1:].double(), discount, counted, clock)

    def moves(self, seen: Experience) -> Iterator[tuple[Tensor, ...]]:
        """What `q_step` needs to learn from a segment beside Q, step by step."""
        cell = seen.row * self.actions + seen.action
        return zip(cell, seen.following, seen.reward, seen.discount, self.rate(seen, cell, self.q.numel()), strict=True)

    def rate(self, seen: Experience, cell: Tensor, cells: int) -> Tensor:
        """What of a copy's error its cell takes [T, B]: the step size, shared among the copies that are there."""
        alone = cell.shape[1] == self.replicas  # one copy each: nobody to share a cell with
        part = seen.counted if alone else share(cell, seen.counted, cells)
        return decayed(self.config.alpha, self.config.alpha_decay, seen.clock) * part

    def learned(self, seen: Experience, errors: list[Tensor]) -> dict[str, float]:
        """Let the changed tables play; returns the metrics."""
        self._bounds = {}
        wrong = float((torch.stack(errors).abs_() * seen.counted).sum()) / max(1.0, float(seen.counted.sum()))
        return {
            "td_error": wrong,
            "alpha": 1 / (1 / self.config.alpha + self.config.alpha_decay * int(self.clock.max())),
        }

    def acting_state(self) -> State:
        """The table that plays."""
        return {f"{self.seat}/q": self.q}

    def load_acting_state(self, state: State) -> None:
        """Take over the table; what it plays is computed anew."""
        super().load_acting_state(state)
        self._bounds = {}

    def learning_state(self) -> State:
        """The tables and the number of steps learned from."""
        return {**self.acting_state(), f"{self.seat}/q": self.q, f"{self.seat}/clock": self.clock}

    def load_learning_state(self, state: State) -> None:
        """Take over all tables; what they play is computed anew."""
        super().load_learning_state(state)
        self._bounds = {}
