"""DIAL, differentiable inter-agent learning: what a seat says is real while the team learns, so that errors flow back.

Foerster, Assael, de Freitas and Whiteson 2016, "Learning to Communicate with Deep Multi-Agent Reinforcement Learning",
section 5.2 and algorithm 1 in its appendix; chapter 6 of the thesis. The network gives Q(u) of every action and m, one
real number for every bit. The discretise/regularise unit makes a message of it:

    DRU(m) = logistic(m + sigma e), e ~ N(0, 1)   while the team learns
    DRU(m) = 1 if m > 0 else 0                    when it plays

    y = r + gamma max_u' Qbar(u'),   minimise sum over seats (y - Q(u))^2

The error of whoever hears a message is differentiated through the message into the network of who sent it. Q bar is a
slow copy, which has a memory and messages of its own. The density of the message that is sent,

    P(m^ | m) = Normal(logit m^; m, sigma^2) / (m^ (1 - m^))

is printed in the thesis with the logit's sign turned round and without the 2 of 2 sigma^2.

Departures: one GRU of 64 units, where the thesis has two of 128; the inputs are one layer's, with a ReLU, where its
embeddings are added; no batch norm on the message, which is read as 2 m^ - 1; the network is told the day; the slow
copy follows slowly; Adam with the gradient's norm clipped, and a step size that may fall. First weights of what is
heard and of what is said are larger, without which digits are not learned. The first bias is the only thing that a
seat's number changes in a shared network. Noise acts while the game is played, and the same noise when it is learned
from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from agents.parts.talking import Heard, Talking, TalkingConfig
from agents.protocol import Memory
from agents.randomness import Normals
from arenas.settings import Amount


@dataclass(frozen=True)
class DialConfig(TalkingConfig):
    """Settings of `dial`."""

    sigma: Amount = 2.0  # standard deviation of the channel's noise, in units of m


def dru(m: Tensor, noise: Tensor) -> Tensor:
    """The message [...] while the team learns, from m and sigma times standard normal noise."""
    return (m + noise).sigmoid()


def discretised(m: Tensor) -> Tensor:
    """The message [...] when the team plays."""
    return (m > 0).float()


def density(message: Tensor, m: Tensor, sigma: float) -> Tensor:
    """P(m^ | m) [...] of messages in (0, 1)."""
    off = (message.logit() - m) / sigma
    return (-off.square() / 2).exp() / (sigma * math.sqrt(2 * math.pi) * message * (1 - message))


class Dial(Talking):
    """DIAL: learns to talk by gradients that flow back through the channel."""

    Config = DialConfig
    config: DialConfig

    def build(self, seed: int) -> None:
        """The network, its slow copy, the optimiser, and a channel with noise."""
        super().build(seed)
        self._normals = [Normals(self.bits, self.spec.max_steps) for _ in self.seats]

    def widths(self, bits: int) -> tuple[int, int]:
        """Every bit is read as one number, and decided by one."""
        return bits, bits

    def listen(self, message: Tensor) -> Tensor:
        """2 m^ - 1, in [-1, 1]."""
        return 2 * message - 1

    def utter(self, said: Tensor, memory: Memory) -> Tensor:
        """Bits, or while it trains numbers through noise."""
        if not memory["training"]:
            return discretised(said)
        return dru(said, self.config.sigma * self._normals[memory["seat"]].at(memory["luck"], memory["step"]))

    def noise(self, memories: list[Memory], length: int) -> Tensor:
        """What the channel added to m in `length` steps from these memories on, [T, N, B, M]."""
        lucks = list(zip(self._normals, memories, strict=True))
        steps = [torch.stack([n.at(m["luck"], m["step"] + t) for n, m in lucks]) for t in range(length)]
        return self.config.sigma * torch.stack(steps)

    def again(self, said: Tensor, lesson: Heard, t: int) -> Tensor:
        """The messages with their graph, through the noise with which they were sent."""
        assert lesson.noise is not None
        return dru(said, lesson.noise[t])

    def loss(self, outputs: Tensor, slow: Tensor, lesson: Heard) -> tuple[Tensor, dict[str, float]]:
        """The squared errors of the actions' values; messages have no value of their own."""
        error = self.errors(outputs, self.best(slow, lesson), lesson)
        loss = error.square().sum(1).mean()
        m = outputs[:-1, ..., self.wide :].detach()
        return loss, {"confidence": float(m.abs().mean())}
