"""Laws at borders: needs are declared (9), and what leaves the process is tensors and numbers (10)."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from contextlib import suppress

import torch
from torch import Tensor

from agents.protocol import Agent, Seating, State, missing_words
from agents.randomness import derive_rows
from arenas.protocol import WORDS, Arena, ArenaSpec, SeatSpec, TimeStep
from zoo.check.acting import GENERAL, illegal
from zoo.check.data import difference
from zoo.check.rules import ROWS
from zoo.check.subject import Specimen, follow, unlike
from zoo.check.verdict import Faults, one_line
from zoo.entry import checkpoint
from zoo.entry.entrant import read_entrant
from zoo.errors import UserError
from zoo.play.table import Sight


def needs_are_declared(subject: Specimen) -> Faults:
    """9: its words are known, an arena that lacks one of them refuses it, and it needs no word beyond them."""
    agent = subject.entry.agent
    for name, words in (("needs", agent.needs), ("needs_to_learn", agent.needs_to_learn)):
        if not isinstance(words, frozenset):
            yield f"{name} is of type {type(words).__name__}, expected a frozenset such as frozenset({{'discrete'}})"
        for word in sorted(words - WORDS.keys() - subject.spec.offers):
            yield f"{name} has the word {word!r}, which no arena offers; known: {', '.join(sorted(WORDS))}"
    for word in sorted(agent.needs):
        try:
            poorer, name = _without(subject.arena, word), subject.spec.name
            read_entrant(subject.text, poorer, name, learning=True, entry=subject.entry)
        except UserError as error:
            if word not in str(error):
                yield f"the refusal in an arena without {word!r} does not name that word: {error}"
        else:
            yield f"it is not refused in an arena without {word!r}"
    for word in sorted(subject.needs - set(missing_words(agent, frozenset(), learning=True))):
        yield f"no arena refuses it for want of {word!r}"
    yield from _undeclared(subject)


def _without(arena: Arena, word: str) -> Arena:
    """The same arena, offering one word less."""
    poorer = copy.copy(arena)
    poorer.spec = dataclasses.replace(arena.spec, offers=arena.spec.offers - {word})
    return poorer


def _undeclared(subject: Specimen) -> Iterator[str]:
    """An agent that names no kind of action must play both kinds, unless it knows one family of games only."""
    kinds = {"discrete": SeatSpec((5,), 3), "continuous": SeatSpec((5,), 0, action_dim=2)}
    if subject.entry.agent.needs & kinds.keys() or not subject.entry.agent.needs <= GENERAL:
        return
    for word, seat in kinds.items():
        offers = subject.spec.offers - kinds.keys() | {word}
        spec = ArenaSpec("made-up-v1", {"one": seat, "two": seat}, "mixed", 4, 0.9, offers)
        try:
            fault = next(_cannot_play(subject.entry.agent.make(spec, ("one",), subject.config, 1), seat), None)
        except Exception as error:
            fault = one_line(error)
        if fault:
            yield f"it cannot play {word} actions ({fault}), and needs does not say which it plays: add the word"


def _cannot_play(agent: Agent, seat: SeatSpec) -> Iterator[str]:
    """What is wrong with the first action of seat "one" in a made-up game."""
    zeros, yes = torch.zeros(ROWS), torch.ones(ROWS, dtype=torch.bool)
    mask = torch.ones(ROWS, seat.actions, dtype=torch.bool) if seat.actions else None
    step = TimeStep(torch.zeros(ROWS, *seat.observation), mask, zeros, zeros + 1, yes, ~yes, yes)
    luck = derive_rows(1, ROWS)
    action, _ = agent.act(step, agent.begin(Seating("one", luck, luck)))
    yield from illegal(action, step, seat, action.extras.keys())


def only_numbers_leave(subject: Specimen) -> Faults:
    """10: states hold tensors only, metrics numbers only, and both states survive being saved and loaded."""
    for agent in subject.team().values():
        yield from _wrong_state(agent)
    for metrics in subject.teach(subject.team(), subject.rounds):
        for name, number in metrics.items():
            if not isinstance(number, int | float):
                yield f"learn returned the metric {name!r} of type {type(number).__name__}: metrics are plain numbers"
    agent = subject.make(tuple(subject.spec.seats)[:1])
    for what in ("acting_state", "learning_state"):
        state: State = getattr(agent, what)()
        with suppress(ValueError):  # refused, as it should be
            getattr(agent, f"load_{what}")({**state, "no/such/name": torch.zeros(1)})
            mend = "raise ValueError, as agents.protocol.load_exactly does"
            yield f"load_{what} took a name that the agent lacks: {mend}"
    sights = subject.sights()
    for sight in (sights[0], sights[-1]) if subject.rounds else sights[:1]:  # what it infers survives too
        yield from _does_not_survive(subject, sight)


def _wrong_state(agent: Agent) -> Iterator[str]:
    acting, learning = agent.acting_state(), agent.learning_state()
    for name, state in (("acting_state", acting), ("learning_state", learning)):
        for key, leaf in state.items():
            if not isinstance(leaf, Tensor):
                yield f"{name}()[{key!r}] is of type {type(leaf).__name__}: a state dict holds tensors only"
    for key in acting:
        if key.partition("/")[0] not in agent.seats:
            yield f"acting_state() has the name {key!r}, expected SEAT/NAME with a seat of {', '.join(agent.seats)}"
        if key not in learning:
            yield f"learning_state() lacks {key!r}, which acting_state() has: it is all of that and what learns"


def _saved(state: State) -> State:
    """A state as it comes back from a file."""
    return checkpoint.from_bytes(checkpoint.to_bytes(state), "its state")


def _does_not_survive(subject: Specimen, sight: Sight) -> Iterator[str]:
    """Save and load what plays, then what learns; a loaded agent of another seed goes on as the first one does."""
    rounds = subject.rounds
    team, players, pupils = subject.team(1), subject.team(2), subject.team(3)
    subject.teach(team, rounds, sight=sight)
    for seat, agent in team.items():
        players[seat].load_acting_state(_saved(agent.acting_state()))
        pupils[seat].load_learning_state(_saved(agent.learning_state()))
    game = subject.game(19)
    first, player, pupil = (follow(table, game) for table in (team, players, pupils))
    if where := unlike(first, player):
        yield f"with acting_state saved and loaded it plays otherwise ({where}): it must hold all that plays"
    if where := unlike(first, pupil):
        yield f"with learning_state saved and loaded it plays otherwise ({where})"
    for table in (team, pupils):
        subject.teach(table, rounds, first=rounds, sight=sight)
    for seat, agent in team.items():
        if where := difference(agent.learning_state(), pupils[seat].learning_state()):
            yield (
                f"with learning_state saved and loaded it goes on learning otherwise ({where}): it must hold all that"
                " the next update depends on (optimiser, buffers, counters, targets)"
            )
