"""Transitions of many seats: from the segment that was played to what networks and critics read.

Shapes: T steps, B transitions, N own seats, S seats that the critics read, O and A the widest of their observations
and actions, W what a critic reads. Narrower seats are filled up with zeros.

A batch is a dict of these leaves. All own seats learn from the same transitions, or where a learner says so from G sets
of them, each set for some of its seats; then every leaf has a G before its B.

    observation, next  float [B, S, O]  what the seats saw, before and after
    action             float [B, S, A]  what they did, one-hot where actions are discrete
    next_action        float [B, S, A]  what they did next, where that has to be known
    reward             float [B, N]
    discount           float [B], 0 after a termination and 1 after a cut by time
    (an extra)         long [B, S], 0 in seats that are not ours
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from agents.parts.logits import masked
from agents.parts.policies.categorical import CategoricalPolicy
from agents.parts.policies.deterministic import DeterministicPolicy, sizes
from agents.parts.policies.relaxed import Relaxation, relaxed
from agents.parts.team import Team, padded, real
from agents.protocol import DifferentiablePolicy, JointTrajectory, playing
from arenas.protocol import ArenaSpec, moment

Batch = dict[str, Tensor]


def critic_target(reward: Tensor, discount: Tensor, next_value: Tensor, gamma: float) -> Tensor:
    """What Q is fitted to, y = r + gamma d Qbar'; `discount` d is 0 after a termination and 1 after a cut by time."""
    return reward + gamma * discount * next_value


