"""The words that arenas and agents speak: seats, time steps, actions and the `Arena` itself.

Axes: T steps, B copies of the game played at once, N seats, A actions, D width of a continuous action, O observation,
M message, S global state, K common knowledge, R replicas. There is always a batch axis; there is no unbatched path.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from arenas.errors import ArenaError as ArenaError
from arenas.hands import Hands
from arenas.sketch import Sketch
from arenas.symmetries import Symmetry
from arenas.words import WORDS as WORDS

Kind = Literal["cooperative", "competitive", "mixed"]

#: What `Arena.faults` says of a seat, in the codes of the statuses that records keep.
DONE, INVALID = 0, 2


@dataclass(frozen=True)
class SeatSpec:
    """What one seat sees and does.

    `actions` is the number of discrete actions, 0 where the action is a vector of `action_dim` numbers in [-1, 1].
    Seats of one `team` share luck (and reward where the arena is cooperative). Seats of one `side` may be exchanged
    by rotation: a policy for one of them can sit in any other. `bounds` are the least and the greatest number that an
    observation may hold. `message_dim` is M, the number of bits that the seat may send at each step. `origin` says what
    observations and actions are in a foreign environment, where the seat is in one (`arenas.origin`).
    """

    observation: tuple[int, ...]
    actions: int
    action_dim: int = 0
    message_dim: int = 0
    team: str = ""
    side: str = "player"
    bounds: tuple[float, float] = (-math.inf, math.inf)
    origin: str = ""


@dataclass(frozen=True)
class ArenaSpec:
    """The rules that agents, referees and raters need to know.

    `draw_band` and `forfeit` are in units of the undiscounted return of an episode: two returns closer than
    `draw_band` are a draw, and a seat that spoils its episode is given `forfeit`. A match plays `episodes` per seating
    by default, in batches of `block`. `payoffs` [A1][A2][2] is what both seats are paid in a matrix game. `groups` know
    things in common, in `known` numbers K each; `hands`: where hidden cards lie; `symmetries`: which names are alike.
    """

    name: str
    seats: Mapping[str, SeatSpec]
    kind: Kind
    max_steps: int
    gamma: float
    offers: frozenset[str]
    draw_band: float = 0.0
    forfeit: float = 0.0
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    known: Mapping[str, int] = field(default_factory=dict)
    state_dim: int = 0
    episodes: int = 1000
    block: int = 250
    payoffs: tuple[tuple[tuple[float, ...], ...], ...] = ()
    hands: Hands | None = None
    symmetries: tuple[Symmetry, ...] = ()

    def sides(self) -> dict[str, tuple[str, ...]]:
        """Side -> its seats, both in the order of `seats`."""
        sides: dict[str, tuple[str, ...]] = {}
        for seat, spec in self.seats.items():
            sides[spec.side] = (*sides.get(spec.side, ()), seat)
        return sides

    def roles(self) -> tuple[tuple[str, ...], ...]:
        """Seats that one entrant fills where two meet, in the order of `seats`.

        Where there is one side, all seats are one role, and either entrant takes a part of it. Otherwise the roles
        are the teams, where there are several and no side belongs to two of them (predators and prey; two seats that
        share a key, and a third that listens in), else the sides (a speaker and a listener). Two teams that mirror each
        other are the roles, whatever their sides.
        """
        sides, teams = self.sides(), dict[str, tuple[str, ...]]()
        for seat, spec in self.seats.items():
            teams[spec.team] = (*teams.get(spec.team, ()), seat)
        whole = all(len({self.seats[seat].team for seat in seats}) == 1 for seats in sides.values())
        by_team = (len(sides) > 1 and len(teams) > 1 and whole) or self.mirrors()
        return tuple((teams if by_team else sides).values())

    def mirrors(self) -> tuple[tuple[str, str], ...]:
        """The seats of two teams that mirror each other, in pairs: several seats a team, as many of each side in both.

        Empty where there are no such teams. Whoever plays one of them can play the other, so that two entrants are
        compared as if the game had one side.
        """
        teams: dict[str, dict[str, list[str]]] = {}
        for seat, spec in self.seats.items():
            teams.setdefault(spec.team, {}).setdefault(spec.side, []).append(seat)
        if len(teams) != 2 or len(self.seats) < 4:
            return ()
        one, two = teams.values()
        if {side: len(seats) for side, seats in one.items()} != {side: len(seats) for side, seats in two.items()}:
            return ()
        return tuple(pair for side, seats in one.items() for pair in zip(seats, two[side], strict=True))


class Lazy(Mapping[str, Tensor]):
    """A mapping whose values are made when they are asked for, once: for what most players never look at.

    Args:
        keys: the keys, in order.
        make: gives the value of a key; what it reads must not change.
    """

    def __init__(self, keys: tuple[str, ...], make: Callable[[str], Tensor]) -> None:
        self._keys, self._make = keys, make
        self._made: dict[str, Tensor] = {}

    def __getitem__(self, key: str) -> Tensor:
        if key not in self._made:
            if key not in self._keys:
                raise KeyError(key)
            self._made[key] = self._make(key)
        return self._made[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class TimeStep(NamedTuple):
    """What one seat sees and gets. Shapes are for one moment; a trajectory carries T + 1 of them stacked in front.

    `reward` and `discount` belong to the step that led here (0 and 1 where `first`). `last` with discount 0 is a
    termination, `last` with discount 1 a cut by time: bootstrap through the second, never through the first. Where
    `active` is False (dead, not on turn, or finished, so at `last` too) the action is ignored, every action is legal
    and its log-probability counts 0. A row that has finished and does not start anew stays `last`, with reward 0.

    `common` holds what each group that the seat is in knows in common, the same for every member: first 1 where it
    knows anything in common and 0 where not; then for each member in turn which of its actions all of them know that
    it may take, A numbers of 1 or 0; then what the arena has to tell.

    Where the arena offers "channel", `messages` holds N places of M numbers each, and `audible` those places in which
    there is something to hear: a sender's, or the seat's own where the game hides who sent it. See `arenas.channel`.
    """

    observation: Tensor  # float32 [B, *O]
    action_mask: Tensor | None  # bool [B, A]; None where actions are continuous
    reward: Tensor  # float32 [B]
    discount: Tensor  # float32 [B]
    first: Tensor  # bool [B]
    last: Tensor  # bool [B]
    active: Tensor  # bool [B]
    messages: Tensor | None = None  # float32 [B, N, M]
    audible: Tensor | None = None  # bool [B, N]
    common: Mapping[str, Tensor] = {}  # group -> float32 [B, K]

    def each(self, change: Callable[[Tensor], Tensor]) -> TimeStep:
        """The same with every tensor changed alike; what is None stays so."""
        own = {name: leaf for name, leaf in self._asdict().items() if name != "common"}
        changed: Any = {name: None if leaf is None else change(leaf) for name, leaf in own.items()}
        return TimeStep(**changed, common=Lazy(tuple(self.common), lambda group: change(self.common[group])))


class Action(NamedTuple):
    """What one seat does. `extras` are the agent's own notes; they come back when it learns."""

    value: Tensor  # long [B], or float32 [B, D] in [-1, 1]; the arena scales
    message: Tensor | None = None  # float32 [B, M]
    extras: Mapping[str, Tensor] = {}  # name -> [B, ...]


