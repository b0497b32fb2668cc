"""Is what an arena says of itself true? Each function yields what is wrong with a spec or a record, if anything."""

from __future__ import annotations

import math
import re
import typing
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from arenas.protocol import WORDS, Arena, ArenaSpec, Kind, SeatSpec, TimeStep
from zoo.check.rules import ROWS, Record

#: Words that the spec itself can vouch for.
_PROMISES: dict[str, Callable[[ArenaSpec], bool]] = {
    "discrete": lambda spec: all(seat.actions > 0 for seat in spec.seats.values()),
    "continuous": lambda spec: all(not seat.actions and seat.action_dim > 0 for seat in spec.seats.values()),
    "channel": lambda spec: any(seat.message_dim for seat in spec.seats.values()),
    "common": lambda spec: bool(spec.groups),
    "hands": lambda spec: spec.hands is not None,
    "state": lambda spec: bool(spec.state_dim),
    "symmetries": lambda spec: bool(spec.symmetries),
}


def wrong_spec(arena: Arena) -> Iterator[str]:
    """What is wrong with an arena's spec."""
    spec = arena.spec
    own_name = re.sub(r"-v\d+$", "", spec.name)
    if not hasattr(arena, "package") and own_name == spec.name:
        yield f"the name {spec.name!r} has no version: a changed rule is a new version, as in {spec.name}-v1"
    if not spec.seats:
        yield "it has no seats"
    if spec.kind not in typing.get_args(Kind):
        yield f"kind is {spec.kind!r}, expected one of {', '.join(typing.get_args(Kind))}"
    if spec.max_steps < 1 or not 0 <= spec.gamma <= 1:
        yield f"max_steps must be at least 1 and gamma in [0, 1], they are {spec.max_steps} and {spec.gamma}"
    known = WORDS.keys() | {own_name}
    for word in sorted(spec.offers - known):
        yield f"offers has the word {word!r}; known are the protocol's and the game's own: {', '.join(sorted(known))}"
    for word, true in _PROMISES.items():
        if (word in spec.offers) != true(spec):
            offered, has = ("is", "has none") if word in spec.offers else ("is not", "has it")
            yield f"{word!r} {offered} in offers ({WORDS[word]}), but its spec {has}"
    if spec.known.keys() != spec.groups.keys():
        yield f"known must say how many numbers each group is told: it names {[*spec.known]}, groups {[*spec.groups]}"
    for group, members in spec.groups.items():
        if not set(members) <= spec.seats.keys():
            yield f"group {group!r} has members that are no seats: {', '.join(members)}"
    yield from wrong_symmetries(spec)


def wrong_symmetries(spec: ArenaSpec) -> Iterator[str]:
    """What is wrong with the renamings that a spec tells of: each part puts every place of its numbers somewhere."""
    sizes = {
        "sees": {seat: math.prod(of.observation) for seat, of in spec.seats.items()},
        "does": {seat: of.actions for seat, of in spec.seats.items()},
        "known": spec.known,
    }
    for number, symmetry in enumerate(spec.symmetries):
        parts = [(what, whose, order) for what in sizes for whose, order in getattr(symmetry, what).items()]
        for what, whose, order in [*parts, *([("state", "", symmetry.state)] if symmetry.state else [])]:
            size = spec.state_dim if what == "state" else sizes[what].get(whose, 0)
            if sorted(order) != list(range(size)):
                yield f"symmetry {number}: {what} {whose} must say of each of {size} places where it stood"
        for seat, turned in symmetry.says.items():
            if seat not in spec.seats or len(turned) != spec.seats[seat].message_dim:
                yield f"symmetry {number}: says {seat} must have a number for each bit of a seat's message"


def wrong_record(spec: ArenaSpec, record: Record) -> Iterator[str]:
    """What is wrong with what a game showed to each seat at each moment."""
    for t, (moment, state) in enumerate(zip(record.moments, record.states, strict=True)):
        if moment.keys() != spec.seats.keys():
            yield f"moment {t}: time steps for {', '.join(moment)}, expected {', '.join(spec.seats)}"
        for seat, step in moment.items():
            for fault in wrong_step(step, spec.seats[seat], spec):
                yield f"moment {t}, seat {seat}: {fault}"
        for fault in wrong_common(moment, spec):
            yield f"moment {t}: {fault}"
        shown = None if state is None else f"{state.dtype} {list(state.shape)}"
        expected = f"{torch.float32} {[ROWS, spec.state_dim]}" if spec.state_dim else None
        if shown != expected:
            yield f"moment {t}: the global state is {shown}, but state_dim is {spec.state_dim}: expected {expected}"


