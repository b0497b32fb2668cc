"""`zoo selfcheck ratings` from the command line."""

import json

from click.testing import CliRunner

from leaderboard.statistics import calibration
from zoo.cli import cli


def test_json_and_screen_of_a_tiny_check(monkeypatch):
    monkeypatch.setattr(calibration, "QUICK", calibration.Simulation(episodes=(5,), games=(100,)))
    arguments = ["selfcheck", "ratings", "--quick", "--repeats", "2", "--seed", "3"]
    result = CliRunner().invoke(cli, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["plan"]["seed"] == 3
    assert {row["group"] for row in found["coverage"]} == {"board", "field"}
    first = found["coverage"][0]
    assert set(first["pairs"]) == {"mean", "low", "high", "n"}
    screen = CliRunner().invoke(cli, arguments)
    assert "Boards with a panel" in screen.stdout
    assert "moved by" in screen.stdout
    assert "repeats" not in screen.stdout  # progress goes to standard error
