"""From blocks to comparisons: who did better than whom, by the rule that is right for the kind of game.

- *Competitive, one side*: each block is one observation between the two entrants of its pairing: the sign of the
  difference of their mean own returns over all rotations and episodes, within the draw band a draw.
- *Everything else*: **duplicate comparison**, as in duplicate bridge. Two entrants are compared by their mean own
  returns in the same seats, with the same partner, on the same seeds; partners are the members of the arena's panel
  and the two themselves (without a panel, everyone). "Who got more than the opponent" would put always-defect first in
  a social dilemma and means nothing in a cooperative game. Where a competitive game has several sides, the comparison
  is made within each side, and the players are (entrant, side), written "id|side".

Each comparison has a weight. When k entrants are compared with one another on one partner's episodes, k results make
k(k-1)/2 comparisons, but only k-1 of them are independent, so each weighs 2/k. For Gaussian results that is exact:
the comparisons' information on the skills, weight x (k I - 11'), then equals that of the results, 2 (I - 11'/k). For
their signs it is a little cautious: 95 % intervals cover 96 to 99 %, against 50 to 84 % without weights (simulated).
Where the partner is one of the two, fewer comparisons are made, but they weigh the same: were it more, the rating would
lean towards how one fares with oneself and with the rival, and away from the panel.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from leaderboard.records import ArenaRecord, BlockRecord
from leaderboard.statistics.returns import Floats, Ints, Performances, performances

_ROUNDING = 1e-9  # relative; sums of the same rewards in another order differ by less, real results by more


class Comparison(NamedTuple):
    """One observation: `first` did better (outcome 1), as well (0) or worse (-1) than `second`.

    `partner` is with whom both played (None if with each other), `series` is (seed, first episode, episodes), and
    `block` the smaller id of the blocks that were compared, which gives observations an order that nobody chose.
    """

    first: str
    second: str
    outcome: int
    weight: float
    partner: str | None
    series: tuple[int, int, int]
    block: str


def observations(arena: ArenaRecord, blocks: Iterable[BlockRecord], panel: Iterable[str] | None) -> list[Comparison]:
    """All comparisons that blocks of one arena and mode allow, in an order that does not depend on that of the blocks.

    Args:
        arena: the arena, of which kind, sides and draw band count.
        blocks: the blocks, in any order.
        panel: entrant ids of the arena's panel, None to let every entrant be a partner.
    """
    blocks = list(blocks)
    if is_head_to_head(arena):
        return _head_to_head(performances(blocks), arena.draw_band)
    sides = dict(arena.seats) if arena.kind == "competitive" else None
    table = performances(blocks, sides)
    everyone = range(len(table.entrants))
    members = set(table.entrants if panel is None else panel)
    partners = [number for number in everyone if table.entrants[number] in members]
    return sorted(_duplicate(table, partners, arena.draw_band), key=lambda c: (c.block, c.first, c.second, c.series))


def is_head_to_head(arena: ArenaRecord) -> bool:
    """Whether opponents are compared with each other: all seats on one side of a competitive game."""
    return arena.kind == "competitive" and len(arena.sides) == 1


def player_name(entrant: str, side: str) -> str:
    """Name of an entrant on a side: "id|side", or the id alone where there are no sides."""
    return f"{entrant}|{side}" if side else entrant


def rounds(comparisons: Iterable[Comparison]) -> list[tuple[str, str, int]]:
    """At most one result (first, second, outcome) per two players and series, in canonical order: by block id.

    Classical TrueSkill knows no weights. So that it does not count the same episodes once per partner, the
    comparisons of a series are added up over the partners, and the sign of the sum is the result.
    """
    total: dict[tuple[str, str, tuple[int, int, int]], float] = {}
    order: dict[tuple[str, str, tuple[int, int, int]], str] = {}
    for comparison in sorted(comparisons, key=lambda c: (c.block, c.first, c.second, str(c.partner))):
        key = (comparison.first, comparison.second, comparison.series)
        total[key] = total.get(key, 0.0) + comparison.outcome * comparison.weight
        order.setdefault(key, comparison.block)
    return [(key[0], key[1], _sign(total[key])) for key in sorted(total, key=lambda key: (order[key], key))]


def _sign(value: float) -> int:
    return 0 if abs(value) < _ROUNDING else (1 if value > 0 else -1)


def _outcomes(difference: Floats, scale: Floats, draw_band: float) -> Ints:
    # Equal play must be a draw even if its sums were rounded differently, hence a little more than the band.
    beyond = np.abs(difference) > draw_band + _ROUNDING * (1.0 + scale)
    return np.where(beyond, np.sign(difference), 0).astype(np.intp)


def _head_to_head(table: Performances, draw_band: float) -> list[Comparison]:
    two = np.flatnonzero(table.who != table.partner)
    first, second = two[table.who[two] < table.partner[two]], two[table.who[two] > table.partner[two]]
    # Both lists are sorted by block, and each pairing's block has one performance of either.
    a, b = table.mean[first], table.mean[second]
    outcomes = _outcomes(a - b, np.maximum(np.abs(a), np.abs(b)), draw_band)
    return [
        Comparison(
            first=table.entrants[table.who[p]],
            second=table.entrants[table.partner[p]],
            outcome=outcome,
            weight=1.0,
            partner=None,
            series=table.series[table.series_of[p]],
            block=table.blocks[table.block[p]],
        )
        for p, outcome in zip(first.tolist(), outcomes.tolist(), strict=True)
    ]


def _duplicate(table: Performances, panel: list[int], draw_band: float) -> Iterator[Comparison]:
    for group in _groups(table):
        partner = int(table.partner[group[0]])
        weight = 2.0 / len(group)
        who = table.who[group]
        if partner in panel:
            left, right = np.triu_indices(len(group), k=1)
        else:
            itself = np.flatnonzero(who == partner)
            right = np.flatnonzero(who != partner)
            left = np.repeat(itself, len(right)) if itself.size else itself
            right = right if itself.size else itself
        swap = who[left] > who[right]
        left, right = group[np.where(swap, right, left)], group[np.where(swap, left, right)]
        a, b = table.mean[left], table.mean[right]
        outcomes = _outcomes(a - b, np.maximum(np.abs(a), np.abs(b)), draw_band)
        side = table.sides[table.side[group[0]]]
        series, name = table.series[table.series_of[group[0]]], table.entrants[partner]
        names = [player_name(table.entrants[number], side) for number in range(len(table.entrants))]
        where = np.minimum(table.block[left], table.block[right])
        for i, j, outcome, block in zip(
            table.who[left].tolist(), table.who[right].tolist(), outcomes.tolist(), where.tolist(), strict=True
        ):
            yield Comparison(names[i], names[j], outcome, weight, name, series, table.blocks[block])


def _groups(table: Performances) -> Iterator[Ints]:
    """Performances with the same partner, series and side: those that may be compared with one another."""
    if not table.who.size:
        return iter(())
    order = np.lexsort((table.who, table.side, table.series_of, table.partner))
    key = np.column_stack([table.partner, table.series_of, table.side])[order]
    edges = np.flatnonzero((key[1:] != key[:-1]).any(axis=1)) + 1
    return iter(np.split(order, edges))
