"""A submission whose files have been read and which is consistent in itself; nothing of it has run yet."""

from __future__ import annotations

import getpass
import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leaderboard.records import canonical
from zoo.entry.checkpoint import CARD, WEIGHTS
from zoo.entry.registry import AGENTS, ARENAS, FOREIGN, LIBRARIES, names
from zoo.entry.submitted import Submitted
from zoo.errors import UserError, nearest
from zoo.submission import archive
from zoo.submission.archive import Files
from zoo.submission.code import CodeReport, classes, read_code
from zoo.submission.manifest import Manifest, check_entrant_name, read_manifest
from zoo.submission.names import MANIFEST
from zoo.submission.refusal import Refused, line_of, shown
from zoo.submission.tensors import check_tensors

#: What a card says that decides how its checkpoint plays.
_DECIDES = {"agent": str, "behaviour": int, "config": dict, "arena": str, "seats": list}
#: A whole number in a card's config above which weights of that size would have to be there.
_LARGEST_SETTING = 8192


@dataclass(frozen=True)
class Asked:
    """What was typed beside the path; "" stands for nothing.

    Attributes:
        name: what to call it.
        author: who made it.
        arena: the arena with its settings, "ipd,max_steps=20".
    """

    name: str = ""
    author: str = ""
    arena: str = ""


@dataclass(frozen=True)
class Submission:
    """What was submitted.

    Attributes:
        manifest: as it was sent, completed by what was typed.
        files: the files but the manifest; those of a checkpoint are `card.json` and `weights.safetensors`.
        left_out: names that were passed over.
        code: what its Python files consist of.
        shapes: name -> shape of every tensor of its weights.
        agent: registered name of the agent where it is a checkpoint alone, else "".
        trained_in: identity of the arena in which it was trained, where a card says so.
    """

    manifest: Manifest
    files: Files
    left_out: tuple[str, ...]
    code: CodeReport
    shapes: Mapping[str, tuple[int, ...]]
    agent: str = ""
    trained_in: str = ""

    def digest(self, arena: str) -> str:
        """Identity in an arena: a hash of the files, and of what is said of how they play; not of name and author."""
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}
        manifest = self.manifest
        how: dict[str, Any] = {"entry": manifest.entry, "weights": manifest.weights, "seats": list(manifest.seats)}
        how |= {"config": dict(manifest.config), "arena": arena}
        if self.agent:
            card = json.loads(self.files[CARD])
            hashes[CARD] = canonical({key: card[key] for key in _DECIDES})
        return hashlib.sha256(canonical([hashes, how]).encode()).hexdigest()

    @property
    def kept(self) -> Files:
        """All files as they are kept and exported, with a manifest."""
        return {**self.files, MANIFEST: self.manifest.text().encode()}

    def submitted(self, folder: Path, arena: str, label: str = "") -> Submitted:
        """The submission as it lies in a folder, for an arena's identity."""
        manifest = self.manifest
        parts = (manifest.entry, self.agent, manifest.weights, manifest.config, manifest.seats)
        return Submitted(label or manifest.name, folder, arena, *parts)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(map(len, self.files.values()))


