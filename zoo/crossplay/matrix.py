"""The cross-play matrix: who plays, what has to be played, and the returns as arrays."""

from __future__ import annotations

import glob
import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arenas.protocol import ArenaSpec
from leaderboard.crossplay import episode_returns
from leaderboard.labels import unique_labels
from leaderboard.records import canonical
from leaderboard.store import Store
from zoo.entry import checkpoint
from zoo.entry.entrant import Entrant
from zoo.entry.venue import ArenaChoice, entrant
from zoo.errors import UserError
from zoo.matches.match import Plan, keep, record_match, register
from zoo.play.blocks import PUBLIC_SEED, play_blocks
from zoo.progress import short
from zoo.screen import watch
from zoo.work.pool import limit_threads

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_WILD = "*?["
#: Options of `zoo train` that leave the run what it is, or are told by the card besides.
_NOT_THE_RUN = ("steps", "seed", "seeds", "out", "workers", "save-every")


@dataclass(frozen=True)
class Player:
    """One who is a row or a column.

    Attributes:
        text: ENTRANT as it was asked for; label: what people read, no two the same; id: its identity.
        run: the training run that it comes from, see `_run`; its own id where it was not trained.
        weights: digest of what it learned, empty where it was not trained.
        kind: equal for entrants that differ by their training seed only.
        kind_label: what people read for the kind.
    """

    text: str
    label: str
    id: str
    run: str
    weights: str
    kind: str
    kind_label: str


@dataclass(frozen=True)
class Matrix:
    """What the rows got with the columns.

    Attributes:
        choice: the arena as it was asked for; identity: as records name it; spec: its rules.
        roles: {role: its seats}, see `roles`.
        rows: R players, columns: C players.
        seed: match seed; episodes: E of them in every cell, from number 0 on.
        returns: role -> float [E, R, C], own return of each episode; `leaderboard.crossplay.episode_returns` tells
            which seats and rotations count.
        per_step: the same per step.
        blocks: of how many it is made; played: how many were played for it, as the others were recorded before.
    """

    choice: ArenaChoice
    identity: str
    spec: ArenaSpec
    roles: Mapping[str, tuple[str, ...]]
    rows: tuple[Player, ...]
    columns: tuple[Player, ...]
    seed: int
    episodes: int
    returns: Mapping[str, Floats]
    per_step: Mapping[str, Floats]
    blocks: int = 0
    played: int = 0

    def mean(self, role: str) -> Floats:
        """Mean return per episode, float [R, C]."""
        return np.asarray(self.returns[role].mean(axis=0))

    def standard_error(self, role: str) -> Floats:
        """Standard error of `mean` over episodes, float [R, C]; NaN from a single one."""
        if self.episodes < 2:
            return np.full((len(self.rows), len(self.columns)), np.nan)
        return np.asarray(self.returns[role].std(axis=0, ddof=1) / self.episodes**0.5)

    @cached_property
    def held_out(self) -> Flags:
        """Whether the column comes from another training run than the row, bool [R, C]."""
        return np.array([[_strangers(row, column) for column in self.columns] for row in self.rows], dtype=np.bool_)

    def own_column(self, row: int) -> int | None:
        """The column in which a row meets itself, as it trained; None without one, or where it was not trained."""
        who = self.rows[row]
        return next((j for j, column in enumerate(self.columns) if who.weights and column.id == who.id), None)


def roles(spec: ArenaSpec) -> dict[str, tuple[str, ...]]:
    """Role -> its seats: the parties of the arena, named by their side, or by their team where that has several.

    Where there is one party, the role is to fill one seat of it among partners.
    """
    found: dict[str, tuple[str, ...]] = {}
    for seats in spec.roles():
        sides = dict.fromkeys(spec.seats[seat].side for seat in seats)
        team = spec.seats[seats[0]].team
        name = next(iter(sides)) if len(sides) == 1 else team or "+".join(sides)
        found[name if name not in found else "+".join(seats)] = seats
    return found


