"""What the laws for agents are held against: an agent in an arena, both cut down to a size at which checks are quick.

Shapes: T moments, B copies.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from agents.protocol import (
    Agent,
    CannotLearn,
    DifferentiablePolicy,
    JointTrajectory,
    LearningContext,
    Memory,
    Policy,
    Seating,
)
from agents.randomness import derive, derive_rows
from agents.rollout import rollout
from arenas.protocol import Action, Arena, ArenaSpec, TimeStep, TimeSteps
from zoo.check.data import clone, difference, rows
from zoo.check.rules import ROWS, Players, act_all, begin, go_on, shortened, strangers
from zoo.check.stranger import Stranger
from zoo.entry.checkpoint import Checkpoint
from zoo.entry.entrant import Entrant
from zoo.entry.registry import AgentEntry, is_shipped, load_agent
from zoo.entry.settings import split
from zoo.entry.venue import ArenaChoice, Venue
from zoo.play.table import SIGHTS, Sight, cut, must_be_finite
from zoo.sandbox.source import Source

COPIES, STEPS = 8, 16  # of a round of learning
MOMENTS = 8  # of a game that is played along, in `ROWS` copies
LENGTH = 5  # steps of an episode where the arena lets us choose: a round then sees several ends
LARGEST = 32  # whole-number settings above it are cut to it: batches, buffers, layers, warm-ups
PATIENCE = 8  # rounds in which a learner should have learned something


@dataclass(frozen=True)
class Game:
    """A recorded game to play along: what every seat sees at each of T moments, and the luck that it gets.

    What the players do changes nothing, so two of them can be compared step by step.
    """

    moments: Sequence[TimeSteps]
    seatings: Mapping[str, Seating]

    def rows(self, index: Sequence[int]) -> Game:
        """The game of some copies, in that order."""
        moments = [{seat: rows(step, index) for seat, step in steps.items()} for steps in self.moments]
        lucks = {
            seat: dataclasses.replace(s, seed=s.seed[list(index)], team_seed=s.team_seed[list(index)])
            for seat, s in self.seatings.items()
        }
        return Game(moments, lucks)

    def seats(self, shown: Mapping[str, Sequence[TimeStep]]) -> Game:
        """The same game in which some seats see something else."""
        moments = [
            dict(steps) | {seat: series[t] for seat, series in shown.items()} for t, steps in enumerate(self.moments)
        ]
        return Game(moments, self.seatings)


@dataclass(frozen=True)
class Play:
    """What players of a recorded game did, and the memories that they had before each moment and at the end."""

    actions: list[dict[str, Action]]
    memories: list[dict[str, Memory]]


def follow(table: Players, game: Game) -> Play:
    """Play along: at every moment each seat acts, in the table's order."""
    memories = {seat: policy.begin(game.seatings[seat]) for seat, policy in table.items()}
    play = Play([], [memories])
    for steps in game.moments:
        actions, memories = act_all(table, steps, memories)
        play.actions.append(actions)
        play.memories.append(memories)
    return play


def unlike(a: Play, b: Play, *seats: str) -> str | None:
    """The first moment and seat (of `seats`, or all) at which two plays of a game differ, or None."""
    for t, (one, two) in enumerate(zip(a.actions, b.actions, strict=True)):
        for seat in seats or one:
            if difference(one[seat], two[seat]):
                return f"seat {seat} at moment {t}"
    return None


class Lesson(NamedTuple):
    """What one agent learns from after a round."""

    agent: Agent
    seen: JointTrajectory
    context: LearningContext

    def learn(self) -> dict[str, float]:
        """Let the agent learn; returns its metrics.

        Raises:
            Diverged: its parameters are no longer finite.
        """
        metrics = self.agent.learn(self.seen, self.context)
        must_be_finite(self.agent, self.agent.acting_state(), f"update {self.context.update}")
        return metrics


