"""Iterated two-player matrix games: any payoffs, and the four classics by name.

Both seats choose at once, are paid by the matrix, and see what both did. The observation, float32
[1 + A_own * A_other], is one-hot in the seat's own view: index 0 before the first move, then 1 + own action * A_other +
the other's action. So a policy of the prisoner's dilemma has the five numbers start, CC, CD, DC, DD in either seat.
Nothing tells the time, so that the finite game does not unravel from its end. State: what the row player sees.

Sources: prisoner's dilemma and matching pennies with their discounts from Foerster et al. 2018 (LOLA); stag hunt and
chicken from Leibo et al. 2017 (Multi-agent Reinforcement Learning in Sequential Social Dilemmas, figure 1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from arenas.finite import Chain, FiniteGame, Lookup
from arenas.protocol import Action, ArenaSpec, Kind, SeatSpec, TimeStep

if TYPE_CHECKING:
    from pettingzoo import AECEnv, ParallelEnv

SEATS = ("row", "column")
_BLOCK = 250  # episodes of a block, which the draw band is made for
_SCALE = 48  # pixels a cell
_RED, _GREEN, _INK = np.array([200, 60, 50]), np.array([70, 160, 80]), (30, 30, 30)


class Matrix(FiniteGame):
    """An iterated game with payoffs of one's own.

    Positions: 0 before the first move, then 1 + joint action. Where exchanging the seats changes nothing, both are of
    one side; otherwise each has its own. Payoffs that add up to a constant make the game competitive, payoffs that are
    equal make it cooperative, and all others mixed.

    The draw band of a competitive game is two standard errors of the difference between the mean returns of two equal
    players after a block of 250 episodes in either seating: a step adds at most half the payoffs' range, squared, to
    the variance of a return, and the difference of two returns in a constant-sum game is twice the one.

    Args:
        batch_size: B, copies played at once.
        payoffs: for each action of row and each of column what both are paid, [A1][A2][2], or the same as JSON text.
        device: where the tensors live.
        max_steps: T, steps per episode.
        gamma: discount per step.

    Raises:
        ValueError: payoffs of another shape or not finite, max_steps below 1, or gamma outside [0, 1].
    """

    name: ClassVar[str] = "matrix-v1"
    action_names: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        batch_size: int = 1,
        *,
        payoffs: str | Sequence[Sequence[Sequence[float]]],
        device: str = "cpu",
        max_steps: int = 150,
        gamma: float = 0.96,
    ) -> None:
        if max_steps < 1 or not 0 <= gamma <= 1:
            raise ValueError(f"{self.name}: max_steps must be at least 1, gamma in [0, 1]; got {max_steps} and {gamma}")
        self.payoffs = _payoff_tensor(self.name, payoffs, device)
        rows, columns, _ = self.payoffs.shape
        width = 1 + rows * columns
        swapped = self.payoffs.flip(-1).transpose(0, 1)
        self.symmetric = rows == columns and torch.equal(self.payoffs, swapped)
        sides = ("player", "player") if self.symmetric else SEATS
        kind = _kind(self.payoffs)
        spread = float(self.payoffs.max() - self.payoffs.min())
        spec = ArenaSpec(
            name=self.name,
            seats={
                seat: SeatSpec((width,), actions, team=seat, side=side, bounds=(0, 1))
                for seat, actions, side in zip(SEATS, (rows, columns), sides, strict=True)
            },
            kind=kind,
            max_steps=max_steps,
            gamma=gamma,
            offers=frozenset({"discrete", "state", "simulator", "value", "matrix"}),
            draw_band=2 * spread * sqrt(max_steps / (2 * _BLOCK)) if kind == "competitive" else 0.0,
            forfeit=float(self.payoffs.min()) * max_steps,
            state_dim=width,
            block=_BLOCK,
        )
        super().__init__(spec, batch_size, device, width)
        self._next = Lookup(lambda transition: 1 + transition % self._joint, width * self._joint, device)

    def _views(self, position: Tensor) -> Tensor:
        """float32 [n, 2, 1 + A1 * A2]."""
        rows, columns = self._widths
        row, column = (position - 1) // columns, (position - 1) % columns
        swapped = torch.where(position == 0, 0, 1 + column * rows + row)
        return torch.nn.functional.one_hot(torch.stack((position, swapped), dim=1), 1 + rows * columns).float()

    def _pay(self, transition: Tensor) -> Tensor:
        return self.payoffs.flatten(0, 1)[transition % self._joint]

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

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """Per seat the share of action 0: `cooperation` in a social dilemma, else `action_0`."""
        name = "cooperation" if _is_social_dilemma(self.payoffs) else "action_0"
        result = {}
        for seat in SEATS:
            playing = steps[seat].active[:-1]
            result[seat] = {name: ((actions[seat].value == 0) & playing).sum(0) / playing.sum(0)}
        return result

    def render(self, row: int = 0, mode: str = "ansi") -> str | np.ndarray:
        """The last moves as text, or the matrix as uint8 [48 A1, 48 A2, 3] with a frame around what was played last."""
        position = int(self._position[row])
        if mode == "ansi":
            return self._text(position)
        if mode == "rgb_array":
            return self._picture(position)
        return super().render(row, mode)

    def _text(self, position: int) -> str:
        lines = [f"step {self._t} of {self.spec.max_steps}"]
        if position:
            played = divmod(position - 1, self._widths[1])
            for seat, action, paid in zip(SEATS, played, self.payoffs[played].tolist(), strict=True):
                name = self.action_names[action] if self.action_names else f"action {action}"
                lines.append(f"{seat:<7}{name:<10}{paid:g}")
        return "\n".join(lines)

    def _picture(self, position: int) -> np.ndarray:
        rows, columns = self._widths
        pay = self.payoffs.cpu().numpy()
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


class IteratedPrisonersDilemma(Matrix):
    """Prisoner's dilemma; cooperation is action 0."""

    name = "ipd-v1"
    action_names = ("cooperate", "defect")

    def __init__(self, batch_size: int = 1, *, device: str = "cpu", max_steps: int = 150, gamma: float = 0.96) -> None:
        payoffs = [[[-1, -1], [-3, 0]], [[0, -3], [-2, -2]]]
        super().__init__(batch_size, payoffs=payoffs, device=device, max_steps=max_steps, gamma=gamma)


