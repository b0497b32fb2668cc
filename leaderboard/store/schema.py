"""The tables, as SQLAlchemy Core knows them. Facts are only ever added; `tally` and `view` may be made again.

A table of facts has a column for each field of its kind of record, see `leaderboard.records`; so a field that is added
to a record needs a step in `migrations`, too. Mappings and tuples are kept as canonical JSON text: equal values are
equal text, which makes adding a fact twice harmless. All types are portable (text, integers, floats, blobs), so that
any database that SQLAlchemy speaks to will do. `row` numbers the rows in the order in which they came, and `content`
is the hash of the rest, made when the fact was added and checked whenever it is read, see `store.content`.

A `tally` is what `statistics.tally` makes of consecutive blocks of one pairing. It is kept up as blocks are added, so
that a board need not read them, and may be dropped and made again.
"""

import dataclasses
from collections.abc import Collection
from typing import Any, get_args

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from leaderboard import records, seeds

metadata = MetaData()
# A seed may need 63 bits, and Integer means 32 of them on most servers.
_TYPES: dict[Any, Any] = {str: String(200), int: BigInteger, float: Float(53), bool: Boolean, bytes: LargeBinary}
TABLES: dict[type, Table] = {}
"""The table of each kind of record but blocks."""
JSON: dict[type, list[str]] = {}
"""The fields of a kind of record that are kept as JSON: all but single words and numbers."""


def _plain(kind: Any) -> Any:
    """The type itself of one that may be None."""
    return next((part for part in get_args(kind) if part in _TYPES), kind) if type(None) in get_args(kind) else kind


def _row() -> Column[Any]:
    return Column("row", Integer, primary_key=True, autoincrement=True)


def _id() -> Column[Any]:
    return Column("id", String(200), nullable=False, unique=True)


def _column(name: str, kind: Any = str, refers: str = "") -> Column[Any]:
    """A column for values of a Python type, which may be ids of another table."""
    known = _TYPES.get(_plain(kind), Text)
    return Column(name, known, *([ForeignKey(f"{refers}.id")] if refers else []), nullable=_plain(kind) is not kind)


def _facts(name: str, kind: type[Any], *more: Index, texts: Collection[str] = (), loose: Collection[str] = ()) -> Table:
    """The table of a kind of record.

    Args:
        name: what it is called.
        kind: the record.
        more: its indices.
        texts: fields of any length.
        loose: fields that name an arena which need not be recorded.
    """
    fields = {field.name: Text if field.name in texts else field.type for field in dataclasses.fields(kind)}
    fields.pop("id", None)
    JSON[kind] = [field for field, hint in fields.items() if _plain(hint) not in {*_TYPES, Text}]
    columns = [
        _column(field, hint, "arena" if field == "arena" and field not in loose else "")
        for field, hint in fields.items()
    ]
    TABLES[kind] = Table(name, metadata, _row(), _id(), *columns, _column("content"), *more)
    return TABLES[kind]


schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True), _column("name"))
arena = _facts("arena", records.ArenaRecord)
entrant = _facts("entrant", records.EntrantRecord, texts=["label"])
name = _facts("name", records.NameRecord, texts=["name"])
checkpoint = _facts("checkpoint", records.CheckpointRecord, texts=["path"], loose=["arena"])
log = _facts("log", records.LogRecord, Index("log_by_block", "block"), texts=["message", "tail"])
panel = _facts("panel", records.PanelRecord)
match = _facts("match", records.MatchRecord, Index("match_by_arena", "arena"), texts=["command"])
measurement = _facts("measurement", records.Measurement)
submission = _facts("submission", records.SubmissionRecord)
seed = _facts("seed", seeds.SeedRecord)
block = Table(
    "block",
    metadata,
    _row(),
    _id(),
    _column("arena", refers="arena"),
    _column("first", refers="entrant"),
    _column("second", refers="entrant"),
    _column("mode"),
    *(_column(name, int) for name in ("seed", "first_episode", "episodes", "rules_version")),
    _column("content"),
    Index("block_by_pairing", "arena", "mode", "first", "second", "seed", "rules_version"),
)
seat_result = Table(
    "seat_result",
    metadata,
    _row(),
    _column("block", refers="block"),
    _column("rotation", int),
    _column("seat"),
    _column("entrant", refers="entrant"),
    *(_column(name, bytes) for name in ("returns", "lengths", "statuses")),
    _column("metrics", dict),
    _column("cpu_s", float),
    _column("isolation"),
    Index("seat_result_once", "block", "rotation", "seat", unique=True),
)
tally = Table(
    "tally",
    metadata,
    _row(),
    *(_column(name) for name in ("arena", "mode", "first", "second", "side")),
    *(_column(name, int) for name in ("seed", "rules_version", "start", "episodes")),
    *(_column(name, bytes) for name in ("own", "faulty")),
    *(_column(name, float) for name in ("total_first", "total_second")),
    *(_column(name, int) for name in ("counted_first", "counted_second", "won", "drawn", "lost")),
    *(_column(name, int) for name in ("games", "blocks", "repeated", "shortest", "longest")),
    _column("faults", dict),
    *(_column(name) for name in ("arrays", "content")),
    Index(
        "tally_by_pairing", "arena", "mode", "rules_version", "first", "second", "side", "seed", "start", unique=True
    ),
)
view = Table(
    "view",
    metadata,
    *(Column(name, String(200), primary_key=True) for name in ("arena", "mode")),
    Column("rules_version", Integer, primary_key=True),
    _column("inputs"),
    _column("body", dict),
)
