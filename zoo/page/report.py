"""A report from the records of a home: pages, cards and replays, laid out as one file."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import zoo
from leaderboard.report.html import Report, render
from leaderboard.store.store import Store
from leaderboard.views.page import arena_page
from zoo.page.cards import cards


def report(store: Store, arenas: Sequence[str]) -> str:
    """The report on arenas, by their identities, as HTML.

    Raises:
        StoreError: an arena is unknown, nobody is on its board, or a record was damaged.
    """
    pages = [arena_page(store, arena) for arena in arenas]
    command = shlex.join(["zoo", "report", *(word for arena in arenas for word in ("--arena", arena))])
    known = {page.arena.id: cards(store, page.arena, page.entrants) for page in pages}
    return render(Report(pages, known, command, zoo.__version__))
