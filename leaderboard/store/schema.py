"""The tables, as SQLAlchemy Core knows them. Facts are only ever added; `view` alone may be overwritten.

Portable types only (text, integers, floats, blobs), so that any database that SQLAlchemy speaks to will do. Mappings
and tuples are kept as canonical JSON text: equal values are equal text, which makes adding a fact twice harmless.
`row` numbers the rows in the order in which they came.
"""

from typing import Any

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

metadata = MetaData()


def _row() -> Column[Any]:
    return Column("row", Integer, primary_key=True, autoincrement=True)


def _id() -> Column[Any]:
    return Column("id", String(200), nullable=False, unique=True)


def _arena() -> Column[Any]:
    return Column("arena", String(200), ForeignKey("arena.id"), nullable=False)


def _entrant(name: str) -> Column[Any]:
    return Column(name, String(200), ForeignKey("entrant.id"), nullable=False)


def _blob(name: str) -> Column[Any]:
    return Column(name, LargeBinary, nullable=False)


def _text(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False)


def _word(name: str, nullable: bool = False) -> Column[Any]:
    return Column(name, String(200), nullable=nullable)


def _integer(name: str) -> Column[Any]:
    # A seed may need 63 bits, and Integer means 32 of them on most servers.
    return Column(name, BigInteger, nullable=False)


def _double(name: str) -> Column[Any]:
    return Column(name, Float(53), nullable=False)


schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True), _word("name"))

arena = Table(
    "arena",
    metadata,
    _row(),
    _id(),
    _word("name"),
    _word("kind"),
    _text("seats"),
    _double("draw_band"),
    _double("forfeit"),
    _double("gamma"),
    _integer("max_steps"),
    _text("details"),
)

entrant = Table(
    "entrant",
    metadata,
    _row(),
    _id(),
    _text("label"),
    _word("agent"),
    _integer("behaviour"),
    _text("config"),
    _word("weights", nullable=True),
    _text("mode"),
    _text("provenance"),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    _row(),
    _id(),
    _word("agent"),
    _word("arena"),
    _text("path"),
    _text("card"),
    _word("created"),
)

panel = Table("panel", metadata, _row(), _id(), _arena(), _text("entrants"))

match = Table(
    "match",
    metadata,
    _row(),
    _id(),
    _arena(),
    _text("entrants"),
    _word("mode"),
    _integer("seed"),
    _integer("episodes"),
    _text("blocks"),
    _text("command"),
    _word("created"),
    _word("version"),
    _text("details"),
    Index("match_by_arena", "arena"),
)

block = Table(
    "block",
    metadata,
    _row(),
    _id(),
    _arena(),
    _entrant("first"),
    _entrant("second"),
    _word("mode"),
    _integer("seed"),
    _integer("first_episode"),
    _integer("episodes"),
    _integer("rules_version"),
    Index("block_by_pairing", "arena", "mode", "first", "second"),
)

seat_result = Table(
    "seat_result",
    metadata,
    _row(),
    Column("block", String(200), ForeignKey("block.id"), nullable=False),
    _integer("rotation"),
    _word("seat"),
    _entrant("entrant"),
    _blob("returns"),
    _blob("lengths"),
    _blob("statuses"),
    _text("metrics"),
    _double("cpu_s"),
    _word("isolation"),
    Index("seat_result_once", "block", "rotation", "seat", unique=True),
)

measurement = Table(
    "measurement",
    metadata,
    _row(),
    _id(),
    _word("subject"),
    _arena(),
    _word("kind"),
    _double("value"),
    _double("low"),
    _double("high"),
    _integer("n"),
    Column("exact", Boolean, nullable=False),
    _integer("budget"),
    _word("panel", nullable=True),
    _text("details"),
)

submission = Table(
    "submission",
    metadata,
    _row(),
    _id(),
    _word("entrant"),
    _arena(),
    _text("details"),
    _word("created"),
)

view = Table(
    "view",
    metadata,
    Column("arena", String(200), primary_key=True),
    Column("mode", String(200), primary_key=True),
    Column("rules_version", Integer, primary_key=True),
    _word("inputs"),
    _text("body"),
)
