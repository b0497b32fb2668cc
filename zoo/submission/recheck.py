"""Checks a bundle: who signed it, what its boards are made of, and whether its games come out the same again.

A bundle is unpacked into a home folder of its own, which is gone afterwards, and played there; nothing of it reaches
the user's home. Only arenas and agents that ship play in this process: what a bundle brings along, and whatever it
names, is a stranger's.
"""

from __future__ import annotations

import json
import math
import random
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leaderboard.errors import StoreError
from leaderboard.records import RULES_VERSION, STATUSES, BlockRecord, EntrantRecord, Status
from leaderboard.seeds import SECRET_SEEDS, seed_number
from leaderboard.store import portable, schema
from leaderboard.store.store import Store
from leaderboard.views.board import board
from leaderboard.views.submissions import versions
from zoo import home
from zoo.entry import submitted
from zoo.entry.registry import AGENTS, ARENAS, FOREIGN, LIBRARIES, is_shipped, load_agent, names
from zoo.entry.settings import config_fields, typed
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.play import luck
from zoo.play.blocks import Task, play_groups
from zoo.play.verify import difference
from zoo.sandbox.levels import isolation
from zoo.sandbox.log import one_line
from zoo.submission import bundle
from zoo.submission.bundle import Bundle
from zoo.submission.publish import MODES
from zoo.work.progress import Reading, Watch, unwatched

#: Statuses that depend on the machine, so that `difference` passes such games over.
_BY_MACHINE = {STATUSES.index(status) for status in (Status.TIMEOUT, Status.MEMORY)}
_CLOSE = 1e-9  # relative; the same records give other last digits with other libraries
_SHOWN = 10  # differences of one board that are listed


@dataclass
class Rechecked:
    """What came of a bundle.

    Attributes:
        signer: fingerprint of the key that signed it, "" where the signature does not fit.
        files, blocks, boards: how many there are.
        revealed, hidden: secret seeds that are published, and that are not.
        played: how many blocks were played again; seed: by which they were drawn, None where all were.
        failures: a line for everything that does not hold.
        left_out: a line for each reason for which something could not be checked.
        marks: a line for each mark that a season put on its entries, and for each entry that was taken off, as whoever
            held it signed them.
    """

    signer: str = ""
    files: int = 0
    blocks: int = 0
    boards: int = 0
    revealed: int = 0
    hidden: int = 0
    played: int = 0
    seed: int | None = None
    failures: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sample:
    """Which blocks are played again: so many, drawn by `seed`, or all where `count` is None."""

    count: int | None = 20
    seed: int = 0
    workers: int = 1
    watch: Watch = unwatched


def recheck(path: Path, sample: Sample, signer: str = "") -> Rechecked:
    """Check a bundle.

    Args:
        path: the file.
        sample: which blocks are played again, and how.
        signer: fingerprint of the key that must have signed it, or its beginning; "" for any.

    Raises:
        UserError: it is no bundle, or strangers' agents would not be kept apart.
    """
    if isolation() == "trusted":
        raise UserError("the agents of a bundle are strangers': leave out --isolation trusted, and unset ZOO_ISOLATION")
    read = bundle.read(path)
    done = Rechecked(read.signer, len(read.files), failures=list(read.faults))
    if signer and not read.signer.startswith(signer):
        done.failures.append(f"it was signed by {read.signer or 'nobody'}, not by {signer}")
    if done.failures:
        return done  # of what was exchanged nothing more is said
    with _unpacked(read, done) as folder, home.at(folder), Store(home.records()) as store:
        if _fill(store, read, done):
            blocks = [block for arena in store.arenas() for block in store.blocks(arena.id)]
            done.blocks = len(blocks)
            _check_secrets(read, blocks, done)
            _check_boards(store, read, done)
            _tell_marks(read, done)
            _play(store, blocks, sample, done)
    return done


@contextmanager
def _unpacked(read: Bundle, done: Rechecked) -> Iterator[Path]:
    """A home folder with the files of a bundle and the secrets that it reveals."""
    folder = Path(tempfile.mkdtemp(prefix="zoo-bundle-"))
    try:
        folder.chmod(0o755)  # agents are run by another user
        plain = {name: data for name, data in read.files.items() if not name.startswith("records/")}
        for name, data in plain.items():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        with home.at(folder):
            for told in read.manifest["secrets"]:
                _keep_secret(told, done)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _keep_secret(told: Mapping[str, Any], done: Rechecked) -> None:
    """Put a revealed secret where luck looks for it, if it fits its commitment."""
    commitment = str(told.get("commitment"))
    key = told.get("secret")
    if key is None:
        done.hidden += 1
        return
    try:
        home.keep_once(home.secrets_folder() / f"revealed-{done.revealed}.key", bytes.fromhex(key).hex())
        fits = luck.secret(f"revealed-{done.revealed}").commitment == commitment
    except (ValueError, TypeError, UserError):
        fits = False
    done.revealed += 1
    if not fits:
        done.failures.append(f"the revealed secret does not fit the commitment {commitment[:16]}")