def moment(seen: Tensor, actions: int = 0, reward: Tensor | None = None, *, first: bool = False) -> TimeStep:
    """A time step within an episode, or at its start, that shows `seen` [B, *O]; all of the `actions` are legal."""
    one = torch.ones(len(seen), device=seen.device)
    yes, no = one.bool(), one < 0
    mask = yes.unsqueeze(1).expand(-1, actions) if actions else None
    return TimeStep(seen, mask, 0 * one if reward is None else reward, one, yes if first else no, no, yes)


TimeSteps = dict[str, TimeStep]
Snapshot = dict[str, Any]


class ValuedPolicy(Protocol):
    """What `Arena.value` asks of every policy."""

    @property
    def memoryless(self) -> bool:
        """True where nothing but the current observation matters."""
        ...

    @property
    def replicas(self) -> int:
        """R, the number of independent parameter sets; row b of a batch belongs to replica b // (B / R)."""
        ...


class MemorylessPolicy(ValuedPolicy, Protocol):
    """What `Arena.value` asks of a policy: action probabilities as a function of the current time step alone."""

    def probabilities(self, timestep: TimeStep) -> Tensor:
        """Action probabilities [B, A], differentiable in the policy's parameters."""
        ...


@runtime_checkable
class MeanPolicy(ValuedPolicy, Protocol):
    """What `Arena.value` asks of a policy where actions are continuous: its mean action, which a point policy plays."""

    def means(self, timestep: TimeStep) -> Tensor:
        """Mean actions [B, D] in units of [-1, 1], differentiable in the policy's parameters."""
        ...


