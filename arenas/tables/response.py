"""Exact best responses to fixed policies in games that are tables, and what a seat can secure against everybody.

Where all seats but some follow fixed policies of finite memory, the rest face a Markov decision process whose states
are the game's position together with what the fixed policies remember. It is solved by policy iteration (Howard 1960),
each policy valued by a linear system in float64. The objective is any linear combination of the seats' returns, so
that one solver gives the best response, the worst that can be done to somebody, and the widest gap between two.

Values are per step, (1 - gamma) times the expected discounted return of the infinite game from its start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from arenas.protocol import TimeStep, ValuedPolicy, moment
from arenas.tables.finite import FiniteGame

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]

_DENSE = 2000  # states up to which a linear system is solved directly; beyond, its sparse form is iterated
_TIE = 1e-10  # relative to the largest value: what differs by less is equal


class FinitePolicy(ValuedPolicy, Protocol):
    """What is asked of a fixed policy: a finite automaton of one replica, driven by the time steps of its seat."""

    @property
    def states(self) -> int:
        """Number of states of its memory: 1 without any, 0 where they cannot be listed."""
        ...

    def remember(self, state: Tensor, timestep: TimeStep) -> Tensor:
        """The states long [B] in which it acts on this time step, when it acted on the one before in `state` [B]."""
        ...

    def probabilities_in(self, state: Tensor, timestep: TimeStep) -> Tensor:
        """Action probabilities [B, A] in `state`, which has taken the time step in."""
        ...


def can_be_fixed(policy: FinitePolicy | None) -> bool:
    """Whether exact responses to a policy can be computed."""
    return policy is not None and policy.states > 0 and policy.replicas == 1


@dataclass(frozen=True)
class Response:
    """An optimal way to play against fixed policies; `per_step` is what every seat then earns."""

    per_step: dict[str, float]
    objective: float  # per step
    choice: Whole  # [X], the free seats' joint action in every state


class Control:
    """What the seats without a fixed policy can bring about: X states, A joint actions of theirs, N seats.

    State number = position * K + memory, K the number of joint memories of the fixed policies.

    Args:
        game: a game that offers "value".
        fixed: seat -> its policy; the other seats are free and act together.
        gamma: discount per step, below 1; None takes the game's own.

    Raises:
        ValueError: the game has no table, a policy has no finite memory or several replicas, or gamma is 1.
    """

    def __init__(self, game: FiniteGame, fixed: Mapping[str, FinitePolicy], gamma: float | None = None) -> None:
        spec = game.spec
        self.gamma = spec.gamma if gamma is None else gamma
        if "value" not in spec.offers or not self.gamma < 1:
            raise ValueError(f"{spec.name}: an exact response needs a game that offers value, and a gamma below 1")
        for seat, policy in fixed.items():
            if not can_be_fixed(policy):
                raise ValueError(f"{spec.name}: the policy of {seat} is not a finite automaton of one replica")
        self.seats = tuple(spec.seats)
        self.free = tuple(seat for seat in self.seats if seat not in fixed)
        chain, views, paid = game.valued
        pay: Floats = paid.cpu().numpy()  # [S, J, N]
        n, joint, _ = pay.shape
        widths = [spec.seats[seat].actions for seat in self.seats]
        actions = dict(zip(self.seats, np.unravel_index(np.arange(joint), widths), strict=True))
        free_widths = [spec.seats[seat].actions for seat in self.free]
        self.actions = prod(free_widths)
        mine = np.zeros(joint, dtype=np.int64)  # joint action -> number among those of the free seats
        for seat, width in zip(self.free, free_widths, strict=True):
            mine = mine * width + actions[seat]

        transition, arrival = chain.transition.cpu().numpy(), chain.position.cpu().numpy()
        weight = np.ones((1, n, joint))  # [K, S, J], probability of the fixed seats' part of the joint action
        following = np.zeros((1, len(arrival)), dtype=np.int64)  # [K, E]
        begin = np.zeros(n, dtype=np.int64)  # [S]
        for seat in (s for s in self.seats if s in fixed):
            number, states = self.seats.index(seat), fixed[seat].states
            reward = paid[..., number].flatten()[chain.transition]
            plays, after, first = _automaton(fixed[seat], views[:, number], widths[number], chain.position, reward)
            weight = (weight[:, None] * plays[None, :, :, actions[seat]]).reshape(-1, n, joint)
            following = (following[:, None] * states + after[None]).reshape(len(weight), -1)
            begin = begin * states + first
        k = len(weight)
        self.states = n * k
        memory = np.arange(k)[:, None]
        rows = (transition // joint * k + memory) * self.actions + mine[transition % joint]
        columns = arrival * k + following
        flow = chain.probability.cpu().numpy() * weight.reshape(k, -1)[:, transition]
        used = flow > 0
        shape = (self.states * self.actions, self.states)
        self.move = sparse.csr_matrix((flow[used], (rows[used], columns[used])), shape=shape)
        earned = weight.transpose(1, 0, 2)[..., None] * pay[:, None]  # [S, K, J, N]
        self.pay = np.zeros((self.states, self.actions, len(self.seats)))  # [X, A, N]
        for j in range(joint):
            self.pay[:, mine[j]] += earned[:, :, j].reshape(self.states, -1)
        self.start = np.zeros(self.states)
        np.add.at(self.start, np.arange(n) * k + begin, chain.start.cpu().numpy())

    def best(self, *objectives: Mapping[str, float]) -> Response:
        """The optimal response by the first objective; ties are broken by the second, and so on.

        Args:
            objectives: seat -> the weight of its return; seats that are left out weigh nothing.
        """
        allowed: Mask = np.ones((self.states, self.actions), dtype=bool)
        first: float | None = None
        choice: Whole = np.zeros(self.states, dtype=np.int64)
        for objective in objectives:
            reward = self.pay @ np.array([objective.get(seat, 0.0) for seat in self.seats])
            choice, value = best_choice(self.move, reward, self.gamma, allowed)
            gain = reward + self.gamma * (self.move @ value).reshape(reward.shape)
            allowed = allowed & (gain >= value[:, None] - tie(value))
            first = float(self.start @ value) if first is None else first
        return Response(self.of(choice), (1 - self.gamma) * (first or 0.0), choice)

    def of(self, choice: Whole) -> dict[str, float]:
        """What every seat earns per step where the free seats act by `choice` [X]."""
        states = np.arange(self.states)
        value = discounted(self.move[states * self.actions + choice], self.pay[states, choice], self.gamma)
        return dict(zip(self.seats, ((1 - self.gamma) * (self.start @ value)).tolist(), strict=True))

    def within(self, steps: int, objective: Mapping[str, float]) -> float:
        """The largest undiscounted objective per step that can be had in an episode of `steps` steps."""
        reward = self.pay @ np.array([objective.get(seat, 0.0) for seat in self.seats])
        value = np.zeros(self.states)
        for _ in range(steps):
            value = (reward + (self.move @ value).reshape(reward.shape)).max(1)
        return float(self.start @ value) / steps


@torch.no_grad()
def _automaton(
    policy: FinitePolicy, views: Tensor, width: int, position: Tensor, reward: Tensor
) -> tuple[Floats, Whole, Whole]:
    """A policy of k states, with `width` actions, as tables over the S positions; its seat sees them as `views`.

    Returns:
        Its probabilities [k, S, A], each row adding up to 1 in double precision; its state [k, E] on arriving at
        `position` [E] with `reward` [E]; and its state [S] where an episode begins.
    """
    seen, start = moment(views, width), moment(views, width, first=True)
    arrived = moment(views[position], width, reward.float())

    def held(state: int, where: TimeStep) -> Tensor:
        return torch.full_like(where.reward, state).long()

    plays = torch.stack([policy.probabilities_in(held(k, seen), seen).double() for k in range(policy.states)])
    after = torch.stack([policy.remember(held(k, arrived), arrived) for k in range(policy.states)])
    table, first = plays.cpu().numpy(), policy.remember(held(0, start), start).cpu().numpy()
    return table / table.sum(-1, keepdims=True), after.cpu().numpy(), first


def discounted(move: sparse.csr_matrix, reward: Floats, gamma: float) -> Floats:
    """V = reward + gamma move v, for rewards [X] or [X, N]."""
    n = len(reward)
    if n <= _DENSE:
        return np.asarray(np.linalg.solve(np.eye(n) - gamma * move.toarray(), reward))
    value = reward
    while True:
        ahead = reward + gamma * (move @ value)
        if np.abs(ahead - value).max() <= 1e-14 * max(1.0, np.abs(ahead).max()):
            return np.asarray(ahead)
        value = ahead


def best_choice(
    move: sparse.csr_matrix, reward: Floats, gamma: float, allowed: Mask | None = None
) -> tuple[Whole, Floats]:
    """Policy iteration among the allowed actions [X, A]: the best choice [X] and its value [X].

    Args:
        move: [X * A, X], where each action leads.
        reward: [X, A].
        gamma: discount per step.
        allowed: [X, A]; None allows all.
    """
    states = np.arange(len(reward))
    barred = 0.0 if allowed is None else np.where(allowed, 0.0, -np.inf)
    choice = (reward + barred).argmax(1)
    while True:
        value = discounted(move[states * reward.shape[1] + choice], reward[states, choice], gamma)
        gain = reward + gamma * (move @ value).reshape(reward.shape) + barred
        better = gain.max(1) > gain[states, choice] + tie(value)
        if not better.any():
            return choice, value
        choice = np.where(better, gain.argmax(1), choice)


def earned(game: FiniteGame, policies: Mapping[str, FinitePolicy], gamma: float | None = None) -> dict[str, float]:
    """What every seat earns per step where each follows a policy of finite memory; see `Control` for what is raised."""
    control = Control(game, policies, gamma)
    return control.of(np.zeros(control.states, dtype=np.int64))


def tie(value: Floats) -> float:
    """The difference below which two values are equal."""
    return _TIE * max(1.0, float(np.abs(value).max()))


def objectives(free: Sequence[str], fixed: Sequence[str], own: float, theirs: float) -> dict[str, float]:
    """Weights for `Control.best`: `own` times the free seats' mean return plus `theirs` times the fixed seats'."""
    return {s: own / len(free) for s in free} | {s: theirs / len(fixed) for s in fixed}
