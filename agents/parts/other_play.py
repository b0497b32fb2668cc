"""Other-play: in every episode, each seat sees the game under names of its own, so that no name can be relied on.

Hu, Lerer, Peysakhovich and Foerster 2020, "Other-Play" for zero-shot coordination. Of the policies pi of a team, G the
group of renamings that leave the game what it is, it looks for

    argmax_pi E_{phi_1, phi_2 ~ G} J(phi_1(pi_1), phi_2(pi_2))

which is as good with partners that broke the game's symmetries in another way. A seat's phi is drawn anew, uniformly,
when an episode begins. What the seat sees is renamed before its policy sees it, and what it does is named back, so that
the learner knows nothing of it; for what it learns from, its part of the round is renamed in the same way.

Shapes: T steps, B copies, G renamings (the first of which changes nothing), O observation, A actions, M bits, S state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

import torch
from torch import Tensor

from agents.protocol import Agent, CannotLearn, JointTrajectory, Memory, Trajectory
from agents.randomness import below, bits, deal, dealt_bits
from arenas.protocol import Action, ArenaSpec, Lazy, TimeStep
from arenas.symmetries import Symmetry

MOST = 5000  # renamings that are listed
RENAMING = "renaming"  # in a memory, and in the extras of actions: the number of the renaming, long [B]
_LUCK = "renaming_luck"
_SALT = 0x0E5A  # of the luck by which renamings are drawn


class Renamings:
    """All renamings of a game, and what they do to what a seat sees, does and learns from.

    Args:
        spec: of a game that offers "symmetries".
        device: where the tables live.

    Raises:
        CannotLearn: the game tells of no symmetries, or of more than `MOST`.
    """

    def __init__(self, spec: ArenaSpec, device: str = "cpu") -> None:
        if not spec.symmetries:
            raise CannotLearn(
                f"other_play: {spec.name} tells of no renamings that leave it what it is (of colours, cards or bits)"
                " under these settings; leave other_play=false"
            )
        widths = dict(_widths(spec))
        whole = torch.stack([_whole(symmetry, widths) for symmetry in spec.symmetries])
        table = _closed(whole, spec.name).to(device)
        starts = torch.tensor([0, *widths.values()]).cumsum(0).tolist()
        #: (what, seat or group) -> where its places stood, long [G, ...]; of bits, whether each is turned round.
        self._orders = {
            part: table[:, begin : begin + width] - begin
            for (part, width), begin in zip(widths.items(), starts, strict=False)
        }
        self._back = {seat: self._orders["does", seat].argsort(1) for seat in spec.seats}
        self._turned = {
            seat: self._orders["says", seat].view(len(table), -1, 2)[..., 0] == 1 + _evens(of.message_dim, device)
            for seat, of in spec.seats.items()
        }
        self.count = len(table)

    # -- play ---------------------------------------------------------------------------------------------------------

    def begin(self, seed: Tensor) -> Memory:
        """What a memory has besides: no renaming yet, and the luck by which they are drawn."""
        return {RENAMING: torch.zeros_like(seed), _LUCK: deal(bits(seed, _SALT))}

    def drawn(self, timestep: TimeStep, memory: Memory) -> Tensor:
        """The renaming [B] of this time step: another where an episode begins."""
        fresh = below(dealt_bits(memory[_LUCK], memory["step"]), self.count)
        return torch.where(timestep.first, fresh, memory[RENAMING])

    def seen(self, seat: str, step: TimeStep, which: Tensor) -> TimeStep:
        """A time step, leaves [..., B, ...], as a seat sees it under the renamings `which` [..., B]."""
        flat = step.observation.flatten(which.dim())
        mask = step.action_mask
        groups = tuple(step.common)
        return step._replace(
            observation=self._moved("sees", seat, flat, which).view_as(step.observation),
            action_mask=None if mask is None else self._moved("does", seat, mask, which),
            messages=self._heard(seat, step, which),
            common=Lazy(groups, lambda group: self._moved("known", group, step.common[group], which)),
        )

    def meant(self, seat: str, action: Action, which: Tensor) -> Action:
        """What a seat does in the game, from what it does under the renamings; `which` is noted in the extras."""
        value = self._orders["does", seat][which].gather(-1, action.value.unsqueeze(-1)).squeeze(-1)
        said = self._said(seat, action.message, which)
        return Action(value, said, {**action.extras, RENAMING: which})

    # -- learning -----------------------------------------------------------------------------------------------------

    def own(self, joint: JointTrajectory, seats: tuple[str, ...]) -> JointTrajectory:
        """A round in which each of these seats sees and does what it saw and did under its renamings."""
        return joint._replace(seats={**joint.seats, **{seat: self._own(seat, joint.seats[seat]) for seat in seats}})

    def of(self, trajectory: Trajectory) -> Tensor:
        """The renaming at every moment of a segment, long [T + 1, B].

        That of the last moment is the one before: where an episode begins there, its value counts for nothing.
        """
        which = trajectory.actions.extras[RENAMING]
        return torch.cat((which, which[-1:]))

    def state(self, state: Tensor, which: Tensor) -> Tensor:
        """The state [..., S] under the renamings `which` [...]."""
        return self._moved("state", "", state, which)

    def signs(self, joint: JointTrajectory, seats: tuple[str, ...]) -> Tensor:
        """-1 where a bit is turned round and else 1, float32 [T + 1, N, B, M], for N seats."""
        return 1 - 2 * torch.stack([self._turned[seat][self.of(joint.seats[seat])] for seat in seats], dim=1).float()

    def _own(self, seat: str, trajectory: Trajectory) -> Trajectory:
        which, actions = self.of(trajectory), trajectory.actions
        did = self._back[seat][which[:-1]].gather(-1, actions.value.unsqueeze(-1)).squeeze(-1)
        said = self._said(seat, actions.message, which[:-1])
        seen = self.seen(seat, trajectory.timesteps, which)
        return trajectory._replace(timesteps=seen, actions=actions._replace(value=did, message=said))

    # -- parts --------------------------------------------------------------------------------------------------------

    def _moved(self, what: str, whose: str, values: Tensor, which: Tensor) -> Tensor:
        """Values [..., W] in the order of the renamings [...]."""
        return values.gather(-1, self._orders[what, whose][which])

    def _heard(self, seat: str, step: TimeStep, which: Tensor) -> Tensor | None:
        """The messages [..., B, N, M] that a seat hears; at the first step of an episode they were said by nobody."""
        if step.messages is None or step.audible is None:
            return step.messages
        turned = self._turned[seat][which].unsqueeze(-2) & (step.audible & ~step.first.unsqueeze(-1)).unsqueeze(-1)
        return torch.where(turned, 1 - step.messages, step.messages)

    def _said(self, seat: str, message: Tensor | None, which: Tensor) -> Tensor | None:
        return None if message is None else torch.where(self._turned[seat][which], 1 - message, message)


class OtherPlayer(Agent):
    """A learner whose `Config` has `other_play`."""

    arrived = frozenset({"other_play"})

    @cached_property
    def renamings(self) -> Renamings | None:
        """Those that it learns under, None without other-play. To be asked for in training alone.

        What was trained under them plays in games that have none, too.

        Raises:
            CannotLearn: see `Renamings`.
        """
        return Renamings(self.spec, self.device) if self.config.other_play else None

    def as_seen(self, joint: JointTrajectory) -> tuple[JointTrajectory, list[Trajectory]]:
        """A round as the own seats saw it, and their parts of it: the first's alone where all have the same names."""
        if self.renamings is None:
            return joint, [joint.seats[self.seats[0]]]
        joint = self.renamings.own(joint, self.seats)
        return joint, [joint.seats[seat] for seat in self.seats]

    def state_seen(self, joint: JointTrajectory, actor: Tensor) -> Tensor:
        """The state of a round [T + 1, B, S] in the names of the seat on turn [T + 1, B]."""
        assert joint.state is not None  # the word "state" is needed to learn
        if self.renamings is None:
            return joint.state
        which = self.of_actor(actor, [self.renamings.of(joint.seats[seat]) for seat in self.seats])
        return self.renamings.state(joint.state, which)

    def of_actor(self, actor: Tensor, parts: list[Tensor]) -> Tensor:
        """Of what every own seat has [T, B, ...] that of the seat on turn [T, B], where they differ.

        They have the same, unless each sees the game under names of its own. Where a stranger is on turn, that of the
        first seat is taken.
        """
        if self.renamings is None:
            return parts[0]
        chosen = parts[0]
        order = list(self.spec.seats)
        for seat, part in zip(self.seats[1:], parts[1:], strict=True):
            here = (actor == order.index(seat)).view(*actor.shape, *[1] * (part.dim() - 2))
            chosen = torch.where(here, part, chosen)
        return chosen


