"""The folder in which hostile command lines run: odd files, damaged checkpoints, and homes whose records were damaged.

build(folder)      lines = read()      line.words(build(folder))
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.zoo.command_line import AGENTS, ENVIRONMENTS, fresh_checkpoint
from zoo.entry.checkpoint import CARD, WEIGHTS
from zoo.entry.venue import ArenaChoice

HERE = Path(__file__).parent
NESTED = "[" * 200_000
COIN = ArenaChoice("coin", ("max_steps=5",))
_ASSIGNMENT = re.compile(r"[A-Z_]+=")


@dataclass(frozen=True)
class Line:
    """A command line, the kind of fault that it belongs to, and what it attacks."""

    kind: str
    text: str
    attacks: str

    @property
    def command(self) -> str:
        """The command's name."""
        return next((word for word in shlex.split(self.text) if not _ASSIGNMENT.match(word)), "")

    def words(self, named: dict[str, str]) -> tuple[dict[str, str], list[str]]:
        """The environment and the words of the command; `named` says what stands for {words in braces}."""
        environment: dict[str, str] = {}
        text = self.text
        for name, value in named.items():
            text = text.replace(f"{{{name}}}", value)
        words = shlex.split(text)
        while words and _ASSIGNMENT.match(words[0]):
            name, _, value = words.pop(0).partition("=")
            environment[name] = value
        return environment, words


def read() -> list[Line]:
    """All lines of `lines.txt`."""
    lines, kind = [], ""
    for text in (HERE / "lines.txt").read_text().splitlines():
        if text.startswith("== "):
            kind = text.removeprefix("== ")
        elif text and not text.startswith("#"):
            words, _, attacks = text.rpartition(" -- ")
            lines.append(Line(kind, words, attacks))
    return lines


def build(folder: Path, zoo: Callable[..., object]) -> dict[str, str]:
    """Fill an empty folder, which is the current one; returns what stands for the words in braces.

    Args:
        folder: where.
        zoo: runs a command that succeeds, in the home `folder`/home.
    """
    for name, text in (("mine.py", AGENTS), ("envs.py", ENVIRONMENTS), ("broken.py", "raise OSError('worn out')")):
        (folder / name).write_text(text)
    for file in (HERE / "files").iterdir():
        shutil.copy(file, folder / file.name.removesuffix(".txt"))  # no code of ours: nobody checks its style
    _odd_files(folder)
    _archives(folder)
    _manifests(folder)
    _rules(folder)
    _checkpoints(folder)
    game = ("--arena", "ipd", "--set", "arena.max_steps=5")
    zoo("match", "grim", "random", *game, "--episodes", 4, "--panel", "grim,random", "--json")
    _homes(folder, Path(os.environ["ZOO_HOME"]) / "records.sqlite")
    with closing(sqlite3.connect(Path(os.environ["ZOO_HOME"]) / "records.sqlite")) as records:
        match = records.execute("SELECT id FROM match").fetchone()[0]
    return {
        "long": "x" * 5000,
        "byte": "\udcff\udcfe",
        "ipd": "'ipd-v1(max_steps=5)'",
        "coin": "coin --set arena.max_steps=5",
        "match": match,
    }


