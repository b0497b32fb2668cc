"""What a match leaves behind: plain, frozen records that the store keeps and every table is computed from.

Words, one for one thing: a *block* is one pairing x all seat rotations x `episodes` paired seeds. It is the unit of
work and the unit of evidence; a *match* is one invocation, which consists of blocks, and matters to no rating.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

RULES_VERSION: int = 1
"""Version of the rules by which blocks are seeded and seated. Blocks of another version are never mixed in a table."""

KINDS: tuple[str, ...] = ("competitive", "cooperative", "mixed")


class Status(StrEnum):
    """How an episode ended for one seat; everything but `DONE` is a fault of the entrant in that seat."""

    DONE = "DONE"
    FORFEIT = "FORFEIT"
    INVALID = "INVALID"
    TIMEOUT = "TIMEOUT"
    CRASH = "CRASH"
    MEMORY = "MEMORY"

    @property
    def code(self) -> int:
        """Position in the order above: what `SeatResult.statuses` stores."""
        return STATUSES.index(self)


STATUSES: tuple[Status, ...] = tuple(Status)


def canonical(value: object) -> str:
    """JSON text that is the same for equal values: sorted keys, no spaces, no NaN.

    Raises:
        ValueError: a NaN or an infinity lies inside `value`.
        TypeError: something that JSON has no form for lies inside `value`.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def block_id(
    arena: str,
    entrants: tuple[str, ...],
    mode: str,
    seed: int,
    first_episode: int,
    episodes: int,
    rules_version: int = RULES_VERSION,
) -> str:
    """Identity of a block: sha256 (64 hex digits) of everything that decides its outcome, and of nothing else."""
    what = [arena, sorted(entrants), mode, seed, first_episode, episodes, rules_version]
    return hashlib.sha256(canonical(what).encode()).hexdigest()


