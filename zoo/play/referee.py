"""The referee of frozen play: nobody plays an action that the rules do not know, and nobody's fault ends a match.

An arena trusts its callers, so that training is fast. In a match a stranger may sit at the table. A seat that acts
illegally has spoiled the row's episode from that step on, whatever happens in it afterwards. An agent that raises
`AgentFault` (it crashed, was late, or took too much memory) spoils every row in which it should have acted from then
on, and is not asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, NoReturn

import torch
from torch import Tensor

from agents.protocol import Encounters, Memory, Policy, Seating
from arenas.protocol import Action, ArenaSpec, SeatSpec, TimeStep
from leaderboard.records import Status
from zoo.sandbox.fault import AgentFault

NEVER = 2**31 - 1
_NAMED = 8  # legal actions that a message lists


class Fouls(NamedTuple):
    """What one seat did wrong.

    Attributes:
        step: step of each row's first fault, long [B], or `NEVER`.
        code: code of its `Status`, uint8 [B].
        messages: status -> what happened when the seat first got it, one line.
        log: the end of what the agent printed.
    """

    step: Tensor
    code: Tensor
    messages: Mapping[Status, str]
    log: str


class Refereed(Policy):
    """A player in one seat whose faults are noted, and for whom legal actions are played where it gives none.

    Args:
        player: who sits there.
        seat: the seat.
        patient: raise a fault that another try may mend, see `AgentFault.retry`, in the place of noting it.
        spoiled: steps of the faults of all who sit at this table, by a number for each; the referees of a table share
            it, so that nobody is asked for more once every episode is spoiled.

    `fault` is the step of each row's first fault, long [B], or `NEVER`; None before the first action.
    """

    def __init__(
        self, player: Policy, seat: SeatSpec, *, patient: bool = False, spoiled: dict[int, Tensor] | None = None
    ) -> None:
        self.player, self.seat = player, seat
        self._patient, self._spoiled = patient, {} if spoiled is None else spoiled
        self._reset()

    def _reset(self) -> None:
        self.fault: Tensor | None = None
        self._code = torch.zeros(0, dtype=torch.uint8)
        self._messages: dict[Status, str] = {}
        self._gone: tuple[Status, str] | None = None
        self._log = ""
        self._before: Action | None = None
        self._training = False
        self._step = 0
        self._spoiled.pop(id(self), None)

    def begin(self, seating: Seating) -> Memory:
        """The player's memory; a new game has no faults yet."""
        self._reset()
        self._training = seating.training
        try:
            return self.player.begin(seating)
        except AgentFault as fault:
            self._leave(fault)
            return {}

    def belief(self, timestep: TimeStep, memory: Memory) -> Tensor | None:
        """The player's."""
        return None if self._gone else self.player.belief(timestep, memory)

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """The player's action where it is legal, else the first legal one or no movement."""
        if self.fault is None:
            self.fault = torch.full_like(timestep.active, NEVER, dtype=torch.long)
            self._code = torch.zeros_like(timestep.active, dtype=torch.uint8)
        action = None
        if self._gone is None and not self._decided(timestep):
            try:
                action, memory = self.player.act(timestep, memory)
            except AgentFault as fault:
                self._leave(fault)
        if action is not None:
            action = self._before = self._checked(action, timestep)
        else:
            action = self._stand_in(timestep)
            if self._gone is not None:
                self._note(timestep.active, *self._gone)
        self._step += 1
        return action, memory

    def encounters(self, memory: Memory) -> Encounters | None:
        """Those of the player, who then needs no referee: `by_moves` sees that all moves are legal."""
        return None if self._gone is not None else self.player.encounters(memory)

    @property
    def fouls(self) -> Fouls | None:
        """What the seat did wrong so far; None before its first action."""
        if self.fault is None:
            return None
        log = self._log
        if self._messages and not log:
            log = str(getattr(self.player, "log", str)())  # an illegal move ends nothing, so its agent can be asked
        return Fouls(self.fault, self._code, dict(self._messages), log)

    @property
    def isolation(self) -> str:
        """How the player is kept apart."""
        return str(getattr(self.player, "isolation", "trusted"))

    @property
    def cpu_s(self) -> float:
        """CPU seconds that a player has used elsewhere for this seat; 0 where it runs in this process."""
        seats = getattr(self.player, "seats", ())
        return float(getattr(self.player, "cpu_s", 0.0)) / max(1, len(seats))

    def _leave(self, fault: AgentFault) -> None:
        """The player has gone for the rest of the game. The exception is not kept: it holds what is to be freed."""
        if fault.retry and self._patient:
            raise fault
        self._gone, self._log = (fault.status, fault.message), fault.log

    def _decided(self, timestep: TimeStep) -> bool:
        """Whether nothing that this seat does can count: each of its episodes is over, or was spoiled before."""
        if not self._spoiled:
            return False
        first = torch.stack(list(self._spoiled.values())).amin(0)
        return bool(((first < self._step) | timestep.last).all())

    def _checked(self, action: Action, timestep: TimeStep) -> Action:
        """The action with legal numbers in the place of others, which are noted."""
        shape = (*timestep.reward.shape, *([] if self.seat.actions else [self.seat.action_dim]))
        if action.value.shape != shape:
            raise ValueError(f"an action has shape {list(action.value.shape)}, expected {list(shape)}")
        legal = _legal(action.value, timestep) if self.seat.actions else action.value.isfinite().all(-1)
        legal = legal | ~timestep.active
        action = self._heard(action, timestep)
        if legal.all():
            return action
        self._note(~legal, Status.INVALID, _offence(action.value, legal, timestep))
        return action._replace(value=_mended(action.value, legal, timestep))

    def _heard(self, action: Action, timestep: TimeStep) -> Action:
        """The action with silence in the place of a message that is not made of bits, which is noted.

        Who is trained may send numbers in between: then nothing is at stake.
        """
        said, width = action.message, self.seat.message_dim
        if said is None or self._training or not width:
            return action
        if said.shape != (shape := (*timestep.reward.shape, width)):
            raise ValueError(f"a message has shape {list(said.shape)}, expected {list(shape)}")
        fine = ((said == 0) | (said == 1)).all(-1) | ~timestep.active
        if fine.all():
            return action
        self._note(~fine, Status.INVALID, "a message is made of bits: send 0 or 1 in each place, or no message")
        return action._replace(message=said.where(fine.unsqueeze(-1), 0.0))

    def _note(self, rows: Tensor, status: Status, message: str) -> None:
        """Note a fault in these rows, bool [B]; the first in each row counts."""
        assert self.fault is not None
        fresh = rows & (self.fault == NEVER)
        if fresh.any():
            self.fault = self.fault.masked_fill(fresh, self._step)
            self._code = self._code.masked_fill(fresh, status.code)
            self._messages.setdefault(status, f"step {self._step}: {message}")
            self._spoiled[id(self)] = self.fault

    def _stand_in(self, timestep: TimeStep) -> Action:
        """The first legal action, or no movement, and silence; the notes are those of the last action."""
        rows, device = timestep.reward.shape, timestep.reward.device
        if timestep.action_mask is not None:
            value = timestep.action_mask.long().argmax(-1)
        else:
            value = torch.zeros((*rows, self.seat.action_dim), device=device)
        width = self.seat.message_dim
        message = torch.zeros((*rows, width), device=device) if width else None
        return Action(value, message, {} if self._before is None else self._before.extras)


