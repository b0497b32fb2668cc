"""Training: bit for bit across stops, kills and processes; folders that refuse to mix; weights that are kept."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.zoo.training_runs import AGENTS, COIN, RESUMED, SPOILT, after, plan, saved_rounds, wait_for, weights
from zoo.entry import checkpoint
from zoo.entry.entrant import read_entrant
from zoo.entry.venue import ArenaChoice
from zoo.errors import UserError
from zoo.play.table import Round
from zoo.training.curve import Curve
from zoo.training.many import TrainingRun, train_all
from zoo.training.run import Outcome, train
from zoo.training.run_folder import RunFolder
from zoo.work.progress import Reading


@pytest.mark.parametrize(("agent", "arena"), RESUMED, ids=[f"{agent}-{arena.name}" for agent, arena in RESUMED])
def test_stopped_and_resumed_at_any_round_gives_the_same_bytes(agent: str, arena: ArenaChoice, tmp_path: Path) -> None:
    p = plan(agent, arena)
    whole = train(p, tmp_path / "whole")
    assert whole.status == "finished"
    pieces = tmp_path / "pieces"
    ends = [train(p, pieces, stop=after(n), save_every=0) for n in (1, 1, 3, 99)]
    assert [o.steps for o in ends] == [32, 64, 160, 192]
    assert [o.status for o in ends] == ["stopped", "stopped", "stopped", "finished"]
    assert weights(pieces) == weights(tmp_path / "whole")
    assert (pieces / "curve.json").read_bytes() == (tmp_path / "whole" / "curve.json").read_bytes()
    assert ends[-1].figures == whole.figures
    assert sorted(f.name for f in pieces.iterdir()) == ["card.json", "curve.json", "weights.safetensors"]


def test_another_seed_gives_other_bytes(tmp_path: Path) -> None:
    train(plan(), tmp_path / "0")
    train(plan(seed=1), tmp_path / "1")
    assert weights(tmp_path / "0") != weights(tmp_path / "1")


class Killed(BaseException):
    """Stands for the end of a process, which no `except` of the code sees."""


@pytest.mark.parametrize("late", [False, True], ids=["before the rename", "after the rename"])
def test_a_run_killed_at_any_write_goes_on_and_loses_nothing(
    late: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    p = plan(steps=64)
    train(p, tmp_path / "whole")
    rename, calls = os.replace, 0
    for last in range(1, 100):

        def replace(source: Any, target: Any, last: int = last) -> None:
            nonlocal calls
            calls += 1
            if calls == last and not late:
                raise Killed
            rename(source, target)
            if calls == last:
                raise Killed

        folder, calls = tmp_path / f"killed-{last}", 0
        monkeypatch.setattr(os, "replace", replace)
        try:
            train(p, folder, save_every=0)
            break
        except Killed:
            monkeypatch.setattr(os, "replace", rename)
        train(p, folder)
        assert weights(folder) == weights(tmp_path / "whole"), last
        assert (folder / "curve.json").read_bytes() == (tmp_path / "whole" / "curve.json").read_bytes()
        assert not list(folder.glob(".*"))
    assert last > 6


def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    p = [plan(agent, steps=32_000, length=8) for agent in AGENTS]
    # each run is begun in the middle of the one before, and the last goes on until the process is killed
    code = f"""
from pathlib import Path
from zoo.training.plan import Plan
from zoo.entry.venue import ArenaChoice
from zoo.training.run import train

plans = {p!r}

def begin(number):
    def watch(reading):
        if reading.done == 96 and number + 1 < len(plans):
            begin(number + 1)
    train(plans[number], Path({str(tmp_path)!r}, str(number)), save_every=0, watch=watch)

begin(0)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: saved_rounds(tmp_path / "2") >= 4, process)
    process.kill()
    process.communicate()
    for number, one in enumerate(p):
        done = saved_rounds(tmp_path / f"{number}")
        assert 2 <= done < 1000
        train(one, tmp_path / f"{number}", stop=after(3))
        train(one, tmp_path / f"whole-{number}", stop=after(done + 3))
        assert weights(tmp_path / f"{number}") == weights(tmp_path / f"whole-{number}")
        rows = json.loads((tmp_path / f"{number}" / "curve.json").read_text())["rows"]
        assert rows == json.loads((tmp_path / f"whole-{number}" / "curve.json").read_text())["rows"]


