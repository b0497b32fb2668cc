"""Skirmish: two small teams of units shoot at each other, in the manner of SMAC.

Samvelyan et al. 2019, "The StarCraft Multi-Agent Challenge", whose actions, masks, observations and rewards these are;
the thesis's local view and reward (Foerster 2018, chapter 3) are the settings `sight=0` and `reward=thesis`. The battle
is our own (`battle`), with the units' published numbers (`units`), on an open map of 16 x 16 without obstacles.

Actions: no-op (the dead alone), stop, north, south, forward, back, and attack foe j where it is seen within 6 units; a
unit whose weapon does not reach its target walks towards it. Dead units stay, and do nothing. An episode ends when a
team is dead, or is cut at `limit`, which is a loss that learners bootstrap through.

Rewards are shared. `positive`: damage to foes, 10 for each that dies, 200 for the victory, scaled so that the best
return is 20. `thesis`: damage done less half of the damage taken, 10 for each kill, and on a victory 200 and the health
that is left, unscaled.

The foes follow a script (`opponent=nearest`, `weakest`, `focus` or `retreat`) that sees the whole map, and `enemy`
multiplies their damage. With `opponent=team` both teams are played: a competitive game of its own identity, in which
each team's forward is towards the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor

from arenas.faces import faces
from arenas.luck import uniform
from arenas.protocol import Action, Arena, ArenaSpec, Lazy, SeatSpec, Snapshot, TimeStep, TimeSteps
from arenas.settings import Amount, Checked, Range
from arenas.sketch import Sketch
from arenas.skirmish import picture
from arenas.skirmish.battle import SIZE, Army, Blows, Orders, Units, rows_of
from arenas.skirmish.orders import FIRST_ATTACK, SCRIPTS, Sight, played, ways_of
from arenas.skirmish.units import SCENARIOS
from arenas.skirmish.views import Eyes

KILL, VICTORY, BEST = 10.0, 200.0, 20.0
_LEFT, _RIGHT = 0.3 * SIZE, 0.7 * SIZE  # where the teams begin
_APART = 1.0  # between neighbours at the start
_JITTER = 0.5  # of a unit's start, each way


@dataclass(frozen=True)
class SkirmishSettings(Checked):
    """Settings of `skirmish`."""

    scenario: Literal["3m", "5m", "8m", "2s3z", "3s5z", "5m_vs_6m", "5w", "2d_3z"] = "3m"  # who fights whom
    opponent: Literal["nearest", "weakest", "focus", "retreat", "team"] = "nearest"  # a script, or another team
    enemy: Annotated[float, Range(0, 1e6)] = 1.0  # what the foes' damage is multiplied by
    sight: Amount = 9.0  # how far a unit sees; 0 as far as its weapon reaches
    limit: Annotated[int, Range()] = 0  # steps after which an episode is cut; 0 the scenario's own number
    reward: Literal["positive", "thesis"] = "positive"  # SMAC's, or the thesis's


class Skirmish(Arena):
    """Skirmish: a team of units fights a scripted team, or another learned one."""

    name = "skirmish-v1"
    Settings = SkirmishSettings
    settings: SkirmishSettings
    kept = ("units", "unit_of", "seed", "round", "t", "over", "autoreset")

    def build(self) -> None:
        """Set the rules, and make what the battle needs; see `Arena.build`."""
        chosen, scenario = self.settings, SCENARIOS[self.settings.scenario]
        if chosen.opponent == "team" and scenario.own != scenario.foes:
            even = ", ".join(name for name, fight in SCENARIOS.items() if fight.own == fight.foes)
            raise ValueError(
                f"{self.name}: scenario={chosen.scenario} is uneven, so opponent=team would be unfair:"
                f" choose one of {even}"
            )
        if chosen.opponent == "team" and chosen.enemy != 1:
            raise ValueError(
                f"{self.name}: enemy={chosen.enemy:g} weakens or strengthens a script; with opponent=team it must be 1"
            )
        n, m = len(scenario.own), len(scenario.foes)
        names = (*scenario.own, *scenario.foes)
        self._army = Army(names, [1.0] * n + [chosen.enemy] * m, self.device)
        types = ([scenario.types.index(name) for name in names], len(scenario.types))
        teams = (slice(0, n), slice(n, n + m))
        self._sides = teams if chosen.opponent == "team" else teams[:1]
        self._foes = teams[::-1]
        signs = (1.0, -1.0)
        self._eyes = [
            Eyes(self._army, types, us, them, chosen.sight, sign)
            for us, them, sign in zip(self._sides, self._foes, signs, strict=False)
        ]
        self._ways = [ways_of(sign, self.device) for sign in signs]
        # Types as whole numbers that never fall along the seats, so that a seat's unit is drawn among its own type.
        played_by = [(k >= n, name) for k, name in enumerate(names[: self._sides[-1].stop])]
        runs = list(accumulate(one != other for one, other in pairwise(played_by)))
        self._types = torch.tensor([0, *runs], device=self.device)
        limit = chosen.limit or scenario.limit
        points = self._army.full.sum(0)
        worth = [float(points[them].sum()) + KILL * (them.stop - them.start) + VICTORY for them in self._foes]
        self._scale = [BEST / w if chosen.reward == "positive" else 1.0 for w in worth]
        self._home = self._starts(scenario.own, scenario.foes)
        seats = self._seating(scenario.own, m)
        self._groups_of = {s: tuple(g for g, (_, _, names) in self._groups.items() if s in names) for s in seats}
        two = len(self._sides) == 2
        self.spec = ArenaSpec(
            name=self.name,
            seats=seats,
            kind="competitive" if two else "cooperative",
            max_steps=limit,
            gamma=0.99,
            offers=frozenset({"discrete", "state", "simulator", "common", "skirmish", *["team-reward"] * two}),
            forfeit=0.0 if chosen.reward == "positive" else -0.5 * float(points[:n].sum()),
            groups={group: names for group, (_, _, names) in self._groups.items()},
            known={group: self._eyes[team].told(len(who)) for group, (team, who, _) in self._groups.items()},
            state_dim=6 * (n + m) + 1,
            episodes=256,
            block=128,
        )

    def _seating(self, own: tuple[str, ...], foes: int) -> dict[str, SeatSpec]:
        """The seats of the teams that are played; this lists the groups that have common knowledge.

        They are the pairs of each team, and each team. Kept of each: the team, its members' numbers in it, the seats.
        """
        seats: dict[str, SeatSpec] = {}
        self._groups: dict[str, tuple[int, tuple[int, ...], tuple[str, ...]]] = {}
        for number, (eyes, team) in enumerate(zip(self._eyes, ("blue", "red"), strict=False)):
            prefix = f"{team}_" if len(self._eyes) == 2 else ""
            names = [f"{prefix}{kind}_{own[: k + 1].count(kind) - 1}" for k, kind in enumerate(own)]
            for name, kind in zip(names, own, strict=True):
                shape = (eyes.layout.width,)
                seats[name] = SeatSpec(shape, FIRST_ATTACK + foes, team=team, side=kind, bounds=(-1.5, 1.5))
            for who in eyes.groups:
                members = tuple(names[k] for k in who)
                self._groups["+".join(members) if len(who) == 2 else team] = (number, who, members)
        return seats

    def _starts(self, own: tuple[str, ...], foes: tuple[str, ...]) -> Tensor:
        """Where units begin before jitter, float32 [U, 2]: each team in a column of its own."""
        place = []
        for x, team in ((_LEFT, own), (_RIGHT, foes)):
            place += [[x, SIZE / 2 + _APART * (k - (len(team) - 1) / 2)] for k in range(len(team))]
        return torch.tensor(place, device=self.device)

    def _dealt(self, rows: Tensor) -> tuple[Units, Tensor]:
        """Units at the start of the present round of `rows`, long [K], and which unit each seat plays, long [K, seats].

        Units are drawn among those of the seat's type, so that seats of one side are alike: who stands where, and which
        number others know a unit by, says nothing about the seat.
        """
        jitter = self._draw(rows, 0, 2 * len(self._home)).view(-1, *self._home.shape)
        draw = self._draw(rows, 2 * len(self._home), len(self._types))
        return self._army.whole(self._home + (2 * jitter - 1) * _JITTER), (draw + self._types).argsort(1)

    def _draw(self, rows: Tensor, first: int, count: int) -> Tensor:
        """Luck of the present round of `rows`, float32 [K, count] in [0, 1); `first` keeps purposes apart."""
        counter = self._round[rows].unsqueeze(1) * 4 * len(self._home) + first
        lanes = torch.arange(count, device=self.device)
        return uniform(self._seed[rows].unsqueeze(1), counter + lanes)

    def reset(self, seed: Tensor, *, autoreset: bool = True) -> tuple[TimeSteps, Tensor | None]:
        """Start an episode in every row; see `Arena.reset`."""
        self._seed, self._autoreset = seed.to(self.device), autoreset
        self._round = torch.zeros_like(self._seed)
        self._t = torch.zeros_like(self._seed)
        self._over = self._t < 0
        self._units, self._unit_of = self._dealt(torch.arange(self.batch_size, device=self.device))
        self._blows: Blows | None = None
        nothing = torch.zeros(self.batch_size, 2, device=self.device)
        return self._timesteps(nothing, self._over, ~self._over)

    def step(self, actions: Mapping[str, Action]) -> tuple[TimeSteps, Tensor | None]:
        """Play one step in every row, start anew where it was over, or rest; see `Arena.step`."""
        was_over = self._over
        sight = self._sight
        orders = self._orders(actions, sight)
        units, blows = self._army.fight(self._units, orders)
        self._blows = blows  # for pictures alone
        left = [(units.health[:, us] > 0).any(1) for us in self._foes[::-1]]
        won = torch.stack((left[0] & ~left[1], left[1] & ~left[0]), dim=1)
        paid = self._pay(blows.taken, blows.died, won, units)
        t = self._t + 1
        decided = ~(left[0] & left[1])
        cut = t == self.spec.max_steps
        over = decided | cut
        first = torch.zeros_like(over)
        any_over = bool(was_over.any())
        if any_over:
            stay = ~was_over
            units = units.where(stay, self._units)
            paid, t, over = paid * stay.unsqueeze(1), t.where(stay, self._t), over.where(stay, True)
            if self._autoreset:
                first = was_over
                self._round = self._round + was_over
                rows = was_over.nonzero().squeeze(1)
                dealt, unit_of = self._dealt(rows)
                units = Units(*(old.index_copy(0, rows, new) for old, new in zip(units, dealt, strict=True)))
                self._unit_of = self._unit_of.index_copy(0, rows, unit_of)
                t, over = t.where(stay, 0), over & stay
        self._units, self._t, self._over = units, t, over
        ended = decided & ~was_over if any_over else decided
        return self._timesteps(paid, ended, first)

    def _orders(self, actions: Mapping[str, Action], sight: Sight) -> Orders:
        """Orders of all units: by the actions of the teams that are played, and by the script of the others."""
        of_seats = torch.stack([actions[seat].value for seat in self.spec.seats], dim=1)
        value = torch.empty_like(of_seats).scatter_(1, self._unit_of, of_seats)
        teams = zip(self._sides, self._foes, self._ways, strict=False)
        parts = [played(value[:, us], them.start, ways) for us, them, ways in teams]
        if len(parts) == 1:
            us, them = self._foes
            parts.append(SCRIPTS[self.settings.opponent](self._units, sight, self._army, us, them))
        return Orders(torch.cat([p.target for p in parts], dim=1), torch.cat([p.way for p in parts], dim=1))

    def _pay(self, taken: Tensor, died: Tensor, won: Tensor, units: Units) -> Tensor:
        """What each team is paid, float32 [B, 2]."""
        paid = []
        for number, (us, them) in enumerate(zip(self._foes[::-1], self._foes, strict=True)):
            victory = won[:, number]
            earned = taken[:, them].sum(1) + KILL * died[:, them].sum(1) + VICTORY * victory
            if self.settings.reward == "thesis":
                left = (units.health[:, us] + units.shield[:, us]).sum(1)
                earned = earned - 0.5 * taken[:, us].sum(1) + left * victory
            paid.append(earned * self._scale[number])
        return torch.stack(paid, dim=1)

    def _timesteps(self, paid: Tensor, ended: Tensor, first: Tensor) -> tuple[TimeSteps, Tensor | None]:
        """Time steps of all seats and the state; `ended` says where the rules ended the episode with this step."""
        self._sight = sight = Sight(self._units)
        over, discount = self._over, 1.0 - ended.float()
        looks = [eyes.look(self._units, sight) for eyes in self._eyes]
        view, mask = (torch.cat(part, dim=1) if len(part) > 1 else part[0] for part in zip(*looks, strict=True))
        views = rows_of(view, self._unit_of).unbind(1)
        masks = (rows_of(mask, self._unit_of) | over.view(-1, 1, 1)).unbind(1)
        active, n, unit_of = ~over, self._sides[0].stop, self._unit_of

        @cache
        def known_by(team: int, size: int) -> Mapping[str, Tensor]:
            """What all groups of this size of a team know in common."""
            alike = {
                g: [t * n + k for k in who] for g, (t, who, _) in self._groups.items() if (t, len(who)) == (team, size)
            }
            told = self._eyes[team].common(sight, unit_of[:, torch.tensor([*alike.values()])], looks[team][1])
            return dict(zip(alike, told.unbind(1), strict=True))

        def known(group: str) -> Tensor:
            team, who, _ = self._groups[group]
            return known_by(team, len(who))[group]

        reward = paid.unbind(1)
        return {
            seat: TimeStep(views[k], masks[k], reward[k // n], discount, first, over, active, common=Lazy(mine, known))
            for k, (seat, mine) in enumerate(self._groups_of.items())
        }, self._state(sight)

    def _state(self, sight: Sight) -> Tensor:
        """Per seat, then per scripted foe: alive, x and y from the centre, health, shield, cooldown; then the time.

        float32 [B, S]; the dead are 0 throughout.
        """
        units, alive = self._units, sight.alive.float()
        place = (units.place - SIZE / 2) / (SIZE / 2)
        columns = torch.stack(
            (
                alive,
                place[..., 0],
                place[..., 1],
                units.health / self._army.full[0],
                units.shield / self._army.full[1].clamp_min(1),
                units.cooldown,
            ),
            dim=2,
        )
        time = (self._t / self.spec.max_steps).unsqueeze(1)
        columns = columns * alive.unsqueeze(2)
        n = self._unit_of.shape[1]
        of_seats = rows_of(columns, self._unit_of)
        return torch.cat((of_seats.flatten(1), columns[:, n:].flatten(1), time), dim=1)

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to `snapshot`."""
        super().restore(snapshot)
        self._units = Units(*self._units)  # from a file it comes as a plain tuple
        self._sight, self._blows = Sight(self._units), None

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """Per seat, over the episodes that end within the steps: `won`, the share that its team won, and `survived`.

        NaN where none ends. Who wins has a unit left when the rules end the episode; a cut by time is a loss.
        """
        teams: list[list[str]] = [[], []]
        for k, seat in enumerate(self.spec.seats):
            teams[k // self._sides[0].stop].append(seat)
        result: dict[str, dict[str, Tensor]] = {}
        for team, eyes in zip(teams, self._eyes, strict=False):
            some = steps[team[0]]
            ends = some.last[1:] & ~some.last[:-1]
            whole = {seat: steps[seat].observation[1:, :, eyes.layout.health] > 0 for seat in team}
            left = torch.stack(list(whole.values())).any(0) & (some.discount[1:] == 0)
            won, count = (left & ends).sum(0), ends.sum(0)
            result |= {seat: {"won": won / count, "survived": (whole[seat] & ends).sum(0) / count} for seat in team}
        return result

    def _moment(self, row: int) -> picture.Moment:
        """Row `row`, to be drawn."""
        fight, step = SCENARIOS[self.settings.scenario], int(self._t[row])
        title = f"{self.settings.scenario}, step {step} of {self.spec.max_steps}"
        blows = self._blows if step else None
        names = (*fight.own, *fight.foes)
        return picture.Moment(title, self._units, self._army, names, len(fight.own), blows, row)

    def sketch(self, row: int = 0) -> Sketch:
        """Row `row` as marks; see `Arena.sketch`."""
        return picture.sketch(self._moment(row))

    def render(self, row: int = 0, mode: str = "ansi") -> str | np.ndarray:
        """Row `row` as a table of units ("ansi") or as a picture ("rgb_array"); see `Arena.render`."""
        moment = self._moment(row)
        if mode == "ansi":
            return picture.text(moment)
        return picture.draw(moment) if mode == "rgb_array" else super().render(row, mode)


env, parallel_env = faces(Skirmish)