def _widths(spec: ArenaSpec) -> Iterator[tuple[tuple[str, str], int]]:
    """The parts of a renaming, and how many places each has; a bit has two, one for each of its values."""
    for seat, of in spec.seats.items():
        yield ("sees", seat), torch.Size(of.observation).numel()
        yield ("does", seat), of.actions
        yield ("says", seat), 2 * of.message_dim
    for group in spec.groups:
        yield ("known", group), spec.known[group]
    yield ("state", ""), spec.state_dim


def _whole(symmetry: Symmetry, widths: Mapping[tuple[str, str], int]) -> Tensor:
    """All parts of a renaming as one order, long [W]."""
    says = {seat: [2 * n + (bit ^ t) for n, t in enumerate(of) for bit in (0, 1)] for seat, of in symmetry.says.items()}
    given = {
        **{("sees", seat): order for seat, order in symmetry.sees.items()},
        **{("does", seat): order for seat, order in symmetry.does.items()},
        **{("says", seat): order for seat, order in says.items()},
        **{("known", group): order for group, order in symmetry.known.items()},
        **({("state", ""): symmetry.state} if symmetry.state else {}),
    }
    parts, begin = [], 0
    for part, width in widths.items():
        parts.append(torch.tensor(given.get(part, range(width)), dtype=torch.long) + begin)
        begin += width
    return torch.cat(parts)


def _closed(generators: Tensor, name: str) -> Tensor:
    """Everything that can be composed of these orders [n, W], long [G, W], that which changes nothing first.

    Raises:
        CannotLearn: it is more than `MOST`.
    """
    start = torch.arange(generators.shape[1])
    found = {start.numpy().tobytes(): start}
    new = [start]
    while new:
        composed = [order[generator] for order in new for generator in generators]
        new = []
        for order in composed:
            key = order.numpy().tobytes()
            if key not in found:
                found[key] = order
                new.append(order)
        if len(found) > MOST:
            raise CannotLearn(f"other_play: {name} has more than {MOST:,} renamings, too many to list")
    return torch.stack([*found.values()])


def _evens(count: int, device: str) -> Tensor:
    """0, 2, 4 ...: where the first value of each bit stands, long [count]."""
    return 2 * torch.arange(count, device=device)