@dataclass(frozen=True)
class Specimen:
    """An agent class with a config, and an arena that it can play; `text` is the agent as it was typed.

    `elsewhere` gives its fingerprint in another process where this one can start none. With `own_game` it is held
    against the masks of this game, and not against made-up ones of games that it will never see. With a `checkpoint`
    it is what plays with those weights, and learns no more.
    """

    text: str
    entry: AgentEntry
    config: Any
    venue: Venue
    elsewhere: Callable[[], Any] | None = None
    own_game: bool = False
    checkpoint: Checkpoint | None = None

    @property
    def arena(self) -> Arena:
        """The arena with `COPIES` copies."""
        return self.venue.arena(COPIES)

    @property
    def spec(self) -> ArenaSpec:
        """The arena's spec."""
        return self.venue.spec

    @property
    def needs(self) -> frozenset[str]:
        """All that the agent needs to play and to learn."""
        return frozenset(self.entry.agent.needs) | frozenset(self.entry.agent.needs_to_learn)

    def make(self, seats: tuple[str, ...], seed: int = 1) -> Agent:
        """A fresh agent for some seats."""
        agent = self.entry.agent.make(self.spec, seats, self.config, seed)
        if self.checkpoint is not None:
            agent.load_acting_state(self.checkpoint.state_for(seats, self.spec))
        return agent

    def team(self, seed: int = 1) -> dict[str, Agent]:
        """Seat -> agent of the class for every seat; objects own seats as the class says."""
        entrant = Entrant(self.entry.name, self.entry, self.config, self.checkpoint)
        return entrant.agents(self.spec, tuple(self.spec.seats), seed)

    def first_seats(self) -> list[str]:
        """One seat of each side."""
        return [seats[0] for seats in self.spec.sides().values()]

    def singles(self, seed: int = 1) -> dict[str, Agent]:
        """Seat -> agent of the class for every seat, each an object of its own."""
        return {seat: self.make((seat,), derive(seed, seat)) for seat in self.spec.seats}

    def seatings(self, seed: int, copies: int, *, training: bool = False) -> dict[str, Seating]:
        """Luck for every seat; the luck of a row depends on its number only."""
        team = derive_rows(seed, copies, "team")
        return {s: Seating(s, derive_rows(seed, copies, "seat", s), team, training) for s in self.spec.seats}

    def game(self, seed: int, *, copies: int = ROWS, training: bool = False) -> Game:
        """A game of strangers, `MOMENTS` long: past an episode's end where the arena lets that be short.

        With `training` its seats are those of a learner, unless this one only plays here (`only_plays`).
        """
        training = training and not self.only_plays
        arena, seatings = self.venue.arena(copies), self.seatings(seed, copies, training=training)
        table = strangers(arena, seed=seed)
        start = begin(arena, derive_rows(seed, copies, "game"), table, seatings)
        return Game(go_on(arena, start, MOMENTS - 1, table).moments, seatings)

    def round(self, table: Players, seed: int) -> JointTrajectory:
        """A segment of `STEPS` steps in `COPIES` copies, as in training."""
        seatings = self.seatings(derive(seed, "luck"), COPIES, training=True)
        memories = {seat: policy.begin(seatings[seat]) for seat, policy in table.items()}
        steps, state = self.arena.reset(derive_rows(seed, COPIES, "round"))
        joint, _ = rollout(self.arena, table, memories, steps, STEPS, state)
        return joint

    def sights(self) -> tuple[Sight, ...]:
        """What of the others it may be shown when it learns, least first."""
        if "policies" in self.needs:
            return SIGHTS[2:]
        return SIGHTS[1:] if self.needs & {"joint", "state"} else SIGHTS

    def lessons(
        self, table: Players, rounds: int, *, seed: int = 11, first: int = 0, sight: Sight = SIGHTS[-1], order: int = 1
    ) -> Iterator[Lesson]:
        """Rounds, each followed by a lesson for every agent at the table from the same segment.

        An agent sees what `sight` allows, as at a table where it trains. Its peers are frozen policies of the
        other seats, theirs or a stranger's. Agents learn in the order of the seats, or backwards where `order` is -1.
        """
        agents = {id(agent): agent for agent in table.values() if isinstance(agent, Agent)}.values()
        for update in range(first, first + rounds):
            joint = self.round(table, derive(seed, update))
            lessons = []
            for agent in agents:
                others = [seat for seat in table if sight == "policies" and seat not in agent.seats]
                peers = {seat: _shown(table[seat], seat, self.spec) for seat in others}
                twin = self.arena.twin(COPIES) if "simulator" in self.spec.offers else None
                context = LearningContext(agent.seats, derive(seed, "update", update), update, peers, twin)
                lessons.append(Lesson(agent, cut(joint, agent.seats, sight), context))
            yield from lessons[::order]

    def teach(self, table: Players, rounds: int, **how: Any) -> list[dict[str, float]]:
        """Give all `lessons`; returns the metrics."""
        return [lesson.learn() for lesson in self.lessons(table, rounds, **how)]

    @cached_property
    def only_plays(self) -> bool:
        """Whether it is a checkpoint that was trained elsewhere, of a rule that refuses to be trained here."""
        if self.checkpoint is None or not self.entry.agent.learns:
            return False
        seatings = self.seatings(1, ROWS, training=True)
        try:
            for seat, agent in self.team().items():
                agent.begin(seatings[seat])
        except CannotLearn:
            return True
        return False

    @cached_property
    def rounds(self) -> int:
        """Rounds after which what plays has changed; 0 where it never does."""
        if not self.entry.agent.learns or self.checkpoint is not None:
            return 0
        team = self.team()
        before = {seat: clone(agent.acting_state()) for seat, agent in team.items()}
        for done in range(PATIENCE):
            self.teach(team, 1, first=done)
            if all(difference(before[seat], agent.acting_state()) for seat, agent in team.items()):
                return done + 1
        return 0

    def does_not_learn(self) -> str | None:
        """Why laws about learning have nothing to say, or None where they have."""
        if not self.entry.agent.learns:
            return "it does not learn"
        if self.checkpoint is not None:
            return "it plays with the weights of a checkpoint and learns no more"
        if self.rounds == 0:
            return (
                f"it changed nothing in {PATIENCE} rounds of {COPIES} copies x {STEPS} steps: check it with settings"
                " under which it learns sooner (NAME,field=value)"
            )
        return None


