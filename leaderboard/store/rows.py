"""Records to database rows and back. Mappings and tuples travel as canonical JSON, arrays as little-endian bytes."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, select

from leaderboard.records import ARRAYS, BlockRecord, SeatResult, canonical
from leaderboard.store import schema

_BLOCK = ("id", "arena", "mode", "seed", "first_episode", "episodes", "rules_version")
_RESULT = ("rotation", "seat", "entrant", "returns", "lengths", "statuses", "cpu_s", "isolation")

R = TypeVar("R")


def row_of(record: Any) -> dict[str, Any]:
    """The row of any record but a block."""
    row = {item.name: getattr(record, item.name) for item in fields(record)}
    for name in schema.JSON[type(record)]:
        row[name] = canonical(dict(row[name]) if isinstance(row[name], Mapping) else row[name])
    return row


def record_of(kind: type[R], row: Mapping[str, Any]) -> R:
    """The record of type `kind` that `row_of` turned into this row."""
    texts = {name: _tuples(json.loads(row[name])) for name in schema.JSON[kind]}
    names = (item.name for item in fields(kind))  # type: ignore[arg-type]
    return kind(**{name: texts.get(name, row[name]) for name in names})


def _tuples(value: Any) -> Any:
    # Only a list at the top is one of our tuples; lists inside a mapping belong to whoever made it.
    if isinstance(value, list):
        return tuple(tuple(item) if isinstance(item, list) else item for item in value)
    return value


def block_row(record: BlockRecord) -> dict[str, Any]:
    """The row of a block; its results are rows of their own."""
    row = {name: getattr(record, name) for name in _BLOCK}
    return row | {"first": record.entrants[0], "second": record.entrants[1]}


def result_row(block: str, result: SeatResult) -> dict[str, Any]:
    """The row of one seat result of a block."""
    row = {name: getattr(result, name) for name in _RESULT}
    arrays = {name: row[name].tobytes() for name in ARRAYS}
    return row | arrays | {"block": block, "metrics": canonical(dict(result.metrics))}


def read_results(connection: Connection, blocks: ColumnElement[bool]) -> dict[str, list[SeatResult]]:
    """The seat results of the blocks that fit the condition, by block id, in the order in which they were added."""
    table = schema.seat_result
    names = ("block", "metrics", *_RESULT)
    query = select(*(table.c[name] for name in names)).join(schema.block).where(blocks).order_by(table.c.row)
    results: dict[str, list[SeatResult]] = defaultdict(list)
    for block, metrics, *values in connection.execute(query):
        figures = {k: tuple(v) for k, v in json.loads(metrics).items()} if metrics != "{}" else {}
        results[block].append(SeatResult.stored(dict(zip(_RESULT, values, strict=True)), figures))
    return results


def read_blocks(connection: Connection, blocks: ColumnElement[bool]) -> list[BlockRecord]:
    """The blocks that fit the condition, sorted by id, from two queries whatever their number."""
    table = schema.block
    rows = connection.execute(select(table).where(blocks).order_by(table.c.id)).mappings().all()
    results = read_results(connection, blocks)
    return [
        BlockRecord(
            **{name: row[name] for name in _BLOCK},
            entrants=(row["first"], row["second"]),
            results=tuple(results[row["id"]]),
        )
        for row in rows
    ]


def same_results(ours: Iterable[SeatResult], theirs: Iterable[SeatResult]) -> bool:
    """Whether two sets of results tell of the same games; processor time and isolation do not count."""

    def place(result: SeatResult) -> tuple[int, str]:
        return result.rotation, result.seat

    return sorted(ours, key=place) == sorted(theirs, key=place)
