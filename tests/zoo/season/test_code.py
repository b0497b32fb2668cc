"""What source says of itself: copies are found under other names and numbers, and reaches beyond the seat are told."""

from __future__ import annotations

import pytest

from tests.zoo.season.thirty import CHEATING, COPIES, HONEST, students
from zoo.season.code import alike, program, reaches


def test_copies_with_other_names_or_numbers_are_the_same_program() -> None:
    everybody = students()
    names = list(everybody)
    shares = alike([program({"agent.py": everybody[name]}) for name in names])
    for copy, (whose, _) in COPIES.items():
        assert shares[names.index(copy)][names.index(whose)] == 1.0
    honest = [names.index(name) for name in HONEST]
    most = max(shares[i][j] or 0.0 for i in honest for j in honest if i != j)
    assert most < 0.5


def test_what_most_have_in_common_is_nobodys() -> None:
    own = [f"def f{n}(x):\n    return x" + f" + x * {n}" * n for n in range(8)]
    template = "class A:\n    def act(self, t, m):\n" + "        t = t + m if t else m - t\n" * 12
    shares = alike([program({"a.py": template + text}) for text in own])
    assert all(shares[i][j] is None for i in range(8) for j in range(8))  # nothing of their own is left to compare


def test_docstrings_comments_and_imports_do_not_count() -> None:
    plain = HONEST["jon"]
    dressed = "import math\n# mine\n" + plain.replace("Punishes the n-th defection", "Something else")
    assert program({"a.py": plain}) == program({"a.py": dressed})


@pytest.mark.parametrize("name", HONEST)
def test_honest_programs_reach_for_nothing(name: str) -> None:
    assert reaches({"agent.py": HONEST[name]}) == []


def test_cheats_reach() -> None:
    assert [str(reach) for reach in reaches({"amos.py": CHEATING["amos"]})] == [
        "sets library.TitForTat.act: code that is not its own (amos.py, line 12)",
        "reads os.environ: the environment (amos.py, line 13)",
        "calls open: files (amos.py, line 15)",
    ]
    assert "luck of episodes" in str(reaches({"bo.py": CHEATING["bo"]})[0])


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import socket", "the network"),
        ("from zoo.play import luck", "the harness"),
        ("import ctypes as c", "the system below Python"),
        ("eval('1')", "code made of text"),
        ("import sys\nx = sys.modules['zoo']", "modules in memory"),
        ("import agents.protocol as p\nsetattr(p, 'x', 1)", "sets what belongs to p"),
        ("from pathlib import Path\nPath('a').read_text()", "files"),
    ],
)
def test_a_reach_is_named(source: str, what: str) -> None:
    assert what in str(reaches({"a.py": source})[0])


@pytest.mark.parametrize(
    "source", ["x = a" + ".b" * 50_000, "x = " + "(" * 5_000 + ")" * 5_000, "x = " + "-" * 50_000 + "1"]
)
def test_a_tree_without_end_stops_nobody(source: str) -> None:
    found = reaches({"a.py": f"import os as a\n{source}.environ.x = 1"})
    assert all("hides what it does" in str(reach) or "environ" in str(reach) for reach in found)
    assert len(program({"a.py": source, "b.py": HONEST["jon"]})) >= len(program({"b.py": HONEST["jon"]}))


def test_what_cannot_be_parsed_says_nothing() -> None:
    assert reaches({"a.py": "def"}) == []
    assert program({"a.py": "def"}) == frozenset()
