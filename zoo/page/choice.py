"""Which games of each pairing a page shows: by rule, so that nobody picks the ones that look best.

By the return of the first of the two in its first seat they are the median, the best and the worst game of the first
rotation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leaderboard.records import STATUSES, BlockRecord


@dataclass(frozen=True)
class ShownGame:
    """One game to be shown.

    Attributes:
        kind: "median", "best" or "worst"; "only" where all are alike.
        seed, first_episode, episodes: of the block in which it lies; row: its position there.
        recorded: {seat: return}; statuses: {seat: how it ended there}.
    """

    kind: str
    seed: int
    first_episode: int
    episodes: int
    row: int
    recorded: Mapping[str, float]
    statuses: Mapping[str, str]

    @property
    def episode(self) -> int:
        """Its number."""
        return self.first_episode + self.row


def chosen(blocks: Sequence[BlockRecord], seat: str) -> list[ShownGame]:
    """The games of one pairing that are shown, of its first rotation, by the return in this seat.

    Args:
        blocks: of one pairing, in any order.
        seat: whose return decides; of equal games the earliest.
    """
    ordered = sorted(blocks, key=lambda block: (block.seed, block.first_episode))
    games: list[tuple[float, int, BlockRecord, int]] = []
    for number, block in enumerate(ordered):
        (result,) = [r for r in block.results if r.rotation == 0 and r.seat == seat]
        games += [(float(x), number, block, row) for row, x in enumerate(result.returns)]
    games.sort(key=lambda game: (game[0], game[1], game[3]))
    if games[0][0] == games[-1][0]:
        return [_game("only", *min(games, key=lambda game: (game[1], game[3]))[2:])]
    best = min((game for game in games if game[0] == games[-1][0]), key=lambda game: (game[1], game[3]))
    kinds = {"median": games[(len(games) - 1) // 2], "best": best, "worst": games[0]}
    return [_game(kind, *game[2:]) for kind, game in kinds.items()]


def _game(kind: str, block: BlockRecord, row: int) -> ShownGame:
    mine = [result for result in block.results if result.rotation == 0]
    recorded = {result.seat: float(result.returns[row]) for result in mine}
    statuses = {result.seat: STATUSES[int(result.statuses[row])].value for result in mine}
    return ShownGame(kind, block.seed, block.first_episode, block.episodes, row, recorded, statuses)