def open_submission(text: str, asked: Asked) -> Submission:
    """Read a submission, and see that it is consistent in itself.

    Args:
        text: a zip, a folder, a file or a checkpoint's folder; a file may be followed by the class, `:MyAgent`, and by
            the folder of its checkpoint, `@FOLDER`.
        asked: what was typed beside it.

    Raises:
        Refused: a rule is broken.
        UserError: there is nothing to read.
    """
    path, cls, checkpoint = _parts(text)
    contents = archive.read(path)
    if not contents.files:
        raise Refused("entry", path.name, "it is empty", "`zoo new agent NAME` writes an agent to begin with")
    files = dict(contents.files)
    if path.is_file() and path.suffix.lower() not in (".py", ".zip"):
        cure = "submit a FILE.py, a folder, a zip, or a checkpoint's folder"
        raise Refused("entry", path.name, "it is no agent", cure)
    declared = read_manifest(files.pop(MANIFEST)) if MANIFEST in files else None
    code = read_code(files)
    card: dict[str, Any] = {}
    if checkpoint is not None:
        trained = archive.read(checkpoint).files
        card = _card(trained, str(checkpoint))
        files[WEIGHTS] = trained[WEIGHTS]
    elif not code.lines and CARD in files:
        card = _card(files, path.name)
        _check_card_agent(card)
        files = {name: files[name] for name in (CARD, WEIGHTS)}
    shapes = {name: check_tensors(data, name) for name, data in files.items() if name.endswith(".safetensors")}
    alone = bool(card) and checkpoint is None
    manifest = _manifest(path, declared, asked, card)
    if alone:
        _check_settings(card, shapes[WEIGHTS])
    else:
        manifest = replace(manifest, **_plays(manifest, files, code, cls, card))
    weights = WEIGHTS if alone else manifest.weights
    check_free(manifest.name, path.name if declared is None else MANIFEST)
    if weights and weights not in files:
        cure = "train the agent first, with --out FOLDER, or correct the line weights = ..."
        raise Refused("manifest", MANIFEST, f"there is no file {weights}", cure)
    parts = (manifest, dict(sorted(files.items())), contents.left_out, code, shapes.get(weights, {}))
    return Submission(*parts, agent=card["agent"] if alone else "", trained_in=card.get("arena", ""))


def _parts(text: str) -> tuple[Path, str, Path | None]:
    """The path, the class and the checkpoint in `PATH[:Class][@CHECKPOINT]`; a path that exists is taken whole.

    Raises:
        UserError: the text, or what is on one side of its @, is empty.
    """
    if not all(part.strip() for part in text.rsplit("@", 1)):  # an empty path would mean the current folder
        raise UserError(f"PATH {text!r} names nothing: give a .py file, a folder or a zip, and behind any @ a folder")
    if Path(text).exists():
        return Path(text), "", None
    place, at, checkpoint = text.rpartition("@") if "@" in text else (text, "", "")
    if not Path(place).exists() and ".py:" in place:
        place, _, cls = place.rpartition(":")
        return Path(place), cls, Path(checkpoint) if at else None
    return Path(place), "", Path(checkpoint) if at else None


def _manifest(path: Path, declared: Manifest | None, asked: Asked, card: Mapping[str, Any]) -> Manifest:
    """Name, author and arena, as they were declared or typed; what was typed counts more."""
    known = declared or Manifest("", "", "")
    stem = path.stem.lower().replace("_", "-") if path.suffix == ".py" else ""
    name, arena = asked.name or known.name or stem, asked.arena or known.arena or _typed(card.get("arena", ""))
    if not name:
        raise Refused("name", path.name, "it has no name", "give it one: --as NAME")
    if not arena:
        raise Refused("manifest", path.name, "it names no arena", "add --arena ARENA; `zoo arenas` lists them")
    author = asked.author or known.author or author_here()
    return replace(known, name=name, author=author, arena=arena)


def _plays(manifest: Manifest, files: Files, code: CodeReport, cls: str, card: Mapping[str, Any]) -> dict[str, Any]:
    """Which class plays, and what its checkpoint adds."""
    entry = manifest.entry
    if not entry:
        known = [agent for agent in code.agents if not cls or agent.endswith(f":{cls}")]
        known = known or ([f"{name}:{cls}" for name in code.lines] if cls and len(code.lines) == 1 else [])
        if len(known) != 1:
            found = f"it has several: {', '.join(known)}" if known else "no class in it derives from one of `agents`"
            if len(known) > 1 and len(code.lines) == 1:
                raise Refused("entry", next(iter(files)), "it has several agents", f"type one: {' or '.join(known)}")
            cure = f'add {MANIFEST} with a line entry = "FILE.py:CLASS"; `zoo new agent NAME --package` writes one'
            raise Refused("entry", next(iter(files)), f"which class is the agent? {found}", cure)
        (entry,) = known
    file, _, name = entry.rpartition(":")
    where = MANIFEST if manifest.entry else file
    if file not in files:
        raise Refused("entry", where, f"there is no file {shown(file)}", "correct the line entry = ...")
    if name not in (inside := classes(files[file])):
        raise Refused("entry", file, f"it has no class {name} at its top", nearest(name, inside))
    if not card:
        return {"entry": entry}
    config = {key: "none" if value is None else value for key, value in card["config"].items()}
    return {"entry": entry, "weights": WEIGHTS, "config": config, "seats": tuple(card["seats"])}


