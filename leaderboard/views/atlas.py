"""The atlas: who beats whom over many games, with games as voters on the agents that play there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leaderboard.statistics.across import maximal_lottery, same_strangers, votes
from leaderboard.statistics.estimate import Estimate, plain

#: Games in which an agent must have met others to take part in the vote: in one game alone it met too few.
FEWEST = 2


@dataclass(frozen=True)
class AtlasGame:
    """One game, or one role of it.

    Attributes:
        name: of the game; role: "" where there is one.
        labels: of the n agents.
        mean: float [n, n], what the row got with the column, the diagonal NaN: nobody meets its like.
        gained: [n][n], what the row got more than the column from the same strangers.
        quantity: "own return" or "games won"; episodes: of each pairing in each rotation.
    """

    name: str
    role: str
    labels: tuple[str, ...]
    mean: NDArray[np.float64]
    gained: Sequence[Sequence[Estimate | None]]
    quantity: str
    episodes: int

    @property
    def title(self) -> str:
        """The game with the role."""
        return f"{self.name} as {self.role}" if self.role else self.name

    @property
    def votes(self) -> NDArray[np.float64]:
        """1 where the row surely got more than the column from the same strangers, -1 where less, else 0."""
        return votes(self.gained)


def atlas_game(name: str, role: str, labels: Sequence[str], returns: NDArray[np.float64], quantity: str) -> AtlasGame:
    """A game from the own returns [E, n, n] of each episode."""
    mean = returns.mean(axis=0)
    np.fill_diagonal(mean, np.nan)
    return AtlasGame(name, role, tuple(labels), mean, same_strangers(returns), quantity, len(returns))


@dataclass(frozen=True)
class Atlas:
    """All games together.

    Attributes:
        games: in their order.
        agents: the m that met others in `FEWEST` games or more, likeliest first; left_out: the others.
        lottery: float [m], the maximal lottery; margins: float [m, m], games for the row less games for the column.
        compared: int [m, m], games in which both play.
    """

    games: tuple[AtlasGame, ...]
    agents: tuple[str, ...]
    left_out: tuple[str, ...]
    lottery: NDArray[np.float64]
    margins: NDArray[np.float64]
    compared: NDArray[np.intp]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        games = [
            {
                "game": game.name,
                "role": game.role,
                "agents": list(game.labels),
                "quantity": game.quantity,
                "episodes": game.episodes,
                "mean": [[None if np.isnan(x) else float(x) for x in line] for line in game.mean],
                "gained": [[None if x is None else plain(x) for x in line] for line in game.gained],
                "votes": game.votes.tolist(),
            }
            for game in self.games
        ]
        return {
            "agents": list(self.agents),
            "lottery": self.lottery.tolist(),
            "margins": self.margins.tolist(),
            "compared": self.compared.tolist(),
            "left_out": list(self.left_out),
            "games": games,
        }


def atlas(games: Sequence[AtlasGame]) -> Atlas:
    """The vote of all games. A game with two roles has a vote for each."""
    met: dict[str, set[str]] = {}
    for game in games:
        for label in game.labels:
            met.setdefault(label, set()).add(game.name)
    fewest = min(FEWEST, len({game.name for game in games}))
    agents = sorted(label for label, where in met.items() if len(where) >= fewest)
    at = {label: k for k, label in enumerate(agents)}
    margins, compared = np.zeros((len(agents),) * 2), np.zeros((len(agents),) * 2, dtype=np.intp)
    for game in games:
        here = [k for k, label in enumerate(game.labels) if label in at]
        there = [at[game.labels[k]] for k in here]
        margins[np.ix_(there, there)] += game.votes[np.ix_(here, here)]
        compared[np.ix_(there, there)] += 1 - np.eye(len(there), dtype=np.intp)
    lottery = maximal_lottery(margins)
    order = sorted(range(len(agents)), key=lambda k: (-round(float(lottery[k]), 9), -margins[k].sum(), agents[k]))
    both = np.ix_(order, order)
    names = tuple(agents[k] for k in order)
    return Atlas(tuple(games), names, tuple(sorted(set(met) - set(at))), lottery[order], margins[both], compared[both])
