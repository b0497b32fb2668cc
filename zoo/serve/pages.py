"""The pages of a home, drawn from its records in a process of their own; of agents only the zoo's run here."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from leaderboard.errors import NoRecordsError, StoreError
from leaderboard.labels import unique_labels
from leaderboard.report import cells
from leaderboard.report.layout import number, plural, unaligned
from leaderboard.seeds import seed_words
from leaderboard.views.board import Board, board
from leaderboard.views.columns import BY_NAME
from zoo import home
from zoo.errors import UserError
from zoo.page.cards import cards
from zoo.page.report import report
from zoo.serve import layout
from zoo.serve.keeper import DrawnPage
from zoo.serve.watching import games_page
from zoo.work.pool import Contact

if TYPE_CHECKING:
    from leaderboard.records import ArenaRecord, BlockRecord, MatchRecord
    from leaderboard.statistics.estimate import Estimate
    from leaderboard.store.store import Store

MATCHES = 50  # on a page
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"<>]*)">')


class NothingThereError(Exception):
    """There is no such page; the words say what is missing."""


def draw(contact: Contact, kind: str, name: str, *, submit: bool = False) -> DrawnPage:
    """A page, or the one that says why there is none.

    Args:
        contact: of the job.
        kind: a key of `_KINDS`.
        name: which board, match, entrant or season; of matches the number of the page; of games see `_games` and
            `_match_games`.
        submit: whether its links lead to the form for uploads.
    """
    contact.once(_politely)
    shown = layout.links(submit=submit)
    try:
        with home.read_records() as store:
            return _KINDS[kind](store, name, shown)
    except NoRecordsError:
        return layout.sorry(200, "Nothing has been played here yet.", shown)
    except NothingThereError as error:
        return layout.sorry(404, str(error), shown)
    except (StoreError, UserError) as error:
        return layout.sorry(503, f"This page cannot be drawn: {error}", shown)


def draw_with_form(contact: Contact, kind: str, name: str) -> DrawnPage:
    """`draw`, with a link to the form for uploads."""
    return draw(contact, kind, name, submit=True)


def _politely() -> bool:
    """Behind the readers, who share the processor."""
    os.nice(5)
    return True


def _boards(store: Store, name: str, shown: layout.Links) -> DrawnPage:
    matches = Counter(match.arena for match in store.matches())
    rows = []
    for arena in store.arenas():
        made = board(store, arena.id)
        if made.rows or matches[arena.id]:
            about = {"leader": _leader(made), "entrants": len({row.entrant for row in made.rows})}
            rows.append({"arena": arena, "board": made, "matches": matches[arena.id], **about})
    return layout.laid_out("boards.html", shown, rows=rows)


def _leader(made: Board) -> str:
    """Who leads on each side, with the figure by which it does."""
    first: dict[str, int] = {}
    for at, row in enumerate(made.rows if made.headline else ()):
        if row.rank == 1:
            first.setdefault(row.side, at)
    leaders = {side: f"{made.rows[at].label}, {_figure(made, at)}" for side, at in first.items()}
    said = [f"as {side}: {leader}" if side else leader for side, leader in leaders.items()]
    return "; ".join(said) or "nobody is ranked"


def _figure(made: Board, at: int) -> str:
    """The figure by which a board ranks, of the row at this place, without the blanks that align it below others."""
    return unaligned(cells.texts(BY_NAME[made.headline], made)[at])


def _known(store: Store, arena: str) -> ArenaRecord:
    for record in store.arenas():
        if record.id == arena:
            return record
    raise NothingThereError("There is no such arena here.")


def _board(store: Store, name: str, shown: layout.Links) -> DrawnPage:
    arena = _known(store, name)
    if not board(store, arena.id).rows:
        raise NothingThereError(f"Nobody is on the board of {arena.id} yet.")
    page = report(store, [arena.id], workers=0, links=shown, games="/games/")
    policy = _POLICY.search(page)  # it stands in the head, before anybody's words
    assert policy is not None
    return DrawnPage(200, page.encode(), f"{policy[1]}; base-uri 'none'; frame-ancestors 'none'; form-action 'none'")


def _matches(store: Store, name: str, shown: layout.Links) -> DrawnPage:
    matches = store.matches()[::-1]
    pages = max(1, -(-len(matches) // MATCHES))
    number_of = int(name)
    if number_of > pages:
        raise NothingThereError(f"There are {plural(pages, 'page')} of matches.")
    some = matches[(number_of - 1) * MATCHES : number_of * MATCHES]
    names = unique_labels({who for match in some for who in match.entrants}, store.labels())
    rows = [_match_row(match, names) for match in some]
    return layout.laid_out("matches.html", shown, rows=rows, many=len(matches), page=number_of, pages=pages)


def _match_row(match: MatchRecord, names: Mapping[str, str]) -> dict[str, Any]:
    others = match.entrants[1:]
    against = names[others[0]] if len(others) == 1 else plural(len(others), "other") if others else "its partners"
    return {
        "match": match,
        "first": names[match.entrants[0]],
        "against": against,
        "seed": seed_words(match.seed),
        "created": match.created[:16].replace("T", " "),
    }


def _match_of(store: Store, name: str) -> MatchRecord:
    for match in store.matches():
        if match.id == name:
            return match
    raise NothingThereError("There is no such match here.")


def _match(store: Store, name: str, shown: layout.Links) -> DrawnPage:
    match = _match_of(store, name)
    blocks = store.blocks_of(match.blocks)
    names = unique_labels({who for block in blocks for who in block.entrants} | {*match.entrants}, store.labels())
    rows = [{"who": names[w], "with": names[o], "ids": (w, o), **row} for (w, o, _), row in _results(blocks).items()]
    order = {names[who]: at for at, who in enumerate(match.entrants)}
    rows.sort(key=lambda row: (order.get(row["who"], len(order)), row["who"], row["with"], row["seat"]))
    on_board = match.mode == "play" and bool(board(store, match.arena).rows)
    top = _match_row(match, names)
    return layout.laid_out(
        "match.html", shown, rows=rows, blocks=len(blocks), on_board=on_board, watched=match.mode == "play", **top
    )


def _results(blocks: list[BlockRecord]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """(entrant, partner, seat) -> what it got there."""
    import numpy as np

    from leaderboard.statistics.estimate import t

    returns: dict[tuple[str, str, str], list[Any]] = {}
    faults: Counter[tuple[str, str, str]] = Counter()
    for block in blocks:
        for result in block.results:
            other = block.entrants[1] if result.entrant == block.entrants[0] else block.entrants[0]
            key = (result.entrant, other, result.seat)
            returns.setdefault(key, []).append(result.returns)
            faults[key] += int(np.count_nonzero(result.statuses))
    return {
        key: {"seat": key[2], "n": sum(map(len, of)), "mean": words_of(t(np.concatenate(of))), "faults": faults[key]}
        for key, of in returns.items()
    }


def words_of(estimate: Estimate, digits: int = 3) -> str:
    """A number with its interval."""
    mean = number(estimate.mean, digits)
    if estimate.low is None or estimate.high is None:
        return mean
    return f"{mean} [{number(estimate.low, digits)}, {number(estimate.high, digits)}]"


def _games(store: Store, name: str, shown: layout.Links) -> DrawnPage:
    """FIRST/SECOND/ARENA: games of two entrants, of all that were played there."""
    first, second, named = name.split("/", 2)
    arena = _known(store, named)
    blocks = _between(store.blocks(arena.id, {first, second}, "play"), first, second)
    back = (f"/boards/{quote(arena.id, safe='')}", f"The board of {arena.id}")
    return games_page(store, arena, (first, second), blocks, shown, back=back)


def _match_games(store: Store, name: str, shown: layout.Links) -> DrawnPage:
    """MATCH/FIRST/SECOND: games of two entrants, of those that belong to a match."""
    which, first, second = name.split("/")
    match = _match_of(store, which)
    blocks = _between(store.blocks_of(match.blocks) if match.mode == "play" else [], first, second)
    back = (f"/matches/{match.id}", f"Match {match.id}")
    return games_page(store, _known(store, match.arena), (first, second), blocks, shown, back=back)


def _between(blocks: list[BlockRecord], first: str, second: str) -> list[BlockRecord]:
    """The blocks of this pairing."""
    found = [block for block in blocks if sorted(block.entrants) == sorted((first, second))]
    if not found:
        raise NothingThereError("These two have not met there.")
    return found


def _replays(store: Store, name: str, shown: layout.Links) -> DrawnPage:
    played = Counter(match.arena for match in store.matches() if match.mode == "play")
    rows = [{"arena": arena, "matches": played[arena.id]} for arena in store.arenas() if board(store, arena.id).rows]
    return layout.laid_out("replays.html", shown, rows=rows)


def _entrants(store: Store, name: str, shown: layout.Links) -> DrawnPage:
    records = store.entrants()
    names = unique_labels({record.id for record in records}, store.labels())
    ordered = sorted(records, key=lambda record: names[record.id])
    rows = [{"label": names[record.id], "record": record} for record in ordered]
    return layout.laid_out("entrants.html", shown, rows=rows)


def _entrant(store: Store, name: str, shown: layout.Links) -> DrawnPage:
    record = next(iter(store.entrants([name])), None)
    if record is None:
        raise NothingThereError("There is no such entrant here.")
    places, card = [], None
    for arena in store.arenas():
        made = board(store, arena.id)
        for at, row in enumerate(made.rows):
            if row.entrant == name:
                card = card or cards(store, arena, {name: record})[name]
                of = sum(other.side == row.side for other in made.rows)
                figure = _figure(made, at) if made.headline else ""
                heading = cells.heading(BY_NAME[made.headline], made) if made.headline else ""
                places.append({"arena": arena, "row": row, "of": of, "figure": figure, "heading": heading})
    label = store.labels()[name]
    return layout.laid_out("entrant.html", shown, label=label, record=record, card=card, places=places)


def _seasons(store: Store, name: str, shown: layout.Links) -> DrawnPage:
    from zoo.season.place import in_words, names, opened

    found = [opened(season) for season in names()]
    rows = [{"season": season, "ends": in_words(season.ends), "ended": season.revealed} for season in found]
    return layout.laid_out("seasons.html", shown, rows=rows)


def _season(store: Store, name: str, shown: layout.Links) -> DrawnPage:
    from zoo.season.place import names, opened
    from zoo.season.standings import standings

    if name not in names():
        raise NothingThereError("There is no such season here.")
    season = opened(name)
    with home.at(season.folder), home.read_records() as records:
        made = standings(season, records, datetime.now(UTC))
    unit = float(made.length or 1) if made.quantity == "own return" else 1.0
    rows = [
        {"line": line, "result": words_of(cells.scaled(line.result, unit)) if line.result else "-"}
        for line in made.lines
    ]
    return layout.laid_out("season.html", shown, made=made, rows=rows)


_KINDS: dict[str, Callable[[Store, str, layout.Links], DrawnPage]] = {
    "boards": _boards,
    "board": _board,
    "matches": _matches,
    "match": _match,
    "games": _games,
    "match-games": _match_games,
    "replays": _replays,
    "entrants": _entrants,
    "entrant": _entrant,
    "seasons": _seasons,
    "season": _season,
}