def _card(files: Files, where: str) -> dict[str, Any]:
    """What a checkpoint's card says."""
    for name in (CARD, WEIGHTS):
        if name not in files:
            cure = "a checkpoint is a folder as `zoo train` writes it"
            raise Refused("weights", where, f"it is no checkpoint: it has no {name}", cure)
    try:
        card = json.loads(files[CARD].decode())
        broken = "" if isinstance(card, dict) else "it is no table"
    except json.JSONDecodeError as error:
        raise Refused(
            "weights", line_of(CARD, error.lineno), f"it is no JSON: {error.msg}", "train it again"
        ) from error
    except (ValueError, RecursionError):
        broken = "it is no JSON"
    for key, kind in _DECIDES.items():
        if not broken and not (key in card and isinstance(card[key], kind)):
            broken = f"{key} is missing or of the wrong kind"
    if broken or not all(isinstance(seat, str) for seat in card["seats"]):
        raise Refused("weights", CARD, broken or "seats are no list of names", "train it again, or take the card back")
    return dict(card)


def _check_card_agent(card: Mapping[str, Any]) -> None:
    """See that a checkpoint alone is of an agent of the zoo's own."""
    agent = card["agent"]
    if agent not in names(AGENTS):
        raise Refused(
            "weights",
            CARD,
            f"{shown(agent)} is no agent of the zoo's",
            "send its code, too: zoo submit FILE.py:CLASS@CHECKPOINT",
        )


def _check_settings(card: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """See that no setting asks for a network that is far larger than the weights are."""
    sides = {side for shape in shapes.values() for side in shape}
    default = vars(names(AGENTS)[card["agent"]].load().Config())
    for key, value in card["config"].items():
        for number in value if isinstance(value, list) else [value]:
            known = number == default.get(key) or number in sides
            if isinstance(number, int) and number > _LARGEST_SETTING and not known:
                cure = f"only weights of that size may say so; the agent's own value is {default.get(key)}"
                raise Refused("weights", CARD, f"{shown(key)} is {number}", cure)


def check_free(name: str, where: str, cure: str = "choose another one: --as NAME") -> None:
    """See that a name is a plain one, and nobody's that ships.

    Raises:
        Refused: it is not.
    """
    check_entrant_name(name, where)
    if name in names(AGENTS) or name in names(ARENAS) or name in (*LIBRARIES, *FOREIGN, "nemesis"):
        raise Refused("name", where, f"{name} is a name of the zoo's own", cure)


def _typed(identity: str) -> str:
    """An arena's identity as it is typed: "coin-v1(size=5)" is "coin,size=5"."""
    name, bracket, settings = identity.rstrip(")").partition("(")
    return f"{name.rpartition('-v')[0] or name}{',' if bracket else ''}{settings}"


def author_here() -> str:
    """Who submits: the name that git knows, or else the user's.

    Raises:
        UserError: nobody is known.
    """
    try:
        said = subprocess.run(["git", "config", "user.name"], capture_output=True, text=True, timeout=5, check=False)
        name = said.stdout.strip()
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        name = ""
    try:
        name = name or getpass.getuser()
    except (OSError, KeyError) as error:
        raise UserError("nobody is known to be the author: add --author NAME") from error
    return "".join(letter for letter in name if letter.isprintable())[:80]