def _odd_files(folder: Path) -> None:
    for name in ("folder", "taken-folder", "taken_folder"):
        (folder / name).mkdir()
    texts = {
        "notes.txt": "Nothing to see here.\n",
        "not-a.zip": "This is no archive.\n",
        "proof.json": "{}",
        "nested.json": NESTED,
        "list.json": "[1, 2, 3]",
        "taken.py": "",
        "none.py": "x = 3\n",
        "two.py": "from agents.protocol import Agent\nclass One(Agent): pass\nclass Two(Agent): pass\n",
        "tabs.py": "class Mine:\n\tdef act(self):\n  return 1\n",
        "helper.py": "import no_such_helper_of_mine\ndef env(): pass\n",
        "helped.py": "import no_such_helper_of_mine\nclass Mine: pass\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "latin.py").write_bytes(b"# M\xfcller\nclass Mine: pass\n")
    (folder / "null.py").write_bytes(bytes(100))
    os.mkfifo(folder / "pipe-to-nobody")
    for name in ("weights.pt", "policy.pkl", "arrays.npz"):
        (folder / name).write_bytes(b"\x80\x04N.")


def _archives(folder: Path) -> None:
    def archive(name: str, *members: tuple[str | zipfile.ZipInfo, bytes]) -> None:
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as file:
            for member, data in members:
                file.writestr(member, data)

    link = zipfile.ZipInfo("agent.py")
    link.external_attr = 0o120777 << 16
    archive("empty.zip")
    archive("climbs.zip", ("../agent.py", b"x = 1\n"))
    archive("absolute.zip", ("/tmp/agent.py", b"x = 1\n"))
    archive("link.zip", (link, b"/etc/passwd"))
    archive("bomb.zip", ("agent.py", bytes(200 << 20)))
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as file:
        file.writestr("agent.py", b"x = 1\n")
        file.writestr("Agent.py", b"x = 2\n")
    (folder / "twice.zip").write_bytes(whole.getvalue().replace(b"Agent.py", b"agent.py"))


def _manifests(folder: Path) -> None:
    texts: dict[str, bytes] = {
        "toml-broken": b"name = [",
        "toml-empty": b"",
        "toml-types": b"name = 3\nauthor = 4\narena = 5\nentry = 6\n",
        "toml-bytes": b"name = '\xff\xfe'\n",
        "toml-nowhere": b"name = 'x'\nauthor = 'me'\narena = 'ipd'\nentry = 'nowhere.py:Mine'\n",
        "toml-climbs": b"name = 'x'\nauthor = 'me'\narena = 'ipd'\nentry = '../mine.py:Plain'\n",
    }
    for name, text in texts.items():
        (folder / name).mkdir()
        (folder / name / "zoo.toml").write_bytes(text)
        (folder / name / "agent.py").write_text("x = 1\n")


def _rules(folder: Path) -> None:
    from zoo.season.rules import EXAMPLE

    changes = {
        "broken": ('name = "spring"', "name = ["),
        "arena": ('arena = "ipd"', 'arena = "ipdd"'),
        "past": ("2027-03-01", "1999-03-01"),
        "words": ("rounds = 2", "rounds = 2\nrouns = 3"),
        "types": ("rounds = 2", 'rounds = "two"'),
        "hidden": ("memory-one,cd=0.6", "nobody"),
        "rounds": ("rounds = 2", "rounds = 0"),
        "clones": ('hidden = ["memory-one,cd=0.6"]', 'hidden = ["grim", "grim"]'),
    }
    for name, (was, becomes) in changes.items():
        assert was in EXAMPLE
        (folder / f"rules-{name}.toml").write_text(EXAMPLE.replace(was, becomes))


def _checkpoints(folder: Path) -> None:
    whole = fresh_checkpoint(folder / "trained", "naive,hidden=0", COIN)
    card = json.loads((whole / CARD).read_text())
    weights = (whole / WEIGHTS).read_bytes()
    cards: dict[str, object] = {
        "card-list": [],
        "card-format": card | {"format": 99},
        "card-agent": card | {"agent": "lola"},
        "card-arena": card | {"arena": "ipd-v1"},
        "card-behaviour": card | {"behaviour": 99},
        "card-huge": card | {"config": card["config"] | {"hidden": 10**9}},
        "card-field": card | {"config": card["config"] | {"nothing": 1}},
        "card-seats": card | {"seats": []},
    }
    data = {
        "card-garbage": b"\xff\xfe",
        "card-nested": NESTED.encode(),
        **{name: json.dumps(facts).encode() for name, facts in cards.items()},
    }
    for name in (*data, "no-card", "no-weights", "empty-weights", "weights-nan", "weights-cut", "weights-pipe"):
        (folder / name).mkdir()
        (folder / name / CARD).write_bytes(data.get(name, (whole / CARD).read_bytes()))
        (folder / name / WEIGHTS).write_bytes(weights)
    (folder / "no-card" / CARD).unlink()
    (folder / "no-weights" / WEIGHTS).unlink()
    (folder / "empty-weights" / WEIGHTS).write_bytes(b"")
    (folder / "weights-cut" / WEIGHTS).write_bytes(weights[:-5])
    (folder / "weights-nan" / WEIGHTS).write_bytes(weights[:-4] + b"\x00\x00\xc0\x7f")
    (folder / "weights-pipe" / WEIGHTS).unlink()
    os.mkfifo(folder / "weights-pipe" / WEIGHTS)
    (folder / "weights-folder" / WEIGHTS).mkdir(parents=True)
    (folder / "weights-folder" / CARD).write_bytes((whole / CARD).read_bytes())


#: What is done to the records of a home, by the home's name.
_DAMAGE = {
    "blob": "UPDATE seat_result SET returns = x'00'",
    "status": "UPDATE seat_result SET statuses = x'c8c8c8c8'",
    "metrics": "UPDATE seat_result SET metrics = '{'",
    "missing": "DELETE FROM seat_result WHERE seat = (SELECT min(seat) FROM seat_result)",
    "swapped": "UPDATE seat_result SET entrant = (SELECT max(entrant) FROM seat_result)",
    "lengths": "UPDATE seat_result SET lengths = zeroblob(length(lengths))",
    "returns": "UPDATE seat_result SET returns = zeroblob(length(returns))",
    "statuses": "UPDATE seat_result SET statuses = x'01010101'",
    "newer": "INSERT INTO schema_version VALUES (999, 'from the future')",
}


def _homes(folder: Path, records: Path) -> None:
    homes = folder / "homes"
    for name in ("garbage", "truncated", "tables", *_DAMAGE):
        shutil.copytree(records.parent, homes / name)
    (homes / "garbage" / records.name).write_bytes(b"this is no database, and never was one" * 10)
    (homes / "truncated" / records.name).write_bytes(records.read_bytes()[:20_000])
    (homes / "folder" / records.name).mkdir(parents=True)
    (homes / "tables" / records.name).unlink()
    with closing(sqlite3.connect(homes / "tables" / records.name)) as other, other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    for name, change in _DAMAGE.items():
        with closing(sqlite3.connect(homes / name / records.name)) as database, database:
            assert database.execute(change).rowcount, name
