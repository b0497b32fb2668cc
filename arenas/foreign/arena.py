"""Any PettingZoo environment as an arena: AEC or parallel, by name or from a function that makes one.

    Foreign(8, env="pettingzoo:classic/connect_four_v3")      Foreign(8, env="mpe2:simple_tag_v3", max_cycles=50)

B copies are stepped one after another. A time step is one step of a parallel environment, or one agent's turn of an AEC
environment, where everybody else is inactive; what exists in both forms is played in parallel. An agent that dies is
inactive with discount 0 while the row goes on. The row is over when nobody is left, and cut after `max_steps`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from arenas.foreign.copies import Copy, ParallelCopy, blame, copy_of, maker, wrapper
from arenas.foreign.spaces import action_mask, action_width, encoder, environment_action
from arenas.luck import bits
from arenas.origin import origin_text
from arenas.protocol import (
    DONE,
    INVALID,
    Action,
    Arena,
    ArenaError,
    ArenaSpec,
    Kind,
    SeatSpec,
    TimeStep,
    TimeSteps,
)

_CAP = 1000  # steps of an episode where neither the environment nor the user says how long it may be
_SEED_MASK = 0x7FFFFFFF  # environments take seeds below 2^31


class _Seat:
    """What a seat saw and got last, row by row, and what is remembered of its episode."""

    def __init__(self, env: Any, agent: Any, rows: int) -> None:
        self.agent, self.action_space = agent, env.action_space(agent)
        self.encoder = encoder(env.observation_space(agent))
        self.origin = origin_text(env.observation_space(agent), self.action_space)
        self.actions = action_width(self.action_space)[0]  # A, or 0
        self.seen = np.zeros((rows, *self.encoder[0]), np.float32)
        self.legal = np.ones((rows, self.actions), bool)
        self.reward, self.discount = np.zeros(rows, np.float32), np.ones(rows, np.float32)
        self.active, self.alive = np.zeros(rows, bool), np.ones(rows, bool)  # alive until it has left the game
        self.total = np.zeros(rows)  # return so far
        self.fault = np.full(rows, DONE)

    def may(self, row: int, value: np.ndarray) -> bool:
        """Whether the rules know this action, a number or a vector [D]."""
        if not self.actions:
            return bool(np.isfinite(value).all())
        number = float(value)
        return number in range(self.actions) and bool(self.legal[row, int(number)])


@dataclass(frozen=True)
class ForeignSettings:
    """Settings that the zoo adds to those of an environment."""

    name: str = ""  # what to call an environment that a function makes, whose own name hides where it is from
    kind: Kind = "mixed"  # what the game is, which an environment does not say
    sides: str = ""  # "a=player_0,player_2;b=player_1" in place of the sides by name
    max_steps: int | None = None  # T, the cap on an episode; None takes the environment's `max_cycles`, or 1000
    forfeit: float = -1000.0  # return of a seat that acts illegally; it should be below everything that can be earned
    render_mode: str | None = None  # what `render` can give


class Foreign(Arena):
    """A PettingZoo environment, played in B copies.

    Seats are the environment's `possible_agents`. A side is all seats whose names differ in their number only
    ("adversary_0", "adversary_1"), if they see and do the same. Seats are of one team in a cooperative game, of their
    side's team where there are several sides, and otherwise each of its own.

    Args:
        batch_size: B.
        env: "pettingzoo:classic/connect_four_v3" (the scheme may be left out), "mpe2:simple_tag_v3", or a function that
            makes an environment.
        wrap: SuperSuit wrappers by name, innermost first, each with its argument: ("resize_v1=84", "black_death_v3").
        device: where the tensors go.
        settings: fields of `ForeignSettings`, and arguments of the environment.

    Raises:
        ValueError: an unknown environment, wrapper or seat.
        ArenaError: the environment cannot be made, or its spaces do not fit.
    """

    Settings = ForeignSettings
    settings: ForeignSettings

    def __init__(
        self,
        batch_size: int = 1,
        *,
        env: str | Callable[..., Any],
        wrap: tuple[str, ...] = (),
        device: str = "cpu",
        **settings: Any,
    ) -> None:
        ours = {field.name for field in fields(ForeignSettings)}
        self._env, self._wrap = env, wrap
        self._arguments = {name: value for name, value in settings.items() if name not in ours}
        super().__init__(batch_size, device=device, **{n: value for n, value in settings.items() if n in ours})

    def build(self) -> None:
        """Make the copies, and read the rules from the first; see `Arena.build`."""
        rules = self.settings
        full_name, self.package, make = maker(self._env)
        name = rules.name or full_name
        wrappers = [wrapper(text) for text in self._wrap]
        drawing = {} if rules.render_mode is None else {"render_mode": rules.render_mode}
        self._copies: list[Copy] = []
        with blame(name):
            for _ in range(self.batch_size):
                made = make(**self._arguments, **drawing)
                for wrapped in wrappers:
                    made = wrapped(made)
                self._copies.append(copy_of(name, made))
            first = self._copies[0]
            modes = first.env.metadata.get("render_modes", [])
            self._seats = {str(agent): _Seat(first.env, agent, self.batch_size) for agent in first.env.possible_agents}
        if rules.render_mode not in (None, *modes):
            raise ValueError(f"{name}: render_mode must be one of {', '.join(modes)}; got {rules.render_mode!r}")
        if len({seat.actions == 0 for seat in self._seats.values()}) > 1:
            spaces = {name: seat.action_space for name, seat in self._seats.items()}
            raise ArenaError(f"{name}: some seats act in numbers and others in vectors: {spaces}")
        discrete = all(seat.actions for seat in self._seats.values())
        first.reset(0)
        state_dim = first.state_width()
        cycles = getattr(first.env.unwrapped, "max_cycles", None) or self._arguments.get("max_cycles")
        turns = 1 if isinstance(first, ParallelCopy) else len(self._seats)  # of a cycle
        self.spec = ArenaSpec(
            name=name,
            seats=_seat_specs(name, self._seats, rules.sides, cooperative=rules.kind == "cooperative"),
            kind=rules.kind,
            max_steps=rules.max_steps or (cycles * turns if cycles else _CAP),
            gamma=0.99,
            offers=frozenset(["discrete" if discrete else "continuous"] + ["state"] * bool(state_dim)),
            forfeit=rules.forfeit,
            state_dim=state_dim,
            episodes=20,
            block=10,
        )

    def reset(self, seed: Tensor, *, autoreset: bool = True) -> tuple[TimeSteps, Tensor | None]:
        """Start an episode in every row; see `Arena.reset`. An environment gets the low 31 bits of its row's seed."""
        self._seed, self._autoreset = seed.cpu(), autoreset
        self._episode = np.zeros(self.batch_size, np.int64)
        self._t = np.zeros(self.batch_size, np.int64)
        self._first = np.ones(self.batch_size, bool)
        self._last = np.zeros(self.batch_size, bool)
        self._state = np.zeros((self.batch_size, self.spec.state_dim), np.float32)
        for row in range(self.batch_size):
            self._begin(row)
        return self._timesteps()

    def step(self, actions: Mapping[str, Action]) -> tuple[TimeSteps, Tensor | None]:
        """Play one step in every row; see `Arena.step`.

        Raises:
            ArenaError: the environment broke.
        """
        values = {name: actions[name].value.numpy(force=True) for name in self._seats}
        self._first[:] = False
        for row in range(self.batch_size):
            if not self._last[row]:
                self._play(row, {name: value[row] for name, value in values.items()})
            elif self._autoreset:
                self._episode[row] += 1
                self._begin(row)
            else:
                for seat in self._seats.values():
                    seat.reward[row] = 0
        return self._timesteps()

    def _begin(self, row: int) -> None:
        seed, episode = self._seed[row], int(self._episode[row])
        self._copies[row].reset(int(bits(seed, episode) if episode else seed) & _SEED_MASK)
        self._t[row], self._first[row], self._last[row] = 0, True, False
        for seat in self._seats.values():
            seat.discount[row], seat.alive[row], seat.total[row], seat.fault[row] = 1, True, 0, DONE
        self._read(row)

    def _play(self, row: int, values: Mapping[str, np.ndarray]) -> None:
        """One step of a row that is on; an action that the rules do not know ends it before the environment sees it."""
        copy = self._copies[row]
        on_turn = {name: seat for name, seat in self._seats.items() if seat.active[row]}
        offenders = [seat for name, seat in on_turn.items() if not seat.may(row, values[name])]
        self._t[row] += 1
        if not offenders:
            copy.step({s.agent: environment_action(s.action_space, values[name]) for name, s in on_turn.items()})
            self._read(row)
            return
        self._last[row] = True
        for seat in self._seats.values():
            seat.reward[row], seat.discount[row], seat.active[row] = 0, 0, False
            seat.legal[row] = True
        for seat in offenders:
            seat.reward[row] = self.spec.forfeit - seat.total[row]
            seat.fault[row] = INVALID

    def _read(self, row: int) -> None:
        """Copy what the environment says after a reset or a step."""
        copy = self._copies[row]
        self._last[row] = over = not copy.turn or self._t[row] >= self.spec.max_steps
        with copy.blame():
            for name, seat in self._seats.items():
                paid = float(copy.rewards.get(seat.agent, 0)) if seat.alive[row] else 0.0
                if not math.isfinite(paid):
                    raise ValueError(f"{name} was paid {paid}")
                seat.reward[row] = paid
                seat.total[row] += paid
                if seat.alive[row] and seat.agent in copy.left:
                    seat.alive[row], seat.discount[row] = False, 0 if copy.left[seat.agent] else 1
                seat.active[row] = seat.agent in copy.turn and not over
                observation = copy.observations.get(seat.agent)
                seat.seen[row] = 0 if observation is None else seat.encoder[1](observation)
                mask = action_mask(observation, copy.infos.get(seat.agent, {})) if seat.active[row] else None
                seat.legal[row] = True if mask is None else mask
        if self.spec.state_dim:
            self._state[row] = copy.state()

    def _timesteps(self) -> tuple[TimeSteps, Tensor | None]:
        first, last = self._tensor(self._first), self._tensor(self._last)
        steps = {
            name: TimeStep(
                observation=self._tensor(seat.seen),
                action_mask=self._tensor(seat.legal) if seat.actions else None,
                reward=self._tensor(seat.reward),
                discount=self._tensor(seat.discount),
                first=first,
                last=last,
                active=self._tensor(seat.active),
            )
            for name, seat in self._seats.items()
        }
        return steps, self._tensor(self._state) if self.spec.state_dim else None

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.tensor(array, device=self.device)

    def faults(self) -> dict[str, Tensor]:
        """See `Arena.faults`."""
        return {name: self._tensor(seat.fault) for name, seat in self._seats.items()}

    def render(self, row: int = 0, mode: str = "ansi") -> str | np.ndarray:
        """What the environment draws, if it was made with `render_mode=mode`."""
        made_for = self.settings.render_mode
        if mode != made_for:
            raise ValueError(f"{self.spec.name} was made with render_mode={made_for}, so it cannot draw {mode}")
        copy = self._copies[row]
        with copy.blame():
            drawn: str | np.ndarray = copy.env.render()
        return drawn

    @property
    def declared(self) -> tuple[str, str]:
        """The name in the environment's `metadata`, and the module of the class that says so; both "" without one."""
        env = self._copies[0].env.unwrapped
        says = (kind for kind in type(env).__mro__ if "metadata" in vars(env) or "metadata" in vars(kind))
        owner = next(says, type(env))
        name = (getattr(env, "metadata", None) or {}).get("name")
        return (name, owner.__module__) if isinstance(name, str) else ("", "")

    def close(self) -> None:
        """Close all copies."""
        for copy in self._copies:
            copy.env.close()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        """Not offered: copies of PettingZoo's environments lose the game."""
        raise ValueError(
            f"{self.spec.name} is a PettingZoo environment: it offers no simulator (twin, snapshot, restore)"
        )

    twin = snapshot = restore = _refuse


