"""Agents that declare something odd: the yard has a copy of this file, and command lines name what is in it."""

import torch

from agents.protocol import Agent
from arenas.protocol import Action


class Plain(Agent):
    """Plays action 0."""

    needs = frozenset()

    def act(self, timestep, memory):
        return Action(torch.zeros(len(timestep.reward), dtype=torch.long)), {**memory, "step": memory["step"] + 1}


class WordNeeds(Plain):
    needs = "discrete"


class DictConfig(Plain):
    Config = dict


class UnknownNeed(Plain):
    needs = frozenset({"telepathy"})
