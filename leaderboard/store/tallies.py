"""The tallies of a store: kept up as blocks are added, read by boards, made again from the blocks where they are wrong.

A tally is a view with the hash of its content. Where it does not fit, or where a database holds blocks without any (an
older one, or one that another program filled), the tallies of that pairing are made again from its blocks.
"""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, insert, select

from leaderboard.errors import StoreError
from leaderboard.records import STATUSES, ArenaRecord, BlockRecord, canonical
from leaderboard.statistics.tally import NO_FAULTS, Tally, disjoint, joined, sides_of, tallies
from leaderboard.store import schema
from leaderboard.store.rows import digest, read_blocks

#: Episodes of one row, which is read and written as a whole whenever a block is added to it.
LONGEST = 1 << 11
_FIGURES = (
    *("arena", "mode", "rules_version"),
    *("first", "second", "side", "seed", "start", "episodes", "total_first", "total_second"),
    *("counted_first", "counted_second", "won", "drawn", "lost"),
    *("games", "blocks", "repeated", "shortest", "longest", "faults", "arrays"),
)
_TABLE = schema.tally
_NO_FAULTS = canonical([{}, {}])
_AT_ONCE = 1000  # rows that are fetched together


def add(connection: Connection, arena: ArenaRecord, block: BlockRecord) -> None:
    """Count a block that has just been added, in the same transaction."""
    where = {"arena": block.arena, "mode": block.mode, "rules_version": block.rules_version}
    for new in tallies(block, arena):
        names = ("first", "second", "side", "seed")
        place = _equal(_TABLE, {**where, **{name: getattr(new, name) for name in names}})
        columns = (_TABLE.c.row, _TABLE.c.start, _TABLE.c.episodes)
        known = connection.execute(select(*columns).where(place)).all()
        if any(start < new.end and new.start < start + episodes for _, start, episodes in known):
            rebuild(connection, arena, where, [_key(new)])
            return
        fits = (row for row, start, n in known if start + n == new.start and n + new.episodes <= LONGEST)
        before = next(fits, None)
        if before is not None:
            old: list[Tally] = []
            _read(connection, _TABLE.c.row == before, True, old, set())
            connection.execute(delete(_TABLE).where(_TABLE.c.row == before))
            new = old[0].then(new) if old else new  # one that does not fit its hash is found missing, and made again
        connection.execute(insert(_TABLE).values(**_row(new, where)))


def rebuild(
    connection: Connection, arena: ArenaRecord, where: Mapping[str, Any], pairings: Iterable[tuple[str, str, int]]
) -> None:
    """Make the tallies of these pairings and seeds again from their blocks.

    Raises:
        StoreError: a block was damaged or edited.
    """
    for key in pairings:
        connection.execute(delete(_TABLE).where(_equal(_TABLE, _narrowed(where, key))))
        rows = [_row(tally, where) for tally in again(connection, arena, where, key)]
        if rows:
            connection.execute(insert(_TABLE), rows)


def again(
    connection: Connection, arena: ArenaRecord, where: Mapping[str, Any], pairing: tuple[str, str, int]
) -> list[Tally]:
    """The tallies of a pairing and seed, from the blocks with these values."""
    return tallies_of(read_blocks(connection, _equal(schema.block, _narrowed(where, pairing))), arena)


def tallies_of(blocks: Iterable[BlockRecord], arena: ArenaRecord) -> list[Tally]:
    """The tallies of blocks in any order; of those that share episodes only some count, see `disjoint`."""
    distinct = {block.id: block for block in blocks}
    counted = disjoint(distinct[id] for id in sorted(distinct))
    made = joined((tally for block in counted for tally in tallies(block, arena)), LONGEST)
    repeated = Counter(map(_series, distinct.values()))
    repeated.subtract(map(_series, counted))
    seen: set[tuple[tuple[str, str, int], str]] = set()
    for number, tally in enumerate(made):
        if (place := (_key(tally), tally.side)) not in seen:
            seen.add(place)
            made[number] = replace(tally, repeated=repeated[place[0]])
    return made


