"""Colour-digit: two agents see a digit in one of two colours each, and have one bit for it.

Foerster, Assael, de Freitas and Whiteson 2016, "Learning to Communicate with Deep Multi-Agent Reinforcement Learning",
section 6.3.1 (chapter 6 of the thesis); 8 x 8 digits where it has MNIST's. In the first step both send a bit. In the
second both choose u^a in {0, 1}, and the game is paid for both, by the digits d and colours c,

    sum over a of 2 (-1)^(u^a + c^a + d^a') + (-1)^(u^a + d^a + c^a')     where a' is the other

With a bit each way 4 can be had, if each tells whether its digit is even, and 2 if each tells its colour. Without a
word it is 0, and with two bits each way it is 4 too: of the two signs in the sum one u^a can meet both only where they
agree, which is half the time; then both terms pay, and otherwise the larger one less the smaller. What was chosen in
the first step pays nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from arenas.digits.images import SIZE, Images
from arenas.digits.parity import asked, pay
from arenas.digits.two_readers import SEATS, TwoReaders
from arenas.faces import faces
from arenas.protocol import Action, TimeStep
from arenas.settings import Checked, Range
from arenas.symmetries import Reordering, Symmetry

_COLOURS = ("red", "green")


@dataclass(frozen=True)
class ColourDigitSettings(Checked):
    """Settings of `colour-digit`."""

    images: Images = "train"  # the pictures that are shown
    bits: Annotated[int, Range(1, 4)] = 1  # of a message


class ColourDigit(TwoReaders):
    """Colour-digit: two see a coloured digit each, and send one bit."""

    name = "colour-digit-v1"
    Settings = ColourDigitSettings
    settings: ColourDigitSettings

    def build(self) -> None:
        """Set the rules; see `Arena.build`."""
        self._set(actions=2, digits=10, steps=2, channels=2, least=-6.0)

    def _renamings(self) -> Sequence[Symmetry]:
        """Both colours exchanged, and with them the two choices, which leaves every sign in the payment as it is."""
        pixels, digits, heard = SIZE * SIZE, 2 * self.digits, 1 + 2 * self.settings.bits + 4
        sees = Reordering().renamed((1, 0), [pixels] * 2).order
        state = Reordering().kept(digits).renamed((1, 0)).renamed((1, 0)).kept(heard).order
        return (Symmetry(dict.fromkeys(SEATS, sees), dict.fromkeys(SEATS, (1, 0)), {}, state),)

    def _paid(self, done: Tensor) -> Tensor:
        digits, colours = self.drawn, self._colours
        return pay(done, digits, colours).sum(1)

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """Per seat `parity`: whether it chose as the other's digit asks, and `colour`: as the other's colour asks."""
        chosen = torch.stack([actions[seat].value[-1] for seat in SEATS], dim=1)
        wants = asked(self.drawn, self._colours)
        right = [(chosen == want).float() for want in wants]
        return {seat: {"parity": right[0][:, n], "colour": right[1][:, n]} for n, seat in enumerate(SEATS)}

    def _tints(self) -> Sequence[tuple[int, int, int]]:
        return ((235, 80, 70), (90, 200, 90))

    def _told(self, row: int) -> str:
        shown = zip(self.drawn[row].tolist(), self._colours[row].tolist(), strict=True)
        seen = " and ".join(f"a {_COLOURS[colour]} {digit}" for digit, colour in shown)
        if self._t < 2:
            return f"they see {seen}"
        done = self._done[row : row + 1]
        paid = pay(done, self.drawn[row : row + 1], self._colours[row : row + 1]).sum()
        return f"they see {seen}, choose {' and '.join(map(str, done[0].tolist()))}, and are paid {paid:+.0f}"


env, parallel_env = faces(ColourDigit)
