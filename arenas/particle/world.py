"""The particle worlds of MADDPG (Lowe et al. 2017): discs on a plane that push, chase, signal and listen, in batches.

The rules are mpe2's (the maintained form of the multi-agent particle environments), equal to it in positions,
observations and rewards. All numbers of the physics are float64; observations and rewards come out as float32.

A step of dt = 0.1: every agent is pushed by its action, times its thrust. Where both of a pair collide, each is pushed
away from the other by 100 * k * log(1 + exp(-(d - d_min) / k)), k = 0.001, with d the distance of their centres and
d_min the sum of their radii. All masses are 1. Then position += velocity * dt with the old velocity, then velocity =
0.75 * velocity + force * dt, then velocities above an agent's top speed are cut to it. Symbols that are said in a step
are heard in the next observation. Two agents on exactly the same spot have no direction to push: as in mpe2 that is not
a number; positions drawn from 2^53 make it no event.

`physics="openai"` are the conventions of 2017, for comparison with the paper: velocity first and then position with the
new one, action 1 pushes towards +x (in mpe2 towards -x) and 3 towards +y, and the rewards that the scenarios name.

Actions. Discrete, in mpe2's numbers: 0 nothing, 1 -x, 2 +x, 3 -y, 4 +y; an agent that only speaks chooses a symbol; one
that does both chooses symbol * 5 + move. Continuous: as many numbers in [-1, 1] as mpe2 has in [0, 1], a of ours being
(a + 1) / 2 there: five for a mover (nothing, -x, +x, -y, +y; opposite pushes cancel), followed by one for each symbol.

`luck="fast"` draws a whole reset at once from counters; `luck="mpe2"` draws the first episode of a row as mpe2 does for
that seed, number by number, and later ones from a seed that the row's seed and the number of the episode give.

Layout: axis (x, y), then entities, then copies B: agents first, then landmarks, then one place for each goal, which is
the landmark that was drawn for it. `others` of agent n are all entities but itself, C of them, in that order.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from arenas.lockstep import Lockstep
from arenas.luck import below, bits
from arenas.particle.picture import describe, picture, word
from arenas.particle.scene import MOVES, Colour, Scene
from arenas.protocol import Action, ArenaSpec, SeatSpec, Snapshot, TimeSteps
from arenas.settings import Checked, Count
from arenas.sketch import Glyph, Sketch

_DT, _KEPT = 0.1, 1 - 0.25  # seconds a step; share of the velocity that damping leaves
_STIFFNESS, _MARGIN = 100.0, 1e-3
_FAR = -600.0  # margins between two bodies at which exp is 1e-261, for beyond it underflows, fifty times as slowly
_PUSH = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))  # x and y of each move in mpe2
_SEED_MASK = (1 << 63) - 1  # numpy wants seeds that are not negative


@dataclass(frozen=True)
class ParticleSettings(Checked):
    """Settings that all particle worlds have."""

    continuous: bool = False  # whether actions are vectors of numbers in [-1, 1]; else they are mpe2's discrete ones
    max_steps: Count = 25  # T, steps per episode
    physics: Literal["mpe2", "openai"] = "mpe2"  # "mpe2", or "openai" for the conventions of 2017
    luck: Literal["fast", "mpe2"] = "fast"  # "fast", or "mpe2" to start as mpe2 does with the same seed


class Particles(Lockstep):
    """Base of the particle worlds: physics, luck, and observations put together from columns.

    A scenario says what it is made of (`_scene`), which numbers each seat sees (`_columns`), and what is paid (`_pay`).
    Its name without the version is also a word that it offers.
    """

    Settings: ClassVar[type] = ParticleSettings
    #: What people call the actions of those who move and do not talk.
    action_names: ClassVar[tuple[str, ...]] = ("stay", "left", "right", "down", "up")
    settings: ParticleSettings
    kept = ("pos", "vel", "said", "paid", "goals", "start", "seed", "episode", "t", "autoreset")

    def build(self) -> None:
        """Set the rules and make the constant tensors; see `Arena.build`."""
        self.scene = scene = self._scene()
        self.continuous, max_steps = bool(self.settings.continuous), self.settings.max_steps
        self._shape(scene)
        columns = self._columns()
        self._rows = torch.tensor([row for seen in columns for row in seen], device=self.device)
        self._seen_widths = [len(seen) for seen in columns]
        acting, word = "continuous" if self.continuous else "discrete", self.name.rpartition("-v")[0]
        self.spec = ArenaSpec(
            name=self.name,
            seats={
                player.name: SeatSpec(
                    (width,),
                    0 if self.continuous else player.codes(scene.symbols),
                    action_dim=player.numbers(scene.symbols) if self.continuous else 0,
                    team=player.team,
                    side=player.side,
                )
                for player, width in zip(scene.players, self._seen_widths, strict=True)
            },
            kind=scene.kind,
            max_steps=max_steps,
            gamma=0.95,
            offers=frozenset({acting, "state", "simulator", "particle", word}),
            draw_band=scene.draw_band * max_steps / 25,
            forfeit=scene.forfeit * max_steps * max(1.0, max_steps / 25) ** 2,
            state_dim=len(self._rows),
            episodes=1000,
            block=1000,
        )
        self._equip(scene)

    def _shape(self, scene: Scene) -> None:
        """Count: N agents, L landmarks, C others of each agent, talkers, movers, and points of the table of numbers."""
        self._n, self._l = len(scene.players), len(scene.landmarks)
        self._entities = self._n + self._l + len(scene.goals)
        self._c = self._entities - 1
        self._talkers = sum(player.talks for player in scene.players)
        self._movers = sum(player.thrust > 0 for player in scene.players)
        solid = sum(body.solid for body in scene.landmarks)
        self._solid = self._n - 1 + solid if scene.players[0].solid else 0
        self._points = self._n + self._entities + self._c * self._n  # velocities, positions, others as seen from agents

    def _equip(self, scene: Scene) -> None:
        """Make the constant tensors."""
        device, batch, n, real = self.device, self.batch_size, self._n, self._real
        self._others = torch.tensor([c + (c >= i) for c in range(self._c) for i in range(n)], device=device)
        sizes = [body.size for body in (*scene.players, *scene.landmarks)]
        reach = [[sizes[i] + sizes[c + (c >= i)] for i in range(n)] for c in range(n - 1 + self._l)]
        self._reach = real(reach).unsqueeze(-1)  # [N - 1 + L, N, 1], sums of radii
        speeds = [player.top_speed for player in scene.players]
        self._top_speed = None if min(speeds) == math.inf else real(speeds).unsqueeze(-1)
        sign = 1 if self.settings.physics == "mpe2" else -1
        thrusts = [sign * player.thrust for player in scene.players]
        self._thrust = real(thrusts[n - self._movers :]).unsqueeze(-1)
        codes = [range(player.codes(scene.symbols)) for player in scene.players]
        self._offsets = torch.tensor([sum(map(len, codes[:i])) for i in range(n)], device=device).unsqueeze(-1)
        pushes = [[t * p for p in _PUSH[a % MOVES]] for t, own in zip(thrusts, codes, strict=True) for a in own]
        self._push_of = real(pushes).t().contiguous()  # [2, all codes]
        said = [
            [float(a // (MOVES if player.thrust else 1) == s) for s in range(scene.symbols)]
            for player, own in zip(scene.players, codes, strict=True)
            if player.talks
            for a in own
        ]
        self._said_of = real(said).t().contiguous()  # [symbols, codes of talkers]
        self._silence = real(0).expand(scene.symbols, self._talkers, batch)
        self._still = real(0).expand(2, n, batch)
        spans = [1.0] * n + [scene.span] * self._l
        self._spans = real(spans).unsqueeze(-1)
        self._lanes = torch.arange(len(scene.goals) + 2 * (n + self._l), device=device).unsqueeze(-1)
        self._choices = torch.tensor(scene.goals, dtype=torch.long, device=device).unsqueeze(-1)
        self._lay_out()
        self._nothing = self._nothing.double()
        self._landmark_colours = real([body.colour for body in scene.landmarks]).t().contiguous()  # [3, L]
        self._constants: Tensor | None = None
        self._goals = torch.zeros(len(scene.goals), batch, dtype=torch.long, device=device)

    def _real(self, values: Any) -> Tensor:
        """Constants as float64."""
        return torch.tensor(values, dtype=torch.float64, device=self.device)

    # What scenarios say

    @abstractmethod
    def _scene(self) -> Scene:
        """What the scenario is made of under these settings."""

    @abstractmethod
    def _columns(self) -> list[list[int]]:
        """For every seat the rows of the table of numbers that it sees, in order."""

    @abstractmethod
    def _pay(self) -> Tensor:
        """What every seat is paid for the step that led here, float64 [N, B]."""

    def _colours(self, goals: list[int]) -> list[Colour]:
        """Colours of agents and landmarks, the colours of bodies unless goals say otherwise."""
        colours = [body.colour for body in (*self.scene.players, *self.scene.landmarks)]
        for agent, (goal, by_landmark) in self.scene.goal_colours.items():
            colours[agent] = by_landmark[goals[goal]]
        return colours

    def _deal(self) -> None:
        """An episode begins: set `_constants`, rows [X, B] that stay the same in an episode, from `_goals`."""

    def _extras(self) -> Tensor | None:
        """Further rows of the table, float64 [X, B]."""
        return self._constants

    def _point(self, number: int) -> list[int]:
        return [number, self._points + number]

    def _velocity(self, agent: int) -> list[int]:
        """Rows of an agent's velocity."""
        return self._point(agent)

    def _position(self, entity: int) -> list[int]:
        """Rows of an entity's position."""
        return self._point(self._n + entity)

    def _relative(self, agent: int, entity: int) -> list[int]:
        """Rows of the way from an agent to another entity."""
        return self._point(self._n + self._entities + (entity - (entity > agent)) * self._n + agent)

    def _all_relative(self, agent: int, entities: Sequence[int]) -> list[int]:
        """Rows of the ways to several entities, itself left out."""
        return [row for entity in entities if entity != agent for row in self._relative(agent, entity)]

    def _surroundings(self, agent: int) -> list[int]:
        """Rows of an agent's velocity and position, and of its ways to the landmarks and to the other agents."""
        ways = self._all_relative(agent, [*range(self._n, self._n + self._l), *range(self._n)])
        return self._velocity(agent) + self._position(agent) + ways

    def _heard(self, talker: int) -> list[int]:
        """Rows of what a talker said."""
        return [2 * self._points + symbol * self._talkers + talker for symbol in range(self.scene.symbols)]

    def _extra(self, number: int) -> int:
        """Row of one of the extras."""
        return 2 * self._points + self.scene.symbols * self._talkers + number

    # The game

    def reset(self, seed: Tensor, *, autoreset: bool = True) -> tuple[TimeSteps, Tensor | None]:
        """Start an episode in every row; see `Arena.reset`."""
        self._episode = -1
        return super().reset(seed, autoreset=autoreset)

    def _open(self) -> None:
        """The row's next episode: a pure function of its seed and the episode's number."""
        self._episode += 1
        self._goals, positions = self._fast_luck() if self.settings.luck == "fast" else self._mpe2_luck()
        if self.scene.goals:
            where = self._n + self._goals
            positions = torch.cat((positions, positions.gather(1, where.expand(2, -1, -1))), dim=1)
        self._pos = self._start = positions
        self._vel, self._said = self._still, self._silence
        self._deal()
        self._measure()

    def _fast_luck(self) -> tuple[Tensor, Tensor]:
        """Goals long [G, B] and positions float64 [2, N + L, B] in one draw."""
        lanes = bits(bits(self._seed, self._episode).unsqueeze(0), self._lanes)
        goals = len(self.scene.goals)
        unit = ((lanes[goals:] >> 11) & ((1 << 53) - 1)).double() * 2.0**-52 - 1  # in [-1, 1)
        return below(lanes[:goals], self._choices), unit.view(2, -1, self.batch_size) * self._spans

    def _mpe2_luck(self) -> tuple[Tensor, Tensor]:
        """The same in mpe2's order of draws: goals, agents, landmarks, and some landmarks again."""
        scene, rows = self.scene, []
        for seed in (bits(self._seed, self._episode) if self._episode else self._seed).tolist():
            draw = np.random.Generator(np.random.PCG64(seed & _SEED_MASK))
            goals = [int(draw.integers(n)) for n in scene.goals]
            agents = draw.uniform(-1, 1, (self._n, 2))
            landmarks = draw.uniform(-scene.span, scene.span, (self._l, 2))
            if scene.redrawn:
                landmarks[-scene.redrawn :] = draw.uniform(-scene.span, scene.span, (scene.redrawn, 2))
            rows.append((goals, np.concatenate((agents, landmarks))))
        picked = torch.tensor([goals for goals, _ in rows], dtype=torch.long, device=self.device)
        positions = torch.as_tensor(np.stack([positions for _, positions in rows], axis=-1), device=self.device)
        return picked.t().contiguous(), positions.transpose(0, 1).contiguous()

    def _measure(self) -> None:
        """The ways from agents to others [2, C, N, B], and their lengths [C, N, B]."""
        others = self._pos.index_select(1, self._others).view(2, self._c, self._n, -1)
        self._rel = others - self._pos[:, : self._n].unsqueeze(1)
        across, up = self._rel.square().unbind()
        self._dist = (across + up).sqrt()

    def _play(self, actions: Mapping[str, Action]) -> Tensor:
        push = self._act([actions[seat].value for seat in self.spec.seats])
        if self._movers:
            self._move(push)
            self._measure()
        return self._pay().t()

    def _act(self, values: list[Tensor]) -> Tensor:
        """Say what is said; the agents' own pushes float64 [2, N, B]."""
        if self.continuous:
            return self._act_continuously(values)
        codes = torch.stack(values) + self._offsets
        if self._talkers:
            spoken = codes[: self._talkers].flatten()
            self._said = self._said_of.index_select(1, spoken).view(-1, self._talkers, self.batch_size)
        return self._push_of.index_select(1, codes.flatten()).view(2, self._n, -1)

    def _act_continuously(self, values: list[Tensor]) -> Tensor:
        # in float32 as far as mpe2 does so, for the same last digit
        values = [(value.clamp(-1, 1) + 1) / 2 for value in values]
        if self._talkers:
            spoken = torch.stack([value[:, -self.scene.symbols :] for value in values[: self._talkers]])
            self._said = spoken.permute(2, 0, 1).double().contiguous()
        if not self._movers:
            return self._still
        pushes = torch.stack([value[:, :MOVES] for value in values[self._n - self._movers :]]).permute(2, 0, 1)
        push = (pushes[2::2] - pushes[1::2]).double().contiguous() * self._thrust
        return torch.cat((self._still[:, self._movers :], push), dim=1) if self._movers < self._n else push

    def _move(self, force: Tensor) -> None:
        """One step of the physics, from the ways and distances before it."""
        if self._solid:
            near = self._solid
            inside = ((self._reach[:near] - self._dist[:near]) / _MARGIN).clamp_min(_FAR)
            depth = torch.log1p(torch.exp(inside)) * _MARGIN  # at most d_min / k = 400 inside: nothing overflows
            contacts = _STIFFNESS * self._rel[:, :near] / self._dist[:near] * depth
            for contact in contacts.unbind(1):  # one after the other, so that no sum depends on the batch
                force = force - contact
        old = self._vel
        self._vel = self._slow_down(old * _KEPT + force * _DT)
        way = (old if self.settings.physics == "mpe2" else self._vel) * _DT
        agents, rest = self._pos[:, : self._n], self._pos[:, self._n :]
        self._pos = torch.cat((agents + way, rest), dim=1)

    def _slow_down(self, velocity: Tensor) -> Tensor:
        """Velocities cut to the top speeds."""
        if self._top_speed is None:
            return velocity
        across, up = velocity.square().unbind()
        speed = (across + up).sqrt()
        return torch.where(speed > self._top_speed, velocity / speed * self._top_speed, velocity)

    def _look(self) -> tuple[Sequence[Tensor], Tensor]:
        """What every seat sees, and all of that side by side, float32 [B, S]."""
        batch = self.batch_size
        table = torch.cat((self._vel, self._pos, self._rel.view(2, -1, batch)), dim=1).view(-1, batch)
        further = [self._said.reshape(-1, batch)] if self._talkers else []
        if (extras := self._extras()) is not None:
            further.append(extras)
        if further:
            table = torch.cat((table, *further))
        state = table.float().index_select(0, self._rows).t().contiguous()
        return torch.split(state, self._seen_widths, dim=1), state

    def _timesteps(self, paid: Tensor) -> tuple[TimeSteps, Tensor | None]:
        self._paid = paid
        return super()._timesteps(paid.float())

    def rewards(self) -> Tensor:
        """What the last step paid, before rounding to float32: float64 [B, N]."""
        return self._paid

    def positions(self) -> Tensor:
        """Positions of agents and landmarks, float64 [B, N + L, 2]."""
        return self._pos[:, : self._n + self._l].permute(2, 1, 0)

    def _words(self, row: int) -> dict[str, str]:
        """What a row's talkers said last."""
        talkers, said = self.scene.players[: self._talkers], self._said[..., row].t().tolist()
        return {player.name: word(symbols, self.continuous) for player, symbols in zip(talkers, said, strict=True)}

    def _text(self, row: int) -> str:
        """Positions and words."""
        described = describe(self.scene, self.positions()[row].tolist(), self._goals[:, row].tolist(), self._words(row))
        return f"step {self._t} of {self.spec.max_steps}\n{described}"

    def sketch(self, row: int = 0) -> Sketch:
        """The bodies as discs on the square [-2, 2] x [-2, 2], those farther out at its edge; what was said is told."""
        bodies = (*self.scene.players, *self.scene.landmarks)
        marks: list[Glyph] = []
        for (x, y), body, colour in zip(
            self.positions()[row].tolist(), bodies, self._colours(self._goals[:, row].tolist()), strict=True
        ):
            code = "#" + "".join(f"{round(255 * min(max(part, 0.0), 1.0)):02x}" for part in colour)
            right, down = (2.0 + min(max(part, -2.0), 2.0) for part in (x, -y))
            marks += [Glyph("ring", right, down, 2 * body.size), Glyph("disc", right, down, 2 * body.size, code)]
        said = ", ".join(f"{name} says {words}" for name, words in self._words(row).items())
        return Sketch(4.0, 4.0, tuple(reversed(marks)), said)

    def _picture(self, row: int) -> np.ndarray:
        """mpe2's picture, uint8 [700, 700, 3]."""
        bodies = (*self.scene.players, *self.scene.landmarks)
        sizes = [body.size for body in bodies]
        span = float(self._start[..., : len(bodies), row].abs().max())
        colours = self._colours(self._goals[:, row].tolist())
        return picture(self.positions()[row].tolist(), sizes, colours, span, self._words(row))

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to `snapshot`."""
        super().restore(snapshot)
        self._deal()
        self._measure()
