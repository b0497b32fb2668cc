"""Learning matches: both entrants learn while they play each other.

The unit of evidence is a run: one training of both from their beginnings, in each rotation, with its own seed. What
counts is the own return over the last tenth of the rounds; beside it stand the mean over all rounds, and the return of
the two frozen at the end. A fault of an agent in a process of its own ends its training with the forfeit; that says
nothing of the other, for whom it does not count.

Runs are recorded as blocks of one episode in mode "learn", so that they survive whatever happens, are never mixed with
frozen play, and the same command goes on where it was stopped. Runs of exact learners are one batch of replicas, which
takes seconds and is recorded when it ends.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from agents.protocol import Agent
from agents.randomness import derive, derive_rows
from leaderboard.labels import unique_labels
from leaderboard.records import (
    RULES_VERSION,
    STATUSES,
    BlockRecord,
    LogRecord,
    MatchRecord,
    SeatResult,
    Status,
    block_id,
    canonical,
)
from leaderboard.statistics.estimate import Estimate, Part, t
from leaderboard.store.store import Store
from leaderboard.views.learning import CURVE, curve_of
from leaderboard.views.words import verdict
from zoo import __version__
from zoo.entry.venue import Venue
from zoo.errors import UserError
from zoo.matches.match import Heading
from zoo.matches.plan import time_now
from zoo.play.blocks import part_of, record_arena
from zoo.play.episodes import play_episodes
from zoo.play.replicas import last_tenth
from zoo.play.seating import Rotation, Seated, agents_of, blame, rotations
from zoo.play.table import Sight, Table
from zoo.sandbox.fault import AgentFault
from zoo.work.progress import Reading, Watch

#: Name, or seat, -> numbers.
Floats = Mapping[str, NDArray[np.float64]]
#: Seat -> name -> numbers [runs] of a round, or [runs, rounds].
Curves = Mapping[str, Floats]
ALL, FROZEN = "return_all_rounds", "return_frozen"
_POINTS = 100  # of a recorded curve
_FROZEN_GAMES = 250


@dataclass(frozen=True)
class Schedule:
    """How two learners meet; part of their identity as entrants of learning matches."""

    rounds: int  # updates
    copies: int  # B, games at once
    length: int  # T, steps of a round
    sight: str  # see `zoo.play.table`

    def mode(self) -> dict[str, Any]:
        """The entrant's mode: learning by this schedule."""
        return {"mode": "learn", **asdict(self)}


@dataclass(frozen=True)
class LearnerLine:
    """One entrant in one seat, per step, with the runs as the unit."""

    entrant: str
    seat: str
    last_tenth: Estimate
    all_rounds: Estimate
    frozen: Estimate
    metrics: dict[str, Estimate]  # of the arena, over the last tenth
    faults: dict[str, int]  # status -> how many trainings it spoiled


@dataclass(frozen=True)
class LearningSummary(Heading):
    """All figures of a learning match."""

    seed: int
    schedule: dict[str, Any]
    runs: int
    recorded: bool
    seats: list[LearnerLine]
    difference: Estimate  # first less second, own return per step over the last tenth, paired by run
    verdict: str
    curves: dict[str, list[float]]  # "ENTRANT as SEAT" -> return per step over the rounds, mean over runs


@dataclass(frozen=True)
class SeatOfRun:
    """What is recorded of one seat in one run, and the fault of its agent, if that ended it."""

    result: SeatResult
    fault: AgentFault | None = None

    def logs(self, block: str, run: int) -> Iterator[LogRecord]:
        """The record of the fault."""
        if self.fault is not None:
            one, fault = self.result, self.fault
            where = (block, one.rotation, one.seat, one.entrant, fault.status.value, run, 1)
            yield LogRecord("/".join(map(str, (*where[:3], fault.status))), *where, fault.message, fault.log)