def expand(choice: ArenaChoice, texts: Sequence[str]) -> list[str]:
    """The entrants with `AGENT@*` replaced by all house checkpoints of that agent: `AGENT` itself and its other seeds.

    What follows the @ may be any pattern of folders, such as `maddpg@seed-?` or `maddpg@checkpoints/tag/maddpg/*`: it
    is looked up among the house's checkpoints for the arena first, then from the current folder on, in the order of the
    names. A checkpoint with the weights of one before it is left out.

    Raises:
        UserError: a pattern fits no checkpoint.
    """
    found: list[str] = []
    for text in texts:
        who, at, where = text.partition("@")
        if not at or not any(letter in where for letter in _WILD):
            found.append(text)
            continue
        arena = choice.make(1)
        house = checkpoint.HOUSE / arena.spec.name / who.partition(",")[0]
        names = [f"{who}@{folder}" for folder in _checkpoints(where, house)]
        if where == "*" and _is_checkpoint(checkpoint.HOUSE / choice.identity(arena) / who.partition(",")[0]):
            names.insert(0, who)
        if not names:
            names = [f"{who}@{folder}" for folder in _checkpoints(where)]
        if not names:
            raise UserError(f"{text} fits no checkpoint: neither in {house} nor from here on")
        seen: set[str] = set()
        for name in names:
            identity = entrant(choice, name).id
            if identity not in seen:
                seen.add(identity)
                found.append(name)
    return found


def check(choice: ArenaChoice, texts: Sequence[str]) -> None:
    """See that all of them can play every role.

    Raises:
        UserError: an entrant is unknown, or cannot fill one of the roles.
    """
    spec = choice.make(1).spec
    for text in texts:
        _fills_all(entrant(choice, text), spec, roles(spec))


def play(
    choice: ArenaChoice,
    rows: Sequence[str],
    columns: Sequence[str] | None = None,
    *,
    episodes: int | None = None,
    seed: int = PUBLIC_SEED,
    workers: int = 1,
    store: Store | None = None,
    command: str = "",
    quiet: bool = True,
) -> Matrix:
    """Play what is missing of a cross-play matrix, and read it from the records.

    Blocks are those of matches and tournaments, and each is recorded before the next begins: what was stopped goes on
    where it was, and whoever has met is not sent to play again.

    Args:
        choice: the arena.
        rows: ENTRANT texts.
        columns: ENTRANT texts; None takes the rows.
        episodes: E of every pairing in each seating; by default the arena's.
        seed: match seed; 0 is the public one, whose blocks are rated.
        workers: processes that play.
        store: records to read and to add to; None keeps nothing.
        command: what was typed, for the records.
        quiet: show no progress.

    Raises:
        UserError: an entrant is unknown, cannot fill one of the roles, or is named twice among the rows or columns.
    """
    limit_threads()
    if store is None:
        with Store(":memory:") as passing:
            return play(
                choice,
                rows,
                columns,
                episodes=episodes,
                seed=seed,
                workers=workers,
                store=passing,
                command=command,
                quiet=quiet,
            )
    arena = choice.make(1)
    identity, spec = choice.identity(arena), arena.spec
    if len(spec.seats) < 2:
        raise UserError(f"{identity} has one seat: there is nobody to play with")
    columns = rows if columns is None else columns
    texts = list(dict.fromkeys([*rows, *columns]))
    parts = roles(spec)
    check(choice, texts)
    for named in (rows, columns):
        _each_once([entrant(choice, text) for text in named])
    pairings = _pairings(choice, rows, columns)
    everybody = tuple(entrant(choice, text) for text in texts)
    plan = Plan(choice, arena, identity, everybody, None, pairings, seed, 0, episodes or spec.episodes)
    register(plan, store)
    tasks = plan.tasks()
    have = store.has_blocks(tasks)
    todo = [task for key, task in tasks.items() if key not in have]
    for _ in watch(keep(play_blocks(todo, workers), store), len(todo), "blocks", quiet=quiet):
        pass
    record_match(plan, store, command)
    players = dict(zip(texts, _players(choice, texts), strict=True))
    blocks = [b for b in store.blocks(identity, {p.id for p in players.values()}, "play") if b.id in tasks]
    row_ids, column_ids = [players[t].id for t in rows], [players[t].id for t in columns]
    return Matrix(
        choice=choice,
        identity=identity,
        spec=spec,
        roles=parts,
        rows=tuple(players[text] for text in rows),
        columns=tuple(players[text] for text in columns),
        seed=seed,
        episodes=plan.episodes,
        returns=episode_returns(blocks, row_ids, column_ids, parts, plan.episodes),
        per_step=episode_returns(blocks, row_ids, column_ids, parts, plan.episodes, max_steps=spec.max_steps),
        blocks=len(tasks),
        played=len(todo),
    )


