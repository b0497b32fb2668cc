"""`zoo doctor` names what is at fault, and shells complete what can be typed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.zoo.command_line import Zoo
from zoo.bench import doctor
from zoo.cli import cli


def test_a_sound_machine(zoo: Zoo, zoo_home: str) -> None:
    told = zoo("doctor", "--json").json
    by_subject = {one["subject"]: one for one in told["findings"]}
    assert {"Python", "zoo", "torch", "home", "disk", "confinement", "extra plots"} <= by_subject.keys()
    assert by_subject["home"]["state"] == "fine" and zoo_home in by_subject["home"]["found"]
    assert os.listdir(zoo_home) == []  # looking leaves nothing behind


def test_faults_end_in_exit_code_3(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_installed", lambda name: "" if name in ("rich", "matplotlib") else "1.0")
    monkeypatch.setenv("ZOO_HOME", "/dev/null/nowhere")
    said = zoo("doctor", code=3).out
    assert "FAULT zoo: 1.0, without rich; pip install rich" in said
    assert "note  extra plots: without matplotlib; pip install 'marl-zoo[plots]' if you want it" in said
    assert "FAULT home: " in said and "At fault: zoo, home" in said


def test_a_refused_match_leaves_no_arena_with_records(zoo: Zoo, zoo_home: str) -> None:
    def records() -> str:
        found = {one["subject"]: one["found"] for one in zoo("doctor", "--json").json["findings"]}["home"]
        return str(found).rpartition("; ")[2]

    refused = ("match", "dial@seed-1", "dial", "--arena", "switch", "--set", "arena.bits=2")
    assert "no house checkpoint" in zoo(*refused, code=2).err
    assert "none is known" in zoo("report", "--arena", "nosuch", code=2).err
    assert records() == "records of 0 arenas"
    zoo("match", "random", "random", "--arena", "climbing", "--episodes", 2)
    assert "known: climbing-v1 (or" in zoo("report", "--arena", "nosuch", code=2).err
    assert records() == "records of 1 arena"


def completed(*words: str) -> list[str]:
    """What click offers for the last of the words."""
    from click.shell_completion import BashComplete

    completer = BashComplete(cli, {}, "zoo", "_ZOO_COMPLETE")
    return [item.value for item in completer.get_completions(list(words[:-1]), words[-1])]


def test_entrants_and_arenas_are_completed() -> None:
    assert {"lola", "lola-dice"} <= set(completed("match", "lo"))
    assert "lola@seed-1" in completed("match", "lola@")
    assert completed("match", "--arena", "coin", "lola@opp") == ["lola@opponent-modelling"]
    assert completed("tournament", "lola", "naive", "--arena", "ip") == ["ipd"]
    assert completed("leaderboard", "--arena", "coin-") == ["coin-two"]
    assert "--explain" in completed("match", "--ex") and completed("doc") == ["doctor"]


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_are_given_a_script(shell: str) -> None:
    """As docs/installing.md has it, and what bash then asks for is answered."""
    terms = {**os.environ, "_ZOO_COMPLETE": f"{shell}_source"}
    program = [sys.executable, "-c", "import sys; sys.argv[0] = 'zoo'; from marl_zoo import main; main()"]
    script = subprocess.run(program, env=terms, capture_output=True, text=True, timeout=120).stdout
    assert f"_ZOO_COMPLETE={shell}_complete" in script
    asked = {**os.environ, "_ZOO_COMPLETE": "bash_complete", "COMP_WORDS": "zoo match lo", "COMP_CWORD": "2"}
    assert "plain,lola\n" in subprocess.run(program, env=asked, capture_output=True, text=True, timeout=120).stdout
