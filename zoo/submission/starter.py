"""`zoo new`: an agent or an arena to begin with, from the templates beside this file."""

from __future__ import annotations

import json
import keyword
import sys
from dataclasses import dataclass
from pathlib import Path
from string import Template

from zoo.entry.checkpoint import make_folder, write_atomically
from zoo.errors import UserError
from zoo.submission.submission import author_here, check_free

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Started:
    """What was written, and the commands to type next."""

    files: tuple[Path, ...]
    then: tuple[str, ...]


def new_agent(name: str, arena: str, *, package: bool = False) -> Started:
    """Write a learner, as one file or as a folder with a manifest.

    Raises:
        UserError: the name is none or taken, or something stands in the way.
    """
    values = _values(name)
    if package:
        folder = Path(name)
        texts = {folder / "agent.py": "agent.py", folder / "zoo.toml": "zoo.toml"}
        values |= {"arena": arena, "author": json.dumps(author_here())[1:-1]}
        place, weights, submitted = f"{name}/agent.py:{values['Class']}", f"{name}/weights", name
    else:
        texts = {Path(f"{values['module']}.py"): "agent.py"}
        place, weights = f"{values['module']}.py:{values['Class']}", f"{values['module']}_weights"
        submitted = f"{place}@{weights} --arena {arena}"
    train = f"zoo train {place} --arena {arena} --steps 300k --out {weights}"
    return Started(_write(texts, values), (train, f"zoo submit {submitted}"))


def new_arena(name: str) -> Started:
    """Write a small game.

    Raises:
        UserError: the name is none or taken, or something stands in the way.
    """
    values = _values(name)
    place = f"{values['module']}.py:{values['Class']}"
    written = _write({Path(f"{values['module']}.py"): "arena.py"}, values)
    return Started(written, (f"zoo check {place}", f"zoo match random random --arena {place}"))


def _values(name: str) -> dict[str, str]:
    check_free(name, "NAME", "choose another one")
    if keyword.iskeyword(module := name.replace("-", "_")) or module in sys.stdlib_module_names:
        raise UserError(f"NAME {name}: Python has a module or a word {module}; choose another one")
    cls = "".join(part.capitalize() for part in name.split("-"))
    return {"name": name, "Class": cls, "module": module}


def _write(texts: dict[Path, str], values: dict[str, str]) -> tuple[Path, ...]:
    for path in texts:
        if path.exists() or (path.parent != Path() and path.parent.exists()):
            there = path if path.exists() else path.parent
            raise UserError(f"{there} is there already: choose another name, or move it away")
    for path, template in texts.items():
        make_folder(path.parent)
        text = Template((_TEMPLATES / f"{template}.template").read_text()).substitute(values)
        write_atomically(path, text.encode())
    return tuple(texts)
