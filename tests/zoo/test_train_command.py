"""`zoo train`: signals, faults in one line, and what it says."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from tests.zoo.training_runs import IPD, after, plan, saved_rounds, wait_for, weights
from zoo.cli import cli
from zoo.commands.train import count
from zoo.entry import checkpoint
from zoo.entry.venue import ArenaChoice
from zoo.errors import UserError
from zoo.training.many import stop_on_signals
from zoo.training.plan import set_up
from zoo.training.run import train


def zoo(*words: str) -> tuple[int, str]:
    """Exit code and output of a command, in this process."""
    result = CliRunner().invoke(cli, ["train", *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def start(*words: str, **more: Any) -> subprocess.Popen[str]:
    """A command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "zoo.cli", "train", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **more,
    )


def test_ctrl_c_saves_and_the_same_command_goes_on(tmp_path: Path) -> None:
    words = ["naive", "--arena", "ipd", "--steps", "40000000", "--copies", "4", "--length", "8", "--out", str(tmp_path)]
    process = start(*words)
    wait_for(lambda: (tmp_path / "resume" / "state.safetensors").exists(), process)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "and saved; the same command goes on" in told
    done = saved_rounds(tmp_path)
    assert done > 0
    assert checkpoint.load(tmp_path).card.steps == 32 * done
    again = train(plan(arena=IPD, steps=40_000_000), tmp_path, stop=after(2))
    assert again.steps == 32 * (done + 2)


def test_the_first_signal_asks_and_the_second_ctrl_c_interrupts() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_signals() as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_finished_run_is_left_alone_unless_forced(tmp_path: Path) -> None:
    words = [*shlex.split(plan().command())[2:], "--out", str(tmp_path)]
    assert zoo(*words)[0] == 0
    before = (tmp_path / checkpoint.WEIGHTS).stat().st_mtime_ns
    code, told = zoo(*words)
    assert code == 0
    assert "was finished before, 192 steps" in told
    assert (tmp_path / checkpoint.WEIGHTS).stat().st_mtime_ns == before
    assert zoo(*words, "--resume")[0] == 0
    assert zoo(*words, "--force")[0] == 0
    assert (tmp_path / checkpoint.WEIGHTS).stat().st_mtime_ns != before


def test_the_cards_command_makes_the_same_weights_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arena = ArenaChoice("coin", ("size=2", "max_steps=9"))
    p = plan("naive,lr=0.01", arena, against="greedy", seats=("blue",), length=None)
    outcome = train(p)
    assert outcome.folder == Path("checkpoints/coin-v1-max_steps=9,size=2/naive,lr=0.01-vs-greedy/seed-0")
    words = shlex.split(checkpoint.load(outcome.folder).card.command)
    assert zoo(*words[2:], "--out", "again")[0] == 0
    assert weights(Path("again")) == weights(outcome.folder)


FAULTS = {
    "lola --arena coin --steps 0": "--steps must be at least 1, got 0",
    "lola --arena coin --steps many": "'many' is no whole number",
    "lola --arena coin --copies 0": "--copies must be at least 1, got 0",
    "lola --arena coin --length 0": "--length must be at least 1, got 0",
    "lola --arena con": "unknown arena 'con'; did you mean coin",
    "lolla --arena coin": "unknown agent 'lolla'; did you mean lola or lola-sl or lola-dice?",
    "lola,lrr=1 --arena coin": "lola has no field 'lrr'; did you mean lr?",
    "greedy --arena coin": "greedy does not learn",
    "lola --arena coin --sight own": "Lola cannot learn in coin-v1 with sight 'own': it needs joint",
    "coma --arena meta": "choose another arena or another learner",
    "coma --arena coin --sight own": "; --sight actions shows it",
    "lola --arena coin --seat red": "it needs --against",
    "lola --arena coin --against greedy --seat reed": "coin-v1 has no seat 'reed'; did you mean red?",
    "lola --arena coin --against greedy --seat red --seat blue": "--seat names every seat",
    "lola --arena ipd --against greedy": "greedy cannot play ipd-v1: it needs coin",
    "lola --arena coin --device pluto": "--device must be cpu, cuda or cuda:NUMBER, got 'pluto'",
    "lola --arena coin --resume": "there is no run to go on with",
    "lola --arena coin --resume --force": "give one of them",
    "lola --arena coin --out /dev/null/x": "cannot make the folder /dev/null/x",
    "lola@nowhere --arena coin": "nowhere is no checkpoint",
    "bad,other_play=true --arena two-card --copies 2": "two-card-v1 tells of no renamings",
}


@pytest.mark.parametrize("words", FAULTS)
def test_a_fault_is_one_line(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as fault:
        zoo(*shlex.split(words))
    assert FAULTS[words] in str(fault.value)
    assert "\n" not in str(fault.value)
    assert not [*tmp_path.rglob("card.json"), *tmp_path.rglob("resume")]  # nothing that would be in the way of a run


@pytest.mark.parametrize("option", ["--seeds", "--workers"])
def test_a_count_is_at_least_one(option: str) -> None:
    code, said = zoo("lola", "--arena", "coin", option, "0")
    assert code == 2
    assert "0 is not in the range 1<=x" in said


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_is_missed_in_one_line() -> None:
    with pytest.raises(UserError, match="--device cuda: PyTorch finds no CUDA device here"):
        set_up(plan(device="cuda"))


def test_numbers_may_be_written_short() -> None:
    assert [count(text) for text in ("4000000", "4_000_000", "4e6", "4M", "4000k", 4_000_000)] == [4_000_000] * 6
    for wrong in ("", "k", "1.5", "four", "inf", "nan"):
        with pytest.raises(UserError):
            count(wrong)


def test_the_summary_tells_what_to_type_next(tmp_path: Path) -> None:
    words = [*shlex.split(plan(against="greedy").command())[2:], "--out", str(tmp_path)]
    code, told = zoo(*words)
    assert code == 0
    assert f"next: zoo match naive@{tmp_path} greedy --arena coin --set arena.max_steps=20" in told
    assert "own colour share" in told
    assert f"finished after 192 steps: {tmp_path}" in told
