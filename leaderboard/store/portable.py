"""Records as lines of text, which any other home can read: one canonical JSON object a record, with its content's hash.

Kinds of facts come in the order in which they may be added, each in the order in which it was recorded, and blocks,
sorted by id, last. Equal records are equal lines.
"""

import base64
import binascii
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from leaderboard.errors import StoreError
from leaderboard.records import ARRAYS, BlockRecord, CheckpointRecord, EntrantRecord, SeatResult, canonical
from leaderboard.store import schema
from leaderboard.store.facts import Fact
from leaderboard.store.rows import block_content, block_values, damaged, record_of
from leaderboard.store.store import Store

BLOCKS = "block"
#: Fields that hold the ids of entrants, by table; those who are named nowhere do not travel.
_NAMING = {"panel": "entrants", "match": "entrants", "measurement": "subject", "submission": "entrant"}
_RESULT = ("rotation", "seat", "entrant", "returns", "lengths", "statuses", "metrics", "cpu_s", "isolation")
_BLOCK = ("id", "arena", "first", "second", "mode", "seed", "first_episode", "episodes", "rules_version", "content")


def lines(store: Store, arenas: Collection[str]) -> Iterator[tuple[str, str]]:
    """Table and line of every record about these arenas.

    Raises:
        StoreError: a record was damaged or edited.
    """
    with store._reading() as connection:
        entrants = _entrants(connection, arenas)
        known = list(_facts(connection, arenas, entrants))
        for table, row in known:
            yield table, canonical(row)
        for row, results in _blocks(connection, arenas):
            yield BLOCKS, canonical({**row, "results": results})


def read(table: str, line: str) -> Fact | BlockRecord:
    """The record of a line.

    Raises:
        StoreError: it is none, or its content does not have the hash that it names.
    """
    try:
        row = json.loads(line)
        if table == BLOCKS:
            return _block(row)
        kind = next(kind for kind, known in schema.TABLES.items() if known.name == table)
        if row.keys() != {column.name for column in schema.TABLES[kind].columns} - {"row"}:
            raise ValueError("other fields")
        record: Fact = record_of(kind, row)
        return record
    except StoreError as error:
        raise StoreError(str(error).partition(";")[0]) from error
    except (ValueError, TypeError, LookupError, AttributeError, StopIteration, RecursionError) as error:
        raise StoreError(f"a line of {table} is no such record: {' '.join(str(error).split())[:80]}") from error


def fill(store: Store, records: Iterable[Fact | BlockRecord]) -> None:
    """Add records that follow each other as `lines` gives them, in one transaction.

    Raises:
        StoreError: as for `Store.add`; nothing was added.
        ValueError: a block's id is not that of its content.
    """
    with store._writing() as connection:
        for record in records:
            store.put(connection, record)


def _entrants(connection: Connection, arenas: Collection[str]) -> set[str]:
    """Everybody whom a record about these arenas names."""
    table = schema.block.c
    ids: set[str] = set()
    for column in (table.first, table.second):
        ids |= {who for who, arena in connection.execute(select(column, table.arena).distinct()) if arena in arenas}
    for name, field in _NAMING.items():
        for row in connection.execute(select(schema.metadata.tables[name])).mappings():
            if row["arena"] in arenas:
                value = row[field]
                ids |= set(json.loads(value)) if value.startswith("[") else {value}
    return ids


def _facts(
    connection: Connection, arenas: Collection[str], entrants: Collection[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    weights: set[str] = set()
    wanted = {"arena": arenas, "entrant": entrants, "block": set(_ids(connection, arenas))}
    for kind, table in schema.TABLES.items():
        for found in connection.execute(select(table).order_by(table.c.row)).mappings():
            row = {name: value for name, value in found.items() if name != "row"}
            own = {**row, table.name: row["id"]}  # an arena and an entrant are named by their ids
            if kind is CheckpointRecord:
                ours = row["id"] in weights
            else:
                ours = all(own[name] in ids for name, ids in wanted.items() if name in own)
            if ours:
                record_of(kind, row)  # its hash is looked at
                yield table.name, row
                if kind is EntrantRecord:
                    weights.add(row["weights"])


def _blocks(connection: Connection, arenas: Collection[str]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    at_once = 500
    ids = _ids(connection, arenas)
    for start in range(0, len(ids), at_once):
        for row, results in block_values(connection, schema.block.c.id.in_(ids[start : start + at_once])):
            if block_content(row, results) != row["content"]:
                raise damaged(BLOCKS, row["id"])
            named = [dict(zip(_RESULT, values, strict=True)) for values in results]
            packed = [
                {name: _text(value) if name in ARRAYS else value for name, value in result.items()} for result in named
            ]
            yield {name: row[name] for name in _BLOCK}, packed


def _ids(connection: Connection, arenas: Collection[str]) -> list[str]:
    """The blocks of these arenas, sorted."""
    every = connection.execute(select(schema.block.c.id, schema.block.c.arena))
    return sorted(id for id, arena in every if arena in arenas)


def _block(row: Mapping[str, Any]) -> BlockRecord:
    """The block of a line.

    Raises:
        StoreError: its content has another hash.
    """
    results = [{name: _bytes(r[name]) if name in ARRAYS else r[name] for name in _RESULT} for r in row["results"]]
    if block_content(row, [[result[name] for name in _RESULT] for result in results]) != row["content"]:
        raise damaged(BLOCKS, row["id"])
    return block_of(row, results)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error


def block_of(row: Mapping[str, Any], results: Iterable[Mapping[str, Any]]) -> BlockRecord:
    """A block from its row and its results by name, with everything checked that a `BlockRecord` checks."""
    made = tuple(
        SeatResult(
            **{name: np.frombuffer(value, ARRAYS[name]) if name in ARRAYS else value for name, value in result.items()}
            | {"metrics": {k: (float(v[0]), float(v[1]), int(v[2])) for k, v in json.loads(result["metrics"]).items()}}
        )
        for result in results
    )
    names = ("id", "arena", "mode", "seed", "first_episode", "episodes", "rules_version")
    return BlockRecord(**{name: row[name] for name in names}, entrants=(row["first"], row["second"]), results=made)
