"""Any PettingZoo environment as an arena: AEC or parallel, by name or from a function that makes one.

    Foreign(8, env="pettingzoo:classic/connect_four_v3")      Foreign(8, env="mpe2:simple_tag_v3", max_cycles=50)

B copies are stepped one after another. A time step is one step of a parallel environment, or one agent's turn of an AEC
environment, where everybody else is inactive; what exists in both forms is played in parallel. A seat is paid what
PettingZoo's own loop is told: the dict of a parallel step, or what `last()` says when the seat's turn comes, so that
the earnings of a seat that is not on turn come with its next turn, or with its end. Only the seat on turn is asked what
it sees; what the others show is what they saw last. In a parallel game a mask without a legal action means "not on
turn".
An agent that dies is inactive with discount 0 while the row goes on. The row is over when nobody is left, and cut after
`max_cycles`. After that the environment is asked for nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Annotated, Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from arenas.foreign.copies import maker, must_fit
from arenas.foreign.kinds import LEAVES_BEHIND, Recognised, plain_name, recognise
from arenas.foreign.luck import kept
from arenas.foreign.memory import copies_that_fit
from arenas.foreign.running import Copy, blame, copy_of, kind
from arenas.foreign.seat import Seat
from arenas.foreign.sides import seat_specs
from arenas.foreign.spaces import action_mask
from arenas.foreign.truth import mask_fault
from arenas.foreign.wrappers import wrapping
from arenas.luck import bits
from arenas.protocol import (
    INVALID,
    Action,
    Arena,
    ArenaError,
    ArenaSpec,
    Kind,
    TimeStep,
    TimeSteps,
)
from arenas.settings import Checked, Range

_CAP = 1000  # cycles of an episode where neither the environment nor the user says how long it may be
#: Metric of an episode: 1 where the cap has cut it.
CUT = "cut"
_SEED_MASK = 0x7FFFFFFF  # environments take seeds below 2^31


@dataclass(frozen=True)
class ForeignSettings(Checked):
    """Settings that the zoo adds to those of an environment."""

    name: str = ""  # what to call an environment that a function makes, whose own name hides where it is from
    kind: Kind | None = None  # what the game is; None: as declared, else as a sample of play shows it
    sides: str = ""  # "a=player_0,player_2;b=player_1" in place of the sides by name
    # the cap on an episode, in actions of one seat; None takes the environment's own `max_cycles`, or 1000
    max_cycles: Annotated[int | None, Range(1, 10_000_000)] = None
    max_steps: Annotated[int | None, Range(1, 100_000_000)] = None  # the same in steps, each seat's turn being one
    # make the environment anew for every episode, as its `reset` leaves something behind; None: where that is known
    anew: bool | None = None
    forfeit: float | None = None  # return of a seat that acts illegally; None: below what play pays, in proportion
    render_mode: str | None = None  # what `render` can give


class Foreign(Arena):
    """A PettingZoo environment, played in B copies.

    Seats are the environment's `possible_agents`. Their sides come from their names, see `arenas.foreign.sides`; its
    kind and what a forfeit costs are declared or recognised, see `arenas.foreign.kinds`.

    Attributes:
        kind_said: how the kind is known; "" where the user has said it.

    Args:
        batch_size: B.
        env: "pettingzoo:classic/connect_four_v3" (the scheme may be left out), "mpe2:simple_tag_v3", or a function that
            makes an environment.
        wrap: SuperSuit wrappers by name, innermost first, see `arenas.foreign.wrappers`: ("resize_v1=[84,84]",).
        device: where the tensors go.
        settings: fields of `ForeignSettings`, and arguments of the environment.

    Raises:
        ValueError: an unknown environment, wrapper or seat.
        ArenaError: the environment cannot be made, or its spaces do not fit.
    """

    judged_unseen = True  # `metrics` reads no observations
    name = "a PettingZoo environment"  # until it is made, when `spec` has its own
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

    @kept()
    def build(self) -> None:
        """Make the copies, and read the rules from the first; see `Arena.build`."""
        rules = self.settings
        full_name, self.package, make = maker(self._env)
        name = rules.name or full_name
        wrap = wrapping(self._wrap)
        self._anew = plain_name(full_name) in LEAVES_BEHIND if rules.anew is None else rules.anew
        self._fresh: Callable[[], Copy] = lambda: copy_of(name, wrap(self._make(make)))
        with blame(name):
            self._copies: list[Copy] = [self._fresh() for _ in range(self.batch_size)]
        first = self._copies[0]
        must_fit(first.env, self._arguments)
        first.reset(0)  # some know their spaces from then on
        state_dim = first.state_width()
        with blame(name):
            modes = first.env.metadata.get("render_modes", [])
            self._seats = {str(agent): Seat(first.env, agent, self.batch_size) for agent in first.env.possible_agents}
            declared = getattr(first.env.unwrapped, "max_cycles", None)
        if rules.render_mode not in (None, *modes):
            raise ValueError(f"{name}: render_mode must be one of {', '.join(modes)}; got {rules.render_mode!r}")
        if len({seat.actions == 0 for seat in self._seats.values()}) > 1:
            spaces = {name: seat.action_space for name, seat in self._seats.items()}
            raise ArenaError(f"{name}: some seats act in numbers and others in vectors: {spaces}")
        discrete = all(seat.actions for seat in self._seats.values())
        own = declared if isinstance(declared, int) and declared > 0 else self._arguments.get("max_cycles")
        self._cycles = rules.max_cycles or rules.max_steps or own or _CAP  # of one seat's actions
        turns = len(self._seats) if first.one_by_one else 1  # of a cycle
        found = self._recognised(full_name, first)
        self.kind_said = found.said
        self.spec = ArenaSpec(
            name=name,
            seats=seat_specs(
                name, self._seats, rules.sides, cooperative=found.kind == "cooperative", shared=found.teams
            ),
            kind=found.kind,
            max_steps=rules.max_steps or self._cycles * turns,
            gamma=0.99,
            offers=frozenset(["discrete" if discrete else "continuous"] + ["state"] * bool(state_dim)),
            forfeit=found.forfeit,
            state_dim=state_dim,
            episodes=20,
            block=copies_that_fit(state_dim + sum(math.prod(s.encoder[0]) for s in self._seats.values()), 10),
        )

    def _recognised(self, name: str, first: Copy) -> Recognised:
        """What kind of game it is, and what a forfeit costs: what the user says, else `arenas.foreign.kinds`."""
        rules = self.settings
        if rules.kind is not None and rules.forfeit is not None:
            return Recognised(rules.kind, rules.forfeit)
        given = {**self._arguments, "kind": "mixed", "forfeit": 0.0, "name": rules.name, "max_cycles": rules.max_cycles}
        given["anew"] = rules.anew
        key = (self._env, self._wrap, repr(sorted(given.items(), key=str)))
        plain = not self._arguments and (rules.max_cycles or 0) <= 500 and not any("reward" in w for w in self._wrap)
        sampled = partial(Foreign, 1, env=self._env, wrap=self._wrap, **given)
        metadata = getattr(first.env.unwrapped, "metadata", None)
        found = recognise(name, metadata, len(self._seats), sampled, key, plain=plain)
        forfeit = found.forfeit if rules.forfeit is None else rules.forfeit
        return replace(found, forfeit=forfeit) if rules.kind is None else Recognised(rules.kind, forfeit)

    def in_identity(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Settings as the arena's identity shows them: with the kind, whoever said it, unless the game is mixed."""
        others = {name: value for name, value in settings.items() if name != "kind"}
        return others if self.spec.kind == "mixed" else {**others, "kind": self.spec.kind}

    def _make(self, make: Callable[..., Any]) -> Any:
        """An environment; one that knows `max_cycles` is told the cap."""
        drawing = {} if self.settings.render_mode is None else {"render_mode": self.settings.render_mode}
        given = {**self._arguments, **drawing}
        if self.settings.max_cycles is not None:
            try:
                return make(**given, max_cycles=self.settings.max_cycles)
            except TypeError as error:
                if "max_cycles" not in str(error):
                    raise
        return make(**given)

    @kept()
    def reset(self, seed: Tensor, *, autoreset: bool = True) -> tuple[TimeSteps, Tensor | None]:
        """Start an episode in every row; see `Arena.reset`. An environment gets the low 31 bits of its row's seed."""
        self._seed, self._autoreset = seed.cpu(), autoreset
        self._episode = np.zeros(self.batch_size, np.int64)
        self._t = np.zeros(self.batch_size, np.int64)
        self._first = np.ones(self.batch_size, bool)
        self._last = np.zeros(self.batch_size, bool)
        self._state = np.zeros((self.batch_size, self.spec.state_dim), np.float32)
        self._drawn: dict[int, Any] = {}
        self._now, self._cuts = 0, list[tuple[int, int]]()  # steps of all rows so far; when which row was cut
        for row in range(self.batch_size):
            self._begin(row)
        return self._timesteps()

    @kept()
    def step(self, actions: Mapping[str, Action]) -> tuple[TimeSteps, Tensor | None]:
        """Play one step in every row; see `Arena.step`.

        Raises:
            ArenaError: the environment broke.
        """
        values = {name: actions[name].value.numpy(force=True) for name in self._seats}
        self._first[:] = False
        self._now += 1
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
        if self._anew:
            self._copies[row].close()
            with blame(self.spec.name):
                self._copies[row] = self._fresh()
        copy = self._copies[row]
        copy.reset(int(bits(seed, episode) if episode else seed) & _SEED_MASK)
        self._t[row], self._first[row], self._last[row] = 0, True, False
        self._drawn.pop(row, None)
        for seat in self._seats.values():
            seat.begin(row)
        self._read(row)
        if self._last[row]:
            raise copy.fault("left nobody to act", "an episode needs a first step")

    def _play(self, row: int, values: Mapping[str, np.ndarray]) -> None:
        """One step of a row that is on; an action that the rules do not know ends it before the environment sees it."""
        copy = self._copies[row]
        on_turn = {name: seat for name, seat in self._seats.items() if seat.active[row]}
        offenders = [seat for name, seat in on_turn.items() if not seat.may(row, values[name])]
        self._t[row] += 1
        if not offenders:
            acts = {}
            for name, seat in self._seats.items():
                if seat.agent in copy.playing:
                    acts[seat.agent] = seat.act(values[name]) if name in on_turn else seat.idle()
                seat.turns[row] += seat.active[row]
            copy.step(acts)
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
        on, cut = bool(copy.playing), self._capped(row)
        self._last[row] = not on or cut
        earned = {**copy.rewards, **copy.owed()} if cut else copy.rewards
        if cut:
            self._cuts.append((self._now, row))
        for seat in self._seats.values():
            agent = seat.agent
            paid = earned.get(agent, 0.0)
            seat.total[row] += paid
            # whoever is paid with the reset is paid with the first step
            seat.reward[row], seat.early[row] = (0, paid) if self._first[row] else (paid + seat.early[row], 0)
            if agent in copy.left:
                seat.alive[row], seat.discount[row] = False, 0 if copy.left[agent] else 1
            seat.active[row] = on and not cut and seat.alive[row] and agent in copy.playing
            self._look(row, seat)
        if self.spec.state_dim and on:
            self._state[row] = copy.state(self.spec.state_dim)

    def _capped(self, row: int) -> bool:
        """Whether the cap ends the episode that the environment would go on with."""
        copy = self._copies[row]
        if not copy.playing:
            return False
        if not copy.one_by_one:
            return bool(self._t[row] >= self.spec.max_steps)
        turns = next(seat.turns[row] for seat in self._seats.values() if seat.agent in copy.playing)
        return bool(turns >= self._cycles or self._t[row] >= self.spec.max_steps)

    def _look(self, row: int, seat: Seat) -> None:
        """What a seat sees and may do; it keeps what it saw last where the environment shows it nothing."""
        copy, agent = self._copies[row], seat.agent
        seat.legal[row] = True
        if agent not in copy.observations:
            if not copy.one_by_one:
                seat.seen[row] = 0
            return
        observation = copy.observations[agent]
        wrong = seat.wrong(observation)
        if wrong and agent in copy.playing and seat.alive[row]:
            raise copy.fault(f"showed {wrong}", "an observation must be finite and within its observation_space", agent)
        seat.seen[row] = 0 if wrong else seat.encoder[1](observation)
        if seat.active[row]:
            info = copy.infos.get(agent, {})
            if not isinstance(info, Mapping):
                raise copy.fault(f"gave {kind(info)} as the info of {agent}", "an info must be a dict", agent)
            mask = action_mask(observation, info)
            if mask is not None and seat.actions:
                self._mask(row, seat, mask)

    def _mask(self, row: int, seat: Seat, mask: Any) -> None:
        """Which actions are legal; who has none is not on turn, in a game where that can be."""
        copy, agent = self._copies[row], seat.agent
        wrong, rule = mask_fault(mask, seat.actions)
        if wrong:
            raise copy.fault(wrong, rule, agent)
        legal = np.asarray(mask, bool)
        if legal.any():
            seat.legal[row] = legal
        elif copy.one_by_one:
            raise copy.fault("gave a mask without a legal action", "whoever is on turn must be able to act", agent)
        else:
            seat.active[row] = False

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
        if not self._last[row]:
            with copy.asked("render"):
                self._drawn[row] = copy.env.render()
        if row not in self._drawn:
            raise ValueError(f"{self.spec.name}: the episode is over, and nobody drew it before")
        drawn: str | np.ndarray = self._drawn[row]
        return drawn

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """Of the steps that were just played: "cut", the share of a row's episodes that the cap has cut."""
        last = next(iter(steps.values())).last
        ended = (last[1:] & ~last[:-1]).sum(0).double().cpu()
        since, cut = self._now - (len(last) - 1), torch.zeros_like(ended)
        for when, row in self._cuts:
            cut[row] += when > since
        return {seat: {CUT: (cut / ended).to(self.device)} for seat in self._seats}  # NaN where none ended

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
            copy.close()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        """Not offered: copies of PettingZoo's environments lose the game."""
        raise ValueError(
            f"{self.spec.name} is a PettingZoo environment: it offers no simulator (twin, snapshot, restore)"
        )

    twin = snapshot = restore = _refuse
