"""Hanabi: everybody sees the others' cards and nobody their own, and hints are few.

Bard et al. 2020, "The Hanabi Challenge: A New Frontier for AI Research"; the variants are those of the Hanabi Learning
Environment, and `mini` is smaller still. Players take turns: play a card onto the fireworks, discard one for a hint, or
tell another player all cards of a colour or of a rank. A card that does not fit costs a life. The game ends when no
life is left, when the fireworks are complete, or when everybody has moved once more after the last card was drawn.

`bomb` is the rule by which scores differ from one publication to the next: when the last life is lost, `zero` takes all
points back, `keep` does not. Observations are the canonical ones (`arenas.hanabi.views`), rules and numbers of actions
those of OpenSpiel, with which this engine is compared move by move.

An illegal action counts as the first legal one.

`start=drawn` lets the luck of the episode say who begins, so that seats are alike; `start=first` is the first seat, as
in OpenSpiel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from torch import Tensor

from arenas.faces import faces
from arenas.hanabi import picture
from arenas.hanabi.colours import colour_symmetries
from arenas.hanabi.play import LastMove, Moves, Tabletop, dealt, points
from arenas.hanabi.rules import VARIANTS, HanabiRules
from arenas.hanabi.views import Views
from arenas.luck import bits
from arenas.protocol import Action, Arena, ArenaSpec, SeatSpec, Snapshot, TimeStep, TimeSteps
from arenas.settings import Checked, Range
from arenas.sketch import Sketch

GROUP = "table"  # everybody; what is public is what they know in common


@dataclass(frozen=True)
class HanabiSettings(Checked):
    """Settings of `hanabi`; none takes the variant's number."""

    variant: Literal["full", "small", "very-small", "mini"] = "full"  # 5 x 5, 2 x 5, 1 x 5 or 2 x 2 colours x ranks
    players: Annotated[int | None, Range(2, 5)] = None  # none: the variant's
    colours: Annotated[int | None, Range(1, 5)] = None  # none: the variant's
    ranks: Annotated[int | None, Range(1, 5)] = None  # none: the variant's
    hand: Annotated[int | None, Range(1, 5)] = None  # cards in a hand; none: the variant's
    hints: Annotated[int | None, Range(1, 20)] = None  # hints at the start, and at most; none: the variant's
    lives: Annotated[int | None, Range(1, 9)] = None  # none: the variant's
    bomb: Literal["zero", "keep"] = "zero"  # what the points are worth once the last life is lost
    start: Literal["drawn", "first"] = "drawn"  # who begins


