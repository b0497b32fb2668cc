"""Small arenas, entrants and blocks, made by hand, for the tests of the leaderboard."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations_with_replacement
from types import SimpleNamespace

import numpy as np
import pytest

from leaderboard.records import (
    RULES_VERSION,
    ArenaRecord,
    BlockRecord,
    EntrantRecord,
    MatchRecord,
    PanelRecord,
    SeatResult,
    Status,
    block_id,
)
from leaderboard.statistics.tally import Tally
from leaderboard.store.tallies import tallies_of
from leaderboard.views.board import Board, Row, make_board

Own = Callable[[str, str, str, int], Sequence[float]]
"""(entrant, partner, seat, rotation) -> own return of each episode."""


def arena(
    kind: str = "mixed", id: str = "coin-v1", sides: tuple[str, str] = ("player", "player"), **changes
) -> ArenaRecord:
    seats = (("seat_0", sides[0]), ("seat_1", sides[1]))
    facts = {"draw_band": 0.0, "forfeit": -9.0, "gamma": 0.96, "max_steps": 10, "details": {}} | changes
    return ArenaRecord(id=id, name=id, kind=kind, seats=seats, **facts)


def entrant(id: str, label: str | None = None, **changes) -> EntrantRecord:
    facts = {"behaviour": 1, "config": {}, "weights": None, "mode": {"mode": "play"}} | changes
    return EntrantRecord(id=id, label=label or id, agent="agent", **facts)


def block(
    pair: tuple[str, str],
    own: Own,
    *,
    arena: str = "coin-v1",
    mode: str = "play",
    seed: int = 0,
    first: int = 0,
    steps: int = 10,
    statuses: dict[str, Status] | None = None,
    rules_version: int = RULES_VERSION,
) -> BlockRecord:
    """A block of a game of two seats; in rotation r the sorted pairing sits in order, then reversed."""
    a, b = sorted(pair)
    results = []
    for rotation, seating in enumerate([(a, b), (b, a)]):
        for number, who in enumerate(seating):
            returns = np.asarray(own(who, seating[1 - number], f"seat_{number}", rotation), dtype=float)
            k = len(returns)
            status = (statuses or {}).get(who, Status.DONE).code
            results.append(
                SeatResult(rotation, f"seat_{number}", who, returns, np.full(k, steps), np.full(k, status), {}, 0.25)
            )
    what = (arena, (a, b), mode, seed, first, k, rules_version)
    return BlockRecord(block_id(*what), arena, (a, b), mode, seed, first, k, rules_version, tuple(results))


def noisy_blocks(skill: dict[str, float], *, series: int = 2, k: int = 4, seed: int = 0, arena: str = "coin-v1"):
    """A full round-robin with self-play, own return = skill + luck of the episode and seat + noise."""
    rng = np.random.default_rng(seed)
    luck = rng.normal(size=(series, k, 2))
    made = []
    for number in range(series):
        for pair in combinations_with_replacement(sorted(skill), 2):

            def own(who: str, partner: str, seat: str, rotation: int, number: int = number) -> np.ndarray:
                return skill[who] + luck[number, :, int(seat[-1])] + 0.3 * rng.normal(size=k)

            made.append(block(pair, own, first=number * k, arena=arena))
    return made


def match(id: str, blocks: Sequence[BlockRecord], created: str = "2026-01-01T00:00:00Z", **changes) -> MatchRecord:
    first = blocks[0]
    facts = {"episodes": first.episodes, "command": "zoo match", "version": "1", "details": {}} | changes
    ids = tuple(item.id for item in blocks)
    return MatchRecord(
        id=id,
        arena=first.arena,
        entrants=first.entrants,
        mode=first.mode,
        seed=first.seed,
        blocks=ids,
        created=created,
        **facts,
    )


def tally(block: BlockRecord, arena: ArenaRecord, side: str = "") -> Tally:
    """The one tally that a block adds on this side."""
    (made,) = [made for made in tallies_of([block], arena) if made.side == side]
    return made


def board(arena: ArenaRecord, blocks: Sequence[BlockRecord], panel: PanelRecord | None = None, **terms) -> Board:
    """The board of these blocks."""
    return make_board(arena, tallies_of(blocks, arena), panel, **terms)


def clones(blocks: Sequence[BlockRecord], original: str, names: Sequence[str]) -> list[BlockRecord]:
    """What entrants add who play like the original: its blocks under their names, and those with it and each other."""
    copies = []
    for played in blocks:
        others = [who for who in played.entrants if who != original]
        if len(others) == 2:
            continue
        among = combinations_with_replacement([original, *names], 2)
        for pair in [(name, others[0]) for name in names] if others else among:
            if pair == (original, original):
                continue
            first, second = sorted(pair)
            results = []
            for result in played.results:
                who = result.entrant if others else (first, second)[(int(result.seat[-1]) + result.rotation) % 2]
                results.append(replace(result, entrant=pair[0] if who == original and others else who))
            what = (played.arena, (first, second), played.mode, played.seed, played.first_episode, played.episodes)
            copies.append(BlockRecord(block_id(*what), *what, RULES_VERSION, tuple(results)))
    return copies


def panel(*members: str, id: str = "coin-v1/panel-1", arena: str = "coin-v1", **terms) -> PanelRecord:
    return PanelRecord(id, arena, members, **terms)


def row(board: Board, entrant: str, side: str = "") -> Row:
    """The row of an entrant."""
    (found,) = [row for row in board.rows if (row.entrant, row.side) == (entrant, side)]
    return found


# Memory-one strategies of the iterated prisoner's dilemma: probability of cooperation at first, and after CC, CD,
# DC, DD (own action first).
IPD = {
    "always-defect": (0, 0, 0, 0, 0),
    "always-cooperate": (1, 1, 1, 1, 1),
    "tit-for-tat": (1, 1, 0, 1, 0),
    "grim": (1, 1, 0, 0, 0),
    "win-stay-lose-shift": (1, 1, 0, 0, 1),
    "soft-tit-for-tat": (0.95, 0.95, 0.05, 0.95, 0.05),
    "extortioner": (0, 0.5, 0, 0.4, 0),
    "random": (0.5, 0.5, 0.5, 0.5, 0.5),
}


def ipd_value(mine: Sequence[float], other: Sequence[float], gamma: float = 0.96) -> float:
    """Exact mean own payoff per step, discounted: payoffs -1, -3, 0, -2 for CC, CD, DC, DD."""
    x, y = np.array(mine), np.array(other)[[0, 1, 3, 2, 4]]  # the other one sees CD as DC
    both = np.stack([x * y, x * (1 - y), (1 - x) * y, (1 - x) * (1 - y)], axis=1)
    visits = np.linalg.solve(np.eye(4) - gamma * both[1:].T, both[0])
    return float((1 - gamma) * visits @ np.array([-1.0, -3.0, 0.0, -2.0]))


def ipd_blocks() -> list[BlockRecord]:
    """Exact payoffs of all pairings of `IPD`, as blocks of two episodes of ten steps."""
    return [
        block(pair, lambda who, partner, seat, rotation: [10 * ipd_value(IPD[who], IPD[partner])] * 2)
        for pair in combinations_with_replacement(sorted(IPD), 2)
    ]


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    return SimpleNamespace(
        arena=arena,
        entrant=entrant,
        block=block,
        match=match,
        tally=tally,
        tallies=tallies_of,
        board=board,
        clones=clones,
        panel=panel,
        row=row,
        noisy_blocks=noisy_blocks,
        ipd=IPD,
        ipd_blocks=ipd_blocks,
    )
