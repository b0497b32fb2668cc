"""The replays of a page: chosen by rule, played again once, kept in the home, and packed so that they fit."""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from leaderboard.records import ArenaRecord, BlockRecord
from leaderboard.report.html import Replays
from leaderboard.report.layout import plural
from leaderboard.seeds import SECRET_SEEDS
from leaderboard.store.store import Store
from zoo import home
from zoo.entry.registry import is_shipped
from zoo.errors import UserError
from zoo.page.cards import played_as
from zoo.page.choice import ShownGame, chosen
from zoo.work.jobs import Done, Results, do, key_of
from zoo.work.pool import Job, name_of
from zoo.work.progress import Reading, Watch, unwatched

#: Version of what is kept of a game; one of another version is played again.
FORMAT = 1
#: Bytes that the replays of a page may take, as they are compressed.
BUDGET = 400_000
_KINDS = ("median", "only", "best", "worst")


@dataclass(frozen=True)
class Pairing:
    """Two entrants and the games of theirs that are shown; the first one's first seat decides."""

    entrants: tuple[str, str]
    games: tuple[ShownGame, ...]


@dataclass(frozen=True)
class Archive:
    """What the games that are shown are chosen from.

    Attributes:
        arena: where they were played; blocks: their records.
        entrants: who may be in them, by number on the page.
        order: the same; the games of the first come first.
    """

    arena: ArenaRecord
    blocks: Sequence[BlockRecord]
    entrants: Sequence[str]
    order: Sequence[str]

    @property
    def seats(self) -> list[str]:
        """The seats of the game."""
        return [seat for seat, _ in self.arena.seats]


def replays(
    store: Store, archive: Archive, *, workers: int = 1, watch: Watch = unwatched, shipped: bool = False
) -> Replays:
    """The replays of an arena, those kept from before read and the others played, by no workers none.

    Args:
        store: the records.
        archive: what they are chosen from.
        workers: processes that play.
        watch: given the pairings that are played and all that must be.
        shipped: load no agent but those that the zoo ships.

    Raises:
        UserError: what was played cannot be kept.
    """
    pairings = _pairings(archive)
    results = Results(home.folder() / "replays")
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    missing: list[tuple[Pairing, str]] = []
    for pairing in pairings:
        key = key_of(FORMAT, archive.arena.id, pairing.entrants, [_known(game) for game in pairing.games])
        kept = results.read(Job(key, ""))
        if kept is not None and kept.result:
            found[pairing.entrants] = kept.result
        else:
            missing.append((pairing, key))
    lost = ""
    if missing and not workers:
        played_by = f"`zoo report --arena {archive.arena.id}`"
        lost = f"{plural(len(missing), 'pairing')} without games so far: {played_by} plays them."
    elif missing:
        lost = _play(Replaying(store, archive.arena, shipped), missing, results, workers, watch, found)
    return _packed(archive, pairings, found, lost)


def _known(game: ShownGame) -> list[Any]:
    return [game.kind, game.seed, game.first_episode, game.episodes, game.row, game.recorded]


def _pairings(archive: Archive) -> list[Pairing]:
    """All pairings with the games to be shown, in the order of the board.

    Games on a secret seed are not shown: whoever watches them would learn what it deals.
    """
    blocks: dict[tuple[str, str], list[BlockRecord]] = defaultdict(list)
    for block in (block for block in archive.blocks if block.seed < SECRET_SEEDS):
        blocks[block.entrants[0], block.entrants[1]].append(block)
    place = {who: number for number, who in enumerate(archive.order)}
    seat = archive.seats[0]
    order = sorted(blocks, key=lambda pair: sorted(place[who] for who in pair))
    return [Pairing(pair, tuple(chosen(blocks[pair], seat))) for pair in order]


@dataclass(frozen=True)
class Replaying:
    """Where games are played again: the records, the arena, and whether by agents alone that the zoo ships."""

    store: Store
    arena: ArenaRecord
    shipped: bool


