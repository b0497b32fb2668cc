"""Checkpoints: a folder with what plays (`weights.safetensors`) and what it is (`card.json`). No pickle anywhere."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.entry.settings import split
from zoo.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from agents.protocol import State
    from arenas.protocol import ArenaSpec

WEIGHTS, CARD, RESUME = "weights.safetensors", "card.json", "resume"
#: In a file, the seat of tensors that all trained seats have in common.
EVERY = "*"
HOUSE = Path(__file__).resolve().parents[2] / "agents" / "weights"
_FORMAT = 1
#: What kind of thing the entries of a card are, those that play depends on.
_KINDS: dict[str, type] = {"agent": str, "behaviour": int, "config": dict, "arena": str, "seats": list}


@dataclass(frozen=True)
class Card:
    """What a checkpoint is and where it comes from. `arena` is an identity, `seats` the trained seats in order."""

    agent: str
    behaviour: int
    config: dict[str, Any]
    arena: str
    seats: list[str]
    seed: int
    steps: int  # environment steps played in training, all copies together
    command: str
    commit: str = ""
    cpu_s: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    format: int = _FORMAT


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint; `state` holds one set of tensors per trained seat, keyed "SEAT/NAME"."""

    path: Path
    card: Card
    state: State
    digest: str

    def state_for(self, seats: tuple[str, ...], spec: ArenaSpec) -> State:
        """The tensors for an agent that fills `seats`: its own set, or the single set of its side.

        Raises:
            UserError: a seat was not trained, nor is there a single set of its side.
        """
        chosen: State = {}
        for seat in seats:
            source = seat
            if seat not in self.card.seats:
                side = [s for s in self.card.seats if s in spec.seats and spec.seats[s].side == spec.seats[seat].side]
                if len(side) != 1:
                    trained = ", ".join(self.card.seats) or "no seat"
                    raise UserError(
                        f"checkpoint {self.path} has no weights for seat {seat}: it was trained for {trained} only"
                    )
                source = side[0]
            for name, tensor in self.state.items():
                owner, _, rest = name.partition("/")
                if owner == source:
                    chosen[f"{seat}/{rest}"] = tensor
        return chosen


def digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes of the tensors, independent of their order."""
    import torch

    total = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        total.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def save(folder: Path, state: State, card: Card) -> None:
    """Write a checkpoint so that at any moment the folder holds a whole one: the old or the new."""
    make_folder(folder)
    write_tensors(folder / WEIGHTS, _folded(state, card.seats))
    _write_card(folder, card)


def add_metrics(folder: Path, metrics: Mapping[str, float], prefix: str) -> None:
    """Write figures whose names begin with `prefix` into a checkpoint's card, in place of those that it has so far.

    Raises:
        UserError: no checkpoint there, or the card cannot be written.
    """
    card = load(folder).card
    kept = {name: value for name, value in card.metrics.items() if not name.startswith(prefix)}
    _write_card(folder, replace(card, metrics=kept | dict(metrics)))


def _write_card(folder: Path, card: Card) -> None:
    write_atomically(folder / CARD, (json.dumps(asdict(card), indent=1, sort_keys=True) + "\n").encode())


def load(folder: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        UserError: no checkpoint there, or a broken one.
    """
    if not (folder / CARD).is_file():
        raise UserError(f"{folder} is no checkpoint: it has no {CARD}")
    try:
        raw = json.loads((folder / CARD).read_text())
        if raw.get("format") != _FORMAT:
            raise UserError(f"checkpoint {folder} has format {raw.get('format')}, this version reads {_FORMAT}")
        card = Card(**raw)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:  # no JSON: a ValueError
        raise UserError(f"checkpoint {folder} is broken: {CARD}: {error}") from error
    for name, kind in _KINDS.items():
        if not isinstance(getattr(card, name), kind):
            raise UserError(f"checkpoint {folder} is broken: {CARD}: {name} is {getattr(card, name)!r}")
    state = unfolded(read_tensors(folder / WEIGHTS), card.seats)
    return Checkpoint(folder, card, state, digest(state))


