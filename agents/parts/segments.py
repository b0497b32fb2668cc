"""The segments of several seats side by side, so that the networks of a team read them together.

Shapes: T steps, N seats, B copies, O and A the widest seat's observation and number of actions.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from agents.parts.team import apply, padded
from agents.protocol import JointTrajectory, Parameters, playing
from arenas.protocol import TimeStep

#: Messages, who hears them, and common knowledge.
_NOTHING: tuple[None, None, dict[str, Tensor]] = (None, None, {})


class Segment(NamedTuple):
    """What N seats with discrete actions saw and did; what the padding holds is 0, and its actions are illegal."""

    timesteps: TimeStep  # leaves [T + 1, N, B(, O)]: flat observations, and no masks, messages or common knowledge
    legal: Tensor  # bool [T + 1, N, B, A]
    actions: Tensor  # long [T, N, B]

    @property
    def counted(self) -> Tensor:
        """float32 [T, N, B]: 1 where the action counted."""
        return playing(self.timesteps)

    def copies(self, which: slice) -> Segment:
        """The segment of some copies."""
        cut = self.timesteps.each(lambda leaf: leaf[:, :, which])
        return Segment(cut, self.legal[:, :, which], self.actions[:, :, which])

    def parts(self, count: int) -> Iterator[Segment]:
        """The copies in `count` parts that follow one another, or one by one where there are fewer."""
        copies = self.actions.shape[2]
        bounds = [copies * n // min(count, copies) for n in range(min(count, copies) + 1)]
        return (self.copies(slice(*ends)) for ends in itertools.pairwise(bounds))


def together(joint: JointTrajectory, seats: Sequence[str]) -> Segment:
    """The segments of `seats` as one."""
    steps_of = [joint.seats[seat].timesteps for seat in seats]
    leaves = zip(*((t.reward, t.discount, t.first, t.last, t.active) for t in steps_of), strict=True)
    observation = padded([t.observation.flatten(2) for t in steps_of], dim=1)
    steps = TimeStep._make([observation, None, *(torch.stack(leaf, dim=1) for leaf in leaves), *_NOTHING])
    legal = padded([t.action_mask for t in steps_of if t.action_mask is not None], dim=1)
    return Segment(steps, legal, torch.stack([joint.seats[seat].actions.value for seat in seats], dim=1))


def across(parameters: Parameters, x: Tensor) -> Tensor:
    """The networks of a team on what their seats saw: [T, N, B, in] -> [T, N, B, out]."""
    steps, seats, copies, _ = x.shape
    out = apply(parameters, x.movedim(1, 0).flatten(1, 2))
    return out.view(seats, steps, copies, -1).movedim(1, 0)
