"""A look at a fresh entry: two short games in its sandbox, which are not recorded, so that its author hears at once."""

from __future__ import annotations

from leaderboard.records import Status
from zoo.play.blocks import Task, play_block
from zoo.season.entries import SeasonEntry
from zoo.season.place import Season

_SEED = 1  # neither the public nor the secret one
_EPISODES = 2


def trial(season: Season, entry: SeasonEntry) -> str:
    """What became of it, in words: "it plays", or what went wrong."""
    texts = (entry.text, season.partners[0] if season.partners else entry.text)
    first, second = sorted(texts, key=season.venue.id)
    block = play_block(season.venue, Task((first, second), _SEED, 0, _EPISODES))
    wrong = [log for log in block.logs if log.entrant == entry.entrant]
    if not wrong:
        return "it plays"
    log = wrong[0]
    return f"but in its first games it fails, {Status(log.status).value}: {log.message}; a later entry takes its place"
