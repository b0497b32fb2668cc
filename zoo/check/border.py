"""Laws at borders: needs are declared (9), and what leaves the process is tensors and numbers (10)."""

from __future__ import annotations

import copy
import dataclasses
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from agents.protocol import Agent, Seating, State, missing_words
from agents.randomness import derive_rows
from arenas.protocol import WORDS, Arena, ArenaSpec, SeatSpec, TimeStep
from zoo.check.acting import GENERAL, illegal
from zoo.check.data import difference
from zoo.check.subject import ROWS, Specimen, follow, unlike
from zoo.check.verdict import Verdict, judge, one_line
from zoo.entry import checkpoint
from zoo.entry.entrant import read_entrant
from zoo.errors import UserError
from zoo.play.table import Sight


def needs_are_declared(subject: Specimen) -> Verdict:
    """9: its words are known, an arena that lacks one of them refuses it, and it needs no word beyond them."""
    return judge(_unknown_word(subject) or _not_refused(subject) or _undeclared(subject))


def _unknown_word(subject: Specimen) -> str | None:
    agent = subject.entry.agent
    for name, words in (("needs", agent.needs), ("needs_to_learn", agent.needs_to_learn)):
        if not isinstance(words, frozenset):
            return f"{name} is of type {type(words).__name__}, expected a frozenset such as frozenset({{'discrete'}})"
        unknown = sorted(words - WORDS.keys() - subject.spec.offers)
        if unknown:
            return f"{name} has the word {unknown[0]!r}, which no arena offers; known: {', '.join(sorted(WORDS))}"
    return None


def _not_refused(subject: Specimen) -> str | None:
    for word in sorted(subject.entry.agent.needs):
        try:
            read_entrant(subject.texts[0], _without(subject.arena, word), subject.spec.name, learning=True)
        except UserError as error:
            if word not in str(error):
                return f"the refusal in an arena without {word!r} does not name that word: {error}"
        else:
            return f"it is not refused in an arena without {word!r}"
    unnoticed = sorted(subject.needs - set(missing_words(subject.entry.agent, frozenset(), learning=True)))
    return f"no arena refuses it for want of {unnoticed[0]!r}" if unnoticed else None


def _without(arena: Arena, word: str) -> Arena:
    """The same arena, offering one word less."""
    poorer = copy.copy(arena)
    poorer.spec = dataclasses.replace(arena.spec, offers=arena.spec.offers - {word})
    return poorer


def _undeclared(subject: Specimen) -> str | None:
    """An agent that names no kind of action must play both kinds, unless it knows one family of games only."""
    kinds = {"discrete": SeatSpec((5,), 3), "continuous": SeatSpec((5,), 0, action_dim=2)}
    if subject.entry.agent.needs & kinds.keys() or not subject.entry.agent.needs <= GENERAL:
        return None
    for word, seat in kinds.items():
        offers = subject.spec.offers - kinds.keys() | {word}
        spec = ArenaSpec("made-up-v1", {"one": seat, "two": seat}, "mixed", 4, 0.9, offers)
        try:
            fault = _cannot_play(subject.entry.agent.make(spec, ("one",), subject.config, 1), seat)
        except Exception as error:
            fault = one_line(error)
        if fault:
            return f"it cannot play {word} actions ({fault}), and needs does not say which it plays: add the word"
    return None


def _cannot_play(agent: Agent, seat: SeatSpec) -> str | None:
    """What is wrong with the first action of seat "one" in a made-up game."""
    zeros, yes = torch.zeros(ROWS), torch.ones(ROWS, dtype=torch.bool)
    mask = torch.ones(ROWS, seat.actions, dtype=torch.bool) if seat.actions else None
    step = TimeStep(torch.zeros(ROWS, *seat.observation), mask, zeros, zeros + 1, yes, ~yes, yes)
    luck = derive_rows(1, ROWS)
    action, _ = agent.act(step, agent.begin(Seating("one", luck, luck)))
    return illegal(action, step, seat, action.extras.keys())


def only_numbers_leave(subject: Specimen) -> Verdict:
    """10: states hold tensors only, metrics numbers only, and both states survive being saved and loaded."""
    fault = _wrong_state(subject) or _wrong_metric(subject) or _takes_anything(subject)
    sights = subject.sights()
    for sight in (sights[0], sights[-1]) if subject.rounds else sights[:1]:  # what it infers survives too
        fault = fault or _does_not_survive(subject, sight)
    return judge(fault)


def _wrong_state(subject: Specimen) -> str | None:
    for agent in subject.team().values():
        acting, learning = agent.acting_state(), agent.learning_state()
        for name, state in (("acting_state", acting), ("learning_state", learning)):
            for key, leaf in state.items():
                if not isinstance(leaf, Tensor):
                    return f"{name}()[{key!r}] is of type {type(leaf).__name__}: a state dict holds tensors only"
        for key in acting:
            if key.partition("/")[0] not in agent.seats:
                return (
                    f"acting_state() has the name {key!r}, expected SEAT/NAME with a seat of {', '.join(agent.seats)}"
                )
            if key not in learning:
                return f"learning_state() lacks {key!r}, which acting_state() has: it is all of that and what learns"
    return None


def _wrong_metric(subject: Specimen) -> str | None:
    for metrics in subject.teach(subject.team(), subject.rounds):
        for name, number in metrics.items():
            if not isinstance(number, int | float):
                return f"learn returned the metric {name!r} of type {type(number).__name__}: metrics are plain numbers"
    return None


def _takes_anything(subject: Specimen) -> str | None:
    agent = subject.make(tuple(subject.spec.seats)[:1])
    for what in ("acting_state", "learning_state"):
        state: State = getattr(agent, what)()
        try:
            getattr(agent, f"load_{what}")({**state, "no/such/name": torch.zeros(1)})
        except ValueError:
            continue  # refused, as it should be
        return f"load_{what} took a name that the agent lacks: raise ValueError, as agents.protocol.load_exactly does"
    return None


def _does_not_survive(subject: Specimen, sight: Sight) -> str | None:
    """Save and load what plays, then what learns; a loaded agent of another seed goes on as the first one does."""
    rounds = subject.rounds
    team, players, pupils = subject.team(1), subject.team(2), subject.team(3)
    subject.teach(team, rounds, sight=sight)
    with tempfile.TemporaryDirectory() as folder:
        for seat, agent in team.items():
            file = Path(folder) / checkpoint.WEIGHTS
            checkpoint.write_tensors(file, agent.acting_state())
            players[seat].load_acting_state(checkpoint.read_tensors(file))
            checkpoint.write_tensors(file, agent.learning_state())
            pupils[seat].load_learning_state(checkpoint.read_tensors(file))
    game = subject.game(19)
    first, player, pupil = (follow(table, game) for table in (team, players, pupils))
    if where := unlike(first, player):
        return f"with acting_state saved and loaded it plays otherwise ({where}): it must hold all that plays"
    if where := unlike(first, pupil):
        return f"with learning_state saved and loaded it plays otherwise ({where})"
    subject.teach(team, rounds, first=rounds, sight=sight)
    subject.teach(pupils, rounds, first=rounds, sight=sight)
    for seat, agent in team.items():
        if where := difference(agent.learning_state(), pupils[seat].learning_state()):
            return (
                f"with learning_state saved and loaded it goes on learning otherwise ({where}): it must hold all that"
                " the next update depends on (optimiser, buffers, counters, targets)"
            )
    return None