def _pairings(choice: ArenaChoice, rows: Sequence[str], columns: Sequence[str]) -> list[tuple[str, str]]:
    """Every row with every column, each pairing once, ordered by ids within the pairing."""
    ids = {text: entrant(choice, text).id for text in (*rows, *columns)}
    pairings: dict[tuple[str, str], tuple[str, str]] = {}
    for pair in itertools.product(rows, columns):
        first, second = sorted(pair, key=lambda text: ids[text])
        pairings.setdefault((ids[first], ids[second]), (first, second))
    return list(pairings.values())


def _each_once(named: Sequence[Entrant]) -> None:
    known: dict[str, Entrant] = {}
    for who in named:
        other = known.get(who.id)
        known[who.id] = who
        if other is not None:
            twice = who.label if who.label == other.label else f"{other.label}, which is {who.label},"
            raise UserError(f"{twice} is named twice: name everybody once")


def _fills_all(who: Entrant, spec: ArenaSpec, parts: Mapping[str, Sequence[str]]) -> None:
    """A checkpoint that was trained for one party leaves the other one empty: told before anything is played."""
    if who.checkpoint is None:
        return
    for role, seats in parts.items():
        try:
            who.checkpoint.state_for(tuple(seats), spec)
        except UserError as error:
            trained = ", ".join(who.checkpoint.card.seats)
            raise UserError(
                f"{who.label} leaves the role {role} empty: it was trained for {trained} only, and in cross-play"
                " everybody plays every role"
            ) from error


def _players(choice: ArenaChoice, texts: Sequence[str]) -> list[Player]:
    """The players, with labels of which no two are the same."""
    who = {text: entrant(choice, text) for text in texts}
    labels = unique_labels([w.id for w in who.values()], {w.id: w.label for w in who.values()})
    kinds = {text: _kind(w) for text, w in who.items()}
    told = unique_labels(kinds.values(), _kind_labels(who, kinds))
    return [
        Player(
            text=text,
            label=labels[w.id],
            id=w.id,
            run=_run(w),
            weights=w.checkpoint.digest if w.checkpoint else "",
            kind=kinds[text],
            kind_label=told[kinds[text]],
        )
        for text, w in who.items()
    ]


def _strangers(one: Player, other: Player) -> bool:
    """Whether they come from different training runs: neither of one run, however long, nor with the same weights."""
    return one.run != other.run and not (one.weights and one.weights == other.weights)


def _run(who: Entrant) -> str:
    """Hash of how it was trained, except for how long: agent, settings, command and seed.

    A run that went on for more steps is the same run. Where the card does not tell the command, the weights stand for
    the run; who was not trained is its own.
    """
    if who.checkpoint is None:
        return who.id
    card = who.checkpoint.card
    if not card.command:
        return who.checkpoint.digest
    what = [card.agent, card.behaviour, card.config, _training(card.command, *_NOT_THE_RUN), card.seed]
    return hashlib.sha256(canonical(what).encode()).hexdigest()[:16]


def _training(command: str, *without: str) -> str:
    """A command without the named options and their values."""
    return re.sub(rf"\s--(?:{'|'.join(without)})(?:\s+|=)\S+", "", f" {command}").strip()


def _kind(who: Entrant) -> str:
    """Hash of agent, settings and training but for its seed; the identity of one who was not trained."""
    if who.checkpoint is None:
        return who.id
    card = who.checkpoint.card
    training = _training(card.command, "seed", "out")
    what = [who.entry.key, who.entry.agent.behaviour, asdict(who.config), card.steps, training]
    return hashlib.sha256(canonical(what).encode()).hexdigest()[:16]


def _kind_labels(who: Mapping[str, Entrant], kinds: Mapping[str, str]) -> dict[str, str]:
    """What was typed before the @, with the steps of training where kinds would else be called the same."""
    names = {kinds[text]: text.partition("@")[0] for text in who}
    steps = {kinds[text]: w.checkpoint.card.steps for text, w in who.items() if w.checkpoint}
    often = Counter(names.values())
    return {
        kind: f"{name}, {short(steps[kind])} steps" if often[name] > 1 and kind in steps else name
        for kind, name in names.items()
    }


def _checkpoints(pattern: str, root: Path | None = None) -> list[str]:
    """The folders that fit and hold a checkpoint, as the pattern names them, seed-2 before seed-10."""
    found = glob.glob(pattern, root_dir=root)
    return sorted((name for name in found if _is_checkpoint((root or Path()) / name)), key=_natural)


def _is_checkpoint(folder: Path) -> bool:
    return (folder / checkpoint.CARD).is_file()


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", name)]
