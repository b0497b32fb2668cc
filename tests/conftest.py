"""What every test shares: one torch thread, no window, no GPU surprises, and records in a folder of the test's own."""

from __future__ import annotations

import os

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def zoo_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fresh `ZOO_HOME`, so that no test sees another's records, nor the user's."""
    home = str(tmp_path_factory.mktemp("zoo-home"))
    monkeypatch.setenv("ZOO_HOME", home)
    return home
