"""Policies whose files are missing or broken; the yard has a copy of this file."""

from agents.scripts.imported import Onnx, StableBaselines3, TorchScript
from agents.scripts.random import Random


class NoFile(TorchScript):
    per_seat = {"adversary": "nowhere.pt"}
    stand_in = Random


class Garbage(TorchScript):
    per_seat = {"adversary": "notes.txt"}
    stand_in = Random


class OnnxGarbage(Onnx):
    per_seat = {"adversary": "notes.txt"}
    stand_in = Random


class Sb3Garbage(StableBaselines3):
    per_seat = {"adversary": "notes.txt"}
    stand_in = Random
