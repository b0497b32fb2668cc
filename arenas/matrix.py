"""Iterated two-player matrix games: any payoffs, and the four classics by name.

Both seats choose at once, are paid by the matrix, and see what both did. The observation, float32
[1 + A_own * A_other], is one-hot in the seat's own view: index 0 before the first move, then 1 + own action * A_other +
the other's action. So a policy of the prisoner's dilemma has the five numbers start, CC, CD, DC, DD in either seat.
Nothing tells the time, so that the finite game does not unravel from its end. State: what the row player sees.

Where exchanging the seats changes nothing, both are of one side; otherwise each has its own. Payoffs that add up to a
constant make the game competitive, payoffs that are equal make it cooperative, and all others mixed. The draw band of a
competitive game is two standard errors of the difference between the mean returns of two equal players after a block of
250 episodes in either seating: a step adds at most half the payoffs' range, squared, to the variance of a return, and
the difference of two returns in a constant-sum game is twice the one.

Sources: prisoner's dilemma and matching pennies with their discounts from Foerster et al. 2018 (LOLA); stag hunt and
chicken from Leibo et al. 2017 (Multi-agent Reinforcement Learning in Sequential Social Dilemmas, figure 1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from arenas.faces import faces
from arenas.protocol import Action, ArenaSpec, Kind, SeatSpec, TimeStep
from arenas.settings import Checked, Count, Share
from arenas.sketch import Glyph, Sketch
from arenas.tables.finite import Chain, FiniteGame, Lookup

Payoffs = str | Sequence[Sequence[Sequence[float]]]  # [A1][A2][2], or the same as JSON text

SEATS = ("row", "column")
_BLOCK = 250  # episodes of a block, which the draw band is made for
_SCALE = 48  # pixels a cell
_RED, _GREEN, _INK = np.array([200, 60, 50]), np.array([70, 160, 80]), (30, 30, 30)


@dataclass(frozen=True)
class RepeatedSettings(Checked):
    """Settings of the matrix games by name."""

    max_steps: Count = 150  # T, steps per episode
    gamma: Share = 0.96  # discount per step


@dataclass(frozen=True)
class MatrixSettings(RepeatedSettings):
    """Settings of `matrix`."""

    payoffs: Payoffs = field(kw_only=True)  # what both are paid, for each action of row and each of column: [A1][A2][2]


class MatrixGame(FiniteGame):
    """Base of the iterated games: `name`, `payoffs` and `action_names` of a subclass make a game.

    Positions: 0 before the first move, then 1 + joint action.

    Attributes:
        payoffs: for each action of row and each of column what both are paid, [A1][A2][2], or the same as JSON text.
        action_names: what `render` calls the actions.
        pay: the payoffs, float32 [A1, A2, 2].

    Raises:
        ValueError: payoffs of another shape or not finite, max_steps below 1, or gamma outside [0, 1].
    """

    payoffs: Payoffs
    Settings: ClassVar[type] = RepeatedSettings
    settings: RepeatedSettings

    def build(self) -> None:
        """Make the tables of a step; see `Arena.build`."""
        self.pay = pay = _payoff_tensor(self.name, self.payoffs, self.device)
        max_steps, (rows, columns, _) = self.settings.max_steps, pay.shape
        width = 1 + rows * columns
        kind = _kind(pay)
        spread = float(pay.max() - pay.min())
        spec = ArenaSpec(
            name=self.name,
            seats={
                seat: SeatSpec((width,), actions, team=seat, side=side, bounds=(0, 1))
                for seat, actions, side in zip(
                    SEATS, (rows, columns), ("player", "player") if _is_symmetric(pay) else SEATS, strict=True
                )
            },
            kind=kind,
            max_steps=max_steps,
            gamma=self.settings.gamma,
            offers=frozenset({"discrete", "one-hot", "state", "simulator", "value", "matrix"}),
            draw_band=2 * spread * sqrt(max_steps / (2 * _BLOCK)) if kind == "competitive" else 0.0,
            forfeit=float(pay.min()) * max_steps,
            state_dim=width,
            block=_BLOCK,
            payoffs=tuple(tuple(tuple(cell) for cell in line) for line in pay.tolist()),
        )
        self.tabulate(spec, width)
        self._next = Lookup(lambda transition: 1 + transition % self._joint, width * self._joint, self.device)

    def _views(self, position: Tensor) -> Tensor:
        """float32 [n, 2, 1 + A1 * A2]."""
        rows, columns = self._widths
        row, column = (position - 1) // columns, (position - 1) % columns
        swapped = torch.where(position == 0, 0, 1 + column * rows + row)
        return torch.nn.functional.one_hot(torch.stack((position, swapped), dim=1), 1 + rows * columns).float()

    def _pay(self, transition: Tensor) -> Tensor:
        return self.pay.flatten(0, 1)[transition % self._joint]

    def _start(self) -> Tensor:
        return torch.zeros(self.batch_size, dtype=torch.long, device=self.device)

    def _advance(self, transition: Tensor) -> Tensor:
        return self._next(transition)

    def _chain(self) -> Chain:
        n = 1 + self._joint
        transition = torch.arange(n * self._joint, device=self.device)
        start = torch.zeros(n, dtype=torch.float64, device=self.device)
        start[0] = 1
        return Chain(start, transition, 1 + transition % self._joint, torch.ones_like(transition).double())

    def play_out(self, tables: Mapping[str, Tensor], draws: Mapping[str, Tensor]) -> dict[str, tuple[TimeStep, Action]]:
        """The first T steps of an episode in every copy at once; see `Arena.play_out`.

        What everybody does is computed for all positions of all steps, so that only the way through them is gone step
        by step.
        """
        seen, columns = self._views(torch.arange(1 + self._joint, device=self.device)), self._widths[1]
        acts = []
        for number, seat in enumerate(self.spec.seats):
            bounds = tables[seat].index_select(1, seen[:, number].argmax(-1)).cumsum(-1)  # [B, S, A], by position
            drawn = draws[seat].unsqueeze(-1) * bounds[..., -1]  # [T, B, S]
            acts.append(torch.stack([bound <= drawn for bound in bounds.unbind(-1)]).sum(0, dtype=torch.int16))
        following = 1 + acts[0] * columns + acts[1]
        way = [self._start().unsqueeze(-1)]
        for step in following:
            way.append(step.gather(-1, way[-1]).long())
        return self._along(torch.cat(way, dim=-1).T.contiguous())

    def unfold(self, moves: Mapping[str, Tensor]) -> dict[str, tuple[TimeStep, Action]]:
        """Whole episodes, of which all moves are known; see `Arena.unfold`."""
        one, other = (moves[seat].to(self.device) for seat in self.spec.seats)
        return self._along(torch.cat((self._start().unsqueeze(0), 1 + one * self._widths[1] + other)))

    def _along(self, position: Tensor) -> dict[str, tuple[TimeStep, Action]]:
        """Every seat's time steps and actions on the way through the positions [T + 1, B]."""
        columns = self._widths[1]
        seen = self._views(torch.arange(1 + self._joint, device=self.device))
        joint, shape = position[1:] - 1, position.shape
        paid = self.pay.flatten(0, 1).index_select(0, joint.flatten()).view(*joint.shape, 2)
        time = torch.arange(len(position), device=self.device).unsqueeze(-1)
        first, last = (time == 0).expand(shape), (time == self.spec.max_steps).expand(shape)
        played = {}
        for k, (seat, act) in enumerate(zip(self.spec.seats, (joint // columns, joint % columns), strict=True)):
            views = seen[:, k].index_select(0, position.flatten()).view(*shape, -1)
            reward = torch.cat((self._nothing[:, k].unsqueeze(0), paid[..., k]))
            mask, discount = self._yes.unsqueeze(-1).expand(*shape, self._widths[k]), self._full.expand(shape)
            played[seat] = TimeStep(views, mask, reward, discount, first, last, ~last), Action(act)
        return played

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """Per seat the share of action 0: `cooperation` in a social dilemma, else `action_0`."""
        name = "cooperation" if _is_social_dilemma(self.pay) else "action_0"
        result = {}
        for seat in SEATS:
            playing = steps[seat].active[:-1]
            result[seat] = {name: ((actions[seat].value == 0) & playing).sum(0) / playing.sum(0)}
        return result

    def state_names(self, seat: str) -> list[str]:
        """What each state is called that a seat sees: "start", then what it and the other have just done."""
        ways = self._widths if seat == SEATS[0] else self._widths[::-1]
        named = self.action_names or tuple(f"action {k}" for k in range(max(ways)))
        letters = [name[0].upper() for name in named]
        short = letters if len(set(letters)) == len(letters) else [str(k) for k in range(len(named))]
        return ["start", *(f"{mine}{yours}" for mine in short[: ways[0]] for yours in short[: ways[1]])]

    def _text(self, row: int) -> str:
        """The last moves."""
        position = int(self._position[row])
        lines = [f"step {self._t} of {self.spec.max_steps}"]
        if position:
            played = divmod(position - 1, self._widths[1])
            for seat, action, paid in zip(SEATS, played, self.pay[played].tolist(), strict=True):
                name = self.action_names[action] if self.action_names else f"action {action}"
                lines.append(f"{seat:<7}{name:<10}{paid:g}")
        return "\n".join(lines)

    def sketch(self, row: int = 0) -> Sketch:
        """The matrix with what either is paid, and a frame around what was played last."""
        rows, columns = self._widths
        position = int(self._position[row])
        named = [self.action_names[k] if self.action_names else f"action {k}" for k in range(max(rows, columns))]
        marks = [Glyph("word", 0.9, i + 1.0, 0.2, "blue", named[i]) for i in range(rows)]
        marks += [Glyph("word", 2.4 + 1.6 * j, 0.3, 0.2, "red", named[j]) for j in range(columns)]
        for i, line in enumerate(self.pay.tolist()):
            for j, (mine, yours) in enumerate(line):
                marks.append(Glyph("word", 2.4 + 1.6 * j, i + 1.0, 0.24, "ink", f"{mine:g}, {yours:g}"))
        caption = ""
        if position:
            i, j = divmod(position - 1, columns)
            marks.append(Glyph("box", 2.4 + 1.6 * j, i + 1.0, 0.9, "ink"))
            caption = f"{SEATS[0]}: {named[i]}, {SEATS[1]}: {named[j]}"
        return Sketch(1.7 + 1.6 * columns, 0.6 + rows, tuple(marks), caption)

    def _picture(self, row: int) -> np.ndarray:
        """The matrix as uint8 [48 A1, 48 A2, 3] with a frame around what was played last."""
        rows, columns = self._widths
        position = int(self._position[row])
        pay = self.pay.cpu().numpy()
        share = (pay - pay.min()) / max(float(pay.max() - pay.min()), 1e-9)  # 0 the worst payoff, 1 the best
        halves = _RED + share[..., None] * (_GREEN - _RED)  # [A1, A2, 2, 3]: row's half on the left
        tiles = halves.reshape(rows, columns * 2, 3).astype(np.uint8)
        picture: np.ndarray = tiles.repeat(_SCALE, axis=0).repeat(_SCALE // 2, axis=1)
        picture[::_SCALE] = picture[:, ::_SCALE] = 255
        if position:
            top, left = (_SCALE * k for k in divmod(position - 1, columns))
            tile = picture[top : top + _SCALE, left : left + _SCALE]
            tile[:4] = tile[-4:] = tile[:, :4] = tile[:, -4:] = _INK
        return picture


class Matrix(MatrixGame):
    """An iterated game with payoffs of your own."""

    name = "matrix-v1"
    Settings = MatrixSettings
    settings: MatrixSettings

    def build(self) -> None:
        """Play by the payoffs of the settings; see `Arena.build`."""
        self.payoffs = self.settings.payoffs
        super().build()


class IteratedPrisonersDilemma(MatrixGame):
    """The iterated prisoner's dilemma. Cooperation is action 0."""

    name = "ipd-v1"
    action_names = ("cooperate", "defect")
    payoffs = (((-1, -1), (-3, 0)), ((0, -3), (-2, -2)))


@dataclass(frozen=True)
class PenniesSettings(RepeatedSettings):
    """Settings of `imp`."""

    gamma: Share = 0.9  # discount per step


class IteratedMatchingPennies(MatrixGame):
    """Iterated matching pennies: row wins where the pennies match.

    The seats want different things, so each is a side.
    """

    name = "imp-v1"
    action_names = ("heads", "tails")
    payoffs = (((1, -1), (-1, 1)), ((-1, 1), (1, -1)))
    Settings = PenniesSettings


class StagHunt(MatrixGame):
    """The iterated stag hunt: the stag takes two, the hare is safe. The stag is action 0."""

    name = "stag-hunt-v1"
    action_names = ("stag", "hare")
    payoffs = (((4, 4), (0, 3)), ((3, 0), (1, 1)))


class Chicken(MatrixGame):
    """Iterated chicken: swerve, or go straight and hope that the other swerves. To swerve is action 0."""

    name = "chicken-v1"
    action_names = ("swerve", "straight")
    payoffs = (((3, 3), (1, 4)), ((4, 1), (0, 0)))


env, parallel_env = faces(IteratedPrisonersDilemma)


def _payoff_tensor(name: str, payoffs: Payoffs, device: str) -> Tensor:
    """Payoffs as float32 [A1, A2, 2]."""
    try:
        numbers = json.loads(payoffs) if isinstance(payoffs, str) else payoffs
        table = torch.tensor(numbers, dtype=torch.float32, device=device)
        fits = table.dim() == 3 and table.shape[-1] == 2 and table.numel() > 0 and bool(table.isfinite().all())
    except (ValueError, TypeError):
        fits = False
    if not fits:
        raise ValueError(
            f"{name}: payoffs must be finite numbers [A1][A2][2], for each action of row and each of column what both "
            f"are paid, as in [[[-1, -1], [-3, 0]], [[0, -3], [-2, -2]]]; got {payoffs!r}"
        )
    return table


def _kind(payoffs: Tensor) -> Kind:
    total = payoffs.sum(-1)
    if total.min() == total.max():
        return "competitive"
    return "cooperative" if torch.equal(payoffs[..., 0], payoffs[..., 1]) else "mixed"


def _is_symmetric(payoffs: Tensor) -> bool:
    """Whether exchanging the seats changes nothing."""
    return payoffs.shape[0] == payoffs.shape[1] and torch.equal(payoffs, payoffs.flip(-1).transpose(0, 1))


def _is_social_dilemma(payoffs: Tensor) -> bool:
    """Macy and Flache 2002: symmetric, R > P, R > S, 2 R > T + S, and greed (T > R) or fear (P > S)."""
    if payoffs.shape[:2] != (2, 2) or not _is_symmetric(payoffs):
        return False
    r, s, t, p = (float(pay) for pay in payoffs[..., 0].flatten())
    return r > p and r > s and 2 * r > t + s and (t > r or p > s)
