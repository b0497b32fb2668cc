"""Which arenas something was added to since somebody looked last: so that a server draws again only what changed.

Facts are only ever added, so the numbers of the last rows say whether there is anything new, and the new rows say where
it belongs. A look costs what was added since the last one, however large the home is.
"""

from __future__ import annotations

import os
from collections import Counter

from sqlalchemy import Connection, Table, func, select

from leaderboard.errors import NoRecordsError
from leaderboard.store import schema
from leaderboard.store.database import name_of, open_engine, parse, plain_words

#: Tables whose rows belong to an arena; a new row in one of the others may show anywhere.
_PLACED = [schema.block, *(table for table in schema.TABLES.values() if "arena" in table.c)]
_ANYWHERE = (schema.name, schema.seed)


class News:
    """What is new in the records at a path or SQLAlchemy URL, which are only read; a file may come later.

    `arenas` counts the looks at which an arena had something new, `looks` those at which anything had.
    """

    def __init__(self, url_or_path: str | os.PathLike[str]) -> None:
        self._url = parse(url_or_path)
        self._name = name_of(self._url)
        self._last: dict[str, int] = {}
        self.arenas: Counter[str] = Counter()
        self.looks = 0
        self._anywhere = 0

    def state(self, arena: str = "") -> str:
        """A text that changes with what is known of an arena, of all arenas where none is named."""
        return f"{self._anywhere}.{self.arenas[arena]}" if arena else f"{self.looks}"

    def look(self) -> bool:
        """Read what is new; says whether anything is.

        Raises:
            StoreError: the records cannot be read.
        """
        try:
            with plain_words(self._name):
                engine = open_engine(self._url, read_only=True)
                try:
                    with engine.connect() as connection:
                        return self._read(connection)
                finally:
                    engine.dispose()
        except NoRecordsError:
            return False

    def _read(self, connection: Connection) -> bool:
        touched: set[str] = set()
        anywhere = [self._new(connection, table) for table in _ANYWHERE]
        for table in _PLACED:
            before = self._last.get(table.name, 0)
            if self._new(connection, table):
                query = select(table.c.arena).where(table.c.row > before).distinct()
                touched |= set(connection.execute(query).scalars())
        self.arenas.update(touched)
        self._anywhere += any(anywhere)
        self.looks += bool(touched) or any(anywhere)
        return bool(touched) or any(anywhere)

    def _new(self, connection: Connection, table: Table) -> bool:
        """Whether a table has rows that were not there at the last look; they are known from now on."""
        last = connection.execute(select(func.max(table.c.row))).scalar() or 0
        known, self._last[table.name] = self._last.get(table.name, 0), last
        return bool(last != known)
