"""What the games of digits share: two seats, a digit each, and bits from each to the other.

A digit is drawn uniformly, and one of its pictures. What a seat sends in a step, the other hears in the next; what is
sent in the last step is never heard. A message stands in the sender's place of `messages`. The state holds both digits,
what else was drawn, the step as a part of the last, and what is heard now; last who hears whom (see `arenas.channel`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from arenas.channel import sent
from arenas.digits.images import SIZE, pictures
from arenas.lockstep import Drawing
from arenas.protocol import Action, ArenaSpec, SeatSpec, TimeSteps
from arenas.sketch import Glyph, Shape, Sketch
from arenas.symmetries import Symmetry, bits_by_bit

SEATS = ("reader_0", "reader_1")
_SHADES = " .:-=+*#%@"
_LEVELS = 4  # of ink in a sketch
_SCALE = 8  # pixels of a picture for one of an image
_PAPER, _ON, _OFF = (24, 24, 24), (250, 220, 60), (90, 90, 90)


class TwoReaders(Drawing):
    """Base of the games of two who each see a digit.

    A game says what its last step pays (`_paid`), how its images are coloured (`_tints`), and what is written under
    them (`_told`).
    """

    settings: Any
    last_discount = 0.0
    kept = ("pictured", "colours", "said", "done", "seed", "clock", "t", "autoreset")

    def _set(self, actions: int, digits: int, steps: int, channels: int, least: float) -> None:
        """Set the rules of a game.

        Args:
            actions: of each seat.
            digits: how many there are.
            steps: T.
            channels: of an image.
            least: the least that an episode can pay.
        """
        self.digits, self.channels, bits = digits, channels, self.settings.bits
        seat = SeatSpec((channels, SIZE, SIZE), actions, message_dim=bits, team="pair", side="reader", bounds=(0, 1))
        self.spec = ArenaSpec(
            name=self.name,
            seats=dict.fromkeys(SEATS, seat),
            kind="cooperative",
            max_steps=steps,
            gamma=1.0,
            offers=frozenset({"discrete", "channel", "state", "simulator", "digits", "symmetries"}),
            forfeit=least,
            state_dim=2 * digits + 2 * channels + 1 + 2 * bits + 4,
            block=1000,
            # the values of a bit mean nothing by themselves
            symmetries=(*(Symmetry(says=dict.fromkeys(SEATS, one)) for one in bits_by_bit(bits)), *self._renamings()),
        )
        self._images = pictures(self.settings.images, digits, self.device)
        self._lay_out()
        self._silence = torch.zeros(self.batch_size, 2, bits, device=self.device)
        self._other = ~torch.eye(2, dtype=torch.bool, device=self.device)

    def _renamings(self) -> Sequence[Symmetry]:
        """What else may change names."""
        return ()

    def _open(self) -> None:
        drawn = torch.stack([self._draw(self.digits) for _ in SEATS], dim=1)
        within = [self._draw(self._images.many[digit]) for digit in drawn.unbind(1)]
        self._pictured = self._images.first[drawn] + torch.stack(within, dim=1)  # long [B, 2]
        colours = [self._draw(self.channels) if self.channels > 1 else 0 * digit for digit in drawn.unbind(1)]
        self._colours = torch.stack(colours, dim=1)
        self._said = torch.zeros(self.batch_size, self.spec.max_steps, 2, self.settings.bits, device=self.device)
        self._done = torch.zeros_like(self._pictured)  # long [B, 2], of the last step

    @property
    def drawn(self) -> Tensor:
        """Both digits, long [B, 2]."""
        return self._images.digits[self._pictured]

    @property
    def said(self) -> Tensor:
        """What both have sent so far, float32 [B, t, 2, M]."""
        return self._said[:, : self._t]

    def _play(self, actions: Mapping[str, Action]) -> Tensor:
        self._said = self._said.clone()
        for number, seat in enumerate(SEATS):
            self._said[:, self._t, number] = sent(actions[seat], self.settings.bits, self._yes)
        self._done = torch.stack([actions[seat].value for seat in SEATS], dim=1)
        if self._t + 1 < self.spec.max_steps:
            return self._nothing
        return self._paid(self._done).unsqueeze(1).expand(-1, 2)

    def _paid(self, done: Tensor) -> Tensor:
        """What both are paid, float32 [B], for what they do in the last step, long [B, 2]."""
        raise NotImplementedError

    def _look(self) -> tuple[Sequence[Tensor], Tensor]:
        pixels = self._images.pixels[self._pictured].unsqueeze(2)  # [B, 2, 1, 8, 8]
        tint = one_hot(self._colours, self.channels).float()
        views = pixels * tint[..., None, None]
        passed = self._full.unsqueeze(1) * (self._t / self.spec.max_steps)
        hears = (self._hears.float().flatten()).expand(self.batch_size, -1)
        drawn = one_hot(self.drawn, self.digits).float()
        state = torch.cat((drawn.flatten(1), tint.flatten(1), passed, self._heard().flatten(1), hears), dim=1)
        return views.unbind(1), state

    @property
    def _hears(self) -> Tensor:
        """Who hears whom now, bool [2, 2]."""
        return self._other & (0 < self._t < self.spec.max_steps)

    def _heard(self) -> Tensor:
        """What is heard now from each, float32 [B, 2, M]."""
        return self._said[:, self._t - 1] if 0 < self._t < self.spec.max_steps else self._silence

    def _timesteps(self, paid: Tensor) -> tuple[TimeSteps, Tensor | None]:
        steps, state = super()._timesteps(paid)
        heard, hears = self._heard(), self._hears
        for number, seat in enumerate(SEATS):
            mine = hears[number]
            audible = mine.expand(self.batch_size, -1)
            steps[seat] = steps[seat]._replace(messages=heard * mine.unsqueeze(1), audible=audible)
        return steps, state

    # -- how it is drawn ----------------------------------------------------------------------------------------------

    def _tints(self) -> Sequence[tuple[int, int, int]]:
        """The colour of each channel, 0 to 255."""
        return ((255, 255, 255),)

    def _told(self, row: int) -> str:
        """What is to be said below the images."""
        raise NotImplementedError

    def _bits(self, row: int) -> list[str]:
        """What each seat has sent so far, "01" for two messages of a bit, "-" for what is no bit."""
        said = self.said[row].tolist()
        return [" ".join("".join(map(_bit, step[seat])) for step in said) or "nothing" for seat in range(2)]

    def _text(self, row: int) -> str:
        """Both images side by side, what was sent, and what came of it."""
        images = [[_shaded(line) for line in self._images.pixels[n].tolist()] for n in self._pictured[row].tolist()]
        lines = [f"step {self._t} of {self.spec.max_steps}"]
        lines += [f"{left}   {right}" for left, right in zip(*images, strict=True)]
        lines.append("; ".join(f"{seat} sent {bits}" for seat, bits in zip(SEATS, self._bits(row), strict=True)))
        lines.append(self._told(row))
        return "\n".join(lines)

    def sketch(self, row: int = 0) -> Sketch:
        """Both images as squares, below each a disc for every bit that is 1 and a ring for one that is 0."""
        marks, gap = [], SIZE + 1
        marks.append(Glyph("square", SIZE / 2, SIZE / 2, SIZE, "#181818"))
        marks.append(Glyph("square", gap + SIZE / 2, SIZE / 2, SIZE, "#181818"))
        for seat, number in enumerate(self._pictured[row].tolist()):
            tint = self._tints()[int(self._colours[row, seat])]
            for y, line in enumerate(self._images.pixels[number].tolist()):
                for x, ink in enumerate(line):
                    level = round(ink * _LEVELS) / _LEVELS
                    if level > 0:
                        colour = "#{:02x}{:02x}{:02x}".format(*(round(part * level) for part in tint))
                        marks.append(Glyph("square", seat * gap + x + 0.5, y + 0.5, 1.0, colour))
            for k, bit in enumerate(self.said[row, :, seat].flatten().tolist()):
                shape: Shape = "disc" if bit > 0.5 else "ring"
                marks.append(Glyph(shape, seat * gap + 1.2 * k + 0.6, SIZE + 0.8, 0.9, "orange"))
        sent = "; ".join(f"{seat} sent {bits}" for seat, bits in zip(SEATS, self._bits(row), strict=True))
        return Sketch(2 * SIZE + 1.0, SIZE + 1.6, tuple(marks), f"{sent}; {self._told(row)}")

    def _picture(self, row: int) -> np.ndarray:
        """Both images, and below each a tile for every bit that it sent, uint8 [88, 144, 3]."""
        side, steps = SIZE * _SCALE, self.spec.max_steps * self.settings.bits
        picture = np.full((side + 24, 2 * side + 16, 3), _PAPER, dtype=np.uint8)
        for seat, number in enumerate(self._pictured[row].tolist()):
            left = seat * (side + 16)
            pixels = self._images.pixels[number].cpu().numpy().repeat(_SCALE, 0).repeat(_SCALE, 1)
            tint = np.array(self._tints()[int(self._colours[row, seat])])
            picture[:side, left : left + side] = pixels[..., None] * tint
            bits = self.said[row, :, seat].flatten().tolist()
            for place, bit in enumerate(bits):
                at = left + place * side // steps
                picture[side + 6 : side + 18, at : at + max(2, side // steps - 2)] = _ON if bit > 0.5 else _OFF
        return picture


def _shaded(line: list[float]) -> str:
    return "".join(2 * _SHADES[round(ink * (len(_SHADES) - 1))] for ink in line)


def _bit(number: float) -> str:
    return {0.0: "0", 1.0: "1"}.get(number, "-")
