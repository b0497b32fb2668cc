"""Multi-step digits: two agents see a grey digit each, and tell it to one another bit by bit.

Foerster, Assael, de Freitas and Whiteson 2016, "Learning to Communicate with Deep Multi-Agent Reinforcement Learning",
section 6.3.2 (chapter 6 of the thesis); 8 x 8 digits where it has MNIST's. In every step both send a bit and name a
digit; in the last one each that names the other's digit earns .5 for both. Of T steps T - 1 bits arrive in time:
ten digits need four of them, so five steps; fewer digits and steps make a smaller game of the same kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from arenas.digits.images import Images
from arenas.digits.two_readers import SEATS, TwoReaders
from arenas.faces import faces
from arenas.protocol import Action, TimeStep
from arenas.settings import Checked, Range


@dataclass(frozen=True)
class MultiStepSettings(Checked):
    """Settings of `multi-step-digits`."""

    digits: Annotated[int, Range(2, 10)] = 10  # 0, 1 ... below this number
    steps: Annotated[int, Range(2, 10)] = 5  # T
    images: Images = "train"  # the pictures that are shown
    bits: Annotated[int, Range(1, 4)] = 1  # of a message


class MultiStepDigits(TwoReaders):
    """Multi-step digits: two guess each other's digit, with a bit a step."""

    name = "multi-step-digits-v1"
    Settings = MultiStepSettings
    settings: MultiStepSettings

    def build(self) -> None:
        """Set the rules; see `Arena.build`."""
        digits = self.settings.digits
        self._set(actions=digits, digits=digits, steps=self.settings.steps, channels=1, least=0.0)

    def _paid(self, done: Tensor) -> Tensor:
        return (done == self.drawn.flip(1)).float().sum(1) / 2

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """Per seat `right`: whether it named the other's digit."""
        chosen = torch.stack([actions[seat].value[-1] for seat in SEATS], dim=1)
        right = (chosen == self.drawn.flip(1)).float()
        return {seat: {"right": right[:, n]} for n, seat in enumerate(SEATS)}

    def _told(self, row: int) -> str:
        one, two = self.drawn[row].tolist()
        if self._t < self.spec.max_steps:
            return f"they see a {one} and a {two}"
        first, second = self._done[row].tolist()
        paid = (first == two) / 2 + (second == one) / 2
        return f"they see a {one} and a {two}, name {first} and {second}, and are paid {paid:g}"


env, parallel_env = faces(MultiStepDigits)