def _fill(store: Store, read: Bundle, done: Rechecked) -> bool:
    """Add the records; False, with a line, where one is not as it was recorded."""
    tables = [*(table.name for table in schema.TABLES.values()), portable.BLOCKS]
    names_of = {f"records/{name}.jsonl": name for name in tables}
    for name in sorted(name for name in read.files if name.startswith("records/") and name not in names_of):
        done.left_out.append(f"{name}: this release knows no such records")
    try:
        portable.fill(
            store,
            (
                portable.read(table, line)
                for name, table in names_of.items()
                for line in read.files.get(name, b"").decode().splitlines()
            ),
        )
    except (StoreError, ValueError) as error:
        done.failures.append(f"the records: {' '.join(str(error).split())}")
        return False
    return True


def _check_secrets(read: Bundle, blocks: Sequence[BlockRecord], done: Rechecked) -> None:
    """Every secret seed that was played has a commitment."""
    committed = {seed_number(told["commitment"]) for told in read.manifest["secrets"]}
    for seed in sorted({block.seed for block in blocks if block.seed >= SECRET_SEEDS} - committed):
        done.failures.append(f"blocks were played on secret seed {seed}, of which the bundle has no commitment")


def _check_boards(store: Store, read: Bundle, done: Rechecked) -> None:
    """Every figure of the boards follows from the records."""
    stored = {}
    try:
        for line in read.files.get(bundle.BOARDS, b"").decode().splitlines():
            told = json.loads(line)
            stored[str(told["arena"]), str(told["mode"])] = told
    except (ValueError, LookupError, TypeError, RecursionError):
        done.failures.append(f"{bundle.BOARDS} holds something else than boards")
        return
    wanted = {(arena.id, mode) for arena in store.arenas() for mode in MODES if store.block_ids(arena.id, mode)}
    done.failures += [f"the board of {a}, mode {mode}, is missing" for a, mode in sorted(wanted - stored.keys())]
    done.failures += [f"no records give the board of {a}, mode {mode}" for a, mode in sorted(stored.keys() - wanted)]
    for arena, mode in sorted(wanted & stored.keys()):
        done.boards += 1
        made = json.loads(board(store, arena, mode, seed=MODES[mode]).to_json())
        says = list(_differences(stored[arena, mode], made))
        done.failures += [f"the board of {arena}: {line}" for line in says[:_SHOWN]]
        if len(says) > _SHOWN:
            done.failures.append(f"the board of {arena}: {len(says) - _SHOWN} further figures differ")


