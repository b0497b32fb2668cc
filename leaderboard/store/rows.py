"""Records to database rows and back. Mappings and tuples travel as canonical JSON, arrays as little-endian bytes.

Every fact carries the hash of its content: one that was damaged or edited is named in one line, and never read.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Float, select

from leaderboard.errors import StoreError
from leaderboard.records import ARRAYS, BlockRecord, SeatResult, canonical
from leaderboard.store import schema

_BLOCK = ("id", "arena", "mode", "seed", "first_episode", "episodes", "rules_version")
_HASHED = (*_BLOCK, "first", "second")
_RESULT = ("rotation", "seat", "entrant", "returns", "lengths", "statuses", "metrics", "cpu_s", "isolation")

R = TypeVar("R")
_AT_ONCE = 500  # ids in one IN (...): far below every database's limit


def chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """The ids, sorted and each once, in portions that one query takes."""
    unique = sorted(set(ids))
    return (unique[start : start + _AT_ONCE] for start in range(0, len(unique), _AT_ONCE))


def digest(values: Iterable[object]) -> str:
    """Hash of database values in their order: text, numbers, bytes, None; 64 hex digits."""
    text = hashlib.sha256()
    for value in values:
        # A flag is a number in some databases, and text and number of the same letters differ.
        plain = value if isinstance(value, bytes) else repr(int(value) if isinstance(value, bool) else value).encode()
        text.update(b"%d:" % len(plain) + plain)
    return text.hexdigest()


def content(row: Mapping[str, Any]) -> str:
    """The hash of a fact's row, whatever the order of its columns."""
    return digest(x for name in sorted(row) if name not in ("row", "content") for x in (name, row[name]))


def row_of(record: Any) -> dict[str, Any]:
    """The row of any record but a block, with its hash unless it has no id yet."""
    kind = type(record)
    row = {item.name: getattr(record, item.name) for item in fields(record)}
    for name in schema.JSON[kind]:
        row[name] = canonical(dict(row[name]) if isinstance(row[name], Mapping) else row[name])
    for column in schema.TABLES[kind].columns:
        if isinstance(column.type, Float) and row.get(column.name) is not None:
            row[column.name] = float(row[column.name])  # as it comes back
    return row


def record_of(kind: type[R], row: Mapping[str, Any]) -> R:
    """The record of type `kind` that `row_of` turned into this row.

    Raises:
        StoreError: the row was damaged or edited.
    """
    if content(row) != row["content"]:
        raise damaged(schema.TABLES[kind].name, row["id"])
    texts = {name: _tuples(json.loads(row[name])) for name in schema.JSON[kind]}
    names = (item.name for item in fields(kind))  # type: ignore[arg-type]
    return kind(**{name: texts.get(name, row[name]) for name in names})


def sound(table: str, rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows of a table of facts, if each has its hash.

    Raises:
        StoreError: some were damaged or edited; it says how many.
    """
    wrong = [row["id"] for row in rows if content(row) != row["content"]]
    if wrong:
        raise damaged(table, wrong[0], len(wrong) - 1)
    return rows


def damaged(table: str, id: object, others: int = 0) -> StoreError:
    """What to say of a fact whose hash does not fit, and of so many others of its table."""
    more = f" (and {others} more of this kind)" if others else ""
    return StoreError(
        f"{table} {str(id)[:64]} was damaged or edited after it was recorded{more}; "
        "`zoo verify --all` lists every such record, and a copy of the database brings it back"
    )


def contradicts(table: str, id: str, changed: Sequence[str]) -> StoreError:
    """What to say of a fact that is added again with other content in these columns."""
    return StoreError(
        f"{table} {id[:64]} is already recorded with other content ({', '.join(changed)}); "
        "what was recorded first stays"
    )


def _tuples(value: Any) -> Any:
    # Only a list at the top is one of our tuples; lists inside a mapping belong to whoever made it.
    if isinstance(value, list):
        return tuple(tuple(item) if isinstance(item, list) else item for item in value)
    return value


def block_rows(record: BlockRecord) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The row of a block, with its hash, and those of its results."""
    row = {name: getattr(record, name) for name in _BLOCK}
    row |= {"first": record.entrants[0], "second": record.entrants[1]}
    results = [_result_row(record.id, result) for result in record.results]
    return row | {"content": block_content(row, [[item[name] for name in _RESULT] for item in results])}, results


def block_content(row: Mapping[str, Any], results: Iterable[Sequence[Any]]) -> str:
    """The hash of a block and its results, each the values of `_RESULT`, whatever their order."""
    return digest([*(row[name] for name in _HASHED), *sorted(map(digest, results))])


def _result_row(block: str, result: SeatResult) -> dict[str, Any]:
    row = {name: getattr(result, name) for name in _RESULT}
    arrays = {name: row[name].tobytes() for name in ARRAYS}
    return row | arrays | {"block": block, "metrics": canonical(dict(result.metrics)), "cpu_s": float(result.cpu_s)}


def read_blocks(connection: Connection, blocks: ColumnElement[bool]) -> list[BlockRecord]:
    """The blocks that fit the condition, sorted by id, from two queries whatever their number.

    Raises:
        StoreError: one was damaged or edited.
    """
    read: list[BlockRecord] = []
    for row, results in block_values(connection, blocks):
        if block_content(row, results) != row["content"]:
            raise damaged("block", row["id"])
        named = {name: row[name] for name in _BLOCK}
        try:
            made = tuple(_result(values) for values in results)
            read.append(BlockRecord(**named, entrants=(row["first"], row["second"]), results=made))
        except (AttributeError, TypeError, ValueError) as error:  # its hash was made to fit
            raise damaged("block", row["id"]) from error
    return read


def block_values(
    connection: Connection, blocks: ColumnElement[bool]
) -> Iterator[tuple[Mapping[str, Any], list[tuple[Any, ...]]]]:
    """The rows of the blocks that fit the condition, sorted by id, each with the values of its results, unchecked."""
    table, seat = schema.block, schema.seat_result
    rows = connection.execute(select(table).where(blocks).order_by(table.c.id)).mappings().all()
    names = ("block", *_RESULT)
    query = select(*(seat.c[name] for name in names)).join(table).where(blocks).order_by(seat.c.row)
    results: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for block, *values in connection.execute(query):
        results[block].append(tuple(values))
    for row in rows:
        yield dict(row), results[row["id"]]


def _result(values: Sequence[Any]) -> SeatResult:
    row = dict(zip(_RESULT, values, strict=True))
    text = row.pop("metrics")
    metrics = {name: tuple(numbers) for name, numbers in json.loads(text).items()} if text != "{}" else {}
    if not all(isinstance(number, float | int) for numbers in metrics.values() for number in numbers):
        raise TypeError("a metric is made of something other than numbers")
    return SeatResult.stored(row, metrics)


def typed(blocks: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rows of blocks that are read without their hash, if every value is of its type: SQLite keeps whatever is put in.

    Raises:
        StoreError: a value is not.
    """
    for row in blocks:
        if any(type(value) is not schema.block.c[name].type.python_type for name, value in row.items()):
            raise damaged("block", row["id"])
    return blocks


def same_results(ours: Iterable[SeatResult], theirs: Iterable[SeatResult]) -> bool:
    """Whether two sets of results tell of the same games; processor time and isolation do not count."""

    def place(result: SeatResult) -> tuple[int, str]:
        return result.rotation, result.seat

    return sorted(ours, key=place) == sorted(theirs, key=place)
