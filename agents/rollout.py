"""The one loop that plays policies in an arena: for matches, for training, and for LOLA's imagination."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any

import torch
from torch import Tensor

from agents.protocol import JointTrajectory, Memory, Policy, Trajectory
from arenas.protocol import Action, Arena, Lazy, TimeStep, TimeSteps


class Moments(Lazy):
    """What groups knew in common at T moments, stacked when it is asked for; the moments themselves are kept.

    A segment that follows takes over the last moment by itself. A lazy view of it would hold on to all of this segment,
    which holds on to the one before, and so on.
    """

    def __init__(self, moments: Sequence[Mapping[str, Tensor]]) -> None:
        super().__init__(tuple(moments[0]), lambda group: torch.stack([known[group] for known in moments]))
        self.last = moments[-1]


def stack_timesteps(steps: Sequence[TimeStep]) -> TimeStep:
    """T time steps as one whose leaves carry a leading T."""
    columns = list(zip(*steps, strict=True))[:-1]
    leaves: list[Any] = [torch.stack(leaf) if isinstance(leaf[0], Tensor) else leaf[0] for leaf in columns]
    return TimeStep._make([*leaves, Moments([step.common for step in steps])])


def stack_actions(actions: Sequence[Action]) -> Action:
    """T actions as one whose leaves carry a leading T."""
    messages = [a.message for a in actions if a.message is not None]
    return Action(
        torch.stack([a.value for a in actions]),
        torch.stack(messages) if messages else None,
        {name: torch.stack([a.extras[name] for a in actions]) for name in actions[0].extras},
    )


@torch.no_grad()
def rollout(
    arena: Arena,
    policies: Mapping[str, Policy],
    memories: Mapping[str, Memory],
    timesteps: TimeSteps,
    length: int,
    state: Tensor | None = None,
    *,
    until_over: bool = False,
    views: bool = True,
) -> tuple[JointTrajectory, dict[str, Memory]]:
    """Play `length` steps on from `timesteps` (from `arena.reset` or the end of the last segment).

    Where no global `state` is given, none is kept. With `until_over` it stops earlier once the episode has ended for
    every seat in every row. Without `views` what the seats saw is not kept, as pictures of a whole episode may take
    gigabytes: the trajectory's observations are empty, [T + 1, B, 0].

    Returns:
        The joint trajectory, whose last time step starts the next segment, and the memories before that time step.
    """
    seen: dict[str, list[TimeStep]] = {seat: [_kept(timesteps[seat], views)] for seat in arena.spec.seats}
    done: dict[str, list[Action]] = {seat: [] for seat in arena.spec.seats}
    states = [] if state is None else [state]
    current = dict(memories)
    for _ in range(length):
        actions: dict[str, Action] = {}
        with redirect_stdout(sys.stderr):  # standard output belongs to the result, whoever plays here
            for seat, policy in policies.items():
                actions[seat], current[seat] = policy.act(timesteps[seat], current[seat])
                done[seat].append(actions[seat])
            timesteps, state = arena.step(actions)
        for seat, step in timesteps.items():
            seen[seat].append(_kept(step, views))
        if states and state is not None:
            states.append(state)
        if until_over and all(bool(step.last.all()) for step in timesteps.values()):
            break
    seats = {
        seat: Trajectory(stack_timesteps(seen[seat]), stack_actions(done[seat]), memories[seat]) for seat in policies
    }
    return JointTrajectory(seats, torch.stack(states) if states else None), current


def _kept(step: TimeStep, views: bool) -> TimeStep:
    """A time step as the trajectory keeps it."""
    return step if views else step._replace(observation=step.observation.new_zeros(len(step.reward), 0))


def by_moves(arena: Arena, policies: Mapping[str, Policy], memories: Mapping[str, Memory]) -> JointTrajectory | None:
    """Whole episodes of two players to whom moves alone matter, in a game where they alone decide; None elsewhere.

    The players play as in `rollout`, move by move, but no time step is made until the last move is known. Rows in
    which nobody draws luck are played once.
    """
    seats = tuple(arena.spec.seats)
    if "matrix" not in arena.spec.offers or type(arena).unfold is Arena.unfold:
        return None
    meeting = [policies[seat].encounters(memories[seat]) for seat in seats]
    one, other = meeting if len(meeting) == 2 else (None, None)
    if one is None or other is None:
        return None
    width, known = arena.spec.max_steps, dict[tuple[int | None, int | None], list[tuple[int, int]]]()
    for lucks in dict.fromkeys(zip(one.luck, other.luck, strict=True)):
        first, second = one.begin(lucks[0]), other.begin(lucks[1])
        played = known[lucks] = []
        for _ in range(width):
            x, y = first.act(), second.act()
            played.append((x, y))
            first.note(x, y)
            second.note(y, x)
    table = torch.tensor([known[lucks] for lucks in zip(one.luck, other.luck, strict=True)])  # [B, T, 2]
    choices = torch.tensor([arena.spec.seats[seat].actions for seat in seats])
    if bool(((table < 0) | (table >= choices)).any()):
        return None  # somebody plays what the rules do not know, which a referee notes step by step
    told = arena.unfold(dict(zip(seats, table.transpose(0, 1).unbind(-1), strict=True)))
    return JointTrajectory({seat: Trajectory(*told[seat], memories[seat]) for seat in seats})