@dataclass(frozen=True)
class NoSettings:
    """The settings of an arena that has none."""


class Arena(ABC):
    """B copies of one game, played in lockstep on one device.

    An arena is made as `Game(batch_size, device=..., **settings)`; subclasses write `build`. The settings are part of
    the arena's identity, and users change them with `--set arena.NAME=VALUE`.

    Attributes:
        name: name with version, "coin-v1".
        Settings: frozen dataclass of the settings, which checks its own values.
        spec: the rules; `build` sets it.
        batch_size: B.
        device: where the tensors live.
        settings: the values of the settings.
        kept: names of what the rest of the game depends on, each of an attribute with an underscore before it.

    Raises:
        ValueError: a setting that makes no game.
        TypeError: a setting that the arena does not have.
    """

    name: ClassVar[str]
    Settings: ClassVar[type] = NoSettings
    kept: ClassVar[tuple[str, ...]] = ()
    spec: ArenaSpec
    batch_size: int
    device: str
    settings: Any

    def __init__(self, batch_size: int = 1, *, device: str = "cpu", **settings: Any) -> None:
        self.batch_size, self.device = batch_size, device
        try:
            self.settings = self.Settings(**settings)
        except ValueError as error:
            name = getattr(self, "name", "")  # that of a foreign game is not known yet
            raise ValueError(f"{name}: {error}" if name else str(error)) from None
        self.build()

    def build(self) -> None:  # noqa: B027  (a game without settings may have its `spec` from its class)
        """Set `spec`, and make what the game needs, from `settings`, `batch_size` and `device`."""

    @abstractmethod
    def reset(self, seed: Tensor, *, autoreset: bool = True) -> tuple[TimeSteps, Tensor | None]:
        """Start an episode in every row.

        Args:
            seed: long [B], the luck of each row; equal seeds and actions give equal games.
            autoreset: a finished row starts anew on its next step (that action is ignored). False: a row plays one
                episode and is inactive afterwards, as in a match.

        Returns:
            The first time step of each seat, and the global state float32 [B, S] or None.
        """

    @abstractmethod
    def step(self, actions: Mapping[str, Action]) -> tuple[TimeSteps, Tensor | None]:
        """Play one step in every row and return what `reset` returns."""

    def twin(self, batch_size: int) -> Self:
        """A fresh game of `batch_size` copies under the same rules, sharing no state with this one."""
        return type(self)(batch_size, device=self.device, **vars(self.settings))

    def snapshot(self) -> Snapshot:
        """Tensors and numbers that the rest of the game depends on, shared: play must not write into them.

        Raises:
            ValueError: the arena cannot be rolled back.
        """
        if not self.kept:
            raise ValueError(f"{self.spec.name} keeps no snapshots: its class names nothing in `kept`")
        return {name: getattr(self, f"_{name}") for name in self.kept}

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to `snapshot`; the same actions then give the same game."""
        for name, kept in snapshot.items():
            setattr(self, f"_{name}", kept)

    def fitting_replicas(self, policies: Mapping[str, ValuedPolicy]) -> None:
        """Refuse policies that cannot be valued together; those of one replica meet every replica of the others.

        Raises:
            ValueError: a policy has a memory, or two have different numbers of replicas, none of them 1.
        """
        for seat in self.spec.seats:
            if not policies[seat].memoryless:
                raise ValueError(f"{self.spec.name}: the policy of {seat} has a memory, so it has no exact value")
        replicas = {policies[seat].replicas for seat in self.spec.seats} - {1}
        if len(replicas) > 1:
            raise ValueError(f"{self.spec.name}: policies of {sorted(replicas)} replicas do not fit together")

    def value(
        self, policies: Mapping[str, MemorylessPolicy], *, steps: int | None = None, gamma: float | None = None
    ) -> dict[str, Tensor]:
        """Exact expected return [R] of every seat from the start distribution, differentiable in the policies.

        Args:
            policies: a memoryless policy for every seat; a `MeanPolicy` where actions are continuous.
            steps: length of the episode; None is the infinite discounted game.
            gamma: discount per step; None takes `spec.gamma`.

        Raises:
            ValueError: this game has no exact value, or a policy has a memory.
        """
        raise ValueError(f"{self.spec.name} has no exact value")

    def play_out(self, tables: Mapping[str, Tensor], draws: Mapping[str, Tensor]) -> dict[str, tuple[TimeStep, Action]]:
        """The first T steps of an episode in every copy at once, where every seat acts by a table.

        With "matrix" alone: the moves of `reset` and `step` where every seat inverts the same draws, in far less time.

        Args:
            tables: seat -> action probabilities [B, S, A] at its S one-hot observations, summing to about 1.
            draws: seat -> uniform draws in [0, 1), float32 [T, B], where T is at most `spec.max_steps`.

        Returns:
            Seat -> its time steps [T + 1, B, ...] and its actions [T, B].

        Raises:
            ValueError: this game is played step by step alone.
        """
        raise ValueError(f"{self.spec.name} is played step by step")

    def unfold(self, moves: Mapping[str, Tensor]) -> dict[str, tuple[TimeStep, Action]]:
        """As `play_out`, for whole episodes of which all moves, long [T, B], are known, where they alone decide."""
        raise ValueError(f"{self.spec.name} is played step by step")

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """Seat -> metric -> [B], one number per episode, from stacked steps [T + 1, B, ...] and actions [T, B, ...].

        NaN where an episode says nothing about the metric (a share of no events).
        """
        return {seat: {} for seat in self.spec.seats}

    def faults(self) -> dict[str, Tensor]:
        """Seat -> long [B]: `INVALID` where the seat ended its row's episode by an illegal or non-finite action.

        Such a row is terminated and the offender's return is `spec.forfeit`. Arenas that trust their callers say
        `DONE` throughout.
        """
        return {seat: torch.full((self.batch_size,), DONE, device=self.device) for seat in self.spec.seats}

    def render(self, row: int = 0, mode: str = "ansi") -> str | np.ndarray:
        """Row `row` as text ("ansi") or as a picture uint8 [H, W, 3] ("rgb_array").

        Raises:
            ValueError: this game cannot be drawn in that mode.
        """
        raise ValueError(f"{self.spec.name} cannot be rendered as {mode!r}")

    def sketch(self, row: int = 0) -> Sketch | None:
        """Row `row` as marks, for whoever draws it; None where the game has no such drawing, but perhaps a picture."""
        return None

    def render_belief(self, belief: Tensor, row: int = 0, mode: str = "ansi") -> str | np.ndarray:
        """What somebody believes of the hidden cards of row `row`, as text, or the whole picture with it.

        Args:
            belief: of each slot, P(card), float32 [S, V] (see `arenas.hands`).
            row: which copy.
            mode: see `render`.

        Raises:
            ValueError: beliefs cannot be drawn in this game.
        """
        raise ValueError(f"{self.spec.name} cannot draw beliefs")

    def close(self) -> None:  # noqa: B027  (most games hold nothing)
        """Give back what the arena holds (windows, processes)."""