def subject(agent: str, arena: str, settings: Sequence[str] = ()) -> Specimen:
    """The subject for `NAME[,field=value ...][@CHECKPOINT]` in an arena.

    Settings that are not given are cut: whole numbers of the config to `LARGEST`, the arena's `max_steps` to `LENGTH`.
    With a checkpoint the config is as it was trained.

    Raises:
        UserError: unknown names or fields, values that do not fit, or a checkpoint that cannot play there.
    """
    who = agent.partition("@")[0]
    fresh = specimen(load_agent((split(who) or [""])[0]), who, arena, settings)
    if who == agent:
        return fresh
    entrant = fresh.venue.entrant(agent)
    entrant.agents(fresh.spec, tuple(fresh.spec.seats), 0)  # which says where a checkpoint does not fit
    return dataclasses.replace(fresh, text=agent, config=entrant.config, checkpoint=entrant.checkpoint)


def files_of_arena(arena: str) -> Source | None:
    """The files of an arena in a file or in a module that is one file, with the modules beside it that it imports.

    None for any other arena, and for a module of a package, which cannot be copied without the whole of it.

    Raises:
        UserError: it cannot be read, or there is no such module.
    """
    place, colon, attribute = arena.rpartition(":")
    if is_shipped(arena) or not colon:
        return None
    if place.endswith(".py"):
        return Source.of_file(Path(place).expanduser(), attribute)
    source = Source.of_module(arena)
    return None if "/" in source.file else source


def specimen(entry: AgentEntry, agent: str, arena: str, settings: Sequence[str] = ()) -> Specimen:
    """The subject for an entry; `agent` and all else as in `subject`."""
    _, *assignments = split(agent)
    given = {text.partition("=")[0].strip() for text in assignments}
    venue = shortened(ArenaChoice(arena, tuple(settings)), LENGTH)
    return Specimen(agent, entry, _small(entry.config(assignments), given), venue)


def _small(config: Any, given: set[str]) -> Any:
    """The config with its large whole numbers cut, or as it is where it refuses that."""

    def cut(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(cut, value))
        return min(value, LARGEST) if type(value) is int else value

    values = {f.name: cut(getattr(config, f.name)) for f in dataclasses.fields(config) if f.name not in given}
    try:
        return dataclasses.replace(config, **values)
    except ValueError:
        return config


def _shown(policy: Policy, seat: str, spec: ArenaSpec) -> DifferentiablePolicy:
    shown = policy.policy(seat) if isinstance(policy, Agent) else policy
    return (shown if isinstance(shown, DifferentiablePolicy) else Stranger(spec, seat)).frozen()