class Absent(Policy):
    """Sits in the place of an agent that could not be made: it does not come to the table."""

    def __init__(self, fault: AgentFault, seats: tuple[str, ...], isolation: str) -> None:
        self.seats, self.isolation, self.cpu_s = seats, isolation, 0.0
        self._status, self._message, self._log = fault.status, fault.message, fault.log

    def begin(self, seating: Seating) -> NoReturn:
        """Raise what went wrong when the agent was made."""
        raise AgentFault(self._status, self._message, self._log)

    def act(self, timestep: TimeStep, memory: Memory) -> NoReturn:
        """Raise what went wrong when the agent was made."""
        raise AgentFault(self._status, self._message, self._log)


def seat_under_referees(players: Mapping[str, Policy], spec: ArenaSpec, *, patient: bool = False) -> dict[str, Policy]:
    """Seat -> its player under a referee; the referees of one table know of each other's faults."""
    spoiled: dict[int, Tensor] = {}
    return {
        seat: Refereed(player, spec.seats[seat], patient=patient, spoiled=spoiled) for seat, player in players.items()
    }


def fouls_of(players: Mapping[str, Policy]) -> dict[str, Fouls]:
    """Seat -> what it did wrong, for the seats under a referee."""
    known = {seat: player.fouls for seat, player in players.items() if isinstance(player, Refereed)}
    return {seat: fouls for seat, fouls in known.items() if fouls is not None}


def _legal(value: Tensor, timestep: TimeStep) -> Tensor:
    """Whether each row's number is that of a legal action, bool [B]."""
    mask = timestep.action_mask
    assert mask is not None  # every seat with discrete actions has one
    number = value.long().clamp(0, mask.shape[-1] - 1)
    return (number == value) & mask.gather(-1, number.unsqueeze(-1)).squeeze(-1)


def _offence(value: Tensor, legal: Tensor, timestep: TimeStep) -> str:
    """What is wrong with the first of the rows that are not legal, bool [B]."""
    row = int((~legal).long().argmax())
    if timestep.action_mask is None:
        return "an action with a number that is not finite"
    allowed = timestep.action_mask[row].nonzero().squeeze(-1).tolist()
    named = ", ".join(map(str, allowed[:_NAMED])) + (", ..." if len(allowed) > _NAMED else "")
    return f"illegal action {float(value[row]):g}; legal are {named}"


def _mended(value: Tensor, legal: Tensor, timestep: TimeStep) -> Tensor:
    """`value` with the first legal action, or no movement, where it is not `legal`."""
    if timestep.action_mask is None:
        return value.where(legal.unsqueeze(-1), 0.0)
    return value.where(legal, timestep.action_mask.long().argmax(-1)).long()
