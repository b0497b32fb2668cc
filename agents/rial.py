"""RIAL, reinforced inter-agent learning: a message is chosen as an action is, by a value of its own.

Foerster, Assael, de Freitas and Whiteson 2016, "Learning to Communicate with Deep Multi-Agent Reinforcement Learning",
section 5.1; chapter 6 of the thesis. The network gives Q_u(u) of every action and Q_m(m) of every message, each chosen
greedily, and while it trains in a share epsilon of cases uniformly. No errors pass between seats.

    v = (max_u' Qbar_u(u') + max_m' Qbar_m(m')) / 2
        where nobody hears the seat, max_u' Qbar_u(u') alone
    y = r + gamma v
    minimise sum over seats (y - Q_u(u))^2 + (y - Q_m(m))^2

the second square where the message was heard. There is no replay, since what messages mean changes as the team learns.

Departures: those of `dial`, whose network and scales it shares. A message is read one-hot, as one of 2^M.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from agents.parts.critics import td_lambda
from agents.parts.logits import taken
from agents.parts.talking import Heard, Talking, TalkingConfig, drawn
from agents.protocol import Memory
from agents.randomness import Draws


@dataclass(frozen=True)
class RialConfig(TalkingConfig):
    """Settings of `rial`."""

    average: bool = True  # bootstrap from both heads (`avg_q` of the authors' code); False: each from its own


def bits_of(message: Tensor, bits: int) -> Tensor:
    """The bits float32 [..., M] of messages by number, long [...]; the first bit counts one."""
    return ((message.unsqueeze(-1) >> torch.arange(bits, device=message.device)) & 1).float()


def number_of(bits: Tensor) -> Tensor:
    """The number long [...] of a message [..., M]."""
    return ((bits > 0.5).long() << torch.arange(bits.shape[-1], device=bits.device)).sum(-1)


def bootstrap(action: Tensor, message: Tensor, spoke: Tensor, *, average: bool = True) -> tuple[Tensor, Tensor]:
    """Values [...] from which the two heads' targets go on.

    Args:
        action: max_u Qbar_u(u).
        message: max_m Qbar_m(m).
        spoke: whether anybody hears the seat; else the message's maximum is the action's.
        average: both go on from the mean.
    """
    message = torch.where(spoke, message, action)
    if average:
        action = message = (action + message) / 2
    return action, message


class Rial(Talking):
    """RIAL: learns to talk as it learns to act, by Q-learning from reward alone."""

    Config = RialConfig
    config: RialConfig

    def build(self, seed: int) -> None:
        """The network, its slow copy, the optimiser, and luck for messages."""
        super().build(seed)
        self._messages = [Draws(self.spec.max_steps) for _ in self.seats]

    def widths(self, bits: int) -> tuple[int, int]:
        """A message is read one-hot, and each has its value."""
        return 2**bits, 2**bits

    def listen(self, message: Tensor) -> Tensor:
        """One-hot."""
        return one_hot(number_of(message), self.reads).float()

    def utter(self, said: Tensor, memory: Memory) -> Tensor:
        """The bits of the best message; while it trains, now and then of a uniform one."""
        number = said.argmax(-1)
        if memory["training"]:
            draw = self._messages[memory["seat"]].at(memory["luck"], -1 - memory["step"])
            number = drawn(number, draw, self.epsilon, self.says)
        return bits_of(number, self.bits)

    def again(self, said: Tensor, lesson: Heard, t: int) -> Tensor:
        """What was sent: a choice, through which nothing flows."""
        return lesson.sent[t]

    def loss(self, outputs: Tensor, slow: Tensor, lesson: Heard) -> tuple[Tensor, dict[str, float]]:
        """The squared errors of the values of actions and messages."""
        spoke = lesson.spoke & self.config.talk
        value, said = bootstrap(
            self.best(slow, lesson),
            slow[..., self.wide :].amax(-1),
            torch.cat([spoke, torch.zeros_like(spoke[:1])]),  # nobody yet heard what is said last
            average=self.config.average,
        )
        error = self.errors(outputs, value, lesson)
        y = td_lambda(lesson.steps, said, self.gamma, self.config.lambda_)
        chosen = taken(outputs[:-1, ..., self.wide :], number_of(lesson.sent))
        spoken = (y - chosen) * lesson.counted * spoke
        return (error.square() + spoken.square()).sum(1).mean(), {"spoken": float(spoken.detach().square().mean())}
