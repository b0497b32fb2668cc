"""What the two entrants of a pairing got from each other, episode by episode: of this alone boards are made.

An entrant's *own return* of an episode is the mean, over the rotations that seat it in as few seats as any does, of
its mean return over those seats: where two fill more than two seats, it plays against as many of the partner as it
can. In self-play it fills all seats. Where a game has several sides that compete, each side has a tally of its own.

An episode that the partner spoiled says nothing of the entrant's play: its own return is NaN there. A rotation that the
entrant itself spoiled counts with the forfeit, whatever its other seats have got and in however many it sat.

In a competitive game on one side a *game* (one episode under one rotation) is won by the higher own return, and drawn
within the arena's draw band. Who spoiled it has lost it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leaderboard.records import STATUSES, ArenaRecord, BlockRecord, SeatResult, Status

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
_IS_FAULT = np.array([status is not Status.DONE for status in STATUSES], dtype=np.int64)
#: The `faults` of two who spoiled nothing: shared, as most tallies have them.
NO_FAULTS = np.zeros((2, len(STATUSES)), dtype=np.intp)
NO_FAULTS.flags.writeable = False
_ROUNDING = 1e-9  # relative; sums of the same rewards in another order differ by less, real results by more


@dataclass(eq=False)  # not frozen, which makes it twice as long to make tens of thousands
class Tally:
    """Consecutive episodes of one pairing, on one side.

    Attributes:
        first, second: ids of the two, sorted; equal in self-play.
        side: the side on which each is counted, against the other on all others; "" where sides do not matter.
        seed, start, episodes: match seed, number of the first episode, and n, how many they are.
        total, counted: sum of the own returns of the first and of the second, and of how many episodes.
        won: games that the first won, that were drawn, that the second won; zeros unless `is_head_to_head`.
        games: episodes x rotations in which the two sat on this side.
        blocks: number of blocks behind it.
        faults: int [2, number of statuses], episodes x seats by status but `DONE`, of the first and of the second.
        steps: length of the shortest and of the longest episode.
        own: float64 [n, 2], own return per episode of the first and of the second; NaN where it was not seated, or
            the other spoiled the episode. None where it was not asked for.
        faulty: bool [n, 2], whether each spoiled the episode itself; None like `own`.
        repeated: number of further blocks that repeat these episodes.
    """

    first: str
    second: str
    side: str
    seed: int
    start: int
    episodes: int
    total: tuple[float, float]
    counted: tuple[int, int]
    won: tuple[int, int, int]
    games: int
    blocks: int
    faults: NDArray[Any]
    steps: tuple[int, int]
    own: Floats | None
    faulty: NDArray[np.bool_] | None
    repeated: int = 0

    @property
    def end(self) -> int:
        """Number of the episode after the last."""
        return self.start + self.episodes

    def leads_to(self, later: "Tally") -> bool:
        """Whether the other is of the same pairing, side and seed, and begins where this one ends."""
        ours, theirs = ((tally.first, tally.second, tally.side, tally.seed) for tally in (self, later))
        return ours == theirs and self.end == later.start

    def then(self, later: "Tally") -> "Tally":
        """This one and the one that begins where it ends; both hold their episodes."""
        assert self.own is not None and later.own is not None
        assert self.faulty is not None and later.faulty is not None
        return replace(
            self,
            episodes=self.episodes + later.episodes,
            # Added up anew, not from the two sums: the same digits however the episodes were cut into blocks.
            **_sums(np.concatenate([self.own, later.own])),
            faulty=np.concatenate([self.faulty, later.faulty]),
            won=(self.won[0] + later.won[0], self.won[1] + later.won[1], self.won[2] + later.won[2]),
            games=self.games + later.games,
            blocks=self.blocks + later.blocks,
            repeated=self.repeated + later.repeated,
            faults=self.faults + later.faults,
            steps=(min(self.steps[0], later.steps[0]), max(self.steps[1], later.steps[1])),
        )


def _sums(own: Floats) -> dict[str, Any]:
    counted = ~np.isnan(own)
    total, n = np.where(counted, own, 0.0).sum(axis=0), counted.sum(axis=0)
    return {"own": own, "total": tuple(total.tolist()), "counted": tuple(n.tolist())}


def is_head_to_head(arena: ArenaRecord) -> bool:
    """Whether opponents are compared with each other: all seats on one side of a competitive game."""
    return arena.kind == "competitive" and len(arena.sides) == 1


def sides_of(arena: ArenaRecord) -> dict[str, list[str]]:
    """{side: its seats} where a competitive game has several; else {"": all seats}."""
    if arena.kind != "competitive" or len(arena.sides) == 1:
        return {"": [seat for seat, _ in arena.seats]}
    return {name: [seat for seat, side in arena.seats if side == name] for name in arena.sides}


def tallies(block: BlockRecord, arena: ArenaRecord) -> list[Tally]:
    """What a block adds, one for each side on which its entrants sat."""
    return [
        made
        for side, seats in sides_of(arena).items()
        if (made := _tally(block, arena, side, [r for r in block.results if r.seat in seats])) is not None
    ]


def seat_tally(block: BlockRecord, arena: ArenaRecord, seat: str) -> Tally | None:
    """What a block adds in one seat alone, with the seat as its side; None where nobody sat there."""
    return _tally(block, arena, seat, [result for result in block.results if result.seat == seat])


def _tally(block: BlockRecord, arena: ArenaRecord, side: str, results: Sequence[SeatResult]) -> Tally | None:
    if not results:
        return None
    first, second = block.entrants
    faults = {who: np.zeros(len(STATUSES), dtype=np.int64) for who in block.entrants}
    faulty = _faulty(block)
    for result in results:
        faults[result.entrant] += np.bincount(result.statuses, minlength=len(STATUSES)) * _IS_FAULT
    pair = []
    for who in block.entrants:
        own = counted_returns(block, results, who)
        pair.append(np.full(block.episodes, np.nan) if own is None else own)
    won = games_won(results, first, second, arena.draw_band) if is_head_to_head(arena) else (0, 0, 0)
    return Tally(
        first,
        second,
        side,
        block.seed,
        block.first_episode,
        block.episodes,
        won=won,
        games=block.episodes * len({result.rotation for result in results}),
        blocks=1,
        faults=np.array([faults[first], faults[second]]),
        steps=(min(int(r.lengths.min()) for r in results), max(int(r.lengths.max()) for r in results)),
        faulty=np.column_stack([faulty[first], faulty[second]]),
        **_sums(np.column_stack(pair)),
    )


def own_returns(results: Iterable[SeatResult], who: str) -> Floats | None:
    """Own return [k] of an entrant in each episode of a block's results; None where it has no seat in them."""
    rotations = defaultdict[int, list[Floats]](list)
    for result in results:
        if result.entrant == who:
            rotations[result.rotation].append(result.returns)
    if not rotations:
        return None
    fewest = min(map(len, rotations.values()))
    of_rotation = [sum(seats) / fewest for seats in rotations.values() if len(seats) == fewest]
    return np.asarray(sum(of_rotation) / len(of_rotation))


