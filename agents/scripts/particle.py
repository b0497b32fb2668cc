"""Scripts for the particle worlds: one never moves, one covers landmarks, one hunts and flees, one goes where it knows.

They see what the seat sees and remember nothing. Relative positions are other minus own. A push is along one axis; a
body that is no longer pushed coasts on by 0.4 times its velocity (step / damping). A script that sees its own velocity
aims from the place to which it will coast, or rather from a little before it, so as to arrive sooner and brake.

`pursuit` knows the seats by their sides, as `adversary` and `agent` in mpe2; the others know them by what they observe.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod

import torch
from torch import Tensor

from agents.parts.policies.scripted import PureScript

_REST, _LEFT, _RIGHT, _DOWN, _UP = range(5)
_DT, _DAMPING = 0.1, 0.25  # per step
_COAST = _DT / _DAMPING  # times a velocity is the way until it is spent
_LEAD = 0.25  # times one's own velocity is what one reckons with
_STILL = 0.03  # ways that are shorter are not worth a push
_MOST_AGENTS = 7  # of which all 5,040 assignments are compared
_PREY_PUSH, _PREY_SPEED = 4 * _DT, 1.3  # of prey in tag
_PACE = 0.08  # way of a predator in a step, as prey imagines it; its greatest is 0.1
_NEAR = 0.1  # distance at which a predator is felt, of the order of a touch (0.125)
_AHEAD = 6  # steps that prey looks ahead


def push(way: Tensor, still: float = _STILL) -> Tensor:
    """Action long [...] along the longer axis of `way` [..., 2]; none where that is not longer than `still`."""
    longest, axis = way.abs().max(-1)
    along = way.gather(-1, axis.unsqueeze(-1)).squeeze(-1)
    action = torch.where(axis == 0, _LEFT, _DOWN) + (along > 0).long()  # the positive direction comes next
    return torch.where(longest > still, action, _REST)


def nearest(points: Tensor) -> Tensor:
    """The point [..., 2] of `points` [..., n, 2] that is nearest to the origin."""
    number = points.norm(dim=-1).argmin(-1, keepdim=True)
    return torch.take_along_dim(points, number.unsqueeze(-1), dim=-2).squeeze(-2)


def points(seen: Tensor, start: int, count: int) -> Tensor:
    """`count` points [..., count, 2] of an observation from its number `start` on."""
    return seen[..., start : start + 2 * count].reshape(*seen.shape[:-1], count, 2)


class Still(PureScript):
    """Stands still; a seat that can only talk says its first word."""

    needs = frozenset({"particle"})

    def choose(self, seen: Tensor) -> Tensor:
        """Action 0."""
        return torch.zeros(seen.shape[:-1], dtype=torch.long, device=seen.device)


class Assignment(PureScript):
    """Covers the landmarks of spread: all agents together take the shortest ways.

    Each compares all assignments of agents to landmarks by the sum of their squared distances, and goes to the landmark
    that the best one gives it. As all see the same distances, all find the same assignment.

    Raises:
        ValueError: there are more agents than it can compare assignments of.
    """

    needs = frozenset({"particle", "spread"})

    def build(self, seed: int) -> None:
        """All orders in which the agents can take the landmarks."""
        if len(self.spec.seats) > _MOST_AGENTS:
            raise ValueError(f"assignment compares those of at most {_MOST_AGENTS} agents, {self.spec.name} has more")
        orders = list(itertools.permutations(range(len(self.spec.seats))))
        self.orders = torch.tensor(orders, device=self.device)  # [n!, n]

    def choose(self, seen: Tensor) -> Tensor:
        """Towards the own landmark. Observed: velocity, place, landmarks, other agents, what they say."""
        n = len(self.spec.seats)
        landmarks, others = points(seen, 4, n), points(seen, 4 + 2 * n, n - 1)
        agents = torch.cat([torch.zeros_like(landmarks[..., :1, :]), others], dim=-2)
        distance = (agents.unsqueeze(-2) - landmarks.unsqueeze(-3)).square().sum(-1)  # [..., agent, landmark]
        total = distance[..., torch.arange(n, device=seen.device), self.orders].sum(-1)  # [..., n!]
        mine = self.orders[total.argmin(-1)][..., 0]
        goal = torch.take_along_dim(landmarks, mine[..., None, None], dim=-2).squeeze(-2)
        return push(goal - _LEAD * seen[..., :2])


class Pursuit(PureScript):
    """Tag: predators cut the nearest prey off, and prey looks a few steps ahead.

    Prey imagines to push in each way, or not, for `_AHEAD` steps while every predator comes straight for it, and takes
    what costs least: a touch 10, as in the rules, and a smooth part of that near one; a step beyond the bounds twice
    their price, so that it stays inside.
    """

    needs = frozenset({"particle", "tag"})

    def choose(self, seen: Tensor) -> Tensor:
        """As the seat's side asks. Observed: velocity, place, obstacles, the other predators and prey, prey's speed."""
        sides = self.spec.sides()
        predators, prey = (len(sides[side]) for side in ("adversary", "agent"))
        hunting = self.seat_spec().side == "adversary"
        others, speeds = predators + prey - 1, prey if hunting else prey - 1
        start = seen.shape[-1] - 2 * (others + speeds)  # behind the obstacles
        if not hunting:
            return self._flee(seen, points(seen, start, predators))
        prey_seen, moving = points(seen, start + 2 * (predators - 1), prey), points(seen, start + 2 * others, prey)
        return push(nearest(prey_seen + _COAST * (moving - seen[..., None, :2])), still=0.0)

    def _flee(self, seen: Tensor, hunters: Tensor) -> Tensor:
        ways = torch.tensor([[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]], device=seen.device).float()
        speed = seen[..., None, :2].expand(*seen.shape[:-1], 5, 2)
        moved = torch.zeros_like(speed)  # [..., way, 2], as seen from here
        hunters = hunters.unsqueeze(-3).expand(*speed.shape[:-1], *hunters.shape[-2:])  # [..., way, hunter, 2]
        cost = torch.zeros_like(speed[..., 0])
        for _ in range(_AHEAD):
            moved = moved + _DT * speed
            speed = (1 - _DAMPING) * speed + _PREY_PUSH * ways
            speed = speed * (_PREY_SPEED / speed.norm(dim=-1, keepdim=True)).clamp_max(1)
            gap = moved.unsqueeze(-2) - hunters
            distance = gap.norm(dim=-1, keepdim=True)
            hunters = hunters + gap * (_PACE / distance).clamp_max(1)
            distance = (distance.squeeze(-1) - _PACE).clamp_min(0)
            beyond = ((seen[..., None, 2:4] + moved).abs() - 0.9).clamp_min(0).sum(-1)
            cost = cost + 10 * (-distance / _NEAR).exp().sum(-1) + 20 * beyond
        return cost.argmin(-1)


class Informed(PureScript):
    """Goes to the goal. A seat that does not see it goes to the landmark nearest to a seat that may see it."""

    still = _STILL  # ways that are shorter are not worth a push

    @abstractmethod
    def way(self, seen: Tensor) -> Tensor:
        """From the seat to where it wants to be, [..., 2]."""

    def choose(self, seen: Tensor) -> Tensor:
        """Towards that place."""
        return push(self.way(seen), self.still)


class InformedAdversary(Informed):
    """Adversary: agents go to the goal, the adversary where one of them is nearest.

    Nobody sees its own velocity here, so that all overshoot.
    """

    needs = frozenset({"particle", "adversary"})
    still = 0.1  # a wider rest, as one cannot brake

    def way(self, seen: Tensor) -> Tensor:
        """Observed: the goal (by good agents), landmarks, the other agents."""
        others = len(self.spec.seats) - 1
        if self.seat_spec().side != "adversary":
            return seen[..., :2]
        landmarks = (seen.shape[-1] - 2 * others) // 2
        return _beside(points(seen, 0, landmarks), points(seen, 2 * landmarks, others))


class InformedPush(Informed):
    """Push: the agent goes to the goal, the adversary to the landmark nearest to it."""

    needs = frozenset({"particle", "push"})

    def way(self, seen: Tensor) -> Tensor:
        """Observed: velocity, then goal, colour (3), landmarks, their colours (3 each), other; or landmarks, other."""
        reckoned = _LEAD * seen[..., :2]
        if self.seat_spec().side != "adversary":
            return seen[..., 2:4] - reckoned
        landmarks = (seen.shape[-1] - 4) // 2
        return _beside(points(seen, 2, landmarks), points(seen, 2 + 2 * landmarks, 1)) - reckoned


class InformedSpeakerListener(Informed):
    """Says the goal's number, and goes to the landmark whose number was said."""

    needs = frozenset({"particle", "speaker-listener"})

    def way(self, seen: Tensor) -> Tensor:
        """What the listener observes: velocity, landmarks, what was said; nothing was yet at the first step."""
        landmarks = (seen.shape[-1] - 2) // 3
        said = seen[..., 2 + 2 * landmarks :]
        goal = (points(seen, 2, landmarks) * said.unsqueeze(-1)).sum(-2)
        return goal - _LEAD * seen[..., :2]

    def choose(self, seen: Tensor) -> Tensor:
        """The goal's number, or a push."""
        return seen.argmax(-1) if self.seat_spec().side == "speaker" else super().choose(seen)


def _beside(landmarks: Tensor, others: Tensor) -> Tensor:
    """Of `landmarks` [..., n, 2] the one [..., 2] that has one of `others` [..., m, 2] nearest to it."""
    gap = (landmarks.unsqueeze(-2) - others.unsqueeze(-3)).norm(dim=-1).amin(-1)
    return torch.take_along_dim(landmarks, gap.argmin(-1)[..., None, None], dim=-2).squeeze(-2)
