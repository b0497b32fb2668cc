"""Several arenas side by side: who does well in most of them, for a report on more than one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leaderboard.statistics.across import improvement, normalised, profile
from leaderboard.statistics.estimate import Estimate
from leaderboard.views.page import ArenaPage, PageSide

LEVELS = 51  # points of a profile


@dataclass(frozen=True)
class Across:
    """Entrants that have a rank in all of several games; a game with several sides counts as one for each.

    Attributes:
        games: their names; left_out: names of games that rank nobody over a panel.
        labels: of the n entrants, best first by their mean score.
        scores: float [n, games], the headline as a share of the way from the lowest ranked one to the highest.
        levels: float [L]; profile: float [n, L], share of the games in which a score is at least that.
        better: [n][n], how probable it is that the row does better than the column; None on the diagonal.
    """

    games: tuple[str, ...]
    left_out: tuple[str, ...]
    labels: tuple[str, ...]
    scores: NDArray[np.float64]
    levels: NDArray[np.float64]
    profile: NDArray[np.float64]
    better: tuple[tuple[Estimate | None, ...], ...]


def across(pages: Sequence[ArenaPage]) -> Across | None:
    """What several arenas come to together; None for one, or where fewer than two games rank the same two entrants.

    Entrants of several arenas are the same where they have one label: `lola` is LOLA trained for each game.
    """
    games = [(page, side) for page in pages for side in page.sides if page.board.headline == "own_return"]
    left_out = tuple(page.arena.id for page in pages if page.board.headline != "own_return")
    ranked = [{row.label: row for row in side.rows if row.rank is not None} for _, side in games]
    shared = [label for label in (ranked[0] if ranked else ()) if all(label in some for some in ranked)]
    if len(pages) < 2 or len(games) < 2 or len(shared) < 2:
        return None
    columns = []
    for some in ranked:
        scores = normalised(np.array([row["own_return"].mean for row in some.values()]))
        at = dict(zip(some, scores.tolist(), strict=True))
        columns.append([at[label] for label in shared])
    matrix = np.array(columns).T
    order = sorted(range(len(shared)), key=lambda i: (-float(matrix[i].mean()), shared[i]))
    labels, matrix = tuple(shared[i] for i in order), matrix[order]
    levels = np.linspace(0.0, 1.0, LEVELS)
    means = [
        _episodes(side, [some[label].entrant for label in labels])
        for (_, side), some in zip(games, ranked, strict=True)
    ]
    better = tuple(
        tuple(improvement([(game[i], game[j]) for game in means]) if i != j else None for j in range(len(labels)))
        for i in range(len(labels))
    )
    names = tuple(f"{page.arena.id} as {side.side}" if side.side else page.arena.id for page, side in games)
    return Across(names, left_out, labels, matrix, levels, profile(matrix, levels), better)


def _episodes(side: PageSide, who: Sequence[str]) -> NDArray[np.float64]:
    """Panel means [n, E] of these entrants, episode by episode."""
    rows = [side.field.entrants.index(entrant) for entrant in who]
    return np.asarray(side.field.headline.of_episode[rows])
