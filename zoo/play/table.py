"""A table: players in the seats of one arena, and rounds after which all learners learn at once.

A round is T steps of B copies and one `learn` of every learner, all from the same trajectory and from peers as they
were when it was played, each cut to what it may see (`sight`):

    own       the time steps, actions and memories of its own seats
    actions   also the time steps and actions of all seats, and the state where the arena shows it
    policies  also the other seats' policies

The table knows no files, no terminal and no clock: what saves, logs or shows progress consumes its rounds.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.protocol import (
    Agent,
    CannotLearn,
    DifferentiablePolicy,
    JointTrajectory,
    LearningContext,
    Seating,
    State,
    Trajectory,
    missing_words,
)
from agents.randomness import derive, derive_rows
from agents.rollout import rollout
from arenas.protocol import WORDS, Arena, TimeStep
from zoo.errors import UserError
from zoo.play.episodes import Start, last_moment
from zoo.play.packing import pack, unpack

#: Weights from here on count as infinite: products of two no longer fit into float32 once they are summed.
_LIMIT = 1e15

Sight = Literal["own", "actions", "policies"]
SIGHTS: tuple[Sight, ...] = get_args(Sight)


class Diverged(UserError):
    """A learner's parameters are no longer finite: its steps are too large."""


@dataclass(frozen=True)
class Round:
    """The figures of one round. Steps within an episode count; the resets between episodes do not."""

    number: int  # 0, 1, 2, ...
    steps: int  # environment steps played, all copies together: B * T
    returns: dict[str, Tensor]  # seat -> float64 [B], undiscounted sum of the segment's rewards; on the CPU
    counted: dict[str, Tensor]  # seat -> long [B], steps that counted; on the CPU
    by_copy: dict[str, dict[str, Tensor]]  # seat -> arena metric -> float64 [B], NaN where it says nothing; on the CPU
    learning: dict[tuple[str, ...], dict[str, float]]  # a learner's seats -> the metrics of its update

    @cached_property
    def per_step(self) -> dict[str, float]:
        """Seat -> mean reward per step that counted."""
        return {
            seat: float(total.sum() / self.counted[seat].sum().clamp_min(1)) for seat, total in self.returns.items()
        }

    @cached_property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Seat -> arena metric -> mean over copies; NaN where no copy says anything."""
        return {seat: {name: float(v.nanmean()) for name, v in of.items()} for seat, of in self.by_copy.items()}

    def by_run(self, runs: int) -> dict[str, dict[str, NDArray[np.float64]]]:
        """Seat -> `return_per_step` and arena metrics -> [runs], where the copies belong to `runs` runs in order."""
        means: dict[str, dict[str, NDArray[np.float64]]] = {}
        for seat, returns in self.returns.items():
            per_step = returns.view(runs, -1).sum(1) / self.counted[seat].view(runs, -1).sum(1).clamp_min(1)
            metrics = {name: v.view(runs, -1).nanmean(1) for name, v in self.by_copy[seat].items()}
            means[seat] = {name: v.numpy() for name, v in {"return_per_step": per_step, **metrics}.items()}
        return means


class Table:
    """Plays and teaches; iterate over it for an endless run of rounds.

    Args:
        arena: B copies of the game.
        identity: the arena's identity, for messages.
        players: seat -> the agent that plays it; one object may fill several seats.
        learning: the seats whose agents learn, all seats of an object or none.
        sight: what learners may see, see above.
        length: T, steps per round; default one whole episode.
        fresh: start new episodes at every round, instead of playing on from the last; default where T is one episode.
        seed: all luck derives from it.
        runs: how many runs the copies belong to, in order. Each run has luck of its own, which does not depend on the
            number of runs. None: the copies belong to one run, whose luck is that of the seed.

    Raises:
        UserError: an agent does not learn, or needs a word that is not offered.
        ValueError: seats without players, or an object that learns in one seat and not in another.
    """

    def __init__(
        self,
        arena: Arena,
        identity: str,
        players: Mapping[str, Agent],
        learning: Collection[str],
        *,
        sight: Sight = "policies",
        length: int | None = None,
        fresh: bool | None = None,
        seed: int = 0,
        runs: int | None = None,
    ) -> None:
        if players.keys() != arena.spec.seats.keys() or not players.keys() >= set(learning):
            raise ValueError(
                f"{identity}: players {sorted(players)} and learners {sorted(learning)} do not fit its seats"
            )
        self.arena, self.identity, self.sight, self.seed, self.runs = arena, identity, sight, seed, runs
        self.players = {seat: players[seat] for seat in arena.spec.seats}
        self.length = arena.spec.max_steps if length is None else length
        self.fresh = self.length == arena.spec.max_steps if fresh is None else fresh
        self.update = 0
        self.learners: dict[tuple[str, ...], Agent] = {}
        for agent in {id(a): a for a in self.players.values()}.values():
            seats = tuple(seat for seat, player in self.players.items() if player is agent)
            if len(teaching := set(seats) & set(learning)) not in (0, len(seats)):
                raise ValueError(f"{identity}: one agent fills {seats} but would learn in {sorted(teaching)} only")
            if teaching:
                self.learners[seats] = agent
        self._game: Start | None = None  # where play stands between two rounds of one long game
        for seats, agent in self.learners.items():
            self._admit(seats, agent)

    def __iter__(self) -> Iterator[Round]:
        while True:
            yield self.play_round()

    @property
    def _simulated(self) -> bool:
        """True where the arena has twins and snapshots."""
        return "simulator" in self.arena.spec.offers

    @property
    def steps_per_round(self) -> int:
        """B * T."""
        return self.arena.batch_size * self.length

    def play_round(self) -> Round:
        """Play T steps in every copy, then let every learner learn once.

        Raises:
            Diverged: a learner's parameters are no longer finite.
            UserError: a learner finds that it cannot learn here.
        """
        try:
            with redirect_stdout(sys.stderr):  # standard output belongs to the result
                played = self._play_round()
        except CannotLearn as error:
            raise UserError(f"this learner cannot learn in {self.identity}: {error}") from error
        except (ArithmeticError, LookupError, RuntimeError, ValueError):  # what comes of acting or learning with NaN
            self._must_be_finite(learning=True)
            raise
        self._must_be_finite()
        return played

    def _play_round(self) -> Round:
        if self._game is None or self.fresh:
            self._game = self._begin()
        memories, timesteps, state = self._game
        joint, memories = rollout(self.arena, self.players, memories, timesteps, self.length, state)
        self._game = Start(memories, *last_moment(joint))
        shown = self._policies() if self.sight == "policies" else {}
        seen = joint if "state" in self.words() else joint._replace(state=None)
        learned = {
            seats: agent.learn(cut(seen, seats, self.sight), self._context(seats, shown))
            for seats, agent in self.learners.items()
        }
        self.update += 1
        return self._figures(joint, learned)

    def _must_be_finite(self, learning: bool = False) -> None:
        """Look at what the learners play; with `learning` at all that their next update depends on."""
        for agent in self.learners.values():
            where = f"{self.update * self.steps_per_round:,} steps in {self.identity}"
            must_be_finite(agent, agent.learning_state() if learning else agent.acting_state(), where)

    def words(self) -> frozenset[str]:
        """What is offered to a learner at this table (`arenas.protocol.WORDS`)."""
        hidden = {"state"} if self.sight == "own" else set()
        shown = {"own": set(), "actions": {"joint"}, "policies": {"joint", "policies"}}[self.sight]
        return (self.arena.spec.offers - hidden) | shown

    def _admit(self, seats: tuple[str, ...], agent: Agent) -> None:
        who = type(agent).__name__
        if not agent.learns:
            raise UserError(f"{who} (seat {seats[0]}) does not learn")
        missing = missing_words(type(agent), self.words(), learning=True)
        if missing:
            meaning = "; ".join(f"{word}: {WORDS.get(word, 'a word of other arenas')}" for word in missing)
            absent = [word for word in missing if word not in {"joint", "policies"} | self.arena.spec.offers]
            way = "--sight policies shows it" if "policies" in missing else "--sight actions shows it"
            if absent:
                way = f"the arena does not offer {', '.join(absent)}: choose another arena or another learner"
            place = self.identity if absent else f"{self.identity} with sight {self.sight!r}"
            raise UserError(f"{who} cannot learn in {place}: it needs {meaning}; {way}")
        shown = {seat: player.policy(seat) for seat, player in self.players.items()}
        secret = [seat for seat, policy in shown.items() if policy is None and seat not in seats]
        if secret and "policies" in agent.needs_to_learn:
            raise UserError(
                f"{who} cannot learn in {self.identity}: it needs policies, and {secret[0]} is played by"
                f" {type(self.players[secret[0]]).__name__}, which shows none; enter a learner that infers them"
            )
        deep = [seat for seat, policy in shown.items() if policy is not None and not policy.memoryless]
        if deep and "value" in agent.needs:
            raise UserError(
                f"{who} cannot learn in {self.identity}: exact values are of memoryless policies, and that of"
                f" {deep[0]} ({type(self.players[deep[0]]).__name__}) has a memory"
            )

    def _begin(self) -> Start:
        """New episodes and new luck in every copy; of a run's B copies, copy b of round r plays episode r * B + b."""
        count, device = self.arena.batch_size // (self.runs or 1), self.arena.device
        first = self.update * count
        seeds = [self.seed] if self.runs is None else [derive(self.seed, "replica", r) for r in range(self.runs)]

        def luck(*words: str) -> Tensor:
            return torch.cat([derive_rows(seed, count, *words, first=first, device=device) for seed in seeds])

        timesteps, state = self.arena.reset(luck("episode"))
        learning = {seat for seats in self.learners for seat in seats}
        memories = {}
        for seat, player in self.players.items():
            team = luck("team", self.arena.spec.seats[seat].team)
            memories[seat] = player.begin(Seating(seat, luck("seat", seat), team, training=seat in learning))
        return Start(memories, timesteps, state)

    def _policies(self) -> dict[str, DifferentiablePolicy]:
        """Every seat's policy as it is before anybody learns."""
        shown = {seat: player.policy(seat) for seat, player in self.players.items()}
        return {seat: policy.frozen() for seat, policy in shown.items() if policy is not None}

    def _context(self, seats: tuple[str, ...], shown: Mapping[str, DifferentiablePolicy]) -> LearningContext:
        # every learner gets a new twin each time, so that nobody sees and no file keeps what it leaves in there
        twin = self.arena.twin(self.arena.batch_size) if self._simulated else None
        return LearningContext(
            seats=seats,
            seed=derive(self.seed, "learn", *seats, self.update),
            update=self.update,
            peers={seat: policy for seat, policy in shown.items() if seat not in seats},
            simulator=twin,
        )

    def _figures(self, joint: JointTrajectory, learned: dict[tuple[str, ...], dict[str, float]]) -> Round:
        steps = {seat: trajectory.timesteps for seat, trajectory in joint.seats.items()}
        on = {seat: ~step.last[:-1] for seat, step in steps.items()}
        returns = {seat: (step.reward[1:].double() * on[seat]).sum(0).cpu() for seat, step in steps.items()}
        counted = {seat: of_seat.sum(0).cpu() for seat, of_seat in on.items()}
        metrics = self.arena.metrics(steps, {seat: trajectory.actions for seat, trajectory in joint.seats.items()})
        by_copy = {seat: {name: v.double().cpu() for name, v in of.items()} for seat, of in metrics.items()}
        return Round(self.update - 1, self.steps_per_round, returns, counted, by_copy, learned)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that later rounds depend on: copies of tensors by name, and the rest as JSON.

        An arena without a simulator (a foreign one) has no snapshot. Play then goes on from the start of an episode.
        """
        game: dict[str, Any] | None = None
        if self._game is not None and not self.fresh and self._simulated:
            game = {
                "arena": self.arena.snapshot(),
                "memories": self._game.memories,
                "timesteps": {seat: step._asdict() for seat, step in self._game.timesteps.items()},
                "state": self._game.state,
            }
        learners = {"+".join(seats): agent.learning_state() for seats, agent in self.learners.items()}
        return pack({"update": self.update, "learners": learners, "game": game})

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Take over the `state()` of an equal table; the rounds that follow are the same to the bit.

        Raises:
            ValueError: a learner's tensors do not fit.
            KeyError: something is missing.
        """
        tree = unpack(dict(numbers), tensors)
        for seats, agent in self.learners.items():
            agent.load_learning_state(tree["learners"]["+".join(seats)])
        self.update, self._game = tree["update"], None
        if (game := tree["game"]) is not None:
            self._begin()  # an arena may need a first reset before it can go back to a snapshot
            self.arena.restore(game["arena"])
            steps = {seat: TimeStep(**step) for seat, step in game["timesteps"].items()}
            self._game = Start(game["memories"], steps, game["state"])


def must_be_finite(agent: Agent, state: State, after: str) -> None:
    """Refuse parameters that an agent cannot act with; `after` says how long it has learned, and where.

    Raises:
        Diverged: a number in `state` is not finite, or will not be in a product.
    """
    for name, tensor in state.items():
        if tensor.is_floating_point() and not bool(tensor.abs().max() < _LIMIT):  # False also for NaN
            raise Diverged(
                f"{type(agent).__name__} (seat {agent.seats[0]}): its parameters {name} are no longer finite after"
                f" {after}; smaller steps (a lower lr) may help"
            )


def cut(joint: JointTrajectory, mine: tuple[str, ...], sight: Sight) -> JointTrajectory:
    """What the learner in the seats `mine` may see of a joint trajectory: see the head of this module."""
    if sight == "own":
        return JointTrajectory({seat: joint.seats[seat] for seat in mine})
    seats = {
        seat: t if seat in mine else Trajectory(t.timesteps, t.actions._replace(extras={}))
        for seat, t in joint.seats.items()
    }
    return JointTrajectory(seats, joint.state)
