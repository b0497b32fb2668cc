"""What a particle world is made of, in constants: bodies, players, and the scene that they make."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from arenas.protocol import Kind

Colour = tuple[float, float, float]
MOVES = 5  # nothing, -x, +x, -y, +y


@dataclass(frozen=True)
class Body:
    """A disc: a landmark as it stands, or what an agent is made of. An agent's name is its seat."""

    size: float = 0.05  # radius
    colour: Colour = (0.25, 0.25, 0.25)
    solid: bool = False  # whether it collides
    name: str = "landmark"


@dataclass(frozen=True)
class Player(Body):
    """An agent: whether it collides is for all agents of a scene the same. Talkers come first, movers last."""

    team: str = "all"
    thrust: float = 5.0  # 0: it cannot move
    top_speed: float = math.inf
    talks: bool = False

    @property
    def side(self) -> str:
        """The name without its number."""
        return self.name.rpartition("_")[0]

    def codes(self, symbols: int) -> int:
        """How many discrete actions it has where there are `symbols` to say."""
        return (MOVES if self.thrust else 1) * (symbols if self.talks else 1)

    def numbers(self, symbols: int) -> int:
        """The width of its continuous action."""
        return (MOVES if self.thrust else 0) + (symbols if self.talks else 0)


@dataclass(frozen=True)
class Scene:
    """A scenario in constants.

    Attributes:
        kind: of the game.
        players: in mpe2's order.
        landmarks: solid ones first.
        goals: for each goal the number of landmarks from which it is drawn.
        goal_colours: number of an agent -> a goal that gives its colour in pictures, and the colour for each landmark.
        symbols: how many there are to say.
        span: landmarks are drawn from the square [-span, span]^2, agents from [-1, 1]^2.
        redrawn: how many landmarks, the last, mpe2 draws a second time.
        draw_band: for an episode of 25 steps. Two standard errors of the difference between the mean returns of two
            equal players over a block of 1,000 episodes, 2 sqrt(2 / 1000) times the standard deviation of a return,
            measured in random play at the default settings, of the role where it is least. Luck that both share makes
            the true difference smaller.
        forfeit: per step of an episode of 25 steps: at least twice what the worst constant play loses on average.
            An agent that runs away gets farther the longer it runs, so it grows as the cube of the steps beyond.
    """

    kind: Kind
    players: tuple[Player, ...]
    landmarks: tuple[Body, ...]
    draw_band: float
    forfeit: float
    goals: tuple[int, ...] = ()
    goal_colours: Mapping[int, tuple[int, Sequence[Colour]]] = field(default_factory=dict)
    symbols: int = 0
    span: float = 1.0
    redrawn: int = 0