def wrong_common(moment: Mapping[str, TimeStep], spec: ArenaSpec) -> Iterator[str]:
    """What is wrong with what groups of seats know in common at a moment."""
    for seat, step in moment.items():
        mine = [group for group, members in spec.groups.items() if seat in members]
        if [*step.common] != mine:
            yield f"seat {seat} is told what {[*step.common]} know in common, but it is in the groups {mine}"
            return
    for group, members in spec.groups.items():
        told = [moment[member].common[group] for member in members]
        expected = (ROWS, spec.known[group])
        if any(known.shape != expected or known.dtype != torch.float32 for known in told):
            shape = f"{told[0].dtype} {list(told[0].shape)}"
            yield f"group {group!r} is told {shape}, expected {torch.float32} {[*expected]}"
            continue
        if any(not torch.equal(known, told[0]) for known in told[1:]):
            yield f"the members of group {group!r} are told different things: then it is not common knowledge"
        at = 1
        for member in members:
            legal, mask = told[0][:, at : at + spec.seats[member].actions] > 0, moment[member].action_mask
            at += spec.seats[member].actions
            if mask is not None and (legal & ~mask).any():
                yield f"group {group!r} is told that {member} may take an action which is not legal"


def wrong_clock(spec: ArenaSpec, record: Record) -> Iterator[str]:
    """What is wrong with the episodes of a game with autoreset.

    An episode begins at the start and after each end, and nowhere else; for all seats at once; none is too long.
    """
    age = torch.zeros(ROWS, dtype=torch.long)  # steps since the episode began
    for t, moment in enumerate(record.moments):
        steps = list(moment.values())
        for step in steps[1:]:
            if not torch.equal(step.first, steps[0].first) or not torch.equal(step.last, steps[0].last):
                yield f"moment {t}: seats disagree about first or last: an episode begins and ends for all of them"
        if not torch.equal(steps[0].first, age == 0):
            yield f"moment {t}: first must be True at the start and on the step after last, and nowhere else"
        age = torch.where(steps[0].last, 0, age + 1)
        if (age > spec.max_steps).any():
            yield f"an episode is longer than max_steps = {spec.max_steps}: set last, with discount 1 if time ran out"


def wrong_step(step: TimeStep, seat: SeatSpec, spec: ArenaSpec) -> Iterator[str]:
    """What is wrong with one seat's time step in `ROWS` copies."""
    expected: list[tuple[str, Tensor | None, torch.dtype, tuple[int, ...]]] = [
        ("observation", step.observation, torch.float32, seat.observation),
        ("reward", step.reward, torch.float32, ()),
        ("discount", step.discount, torch.float32, ()),
        ("first", step.first, torch.bool, ()),
        ("last", step.last, torch.bool, ()),
        ("active", step.active, torch.bool, ()),
    ]
    if seat.actions:
        expected.append(("action_mask", step.action_mask, torch.bool, (seat.actions,)))
    if "channel" in spec.offers:
        width = max(other.message_dim for other in spec.seats.values())
        expected.append(("messages", step.messages, torch.float32, (len(spec.seats), width)))
        expected.append(("audible", step.audible, torch.bool, (len(spec.seats),)))
    for name, tensor, dtype, shape in expected:
        if not isinstance(tensor, Tensor) or tensor.dtype != dtype or tensor.shape != (ROWS, *shape):
            got = f"{tensor.dtype} {list(tensor.shape)}" if isinstance(tensor, Tensor) else repr(tensor)
            yield f"{name} is {got}, expected {dtype} {[ROWS, *shape]}"
    low, high = seat.bounds
    seen = step.observation
    if not (seen.isfinite().all() and (seen >= low).all() and (seen <= high).all()):
        yield f"an observation is not finite or outside its bounds [{low}, {high}]"
    if "one-hot" in spec.offers and ((seen > 0).sum(-1) != 1).any() | (seen.sum(-1) != 1).any():
        yield "an observation is not one 1 among zeros, though 'one-hot' is in offers"
    if not step.reward.isfinite().all() or not ((step.discount >= 0) & (step.discount <= 1)).all():
        yield "a reward is not finite, or a discount outside [0, 1]"
    if step.reward[step.first].count_nonzero() or (step.discount[step.first] != 1).any():
        yield "reward must be 0 and discount 1 where first: no step led there"
    if (step.active & step.last).any():
        yield "a row is active where its episode is over (last)"
    if step.action_mask is not None and not step.action_mask[~step.active].all():
        yield "an action is forbidden in a row that is not active, where the action is ignored"
    if step.action_mask is not None and not step.action_mask.any(-1).all():
        yield "no action at all is legal"
