"""Cooperative navigation, `simple_spread_v3` of mpe2: N agents cover N landmarks and keep out of each other's way.

Every agent sees its velocity, its position, the ways to all landmarks and to the other agents, and zeros where others
would speak, two each: 18 numbers with three agents. Each step pays

    local_ratio * (-1 for every other agent that one overlaps)
    + (1 - local_ratio) * (-sum over landmarks of the distance to the nearest agent)

With physics=openai every agent is paid the sum over agents of both parts in full, and overlaps itself too, as in 2017:
N * (-sum of distances) - number of ordered pairs that overlap - N.

Per agent and episode of 25 steps, three agents: random play earns about -27, standing still -24, and a script that
sends every agent to a landmark of its own -8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from arenas.faces import faces
from arenas.particle.measures import REACHED, at_end, flock, per_step, points
from arenas.particle.scene import Body, Player, Scene
from arenas.particle.world import Particles, ParticleSettings
from arenas.protocol import Action, TimeStep
from arenas.settings import Count, Share


@dataclass(frozen=True)
class SpreadSettings(ParticleSettings):
    """Settings of `spread`."""

    agents: Count = 3  # N, of agents and of landmarks, at least 1
    local_ratio: Share = 0.5  # weight of the agent's own overlaps, in [0, 1]; without meaning under physics=openai


class Spread(Particles):
    """Cooperative navigation: a team covers all landmarks without bumping into each other."""

    name = "spread-v1"
    Settings = SpreadSettings
    settings: SpreadSettings

    def _scene(self) -> Scene:
        agents, local_ratio = self.settings.agents, self.settings.local_ratio
        # the sum over landmarks grows with their number; with physics=openai it is paid in full, and for every agent
        scale = agents / 3 * (2 * agents if self.settings.physics == "openai" else 2 * max(0.5, 1 - local_ratio))
        return Scene(
            kind="cooperative",
            players=tuple(Player(0.15, (0.35, 0.35, 0.85), True, f"agent_{i}") for i in range(agents)),
            landmarks=(Body(),) * agents,
            draw_band=0.75 * scale,
            forfeit=-8.0 * scale,
        )

    def _deal(self) -> None:
        self._constants = self._nothing[:, :1].t()  # zeros

    def _columns(self) -> list[list[int]]:
        silence = [self._extra(0)] * (2 * (self._n - 1))
        return [self._surroundings(i) + silence for i in range(self._n)]

    def _pay(self) -> Tensor:
        n = self._n
        far = self._dist[n - 1 :].amin(1).sum(0)  # landmarks come after the N - 1 other agents
        overlaps = (self._dist[: n - 1] < self._reach[: n - 1]).sum(0, dtype=torch.float64)
        if self.settings.physics == "openai":
            return -(n * far + overlaps.sum(0) + n).expand(n, -1)
        return -far * (1 - self.settings.local_ratio) - overlaps * self.settings.local_ratio

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """`covered`, `all_covered`, `distance` and `collisions`, the same for all seats.

        At the end of the episode: the share of landmarks `covered` by an agent within 0.1, and whether `all_covered`.
        `distance`: mean over steps of the sum over landmarks of the distance to the nearest agent. `collisions`: pairs
        that overlap, once a step each, in an episode: the mean of a step times the episode's steps.
        """
        n, step = self._n, steps["agent_0"]
        agents = flock(step.observation, 4 + 2 * n, n)
        landmarks = points(step.observation, 4, n)
        far = (agents.unsqueeze(-2) - landmarks.unsqueeze(-3)).norm(dim=-1).amin(-2)  # [T + 1, B, N]
        covered = far < REACHED
        apart = (agents.unsqueeze(-2) - agents.unsqueeze(-3)).norm(dim=-1)
        overlaps = ((apart < 2 * self.scene.players[0].size).sum((-1, -2)) - n) / 2
        measured = {
            "covered": at_end(step, covered.float().mean(-1)),
            "all_covered": at_end(step, covered.all(-1)),
            "distance": per_step(step, far.sum(-1)),
            "collisions": self.spec.max_steps * per_step(step, overlaps),
        }
        return dict.fromkeys(self.spec.seats, measured)


env, parallel_env = faces(Spread)
