"""World communication, `simple_world_comm_v3` of mpe2: predators and a leader that sees all, prey, food and forests.

Everybody sees its velocity, its position, the ways to the landmarks (obstacles, food, forests) and to all other agents,
the velocities of the (other) prey, and for each forest 1 if it stands in it, else -1; predators also see the symbol of
four that the leader said last. An agent is hidden from another (way and velocity 0) unless both share a forest or
neither stands in any; nothing is hidden from the leader. Predators see 34 numbers, prey 28 (with their flags of the
forests before the velocities).

Each step pays a predator 5 for every pair of a predator and a prey that overlap, even if others touch, and -0.1 times
its distance to the nearest prey; and a prey -5 for every predator that it overlaps, -2 * bound(|x|) - 2 * bound(|y|) as
in `arenas.particle.tag`, 2 for every food that it overlaps, and -0.05 times its distance to the nearest food. With
physics=openai the last has the opposite sign, as in 2017, when prey were paid for keeping away from food.

Per seat and episode of 25 steps of random play predators earn about 3, prey -25.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from arenas.faces import faces
from arenas.particle.scene import Body, Player, Scene
from arenas.particle.tag import Tag, TagSettings
from arenas.settings import Count, Whole

_SYMBOLS = 4


@dataclass(frozen=True)
class WorldCommSettings(TagSettings):
    """Settings of `world-comm`."""

    adversaries: Count = 4  # predators with their leader, at least 1
    agents: Count = 2  # prey, at least 1
    obstacles: Whole = 1  # immovable discs
    food: Count = 2  # what prey is paid to touch, at least 1
    forests: Whole = 2  # where agents hide


class WorldComm(Tag):
    """Predators with a leader, prey, food and forests."""

    name = "world-comm-v1"
    Settings = WorldCommSettings
    settings: WorldCommSettings

    def _scene(self) -> Scene:
        rules = self.settings
        leader = Player(0.075, (0.65, 0.15, 0.15), True, "leadadversary_0", "adversary", 3.0, 1.0, talks=True)
        predators = [
            Player(0.075, (0.95, 0.45, 0.45), True, f"adversary_{i}", "adversary", 3.0, 1.0)
            for i in range(rules.adversaries - 1)
        ]
        prey = [Player(0.045, (0.45, 0.95, 0.45), True, f"agent_{i}", "agent", 4.0, 1.3) for i in range(rules.agents)]
        return Scene(
            kind="competitive",
            players=(leader, *predators, *prey),
            landmarks=(
                *(Body(0.2, solid=True, name="obstacle"),) * rules.obstacles,
                *(Body(0.03, (0.15, 0.15, 0.65), name="food"),) * rules.food,
                *(Body(0.3, (0.6, 0.9, 0.6), name="forest"),) * rules.forests,
            ),
            symbols=_SYMBOLS,
            span=0.9,
            redrawn=rules.food + rules.forests,
            draw_band=0.8,
            forfeit=-40.0,
        )

    def _columns(self) -> list[list[int]]:
        n, prey = self._n, range(self.settings.adversaries, self._n)
        hidden = n * self.settings.forests  # first row of what may be hidden: the flags of the forests come before

        def other(i: int, j: int, quantity: int) -> list[int]:
            """Rows of the way to j (0, as x and y) or of its velocity (1) as agent i sees it."""
            pair = (j - (j > i)) * n + i
            return [self._extra(hidden + (2 * quantity + axis) * (n - 1) * n + pair) for axis in (0, 1)]

        columns = []
        for i in range(n):
            others = [j for j in range(n) if j != i]
            ways = [row for j in others for row in (self._relative(i, j) if i == 0 else other(i, j, 0))]
            speeds = [row for j in prey if j != i for row in (self._velocity(j) if i == 0 else other(i, j, 1))]
            flags = [self._extra(forest * n + i) for forest in range(self.settings.forests)]
            seen = self._velocity(i) + self._position(i) + self._all_relative(i, range(n, n + self._l)) + ways
            columns.append(seen + (flags + speeds if i in prey else speeds + flags + self._heard(0)))
        return columns

    def _extras(self) -> Tensor:
        """Flags of the forests [F * N], then ways and velocities of others with zeros where they are hidden."""
        n, batch = self._n, self.batch_size
        others = self._others[: (n - 1) * n]
        inside = self._within(self.settings.obstacles + self.settings.food, self.settings.forests)  # [F, N, B]
        theirs = inside.index_select(1, others).view(self.settings.forests, n - 1, n, batch)
        shared = (inside.unsqueeze(1) & theirs).any(0)
        visible = shared | ~(inside.any(0) | theirs.any(0))  # [N - 1, N, B]
        velocities = self._vel.index_select(1, others).view(2, n - 1, n, batch)
        seen = torch.stack((self._rel[:, : n - 1], velocities)) * visible
        return torch.cat((inside.double().flatten(0, 1) * 2 - 1, seen.view(-1, batch)))

    def _within(self, first: int, count: int) -> Tensor:
        """Whether agents overlap the landmarks from `first` on, bool [count, N, B]."""
        where = slice(self._n - 1 + first, self._n - 1 + first + count)
        return self._dist[where] < self._reach[where]

    def _pay(self) -> Tensor:
        hunters, n = self.settings.adversaries, self._n
        touches, across, up = self._caught(5)
        near = self._dist[hunters - 1 : n - 1, :hunters].amin(0)  # of predators to the nearest prey
        eaten = 2 * self._within(self.settings.obstacles, self.settings.food)[:, hunters:].sum(0, dtype=torch.float64)
        first = n - 1 + self.settings.obstacles
        hungry = 0.05 * self._dist[first : first + self.settings.food, hunters:].amin(0)
        prey = -touches - 2 * across - 2 * up + eaten + (hungry if self.settings.physics == "openai" else -hungry)
        return torch.cat((touches.sum(0) - 0.1 * near, prey))


env, parallel_env = faces(WorldComm)
