"""The size of the house: rooms, edges, circles, lengths of files and functions. Only syntax trees are read.

A file may be longer than `FILE` lines where its docstring or a comment above its code says why, in a sentence that
begins with "Above 400 lines".
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent
PACKAGES = ("zoo", "leaderboard", "agents", "arenas")
ROOMS, EDGES = 21, 70  # of `zoo/`; edges among the rooms that it began with
LATER = {"sandbox", "submission", "season", "page", "serve"}  # rooms that were added since
OTHERS = 8  # that a later room may import from
FILE, FUNCTION, HANDED_DOWN = 400, 60, 8  # lines, lines, parameters
REASON = f"Above {FILE} lines"
#: Where an algorithm's file has a limit of its own, in lines.
SHORTER = {"agents/maddpg.py": 280}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def files(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (HOUSE / package).rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def rooms(package: Path) -> set[str]:
    """Folders with code and Python files directly in a package, `__init__` and `__main__` aside."""
    folders = {path.name for path in package.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    return folders | {path.stem for path in package.glob("*.py")} - {"__init__", "__main__"}


def imported(module: ast.Module, package: str, known: set[str]) -> set[str]:
    """Rooms of a package that a module imports anything from, at any depth of its syntax tree."""
    names: list[str] = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == package:
            names += [f"{package}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    parts = [n.split(".") for n in names]
    return {p[1] for p in parts if p[0] == package and len(p) > 1} & known


def edges(package: Path) -> dict[str, set[str]]:
    """Room -> the other rooms of the package that it imports from."""
    known = rooms(package)
    reached: dict[str, set[str]] = {room: set() for room in known}
    for room in known:
        inside = package / room
        for path in inside.rglob("*.py") if inside.is_dir() else [inside.with_suffix(".py")]:
            reached[room] |= imported(tree(path), package.name, known) - {room}
    return reached


def circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """The largest sets of rooms each of which is reached from each of the others."""

    def reach(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for room in graph[waiting.pop()] - seen:
                seen.add(room)
                waiting.append(room)
        return seen

    reached = {room: reach(room) for room in graph}
    return {frozenset({a} | {b for b in seen if a in reached[b]}) for a, seen in reached.items() if a in seen}


def functions(path: Path) -> Iterator[tuple[str, Function]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, Function):
            yield f"{name(path)}:{node.name}", node


def handed_down(function: Function) -> int:
    """The most of a function's own parameters that one call in its body passes on as they are."""
    given = function.args
    own = {a.arg for a in [*given.posonlyargs, *given.args, *given.kwonlyargs]} - {"self", "cls"}
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    values = [[*call.args, *(keyword.value for keyword in call.keywords)] for call in calls]
    return max((len({v.id for v in vs if isinstance(v, ast.Name)} & own) for vs in values), default=0)


def head(path: Path) -> str:
    """The docstring of a module, and the comments above its first statement."""
    text = path.read_text()
    comments = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            break
        comments.append(line)
    return "\n".join([*comments, ast.get_docstring(tree(path)) or ""])


def test_zoo_has_few_rooms() -> None:
    zoo = rooms(HOUSE / "zoo")
    assert 0 < len(zoo) <= ROOMS, sorted(zoo)


def test_zoo_has_few_edges() -> None:
    graph = edges(HOUSE / "zoo")
    arrows = {f"{room} -> {other}" for room in graph.keys() - LATER for other in graph[room] - LATER}
    assert 0 < len(arrows) <= EDGES, sorted(arrows)
    assert {room: sorted(graph[room]) for room in LATER if len(graph[room]) > OTHERS} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_rooms_import_each_other_in_a_circle(package: str) -> None:
    assert {f"{package}: {sorted(c)}" for c in circles(edges(HOUSE / package))} == set()


def test_no_file_is_long_without_a_reason() -> None:
    paths = files(*PACKAGES)
    assert paths
    lengths = {name(path): len(path.read_text().splitlines()) for path in paths if REASON not in head(path)}
    assert {file: lines for file, lines in lengths.items() if lines > FILE} == {}


@pytest.mark.parametrize("file", SHORTER)
def test_an_algorithm_keeps_its_limit(file: str) -> None:
    lines = len((HOUSE / file).read_text().splitlines())
    assert lines <= SHORTER[file], lines


def test_no_function_is_long() -> None:
    lengths = {
        place: (node.end_lineno or 0) - node.lineno + 1 for path in files(*PACKAGES) for place, node in functions(path)
    }
    assert lengths
    assert {place: n for place, n in lengths.items() if n > FUNCTION} == {}


def test_no_call_hands_down_many_parameters() -> None:
    most = {place: handed_down(node) for path in files(*PACKAGES) for place, node in functions(path)}
    assert {place: n for place, n in most.items() if n > HANDED_DOWN} == {}


def test_no_public_class_name_stands_in_two_files() -> None:
    places = defaultdict(list)
    for path in files(*PACKAGES):
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(name(path))
    assert {n: where for n, where in places.items() if len(where) > 1} == {}


def test_the_counts_can_fail(tmp_path: Path) -> None:
    package = tmp_path / "house"
    (package / "hall").mkdir(parents=True)
    (package / "__init__.py").write_text("from house import attic\n")
    (package / "hall" / "door.py").write_text("def late():\n    from house import attic\n")
    (package / "attic.py").write_text("import house.hall.door\nimport house.cellar\n")
    (package / "cellar.py").write_text("import torch\n")
    assert rooms(package) == {"hall", "attic", "cellar"}
    assert edges(package) == {"hall": {"attic"}, "attic": {"hall", "cellar"}, "cellar": set()}
    assert circles(edges(package)) == {frozenset({"hall", "attic"})}
    function = ast.parse("def f(self, a, b, *, c):\n    return g(self, a, b, x=c, y=a)").body[0]
    assert isinstance(function, Function)
    assert handed_down(function) == 3
    (package / "porch.py").write_text(f'# A comment.\n"""What.\n\n{REASON}: it is a table.\n"""\n')
    assert REASON in head(package / "porch.py")
