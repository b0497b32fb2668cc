"""Policies that were trained elsewhere, under the name of this module's first place; see `agents.scripts.imported`."""

from agents.scripts.imported import Onnx, TorchScript
from agents.scripts.stable_baselines3 import StableBaselines3

__all__ = ["Onnx", "StableBaselines3", "TorchScript"]
