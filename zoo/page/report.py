"""A report from the records of a home: pages, cards and replays, laid out as one file."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import zoo
from leaderboard.report.html import Report, render
from leaderboard.store.store import Store
from leaderboard.views.page import arena_page
from zoo.page.cards import cards
from zoo.page.curves import training_curves
from zoo.page.replays import replays
from zoo.work.progress import Watch, unwatched


def report(
    store: Store,
    arenas: Sequence[str],
    *,
    with_replays: bool = True,
    workers: int = 1,
    watch: Watch = unwatched,
    links: Sequence[tuple[str, str]] = (),
) -> str:
    """The report on arenas, by their identities, as HTML.

    Args:
        store: the records.
        arenas: identities.
        with_replays: show games, which are played again unless the home keeps them.
        workers: processes that play; 0 shows only games that the home keeps, and runs nobody's code.
        watch: given the pairings that are played and all that must be.
        links: (address, words) of pages beside it, where it is served.

    Raises:
        StoreError: an arena is unknown, nobody is on its board, or a record was damaged.
        UserError: an entrant breaks, or a game cannot be kept.
    """
    pages = [arena_page(store, arena) for arena in arenas]
    options = [] if with_replays else ["--no-replays"]
    command = shlex.join(["zoo", "report", *(word for arena in arenas for word in ("--arena", arena)), *options])
    known = {page.arena.id: cards(store, page.arena, page.entrants) for page in pages}
    shown = {page.arena.id: replays(store, page, workers=workers, watch=watch) for page in pages if with_replays}
    curves = {page.arena.id: training_curves(store, page.arena, page.entrants) for page in pages}
    return render(Report(pages, known, command, zoo.__version__, shown, curves, links=links))
