"""Files that were written for the first places of some modules are imported as they are."""

import subprocess
import sys

from agents.imported import Onnx, StableBaselines3, TorchScript
from agents.memory_one import TitForTat
from agents.random import Random
from agents.scripts import imported, memory_one, random, stable_baselines3
from arenas.foreign import Foreign, arena
from arenas.foreign.spaces import encoder
from arenas.spaces import encoder as first_encoder


def test_they_are_the_same_things():
    assert (Onnx, TorchScript) == (imported.Onnx, imported.TorchScript)
    assert StableBaselines3 is stable_baselines3.StableBaselines3
    assert (TitForTat, Random) == (memory_one.TitForTat, random.Random)
    assert Foreign is arena.Foreign and first_encoder is encoder


def test_environments_are_listed_without_torch():
    words = "import sys, arenas.foreign; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", words], capture_output=True, text=True).stdout == "False\n"
