"""What agents have in common whose policy was trained elsewhere and lies in a file.

The model is a function of what its seat sees now, for any number B of games: observations [B, ...] in, and out come
logits (or values) [B, A], or numbers [B, D] where actions are continuous. When the agent is made, its model is tried on
three made-up observations: one that cannot take several at once, or mixes them, is asked row by row from then on, and
one that fails, draws luck of its own or has another number of outputs is refused.
"""

from __future__ import annotations

import inspect
import math
import sys
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from agents.parts.logits import masked
from agents.parts.policies.scripted import Scripted, ScriptedPolicy
from agents.protocol import Agent, Memory, Seating
from agents.randomness import categorical, uniform
from agents.scripts.model import Model, last_line
from arenas.origin import Space, action_of, alone, observation_of, own_form, scaled, unmistakable
from arenas.protocol import Action, ArenaSpec, TimeStep, moment

_TRIED = 3  # made-up observations
_TOLERANCE = 1e-4  # between a row alone and among others, relative to the largest output
_NOTHING = -1  # what is played where the model answers nothing: an illegal action, so the fault is its own

Form = Literal["", "arena", "environment"]


class Imported(Scripted):
    """An agent that plays a model from a file; it learns nothing.

    A model that remembers starts from zeros in each episode, and its state moves on when its seat is on turn.

    Class attributes:
        needs: `frozenset({"discrete"})`, or `frozenset({"continuous"})` where the model gives numbers.
        file: the model's file, beside the file of the class.
        per_seat: other files by seat, or by side; seats that it does not name play `file`.
        deterministic: True plays the action with the largest output, False draws from softmax(outputs). Numbers are
            played as they are.
        output: which output it is, where the model gives several.
        remembers: shapes, without the B in front, of the tensors that the model takes in addition to the observation
            and gives back behind its other outputs for the next step: ((64,), (64,)) for an LSTM of 64.
        sees: "arena" where the model was trained on observations as the arena shows them (float32, pictures and boards
            channels first, bytes as fractions of 255, Discrete one-hot, the parts of a Dict joined in the order of
            their keys); "environment" where it takes what the PettingZoo environment itself gives. Left out, it is
            found by trying where only one of the two fits; where both may be meant, the file is refused.
        acts: "arena" where the model's numbers are in [-1, 1], "environment" where they are in the bounds of the
            environment's actions. To be said where those are not [-1, 1].
        stand_in: a scripted agent that plays in seats for which no file is named, so that a policy of one side can
            be entered where an entrant fills both.
    """

    file: ClassVar[str] = ""
    per_seat: ClassVar[Mapping[str, str]] = {}
    deterministic: ClassVar[bool] = True
    output: ClassVar[int] = 0
    remembers: ClassVar[tuple[tuple[int, ...], ...]] = ()
    sees: ClassVar[Form] = ""
    acts: ClassVar[Form] = ""
    stand_in: ClassVar[type[Agent] | None] = None

    @classmethod
    def make(
        cls,
        spec: ArenaSpec,
        seats: tuple[str, ...],
        config: Any = None,
        seed: int = 0,
        device: str = "cpu",
        replicas: int = 1,
    ) -> Any:
        """The agent for a seat, or its stand-in.

        Raises:
            ValueError: there is no file for the seat, or its model does not fit there.
        """
        if cls._file(spec, seats[0]) or cls.stand_in is None:
            return super().make(spec, seats, config, seed, device, replicas)
        if cls.stand_in.learns:
            raise ValueError(f"stand_in = {cls.stand_in.__name__} learns, expected a scripted agent such as Random")
        return cls.stand_in.make(spec, seats, None, seed, device, replicas)

    def build(self, seed: int) -> None:
        """The model of the seat, loaded and tried."""
        named = self._file(self.spec, self.seats[0])
        if not named:
            seat = self.spec.seats[self.seats[0]]
            raise ValueError(f"no file for seat {self.seats[0]} of side {seat.side}: set file, per_seat or stand_in")
        self._path = self._beside(named)
        if not self._path.is_file():
            raise ValueError(f"there is no file {self._path}")
        self._shown: Space | None = None  # the form in which the environment gave it, where the model is to see that
        self._warned = False
        self._model = self.load(self._path)
        self._by_row = self._chosen_form()

    @abstractmethod
    def load(self, path: Path) -> Model:
        """The model in a file, on `self.device`.

        Raises:
            ValueError: the file cannot be read as one, or what it holds cannot play.
        """

    def observation(self, timestep: TimeStep) -> Tensor:
        """What the model is given, [B, ...]: what `sees` says, unless overridden."""
        if self._shown is None:
            return timestep.observation
        own = own_form(self._shown, timestep.observation)
        assert isinstance(own, Tensor)  # a Dict of several parts is not offered to models
        return own

    def action(self, outputs: Tensor, timestep: TimeStep) -> Tensor:
        """Logits [B, A] or numbers [B, D] in [-1, 1] from what the model gave: what `acts` says, unless overridden."""
        taken = action_of(self.seat_spec()) if self.acts == "environment" else None
        if taken is None or self.seat_spec().actions:
            return outputs
        low, high = (torch.as_tensor(taken[name], device=outputs.device) for name in ("low", "high"))
        return 2 * (outputs - low) / (high - low) - 1

    @classmethod
    def files(cls) -> tuple[Path, ...]:
        """The models' files."""
        return tuple(cls._beside(name) for name in sorted({cls.file, *cls.per_seat.values()} - {""}))

    def begin(self, seating: Seating) -> Memory:
        """See `Agent.begin`; a model that remembers starts from zeros."""
        memory, state = super().begin(seating), self._state(len(seating.seed))
        return memory if state is None else {**memory, "state": state}

    def probabilities(self, timestep: TimeStep) -> Tensor:
        """Action probabilities [..., A] for the leading shape of the time step; what is forbidden has 0."""
        lead = timestep.reward.shape
        flat = timestep.each(lambda leaf: leaf.flatten(0, len(lead) - 1))
        return self._chances(self._outputs(flat, self._by_row), flat.action_mask).view(*lead, -1)

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """The model's action; numbers outside [-1, 1] are cut, and NaN is an illegal action."""
        state = memory.get("state")
        following = {**memory, "step": memory["step"] + 1}
        if state is not None:
            state = state.masked_fill(timestep.first.unsqueeze(-1), 0.0)
        outputs, moved = self._answers(timestep, self._by_row, state)
        if state is not None and moved is not None:
            following["state"] = moved.where(timestep.active.unsqueeze(-1), state)
        if not self.seat_spec().actions:
            self._blame(outputs.isnan().any(-1) & timestep.active)
            return Action(outputs.clamp(-1, 1)), following
        chances = self._chances(outputs, timestep.action_mask)
        nothing = chances.isnan().any(-1) & timestep.active
        self._blame(nothing)
        chosen = categorical(chances.nan_to_num(1.0), uniform(memory["seed"], memory["step"]))
        return Action(chosen.masked_fill(nothing, _NOTHING)), following

    def policy(self, seat: str) -> ScriptedPolicy | None:
        """See `Scripted.policy`; a model that remembers is not shown."""
        return None if self._model.remembers else super().policy(seat)

    def _chances(self, outputs: Tensor, mask: Tensor | None) -> Tensor:
        """Probabilities [B, A] of the actions, NaN in rows where the model prefers none of them."""
        logits = masked(outputs, mask)
        none = logits.isnan().any(-1, keepdim=True) | (logits == -torch.inf).all(-1, keepdim=True)
        if self.deterministic:
            chances = torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).float()
        else:
            chances = logits.softmax(-1)
        return chances.masked_fill(none, torch.nan)

    def _blame(self, rows: Tensor) -> None:
        """Tell the author once that the model answers what is no number; the referee notes the fault."""
        if not self._warned and bool(rows.any()):
            self._warned = True
            print(f"{self._path.name} answers NaN: that is no action, and the episode is lost", file=sys.stderr)

    @classmethod
    def _file(cls, spec: ArenaSpec, seat: str) -> str:
        return cls.per_seat.get(seat) or cls.per_seat.get(spec.seats[seat].side) or cls.file

    @classmethod
    def _beside(cls, name: str) -> Path:
        return Path(inspect.getfile(cls)).resolve().parent / Path(name).expanduser()

    def _state(self, rows: int) -> Tensor | None:
        """The state [B, M] at the start of an episode; None where the model does not remember."""
        wide = self._model.remembers
        return torch.zeros(rows, wide, device=self.device) if wide else None

    def _outputs(self, timestep: TimeStep, by_row: bool) -> Tensor:
        """Float32 [B, A] or [B, D], at the start of an episode."""
        return self._answers(timestep, by_row, self._state(len(timestep.reward)))[0]

    @torch.no_grad()
    def _answers(self, timestep: TimeStep, by_row: bool, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Float32 [B, A] or [B, D], and the next state [B, M]."""
        given = self.observation(timestep)
        rows = torch.split(given, 1) if by_row else (given,)
        if state is None:
            outputs = torch.cat([self._run(row, self._model.run(row)) for row in rows])
            return self.action(outputs, timestep).float(), None
        states = torch.split(state, 1) if by_row else (state,)
        answers = [self._model.run(row, before) for row, before in zip(rows, states, strict=True)]
        outputs = torch.cat([self._run(row, answer) for row, (answer, _) in zip(rows, answers, strict=True)])
        return self.action(outputs, timestep).float(), torch.cat([after for _, after in answers])

    def _run(self, given: Tensor, answer: Any) -> Tensor:
        """[B, ...] -> [B, K]; models may drop an axis of length 1, or put one in."""
        output = answer[self.output] if isinstance(answer, list | tuple) else answer
        if not isinstance(output, Tensor):
            raise TypeError(f"it gives {type(output).__name__}, expected a tensor (see output)")
        return output.reshape(len(given), -1)

    def _chosen_form(self) -> bool:
        """Find the form in which the model sees observations, and try it: must it be asked row by row?

        Raises:
            ValueError: the model does not fit the seat, or in two ways that are not the same.
        """
        self._check_actions()
        origin = observation_of(self.seat_spec())
        if origin is None or type(self).observation is not Imported.observation:
            return self._tried()
        own = alone(origin)
        if self.sees == "environment" and own["kind"] in ("Dict", "Tuple"):
            raise ValueError(f"{self._path} cannot be given a {own['kind']} as the environment gives it: {_SAY}")
        if self.sees:
            self._shown = own if self.sees == "environment" else None
            return self._tried()
        if self._model.whole and own["kind"] not in ("Dict", "Tuple"):
            self._shown = own
            return self._tried()
        if unmistakable(own):
            return self._either(None, own)
        if scaled(own) or own["kind"] in ("Dict", "Tuple"):
            raise ValueError(f"{self._path}: {_two_forms(own, self.seat_spec().observation)}: {_SAY}")
        by_row = self._either(None, own)
        if self._shown is None:
            self._shown = own
            try:
                self._tried()
            except ValueError:
                self._shown = None
            else:
                raise ValueError(f"{self._path}: {_two_forms(own, self.seat_spec().observation)}: {_SAY}")
        return by_row

    def _either(self, first: Space | None, second: Space) -> bool:
        """Try the model in one form and, where it fails, in the other; the fault is that of the first."""
        self._shown = first
        try:
            return self._tried()
        except ValueError:
            if second["kind"] in ("Dict", "Tuple"):
                raise
            self._shown = second
            try:
                return self._tried()
            except ValueError:
                self._shown = first
        return self._tried()

    def _check_actions(self) -> None:
        """Refuse numbers of which the model's author has not said in which bounds they are.

        Raises:
            ValueError: the environment's bounds are not [-1, 1], and `acts` says nothing, or they are whole numbers.
        """
        taken = action_of(self.seat_spec())
        if taken is None or self.seat_spec().actions or type(self).action is not Imported.action:
            return
        whole = not str(taken["dtype"]).startswith("float")
        if self.acts == "environment" and (whole or taken["low"] is None or taken["high"] is None):
            raise ValueError(f"{self._path}: the environment's actions are no plain box of fractions: override action")
        if not self.acts and (whole or taken["low"] != -1 or taken["high"] != 1):
            raise ValueError(
                f"{self._path}: the environment takes actions from {taken['low']} to {taken['high']}"
                f' ({taken["dtype"]}): say acts = "environment" if the model gives those, or acts = "arena" if it'
                " gives numbers in [-1, 1]"
            )

    def _tried(self) -> bool:
        """Try the model, row by row and with all rows at once: must it be asked row by row?

        Raises:
            ValueError: it fails, draws luck of its own, or its outputs do not fit the seat.
        """
        own, timestep = self.seat_spec(), self._made_up()
        where = f"seat {self.seats[0]} of {self.spec.name}"
        given = self.observation(timestep)
        try:
            alone = self._outputs(timestep, by_row=True)
        except Exception as error:  # a model may fail in any way
            numbers = math.prod(given.shape[1:])
            if self._model.width not in (None, numbers):
                raise ValueError(
                    f"{self._path} takes {self._model.width} numbers a row, {where} gives it {numbers}: wrong file, or"
                    " override observation"
                ) from error
            raise ValueError(
                f"{self._path} fails on observations {list(given.shape)} of {where}: {last_line(error)}"
            ) from error
        expected = own.actions or own.action_dim
        if alone.shape != (_TRIED, expected):
            raise ValueError(
                f"{self._path} gives {alone.shape[-1]} numbers a row, {where} takes {expected}"
                f" ({'one for each action' if own.actions else 'the action'}): wrong file, or override action"
            )
        if not torch.equal(alone.nan_to_num(), self._outputs(timestep, by_row=True).nan_to_num()):
            raise ValueError(
                f"{self._path} answers the same observation differently when asked again: it draws luck of its own or"
                " keeps a state; export it in evaluation mode, up to the logits"
            )
        try:
            together = self._outputs(timestep, by_row=False)
        except Exception:  # it was exported for one row
            return True
        return together.shape != alone.shape or not torch.allclose(
            together, alone, rtol=0, atol=_TOLERANCE * max(1.0, float(alone.nan_to_num().abs().max())), equal_nan=True
        )

    def _made_up(self) -> TimeStep:
        """A time step with observations that differ by row, within the seat's bounds."""
        own = self.seat_spec()
        low, high = max(own.bounds[0], -1.0), min(own.bounds[1], 1.0)
        count = _TRIED * math.prod(own.observation)
        seen = torch.linspace(low, high, count, device=self.device).view(_TRIED, *own.observation)
        return moment(seen, own.actions, first=True)


_SAY = 'say sees = "arena" or sees = "environment" in its class, or override observation'


def _two_forms(space: Space, shape: tuple[int, ...]) -> str:
    what = f"{space['kind']} {space['shape']} of {space['dtype']}" if space["kind"] == "Box" else f"a {space['kind']}"
    fractions = ", bytes as fractions of 255" if scaled(space) else ""
    return f"the environment gives {what}, the arena shows it as {list(shape)}{fractions}"
