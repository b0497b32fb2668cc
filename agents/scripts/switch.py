"""A script of the switch riddle (`switch`): what prisoners can agree on before they are led away.

Three prisoners follow the protocol that DIAL found (figure 6.5 of the thesis), and no team can do better: somebody
tells whenever all have been inside. The first leaves 1. On day 2 a prisoner who is there again leaves 0, and another
one 1, so that from then on 1 means that two have been inside. Later, who is there for the first time tells if it finds
1, and else leaves 1; who was there before leaves the switch alone.

For any other number the switch says whether an odd number of prisoners has been inside: who is there for the first time
turns it. On the last day the prisoner who is inside tells if the number that would make them all fits. It is wrong only
where two are missing, or four, which is rare: with four prisoners it has .9925 of what could be had (a search over
tables of the day, of no, one or more visits, and of the switch found nothing better).
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from agents.protocol import Agent, Memory, Seating
from arenas.protocol import Action, TimeStep

_NONE, _TELL = 0, 1
#: What a prisoner does who is inside, by the day (the first is 1), whether it has been inside before, and the bit it
#: finds: whether it tells, the bit that it leaves, and 1.
Rule = Callable[[int, int, int], tuple[bool, int, int]]


def three(day: int, been: int, bit: int) -> tuple[bool, int, int]:
    """What each of three prisoners does: whether it tells, what it leaves, and that it has been inside."""
    if day == 1:
        return False, 1, 1
    if day == 2:
        return False, 1 - been, 1
    return bool(bit and not been), bit if been else 1, 1


def parity(n: int, last: int) -> Rule:
    """What each of n prisoners does until day `last`, where the switch says whether an odd number has been inside."""

    def act(day: int, been: int, bit: int) -> tuple[bool, int, int]:
        odd = bit if been else 1 - bit
        return day == last and odd == n % 2, odd, 1

    return act


def protocol(n: int, last: int) -> Rule:
    """What the script does among n prisoners in a game of `last` days."""
    return three if n == 3 else parity(n, last)


class SwitchProtocol(Agent):
    """The best known protocol of the switch riddle.

    Raises:
        ValueError: there are several switches.
    """

    needs = frozenset({"discrete", "channel", "switch"})

    def build(self, seed: int) -> None:
        """Tables of who tells, bool [T, 2, 2], and of what is left, float32 [T, 2, 2], by day, been and bit."""
        if self.seat_spec().message_dim != 1:
            raise ValueError("it knows the game with one switch: set arena.bits to 1")
        last = self.spec.max_steps
        do, cases = protocol(len(self.spec.seats), last), [(been, bit) for been in (0, 1) for bit in (0, 1)]
        done = torch.tensor([[do(day, *case)[:2] for case in cases] for day in range(1, last + 1)])
        self.tells, self.leaves = done.view(-1, 2, 2, 2).to(self.device).unbind(-1)

    def begin(self, seating: Seating) -> Memory:
        """How many days have passed, and whether it was inside, long [B] each."""
        none = torch.zeros_like(seating.seed)
        return {"days": none, "been": none}

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """What the protocol says where it is inside; else it waits, and sends 0, which nobody hears."""
        assert timestep.messages is not None and timestep.audible is not None
        passed, been = (memory[name].masked_fill(timestep.first, 0) for name in ("days", "been"))
        inside = (timestep.observation[:, 0] > 0.5).long()
        bit = ((timestep.messages[..., 0] * timestep.audible).sum(1) > 0.5).long()
        case = passed.clamp_max(len(self.tells) - 1), been, bit
        value = torch.where(self.tells[case] * inside > 0, _TELL, _NONE)
        left = (self.leaves[case] * inside).float().unsqueeze(1)
        return Action(value, left), {"days": passed + 1, "been": been | inside}
