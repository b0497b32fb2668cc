"""`zoo report`: one file, the same bytes from the same records, and plain words where there is nothing to show."""

from __future__ import annotations

import re
from pathlib import Path

from tests.zoo.command_line import Refused, Zoo


def test_a_report_of_two_arenas(zoo: Zoo, refused: Refused, tmp_path: Path) -> None:
    for words in ("greedy cooperator --arena coin", "grim random --arena ipd --set arena.max_steps=5"):
        pair = words.split()[:2]
        zoo("match", *words.split(), "--panel", ",".join(pair), "--episodes", 5)
    one, two = tmp_path / "one.html", tmp_path / "two.html"
    said = zoo("report", "--arena", "coin", "--arena", "ipd", "--out", one)
    assert said.out.startswith(f"Wrote {one}: ") and re.search(
        r"coin-v1, ipd-v1\(max_steps=5\); \d+\.\d CPU s\.\n$", said.out
    )
    told = zoo("report", "--arena", "coin", "--arena", "ipd", "--out", two, "--json").json
    assert one.read_bytes() == two.read_bytes()
    assert told == {"path": str(two), "size": two.stat().st_size, "arenas": ["coin-v1", "ipd-v1(max_steps=5)"]}
    text = two.read_text()
    assert "zoo match greedy random --arena coin" in text and "--set arena.max_steps=5" in text
    assert "Always walks to the nearest coin" in text  # of the agent's own docstring
    assert "brought about by" in text  # the house keeps a nemesis of the cooperator
    assert "cannot write" in refused("report", "--arena", "coin", "--out", tmp_path / "nowhere" / "x.html")


def test_nothing_to_report(zoo: Zoo, refused: Refused, tmp_path: Path) -> None:
    assert "no records yet" in refused("report", "--arena", "coin", "--out", tmp_path / "x.html")
    zoo("match", "grim", "random", "--arena", "ipd", "--panel", "grim,random", "--episodes", 5)
    assert "no records of arena 'coin'" in refused("report", "--arena", "coin", "--out", tmp_path / "x.html")
    assert not (tmp_path / "x.html").exists()
