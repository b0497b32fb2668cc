"""Laws of play: what it may do (0), what it sees (1), where its state is (2), rows (4), memory (6)."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from agents.randomness import derive_rows
from arenas.luck import bits
from arenas.protocol import Action, SeatSpec, TimeStep
from zoo.check.data import clone, difference, leaves
from zoo.check.rules import ROWS
from zoo.check.subject import Game, Specimen, follow, unlike
from zoo.check.verdict import Faults

#: Words that any game may offer. An agent that needs another word knows the rules of one family of games. Masks there
#: forbid nothing, so such an agent is shown no made-up masks.
GENERAL = frozenset({"discrete", "continuous", "channel", "common", "state", "simulator", "value", "joint", "policies"})
TOLERANCE = 1e-5  # between continuous actions of batches of different size


def plays_legally(subject: Specimen) -> Faults:
    """0: actions are of the right type, shape and range, respect masks, and carry extras with a row per copy."""
    for seat in subject.first_seats():
        for variant, what in _variants(subject, subject.game(3), seat):
            play = follow({seat: subject.make((seat,))}, variant)
            names = play.actions[0][seat].extras.keys()
            for t, (steps, actions) in enumerate(zip(variant.moments, play.actions, strict=True)):
                for fault in illegal(actions[seat], steps[seat], subject.spec.seats[seat], names):
                    yield f"act in seat {seat}, {what}, moment {t}: {fault}"


def _variants(subject: Specimen, game: Game, seat: str) -> Iterator[tuple[Game, str]]:
    """The game as it was; with half of the rows inactive; and with masks that forbid at random."""
    yield game, "in a plain game"
    shown = [steps[seat] for steps in game.moments]
    yield game.seats({seat: [_absent(step, t) for t, step in enumerate(shown)]}), "with rows that are inactive"
    forbids = any(step.action_mask is not None and not bool(step.action_mask.all()) for step in shown)
    masks = shown[0].action_mask is not None and (forbids or not subject.own_game)
    if masks and subject.needs <= GENERAL:
        yield game.seats({seat: [_masked(step, t) for t, step in enumerate(shown)]}), "with masks that forbid actions"


def _absent(step: TimeStep, t: int) -> TimeStep:
    """Every other row dead: it sees zeros and may do anything."""
    gone = torch.arange(len(step.reward), device=step.reward.device) % 2 == t % 2
    alive = (~gone).float().view(-1, *[1] * (step.observation.dim() - 1))
    mask = None if step.action_mask is None else step.action_mask | gone.unsqueeze(1)
    return step._replace(observation=step.observation * alive, action_mask=mask, active=step.active & ~gone)


def _masked(step: TimeStep, t: int) -> TimeStep:
    """About half of the actions forbidden in every active row, never all of them."""
    assert step.action_mask is not None
    copies, width = step.action_mask.shape
    luck = bits(derive_rows(t, copies * width, "mask"), t).view(copies, width).to(step.reward.device)
    allowed = (luck > 0) | (luck == luck.amax(-1, keepdim=True))
    return step._replace(action_mask=torch.where(step.active.unsqueeze(1), allowed, True))


def illegal(action: Any, step: TimeStep, seat: SeatSpec, extras: Any) -> Iterator[str]:
    """What is wrong with an action.

    Args:
        action: what `act` returned.
        step: what the seat was shown.
        seat: the seat's spec.
        extras: names that every action's extras should have.
    """
    copies = len(step.reward)
    if not isinstance(action, Action):
        yield f"it returned {type(action).__name__} in place of an arenas.protocol.Action"
    if not isinstance(action.value, Tensor):
        yield f"the value is {type(action.value).__name__}, expected a tensor"
    type_, shape = (torch.long, (copies,)) if seat.actions else (torch.float32, (copies, seat.action_dim))
    if action.value.dtype != type_ or action.value.shape != shape:
        yield f"the value is {action.value.dtype} {list(action.value.shape)}, expected {type_} {list(shape)}"
    if seat.actions:
        if not ((action.value >= 0) & (action.value < seat.actions)).all():
            yield f"an action is outside 0 .. {seat.actions - 1}"
        if step.action_mask is not None and not step.action_mask.gather(1, action.value.unsqueeze(1)).all():
            yield "a forbidden action was taken: give it probability 0 where timestep.action_mask is False"
    elif not ((action.value >= -1) & (action.value <= 1)).all():
        yield "a number is outside [-1, 1] or not finite: squash or clamp the value, the arena scales it"
    said = action.message  # who never speaks sends none
    if seat.message_dim and said is not None and said.shape != (copies, seat.message_dim):
        yield f"its message should be float32 [{copies}, {seat.message_dim}], or none"
    if action.extras.keys() != extras:
        yield f"extras {sorted(action.extras)} differ from the first moment's {sorted(extras)}: always send the same"
    for name, note in action.extras.items():
        if not isinstance(note, Tensor) or note.dim() == 0 or len(note) != copies:
            yield f"extras[{name!r}] should be a tensor [B, ...] with a row per copy"


def act_sees_a_seat(subject: Specimen) -> Faults:
    """1: `act` takes a time step and a memory, and what other seats see does not reach it; `learn` sees the table."""
    for name, expected in (("begin", "seating"), ("act", "timestep, memory"), ("learn", "joint, context")):
        parameters = list(inspect.signature(getattr(subject.entry.agent, name)).parameters)[1:]
        if len(parameters) != expected.count(",") + 1:
            yield f"{name}(self, {', '.join(parameters)}) should be {name}(self, {expected}) and take nothing else"
    game, stranger = subject.game(4), subject.game(5)
    plain = follow(subject.team(), game)
    for seat in subject.spec.seats:
        others = [other for other in subject.spec.seats if other != seat]
        changed = game.seats({other: [steps[other] for steps in stranger.moments] for other in others})
        if where := unlike(plain, follow(subject.team(), changed), seat):
            yield (
                f"act plays otherwise ({where}) when only the other seats' time steps are changed: all that it knows"
                " must come from its own time step and memory"
            )


def memory_is_the_only_state(subject: Specimen) -> Faults:
    """2: same time step and memory, same action; interleaved games stay apart; neither is changed by `act`."""
    for seat in subject.first_seats():
        for look in (_untouched, _repeats, _interleaves):
            for fault in look(subject, seat):
                yield f"act in seat {seat} {fault}"


def _untouched(subject: Specimen, seat: str) -> Iterator[str]:
    agent, game = subject.make((seat,)), subject.game(6)
    memory = agent.begin(game.seatings[seat])
    for steps in game.moments:
        before, shown = clone(memory), clone(steps[seat])
        _, following = agent.act(steps[seat], memory)
        if where := difference(before, memory):
            yield f"changed memory{where} in place: return a new dict, as in {{**memory, 'step': memory['step'] + 1}}"
        if where := difference(shown, steps[seat]):
            yield f"wrote into timestep{where}: it belongs to the arena"
        memory = following


def _repeats(subject: Specimen, seat: str) -> Iterator[str]:
    """The same moments again, backwards, so that something else was always played in between."""
    agent, game = subject.make((seat,)), subject.game(6)
    play = follow({seat: agent}, game)
    for t in reversed(range(len(game.moments))):
        again = agent.act(game.moments[t][seat], play.memories[t][seat])
        if difference(again, (play.actions[t][seat], play.memories[t + 1][seat])):
            yield (
                f"gave another action or memory for the same time step and memory (moment {t}, asked again): keep all"
                " state in the memory, and draw from memory['seed'] and memory['step']"
            )


def _interleaves(subject: Specimen, seat: str) -> Iterator[str]:
    games = [subject.game(6), subject.game(7)]
    alone = [follow({seat: subject.make((seat,))}, game) for game in games]
    shared = subject.make((seat,))
    memories = [shared.begin(game.seatings[seat]) for game in games]
    for t in range(len(games[0].moments)):
        for number, game in enumerate(games):
            action, memories[number] = shared.act(game.moments[t][seat], memories[number])
            if difference(action, alone[number].actions[t][seat]):
                yield f"played otherwise at moment {t} with another game in between: keep nothing on self"


def rows_are_strangers(subject: Specimen) -> Faults:
    """4: any batch size; what happens in one row changes no other; rows may change places."""
    batch, double = list(range(ROWS)), subject.game(8, copies=2 * ROWS)
    others = [b for b in batch if b != 3]
    changed = [ROWS + b if b == 3 else b for b in batch]
    turned = [(5 * b + 2) % ROWS for b in batch]
    # rows that play, which of their rows must play like which rows of the whole batch, and what it means otherwise.
    plays = [
        *(([b], [0], [b], f"row {b} of a batch of {ROWS} plays otherwise alone (B = 1)") for b in batch),
        (changed, others, others, "a change in row 3 changed another row's action"),
        (turned, batch, turned, "rows that change places play otherwise"),
    ]
    for seat in subject.first_seats():

        def play(index: list[int], seat: str = seat) -> Tensor:
            done = follow({seat: subject.make((seat,))}, double.rows(index)).actions
            return torch.stack([_value_and_message(actions[seat]) for actions in done])

        whole = play(batch)
        for index, its, like, fault in plays:
            alike = ((play(index)[:, its] - whole[:, like]).abs() <= TOLERANCE).flatten(1).all(1)
            if not alike.all():
                where = f"at moment {alike.tolist().index(False)}"
                mend = "compute and draw every row by itself (luck from memory['seed'])"
                yield f"act in seat {seat}: {fault}, {where}: {mend}"


def _value_and_message(action: Action) -> Tensor:
    """Numbers [B, ...] that the others and the arena can notice."""
    value = action.value.double().flatten(1) if action.value.dim() > 1 else action.value.double().unsqueeze(1)
    return value if action.message is None else torch.cat((value, action.message.double()), dim=1)


def memory_is_data(subject: Specimen) -> Faults:
    """6: every leaf of a memory is a tensor [B, ...] or a number, and rows of it can be taken."""
    for t, memories in enumerate(follow(subject.team(), subject.game(9)).memories):
        for seat, memory in memories.items():
            if not isinstance(memory, dict):
                yield f"the memory of seat {seat} is {type(memory).__name__}, expected a dict"
            for path, leaf in leaves(memory):
                if fault := _no_data(leaf):
                    when = "begin" if t == 0 else f"act, moment {t - 1},"
                    yield f"after {when} memory{path} of seat {seat} {fault}"


def _no_data(leaf: Any) -> str | None:
    if isinstance(leaf, Tensor):
        if leaf.dim() == 0 or len(leaf) != ROWS:
            return f"is a tensor {list(leaf.shape)}, expected [{ROWS}, ...] with a row per copy (or a plain number)"
        return None
    if isinstance(leaf, bool | int | float):
        return None
    return f"is of type {type(leaf).__name__}: only tensors [B, ...] and numbers can be saved, cut and sent"
