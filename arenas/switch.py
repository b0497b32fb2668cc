"""The switch riddle: n prisoners, one room, one switch, and one of them who has to be sure at the end.

Foerster, Assael, de Freitas and Whiteson 2016, "Learning to Communicate with Deep Multi-Agent Reinforcement Learning",
section 6.2 (chapter 6 of the thesis). Each day one of n prisoners, drawn uniformly and independently, is taken into the
room. It reads what the last one left at the switch (on the first day 0), leaves a bit, and says None or Tell. Tell pays
all +1 where every prisoner has been inside by then, the teller among them, and else -1, and ends the game. After
4 n - 6 days it ends with 0.

A seat observes whether it is inside. The bit is a message: a prisoner who is inside hears it in its own place of
`messages`, as the switch does not say who left it. Who is outside hears nothing, can do nothing but None, and what it
sends is lost. The state holds who has been inside, who is inside, the day as a part of the last, and the switch; last
who hears whom (see `arenas.channel`).

No team can be paid more than the probability that all have been inside by the last day (`certainty`), 540/729 for
three. A protocol of finite memory is valued exactly by `arenas.riddle.protocol_value`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from arenas.channel import sent
from arenas.faces import faces
from arenas.luck import below, deal, dealt_bits
from arenas.protocol import Action, Arena, ArenaSpec, SeatSpec, TimeStep, TimeSteps
from arenas.riddle import days
from arenas.settings import Checked, Range
from arenas.sketch import Glyph, Sketch
from arenas.symmetries import Symmetry, bits_by_bit

NONE, TELL = 0, 1
_TILE = 24  # pixels
_PAPER, _BEEN, _INSIDE, _ON, _OFF = (235, 235, 235), (70, 160, 80), (220, 150, 40), (250, 220, 60), (90, 90, 90)


@dataclass(frozen=True)
class SwitchSettings(Checked):
    """Settings of `switch`."""

    n: Annotated[int, Range(3, 8)] = 3  # prisoners
    bits: Annotated[int, Range(1, 4)] = 1  # switches in the room


class Switch(Arena):
    """The switch riddle: a prisoner must say when all have been in the room with the switch."""

    name = "switch-v1"
    Settings = SwitchSettings
    settings: SwitchSettings
    kept = ("seed", "dealt", "autoreset", "clock", "day", "been", "inside", "before", "bit", "over")

    def build(self) -> None:
        """Set the rules; see `Arena.build`."""
        n, bits = self.settings.n, self.settings.bits
        self.seats = tuple(f"prisoner_{i}" for i in range(n))
        self.last_day = days(n)
        seat = SeatSpec((1,), 2, message_dim=bits, team="prisoners", side="prisoner", bounds=(0, 1))
        self.spec = ArenaSpec(
            name=self.name,
            seats=dict.fromkeys(self.seats, seat),
            kind="cooperative",
            max_steps=self.last_day,
            gamma=1.0,
            offers=frozenset({"discrete", "channel", "state", "simulator", "switch", "symmetries"}),
            forfeit=-1.0,
            state_dim=2 * n + 1 + bits + n * n,
            block=1000,
            # On and Off mean nothing by themselves
            symmetries=tuple(Symmetry(says=dict.fromkeys(self.seats, one)) for one in bits_by_bit(bits)),
        )
        self._eye = torch.eye(n, dtype=torch.bool, device=self.device)
        self._yes = torch.ones(self.batch_size, dtype=torch.bool, device=self.device)
        self._nobody = torch.zeros(self.batch_size, n, dtype=torch.bool, device=self.device)

    def reset(self, seed: Tensor, *, autoreset: bool = True) -> tuple[TimeSteps, Tensor | None]:
        """Start an episode in every row; see `Arena.reset`."""
        device, batch = self.device, self.batch_size
        self._seed, self._autoreset = seed.to(device), autoreset
        self._dealt = deal(self._seed)
        self._clock = 0  # counts draws and never goes back, so that later episodes of a row have new luck
        self._day = torch.zeros(batch, dtype=torch.long, device=device)  # days that have passed
        self._before = self._nobody
        self._bit = torch.zeros(batch, self.settings.bits, device=device)
        self._inside = self._drawn()
        self._been = self._inside
        self._over = ~self._yes
        return self._look(torch.zeros(batch, device=device), self._yes)

    def _drawn(self) -> Tensor:
        """Who is inside next, bool [B, N]."""
        self._clock += 1
        return self._eye[below(dealt_bits(self._dealt, self._clock - 1), self.settings.n)]

    def step(self, actions: Mapping[str, Action]) -> tuple[TimeSteps, Tensor | None]:
        """Play one day in every row, or start anew, or rest; see `Arena.step`."""
        over, ruled_out = self._over, self._over.unsqueeze(1)
        tells = torch.stack([actions[seat].value for seat in self.seats], dim=1) == TELL
        told = (tells & self._inside).any(1)  # nobody is inside once it is over
        reward = (2.0 * self._been.all(1) - 1.0) * told
        said = torch.stack([sent(actions[seat], self.settings.bits, self._yes) for seat in self.seats], dim=1)
        self._bit = (said * self._inside.unsqueeze(2)).sum(1)
        self._before = self._inside
        ends = (told | (self._day + 1 == self.last_day)) & ~over
        rested = torch.zeros_like(self._day) if self._autoreset else self._day
        self._day = torch.where(over, rested, self._day + 1)
        drawn = self._drawn()
        if self._autoreset:
            self._been = (self._been & ~ruled_out) | (drawn & ~ends.unsqueeze(1))
            self._over = ends
        else:
            self._over = ends | over
            self._been = self._been | (drawn & ~self._over.unsqueeze(1))
        self._inside = drawn & ~self._over.unsqueeze(1)
        return self._look(reward, over & ~self._over)

    def _look(self, reward: Tensor, first: Tensor) -> tuple[TimeSteps, Tensor | None]:
        """Time steps of all seats, and the state, from what was paid float32 [B] and where an episode begins."""
        over, inside, n = self._over, self._inside, self.settings.n
        discount = 1.0 - over.float()
        steps: TimeSteps = {}
        masks = torch.stack((self._yes.unsqueeze(1).expand(-1, n), inside | over.unsqueeze(1)), dim=2)
        heard = inside.unsqueeze(2) * self._bit.unsqueeze(1)  # [B, N, M]
        for number, seat in enumerate(self.seats):
            own = self._eye[number]  # the switch does not say who left it: what is heard is in one's own place
            steps[seat] = TimeStep(
                inside[:, number : number + 1].float(),
                masks[:, number],
                reward,
                discount,
                first,
                over,
                ~over,
                heard * own.unsqueeze(1),
                inside & own,
            )
        hears = inside.unsqueeze(2) & self._before.unsqueeze(1)
        day = (self._day / self.last_day).unsqueeze(1)
        state = torch.cat((self._been.float(), inside.float(), day, self._bit, hears.flatten(1).float()), dim=1)
        return steps, state

    def inside_and_been(self) -> tuple[Tensor, Tensor]:
        """Who is inside now, and who has been by now, bool [B, N] each."""
        return self._inside, self._been

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """`told`: whether anybody told; `days`: how many days it took, told or not."""
        step = steps[self.seats[0]]
        on = step.active[:-1]
        told = step.reward.abs().sum(0)
        return {seat: {"told": told, "days": on.float().sum(0)} for seat in self.seats}

    def sketch(self, row: int = 0) -> Sketch:
        """The prisoners in a row, those who have been inside in green, who is inside with a frame, and the switch."""
        been, inside, bit = self._been[row].tolist(), self._inside[row].tolist(), self._bit[row].tolist()
        marks = [Glyph("square", k + 0.5, 0.5, 0.6, "green" if b else "ink", str(k)) for k, b in enumerate(been)]
        marks += [Glyph("ring", k + 0.5, 0.5, 0.95, "red") for k, now in enumerate(inside) if now]
        marks += [
            Glyph("disc" if x > 0.5 else "ring", len(been) + k + 0.75, 0.5, 0.5, "orange") for k, x in enumerate(bit)
        ]
        text = self.render(row)
        assert isinstance(text, str)
        return Sketch(len(been) + len(bit) + 0.5, 1.0, tuple(marks), text)

    def render(self, row: int = 0, mode: str = "ansi") -> str | np.ndarray:
        """Row `row` as text, or the prisoners as a strip of tiles uint8 [24, 24 (n + 1), 3] with the switch last."""
        been, inside, bit = self._been[row], self._inside[row], self._bit[row]
        if mode == "rgb_array":
            colours = [_INSIDE if i else _BEEN if b else _PAPER for b, i in zip(been, inside, strict=True)]
            colours += [_ON if value > 0.5 else _OFF for value in bit.tolist()]
            strip = np.array([colours], dtype=np.uint8).repeat(_TILE, axis=0).repeat(_TILE, axis=1)
            strip[:, ::_TILE] = 120
            return strip
        if mode != "ansi":
            return super().render(row, mode)
        switch = "".join("on" if value > 0.5 else "off" for value in bit.tolist())
        where = next((seat for seat, now in zip(self.seats, inside, strict=True) if now), None)
        day = int(self._day[row])
        who = f"day {day + 1} of {self.last_day}: {where} is inside" if where else f"over after {day} days"
        return f"{who}, the switch is {switch}; {int(been.sum())} of {self.settings.n} have been inside"


env, parallel_env = faces(Switch)
