"""Tan's hunters: one or two of them chase prey that walk at random on a grid, and see no farther than their field.

Tan 1993, "Multi-Agent Reinforcement Learning: Independent vs. Cooperative Agents". On a grid of 10 x 10 the hunters
move up, down, left or right, and then the prey do, and a scout; who would leave the grid stays. A prey is caught by a
hunter in its cell, after the hunters' moves as after the prey's; where the task is `joint`, by two hunters that are in
its cell or next to it, also diagonally, when all have moved. The first catch ends the trial. Who catches is paid +1,
every other move costs .1.

The paper does not say who moves when. If all moved at once, random hunters would take 208 steps for one prey, by
solving the Markov chain; in this order they take 123.0, and the paper measured 123.08. In the joint tasks random
hunters take 372 steps with one prey and 205 with two, where the paper's took 354 and 225 over 200 trials; without
diagonals it would be 573 and 308, and 297 and 167 if catches counted before the prey have moved, too.

A hunter senses the closest prey within its field of `depth` cells each way, as (x, y) from itself, or that none is in
sight. What else it knows is the setting `sense`:

    own      nothing else
    shared   where it sees no prey, what the other hunter sees, or a `scout` that walks at random and catches nothing
    partner  where the other hunter is, if that is in its field
    both     both

The observation is the number of the state, one-hot: (2 depth + 1)^2 + 1 states, with `shared` 19^2 + 1, with `partner`
the square of the first, and with `both` the product.

Departures: a partner out of one's field is not sensed with `both` either, where the paper's hunters that share tell
each other where they are. Every trial begins with all in random cells, where in the paper those stay that caught
nothing. A trial that lasts `limit` steps is cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from arenas.faces import faces
from arenas.luck import uniform
from arenas.protocol import Action, Arena, ArenaSpec, SeatSpec, TimeStep, TimeSteps
from arenas.settings import Checked, Count, Range

SIZE = 10
#: Change of x and y of each action: up, down, left, right.
MOVES = ((0, 1), (0, -1), (-1, 0), (1, 0))
CATCH, MOVE = 1.0, -0.1
_TILE = 16


@dataclass(frozen=True)
class HunterPreySettings(Checked):
    """Settings of `hunter-prey`."""

    hunters: Annotated[int, Range(1, 2)] = 2  # how many seats
    prey: Annotated[int, Range(1, 2)] = 1  # how many there are to catch
    depth: Annotated[int, Range(1, 9)] = 4  # how far a hunter sees each way
    joint: bool = False  # two hunters are needed for a catch
    sense: Literal["own", "shared", "partner", "both"] = "own"  # what a hunter knows beside what it sees
    scout: Annotated[int, Range(0, 9)] = 0  # how far a scout sees, who shares it; 0: there is none
    limit: Count = 1000  # steps after which a trial is cut

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hunters == 1 and (self.joint or self.sense in ("partner", "both")):
            raise ValueError(
                f"a joint task and a sense of one's partner need two hunters, this is joint={self.joint} and"
                f" sense={self.sense} with one: set hunters=2"
            )
        if self.scout and self.sense not in ("shared", "both"):
            raise ValueError(f"what a scout sees is told with sense=shared, not sense={self.sense}: set it, or scout=0")
        if self.sense == "shared" and self.hunters == 1 and not self.scout:
            raise ValueError("with sense=shared one hunter needs a scout: set scout to how far it sees")


class HunterPrey(Arena):
    """Tan's grid: hunters catch prey that moves at random, alone, together or with a scout.

    Cells are (x, y), long [B, P, 2], in that order: hunters, prey and perhaps the scout.
    """

    name = "hunter-prey-v1"
    Settings = HunterPreySettings
    settings: HunterPreySettings
    kept = ("cells", "seed", "round", "t", "over", "autoreset")

    def build(self) -> None:
        """Set the rules; see `Arena.build`."""
        chosen = self.settings
        self._hunters, self._prey = chosen.hunters, chosen.prey
        self._walkers = chosen.prey + bool(chosen.scout)
        self._moves = torch.tensor(MOVES, device=self.device)
        field = (2 * chosen.depth + 1) ** 2 + 1
        whole = (2 * SIZE - 1) ** 2 + 1
        self._states = {"own": field, "shared": whole, "partner": field**2, "both": whole * field}[chosen.sense]
        seats = [f"hunter_{n}" for n in range(chosen.hunters)]
        self.spec = ArenaSpec(
            name=self.name,
            seats={s: SeatSpec((self._states,), len(MOVES), team=s, side="hunter", bounds=(0, 1)) for s in seats},
            kind="mixed",
            max_steps=chosen.limit,
            gamma=0.9,
            offers=frozenset({"discrete", "one-hot", "state", "simulator"}),
            forfeit=MOVE * chosen.limit,
            state_dim=2 * (self._hunters + self._walkers),
            episodes=100,
            block=50,
        )

    def _draw(self, first: int, count: int) -> Tensor:
        """Luck of each row's present step, float32 [B, count] in [0, 1); `first` keeps purposes apart."""
        step = (self._round * (self.spec.max_steps + 1) + self._t).unsqueeze(1)
        return uniform(self._seed.unsqueeze(1), step * 32 + first + torch.arange(count, device=self.device))

    def _placed(self) -> Tensor:
        """Random cells for all, long [B, P, 2]."""
        beings = self._hunters + self._walkers
        return (self._draw(0, 2 * beings) * SIZE).long().view(-1, beings, 2)

    def reset(self, seed: Tensor, *, autoreset: bool = True) -> tuple[TimeSteps, Tensor | None]:
        """Start a trial in every row; see `Arena.reset`."""
        self._seed, self._autoreset = seed.to(self.device), autoreset
        self._round = torch.zeros_like(self._seed)
        self._t = torch.zeros_like(self._seed)
        self._over = self._t < 0
        self._cells = self._placed()
        return self._timesteps(torch.zeros(self.batch_size, self._hunters, device=self.device), self._over, ~self._over)

    def step(self, actions: Mapping[str, Action]) -> tuple[TimeSteps, Tensor | None]:
        """All move, or a new trial starts in the row, or it rests; see `Arena.step`."""
        was_over, before = self._over, self._cells
        chosen = torch.stack([actions[seat].value for seat in self.spec.seats], dim=1)
        chance = (self._draw(16, self._walkers) * len(MOVES)).long()
        hunters, others = before[:, : self._hunters], before[:, self._hunters :]
        hunters = (hunters + self._moves[chosen]).clamp(0, SIZE - 1)
        walked = (others + self._moves[chance]).clamp(0, SIZE - 1)
        early = self._caught(torch.cat((hunters, others), dim=1)) & (not self.settings.joint)
        cells = torch.cat((hunters, torch.where(early.any(1).view(-1, 1, 1), others, walked)), dim=1)
        caught = early | (self._caught(cells) & ~early.any(1, keepdim=True))
        paid = torch.where(caught, CATCH, MOVE) * (~was_over).unsqueeze(1)
        t = torch.where(was_over, self._t, self._t + 1)
        ended = caught.any(1) & ~was_over
        over = ended | (t == self.spec.max_steps) | was_over
        first = torch.zeros_like(over)
        self._t, cells = t, torch.where(was_over.view(-1, 1, 1), before, cells)
        if self._autoreset and bool(was_over.any()):
            first = was_over
            self._round, self._t = self._round + was_over, torch.where(was_over, 0, t)
            cells, over = torch.where(was_over.view(-1, 1, 1), self._placed(), cells), over & ~was_over
        self._cells, self._over = cells, over
        return self._timesteps(paid, ended, first)

    def _caught(self, cells: Tensor) -> Tensor:
        """Which hunters catch a prey, bool [B, hunters]."""
        hunters, prey = cells[:, : self._hunters], cells[:, self._hunters : self._hunters + self._prey]
        apart = (hunters.unsqueeze(2) - prey.unsqueeze(1)).abs().amax(3)  # [B, hunters, prey]
        if not self.settings.joint:
            return (apart == 0).any(2)
        return (apart <= 1).all(1, keepdim=True).any(2).expand(-1, self._hunters)

    def _sensed(self, who: int, depth: int) -> tuple[Tensor, Tensor]:
        """The closest prey in somebody's field: x and y from it, long [B, 2], and whether there is one, bool [B]."""
        prey = self._cells[:, self._hunters : self._hunters + self._prey]
        gap = prey - self._cells[:, who : who + 1]
        inside = gap.abs().amax(2) <= depth
        tie = 0.5 * self._draw(24 + 2 * who, self._prey)  # of two equally close ones a random one is sensed
        closest = torch.where(inside, gap.abs().sum(2) + tie, 4.0 * SIZE).argmin(1)
        return gap[torch.arange(len(gap), device=gap.device), closest], inside.any(1)

    def _state_of(self, who: int) -> Tensor:
        """Number of the state in which a hunter is, long [B]."""
        depth, sense = self.settings.depth, self.settings.sense
        gap, there = self._sensed(who, depth)
        if sense in ("shared", "both"):
            others = [(1 - who, depth)] if self._hunters == 2 else []
            others += [(self._hunters + self._prey, self.settings.scout)] if self.settings.scout else []
            for other, far in others:
                theirs, known = self._sensed(other, far)
                offset = self._cells[:, other] - self._cells[:, who]
                gap, there = torch.where(there.unsqueeze(1), gap, theirs + offset), there | known
        seen = _number(gap, there, depth if sense in ("own", "partner") else SIZE - 1)
        if sense not in ("partner", "both"):
            return seen
        partner = self._cells[:, 1 - who] - self._cells[:, who]
        near = partner.abs().amax(1) <= depth
        return seen * ((2 * depth + 1) ** 2 + 1) + _number(partner, near, depth)

    def _timesteps(self, paid: Tensor, ended: Tensor, first: Tensor) -> tuple[TimeSteps, Tensor | None]:
        """Time steps of all seats and the state; `ended` says where a catch ended the trial with this step."""
        mask = torch.ones(self.batch_size, len(MOVES), dtype=torch.bool, device=self.device)
        discount, over = 1.0 - ended.float(), self._over
        steps = {
            seat: TimeStep(
                one_hot(self._state_of(n), self._states).float(), mask, paid[:, n], discount, first, over, ~over
            )
            for n, seat in enumerate(self.spec.seats)
        }
        return steps, (self._cells / (SIZE - 1)).flatten(1)

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """Per seat `caught`, how many of the steps it caught a prey with, and `steps_per_catch` of all hunters.

        The second is NaN where nobody caught any.
        """
        moved = next(iter(steps.values())).active[:-1].sum(0)
        ends = torch.stack([step.reward[1:] == CATCH for step in steps.values()]).any(0).sum(0)
        each = moved / ends.where(ends > 0, torch.nan)
        return {
            seat: {"caught": (step.reward[1:] == CATCH).float().sum(0), "steps_per_catch": each}
            for seat, step in steps.items()
        }

    def render(self, row: int = 0, mode: str = "ansi") -> str | np.ndarray:
        """Row `row` as text ("ansi") or as a picture ("rgb_array"); see `Arena.render`."""
        names = "H" * self._hunters + "p" * self._prey + "s" * (self._walkers - self._prey)
        if mode == "ansi":
            board = [["."] * SIZE for _ in range(SIZE)]
            for name, (x, y) in zip(names, self._cells[row].tolist(), strict=True):
                board[SIZE - 1 - y][x] = name
            head = f"step {int(self._t[row])} of at most {self.spec.max_steps}; H hunter, p prey, s scout"
            return "\n".join([head, *("".join(line) for line in board)])
        if mode != "rgb_array":
            return super().render(row, mode)
        picture = np.full((SIZE * _TILE, SIZE * _TILE, 3), 240, dtype=np.uint8)
        picture[::_TILE] = picture[:, ::_TILE] = 205
        for name, (x, y) in zip(names, self._cells[row].tolist(), strict=True):
            top, left, edge = (SIZE - 1 - y) * _TILE, x * _TILE, 3 if name == "H" else 5
            colour = {"H": (40, 90, 180), "p": (200, 90, 40), "s": (90, 90, 90)}[name]
            picture[top + edge : top + _TILE + 1 - edge, left + edge : left + _TILE + 1 - edge] = colour
        return picture


def _number(gap: Tensor, there: Tensor, depth: int) -> Tensor:
    """The number of a place in a field, long [B]; the last where there is nothing in it."""
    wide = 2 * depth + 1
    return torch.where(there, (gap[:, 0] + depth) * wide + gap[:, 1] + depth, wide * wide)


env, parallel_env = faces(HunterPrey)