@pytest.mark.slow
def test_workers_give_the_same_bytes_and_a_fault_stops_them_saved(tmp_path: Path) -> None:
    (tmp_path / "spoilt.py").write_text(SPOILT)
    jobs = [
        TrainingRun(plan("lola"), tmp_path / "short"),
        TrainingRun(plan(seed=1, steps=40_000_000), tmp_path / "long"),
        TrainingRun(plan(f"{tmp_path}/spoilt.py:Spoilt"), tmp_path / "spoilt"),
        TrainingRun(plan(seed=2), tmp_path / "never"),
    ]
    outcomes: list[Outcome] = []
    watched: set[int] = set()
    with pytest.raises(UserError, match="parameters red/w0 are no longer finite after 96 steps"):
        outcomes.extend(train_all(jobs, 2, lambda: False, lambda run, reading: watched.add(run.plan.seed)))
    train(plan("lola"), tmp_path / "here")
    assert weights(tmp_path / "short") == weights(tmp_path / "here")
    assert checkpoint.load(tmp_path / "long").card.steps == 32 * saved_rounds(tmp_path / "long")
    assert not (tmp_path / "never").exists()
    assert watched == {0, 1}


def test_another_plan_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    train(plan(), tmp_path / "unfinished", stop=after(1))
    train(plan(), tmp_path / "finished")
    for what in ("unfinished", "finished"):
        before = {f: f.read_bytes() for f in (tmp_path / what).rglob("*") if f.is_file()}
        for other, word in ((plan(steps=300), "steps=192; now steps=300"), (plan("naive,lr=0.1"), "agent=naive,")):
            with pytest.raises(UserError, match=word):
                train(other, tmp_path / what)
        assert {f: f.read_bytes() for f in (tmp_path / what).rglob("*") if f.is_file()} == before
        assert train(plan(steps=300), tmp_path / what, force=True).steps == 320


def test_a_foreign_checkpoint_is_not_overwritten(tmp_path: Path) -> None:
    train(plan(), tmp_path)
    (tmp_path / "curve.json").unlink()
    with pytest.raises(UserError, match="holds a checkpoint of another plan"):
        train(plan(), tmp_path)


def test_resume_may_be_kept_and_counts_as_finished(tmp_path: Path) -> None:
    train(plan(), tmp_path, keep_resume=True)
    assert saved_rounds(tmp_path) == 6
    assert train(plan(), tmp_path).status == "finished before"


def test_a_broken_state_is_named(tmp_path: Path) -> None:
    train(plan(), tmp_path, stop=after(1))
    state = tmp_path / "resume" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-10])
    with pytest.raises(UserError, match=r"state\.safetensors is broken .*start anew with --force"):
        train(plan(), tmp_path)
    assert train(plan(), tmp_path, force=True).status == "finished"


def test_two_processes_do_not_train_in_one_folder(tmp_path: Path) -> None:
    with RunFolder(tmp_path, {}).locked(), pytest.raises(UserError, match="another process is training in"):
        train(plan(), tmp_path)


def test_spoilt_weights_stop_the_run_and_keep_the_last_good_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "spoilt.py").write_text(SPOILT)
    p = plan(f"{tmp_path}/spoilt.py:Spoilt")
    with pytest.raises(UserError, match=r"parameters red/w0 are no longer finite after 96 steps.* keeps what was"):
        train(p, tmp_path / "out", save_every=0)
    kept = checkpoint.load(tmp_path / "out")
    assert kept.card.steps == 64
    assert all(tensor.isfinite().all() for tensor in kept.state.values())


