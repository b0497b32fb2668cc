"""What the source of entries says of itself: how alike two programs are, and where one reaches beyond its seat.

Nothing is run; only syntax trees are read. Two programs are compared by runs of `_RUN` nodes of their trees in which
names, numbers and texts are left out, so that a copy with other constants, names, comments or layout is the same
program. What more than half of the authors have in common, such as the lines of a template, does not count: the idea
of Schleimer, Wilkerson and Aiken (2003), "Winnowing: local algorithms for document fingerprinting".
"""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_RUN = 6  # nodes of a run
_FEWEST = 25  # runs of its own from which a program can be compared
_COMMON = 3  # authors from which on what more than half of them have counts as nobody's

#: The runs of a program.
Program = frozenset[tuple[str, ...]]

#: Module -> what an agent that only plays from its seat would not need it for.
_REACHES = {
    "zoo": "the harness",
    "leaderboard": "the records",
    "marl_zoo": "the harness",
    "arenas.luck": "the luck of arenas",
    "agents.randomness.derive_rows": "the luck of episodes",
    "ctypes": "the system below Python",
    "socket": "the network",
    "ssl": "the network",
    "urllib": "the network",
    "http": "the network",
    "requests": "the network",
    "subprocess": "other programs",
    "multiprocessing": "other processes",
    "signal": "other processes",
    "sqlite3": "databases",
    "sqlalchemy": "databases",
    "gc": "other objects in memory",
    "inspect": "other code in memory",
    "importlib": "the import of modules",
    "pickle": "pickles",
    "resource": "the limits of its process",
}
_CALLS = {"open": "files", "exec": "code made of text", "eval": "code made of text", "__import__": "modules by name"}
_ATTRIBUTES = {
    "environ": "the environment",
    "_exit": "the end of the process",
    "fork": "other processes",
    "kill": "other processes",
    "system": "other programs",
    "popen": "other programs",
    "_getframe": "other code in memory",
    "modules": "modules in memory",
    "__subclasses__": "other code in memory",
}
#: What Python raises at a tree that is deeper than it can go.
_TOO_DEEP = (RecursionError, MemoryError)
_SETTERS = ("setattr", "delattr")
#: Methods that read or write files wherever they are called.
_FILES = {"read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "glob", "rglob", "listdir", "scandir"}


@dataclass(frozen=True)
class Reach:
    """A line on which a program reaches beyond its seat."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.what} ({self.file}, line {self.line})"


def reaches(files: Mapping[str, str]) -> list[Reach]:
    """Where the Python files of an entry, {name: text}, reach beyond the seat; a sign to look at, not a proof."""
    found = []
    for name, text in sorted(files.items()):
        try:
            found += _of_file(name, ast.parse(text))
        except (SyntaxError, ValueError):
            continue
        except _TOO_DEEP:
            found.append(Reach(name, 1, "is nested too deeply to be read: hides what it does"))
    return sorted(found, key=lambda reach: (reach.file, reach.line, reach.what))


def _of_file(name: str, tree: ast.Module) -> list[Reach]:
    modules = dict(_modules(tree))
    found = {(node.lineno, what) for node in ast.walk(tree) for what in _reaches(node, modules)}  # type: ignore[attr-defined]
    return [Reach(name, line, what) for line, what in sorted(found)]


def _modules(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(Name in the program, full name) of what it imports from the zoo's packages and its own modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname or alias.name.partition(".")[0]), alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield (alias.asname or alias.name), f"{node.module}.{alias.name}"


def _reaches(node: ast.AST, modules: Mapping[str, str]) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        before = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        names = [f"{before}{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            for end in range(1, len(parts) + 1):
                if what := _REACHES.get(".".join(parts[:end])):
                    yield f"imports {name}: {what}"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
        yield f"calls {node.func.id}: {_CALLS[node.func.id]}"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _FILES:
        yield f"calls {node.func.attr}: files"
    elif (
        isinstance(node, ast.Attribute)
        and node.attr in _ATTRIBUTES
        and isinstance(node.value, ast.Name | ast.Attribute)
    ):
        if _root(node) in modules:
            yield f"reads {ast.unparse(node)}: {_ATTRIBUTES[node.attr]}"
    elif isinstance(node, ast.Assign | ast.AugAssign | ast.Delete):
        targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
        for target in targets:
            root = _root(target) if isinstance(target, ast.Attribute) else ""
            if root in modules or (isinstance(target, ast.Attribute) and hasattr(builtins, root)):
                yield f"sets {ast.unparse(target)}: code that is not its own"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SETTERS:
        yield from (f"sets what belongs to {ast.unparse(on)}" for on in node.args[:1] if _root(on) in modules)


def _root(node: ast.AST) -> str:
    """The name at the beginning of `a.b.c`; "" where there is none."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def program(files: Mapping[str, str]) -> Program:
    """The runs of nodes of an entry's Python files, {name: text}; empty where none can be parsed."""
    runs: set[tuple[str, ...]] = set()
    for text in files.values():
        try:
            words = tuple(_words(_bare(ast.parse(text))))
        except (SyntaxError, ValueError, *_TOO_DEEP):
            continue
        runs |= {words[at : at + _RUN] for at in range(max(len(words) - _RUN + 1, 0))}
    return frozenset(runs)


def _bare(tree: ast.Module) -> ast.Module:
    """The tree without docstrings and imports."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                part
                for part in body
                if not isinstance(part, ast.Import | ast.ImportFrom)
                and not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
            ]
    return tree


def _words(node: ast.AST) -> Iterator[str]:
    """The nodes of a tree in their order, names and constants left out; what libraries are asked for stays."""
    if isinstance(node, ast.Constant):
        yield "constant"
        return
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        yield "constant"  # a negative number is a constant, too
        return
    word = type(node).__name__
    if isinstance(node, ast.Attribute) and _root(node) not in ("self", "cls"):
        word = f"{word} {node.attr}"
    yield word
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr_context):
            yield from _words(child)


def alike(programs: Sequence[Program]) -> list[list[float | None]]:
    """How alike each two programs are, from 0 to 1: of the runs that either has, the share that both have; [n][n].

    Runs that more than half of all have do not count. None where a program has too few of its own to say.
    """
    common: Counter[tuple[str, ...]] = Counter(run for runs in programs for run in runs)
    most = max(len(programs) / 2, _COMMON)
    own = [{run for run in runs if common[run] <= most} for runs in programs]
    return [[len(a & b) / len(a | b) if min(len(a), len(b)) >= _FEWEST else None for b in own] for a in own]
