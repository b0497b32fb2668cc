"""Predator and prey, `simple_tag_v3` of mpe2: slow predators chase faster prey between obstacles.

Everybody sees its velocity, its position, the ways to the obstacles and to all other agents, and the velocities of the
(other) prey: 16 numbers for each of three predators and 14 for one prey. Each step pays every predator 10 for every
pair of a predator and a prey that overlap, even if others touch; and every prey -10 for every predator that it
overlaps, and -bound(|x|) - bound(|y|) that keep it in sight: bound is 0 below 0.9, 10 (x - 0.9) below 1,
min(exp(2x - 2), 10) above. What is paid is the same with physics=openai.

Per seat and episode of 25 steps, three predators and one prey: in random play predators earn about 4.2 and the prey
-16; a script that chases and flees 11 and -20.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from arenas.faces import faces
from arenas.particle.measures import flock, per_step
from arenas.particle.scene import Body, Player, Scene
from arenas.particle.world import Particles, ParticleSettings
from arenas.protocol import Action, TimeStep
from arenas.settings import Count, Whole


def bound(distance: Tensor) -> Tensor:
    """The penalty for being `distance` away from the middle on one axis: 0 below 0.9, then a ramp, then exponential.

    The ramp lies below the exponential before 1 and above it, or above 10, after: so the least of the three counts.
    """
    return torch.minimum((distance - 0.9) * 10, torch.exp(2 * distance - 2)).clamp(0, 10)


@dataclass(frozen=True)
class TagSettings(ParticleSettings):
    """Settings of `tag`."""

    adversaries: Count = 3  # predators, at least 1
    agents: Count = 1  # prey, at least 1
    obstacles: Whole = 2  # immovable discs


class Tag(Particles):
    """Predator and prey: slow predators hunt faster prey together."""

    name = "tag-v1"
    Settings = TagSettings
    settings: TagSettings

    def _scene(self) -> Scene:
        adversaries, agents = self.settings.adversaries, self.settings.agents
        predators = [
            Player(0.075, (0.85, 0.35, 0.35), True, f"adversary_{i}", "adversary", 3.0, 1.0) for i in range(adversaries)
        ]
        prey = [Player(0.05, (0.35, 0.85, 0.35), True, f"agent_{i}", "agent", 4.0, 1.3) for i in range(agents)]
        return Scene(
            kind="competitive",
            players=(*predators, *prey),
            landmarks=(Body(0.2, solid=True, name="obstacle"),) * self.settings.obstacles,
            span=0.9,
            draw_band=0.95,
            forfeit=-20.0,
        )

    def _columns(self) -> list[list[int]]:
        n = self._n
        return [
            self._surroundings(i)
            + [row for prey in range(self.settings.adversaries, n) if prey != i for row in self._velocity(prey)]
            for i in range(n)
        ]

    def _pay(self) -> Tensor:
        touches, across, up = self._caught(10)
        return torch.cat((touches.sum(0).expand(self.settings.adversaries, -1), -touches - across - up))

    def _caught(self, price: int) -> tuple[Tensor, Tensor, Tensor]:
        """Of each prey [prey, B]: what it pays for touches, and for being far out along x and along y."""
        hunters, n = self.settings.adversaries, self._n
        near = self._dist[:hunters, hunters:] < self._reach[:hunters, hunters:]
        across, up = bound(self._pos[:, hunters:n].abs()).unbind()
        return price * near.sum(0, dtype=torch.float64), across, up

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """`contacts` and `contact_steps` of an episode, the same for all.

        `contacts` counts pairs of a predator and a prey that overlap, once a step each; `contact_steps` counts the
        steps with at least one. Both are the mean of a step times the episode's steps.
        """
        hunters, players = self.settings.adversaries, self.scene.players
        step = steps[players[0].name]  # the first seat sees all agents
        positions = flock(step.observation, 4 + 2 * self._l, len(players))
        reach = [[a.size + b.size for b in players[hunters:]] for a in players[:hunters]]
        apart = (positions[..., :hunters, None, :] - positions[..., None, hunters:, :]).norm(dim=-1)
        touches = (apart < torch.tensor(reach, device=self.device)).sum((-1, -2))
        steps_played = self.spec.max_steps
        measured = {
            "contacts": steps_played * per_step(step, touches),
            "contact_steps": steps_played * per_step(step, touches > 0),
        }
        return dict.fromkeys(self.spec.seats, measured)


env, parallel_env = faces(Tag)
