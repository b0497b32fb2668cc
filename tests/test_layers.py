"""The house's order: imports run one way, and the harness names no algorithm. Syntax trees are read, nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from zoo.entry.registry import AGENTS, ARENAS, names

HOUSE = Path(__file__).resolve().parent.parent
#: Package -> packages of ours that it may import besides itself.
MAY_IMPORT = {
    "arenas": set(),
    "agents": {"arenas"},
    "leaderboard": set(),
    "zoo": {"arenas", "agents", "leaderboard"},
}
#: What agents may know of arenas: the words, luck, ranges, pictures of digits, where OpenSpiel is; but no game.
KNOWN_OF_ARENAS = {
    "arenas.origin",
    "arenas.channel",
    "arenas.digits.images",
    "arenas.hands",
    "arenas.protocol",
    "arenas.luck",
    "arenas.settings",
    "arenas.spiel",
    "arenas.symmetries",
}
#: Also an English word and a module of Python's; the anchor of every panel.
ORDINARY = {"random"}


def files(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (HOUSE / package).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Full names of the modules that a file imports, at any depth of its syntax tree."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of the string literals of a file, docstrings left out."""
    tree = ast.parse(path.read_text())
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_run_one_way(package: str) -> None:
    found = files(package)
    assert found
    forbidden = MAY_IMPORT.keys() - MAY_IMPORT[package] - {package}
    wrong = [f"{path.name}: {name}" for path in found for name in imports(path) if name.split(".")[0] in forbidden]
    assert wrong == []


def test_agents_know_no_particular_game() -> None:
    known = {f"{path.name}: {n}" for path in files("agents") for n in imports(path) if n.split(".")[0] == "arenas"}
    assert known
    strange = {k for k in known if not any(k.split(": ")[1].startswith(module) for module in KNOWN_OF_ARENAS)}
    assert strange == set()


@pytest.mark.parametrize("module", ["torch", "arenas", "agents", "zoo"])
def test_the_leaderboard_does_without(module: str) -> None:
    assert not [path for path in files("leaderboard") for name in imports(path) if name.split(".")[0] == module]


@pytest.mark.parametrize("group", [AGENTS, ARENAS])
def test_the_harness_imports_no_registered_module(group: str) -> None:
    registered = {point.module for point in names(group).values()}
    packages = ("zoo", "leaderboard", "arenas") if group == AGENTS else ("zoo", "leaderboard", "agents")
    wrong = [f"{path.name}: {name}" for path in files(*packages) for name in imports(path) if name in registered]
    assert wrong == []


def test_the_harness_names_no_algorithm() -> None:
    """A literal that is an agent's name and nothing else would be a switch; examples in help texts are sentences.

    Figures that are run again (`zoo/papers/PAPER`) are about named algorithms, so those files may name them.
    """
    algorithms = names(AGENTS).keys() - ORDINARY
    assert algorithms
    wrong = [
        f"{path.relative_to(HOUSE)}:{line}: {text!r}"
        for path in files("zoo", "leaderboard", "arenas")
        if path.parent.parent != HOUSE / "zoo" / "papers"
        for line, text in literals(path)
        if text in algorithms
    ]
    assert wrong == []


def test_the_rules_can_fail(tmp_path: Path) -> None:
    file = tmp_path / "switch.py"
    file.write_text('"""lola"""\nfrom arenas.coin import Coin\nimport torch.nn\nif name == "lola":\n    pass\n')
    assert set(imports(file)) == {"arenas.coin", "arenas.coin.Coin", "torch.nn"}
    assert list(literals(file)) == [(4, "lola")]