class LearningMatch:
    """Two entrants that meet in a venue by a schedule.

    `entrants` stand in the order of their ids, whatever order they were named in, and a rotation numbers them so; so
    stand their `labels`, where an entrant that meets its like is numbered.

    Raises:
        UserError: no learner among the two, or an entrant that cannot play here.
    """

    def __init__(self, venue: Venue, texts: tuple[str, str], schedule: Schedule, runs: int, seed: int) -> None:
        self.venue, self.schedule, self.runs, self.seed = venue, schedule, runs, seed
        self.identity, self.spec = venue.identity, venue.spec
        named = [venue.entrant(text, learning=True) for text in texts]
        if not any(who.entry.agent.learns for who in named):
            raise UserError(f"neither {texts[0]} nor {texts[1]} learns; play without --learn")
        mode = schedule.mode()
        self.entrants = sorted(named, key=lambda who: who.id_for(mode))
        self.ids = (self.entrants[0].id_for(mode), self.entrants[1].id_for(mode))
        self.order = (0, 1) if self.entrants[0] is named[0] else (1, 0)  # as they were named
        names = [who.label for who in self.entrants]
        self.labels = list(unique_labels(self.ids, dict(zip(self.ids, names, strict=True))).values())
        self.rotations = rotations(self.spec)
        if self.ids[0] == self.ids[1]:  # two learners of one kind: exchanging their seats changes nothing
            self.labels = [f"{name} ({number})" for number, name in enumerate(names, start=1)]
            self.rotations = self.rotations[:1]
        what = [self.identity, list(self.ids), "learn", seed, runs, RULES_VERSION]
        self.match_id = hashlib.sha256(canonical(what).encode()).hexdigest()[:16]

    def play(self, store: Store, command: str, watch: Watch, *, recorded: bool) -> LearningSummary:
        """Play the runs that are not recorded yet, record each as it ends, and sum up."""
        record_arena(self.venue, store)
        for who in self.entrants:
            store.add(who.record(self.schedule.mode()))
        blocks = [(self.identity, self.ids, "learn", self.seed, run, 1, RULES_VERSION) for run in range(self.runs)]
        keys = [block_id(*what) for what in blocks]
        known = store.has_blocks(keys)
        batches = self._batches([run for run, key in enumerate(keys) if key not in known])
        alike = len(batches) * len(self.rotations)
        for runs in batches:
            played = self._play_runs(runs, lambda name, reading: watch(name, replace(reading, runs=alike)))
            for run, trained in zip(runs, played, strict=True):
                if keys[run] not in known:
                    logs = tuple(log for of_run in trained for log in of_run.logs(keys[run], run))
                    results = tuple(of_run.result for of_run in trained)
                    store.add(BlockRecord(keys[run], *blocks[run], results=results, logs=logs))
        what = (self.match_id, self.identity, self.ids, "learn", self.seed, self.runs, tuple(keys))
        details = {"schedule": asdict(self.schedule)}
        store.add(MatchRecord(*what, command, time_now(), __version__, details))
        recorded_now = [b for b in store.blocks(self.identity, set(self.ids), "learn") if b.id in keys]
        return self._summary(recorded_now, recorded)

    def _batches(self, missing: list[int]) -> list[range]:
        """Which runs are played at once, as replicas of one batch: all where learning is exact, else each alone.

        Exact learners end alike in any batch, but for rounding; so a replica's number is its run's, and runs that are
        recorded already are played again beside those that are missing.
        """
        if self._exact():
            return [range(max(missing) + 1)] if missing else []
        return [range(run, run + 1) for run in missing]

    def _exact(self) -> bool:
        """Whether all who learn here learn from exact values, and from scratch."""
        learners = [who for who in self.entrants if who.entry.agent.learns]
        return all("value" in who.entry.agent.needs and who.checkpoint is None for who in learners)

    def _play_runs(self, runs: range, watch: Watch) -> list[list[SeatOfRun]]:
        """Train both in every rotation, each run from its own luck; the results of each."""
        results: list[list[SeatOfRun]] = [[] for _ in runs]
        which = f"run {runs[0] + 1}" if len(runs) == 1 else f"runs 1 to {len(runs)}"
        for number, rotation in enumerate(self.rotations):
            name = f"{which} of {self.runs}, rotation {number + 1} of {len(self.rotations)}"
            started = time.process_time()
            learned = self._try(runs, rotation, lambda reading: watch(name, reading))  # noqa: B023
            spent = (time.process_time() - started) / len(rotation) / len(runs)
            for run, ends in enumerate(results):
                for seat, who in rotation.items():
                    if isinstance(learned, AgentFault):
                        ends.append(self._spoiled(number, seat, learned, spent))
                        continue
                    of_run = {name: values[run] for name, values in learned[0][seat].items()}
                    result = self._result(number, seat, self.ids[who], of_run, float(learned[1][seat][run]), spent)
                    ends.append(SeatOfRun(replace(result, isolation=self.entrants[who].isolation)))
        return results

    def _try(
        self, runs: range, rotation: Rotation, show: Callable[[Reading], None]
    ) -> tuple[Curves, Floats] | AgentFault:
        """What `_learn` gives, or the fault of an agent that ended it; a process ended from outside is tried again."""
        with blame(self.identity, self.entrants):
            try:
                return self._learn(runs, rotation, show)
            except AgentFault as fault:
                if not fault.retry:
                    return fault
            try:
                return self._learn(runs, rotation, show)
            except AgentFault as fault:
                return fault

    def _spoiled(self, number: int, seat: str, fault: AgentFault, spent: float) -> SeatOfRun:
        """What is recorded of a seat where an agent's fault ended the training: the forfeit for whose fault it was."""
        rotation, steps = self.rotations[number], self.schedule.length
        guilty = rotation[fault.seats[0]]
        who, mine = rotation[seat], rotation[seat] == guilty
        forfeit = self.spec.forfeit * steps / max(1, self.spec.max_steps)
        status = fault.status if mine else Status.DONE
        about = (np.array([steps], dtype=np.int32), np.array([status.code], dtype=np.uint8))
        kept = self.entrants[who].isolation
        result = SeatResult(number, seat, self.ids[who], np.array([forfeit if mine else 0.0]), *about, {}, spent, kept)
        return SeatOfRun(result, fault if mine else None)

    def _learn(self, runs: range, rotation: Rotation, show: Callable[[Reading], None]) -> tuple[Curves, Floats]:
        """Train in one rotation: seat -> name -> [runs, rounds], and seat -> return per step [runs], frozen."""
        together = self._exact()
        seed = derive(self.seed, "runs") if together else derive(self.seed, "run", runs[0])
        arena = self.venue.make(self.schedule.copies * len(runs))
        players = agents_of(self.entrants, self.spec, rotation, derive(seed, "fresh"), replicas=len(runs))
        table = Table(
            arena,
            self.identity,
            players,
            [seat for seat, player in players.items() if player.learns],
            sight=cast(Sight, self.schedule.sight),
            length=self.schedule.length,
            seed=seed,
            runs=len(runs) if together else None,
        )
        rounds: list[Curves] = []
        names = {seat: f"{self.labels[who]} as {seat}" for seat, who in rotation.items()}
        lines: dict[str, list[float]] = {name: [] for name in names.values()}
        show(Reading(0, self.schedule.rounds, lines))
        for played in itertools.islice(table, self.schedule.rounds):
            rounds.append(played.by_run(len(runs)))
            if not all(np.isfinite(values["return_per_step"]).all() for values in rounds[-1].values()):
                raise UserError(
                    f"{' against '.join(lines)}: returns are no longer finite after {played.number + 1} rounds in"
                    f" {self.identity}; smaller steps (lr, eta) may help"
                )
            for seat, name in names.items():
                lines[name].append(played.per_step[seat])
            metrics = {name: played.metrics[seat] for seat, name in names.items()}
            show(Reading(played.number + 1, self.schedule.rounds, lines, metrics))
        curves = {
            seat: {name: np.stack([played[seat][name] for played in rounds], axis=1) for name in rounds[0][seat]}
            for seat in rotation
        }
        return curves, self._frozen(players, rotation, seed, len(runs))

    def _frozen(self, players: dict[str, Agent], rotation: Rotation, seed: int, runs: int) -> Floats:
        """Seat -> return per step [runs] of the players as they are, over whole episodes of `_FROZEN_GAMES` a run."""
        arena = self.venue.make(min(_FROZEN_GAMES, self.spec.block) * runs)
        played = play_episodes(Seated(arena, players, rotation), derive_rows(seed, arena.batch_size, "frozen"))
        return {seat: np.asarray(share.view(runs, -1).mean(1).numpy()) for seat, share in played.per_step.items()}

    def _result(self, number: int, seat: str, entrant: str, curves: Floats, frozen: float, spent: float) -> SeatResult:
        """The record of one seat in one run; `curves` holds arrays [rounds]."""
        tail, steps = last_tenth(self.schedule.rounds), self.schedule.length
        per_step = curves["return_per_step"]
        metrics = {ALL: (float(per_step.mean()), 0.0, 1), FROZEN: (frozen, 0.0, 1)}
        for name, values in curves.items():
            last = values[-tail:]
            if name != "return_per_step" and np.isfinite(last).any():
                metrics[name] = (float(np.nanmean(last)), 0.0, 1)
        return SeatResult(
            number,
            seat,
            entrant,
            np.array([per_step[-tail:].mean() * steps]),
            np.array([steps], dtype=np.int32),
            np.zeros(1, dtype=np.uint8),
            metrics | _curve_metrics(per_step),
            spent,
        )

    def _summary(self, blocks: list[BlockRecord], recorded: bool) -> LearningSummary:
        blocks = sorted(blocks, key=lambda block: block.first_episode)
        lines: list[LearnerLine] = []
        curves: dict[str, list[float]] = {}
        own: dict[int, list[NDArray[np.float64]]] = {0: [], 1: []}
        taken = {(who, seat) for rotation in self.rotations for seat, who in rotation.items()}
        for who, seat in ((w, s) for w in self.order for s in self.spec.seats if (w, s) in taken):
            chosen = [self._counted(block, who, seat) for block in blocks]
            last = [[r.returns[0] / r.lengths[0] for r in results] for results in chosen]
            own[who].append(np.array([float(np.mean(values)) if values else np.nan for values in last]))
            lines.append(self._line(who, seat, own[who][-1], blocks, chosen))
            drawn = [curve for results in chosen for result in results if (curve := curve_of(result)[1])]
            if drawn:
                curves[f"{self.labels[who]} as {seat}"] = np.mean(drawn, axis=0).tolist()
        first, second = self.order
        paired = np.mean(own[first], axis=0) - np.mean(own[second], axis=0)
        difference = t(paired[~np.isnan(paired)])
        named = (self.labels[first], self.labels[second])
        learners = [label for label, who in zip(self.labels, self.entrants, strict=True) if who.entry.agent.learns]
        how = "while both learned" if len(learners) == 2 else f"while {learners[0]} learned"
        return LearningSummary(
            match=self.match_id,
            arena=self.identity,
            kind=self.spec.kind,
            mode="learn",
            entrants=list(named),
            entrant_ids=[self.ids[who] for who in self.order],
            seed=self.seed,
            schedule=asdict(self.schedule),
            runs=self.runs,
            recorded=recorded,
            seats=lines,
            difference=difference,
            verdict=self._verdict(named, difference, lines, how),
            curves=curves,
        )

    def _counted(self, block: BlockRecord, who: int, seat: str) -> list[SeatResult]:
        """The results of an entrant in a seat, without those of trainings that the partner spoiled."""
        spoiled = {
            (r.rotation, self.rotations[r.rotation][r.seat]) for r in block.results if r.statuses[0] != Status.DONE.code
        }
        return [
            r
            for r in block.results
            if r.seat == seat and self.rotations[r.rotation][seat] == who and (r.rotation, 1 - who) not in spoiled
        ]

    def _line(
        self, who: int, seat: str, last: NDArray[np.float64], blocks: list[BlockRecord], chosen: list[list[SeatResult]]
    ) -> LearnerLine:
        metrics: dict[str, Estimate] = {}
        names = dict.fromkeys(name for results in chosen for r in results for name in r.metrics)
        for name in (ALL, FROZEN, *(name for name in names if not name.startswith(CURVE))):
            of_runs = [[r.metrics[name][0] for r in results if name in r.metrics] for results in chosen]
            metrics[name] = t([float(np.mean(values)) for values in of_runs if values])
        whole, frozen = metrics.pop(ALL), metrics.pop(FROZEN)
        statuses = [
            STATUSES[r.statuses[0]]
            for block in blocks
            for r in block.results
            if r.seat == seat and self.rotations[r.rotation][seat] == who
        ]
        faults = {status.value: statuses.count(status) for status in STATUSES if status is not Status.DONE}
        counted = {status: count for status, count in faults.items() if count}
        return LearnerLine(self.labels[who], seat, t(last[~np.isnan(last)]), whole, frozen, metrics, counted)

    def _verdict(self, named: tuple[str, str], difference: Estimate, lines: list[LearnerLine], how: str) -> str:
        """What the difference says, and who spoiled how many trainings."""
        spoiled = {label: sum(sum(x.faults.values()) for x in lines if x.entrant == label) for label in named}
        total = self.runs * len(self.rotations)
        of_whom = [f"{label} spoiled {count} of {total} trainings" for label, count in spoiled.items() if count]
        said = [] if of_whom and not difference.n else [verdict(named, difference, "run", how)]
        return "; ".join([*said, *of_whom])


def _curve_metrics(per_step: NDArray[np.float64]) -> dict[str, Part]:
    """A curve as it is recorded: the mean over each of at most `_POINTS` stretches of the rounds.

    It stands with the run's result, so that a match that was stopped and went on has its whole curves.
    """
    stretches = np.array_split(np.arange(len(per_step)), min(_POINTS, len(per_step)))
    return {f"{CURVE}{rounds[0]}_to_{rounds[-1]}": part_of(per_step[rounds]) for rounds in stretches}