class Hanabi(Arena):
    """Hanabi for two to five players."""

    name = "hanabi-v1"
    Settings = HanabiSettings
    settings: HanabiSettings
    kept = ("table", "seed", "round", "t", "over", "first", "autoreset")

    def build(self) -> None:
        """Set the rules; see `Arena.build`."""
        chosen = self.settings
        usual = VARIANTS[chosen.variant]
        given = (chosen.players, chosen.colours, chosen.ranks, chosen.hand, chosen.hints, chosen.lives)
        self.rules = rules = HanabiRules(*(own or number for own, number in zip(given, usual, strict=True)))
        if rules.dealt >= rules.deck:
            colours = "colour" if rules.colours == 1 else "colours"
            ranks = "rank" if rules.ranks == 1 else "ranks"
            raise ValueError(
                f"{self.name}: {rules.players} hands of {rules.hand} are {rules.dealt} cards, and the deck of"
                f" {rules.colours} {colours} x {rules.ranks} {ranks} has {rules.deck}: it must have more; set fewer"
                " players, a smaller hand, or more colours or ranks"
            )
        seats = tuple(f"player_{n}" for n in range(rules.players))
        self._moves = Moves(rules, self.device)
        self.views = views = Views(self._moves, seats, GROUP, self.device)
        two = rules.players == 2
        alike = colour_symmetries(rules, seats, views.hands)
        words = {"discrete", "common", "state", "simulator", "hanabi", *["hands"] * two, *["symmetries"] * bool(alike)}
        self.spec = ArenaSpec(
            name=self.name,
            seats={seat: SeatSpec((views.width,), rules.actions, team="team", bounds=(0, 1)) for seat in seats},
            kind="cooperative",
            max_steps=rules.longest,
            gamma=1.0,
            offers=frozenset(words),
            groups={GROUP: seats},
            known={GROUP: views.hands.known(rules.actions)},
            state_dim=views.state_dim,
            episodes=500,
            block=250,
            hands=views.hands if two else None,
            symmetries=alike,
        )
        cards = [card for card, copies in enumerate(rules.copies) for _ in range(copies)]
        self._cards = torch.tensor(cards, device=self.device)

    def _dealt(self) -> Tabletop:
        """A fresh table in every row, by the luck of its round."""
        lanes = torch.arange(self.rules.deck, device=self.device)
        luck = bits(self._seed.unsqueeze(1), self._round.unsqueeze(1) * (self.rules.deck + 1) + lanes)
        begins = bits(self._seed, self._round * (self.rules.deck + 1) + self.rules.deck)
        start = ((begins >> 33) & 0x7FFFFFFF) % self.rules.players
        if self.settings.start == "first":
            start = torch.zeros_like(start)
        return dealt(self.rules, self._cards[luck.argsort(1)], start)

    def reset(self, seed: Tensor, *, autoreset: bool = True) -> tuple[TimeSteps, Tensor | None]:
        """Start an episode in every row; see `Arena.reset`."""
        self._seed, self._autoreset = seed.to(self.device), autoreset
        self._round = torch.zeros_like(self._seed)
        self._t = torch.zeros_like(self._seed)
        self._over = self._t < 0
        self._first = ~self._over
        self._table = self._dealt()
        return self._timesteps(torch.zeros(self.batch_size, device=self.device), self._over)

    def step(self, actions: Mapping[str, Action]) -> tuple[TimeSteps, Tensor | None]:
        """Play one step in every row, start anew where it was over, or rest; see `Arena.step`."""
        value = torch.stack([actions[seat].value for seat in self.spec.seats], dim=1)
        value = value.gather(1, self._table.turn.unsqueeze(1)).squeeze(1)
        legal = self._legal.gather(1, value.unsqueeze(1)).squeeze(1)
        value = value.where(legal, self._legal.int().argmax(1))
        was_over, before = self._over, points(self._table)
        table = self._moves.move(self._table, value, ~was_over)
        self._first = torch.zeros_like(was_over)
        self._t = self._t + (~was_over).long()
        dead = table.lives < 1
        ended = (dead | (points(table) >= self.rules.best) | (table.rest < 1)) & ~was_over
        paid = (points(table) - before).float()
        if self.settings.bomb == "zero":
            paid = torch.where(dead & ended, -before.float(), paid)
        over = ended | was_over
        if self._autoreset and bool(was_over.any()):
            self._round = self._round + was_over.long()
            table = _where(was_over, self._dealt(), table)
            self._first, self._t, over = was_over, self._t.where(~was_over, 0), ended
        self._table, self._over = table, over
        return self._timesteps(paid, ended)

    def _timesteps(self, paid: Tensor, ended: Tensor) -> tuple[TimeSteps, Tensor | None]:
        """Time steps of all seats from what everybody is paid [B], and the state."""
        table, over = self._table, self._over
        seen = self.views.seen(table)
        certain, public = self.views.public(table, seen, over, self._first)
        common = {GROUP: self.views.hands.write(certain, public)}
        self._legal = legal = self._moves.legal(table)
        discount = 1.0 - ended.float()
        steps: TimeSteps = {}
        for number, (seat, view) in enumerate(zip(self.spec.seats, self.views.observations(table, seen), strict=True)):
            active = (table.turn == number) & ~over
            mask = legal | ~active.unsqueeze(1)
            steps[seat] = TimeStep(view, mask, paid, discount, self._first, over, active, common=common)
        return steps, self.views.state(table, seen, over)

    def snapshot(self) -> Snapshot:
        """See `Arena.snapshot`; the table as a flat dict of tensors."""
        kept = super().snapshot()
        table: Tabletop = kept.pop("table")
        parts = {f"table/{name}": leaf for name, leaf in table._asdict().items() if name != "last"}
        return kept | parts | {f"last/{name}": leaf for name, leaf in table.last._asdict().items()}

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to `snapshot`."""
        own = {name: kept for name, kept in snapshot.items() if "/" not in name}
        last = LastMove(*(snapshot[f"last/{name}"] for name in LastMove._fields))
        parts: Any = [snapshot[f"table/{name}"] for name in Tabletop._fields if name != "last"]
        table = Tabletop._make([*parts, last])
        super().restore(own | {"table": table})
        self._legal = self._moves.legal(table)

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """Per seat, over the episodes that end within the steps: `points` played (kept when the last life is lost).

        `lost` is the share in which it was, and `perfect` the share with all points. NaN where none ends.
        """
        step = next(iter(steps.values()))
        rules, views = self.rules, self.views
        ends = step.last[1:] & ~step.last[:-1]
        seen = step.observation[1:]
        heights = seen[..., views.heights : views.heights + rules.cards].view(*ends.shape, rules.colours, rules.ranks)
        score = (heights * torch.arange(1, rules.ranks + 1, device=heights.device)).sum((-1, -2))
        alive = seen[..., views.lives] > 0
        count = ends.sum(0)
        found = {"points": score, "lost": (~alive).float(), "perfect": (alive & (score == rules.best)).float()}
        shares = {name: (value * ends).sum(0) / count for name, value in found.items()}
        return {seat: dict(shares) for seat in steps}

    def sketch(self, row: int = 0) -> Sketch:
        """Row `row` as marks; see `Arena.sketch`."""
        return picture.sketch(self._shown(row))

    def render(self, row: int = 0, mode: str = "ansi") -> str | np.ndarray:
        """Row `row` as text ("ansi") or as a picture ("rgb_array"); see `Arena.render`."""
        if mode == "ansi":
            return picture.text(self._shown(row))
        return picture.draw(self._shown(row)) if mode == "rgb_array" else super().render(row, mode)

    def render_belief(self, belief: Tensor, row: int = 0, mode: str = "ansi") -> str | np.ndarray:
        """What may lie in each hand, or the table with strips below the cards; see `Arena.render_belief`."""
        if mode == "ansi":
            return picture.believed(self._shown(row), belief)
        return picture.draw(self._shown(row), belief)

    def _shown(self, row: int) -> picture.HanabiRow:
        return picture.HanabiRow(self.rules, self._table, self.settings.bomb, bool(self._over[row]), row)


def _where(rows: Tensor, one: Tabletop, other: Tabletop) -> Tabletop:
    """The table `one` in these rows, bool [B], and `other` in the rest."""

    def choose(mine: Tensor, theirs: Tensor) -> Tensor:
        return torch.where(rows.view(-1, *[1] * (mine.dim() - 1)), mine, theirs)

    last = LastMove(*(choose(a, b) for a, b in zip(one.last, other.last, strict=True)))
    parts: Any = [choose(a, b) for a, b in zip(one[:-1], other[:-1], strict=True)]
    return Tabletop._make([*parts, last])


env, parallel_env = faces(Hanabi)
