"""An opponent that teaches a learner with fixed strategies, and then answers what the learner has been taught.

It asks how far a learning rule can be led by somebody who adapts: for some updates it commits itself to a memory-one
strategy, so that the other learns a policy which suits the lesson; then it plays the exact best response to the other's
policy, anew after every update; then it may teach again. With `harvest=0` it is a plain schedule of commitments.

A lesson is shown to the other as a table of logits, like any learner's: nobody can tell by looking that it does not
move. A response answers the policy that the other played in the round before, as all learn at once.

Lessons for a rule are found by `zoo exploit RULE --arena ipd --learn`; the default is one that LOLA falls for.

Source: the idea of shaping a learner through what it learns is from Balaguer et al. 2022, "The Good Shepherd: An Oracle
Agent for Mechanism Design", and Lu et al. 2022, "Model-Free Opponent Shaping"; this form is our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from agents.parts.policies.categorical import CategoricalPolicy
from agents.parts.policies.table import table_of
from agents.parts.policy_agent import PolicyAgent
from agents.protocol import JointTrajectory, LearningContext, State
from arenas.protocol import ArenaSpec
from arenas.settings import Checked, Range
from arenas.tables.finite import FiniteGame
from arenas.tables.replies import best_replies

#: Updates, and the probabilities of action 0 at the start and after CC, CD, DC and DD, own action first.
Lesson = Sequence[float]
EVER = 1 << 40  # updates of a harvest without end
_LEAST = 1e-12  # a probability of 0 has no logit; this one has, and no figure shows the difference


@dataclass(frozen=True)
class TeachThenHarvestConfig(Checked):
    """Settings of `teach-then-harvest`."""

    # [[updates, start, CC, CD, DC, DD], ...]: how long each lesson lasts, and how likely it cooperates
    lessons: Sequence[Lesson] = ((180, 0.0, 1.0, 0.0, 0.667, 0.0),)
    harvest: Annotated[int | None, Range()] = None  # updates of best responses after the lessons; none: for ever
    loop: Annotated[int, Range()] = 0  # number of the lesson, from 0 on, with which it goes on after a harvest

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.lessons, (list, tuple)) or not self.lessons:
            raise ValueError("lessons must be a list of [updates, start, CC, CD, DC, DD]")
        for lesson in self.lessons:
            if not isinstance(lesson, (list, tuple)) or len(lesson) != 6 or not all(map(_is_number, lesson)):
                raise ValueError(f"a lesson is [updates, start, CC, CD, DC, DD], got {lesson!r}")
            updates, *shares = lesson
            if updates != int(updates) or updates < 1 or not all(0 <= share <= 1 for share in shares):
                raise ValueError(
                    f"a lesson lasts a whole number of updates, at least 1, and has probabilities: {lesson!r}"
                )
        if self.loop >= len(self.lessons):
            raise ValueError(f"loop must be the number of a lesson, 0 to {len(self.lessons) - 1}, got {self.loop}")


class Timetable(NamedTuple):
    """What each of R replicas plays when: P lessons in turn, then best responses, then again from a lesson on."""

    tables: Tensor  # float64 [R, P, 5, 2], the lessons
    updates: Tensor  # long [R, P], how long each lasts; 0 leaves it out
    harvest: Tensor  # long [R], updates of best responses
    loop: Tensor  # long [R], the lesson with which it goes on after a harvest

    def phase(self, update: int) -> Tensor:
        """The number of the lesson long [R] of this update, P where it is harvest."""
        ends = torch.cat((self.updates, self.harvest[:, None]), dim=1).cumsum(1)  # [R, P + 1]
        whole = ends[:, -1]
        before = ends.gather(1, (self.loop - 1).clamp_min(0)[:, None]).squeeze(1)
        again = torch.where(self.loop > 0, before, 0)
        late = again + (update - whole) % (whole - again).clamp_min(1)
        now = torch.where(whole > update, update, late)
        return (ends <= now[:, None]).sum(1).clamp_max(ends.shape[1] - 1)

    @classmethod
    def of(cls, config: TeachThenHarvestConfig, replicas: int) -> Timetable:
        """The timetable of the settings, the same in all replicas."""
        lessons = torch.tensor([list(map(float, lesson)) for lesson in config.lessons], dtype=torch.float64)
        share = lessons[:, 1:]
        tables = torch.stack((share, 1 - share), dim=-1)
        harvest = EVER if config.harvest is None else config.harvest
        return cls(
            tables.expand(replicas, -1, -1, -1),
            lessons[:, 0].long().expand(replicas, -1),
            torch.full((replicas,), harvest),
            torch.full((replicas,), config.loop),
        )


class TeachThenHarvest(PolicyAgent):
    """Teaches a learner by fixed strategies and then answers its policies exactly, update by update."""

    Config = TeachThenHarvestConfig
    config: TeachThenHarvestConfig
    learns = True
    replicated = True
    needs = frozenset({"discrete", "matrix", "value"})
    needs_to_learn = frozenset({"simulator", "policies"})

    def build(self, seed: int) -> None:
        """The timetable, and the first lesson."""
        if len(self.spec.seats) != 2 or any(seat.actions != 2 for seat in self.spec.seats.values()):
            raise ValueError(f"it teaches in games of two seats with two actions each, which {self.spec.name} is not")
        (self.seat,) = self.seats
        (self.other,) = (seat for seat in self.spec.seats if seat != self.seat)
        self.follow(Timetable.of(self.config, self.replicas))

    def follow(self, timetable: Timetable) -> None:
        """Begin a timetable of as many replicas as the agent has."""
        self.timetable = Timetable(*(leaf.to(self.device) for leaf in timetable))
        self.clock = torch.zeros(1, dtype=torch.long, device=self.device)
        first = self.timetable.tables[torch.arange(self.replicas), self.timetable.phase(0)]
        self.policies = {self.seat: table_policy(first, self.spec, self.seat)}

    @torch.no_grad()
    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """Turn to the next update of the timetable."""
        self.clock += 1
        timetable, peer = self.timetable, context.peers[self.other]
        phase = timetable.phase(int(self.clock))
        lessons = timetable.updates.shape[1]
        table = timetable.tables[torch.arange(self.replicas), phase.clamp_max(lessons - 1)]
        answers = phase == lessons
        if answers.any():
            game = context.simulator
            if not peer.memoryless or not isinstance(game, FiniteGame):
                raise ValueError(f"{self.other} plays by more than the last moves: its best response is not known here")
            taught = table_of(peer, self.spec.seats[self.other]).to(self.device).expand(self.replicas, -1, -1)
            table = table.clone()
            table[answers], _ = best_replies(game, self.seat, taught[answers])
        self.policies[self.seat].parameters["w0"].copy_(logits_of(table))
        return {"harvest": float(answers.double().mean())}

    def learning_state(self) -> State:
        """What it plays, and the number of updates so far."""
        return {**self.acting_state(), "clock": self.clock}


def logits_of(table: Tensor) -> Tensor:
    """Logits [..., A - 1], the last action's being 0, that play these probabilities [..., A]."""
    log = table.double().clamp_min(_LEAST).log()
    return log[..., :-1] - log[..., -1:]


def table_policy(table: Tensor, spec: ArenaSpec, seat: str) -> CategoricalPolicy:
    """The policy of a seat with one-hot observations that plays these probabilities [R, O, A]."""
    return CategoricalPolicy({"w0": logits_of(table)}, spec.seats[seat])


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