def _seat_specs(name: str, seats: Mapping[str, _Seat], sides: str, *, cooperative: bool) -> dict[str, SeatSpec]:
    looks = {s: (seat.encoder[0], *action_width(seat.action_space)) for s, seat in seats.items()}
    side = _sides_by_text(name, sides, looks) if sides else _sides_by_name(looks)
    several = len(set(side.values())) > 1
    return {
        s: SeatSpec(
            *look,
            team="all" if cooperative else side[s] if several else s,
            side=side[s],
            origin=seats[s].origin,
        )
        for s, look in looks.items()
    }


def _sides_by_name(looks: Mapping[str, Any]) -> dict[str, str]:
    """Seat -> side: its name without the number, or the whole name where seats of one prefix do not look alike."""
    prefix = {seat: re.sub(r"_?\d+$", "", seat) or seat for seat in looks}
    alike: dict[str, set[Any]] = {}
    for seat, look in looks.items():
        alike.setdefault(prefix[seat], set()).add(look)
    return {seat: prefix[seat] if len(alike[prefix[seat]]) == 1 else seat for seat in looks}


def _sides_by_text(name: str, text: str, looks: Mapping[str, Any]) -> dict[str, str]:
    """Seat -> side from "a=player_0,player_2;b=player_1"."""
    side: dict[str, str] = {}
    for part in text.split(";"):
        label, _, members = part.partition("=")
        named = [seat.strip() for seat in members.split(",")]
        if len({looks.get(seat) for seat in named}) > 1:
            raise ValueError(f"{name}: seats of one side must see and do the same, those of {part!r} do not")
        side.update(dict.fromkeys(named, label.strip()))
    if side.keys() != looks.keys():
        raise ValueError(f"{name}: sides must name each of {', '.join(looks)}, as in 'a=...;b=...'; got {text!r}")
    return side