def counted_returns(block: BlockRecord, results: Iterable[SeatResult], who: str) -> Floats | None:
    """Own return [k] in each episode of some of a block's results; NaN where the partner spoiled the episode.

    None where the entrant has no seat in them.
    """
    results = list(results)
    own, faulty = own_returns(results, who), _faulty(block)
    spoiled = np.any([*faulty.values()], axis=0)
    if own is None or not spoiled.any():
        return own
    rotations = defaultdict[int, list[SeatResult]](list)
    for result in results:
        if result.entrant == who:
            rotations[result.rotation].append(result)
    fewest = min(map(len, rotations.values()))
    total, counted = np.zeros(block.episodes), np.zeros(block.episodes)
    for rotation, seats in rotations.items():
        at_fault = np.array([_is_fault(seat) for seat in seats])
        mine = at_fault.any(axis=0)
        theirs = [_is_fault(r) for r in block.results if r.rotation == rotation and r.entrant != who]
        got = np.array([seat.returns for seat in seats])
        forfeit = np.where(at_fault, got, 0.0).sum(axis=0) / np.maximum(at_fault.sum(axis=0), 1)
        counts = (mine | (len(seats) == fewest)) & (mine | ~np.any(theirs, axis=0) if theirs else True)
        total += np.where(counts, np.where(mine, forfeit, got.mean(axis=0)), 0.0)
        counted += counts
    with np.errstate(divide="ignore", invalid="ignore"):
        sound = total / counted
    return np.where(spoiled, np.where(faulty[who], sound, np.nan), own)