def house_places(identity: str, agent: str) -> list[Path]:
    """The folders in which the house may keep checkpoints of an agent for an arena, the best first.

    They are the arena's own, that of the same game under its usual settings, and those of its other settings, in the
    order of how many settings differ. Which of them hold one that fits is for the caller to see.
    """
    game, wanted = _settings_of(identity)
    folders = [folder for folder in HOUSE.glob(f"{game}*/{agent}") if _settings_of(folder.parent.name)[0] == game]
    far = {folder: wanted ^ _settings_of(folder.parent.name)[1] for folder in folders}

    def rank(folder: Path) -> tuple[int, int, str]:
        """A setting that has another value in both counts once."""
        fields = {setting.partition("=")[0] for setting in far[folder]}
        return len(fields), len(_settings_of(folder.parent.name)[1]), folder.parent.name

    return sorted(folders, key=rank)


def _settings_of(identity: str) -> tuple[str, frozenset[str]]:
    """The game of an arena identity, and its settings: "coin-v1(size=5)" -> ("coin-v1", {"size=5"})."""
    game, _, settings = identity.removesuffix(")").partition("(")
    return game, frozenset(split(settings))


def _folded(state: State, seats: Sequence[str]) -> State:
    """Tensors that are the same for all seats once, as "*/NAME"; `unfolded` undoes it."""
    folded: State = {}
    for name, tensor in state.items():
        owner, _, rest = name.partition("/")
        others = [state.get(f"{seat}/{rest}") for seat in seats] if owner in seats else []
        alike = len(others) > 1 and all(o is not None and _same(o, tensor) for o in others)
        folded[f"{EVERY}/{rest}" if alike else name] = tensor
    return folded


def unfolded(state: State, seats: Sequence[str]) -> State:
    """Tensors "SEAT/NAME" for every seat, as they were before those of all seats were stored as "*/NAME"."""
    whole: State = {}
    for name, tensor in state.items():
        owner, _, rest = name.partition("/")
        whole |= (
            {f"{seat}/{rest}": tensor for seat in (seats if owner == EVERY else [owner])} if rest else {name: tensor}
        )
    return whole


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are one, to the bit."""
    import torch

    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return torch.equal(*(x.detach().cpu().contiguous().reshape(-1).view(torch.uint8) for x in (one, other)))


def read_tensors(path: Path) -> State:
    """Tensors from a safetensors file, all finite.

    Raises:
        UserError: the file is missing, broken, or holds numbers that are not finite.
    """
    where = f"checkpoint {path.parent} is broken: {path.name}"
    if path.exists() and not path.is_file():  # a pipe would keep its reader waiting for ever
        raise UserError(f"{where}: it is no regular file")
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise UserError(f"{where} is no regular file")
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{where}: {error}") from error
    return from_bytes(data, where)


def from_bytes(data: bytes, where: str) -> State:
    """Tensors from the bytes of a safetensors file, all finite; `where` begins what is said of others.

    Raises:
        UserError: they are broken, or hold numbers that are not finite.
    """
    import safetensors
    import safetensors.torch
    import torch

    try:
        state: State = safetensors.torch.load(data)
    except safetensors.SafetensorError as error:
        raise UserError(f"{where}: {error}") from error
    for name, tensor in state.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise UserError(f"{where}: {name} is not finite")
    return state


def write_tensors(path: Path, state: State, notes: Mapping[str, str] | None = None) -> None:
    """Tensors to a safetensors file, atomically; `notes` go into its header."""
    write_atomically(path, to_bytes(state, notes))


def to_bytes(state: State, notes: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a safetensors file with these tensors; `notes` go into its header."""
    import safetensors.torch

    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    data: bytes = safetensors.torch.save(plain, dict(notes) if notes else None)
    return data


def make_folder(folder: Path) -> None:
    """Make a folder and its parents.

    Raises:
        UserError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror or error}") from error


def must_take_a_file(path: Path) -> None:
    """Make sure, before work begins that ends with it, that a file can be written here.

    Raises:
        UserError: it cannot.
    """
    try:
        if not path.parent.is_dir():
            raise UserError(f"cannot write {path}: there is no folder {path.parent}")
        if path.exists() and not path.is_file():
            raise UserError(f"cannot write {path}: it is {'a folder' if path.is_dir() else 'no regular file'}")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside and rename, so that a killed process leaves the old file or the new one, never a part.

    Raises:
        UserError: it cannot be written, or something else than a file is there: a device would be a file from then on.
    """
    must_take_a_file(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