def test_what_a_run_leaves_is_a_checkpoint_that_plays(tmp_path: Path) -> None:
    p = plan("lola,eta=0.5", seed=3)
    train(p, tmp_path / "x")
    card = checkpoint.load(tmp_path / "x").card
    assert (card.agent, card.arena, card.seats, card.seed, card.steps) == (
        "lola", "coin-v1(max_steps=20)", ["red", "blue"], 3, 192
    )  # fmt: skip
    assert card.config["eta"] == 0.5
    assert {"red/return_per_step", "blue/pickups_per_step", "learn/red/entropy"} <= card.metrics.keys()
    arena = COIN.make(2)
    entrant = read_entrant(f"lola@{tmp_path / 'x'}", arena, COIN.identity(arena))
    assert entrant.config.eta == 0.5
    agents = entrant.agents(arena.spec, ("red", "blue"), 0)
    assert all(tensor.abs().sum() > 0 for name, tensor in agents["red"].acting_state().items() if "w" in name)
    assert {f.suffix for f in (tmp_path / "x").rglob("*")} == {".json", ".safetensors"}


def test_against_another_only_the_trained_seat_is_kept(tmp_path: Path) -> None:
    train(plan(against="greedy"), tmp_path / "first")
    train(plan(against="greedy", seats=("blue",)), tmp_path / "second")
    for name, seat in (("first", "red"), ("second", "blue")):
        found = checkpoint.load(tmp_path / name)
        assert found.card.seats == [seat]
        assert {key.partition("/")[0] for key in found.state} == {seat}
    train(plan(f"naive@{tmp_path / 'first'}", seed=1), tmp_path / "third")  # a single set plays every seat of its side


def test_a_stopped_run_is_watched_from_where_it_stands(tmp_path: Path) -> None:
    train(plan(), tmp_path, stop=after(2))
    seen: list[Reading] = []
    train(plan(), tmp_path, watch=seen.append)
    assert [r.done for r in seen] == [64, 96, 128, 160, 192]
    assert {r.total for r in seen} == {192}
    assert len(seen[-1].curves["red"]) == 6
    assert {"own_colour_share", "entropy"} <= seen[-1].figures["red"].keys()
    assert pickle.loads(pickle.dumps(seen[-1])) == seen[-1]


def test_the_commit_is_our_own_or_none(tmp_path: Path) -> None:
    train(plan(), tmp_path)
    assert len(checkpoint.load(tmp_path).card.commit) in (0, 40)


def test_torch_threads_are_put_back(tmp_path: Path) -> None:
    torch.set_num_threads(2)
    try:
        train(plan(), tmp_path)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("agent", "arena"), RESUMED, ids=[f"{agent}-{arena.name}" for agent, arena in RESUMED])
def test_stopped_and_resumed_on_cuda(agent: str, arena: ArenaChoice, tmp_path: Path) -> None:
    p = plan(agent, arena, device="cuda")
    train(p, tmp_path / "whole")
    train(p, tmp_path / "pieces", stop=after(2))
    assert train(p, tmp_path / "pieces").status == "finished"
    assert weights(tmp_path / "pieces") == weights(tmp_path / "whole")


def test_a_curve_averages_over_intervals_and_leaves_out_what_is_not_known() -> None:
    curve = Curve(rounds=400)
    assert curve.every == 2
    for number in range(5):
        share = float("nan") if number < 3 else 0.5
        returns, shares = torch.tensor([float(number)], dtype=torch.float64), torch.tensor([share], dtype=torch.float64)
        counted, by_copy = {"red": torch.tensor([1])}, {"red": {"share": shares}}
        curve.add(Round(number, 10, {"red": returns}, counted, by_copy, {("red",): {"loss": 1.0}}))
    restored = Curve(rounds=400)
    restored.restore(json.loads(json.dumps(curve.state())))
    for c in (curve, restored):
        assert c.all_rows() == [
            {"steps": 20, "red/return_per_step": 0.5, "learn/red/loss": 1.0},
            {"steps": 40, "red/return_per_step": 2.5, "red/share": 0.5, "learn/red/loss": 1.0},
            {"steps": 50, "red/return_per_step": 4.0, "red/share": 0.5, "learn/red/loss": 1.0},
        ]
        assert c.series("red/share") == [0.5, 0.5]
        assert c.last_tenth()["red/return_per_step"] == 4.0


def test_outcomes_cross_a_pipe() -> None:
    outcome = Outcome("finished", Path("x"), 0, ["red"], 1, 2, {"red/return_per_step": 0.5})
    assert pickle.loads(pickle.dumps(outcome)) == outcome
