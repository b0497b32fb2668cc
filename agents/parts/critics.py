"""What critics of several seats share: their networks and slow copies, targets by TD(lambda), and team mates' actions.

Shapes: T steps, N own seats, K readers (seats, or teams), B copies, A actions, M seats of the largest team, W what a
critic reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from agents.parts.gradients import leaves
from agents.parts.logits import taken
from agents.parts.returns import advantages
from agents.parts.segments import Segment, across
from agents.parts.team import Team, Trained, numbered
from agents.protocol import JointTrajectory, Parameters
from arenas.protocol import ArenaSpec, TimeStep


@dataclass(frozen=True)
class Lessons:
    """How often a batch is gone through, and in what pieces.

    Attributes:
        passes: how often.
        batch: moments in a piece; 0: all of them.
        whole: pieces are of whole copies, as networks that remember need them.
    """

    passes: int
    batch: int
    whole: bool = False

    def pieces(self, steps: int, copies: int, luck: torch.Generator) -> Iterator[Tensor]:
        """Numbers of the moments, or copies, of each piece in turn, long; every pass in a new order."""
        count = copies if self.whole else steps * copies
        size = max(1, self.batch // steps) if self.whole else self.batch
        for _ in range(self.passes):
            order = torch.randperm(count, generator=luck)
            yield from torch.split(order, size) if self.batch else (order,)


def picked(leaf: Tensor, which: Tensor) -> Tensor:
    """Some copies of a leaf [T, N, B, ...], by their numbers: [T, N, len(which), ...]."""
    which = which.to(leaf.device)
    # of wide rows this is several times as fast as an index in brackets, of single numbers it is the other way round
    return leaf[:, :, which] if leaf.dim() == 3 else leaf.index_select(2, which)


def moments(leaf: Tensor, which: Tensor) -> Tensor:
    """Some moments of a leaf [T, N, B, ...], by their numbers, time step by time step: [1, N, len(which), ...]."""
    which = which.to(leaf.device)
    _, readers, copies, *rest = leaf.shape
    of_first = which + which // copies * ((readers - 1) * copies)
    rows = of_first + torch.arange(0, readers * copies, copies, device=leaf.device).unsqueeze(1)
    lying = leaf.flatten(0, 2)
    found = lying.index_select(0, rows.flatten()) if rest else lying[rows]
    return found.view(1, readers, len(which), *rest)


class Critic:
    """The critics of several seats in one team of networks, with slow copies that give the targets.

    Args:
        widths: what each reader reads, K numbers.
        outputs: 1 for a value, |U| for a value of every action.
        seeds: K.
        config: of a `TeamLearner`.
        shared: one network for all readers, which is told the reader's number.
        of: the reader of each seat, long [N]; None where every seat has its own.
        dueling: outputs are a value and what each action adds to it (Wang et al. 2016).
        device: where the weights live.
    """

    def __init__(
        self,
        widths: Sequence[int],
        outputs: int,
        seeds: Sequence[int],
        config: Any,
        *,
        shared: bool,
        of: Tensor | None = None,
        dueling: bool = False,
        device: str = "cpu",
    ) -> None:
        self.config, self.of, self.dueling = config, of, dueling
        sizes = [
            [wide, *[config.critic_hidden] * (2 if config.critic_hidden else 0), outputs + dueling] for wide in widths
        ]
        team = Team(sizes, seeds, last_scale=0.01, shared=shared, device=device)
        self.trained = Trained(team, config.critic_lr, config.clip)
        self.lessons = Lessons(config.passes, config.batch)

    @torch.no_grad()
    def now(self, x: Tensor, common: Tensor | None = None) -> Tensor:
        """What the critics say [T, N, B, outputs] of what they read [T, K, B, W].

        What all of them read alike, before x, may stand apart: `common` [T, 1, B, C], where W is less by C.
        """
        return self._judged(self.trained.team.parameters, x, common)

    @torch.no_grad()
    def slow(self, x: Tensor, common: Tensor | None = None) -> Tensor:
        """What the slow copies say."""
        return self._judged(self.trained.slow.parameters, x, common)

    def _judged(self, parameters: Parameters, x: Tensor, common: Tensor | None) -> Tensor:
        out = across(parameters, x, common=common)
        if self.dueling:
            added = out[..., 1:]
            out = out[..., :1] + added - added.mean(-1, keepdim=True)
        return out if self.of is None else out[:, self.of]

    def fit(
        self,
        x: Tensor,
        target: Tensor,
        counted: Tensor,
        luck: torch.Generator,
        action: Tensor | None = None,
        common: Tensor | None = None,
    ) -> float:
        """Step towards targets [T, N, B], and the slow copies after every step; returns the last mean squared error.

        Args:
            x: what they read, [T, K, B, W].
            target: without graph.
            counted: float32 [T, N, B], 0 where nothing is to be learned.
            luck: of the order of moments.
            action: long [T, N, B], whose value it is, where they value all actions.
            common: what all read alike, see `now`.
        """
        steps, _, copies = target.shape
        x = x.contiguous()  # else every piece would copy all of it
        loss = torch.zeros(())
        for piece in self.lessons.pieces(steps, copies, luck):
            phi = leaves(self.trained.team.parameters)
            out = self._judged(phi, moments(x, piece), None if common is None else moments(common, piece))
            value = out.squeeze(-1) if action is None else taken(out, moments(action, piece))
            on = moments(counted, piece)
            loss = ((value - moments(target, piece)).square() * on).sum() / on.sum().clamp_min(1)
            self.trained.descend(loss, phi)
            self.trained.follow(self.config.tau)
        return float(loss.detach())


def td_lambda(steps: TimeStep, following: Tensor, gamma: float, lambda_: float) -> Tensor:
    """Targets y_t = r_{t+1} + gamma d ((1 - lambda) v_{t+1} + lambda y_{t+1}), float32 [T, N, B].

    The sum ends at each episode's own last step, and with the segment: a cut by time goes on with v, a termination with
    nothing.

    Args:
        steps: leaves [T + 1, N, B].
        following: v of every time step, [T + 1, N, B].
        gamma: discount per step.
        lambda_: 0: one step; 1: the return.
    """
    return advantages(steps, following, gamma, lambda_) + following[:-1]


def expected(pi: Tensor, q: Tensor) -> Tensor:
    """Sum over actions of pi Q, [...]: the counterfactual baseline. Illegal actions have probability 0."""
    return (pi * q).sum(-1)


def counterfactual(q: Tensor, pi: Tensor, action: Tensor) -> Tensor:
    """Q(u) - sum over u' of pi(u') Q(u'), [...], of values [..., A] and actions long [...]."""
    return taken(q, action) - expected(pi, q)


def following_values(q: Tensor, pi: Tensor, action: Tensor, drawn: Tensor) -> Tensor:
    """V [T + 1, N, B]: the Q of the action taken, and the expectation under pi where no action was.

    Args:
        q: of all actions, [T + 1, N, B, A].
        pi: [T + 1, N, B, A].
        action: long [T + 1, N, B].
        drawn: bool [T + 1, N, B], where `action` was not taken but only imagined.
    """
    return torch.where(drawn, expected(pi, q), taken(q, action))


class Mates:
    """The teams of a learner's seats, and what their seats do.

    Attributes:
        everybody: the seats of the teams that the learner has seats in, in the order of the spec.
        teams: the numbers of each team's seats among them.
        team_of: long [N], the team of each own seat.
    """

    def __init__(self, spec: ArenaSpec, seats: Sequence[str], device: str = "cpu") -> None:
        names = list(numbered(spec, seats))
        self.everybody = [seat for seat, seen in spec.seats.items() if seen.team in names]
        members = numbered(spec, self.everybody)
        self.teams = [members[name] for name in names]
        self.team_of = torch.tensor([names.index(spec.seats[seat].team) for seat in seats], device=device)
        self.own = [self.everybody.index(seat) for seat in seats]
        self.wide = max(spec.seats[seat].actions for seat in self.everybody)
        nobody, most = len(self.everybody), max(map(len, self.teams))

        def filled(numbers: list[int], count: int) -> list[int]:
            return numbers + [nobody] * (count - len(numbers))

        others = [[n for n in self.teams[int(t)] if n != me] for me, t in zip(self.own, self.team_of, strict=True)]
        self._others = torch.tensor([filled(row, most - 1) for row in others], dtype=torch.long, device=device)
        self._all = torch.tensor([filled(row, most) for row in self.teams], dtype=torch.long, device=device)
        self.others_width, self.team_width = (most - 1) * self.wide, most * self.wide

    def actions(self, joint: JointTrajectory, own: Tensor) -> Tensor:
        """One-hot actions [T + 1, S + 1, B, A] of everybody, the last row 0; of own seats `own`, long [T + 1, N, B].

        Of another's seat, whose action after the segment nobody knows, it is what it did last.
        """
        played = []
        for number, seat in enumerate(self.everybody):
            if number in self.own:
                played.append(own[:, self.own.index(number)])
            else:
                value = joint.seats[seat].actions.value
                played.append(torch.cat((value, value[-1:])))
        hot = one_hot(torch.stack(played, dim=1), self.wide).float()
        return torch.cat((hot, torch.zeros_like(hot[:, :1])), dim=1)

    def others(self, hot: Tensor) -> Tensor:
        """u^-a: what the team mates of each own seat do, [T + 1, N, B, (M - 1) * A]."""
        return _side_by_side(hot, self._others)

    def joint(self, hot: Tensor) -> Tensor:
        """u: what each team does, [T + 1, teams, B, M * A]."""
        return _side_by_side(hot, self._all)

    def views(self, joint: JointTrajectory) -> Tensor:
        """What all seats of each own seat's team see, float32 [T + 1, N, B, W]."""
        seen = [joint.seats[seat].timesteps.observation.flatten(2) for seat in self.everybody]
        by_team = [torch.cat([seen[n] for n in numbers], dim=-1) for numbers in self.teams]
        wide = max(view.shape[-1] for view in by_team)
        by_team = [torch.nn.functional.pad(view, (0, wide - view.shape[-1])) for view in by_team]
        return torch.stack(by_team, dim=1)[:, self.team_of]


def _side_by_side(hot: Tensor, numbers: Tensor) -> Tensor:
    """One-hot rows [T, S, B, A] of the seats `numbers` [K, m] side by side, [T, K, B, m * A]."""
    return hot[:, numbers].transpose(2, 3).flatten(3)


def imagined(segment: Segment, pi: Tensor, luck: torch.Generator) -> tuple[Tensor, Tensor]:
    """Actions of every time step, long [T + 1, N, B], and where they are only imagined, bool [T + 1, N, B].

    They are drawn from pi [T + 1, N, B, A] where the arena heard none: after the segment, and where an episode is over.
    """
    action = torch.cat((segment.actions, torch.zeros_like(segment.actions[:1])))
    drawn = segment.timesteps.last.clone()
    drawn[-1] = True
    action[drawn] = torch.multinomial(pi[drawn].cpu(), 1, generator=luck).squeeze(1).to(action.device)
    return action, drawn


def states(critics: Mapping[str, Critic]) -> dict[str, Tensor]:
    """All that the next steps of some critics depend on."""
    state: dict[str, Tensor] = {}
    for name, critic in critics.items():
        state |= critic.trained.state(name)
    return state