def _play(
    stage: Replaying,
    missing: Sequence[tuple[Pairing, str]],
    results: Results,
    workers: int,
    watch: Watch,
    found: dict[tuple[str, str], list[dict[str, Any]]],
) -> str:
    """Play the games that are not kept into `found`; returns what could not be played, in a sentence."""
    # Here, as they import torch, which a report whose replays are kept does without.
    from zoo.entry.venue import ArenaChoice, Venue
    from zoo.page.games import play
    from zoo.play.verify import EntrantTexts

    arena, about = stage.arena, played_as(stage.store, stage.arena)
    if stage.shipped and not is_shipped(about["arena"]):
        return f"{arena.id} is not the zoo's own, and is not run here: `zoo report --arena {arena.id}` plays its games."
    choice = ArenaChoice(about["arena"], tuple(about["settings"]), tuple(about["wrap"]))
    try:
        venue = Venue(choice)
    except UserError as error:
        return f"{arena.id} cannot be played here: {error}."
    if venue.identity != arena.id:
        return f"{arena.id} is {venue.identity} in this installation, and cannot be played again."
    texts = EntrantTexts(venue, stage.store, shipped=stage.shipped)
    jobs: dict[str, tuple[str, str]] = {}
    todo: list[Job] = []
    for pairing, key in missing:
        pair = [texts.of(who) for who in pairing.entrants]
        if None not in pair:
            jobs[key] = pairing.entrants
            todo.append(Job(key, name_of(play), (asdict(choice), pair, [asdict(game) for game in pairing.games])))
    for number, done in enumerate(do(todo, results, workers, force=True)):
        _take(done, jobs, found)
        watch(arena.id, Reading(number + 1, len(todo)))
    lost = len(missing) - sum(pairing.entrants in found for pairing, _ in missing)
    if not lost:
        return ""
    rule = ", or is not the zoo's own" if stage.shipped else ""
    return f"{plural(lost, 'pairing')} cannot be played again, as an entrant is not as it was{rule}."


def _take(done: Done, jobs: Mapping[str, tuple[str, str]], found: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
    if done.result:
        found[jobs[done.job.key]] = done.result


def _packed(
    archive: Archive, pairings: Sequence[Pairing], found: Mapping[tuple[str, str], list[dict[str, Any]]], lost: str
) -> Replays:
    """As many games as fit: the medians of all pairings, then the best, then the worst ones."""
    played = [(pairing.entrants, game) for pairing in pairings for game in found.get(pairing.entrants, ())]
    games = sorted(played, key=lambda one: _KINDS.index(one[1]["kind"]))
    # a game that does not agree with its record is told of, never shown
    wrong = sum(not game["agrees"] for _, game in games)
    games = [(pair, game) for pair, game in games if game["agrees"]]
    many = len(games)
    packed = pack(archive, games)
    while many and len(packed) > BUDGET:
        many = min(many - 1, int(many * BUDGET / len(packed) * 0.97))
        packed = pack(archive, games[:many])
    notes = [lost] if lost else []
    if any(block.seed >= SECRET_SEEDS for block in archive.blocks):
        notes.append("Games on a secret seed are not shown, as they would tell what it deals.")
    notes += [f"Left out: {plural(wrong, 'game')} that came out otherwise than recorded."] if wrong else []
    rest = len(games) - many
    notes += [f"Left out: {plural(rest, 'game')}, as they would make the page too large."] if rest else []
    return Replays(packed if many else b"", many, tuple(notes))


def pack(archive: Archive, games: Sequence[tuple[tuple[str, str], Mapping[str, Any]]]) -> bytes:
    """Games in little space: what is drawn more than once is kept once, and all of it is compressed."""
    at = {who: i for i, who in enumerate(archive.entrants)}
    looks, frames, moments, pays = _Table(), _Table(), _Table(), _Table()
    size: list[float] = []
    packed = []
    for pair, game in games:
        drawn = []
        for moment in game["moments"]:
            size = size or moment.get("size", [])
            drawn.append(moments.number((frames.number(_frame(moment, looks)), moment.get("caption", ""))))
        seated = [at[pair[who]] for who in _owners(archive, pair, game["seats"])]
        paid = [pays.number(tuple(pay)) for pay in game["pays"]]
        names = ("kind", "episode", "recorded", "faults")
        told = {name: game[name] for name in names}
        packed.append(told | {"pair": [at[who] for who in pair], "seated": seated, "moments": drawn, "pays": paid})
    tables = {"looks": looks, "frames": frames, "moments": moments, "pays": pays}
    data = {"size": size, **{name: table.rows for name, table in tables.items()}, "games": packed}
    return zlib.compress(json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode(), 9)


class _Table:
    """Different values by their numbers."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self._at: dict[Any, int] = {}

    def number(self, value: Any) -> int:
        if value not in self._at:
            self._at[value] = len(self.rows)
            self.rows.append(value)
        return self._at[value]


def _frame(moment: Mapping[str, Any], looks: _Table) -> tuple[Any, ...]:
    """What is drawn, as something that can be compared: numbers of marks, or a picture or text."""
    if "marks" not in moment:
        return ("picture", moment["picture"]) if "picture" in moment else ("text", moment["text"])
    flat: list[int] = []
    for shape, size, colour, text, x, y, dx, dy in moment["marks"]:
        far = shape in ("line", "bar")
        flat += [looks.number((shape, size, colour, text)), x, y, *((dx, dy) if far else ())]
    return tuple(flat)


def _owners(archive: Archive, pair: tuple[str, str], seats: Sequence[str]) -> list[int]:
    """Which of the pairing sat in each seat under the first rotation."""
    for block in archive.blocks:
        if block.entrants == pair:
            owner = {result.seat: pair.index(result.entrant) for result in block.results if result.rotation == 0}
            return [owner[seat] for seat in seats]
    raise AssertionError(pair)