def _tell_marks(read: Bundle, done: Rechecked) -> None:
    """What a season says of its entries besides its board; it is a judgement, which no record proves."""
    if (text := read.files.get(bundle.SEASON)) is None:
        return
    try:
        told = json.loads(text)
        lines = [f"{mark['kind']}: {', '.join(map(str, mark['who']))}: {mark['what']}" for mark in told["marks"]]
        lines += [f"taken off: {name}: {why}" for name, why in told["gone"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        done.failures.append(f"{bundle.SEASON} holds something else than the board of a season")
        return
    done.marks = [one_line(line) for line in lines]


def _differences(told: Any, made: Any, where: str = "") -> Iterator[str]:
    """A line for everything in which two pieces of plain data differ by more than rounding."""
    if isinstance(told, dict) and isinstance(made, dict):
        for key in sorted(told.keys() | made.keys()):
            yield from _differences(told.get(key), made.get(key), f"{where}, {key}" if where else key)
    elif isinstance(told, list) and isinstance(made, list) and len(told) == len(made):
        for number, (one, other) in enumerate(zip(told, made, strict=True)):
            name = one.get("label", number) if isinstance(one, dict) else number
            yield from _differences(one, other, f"{where}, {name}")
    elif isinstance(told, float) and isinstance(made, float | int):
        if not math.isclose(told, made, rel_tol=_CLOSE, abs_tol=_CLOSE):
            yield f"{where} is {told:g} in the bundle, and the records give {made:g}"
    elif told != made:
        yield f"{where} is {str(told)[:60]} in the bundle, and the records give {str(made)[:60]}"


def _play(store: Store, blocks: Sequence[BlockRecord], sample: Sample, done: Rechecked) -> None:
    """Play blocks again and hold them against what was recorded."""
    known = set(luck.secrets())
    able = [block for block in blocks if _playable(block, known, done)]
    if sample.count is None or sample.count >= len(able):
        chosen = able
    else:
        chosen, done.seed = random.Random(sample.seed).sample(able, sample.count), sample.seed
    by_arena = defaultdict[str, list[BlockRecord]](list)
    for block in sorted(chosen, key=lambda block: block.id):
        by_arena[block.arena].append(block)
    left_out: dict[str, int] = {}
    total = len(chosen)
    for arena, of_arena in by_arena.items():
        venue = _venue(store, arena)
        if venue is None:
            why = f"{arena}, which does not ship here as it was"
            left_out[why] = left_out.get(why, 0) + len(of_arena)
            continue
        texts = _Texts(venue, store)
        tasks: list[list[Task]] = []
        for block in of_arena:
            pair = [texts.of(who) for who in block.entrants]
            missing = [texts.label(who) for who, text in zip(block.entrants, pair, strict=True) if text is None]
            if missing:
                why = f"entrants that cannot be made here as they were: {', '.join(dict.fromkeys(missing))}"
                left_out[why] = left_out.get(why, 0) + 1
                continue
            tasks.append([Task((pair[0] or "", pair[1] or ""), block.seed, block.first_episode, block.episodes)])
        recorded = {block.id: block for block in of_arena}
        for again in play_groups(venue, tasks, sample.workers):
            done.played += 1
            sample.watch(arena, Reading(done.played, total))
            if says := difference(recorded[again.id], again):
                done.failures.append(says)
    if any(int(code) in _BY_MACHINE for block in chosen for result in block.results for code in result.statuses):
        done.left_out.append("games that ended by TIMEOUT or MEMORY, which depend on the machine, are not compared")
    done.left_out += [f"{count} blocks of {why}" for why, count in sorted(left_out.items())]


def _playable(block: BlockRecord, secrets: Collection[int], done: Rechecked) -> bool:
    """Whether a block can be played again at all; why not is told once."""
    if block.mode != "play":
        why = "learning matches are not played again"
    elif block.rules_version != RULES_VERSION:
        why = "blocks of another rules version are not played again"
    elif block.seed >= SECRET_SEEDS and block.seed not in secrets:
        why = "blocks on secret seeds that are not revealed yet can be counted, but not played again"
    else:
        return True
    if why not in done.left_out:
        done.left_out.append(why)
    return False


def _venue(store: Store, arena: str) -> Venue | None:
    """The arena, if it ships: a bundle may name anything, and what it names would be run."""
    for match in store.matches(arena):
        about = match.details
        try:
            settings, wrap = (tuple(map(str, about[name])) for name in ("settings", "wrap"))
            choice = ArenaChoice(str(about["arena"]), settings, wrap)
            plain = not choice.settings and not choice.wrap and choice.name.partition(":")[0] in FOREIGN
            if not (plain or (choice.name in names(ARENAS) and is_shipped(choice.name))):
                continue
            venue = Venue(choice)
        except (UserError, LookupError, TypeError):
            continue
        if venue.identity == arena:
            return venue
    return None


class _Texts:
    """What the entrants of a bundle are called in the home folder that it was unpacked into."""

    def __init__(self, venue: Venue, store: Store) -> None:
        self._venue = venue
        self._entrants = {record.id: record for record in store.entrants()}
        self._entered = {one.record.entrant: one.label for one in versions(store.submissions())}
        self._known: dict[str, str | None] = {}

    def label(self, who: str) -> str:
        """What people read."""
        return self._entrants[who].label

    def of(self, who: str) -> str | None:
        """The text that names this entrant; None where none does."""
        if who not in self._known:
            named = _candidates(self._entrants[who], self._entered.get(who, ""))
            self._known[who] = next((text for text in named if self._is(who, text)), None)
        return self._known[who]

    def _is(self, who: str, text: str) -> bool:
        try:
            return self._venue.id(text) == who
        except UserError:
            return False


def _candidates(record: EntrantRecord, entered: str = "") -> Iterator[str]:
    """How an entrant may be named: only by what ships, what the bundle holds, or a submission in it.

    `entered` is the version that was submitted of it, if any; its label may be that of a file, played before.
    """
    if entered:
        yield entered
    name = record.label.partition("@")[0]
    if ":" not in name and submitted.find(name) is not None:
        yield name
    weights = f"@{home.folder() / 'checkpoints' / record.weights}" if record.weights else ""
    typed = name.partition(",")[0]
    if is_shipped(record.agent) or is_shipped(typed):
        if _plays(typed):
            yield f"{name}{weights}"
        if record.agent in names(AGENTS):
            yield f"{_with_settings(record)}{weights}"
        return
    attribute = record.agent.partition(",")[0].rpartition(":")[2]
    for file in sorted((home.folder() / "sources").glob("*/*.py")):
        settings = name.partition(",")[2]
        yield f"{file}:{attribute}{',' + settings if settings else ''}{weights}"


def _plays(text: str) -> bool:
    """Whether a text names an agent that may run in this process, because a bundle says so.

    Not everything that ships may: the attacks on the sandbox are agents as well.
    """
    place, colon, _ = text.rpartition(":")
    return is_shipped(text) and (not colon or place in LIBRARIES or place.partition(".")[0] == "agents")


def _with_settings(record: EntrantRecord) -> str:
    """A registered agent with its settings spelt out."""
    known = config_fields(load_agent(record.agent).agent.Config())
    settings = typed({key: value for key, value in record.config.items() if key in known})
    return ",".join([record.agent, *settings])
