"""Arenas of the zoo's own kind with a mistake each; the yard has a copy of this file."""

from arenas.matrix import IteratedPrisonersDilemma
from arenas.protocol import Arena


class NoArena:
    pass


class RaisesWhenMade(IteratedPrisonersDilemma):
    name = "raises-when-made-v1"

    def build(self):
        raise RuntimeError("no parts")


class NoSpec(Arena):
    name = "no-spec-v1"

    def build(self):
        pass

    def reset(self, seed, autoreset=True):
        raise NotImplementedError

    def step(self, actions):
        raise NotImplementedError


class RaisesAtReset(IteratedPrisonersDilemma):
    name = "raises-at-reset-v1"

    def reset(self, seed, autoreset=True):
        raise RuntimeError("cannot begin")


class RaisesInStep(IteratedPrisonersDilemma):
    name = "raises-in-step-v1"

    def step(self, actions):
        raise RuntimeError("cannot go on")
