"""Cooperative communication, `simple_speaker_listener_v4` of mpe2: the agent that knows the goal cannot move.

The speaker sees the colour of the goal landmark (3 numbers) and says one of three symbols. The listener sees its
velocity, the ways to the three landmarks, and the symbol said last, one-hot (zeros at first): 11 numbers. Each step
pays both minus the squared distance from the listener to the goal; with physics=openai both are paid the sum over both,
twice as much.

Per seat and episode of 25 steps random play earns about -40.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from arenas.faces import faces
from arenas.particle.measures import arrival, distance_to, points
from arenas.particle.scene import Body, Player, Scene
from arenas.particle.world import Particles
from arenas.protocol import Action, TimeStep

_COLOURS = ((0.65, 0.15, 0.15), (0.15, 0.65, 0.15), (0.15, 0.15, 0.65))
_LISTENER = [(red + 0.45, green + 0.45, blue + 0.45) for red, green, blue in _COLOURS]  # its colour by goal


class SpeakerListener(Particles):
    """Cooperative communication: only the speaker knows where the listener should go."""

    name = "speaker-listener-v1"

    def _scene(self) -> Scene:
        scale = 2 if self.settings.physics == "openai" else 1  # of what is paid
        return Scene(
            kind="cooperative",
            players=(
                Player(0.075, name="speaker_0", thrust=0.0, talks=True),
                Player(0.075, name="listener_0"),
            ),
            landmarks=tuple(Body(0.04, colour) for colour in _COLOURS),
            goals=(3,),
            goal_colours={1: (0, _LISTENER)},
            symbols=3,
            draw_band=3.0 * scale,
            forfeit=-20.0 * scale,
        )

    def _deal(self) -> None:
        self._constants = self._landmark_colours[:, self._goals[0]]

    def _columns(self) -> list[list[int]]:
        speaker = [self._extra(k) for k in range(3)]
        return [speaker, self._velocity(1) + self._all_relative(1, [2, 3, 4]) + self._heard(0)]

    def _pay(self) -> Tensor:
        across, up = self._rel[:, -1, 1].square().unbind()  # of the way from the listener to the goal
        paid = -(across + up)
        return (2 * paid if self.settings.physics == "openai" else paid).expand(2, -1)

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """At the end of the episode: whether the listener is `at_goal`, within 0.1, and its `distance` to it.

        The same for both seats.
        """
        step = steps["listener_0"]
        goal = steps["speaker_0"].observation.argmax(-1)
        return dict.fromkeys(self.spec.seats, arrival(step, distance_to(goal, points(step.observation, 2, 3))))


env, parallel_env = faces(SpeakerListener)