def read(
    connection: Connection,
    arena: ArenaRecord,
    where: Mapping[str, Any],
    partners: Collection[str] | None,
    distrust: bool = False,
) -> tuple[list[Tally], set[tuple[str, str, int]]]:
    """The tallies with these values, and the pairings and seeds whose blocks are not all in them, or not rightly.

    Args:
        connection: to the database.
        arena: the arena.
        where: {column: value}; arena, mode, rules_version, and perhaps seed.
        partners: read the returns of episodes only of pairings in which one of these plays; None of all.
        distrust: name all pairings and seeds that have any tally or block, as if each were wrong.

    Raises:
        StoreError: a block that was counted is not there any more.
    """
    same = _equal(_TABLE, where)
    parts = [(same, True)]
    if partners is not None:
        ours = _TABLE.c.first.in_(list(partners)) | _TABLE.c.second.in_(list(partners))
        parts = [(same & ours, True), (same & ~ours, False)]
    made: list[Tally] = []
    wrong: set[tuple[str, str, int]] = set()
    for condition, whole in parts:
        _read(connection, condition, whole, made, wrong)
    wrong |= _uncounted(connection, arena, where, made)
    if distrust:
        wrong |= pairings(connection, where) | pairings(connection, where, schema.block)
    return made, wrong


def _uncounted(
    connection: Connection, arena: ArenaRecord, where: Mapping[str, Any], made: Sequence[Tally]
) -> set[tuple[str, str, int]]:
    """The pairings and seeds that have more blocks than the tallies of one of their sides."""
    sides = list(sides_of(arena))
    total = connection.execute(select(func.count()).where(_equal(schema.block, where))).scalar()
    if len(sides) == 1 and total == sum(tally.blocks + tally.repeated for tally in made):
        return set()  # counting pairing by pairing takes a hundred times as long
    counted: dict[tuple[str, str, int], dict[str, int]] = {}
    for tally in made:
        of_sides = counted.setdefault(_key(tally), {})
        of_sides[tally.side] = of_sides.get(tally.side, 0) + tally.blocks + tally.repeated
    alike = all(len(set(of_sides.values())) == 1 and len(of_sides) == len(sides) for of_sides in counted.values())
    if alike and total == sum(next(iter(of_sides.values())) for of_sides in counted.values()):
        return set()
    columns = [schema.block.c[name] for name in ("first", "second", "seed")]
    query = select(*columns, func.count().label("n")).where(_equal(schema.block, where)).group_by(*columns)
    blocks = Counter({(row.first, row.second, row.seed): row.n for row in connection.execute(query)})
    for key, of_sides in counted.items():
        if (missing := max(of_sides.values()) - blocks[key]) > 0:
            raise StoreError(
                f"{missing} recorded block(s) of {key[0][:16]} and {key[1][:16]}, seed {key[2]}, were removed or "
                "damaged after they were counted; a copy of the database brings them back"
            )
    return {key for key, n in blocks.items() if any(counted.get(key, {}).get(side) != n for side in sides)}


def strays(connection: Connection) -> list[dict[str, Any]]:
    """The arenas, modes and rules versions, as {column: value}, of which there are tallies but no block."""
    names = ("arena", "mode", "rules_version")
    ours, known = (
        {tuple(row) for row in connection.execute(select(*(table.c[name] for name in names)).distinct())}
        for table in (_TABLE, schema.block)
    )
    return [dict(zip(names, values, strict=True)) for values in sorted(ours - known, key=str)]


def make_again(connection: Connection, arenas: Iterable[ArenaRecord]) -> None:
    """Make all tallies of some arenas again from their blocks, and drop edited ones of which there are no blocks.

    Raises:
        StoreError: a block was damaged or edited.
    """
    names = ("arena", "mode", "rules_version")
    for arena in arenas:
        query = select(*(schema.block.c[name] for name in names)).where(schema.block.c.arena == arena.id).distinct()
        for values in connection.execute(query).all():
            where = dict(zip(names, values, strict=True))
            _, wrong = read(connection, arena, where, (), distrust=True)
            rebuild(connection, arena, where, sorted(wrong, key=str))
    drop_strays(connection)


def drop_strays(connection: Connection) -> None:
    """Drop tallies that were edited so that no board reads them; whole ones stay, as they tell of removed blocks."""
    for where in strays(connection):
        if not whole(connection, where):
            connection.execute(delete(_TABLE).where(_equal(_TABLE, where)))


def whole(connection: Connection, where: Mapping[str, Any]) -> bool:
    """Whether a tally with these values is as it was written."""
    made: list[Tally] = []
    _read(connection, _equal(_TABLE, where), False, made, set())
    return bool(made)


