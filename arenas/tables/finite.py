"""Games with finitely many positions whose rows all end at step T: played and valued through tables.

A game numbers its positions 0 .. S - 1 and its joint actions 0 .. J - 1, the first seat's action slowest, and says what
is seen, what is paid and where it goes on. A transition, number position * J + joint action, is all that a step needs,
so that a batch advances by a handful of table look-ups whatever the rules are.

Nothing is hidden in these games: the global state is what the first seat sees.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cached_property
from math import prod
from types import MappingProxyType
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from arenas.lockstep import Drawing
from arenas.protocol import Action, ArenaSpec, MemorylessPolicy, moment


class Lookup:
    """A function of whole numbers 0 .. n - 1 as a table, where the table is small enough to pay.

    Args:
        function: maps long [B] to [B, ...].
        n: how many numbers there are.
        device: where the table lives.
    """

    _LIMIT = 1 << 23  # elements in the table; beyond it the function is computed at each call

    def __init__(self, function: Callable[[Tensor], Tensor], n: int, device: str) -> None:
        self._function = function
        width = function(torch.zeros(1, dtype=torch.long, device=device)).numel()
        small = n * width <= self._LIMIT
        self._table = function(torch.arange(n, device=device)).contiguous() if small else None

    def __call__(self, index: Tensor) -> Tensor:
        """Values at `index` long [B]."""
        return self._function(index) if self._table is None else torch.index_select(self._table, 0, index)


class Chain(NamedTuple):
    """A game as a Markov chain over S positions, for exact values; E edges lead from transitions to positions."""

    start: Tensor  # float64 [S], the distribution of the first position
    transition: Tensor  # long [E]
    position: Tensor  # long [E]
    probability: Tensor  # float64 [E], of `position` given `transition`


class FiniteGame(Drawing):
    """Base of the games that are tables; a game's `build` calls `tabulate`.

    Attributes:
        action_names: what actions are called, where they have names.
        common: what each group of seats knows in common at every position, float32 [S, K].
    """

    common: Mapping[str, Tensor] = MappingProxyType({})
    action_names: ClassVar[tuple[str, ...]] = ()
    kept = ("position", "seed", "clock", "t", "autoreset")

    def state_names(self, seat: str) -> list[str]:
        """What each state is called that this seat tells apart, where it sees the number of one; by number here."""
        return [f"state {number}" for number in range(self.spec.seats[seat].observation[0])]

    def tabulate(self, spec: ArenaSpec, positions: int) -> None:
        """Make the tables of a game with these rules, where every seat chooses one of `actions`, and S positions."""
        self.spec = spec
        self._widths = [seat.actions for seat in spec.seats.values()]
        self._joint = prod(self._widths)
        self._view = Lookup(self._views, positions, self.device)
        self._reward = Lookup(self._pay, positions * self._joint, self.device)
        self._lay_out()

    @abstractmethod
    def _views(self, position: Tensor) -> Tensor:
        """What every seat sees: float32 [n, N, *O] of positions long [n]."""

    @abstractmethod
    def _pay(self, transition: Tensor) -> Tensor:
        """What every seat is paid: float32 [n, N] of transitions long [n]."""

    @abstractmethod
    def _start(self) -> Tensor:
        """First positions of an episode, long [B], drawn from `_draw`."""

    @abstractmethod
    def _advance(self, transition: Tensor) -> Tensor:
        """Next positions, long [B]."""

    def _chain(self) -> Chain:
        """The whole game for `value`; asked for only where "value" is offered."""
        raise NotImplementedError

    def _open(self) -> None:
        self._position = self._start()

    def _play(self, actions: Mapping[str, Action]) -> Tensor:
        transition = self._position
        for seat, width in zip(self.spec.seats, self._widths, strict=True):
            transition = torch.add(actions[seat].value, transition, alpha=width)
        self._position = self._advance(transition)
        return self._reward(transition)

    def _look(self) -> tuple[Sequence[Tensor], Tensor]:
        views = self._view(self._position).unbind(1)
        return views, views[0].flatten(1)

    def _known(self) -> Mapping[str, Tensor]:
        return {group: known[self._position] for group, known in self.common.items()}

    def twin(self, batch_size: int) -> Self:
        """A fresh game of `batch_size` copies under the same rules; the tables, which nobody writes to, are shared."""
        twin = copy(self)
        twin.batch_size = batch_size
        twin._lay_out()
        return twin

    @cached_property
    def valued(self) -> tuple[Chain, Tensor, Tensor]:
        """The chain, the views at its positions [S, N, *O], and the pay of its transitions, float64 [S, J, N]."""
        chain = self._chain()
        n = len(chain.start)
        pay = self._pay(torch.arange(n * self._joint, device=self.device)).double()
        return chain, self._views(torch.arange(n, device=self.device)), pay.view(n, self._joint, -1)

    def value(
        self, policies: Mapping[str, MemorylessPolicy], *, steps: int | None = None, gamma: float | None = None
    ) -> dict[str, Tensor]:
        """Exact expected return float64 [R] of every seat; see `Arena.value`.

        The policies make a Markov chain of the game, v = r + gamma M v: solved directly for the infinite game, applied
        `steps` times for a finite one. Policies of one replica meet every replica of the others.
        """
        if "value" not in self.spec.offers:
            return super().value(policies, steps=steps, gamma=gamma)
        gamma = self.spec.gamma if gamma is None else gamma
        if steps is None and not gamma < 1:
            raise ValueError(f"{self.spec.name}: the infinite game needs a gamma below 1, got {gamma}; or give steps")
        chain, views, pay = self.valued
        n = len(chain.start)
        joint = self._joint_probabilities(policies, views)  # [R, S, J]
        flow = joint.flatten(1)[:, chain.transition] * chain.probability  # [R, E]
        arc = chain.transition // self._joint * n + chain.position
        move = flow.new_zeros(len(flow), n * n).index_add(1, arc, flow).view(-1, n, n)
        reward = torch.einsum("rsj,sjn->rsn", joint, pay)
        if steps is None:
            value = torch.linalg.solve(torch.eye(n, dtype=reward.dtype, device=self.device) - gamma * move, reward)
        else:
            value = torch.zeros_like(reward)
            for _ in range(steps):
                value = reward + gamma * (move @ value)
        return dict(zip(self.spec.seats, (chain.start @ value).unbind(-1), strict=True))

    def _joint_probabilities(self, policies: Mapping[str, MemorylessPolicy], views: Tensor) -> Tensor:
        """Probabilities float64 [R, n, J] of the joint actions at n positions with these views [n, N, *O]."""
        self.fitting_replicas(policies)
        n = len(views)
        joint = torch.ones(1, n, 1, dtype=torch.float64, device=self.device)
        for number, (seat, width) in enumerate(zip(self.spec.seats, self._widths, strict=True)):
            r = policies[seat].replicas
            seen = moment(torch.cat([views[:, number]] * r), width)
            own = policies[seat].probabilities(seen).double().view(r, n, width)
            joint = (joint.unsqueeze(-1) * own.unsqueeze(-2)).flatten(-2)
        return joint
