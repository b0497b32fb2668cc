"""Where a season lies: a folder of the home that is a home of its own, with records, secrets and files of entries.

So everything that works on a home works on a season: with `ZOO_HOME` set to the folder, `zoo leaderboard`, `zoo log`,
`zoo publish` and the others show the season's games and nobody else's.

What is said at the start of a season can be held against what is shown at its end: the hash of its rules, the hash of
its secret seed, and a hash of the seed followed by the hidden partners, which cannot be guessed without the seed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from leaderboard.records import canonical
from leaderboard.statistics.tally import is_head_to_head
from leaderboard.store.store import Store
from zoo import home
from zoo.entry.registry import load_arena
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError, nearest
from zoo.matches.panel import panel_of, renew
from zoo.matches.plan import Work, call
from zoo.play import luck
from zoo.play.blocks import arena_record
from zoo.sandbox import levels
from zoo.season.rules import Rules, parse_rules

_RULES, _CARD, _CLOSED, _REVEALED = "season.toml", "season.json", "closed.json", "revealed.json"


@dataclass(frozen=True)
class Opening:
    """What is said of a season at its start.

    Attributes:
        rules: sha256 of the file of its rules.
        seed: sha256 of the secret seed.
        hidden: what `hidden_digest` makes of the secret seed and the hidden partners.
        known: entrant texts of the partners that everybody knows.
        secret: entrant texts of the hidden ones; never shown before the end.
        started: when, ISO 8601 in UTC.
    """

    rules: str
    seed: str
    hidden: str
    known: tuple[str, ...]
    secret: tuple[str, ...]
    started: str


@dataclass(frozen=True)
class Season:
    """A season that has begun: its folder, its rules, and what was said at its start."""

    folder: Path
    rules: Rules
    card: Opening

    @property
    def name(self) -> str:
        """By which commands know it."""
        return self.rules.name

    @property
    def partners(self) -> tuple[str, ...]:
        """Entrant texts of all whom every entry meets, those that everybody knows first."""
        return (*self.card.known, *self.card.secret)

    @property
    def hides_partners(self) -> bool:
        """Whether what partners get from each other stays hidden, as it would tell who the hidden ones are.

        What known partners get can be found by anybody at home, and an entrant's id is a hash of what is known.
        """
        return bool(self.card.secret) and self.revealed is None

    @cached_property
    def venue(self) -> Venue:
        """Where it is played."""
        return Venue(ArenaChoice(self.rules.arena, self.rules.settings))

    @property
    def ends(self) -> datetime:
        """Until when entries are taken in: the deadline, or the moment at which it was closed before that."""
        closed = self._kept(_CLOSED)
        return self.rules.deadline if closed is None else datetime.fromisoformat(closed["at"])

    def is_over(self, now: datetime) -> bool:
        """Whether nothing can be entered any more, so that the games that count can be played."""
        return now > self.ends

    def close(self, now: datetime) -> None:
        """Take nothing in from now on, before the deadline; once and for all."""
        if now < self.ends:
            home.keep_once(self.folder / _CLOSED, json.dumps({"at": now.astimezone(UTC).isoformat()}))

    @property
    def revealed(self) -> dict[str, Any] | None:
        """What was shown at the end; None while it goes on."""
        return self._kept(_REVEALED)

    def _kept(self, name: str) -> dict[str, Any] | None:
        try:
            kept: dict[str, Any] = json.loads((self.folder / name).read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise UserError(f"{self.folder / name} cannot be read ({error}); put a copy back") from error
        return kept

    @property
    def seed(self) -> luck.Secret:
        """Its secret seed; to be asked for while its folder is the home."""
        return luck.epochs()[0]

    def check_open(self) -> None:
        """See that the season goes on.

        Raises:
            UserError: it has ended.
        """
        if self.revealed is not None:
            raise UserError(f"season {self.name} has ended and its seed is known, so that nothing more can be played")

    def show(self, shown: dict[str, Any]) -> None:
        """Keep what is shown at the end."""
        home.keep_once(self.folder / _REVEALED, json.dumps(shown, indent=1))


def hidden_digest(key: bytes, hidden: Sequence[tuple[str, str]]) -> str:
    """sha256 of the secret seed followed by the hidden partners, (entrant text, id) each, in their order."""
    return hashlib.sha256(key + canonical([list(pair) for pair in hidden]).encode()).hexdigest()


@contextmanager
def at_home(season: Season) -> Iterator[Store]:
    """The season's records, while its folder is the home of this process and of its workers.

    Raises:
        StoreError: the records cannot be opened.
    """
    with home.at(season.folder), levels.at(season.rules.isolation), Store(home.records()) as store:
        yield store


def begin(rules: Rules, work: Work, now: datetime) -> Season:
    """Start a season: its folder, its secret seed, its panel, and what is said at its start.

    What was stopped on the way can be started again.

    Raises:
        UserError: there is a season of this name, the deadline is over, or a partner cannot play here; the line that
            is at fault is named.
    """
    if (why := levels.refusal(rules.isolation)) is not None:
        raise rules.wrong("isolation", why)
    if rules.deadline <= now:
        raise rules.wrong("deadline", f"{in_words(rules.deadline)} is over; it is {in_words(now)} now")
    folder = _seasons() / rules.name
    if (folder / _CARD).exists():
        raise rules.wrong("name", f"there is a season {rules.name} already; choose another name")
    shutil.rmtree(folder, ignore_errors=True)  # one that was stopped before it had begun
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UserError(f"cannot make {folder}: {error.strerror or error}") from error
    (folder / _RULES).write_text(rules.text, encoding="utf-8")
    venue = _venue(rules)
    with home.at(folder), levels.at(rules.isolation), Store(home.records()) as store:
        store.add(arena_record(venue.spec, venue.identity))
        known, secret = _partners(rules, venue, store, work)
        seed = luck.present()
        pairs = [(text, venue.id(text)) for text in secret]
        call(venue, store, secret, [f"hidden partner {number}" for number in range(1, len(secret) + 1)])
        started = now.isoformat(timespec="seconds")
        card = Opening(rules.digest, seed.commitment, hidden_digest(seed.key, pairs), known, secret, started)
    home.keep_once(folder / _CARD, json.dumps(asdict(card), indent=1))
    return Season(folder, rules, card)


def _venue(rules: Rules) -> Venue:
    """Where a season is to be played."""
    try:
        ArenaChoice(rules.arena)
        load_arena(ArenaChoice(rules.arena).name)
    except UserError as error:
        raise rules.wrong("arena", str(error)) from error
    try:
        return Venue(ArenaChoice(rules.arena, rules.settings))
    except UserError as error:
        raise rules.wrong("settings" if rules.settings else "arena", str(error)) from error


def _partners(rules: Rules, venue: Venue, store: Store, work: Work) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Entrant texts of the known and of the hidden partners; where the game has a panel they are it, with weights."""
    for key, texts in (("partners", rules.partners), ("hidden", rules.hidden)):
        for text in texts:
            try:
                venue.entrant(text).agents(venue.spec, tuple(venue.spec.seats), 0)
            except UserError as error:
                raise rules.wrong(key, str(error)) from error
    if is_head_to_head(arena_record(venue.spec, venue.identity)):
        return rules.partners, rules.hidden
    known = rules.partners
    if not known:
        usual = panel_of(venue, store, work)
        if usual is None:
            key = "partners" if "partners" in rules.lines else "arena"
            raise rules.wrong(key, f"{venue.identity} has no panel; name partners here")
        known = usual.members
    for text in rules.hidden:
        if venue.id(text) in {venue.id(other) for other in known}:
            raise rules.wrong("hidden", f"{text} is one of the partners that all know; choose another one")
    if rules.hidden or rules.partners:
        try:
            renew(venue, store, [*known, *rules.hidden], work)
        except UserError as error:
            raise rules.wrong("partners" if rules.partners else "hidden", str(error)) from error
    return known, rules.hidden


def opened(name: str) -> Season:
    """The season of a name.

    Raises:
        UserError: there is none, or its rules were edited since it began.
    """
    folder = _seasons() / name
    if not (folder / _CARD).is_file():
        raise UserError(f"there is no season {name!r} (`zoo season new` starts one); {nearest(name, names())}")
    try:
        data: dict[str, Any] = json.loads((folder / _CARD).read_text())
        card = Opening(**{**data, "known": tuple(data["known"]), "secret": tuple(data["secret"])})
        text = (folder / _RULES).read_text(encoding="utf-8")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"season {name}: {folder} is damaged ({error}); put a copy back") from error
    rules = parse_rules(text, str(folder / _RULES))
    if rules.digest != card.rules:
        raise UserError(f"{folder / _RULES} was edited since the season began; put the original back")
    return Season(folder, rules, card)


def names() -> list[str]:
    """The names of all seasons."""
    return sorted(path.parent.name for path in _seasons().glob(f"*/{_CARD}"))


def _seasons() -> Path:
    return home.folder() / "seasons"


def in_words(moment: datetime) -> str:
    """As people read it: "2027-03-01 12:00 UTC"."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