@dataclass(frozen=True)
class ArenaRecord:
    """A game under fixed rules. `details` describes; everything else is what the identity `id` stands for.

    Attributes:
        id: name, version and arguments, such as "coin-v1" or "coin-v1(size=5)".
        name: name and version alone.
        kind: "competitive", "cooperative" or "mixed".
        seats: (seat, side) in seating order; seats of one side may be exchanged by rotation.
        draw_band: largest difference of mean return per episode that still is a draw.
        forfeit: return per episode of the one who spoils it.
        gamma: discount per step.
        max_steps: steps after which an episode is cut; 0 where nothing cuts it.
        details: further facts for readers.

    Raises:
        ValueError: the kind is unknown, or there is no seat.
    """

    id: str
    name: str
    kind: str
    seats: tuple[tuple[str, str], ...]
    draw_band: float
    forfeit: float
    gamma: float
    max_steps: int
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"arena {self.id}: kind {self.kind!r} is not one of {', '.join(KINDS)}")
        if not self.seats:
            raise ValueError(f"arena {self.id}: an arena needs at least one seat")

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides, each once, in seating order."""
        return tuple(dict.fromkeys(side for _, side in self.seats))


@dataclass(frozen=True)
class EntrantRecord:
    """One who plays. `id` stands for agent, behaviour, config, weights and mode; `label` is what people read.

    Attributes:
        id: hash made by the caller.
        label: for people, such as "lola" or "lola,eta=0.5"; the first label recorded for an id stays.
        agent: registered name of the agent.
        behaviour: version number of the agent's behaviour, declared by its file.
        config: its settings.
        weights: sha256 of the acting weights, None where it has none.
        mode: {"mode": "play"} or {"mode": "learn", ...its schedule}.
        provenance: where it came from (commit, command, machine); no part of the identity. {"stranger": true} marks
            one that does not ship.
    """

    id: str
    label: str
    agent: str
    behaviour: int
    config: Mapping[str, Any]
    weights: str | None
    mode: Mapping[str, Any]
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NameRecord:
    """What an entrant is called on screens from now on: `id` is made of the rest, the last one added counts."""

    id: str
    entrant: str
    name: str
    created: str


@dataclass(frozen=True)
class CheckpointRecord:
    """A trained parameter set: `id` is the sha256 of its weights, `path` where it lay when it was recorded."""

    id: str
    agent: str
    arena: str
    path: str
    card: Mapping[str, Any]
    created: str


@dataclass(frozen=True)
class PanelRecord:
    """The frozen partners of an arena, such as "coin-v1/panel-1", and the scale of its ratings.

    Mappings have one entry for each side that is counted on its own; the key is "" where there is but one.

    Attributes:
        id: name of this version.
        arena: arena id.
        entrants: ids of the members, ordered.
        weights: {side: weight of each member as a partner of those on that side}; empty for equal weights.
        scale: {side: (mean, standard deviation) of the members' headlines}, which mu puts at 25 and 25/3.
        anchors: {side: (low, high)} own returns between which the headline is scaled; empty where there are none.
        texts: how the members are named as entrants; empty where a file of the house names them.
        details: how weights and scale were computed, for readers.
    """

    id: str
    arena: str
    entrants: tuple[str, ...]
    weights: Mapping[str, Sequence[float]] = field(default_factory=dict)
    scale: Mapping[str, Sequence[float]] = field(default_factory=dict)
    anchors: Mapping[str, Sequence[float]] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MatchRecord:
    """One invocation: the ids of all blocks that it consists of, played or reused. No rating reads it.

    `created` is an ISO 8601 time in UTC, `version` that of the program, `command` what was typed.
    """

    id: str
    arena: str
    entrants: tuple[str, ...]
    mode: str
    seed: int
    episodes: int
    blocks: tuple[str, ...]
    command: str
    created: str
    version: str
    details: Mapping[str, Any] = field(default_factory=dict)


#: The arrays of a `SeatResult` and their types, which are little-endian everywhere.
ARRAYS = {"returns": "<f8", "lengths": "<i4", "statuses": "u1"}


@dataclass(frozen=True, eq=False)
class SeatResult:
    """What one entrant did in one seat under one rotation of a block; k is the block's number of episodes.

    Attributes:
        rotation: number of the seating, from 0.
        seat: the seat.
        entrant: id of who sat there.
        returns: float64 [k], undiscounted sum of the seat's rewards per episode.
        lengths: int32 [k], steps per episode.
        statuses: uint8 [k], positions in `STATUSES`.
        metrics: {name: (mean, standard error, n)}.
        cpu_s: seconds of processor time spent in the agent.
        isolation: how the agent was kept apart ("trusted", "process", "strict", "container").

    The arrays are made read-only. Two results are equal if the game was: `cpu_s` and `isolation` do not count.

    Raises:
        ValueError: the arrays differ in length, a return is not finite, or a status code is unknown.
    """

    rotation: int
    seat: str
    entrant: str
    returns: NDArray[np.float64]
    lengths: NDArray[np.int32]
    statuses: NDArray[np.uint8]
    metrics: Mapping[str, tuple[float, float, int]] = field(default_factory=dict)
    cpu_s: float = 0.0
    isolation: str = "trusted"

    def __post_init__(self) -> None:
        where = f"seat {self.seat}, rotation {self.rotation}"
        for name, dtype in ARRAYS.items():
            array = np.array(getattr(self, name), dtype=dtype)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
            if array.ndim != 1 or array.shape != self.returns.shape:
                raise ValueError(f"{where}: {name} has shape {array.shape}, not one number per episode")
        if not np.isfinite(self.returns).all():
            raise ValueError(f"{where}: a return is not finite; record the forfeit return and its status instead")
        if self.statuses.size and int(self.statuses.max()) >= len(STATUSES):
            raise ValueError(f"{where}: status code {int(self.statuses.max())} is unknown")

    @classmethod
    def stored(cls, fields: Mapping[str, Any], metrics: Mapping[str, tuple[float, float, int]]) -> "SeatResult":
        """A result from its fields by name, with the bytes of arrays: nothing is copied or checked again."""
        self = object.__new__(cls)
        arrays = {name: np.frombuffer(fields[name], dtype) for name, dtype in ARRAYS.items()}
        # __dict__ at once: reading thousands of blocks spends its time here, and a frozen class sets one by one.
        self.__dict__.update(fields, **arrays, metrics=metrics)
        return self

    def content(self) -> tuple[object, ...]:
        """What the game decided, comparable: everything but processor time and isolation."""
        arrays = (self.returns.tobytes(), self.lengths.tobytes(), self.statuses.tobytes())
        return (self.rotation, self.seat, self.entrant, *arrays, canonical(dict(self.metrics)))

    def __eq__(self, other: object) -> bool:
        return self.content() == other.content() if isinstance(other, SeatResult) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.content())


@dataclass(frozen=True)
class LogRecord:
    """One kind of fault that an entrant had in one seat under one rotation of a block, and what it printed.

    Attributes:
        id: block, rotation, seat and status.
        block, rotation, seat, entrant: where, and whose fault.
        status: its kind, see `Status`.
        first_episode: number of the first episode that it spoiled; episodes: how many.
        message: what happened, in one line.
        tail: the end of what the agent printed, at most `TAIL` characters.

    What no database can hold (null characters, halves of characters) is replaced in the texts.
    """

    id: str
    block: str
    rotation: int
    seat: str
    entrant: str
    status: str
    first_episode: int
    episodes: int
    message: str
    tail: str = ""

    TAIL: ClassVar[int] = 8_000

    def __post_init__(self) -> None:
        for name, text in (("message", " ".join(self.message.split())[: self.TAIL]), ("tail", self.tail[-self.TAIL :])):
            sound = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
            object.__setattr__(self, name, sound)


@dataclass(frozen=True)
class BlockRecord:
    """One pairing x all seat rotations x `episodes` paired seeds: the unit of work and of evidence.

    Attributes:
        id: `block_id` of the fields below without `results`.
        arena: arena id.
        entrants: the two ids of the pairing, sorted; in self-play the same id twice.
        mode: "play" or "learn".
        seed: seed of the match; episode seeds derive from it and the episode's number.
        first_episode: number of the first episode, from 0.
        episodes: k, the number of episodes, the same in every rotation.
        rules_version: `RULES_VERSION` under which it was played.
        results: one per rotation and seat.
        logs: the faults in it, when it comes from play; they are no part of what was played, and not read with it.

    Raises:
        ValueError: the pairing is not two sorted ids, there is no episode or no result, a seat has two
            results in a rotation, or a result has another entrant or number of episodes.
    """

    id: str
    arena: str
    entrants: tuple[str, ...]
    mode: str
    seed: int
    first_episode: int
    episodes: int
    rules_version: int
    results: tuple[SeatResult, ...]
    logs: tuple[LogRecord, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.entrants) != 2 or self.entrants[0] > self.entrants[1]:
            raise ValueError(f"block {self.id[:16]}: entrants must be two ids in sorted order, not {self.entrants}")
        if self.episodes < 1:
            raise ValueError(f"block {self.id[:16]}: a block has at least one episode")
        if not self.results or len({(result.rotation, result.seat) for result in self.results}) < len(self.results):
            raise ValueError(f"block {self.id[:16]}: needs one result per rotation and seat, each once")
        for result in self.results:
            if result.entrant not in self.entrants or result.returns.shape != (self.episodes,):
                raise ValueError(
                    f"block {self.id[:16]}: seat {result.seat}, rotation {result.rotation} is not a result of "
                    f"{self.episodes} episodes between {self.entrants}"
                )


@dataclass(frozen=True)
class Measurement:
    """A number about one subject that no block holds, such as its exploitability, with its interval and its terms.

    Attributes:
        subject: entrant id.
        arena: arena id.
        kind: what was measured, such as "exploiter_gain".
        value: the number, in return per episode unless `details` say otherwise; low, high: its 95 % interval.
        n: number of independent units behind it.
        exact: computed, not estimated; else the value is what the `budget` reached.
        budget: steps spent, 0 where exact.
        panel: panel id, None where there is no panel.
        details: further facts for readers.
    """

    subject: str
    arena: str
    kind: str
    value: float
    low: float
    high: float
    n: int
    exact: bool
    budget: int
    panel: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SubmissionRecord:
    """What happened to an agent that came from outside.

    Attributes:
        id: hash of the submission, its files and what the manifest says of them; of a later event, of all the rest.
        entrant: whom it became.
        arena: where it was entered.
        details: "event" is "entered", with name, author, entry, weights, config and files; or "withdrawn" or
            "disqualified", with "of", the submission's id, and "why".
        created: when, ISO 8601 in UTC.
    """

    id: str
    entrant: str
    arena: str
    details: Mapping[str, Any]
    created: str
