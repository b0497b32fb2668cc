"""The segments of several seats side by side, so that the networks of a team read them together.

Shapes: T steps, N seats, B copies, O and A the widest seat's observation and number of actions, S global state, H what
a recurrent policy remembers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from agents.parts.policies.recurrent import HIDDEN
from agents.parts.recurrent import recurrent, unrolled
from agents.parts.team import apply, padded
from agents.protocol import JointTrajectory, Parameters, playing
from arenas.protocol import TimeStep

#: Messages, who hears them, and common knowledge.
_NOTHING: tuple[None, None, dict[str, Tensor]] = (None, None, {})


#: Rows that networks read at once where no graph is made, so that what is in between stays in the processor's cache.
_ROWS = 4096


class Segment(NamedTuple):
    """What N seats saw and did; what the padding holds is 0, and its actions are illegal.

    Continuous actions are float32 [T, N, B, D], and all that is said of their D numbers is that they are legal.
    """

    timesteps: TimeStep  # leaves [T + 1, N, B(, O)]: flat observations, and no masks, messages or common knowledge
    legal: Tensor  # bool [T + 1, N, B, A]
    actions: Tensor  # long [T, N, B]
    state: Tensor | None = None  # float32 [T + 1, B, S], where the arena shows it
    hidden: Tensor | None = None  # float32 [N, B, H], what was remembered before the first time step, where anything

    @property
    def counted(self) -> Tensor:
        """float32 [T, N, B]: 1 where the action counted."""
        return playing(self.timesteps)

    def copies(self, which: slice) -> Segment:
        """The segment of some copies."""
        cut = self.timesteps.each(lambda leaf: leaf[:, :, which])
        state = None if self.state is None else self.state[:, which]
        hidden = None if self.hidden is None else self.hidden[:, which]
        return Segment(cut, self.legal[:, :, which], self.actions[:, :, which], state, hidden)

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
    masks = [t.action_mask for t in steps_of if t.action_mask is not None]
    memories = [joint.seats[seat].memory or {} for seat in seats]
    hidden = torch.stack([memory[HIDDEN] for memory in memories]) if all(HIDDEN in m for m in memories) else None
    values = [joint.seats[seat].actions.value for seat in seats]
    actions = torch.stack(values, dim=1) if masks else padded(values, dim=1)
    legal = padded(masks, dim=1) if masks else torch.ones_like(observation[..., :1], dtype=torch.bool)
    return Segment(steps, legal, actions, joint.state, hidden)


def across(parameters: Parameters, x: Tensor, segment: Segment | None = None, common: Tensor | None = None) -> Tensor:
    """The networks of a team on what their seats saw: [T, N, B, in] -> [T, N, B, out].

    Recurrent ones need the `segment`, which says where episodes begin and what was remembered before: `x` is of its
    first T time steps. Others may read something alike before x, `common` [T, 1, B, C].
    """
    steps, seats, copies, _ = x.shape
    if recurrent(parameters):
        assert segment is not None and segment.hidden is not None
        return unrolled(parameters, x, segment.hidden, segment.timesteps.first[:steps])[0]
    few = max(1, _ROWS // max(1, seats * copies))
    if few < steps and not torch.is_grad_enabled():
        cuts = [slice(at, at + few) for at in range(0, steps, few)]
        parts = [across(parameters, x[cut], None, None if common is None else common[cut]) for cut in cuts]
        return torch.cat(parts)
    alike = None if common is None else common.flatten(0, 2)
    out = apply(parameters, x.movedim(1, 0).flatten(1, 2), alike)
    return out.view(seats, steps, copies, -1).movedim(1, 0)