def _is_fault(result: SeatResult) -> NDArray[np.bool_]:
    return np.asarray(result.statuses != Status.DONE.code)


def _faulty(block: BlockRecord) -> dict[str, NDArray[np.bool_]]:
    """Entrant -> whether it spoiled each episode in any seat and rotation, bool [k]."""
    faulty = {who: np.zeros(block.episodes, dtype=np.bool_) for who in block.entrants}
    for result in block.results:
        faulty[result.entrant] |= _is_fault(result)
    return faulty


def scores(block: BlockRecord, first: str, arena: ArenaRecord) -> Floats:
    """Share [k] of each episode's games that one of the two won, a draw counting half; 1/2 in self-play."""
    second = block.entrants[1] if block.entrants[0] == first else block.entrants[0]
    signs = _outcomes(block.results, first, second, arena.draw_band)
    return np.asarray(0.5 + 0.5 * np.mean(signs, axis=0)) if signs else np.full(block.episodes, 0.5)


def games_won(results: Iterable[SeatResult], first: str, second: str, draw_band: float) -> tuple[int, int, int]:
    """How many games of a block the first won, how many were drawn, and how many the second won."""
    signs = _outcomes(results, first, second, draw_band)
    outcomes = np.concatenate(signs) if signs else np.zeros(0)
    return int((outcomes > 0).sum()), int((outcomes == 0).sum()), int((outcomes < 0).sum())


def _outcomes(results: Iterable[SeatResult], first: str, second: str, draw_band: float) -> list[Floats]:
    """Sign [k] of each rotation's games, see `_signs`."""
    by_rotation = defaultdict[int, list[SeatResult]](list)
    for result in results:
        by_rotation[result.rotation].append(result)
    return [_signs(seats, first, second, draw_band) for seats in by_rotation.values() if first != second]


def _signs(seats: Iterable[SeatResult], first: str, second: str, draw_band: float) -> Floats:
    """Sign [k] of the first's own return less the second's in one rotation, 0 within the draw band.

    One that spoiled the game alone has lost it, whatever the forfeit is.
    """
    seats = list(seats)
    a, b = (own_returns(seats, who) for who in (first, second))
    if a is None or b is None:
        return np.zeros(0)
    # Equal play must be a draw even if its sums were rounded differently, hence a little more than the band.
    band = draw_band + _ROUNDING * (1.0 + np.maximum(np.abs(a), np.abs(b)))
    played = np.where(np.abs(a - b) > band, np.sign(a - b), 0.0)
    at_fault = [np.any([_is_fault(seat) for seat in seats if seat.entrant == who], axis=0) for who in (first, second)]
    blame = at_fault[1].astype(np.float64) - at_fault[0]
    return np.where(at_fault[0] | at_fault[1], blame, played)


def disjoint(blocks: Iterable[BlockRecord]) -> list[BlockRecord]:
    """The blocks without those that repeat episodes of their pairing, in the order given.

    Matches of 7 and of 8 episodes from the same seed share seven: counted twice, they would feign evidence. From the
    first episode on, the longest block that begins where nothing is covered yet counts, whichever was played first.
    """
    blocks = list(blocks)
    kept: set[str] = set()
    covered: dict[tuple[tuple[str, ...], str, int], int] = {}
    for block in sorted(blocks, key=lambda block: (block.first_episode, -block.episodes, block.id)):
        series = (block.entrants, block.mode, block.seed)
        if block.first_episode >= covered.get(series, 0):
            covered[series] = block.first_episode + block.episodes
            kept.add(block.id)
    return [block for block in blocks if block.id in kept]


def joined(parts: Iterable[Tally], longest: int = 1 << 11) -> list[Tally]:
    """Fewer tallies of the same episodes: those that follow each other are put together, up to `longest` episodes."""
    ordered = sorted(parts, key=lambda part: (part.first, part.second, part.side, part.seed, part.start))
    whole: list[Tally] = []
    for part in ordered:
        if whole and whole[-1].leads_to(part) and whole[-1].episodes + part.episodes <= longest:
            whole[-1] = whole[-1].then(part)
        else:
            whole.append(part)
    return whole
