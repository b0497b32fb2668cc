"""What a teacher should look at: broken entries, forbidden reaches, entries that are alike, and thrown games.

A mark is a sign with what it rests on. It changes no place and proves nothing: two students who both write tit-for-tat
play the same, and an exploiter may find the one player whom it exploits best. Whoever holds the season looks, asks and
decides.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from leaderboard.records import Status
from leaderboard.statistics.field import Field
from leaderboard.statistics.likeness import likeness
from leaderboard.statistics.thrown import thrown_games
from leaderboard.store.store import Store
from zoo.season import code
from zoo.season.entries import SeasonEntry
from zoo.season.games import broken
from zoo.season.place import Season
from zoo.season.similarity import Questions
from zoo.submission.shelf import read_shelf

#: Kinds of marks, in the order in which they are shown, and what each says.
KINDS = {
    "broken": "spoiled every one of its first games, and plays no more",
    "forbidden": "tried what the sandbox forbids",
    "reaches": "its code reaches beyond its seat",
    "same file": "is the same file as another's",
    "plays the same": "answers like another's",
    "same program": "has another's program but for names and numbers",
    "throws games": "gives one partner far more than its other games predict",
}
#: Share of equal answers, and of equal code, from which two entries are marked.
SAME_PLAY, SAME_PROGRAM = 0.995, 0.8
#: Entries that come closer together may have been handed in by one person for all.
_APART = timedelta(minutes=1)
_FORBIDDEN = ("PermissionError", "Operation not permitted", "Permission denied", "SIGSYS", "forbidden", "not allowed")


@dataclass(frozen=True)
class Mark:
    """A sign that somebody should look.

    Attributes:
        kind: one of `KINDS`.
        who: names of the entries, of one or of two.
        what: what it rests on, in a sentence.
        figures: {what: number} behind it.
    """

    kind: str
    who: tuple[str, ...]
    what: str
    figures: Mapping[str, float | None]


def marks(
    season: Season, store: Store, standing: Sequence[SeasonEntry], fields: Mapping[str, Field], now: datetime
) -> list[Mark]:
    """All marks, by kind; to be made while the season is the home of this process."""
    found = [*_broken(season, store, standing, now), *_forbidden(season, store, standing), *_reaches(standing)]
    found += _alike(season, standing)
    for side, field in fields.items():
        found += _thrown(season, standing, field, side)
    order = list(KINDS)
    return sorted(found, key=lambda mark: (order.index(mark.kind), mark.who))


def _broken(season: Season, store: Store, standing: Sequence[SeasonEntry], now: datetime) -> list[Mark]:
    out = broken(season, store, standing, now)
    said = _messages(season, store, {entry.entrant for entry in out})
    return [Mark("broken", (e.name,), said.get(e.entrant, Counter({"": 1})).most_common(1)[0][0], {}) for e in out]


def _forbidden(season: Season, store: Store, standing: Sequence[SeasonEntry]) -> list[Mark]:
    """Faults whose message says that the sandbox refused something."""
    said = _messages(season, store, {entry.entrant for entry in standing})
    made = []
    for entry in standing:
        tried = [(text, n) for text, n in said.get(entry.entrant, {}).items() if any(w in text for w in _FORBIDDEN)]
        if tried:
            text, _ = max(tried, key=lambda pair: pair[1])
            made.append(Mark("forbidden", (entry.name,), text, {"faults": float(sum(n for _, n in tried))}))
    return made


def _messages(season: Season, store: Store, entrants: set[str]) -> dict[str, Counter[str]]:
    """Entrant -> what went wrong, without the step at which it did -> how often."""
    said: dict[str, Counter[str]] = {}
    if not entrants:
        return said
    blocks = store.block_ids(season.venue.identity, "play")
    for log in store.logs(blocks):
        if log.entrant in entrants:
            message = log.message.partition(": ")[2] if log.message.startswith("step ") else log.message
            said.setdefault(log.entrant, Counter())[f"{Status(log.status).value}: {message}"] += log.episodes
    return said


def _reaches(standing: Sequence[SeasonEntry]) -> list[Mark]:
    made = []
    for entry in standing:
        found = code.reaches(sources(entry))
        if found:
            more = f", and {len(found) - 3} more" if len(found) > 3 else ""
            text = "; ".join(str(reach) for reach in found[:3]) + more
            made.append(Mark("reaches", (entry.name,), text, {"lines": float(len(found))}))
    return made


def sources(entry: SeasonEntry) -> dict[str, str]:
    """The Python files of an entry, {name: text}."""
    files = read_shelf(entry.folder)
    return {name: data.decode("utf-8", errors="replace") for name, data in files.items() if name.endswith(".py")}


def _alike(season: Season, standing: Sequence[SeasonEntry]) -> list[Mark]:
    """Entries of different authors that play alike, or whose programs are alike."""
    made = []
    played = _Played(season, standing)
    programs = code.alike([code.program(sources(entry)) for entry in standing])
    for i, j in itertools.combinations(range(len(standing)), 2):
        early, late = sorted((standing[i], standing[j]), key=lambda entry: entry.at)
        who, text = (early.name, late.name), programs[i][j]
        share, first = played.alike(early, late)
        figures = {"answers": share, "first answers": first, "code": text}
        came = f"; {early.name} entered first" if late.at - early.at > _APART else ""
        if early.entrant == late.entrant:
            made.append(Mark("same file", who, f"the same code to the letter{came}", {**figures, "code": 1.0}))
        elif share is not None and share >= SAME_PLAY:
            what = f"{100 * share:.1f} % of {played.asked:,} answers are the same; code {_percent(text)} the same{came}"
            made.append(Mark("plays the same", who, what, figures))
        elif text is not None and text >= SAME_PROGRAM:
            what = f"code {_percent(text)} the same but for names and numbers; answers {_percent(share)} the same{came}"
            made.append(Mark("same program", who, what, figures))
    return made


def _percent(share: float | None) -> str:
    return "not comparably" if share is None else f"{100 * share:.0f} %"


class _Played:
    """How alike the answers are, of all who were asked."""

    def __init__(self, season: Season, standing: Sequence[SeasonEntry]) -> None:
        questions = Questions(season)
        known = {entry.entrant: questions.known(entry.entrant) for entry in standing}
        answers = {entrant: given for entrant, given in known.items() if given is not None}
        self._position = {entrant: at for at, entrant in enumerate(answers)}
        self._likeness = likeness(np.stack(list(answers.values())), questions.counted()) if answers else None
        self.asked = self._likeness.asked if self._likeness else 0

    def alike(self, one: SeasonEntry, other: SeasonEntry) -> tuple[float | None, float | None]:
        """Share of equal answers of the two, and of those at the first step; None where it is not known."""
        i, j = self._position.get(one.entrant), self._position.get(other.entrant)
        if self._likeness is None or i is None or j is None or np.isnan(self._likeness.share[i, j]):
            return None, None
        return float(self._likeness.share[i, j]), float(self._likeness.first[i, j])


def _thrown(season: Season, standing: Sequence[SeasonEntry], field: Field, side: str) -> list[Mark]:
    """Pairs that throw games, among the entries that have met all partners."""
    partners = [season.venue.id(text) for text in season.partners]
    members = [field.entrants.index(who) for who in partners if who in field.entrants]
    names: dict[str, str] = {}
    for entry in standing:
        names[entry.entrant] = " = ".join(filter(None, (names.get(entry.entrant), entry.name)))
    own = [i for i, who in enumerate(field.entrants) if who in names and np.isfinite(field.mean[i, members]).all()]
    if not own:
        return []
    order = [*members, *own]
    made = []
    for pair in thrown_games(field.mean[np.ix_(order, order)], len(members)):
        giver, taker = (names[field.entrants[own[at]]] for at in (pair.giver, pair.taker))
        what = (
            f"{giver} gives {taker} {pair.gain:,.1f} an episode more than their other games predict, and gets"
            f" {pair.loss:,.1f} less; {pair.evidence:.0f} times what is usual in this field"
        )
        figures = {"gain": pair.gain, "loss": pair.loss, "evidence": pair.evidence}
        made.append(Mark("throws games", (giver, taker), f"{what}{f' as {side}' if side else ''}", figures))
    return made