class IteratedMatchingPennies(Matrix):
    """Matching pennies: row wins where the pennies match. The seats want different things, so each is a side."""

    name = "imp-v1"
    action_names = ("heads", "tails")

    def __init__(self, batch_size: int = 1, *, device: str = "cpu", max_steps: int = 150, gamma: float = 0.9) -> None:
        payoffs = [[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]]
        super().__init__(batch_size, payoffs=payoffs, device=device, max_steps=max_steps, gamma=gamma)


class StagHunt(Matrix):
    """Stag hunt: together for the stag (action 0), or safely for the hare."""

    name = "stag-hunt-v1"
    action_names = ("stag", "hare")

    def __init__(self, batch_size: int = 1, *, device: str = "cpu", max_steps: int = 150, gamma: float = 0.96) -> None:
        payoffs = [[[4, 4], [0, 3]], [[3, 0], [1, 1]]]
        super().__init__(batch_size, payoffs=payoffs, device=device, max_steps=max_steps, gamma=gamma)


class Chicken(Matrix):
    """Chicken: swerve (action 0), or go straight and hope that the other swerves."""

    name = "chicken-v1"
    action_names = ("swerve", "straight")

    def __init__(self, batch_size: int = 1, *, device: str = "cpu", max_steps: int = 150, gamma: float = 0.96) -> None:
        payoffs = [[[3, 3], [1, 4]], [[4, 1], [0, 0]]]
        super().__init__(batch_size, payoffs=payoffs, device=device, max_steps=max_steps, gamma=gamma)


def _payoff_tensor(name: str, payoffs: str | Sequence[Sequence[Sequence[float]]], device: str) -> Tensor:
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


def _is_social_dilemma(payoffs: Tensor) -> bool:
    """Macy and Flache 2002: symmetric, R > P, R > S, 2 R > T + S, and greed (T > R) or fear (P > S)."""
    if payoffs.shape[:2] != (2, 2) or not torch.equal(payoffs, payoffs.flip(-1).transpose(0, 1)):
        return False
    r, s, t, p = (float(pay) for pay in payoffs[..., 0].flatten())
    return r > p and r > s and 2 * r > t + s and (t > r or p > s)


def parallel_env(
    render_mode: str | None = None, game: type[Matrix] = IteratedPrisonersDilemma, **settings: Any
) -> ParallelEnv[str, Any, Any]:
    """One of the games as PettingZoo's parallel environment, `ipd_v1` and the like."""
    from arenas.pettingzoo import parallel_env as face

    return face(game, render_mode, **settings)


def env(
    render_mode: str | None = None, game: type[Matrix] = IteratedPrisonersDilemma, **settings: Any
) -> AECEnv[str, Any, Any]:
    """One of the games as PettingZoo's AEC environment."""
    from arenas.pettingzoo import env as face

    return face(game, render_mode, **settings)
