"""What can be said of Python files without running them: whether they can be read, what they import, who plays."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from zoo.sandbox.reading import TooLong, check_lengths, parsed
from zoo.submission.refusal import Refused, line_of

_BASES = "agents."  # modules of ours that hold agents to derive from
_NO_AGENT = ("NoConfig", "Seating", "Trajectory", "JointTrajectory", "LearningContext", "Policy")
_CURE = "save it as UTF-8, and see that `python -m py_compile` reads it"


@dataclass(frozen=True)
class CodeReport:
    """What the Python files of a submission consist of.

    Attributes:
        lines: file -> number of lines.
        imports: names of modules that are not the submission's own, sorted.
        agents: "file:Class" of every class that derives from an agent, public and not derived from in turn.
    """

    lines: Mapping[str, int]
    imports: tuple[str, ...]
    agents: tuple[str, ...]


def read_code(files: Mapping[str, bytes]) -> CodeReport:
    """Read the Python files among `files`; nothing of them is run.

    Raises:
        Refused: one cannot be read, or imports at its top what is not installed here.
    """
    code = {name: data for name, data in files.items() if name.endswith(".py")}
    _check_lengths(code)
    own = {part for name in code for part in (PurePosixPath(name).stem, name.partition("/")[0])}
    imports: set[str] = set()
    agents: list[str] = []
    for name, data in code.items():
        tree = _tree(name, data)
        for node, module in _imports(tree):
            if module in own:
                continue
            imports.add(module)
            if node in tree.body and not _installed(module):
                place = line_of(name, node.lineno)
                raise Refused("code", place, f"it imports {module}, which is not installed here", "do without it")
        agents += [f"{name}:{cls}" for cls in agent_classes(tree)]
    lines = {name: data.count(b"\n") + (not data.endswith(b"\n")) for name, data in code.items()}
    return CodeReport(lines, tuple(sorted(imports)), tuple(agents))


def _check_lengths(code: Mapping[str, bytes]) -> None:
    """See that the code is not too long to be read."""
    read: list[int] = []
    for name, data in code.items():
        read.append(len(data))
        try:
            check_lengths(read)
        except TooLong as error:
            raise Refused("code", name, str(error), "keep data in JSON or safetensors files") from error


def classes(data: bytes) -> list[str]:
    """Names of the classes at the top of a Python file that can be read."""
    return [node.name for node in _tree("", data).body if isinstance(node, ast.ClassDef)]


def _tree(name: str, data: bytes) -> ast.Module:
    try:
        return parsed(data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Refused("code", line_of(name, line), "it is not UTF-8", _CURE) from error
    except SyntaxError as error:
        raise Refused("code", line_of(name, error.lineno), f"Python cannot read it: {error.msg}", _CURE) from error
    except (RecursionError, MemoryError) as error:  # how the parser says so; 3.11 to 3.13 survive it
        raise Refused("code", name, "it is nested too deep", "write it in several steps") from error
    except ValueError as error:
        raise Refused("code", name, f"Python cannot read it: {error}", _CURE) from error


def _imports(tree: ast.Module) -> Iterator[tuple[ast.stmt, str]]:
    """Every import with the first part of the module's name; relative ones are the submission's own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node, node.module.partition(".")[0]


def _installed(module: str) -> bool:
    if module in sys.stdlib_module_names or module in sys.modules:
        return True
    try:
        return importlib.util.find_spec(module) is not None  # of a name without a dot: nothing is imported
    except (ValueError, ImportError):
        return False


def agent_classes(tree: ast.Module) -> list[str]:
    """Public classes at the top of a file that derive from an agent of ours, and from which none there derives."""
    known: dict[str, str] = {}  # name in the file -> full name of what it was imported as
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            tops = {alias.name.partition(".")[0] for alias in node.names if alias.asname is None}
            known |= {top: top for top in tops} | {a.asname: a.name for a in node.names if a.asname is not None}
    agents: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.decorator_list:
            bases = [_full_name(base, known) for base in node.bases]
            if any(base in agents or _is_agent(base) for base in bases):
                agents.append(node.name)
                agents = [name for name in agents if name not in bases]
    return [name for name in agents if not name.startswith("_")]


def _full_name(base: ast.expr, known: Mapping[str, str]) -> str:
    """A base class by its full name, as far as the imports tell: "agents.protocol.Agent"."""
    if isinstance(base, ast.Attribute):
        return f"{_full_name(base.value, known)}.{base.attr}"
    return known.get(base.id, base.id) if isinstance(base, ast.Name) else ""


def _is_agent(base: str) -> bool:
    last = base.rpartition(".")[2]
    return base.startswith(_BASES) and last not in _NO_AGENT and not last.endswith(("Config", "Policy"))
