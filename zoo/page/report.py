"""A report from the records of a home: pages, cards and replays, laid out as one file."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import zoo
from leaderboard.report.html import Report, render
from leaderboard.store.store import Store
from leaderboard.views.page import ArenaPage, arena_page
from zoo.page.cards import cards
from zoo.page.curves import training_curves
from zoo.page.replays import Archive, replays
from zoo.work.progress import Watch, unwatched


@dataclass(frozen=True)
class Occasion:
    """What a page is on, where that is more than arenas, such as a season.

    Attributes:
        heading: what it is on.
        notes: (title, sentences) above the charts.
        words: what `zoo report` is told to make the page again.
    """

    heading: str
    notes: Sequence[tuple[str, Sequence[str]]]
    words: tuple[str, ...]


def report(
    store: Store,
    arenas: Sequence[str],
    *,
    with_replays: bool = True,
    workers: int = 1,
    watch: Watch = unwatched,
    links: Sequence[tuple[str, str]] = (),
    games: str = "",
    occasion: Occasion | None = None,
) -> str:
    """The report on arenas, by their identities, as HTML.

    Args:
        store: the records.
        arenas: identities.
        with_replays: show games, which are played again unless the home keeps them.
        workers: processes that play; 0 shows only games that the home keeps, and runs nobody's code.
        watch: given the pairings that are played and all that must be.
        links: (address, words) of pages beside it, where it is served.
        games: where a pairing's games are played, where it is served; see `Report`.
        occasion: what the page is on; None for the arenas.

    Raises:
        StoreError: an arena is unknown, nobody is on its board, or a record was damaged.
        UserError: an entrant breaks, or a game cannot be kept.
    """
    pages = [arena_page(store, arena) for arena in arenas]
    options = [] if with_replays else ["--no-replays"]
    occasion = occasion or Occasion("", (), tuple(word for arena in arenas for word in ("--arena", arena)))
    command = shlex.join(["zoo", "report", *occasion.words, *options])
    known = {page.arena.id: cards(store, page.arena, page.entrants) for page in pages}
    shown = {
        page.arena.id: replays(store, archive(page), workers=workers, watch=watch) for page in pages if with_replays
    }
    trained = {page.arena.id: training_curves(store, page.arena, page.entrants) for page in pages}
    curves = {arena: found.curves for arena, found in trained.items()}
    said = (pages, known, command, zoo.__version__, shown, curves, occasion.heading, occasion.notes)
    without = {arena: found.without for arena, found in trained.items()}
    return render(Report(*said, links=links, games=games, without_curve=without))


def archive(page: ArenaPage) -> Archive:
    """All games of a report's arena, those of the board's first first."""
    order = list(dict.fromkeys(row.entrant for row in page.board.rows))
    return Archive(page.arena, page.blocks, page.evidence.entrants, order)
