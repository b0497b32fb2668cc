"""Agents as strangers write them, as text; each is a class `Mine` in a file of its own."""

HEAD = '''
import os, sys, time, torch, signal, struct
from dataclasses import dataclass
from agents.protocol import Agent
from arenas.protocol import Action

class Zeros(Agent):
    """Plays the first action, and counts its steps."""
    def begin(self, seating):
        return {"step": torch.zeros_like(seating.seed)}
    def bad(self, timestep, memory):
        pass
    def act(self, timestep, memory):
        if int(memory["step"].max()) == 2:
            self.bad(timestep, memory)
        return Action(torch.zeros_like(memory["step"])), {"step": memory["step"] + 1}
'''


def stranger(bad: str, body: str = "") -> str:
    """A file whose agent does `bad` in its third act; `body` is what else its class holds."""
    lines = "\n".join(f"        {line}" for line in bad.splitlines())
    return f'{HEAD}\nclass Mine(Zeros):\n    """Mine."""\n{body}\n    def bad(self, timestep, memory):\n{lines}\n'


#: Where the protocol's file descriptors are in an agent's process, for those that write there themselves.
ANSWERS = 4