def pairings(
    connection: Connection, where: Mapping[str, Any], table: Table = schema.tally
) -> set[tuple[str, str, int]]:
    """The pairings and seeds with these values that have any tally, or any row of another `table`."""
    columns = (table.c.first, table.c.second, table.c.seed)
    return {tuple(row) for row in connection.execute(select(*columns).where(_equal(table, where)).distinct())}


def _narrowed(where: Mapping[str, Any], pairing: tuple[str, str, int]) -> dict[str, Any]:
    return {**where, **dict(zip(("first", "second", "seed"), pairing, strict=True))}


def _key(tally: Tally) -> tuple[str, str, int]:
    return tally.first, tally.second, tally.seed


def _series(block: BlockRecord) -> tuple[str, str, int]:
    return block.entrants[0], block.entrants[1], block.seed


def _equal(table: Table, where: Mapping[str, Any]) -> ColumnElement[bool]:
    return and_(*(table.c[name] == value for name, value in where.items()))


def _row(tally: Tally, where: Mapping[str, Any]) -> dict[str, Any]:
    named = ("first", "second", "side", "seed", "start", "episodes", "games", "blocks", "repeated")
    faults = [
        {status.value: int(n) for status, n in zip(STATUSES, counts, strict=True) if n} for counts in tally.faults
    ]
    arrays = {
        "own": np.ascontiguousarray(tally.own, "<f8").tobytes(),
        "faulty": np.ascontiguousarray(tally.faulty, "u1").tobytes(),
    }
    row: dict[str, Any] = {**where, **{name: getattr(tally, name) for name in named}}
    row |= zip(("won", "drawn", "lost"), tally.won, strict=True)
    row |= zip(("shortest", "longest"), tally.steps, strict=True)
    row |= zip(("total_first", "total_second"), tally.total, strict=True)
    row |= zip(("counted_first", "counted_second"), tally.counted, strict=True)
    row |= {"faults": canonical(faults), "arrays": digest(arrays.values())}
    return {**row, **arrays, "content": _seal(tuple(row[name] for name in _FIGURES))}


def _read(
    connection: Connection,
    condition: ColumnElement[bool],
    whole: bool,
    made: list[Tally],
    wrong: set[tuple[str, str, int]],
) -> None:
    """Append the tallies that fit to `made`, and to `wrong` those whose content is not what it was."""
    names = (*_FIGURES, "content", *(("own", "faulty") if whole else ()))
    query = select(*(_TABLE.c[name] for name in names)).where(condition)  # in no order: a field has its own
    known = len(_FIGURES)
    for values in itertools.chain.from_iterable(connection.execute(query).partitions(_AT_ONCE)):
        figures, content, arrays = values[:known], values[known], values[known + 1 :]
        if _seal(figures) != content or (whole and digest(arrays) != figures[-1]):
            wrong.add((str(figures[3]), str(figures[4]), figures[6]))
        else:
            made.append(_tally(figures, arrays))


def _seal(figures: tuple[Any, ...]) -> str:
    """Hash of the figures of a tally; one call, as a board reads tens of thousands."""
    return hashlib.sha256(repr(figures).encode()).hexdigest()


def _faults(text: str) -> NDArray[Any]:
    """Faults of the two by status, [2, number of statuses]."""
    if text == _NO_FAULTS:
        return NO_FAULTS
    return np.array([[counts.get(status, 0) for status in STATUSES] for counts in json.loads(text)])


def _tally(figures: tuple[Any, ...], arrays: tuple[Any, ...]) -> Tally:
    """A tally from the values of `_FIGURES`; without the returns of episodes there are their sums alone."""
    first, second, side, seed, start, episodes, *rest = figures[3:]
    total_first, total_second, n_first, n_second, won, drawn, lost, games, blocks, repeated, *rest = rest
    shortest, longest, faults, _ = rest
    sums = ((total_first, total_second), (n_first, n_second), (won, drawn, lost), games, blocks, _faults(faults))
    own = np.frombuffer(arrays[0], "<f8").reshape(episodes, 2) if arrays else None
    faulty = np.frombuffer(arrays[1], "?").reshape(episodes, 2) if arrays else None
    return Tally(first, second, side, seed, start, episodes, *sums, (shortest, longest), own, faulty, repeated)
