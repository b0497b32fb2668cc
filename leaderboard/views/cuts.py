"""How many episodes a cap has cut, before the game would have ended by itself."""

from collections.abc import Iterable

from leaderboard.records import BlockRecord

#: Metric that an arena with a cap records of each seat: 1 where the cap has cut the episode.
CUT = "cut"


def share_cut(blocks: Iterable[BlockRecord]) -> float:
    """The share of all recorded episodes that was cut; 0 where no game of these has a cap."""
    parts = [result.metrics[CUT] for block in blocks for result in block.results if CUT in result.metrics]
    n = sum(count for _, _, count in parts)
    return sum(mean * count for mean, _, count in parts) / n if n else 0.0


def cut_line(share: float, competitive: bool = False) -> str:
    """What is to be told of that; "" where nothing was cut."""
    if not share:
        return ""
    which = "Every episode" if share == 1 else f"{100 * share:.2g} % of the episodes"
    drawn = " A draw may be a game that nobody has finished." if competitive else ""
    cut = "was cut before the game had ended: what had been paid until then counts"
    return f"{which} {cut}.{drawn} --set arena.max_cycles=N gives more time."
