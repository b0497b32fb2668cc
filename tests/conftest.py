"""What every test shares: one torch thread, no window, no GPU surprises, and records in a folder of the test's own."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Where pytest runs in the background of a script, Ctrl-C is ignored, and so would be all processes that tests send one.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import hypothesis
import pytest
import torch

torch.set_num_threads(1)
# What is generated is the same in every run, so that no test hangs on luck; HYPOTHESIS_PROFILE=default looks further.
hypothesis.settings.register_profile("zoo", derandomize=True)
if "HYPOTHESIS_PROFILE" not in os.environ:
    hypothesis.settings.load_profile("zoo")

HERE = Path(__file__).parent
#: Files and folders whose tests are marked `quick`, but for those that are `slow`.
QUICK = (
    "test_layers.py",
    "leaderboard",
    "agents/test_baselines.py",
    "agents/test_maddpg.py",
    "agents/test_memory_one.py",
    "arenas/test_luck.py",
    "arenas/test_matrix_games.py",
    "arenas/test_spaces.py",
    "zoo/test_registry.py",
    "zoo/test_settings.py",
    "zoo/test_table.py",
    "zoo/test_checkpoint.py",
    "zoo/test_panels.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the quick ones."""
    quick = [HERE / name for name in QUICK]
    for item in items:
        if any(item.path.is_relative_to(place) for place in quick) and not item.get_closest_marker("slow"):
            item.add_marker("quick")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give whole files to workers unless `--dist` asks otherwise, so that what a file's tests share is made once."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log) if config.getoption("dist") == "load" else None


@pytest.fixture(autouse=True)
def zoo_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fresh `ZOO_HOME`, so that no test sees another's records, nor the user's."""
    home = str(tmp_path_factory.mktemp("zoo-home"))
    monkeypatch.setenv("ZOO_HOME", home)
    return home
