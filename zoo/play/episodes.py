"""The player of whole frozen episodes: for blocks of matches, evaluations of learners, exploiters and figures."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from agents.protocol import JointTrajectory, Memory
from agents.rollout import Moments, by_moves, rollout
from arenas.protocol import TimeStep, TimeSteps
from zoo.play.luck import seatings
from zoo.play.referee import NEVER, Fouls, Refereed, fouls_of
from zoo.play.seating import Seated


class Start(NamedTuple):
    """A moment from which play goes on: seat -> memory, seat -> time step, and the state [B, S] if there is one."""

    memories: dict[str, Memory]
    timesteps: TimeSteps
    state: Tensor | None


@dataclass(frozen=True)
class Played:
    """B whole episodes.

    Attributes:
        seated: the arena and its players.
        joint: everything that was seen and done, [T + 1, B, ...] and [T, B, ...]; observations and states may be left
            out, see `play_episodes`.
        fouls: seat -> what it did wrong; for seats under a referee.
        faults: seat -> status codes [B] of the arena: whom a foreign game has disqualified.
        cpu_s: CPU seconds of the play in this process.
    """

    seated: Seated
    joint: JointTrajectory
    fouls: Mapping[str, Fouls]
    faults: Mapping[str, Tensor]
    cpu_s: float

    @property
    def steps(self) -> dict[str, TimeStep]:
        """Seat -> time steps [T + 1, B, ...]."""
        return {seat: trajectory.timesteps for seat, trajectory in self.joint.seats.items()}

    @cached_property
    def lengths(self) -> Tensor:
        """Steps of each episode, int [B]: until it was over for every seat, or up to and with what spoiled it."""
        on = ~torch.stack([step.last[:-1] for step in self.steps.values()]).all(0)  # [T, B]
        return (on & (self._step_number <= self._end)).sum(0).int()

    @cached_property
    def returns(self) -> dict[str, Tensor]:
        """Seat -> undiscounted sum of rewards, float64 [B]; `forfeit` for the seat that spoiled the episode."""
        legal = self._step_number < self._end
        forfeit = self.seated.arena.spec.forfeit
        return {
            seat: (step.reward[1:].double() * legal).sum(0).where(~self._spoiled(seat), forfeit)
            for seat, step in self.steps.items()
        }

    @property
    def per_step(self) -> dict[str, Tensor]:
        """Seat -> return per step of each episode, float64 [B]."""
        return {seat: earned / self.lengths.clamp_min(1) for seat, earned in self.returns.items()}

    @cached_property
    def statuses(self) -> dict[str, Tensor]:
        """Seat -> code of its `Status` in each episode, uint8 [B]."""
        return {
            seat: faults.where(~self._spoiled(seat), self.fouls[seat].code if seat in self.fouls else 0).to(torch.uint8)
            for seat, faults in self.faults.items()
        }

    @property
    def isolation(self) -> dict[str, str]:
        """Seat -> how its agent was kept apart."""
        players = self.seated.players
        return {s: player.isolation if isinstance(player, Refereed) else "trusted" for s, player in players.items()}

    @property
    def cpu_of(self) -> dict[str, float]:
        """Seat -> CPU seconds of its agent: its own where it runs elsewhere, else its share of this process's."""
        players = self.seated.players
        elsewhere = {s: player.cpu_s for s, player in players.items() if isinstance(player, Refereed) and player.cpu_s}
        return {seat: elsewhere.get(seat, self.cpu_s / len(players)) for seat in players}

    @cached_property
    def metrics(self) -> dict[str, dict[str, Tensor]]:
        """Seat -> the arena's metrics by name, [B]; NaN where an episode says nothing or was spoiled by a fault."""
        actions = {seat: trajectory.actions for seat, trajectory in self.joint.seats.items()}
        metrics = self.seated.arena.metrics(self.steps, actions)
        whole = self._end >= len(self._step_number)
        if whole.all():
            return metrics
        return {seat: {n: v.where(whole, torch.nan) for n, v in of.items()} for seat, of in metrics.items()}

    @cached_property
    def _end(self) -> Tensor:
        """The step at which the first seat spoiled the row, long [B], or `NEVER`."""
        arena = self.seated.arena
        never = torch.full((arena.batch_size,), NEVER, device=arena.device)
        return torch.stack([never, *(fouls.step for fouls in self.fouls.values())]).amin(0)

    @cached_property
    def _step_number(self) -> Tensor:
        """0 to T - 1, long [T, 1]."""
        reward = next(iter(self.steps.values())).reward
        return torch.arange(len(reward) - 1, device=reward.device).unsqueeze(1)

    def _spoiled(self, seat: str) -> Tensor:
        """Whether this seat is the one that spoiled the episode, bool [B]."""
        if seat not in self.fouls:
            return torch.zeros_like(self._end, dtype=torch.bool)
        return self.fouls[seat].step == self._end.clamp_max(len(self._step_number) - 1)


def begin(seated: Seated, episodes: Tensor) -> Start:
    """Begin the episodes whose seeds are long [B], one in each copy; each is played once."""
    dealt = seatings(seated.rotation, episodes, seated.seed)
    with redirect_stdout(sys.stderr):  # standard output belongs to the result
        memories = {seat: seated.players[seat].begin(seating) for seat, seating in dealt.items()}
        return Start(memories, *seated.arena.reset(episodes, autoreset=False))


def last_moment(joint: JointTrajectory) -> tuple[TimeSteps, Tensor | None]:
    """The last time step of every seat and the last state, laid out in memory as they are after a restore."""

    def last(leaf: Tensor) -> Tensor:
        # arithmetic may round differently on a view than on a tensor of its own
        return leaf[-1].clone(memory_format=torch.contiguous_format)

    steps: TimeSteps = {}
    for seat, trajectory in joint.seats.items():
        common = trajectory.timesteps.common
        now = trajectory.timesteps._replace(common={}).each(last)
        steps[seat] = now._replace(common=common.last) if isinstance(common, Moments) else now
    return steps, None if joint.state is None else last(joint.state)


def play_episodes(seated: Seated, episodes: Tensor, *, views: bool = True) -> Played:
    """Play the whole episodes whose seeds are long [B], one in each copy; seats of one entrant share their team luck.

    Without `views` neither observations nor states are kept, in arenas that judge an episode without them.

    Raises:
        ArenaError: the environment breaks. What agents raise comes through: see `zoo.play.seating.blame`.
    """
    started = time.process_time()
    arena = seated.arena
    begun = begin(seated, episodes)
    joint = by_moves(arena, seated.players, begun.memories)
    if joint is None:
        views = views or not getattr(arena, "judged_unseen", False)
        start = (begun.memories, begun.timesteps, arena.spec.max_steps, begun.state if views else None)
        joint, _ = rollout(arena, seated.players, *start, until_over=True, views=views)
    return Played(seated, joint, fouls_of(seated.players), arena.faults(), time.process_time() - started)
