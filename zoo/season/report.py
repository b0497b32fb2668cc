"""A season's board as a page shows it: what is said above the charts, and the records that the charts are made of.

Until the end of a season that has hidden partners there are no charts. What known partners, which everybody can play at
home, get from a hidden one would give it away, and so would its identity, which is a hash of what is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from leaderboard.records import BlockRecord, LogRecord
from leaderboard.report.cells import scaled
from leaderboard.report.layout import decimals, intervals, plural, unaligned
from leaderboard.store import portable
from leaderboard.store.store import Store
from zoo.errors import UserError
from zoo.season.entries import counted, entries
from zoo.season.games import counts
from zoo.season.place import Season, in_words
from zoo.season.standings import SeasonLine, Standings, standings

#: A title and its sentences.
Note = tuple[str, list[str]]


def season_notes(season: Season, store: Store, now: datetime) -> list[Note]:
    """What a page says of a season: its terms, places, faults and marks; while it is the home of this process.

    Raises:
        UserError: nobody has entered.
    """
    board = standings(season, store, now)
    if not board.authors:
        raise UserError(f"nobody has entered season {season.name}: `zoo season submit {season.name} PATH`")
    return [
        ("The season", list(_terms(season, board))),
        ("Places", _places(board)),
        ("Faults", _faults(board)),
        ("Marks", _marks(board)),
    ]


@contextmanager
def counting_records(season: Season, store: Store, now: datetime) -> Iterator[Store]:
    """A copy, in memory, of the records of a season that its board counts.

    Raises:
        StoreError: a record was damaged or edited.
    """
    standing = {entry.entrant for entry in counted(entries(season, store))}
    taking_part = standing | {season.venue.id(text) for text in season.partners}

    def counts_here(block: BlockRecord) -> bool:
        in_time = counts(season, block.seed, block.first_episode + block.episodes, now)
        return in_time and set(block.entrants) <= taking_part

    with Store(":memory:") as copy:
        every = [portable.read(*line) for line in portable.lines(store, [season.venue.identity])]
        out = {one.id for one in every if isinstance(one, BlockRecord) and not counts_here(one)}
        kept = [one for one in every if not (isinstance(one, BlockRecord) and one.id in out)]
        kept = [one for one in kept if not (isinstance(one, LogRecord) and one.block in out)]
        portable.fill(copy, kept)
        yield copy


def _terms(season: Season, board: Standings) -> Iterator[str]:
    rules, hidden = season.rules, season.card.secret
    yield f"Season {board.season} in {board.arena}: {board.state}."
    entered = "1 entry" if board.entered == 1 else f"{board.entered:,} entries"
    yield (
        f"{plural(board.authors, 'author')} with {entered} until {in_words(season.ends)}; of each author the latest "
        f"counts. {plural(rules.rounds, 'round')} of {plural(rules.episodes, 'episode')} with everybody."
    )
    yield f"Partners that everybody knows: {', '.join(season.card.known) or 'none'}."
    if (shown := season.revealed) is None:
        yield f"Hidden partners: {len(hidden)}, shown at the end; sha256 of the secret seed and of them {board.hidden}."
        yield f"The seed is secret until the end; its sha256 is {board.seed}."
    else:
        yield f"Hidden partners: {', '.join(hidden) or 'none'}; sha256 of the seed and of them {board.hidden}."
        yield f"The seed was {shown['seed']}; its sha256, as said at the start, is {board.seed}."
    yield f"Rules, sha256: {board.rules}. `zoo season verify {board.season}` checks all of this."
    if season.hides_partners:
        yield "Charts of all games follow at the end: before that they would tell who the hidden partners are."


def _entries(board: Standings) -> list[SeasonLine]:
    return [line for line in board.lines if line.author]


def _places(board: Standings) -> list[str]:
    lines, unit = _entries(board), float(board.length or 1) if board.quantity == "own return" else 1.0
    results = [None if line.result is None else scaled(line.result, unit) for line in lines]
    digits = min(max(decimals([x.half for x in results if x is not None]), 2), 4)
    per = " per step" if board.length and board.quantity == "own return" else ""
    texts = [f"{board.quantity} {unaligned(text)}{per}" for text in intervals(results, digits)]
    told = [
        f"{_place(line)}: {_who(line)}, {text if line.result else 'nothing played yet'}."
        for line, text in zip(lines, texts, strict=True)
    ]
    return [*told, f"{board.rule} Places are among the entries, with 95 % intervals; charts rank the partners, too."]


def _place(line: SeasonLine) -> str:
    side = f" as {line.side}" if line.side else ""
    return f"Without a place{side}" if line.place is None else f"Place {line.place} [{line.low}, {line.high}]{side}"


def _who(line: SeasonLine) -> str:
    return line.name if line.name == line.author else f"{line.name} of {line.author}"


def _faults(board: Standings) -> list[str]:
    told = [
        f"{_who(line)}{f' as {line.side}' if line.side else ''}: "
        + ", ".join(f"{count:,} {status}" for status, count in line.faults.items())
        for line in _entries(board)
        if line.faults
    ]
    return told or ["No entry spoiled an episode."]


def _marks(board: Standings) -> list[str]:
    gone: Sequence[str] = [f"{name} does not count; {reason}." for name, reason in board.gone]
    told = [f"{mark.kind}, {' and '.join(mark.who)}: {mark.what}" for mark in board.marks]
    if not told:
        return [*gone, "None: nothing here needs a second look."]
    return [*gone, *told, "A mark is a sign, no verdict, and changes no place."]
