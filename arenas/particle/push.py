"""Keep-away, `simple_push_v3` of mpe2: an agent goes to its landmark, and an adversary pushes it away from there.

The good agent sees its velocity, the way to the goal, its own colour (which names the goal), the ways to both
landmarks, their colours, and the way to the adversary: 19 numbers. The adversary, which has to guess the goal, sees its
velocity and the ways to both landmarks and to the agent: 8. The two collide. Each step pays

    agent:     -(own distance to the goal)
    adversary: (the agent's distance to the goal) - (own distance to the goal)

What is paid is the same with physics=openai. Per episode of 25 steps of random play the adversary earns about 0.5,
the agent -29.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from arenas.faces import faces
from arenas.particle.measures import arrival
from arenas.particle.scene import Body, Player, Scene
from arenas.particle.world import Particles
from arenas.protocol import Action, TimeStep

_LANDMARKS = ((0.1, 0.9, 0.1), (0.1, 0.1, 0.9))  # colours of the landmarks
_AGENT = ((0.25, 0.75, 0.25), (0.25, 0.25, 0.75))  # colour of the agent by goal


class Push(Particles):
    """Keep-away: an agent makes for its goal, and an adversary pushes it off."""

    name = "push-v1"

    def _scene(self) -> Scene:
        return Scene(
            kind="competitive",
            players=(
                Player(0.05, (0.75, 0.25, 0.25), True, "adversary_0", "adversary"),
                Player(0.05, _AGENT[0], True, "agent_0", "agent"),
            ),
            landmarks=tuple(Body(colour=colour) for colour in _LANDMARKS),
            goals=(2,),
            goal_colours={1: (0, _AGENT)},
            draw_band=1.2,
            forfeit=-8.0,
        )

    def _deal(self) -> None:
        agent = self._real(_AGENT).t()[:, self._goals[0]]
        landmarks = self._landmark_colours.t().reshape(-1, 1).expand(-1, self.batch_size)
        self._constants = torch.cat((agent, landmarks))

    def _columns(self) -> list[list[int]]:
        landmarks, goal, colour = [2, 3], 4, [self._extra(k) for k in range(9)]
        adversary = self._velocity(0) + self._all_relative(0, landmarks) + self._relative(0, 1)
        agent = self._velocity(1) + self._relative(1, goal) + colour[:3] + self._all_relative(1, landmarks)
        return [adversary, agent + colour[3:] + self._relative(1, 0)]

    def _pay(self) -> Tensor:
        adversary, agent = self._dist[-1]  # to the goal
        return torch.stack((agent - adversary, -agent))

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """At the end of the episode: whether the seat's agent is `at_goal` (within 0.1), and its `distance` to it."""
        seen = steps["agent_0"].observation
        goal, adversary = seen[..., 2:4], seen[..., -2:]
        ways = {"adversary_0": goal - adversary, "agent_0": goal}
        return {seat: arrival(steps[seat], way.norm(dim=-1)) for seat, way in ways.items()}


env, parallel_env = faces(Push)