class Reader:
    """Lays the seats that the critics read side by side.

    Args:
        spec: the arena's spec; its seats all have discrete or all have continuous actions.
        seats: the own seats.
        config: settings of MADDPG: `hidden`, `temperature`, and for policies `noise` and `play`.
        central: whether critics read all seats of the game, or each its own seat alone.
        extras: which extras of the own actions transitions keep: a number each.
        device: where networks and transitions live.

    Attributes:
        read: the seats that are read, in order.
        own: the numbers of the own seats among them.
        others: the numbers of the further ones, whose next action has to be known.
        sets: of each own seat the number of the set of transitions that it learns from, in order of appearance.

    Raises:
        ValueError: some seats have discrete actions and some have continuous ones.
    """

    def __init__(
        self,
        spec: ArenaSpec,
        seats: tuple[str, ...],
        config: Any,
        *,
        central: bool = True,
        extras: tuple[str, ...] = (),
        device: str = "cpu",
    ) -> None:
        self.spec, self.seats, self.central, self.device = spec, seats, central, device
        self.config, self.extras = config, extras
        self.read = tuple(spec.seats) if central else seats
        self.own = [self.read.index(seat) for seat in seats]
        self.others = [number for number in range(len(self.read)) if number not in self.own]
        self.sets = [0] * len(seats)
        self.discrete = spec.seats[seats[0]].actions > 0
        if any((s.actions > 0) != self.discrete for s in spec.seats.values()):
            raise ValueError(
                f"{spec.name} has seats with discrete and seats with continuous actions: they need one kind"
            )
        self.hidden = [config.hidden, config.hidden]
        self.layers = [sizes(spec.seats[s], self.hidden) for s in self.read]
        self.sees, self.acts = [widths[0] for widths in self.layers], [widths[-1] for widths in self.layers]
        self.real = real(self.acts, device)  # [S, 1, A]

    def actors(self, numbers: Sequence[int], seeds: Sequence[int]) -> Team:
        """Fresh policy networks [B, O] -> [B, A] of some of the seats that are read, by a seed each."""
        widest = [max(widths) for widths in zip(*self.layers, strict=True)]
        layers = [self.layers[number] for number in numbers]
        return Team(layers, seeds, widest=widest, last_scale=0.01, device=self.device)

    def critics(self, seeds: Sequence[int]) -> Team:
        """Fresh critics [B, W] -> [B, 1], one for each own seat, by a seed each."""
        wide = (len(self.read) if self.central else 1) * (max(self.sees) + max(self.acts))
        return Team([[wide, *self.hidden, 1]] * len(self.own), seeds, device=self.device)

    def policy(self, actors: Team, seat: str, sharpness: float = 1.0) -> CategoricalPolicy | DeterministicPolicy:
        """The policy of an own seat, which reads its weights among `actors` and changes with them."""
        parameters, spec = actors.of(self.seats.index(seat)), self.spec.seats[seat]
        if not self.discrete:
            return DeterministicPolicy(parameters, spec, self.config.noise)
        return CategoricalPolicy(parameters, spec, sharpness=sharpness if self.config.play == "mode" else 1.0)

    # -- from a segment to transitions --------------------------------------------------------------------------------

    def example(self) -> Batch:
        """One transition of zeros, which shows shapes and types."""
        s, o, a = len(self.read), max(self.sees), max(self.acts)
        shapes = {"observation": (s, o), "next": (s, o), "action": (s, a), "reward": (len(self.own),), "discount": ()}
        if self.others:
            shapes["next_action"] = (s, a)
        rows = {name: torch.zeros(1, *shape, device=self.device) for name, shape in shapes.items()}
        return rows | {name: torch.zeros(1, s, dtype=torch.long, device=self.device) for name in self.extras}

    def rows(self, joint: JointTrajectory, peers: Mapping[str, DifferentiablePolicy]) -> Batch:
        """Transitions of a segment, those that counted for any seat, as rows.

        The last step is left out where somebody's next action has to be known and no policy of theirs is shown.
        """
        seats = [joint.seats[seat] for seat in self.read]
        seen = padded([t.timesteps.observation.flatten(2) for t in seats])  # [T + 1, B, S, O]
        if self.discrete:
            taken = padded([one_hot(t.actions.value, n).float() for t, n in zip(seats, self.acts, strict=True)])
        else:
            taken = padded([t.actions.value for t in seats])
        batch = {
            "observation": seen[:-1],
            "next": seen[1:],
            "action": taken,
            "reward": torch.stack([joint.seats[seat].timesteps.reward[1:] for seat in self.seats], dim=-1),
            "discount": seats[0].timesteps.discount[1:],
        }
        counted = torch.stack([playing(t.timesteps) for t in seats]).amax(0).bool()
        if self.others:
            batch["next_action"] = torch.cat([taken[1:], torch.zeros_like(taken[:1])])
            if any(self.policy_of(number, peers) is None for number in self.others):
                counted[-1] = False
        for name in self.extras:
            batch[name] = torch.zeros(taken.shape[:-1], dtype=torch.long, device=taken.device)
            for number in self.own:
                batch[name][..., number] = seats[number].actions.extras[name]
        return {name: leaf[counted] for name, leaf in batch.items()}

    # -- from transitions to what networks read -----------------------------------------------------------------------

    def by_seat(self, leaf: Tensor, dims: int = 3) -> Tensor:
        """[N, B, ...] of a leaf [B, ...] of so many dimensions, or of one that has G or N before them."""
        if leaf.dim() == dims:
            return leaf.expand(len(self.own), *leaf.shape)
        return leaf if len(leaf) == len(self.own) else leaf[self.sets]

    def seen(self, observation: Tensor) -> Tensor:
        """What each own seat saw [N, B, O]."""
        by_seat = self.by_seat(observation)
        return torch.stack([by_seat[n, :, number] for n, number in enumerate(self.own)])

    def heard(self, observation: Tensor, action: Tensor) -> Tensor:
        """What each own seat's critic reads [N, B, W]: of observations and actions [B, S, ...], or G or N of either."""
        if not self.central:
            return torch.cat([self.seen(observation), self.seen(action)], dim=-1)
        return torch.cat([self.by_seat(observation).flatten(2), self.by_seat(action).flatten(2)], dim=-1)

    def paid(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Rewards and discounts [N, B] of each own seat."""
        reward = self.by_seat(batch["reward"], 2)
        mine = torch.stack([reward[n, :, n] for n in range(len(self.own))])
        return mine, self.by_seat(batch["discount"], 1)

    def instead(self, action: Tensor, mine: Tensor) -> Tensor:
        """Joint actions [N, B, S, A] in which own seat n does `mine[n]` [B, A] and the others what `action` says."""
        mark = torch.eye(len(self.read), device=action.device)[self.own].view(len(self.own), 1, -1, 1)
        return self.by_seat(action) * (1 - mark) + mine.unsqueeze(2) * mark

    # -- from what networks say to actions ----------------------------------------------------------------------------

    def action(self, out: Tensor, how: Relaxation, luck: torch.Generator, numbers: list[int]) -> Tensor:
        """Actions [n, B, A] from what the networks of the seats `numbers` say, 0 in the padding."""
        if not self.discrete:
            return out.tanh() * self.real[numbers]
        return relaxed(self.masked(out, numbers), how, self.config.temperature, luck)

    def masked(self, out: Tensor, numbers: list[int]) -> Tensor:
        """Logits [n, B, A] of the seats `numbers`, -inf in the padding."""
        return masked(out, self.real[numbers])

    def square(self, out: Tensor) -> Tensor:
        """Mean square [N] of what the networks of the own seats say [N, B, A], padding aside."""
        mine = self.real[self.own]
        return (out.square() * mine).sum((1, 2)) / (mine.sum((1, 2)) * out.shape[1])

    def policy_of(self, number: int, peers: Mapping[str, DifferentiablePolicy]) -> DifferentiablePolicy | None:
        """The policy of a seat that is not ours, where it is shown and can be asked about single observations."""
        policy = peers.get(self.read[number])
        known = type(policy) is CategoricalPolicy  # tables and scripts are not asked
        return None if policy is None or not policy.memoryless or self.discrete != known else policy

    def next_of(
        self, number: int, batch: Batch, policy: DifferentiablePolicy | None, how: Relaxation, luck: torch.Generator
    ) -> Tensor:
        """What a seat that is not ours does next [..., B, A]: by its policy where that is shown, else what it did."""
        if policy is None:
            return batch["next_action"][..., number, :]
        seen = batch["next"][..., number, : self.sees[number]]
        observation = seen.reshape(-1, *self.spec.seats[self.read[number]].observation)
        if isinstance(policy, CategoricalPolicy):
            action = relaxed(policy.scores(observation), how, self.config.temperature, luck)
        else:
            action = policy.means(moment(observation))
        wide = max(self.acts)
        return torch.nn.functional.pad(action, (0, wide - action.shape[-1])).view(*seen.shape[:-1], wide)
