"""Repeated rock, paper, scissors: 1,000 throws, as in the programming competitions of 1999 and 2000.

Billings 2000 (The First International RoShamBo Programming Competition); Lanctot et al. 2023 (Population-based
Evaluation in Repeated Rock-Paper-Scissors as a Benchmark for Multiagent Reinforcement Learning). A throw pays 1, 0 or
-1, so the return of an episode is by how many throws a seat has won the match. Two returns within 100 of each other,
that is a match won by 50 throws or fewer, are a draw, as in the competition: that is what luck alone does. Observation
and state are those of `arenas.matrix`, float32 [10].
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from arenas.faces import faces
from arenas.matrix import MatrixGame, RepeatedSettings
from arenas.settings import Count, Share

THROWS = 1000
_DRAW = 2 * 50 / THROWS  # difference of two returns a throw; 50 is the competition's margin


@dataclass(frozen=True)
class RrpsSettings(RepeatedSettings):
    """Settings of `rrps`."""

    max_steps: Count = THROWS  # T, throws of an episode
    gamma: Share = 0.99  # discount per throw


class RepeatedRps(MatrixGame):
    """Repeated rock, paper, scissors; the players of the competitions are `rrps:NAME`."""

    name = "rrps-v1"
    action_names = ("rock", "paper", "scissors")
    payoffs = (((0, 0), (-1, 1), (1, -1)), ((1, -1), (0, 0), (-1, 1)), ((-1, 1), (1, -1), (0, 0)))
    Settings = RrpsSettings

    def build(self) -> None:
        """Few episodes make a match, as each is a thousand throws; see `Arena.build`."""
        super().build()
        self.spec = replace(self.spec, draw_band=_DRAW * self.settings.max_steps, episodes=2, block=2)


env, parallel_env = faces(RepeatedRps)
