"""Cross-play: everybody with everybody's partners and opponents, and how robust that leaves each of them.

For programs:

    from zoo import crossplay
    from zoo.entry.venue import ArenaChoice, Venue

    matrix = crossplay.play(Venue(ArenaChoice("tag")), ["maddpg@seed-0", "maddpg@seed-1", "random"])
    matrix.mean("adversary")  # float [3, 3], return per episode of the row in that role
    report = crossplay.report(matrix, crossplay.anchors_for(matrix.venue))
    crossplay.compare(report, "adversary", ["maddpg@seed-0"], ["maddpg@seed-1"])
"""

from zoo.crossplay.figures import compare, report
from zoo.crossplay.matrix import CrossMatrix, play
from zoo.crossplay.players import Contestant, check, expand, roles
from zoo.crossplay.report import CrossReport, Entry, Group
from zoo.entry.declared import BEST, Anchors, anchors_for

__all__ = [
    "BEST",
    "Anchors",
    "Contestant",
    "CrossMatrix",
    "CrossReport",
    "Entry",
    "Group",
    "anchors_for",
    "check",
    "compare",
    "expand",
    "play",
    "report",
    "roles",
]
