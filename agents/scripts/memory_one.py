"""Memory-one strategies of the iterated prisoner's dilemma, as probabilities of cooperating (action 0).

A memory-one strategy is (start; CC, CD, DC, DD): how likely it cooperates at first, and after each outcome of the last
round, own action before the other's (Nowak and Sigmund 1993; Axelrod 1984 for tit-for-tat and grim). They sit in any
iterated two-player matrix game with two actions a seat. In addition to the classics there are any five probabilities,
and the extortioners of Press and Dyson (2012), "Iterated Prisoner's Dilemma contains strategies that dominate any
evolutionary opponent", in the form for discounted games of Hilbe, Traulsen and Sigmund (2015), "Partners or rivals?".
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Annotated

import torch
from torch import Tensor

from agents.parts.policies.scripted import Scripted
from arenas.protocol import TimeStep
from arenas.settings import Checked, Range, Share

Factor = Annotated[float, Range(1)]
Cooperation = tuple[float, float, float, float, float]


class MemoryOne(Scripted):
    """Cooperates with probability `cooperation[i]` when observation i, one-hot of (start, CC, CD, DC, DD), is seen."""

    needs = frozenset({"discrete", "matrix"})
    cooperation: Cooperation

    def build(self, seed: int) -> None:
        """The table of probabilities [5, 2]."""
        if any(seat.actions != 2 for seat in self.spec.seats.values()):
            raise ValueError(f"{type(self).__name__} knows games with two actions a seat, {self.spec.name} has more")
        cooperate = torch.tensor(self.cooperation, device=self.device)
        self.table = torch.stack((cooperate, 1 - cooperate), dim=-1)  # [5, 2]

    def probabilities(self, timestep: TimeStep) -> Tensor:
        """Look the observation up: [..., 5] -> [..., 2]."""
        return self.table[timestep.observation.argmax(-1)]


class AlwaysCooperate(MemoryOne):
    """Cooperates, whatever happens."""

    cooperation = (1, 1, 1, 1, 1)


class AlwaysDefect(MemoryOne):
    """Defects, whatever happens."""

    cooperation = (0, 0, 0, 0, 0)


class TitForTat(MemoryOne):
    """Cooperates first, then does what the other did last."""

    cooperation = (1, 1, 0, 1, 0)


class Grim(MemoryOne):
    """Cooperates as long as both did: the memory-one form of the grim trigger."""

    cooperation = (1, 1, 0, 0, 0)


class WinStayLoseShift(MemoryOne):
    """Pavlov: repeats its action after a good outcome and changes it after a bad one."""

    cooperation = (1, 1, 0, 0, 1)


@dataclass(frozen=True)
class GivenConfig(Checked):
    """Settings of `memory-one`; by default generous tit-for-tat (Nowak and Sigmund 1992)."""

    start: Share = 1.0  # probability of cooperating at first
    cc: Share = 1.0  # after both cooperated
    cd: Share = 1 / 3  # after it cooperated and the other defected
    dc: Share = 1.0  # after it defected and the other cooperated
    dd: Share = 1 / 3  # after both defected


class Given(MemoryOne):
    """Cooperates with given probabilities at the start and after CC, CD, DC and DD."""

    Config = GivenConfig

    def build(self, seed: int) -> None:
        """The table that the settings give."""
        self.cooperation = astuple(self.config)
        super().build(seed)


@dataclass(frozen=True)
class ExtortConfig(Checked):
    """Settings of `zd-extort`; the payoffs are by default those of the prisoner's dilemma here."""

    factor: Factor = 3.0  # chi: of what both earn above mutual defection it takes so many times the other's share
    slope: Share = 0.5  # where phi lies in the range that gives probabilities: 0 least, 1 largest
    temptation: float = 0.0  # T, paid to a defector against a cooperator
    reward: float = -1.0  # R, for mutual cooperation
    punishment: float = -2.0  # P, for mutual defection
    sucker: float = -3.0  # S, paid to a cooperator against a defector

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.temptation > self.reward > self.punishment > self.sucker:
            raise ValueError(
                "the payoffs are no prisoner's dilemma: temptation > reward > punishment > sucker is asked"
            )


def extortion(config: ExtortConfig, gamma: float) -> Cooperation:
    """The strategy that enforces u_1 - P = chi (u_2 - P), u the discounted mean payoffs, whatever the other plays.

    With v the discounted distribution of outcomes, [gamma p + (1 - gamma) p_0 - (1, 1, 0, 0)] . v = 0 holds for every
    opponent; p is chosen so that the bracket is phi [(S_1 - P) - chi (S_2 - P)] (Hilbe et al. 2015, equation 6).

    Raises:
        ValueError: no phi gives probabilities: the future counts too little for this factor.
    """
    t, r, s = (x - config.punishment for x in (config.temptation, config.reward, config.sucker))
    chi = config.factor
    low = (1 - gamma) / ((chi - 1) * r) if chi > 1 else 0.0
    high = min(1 / (chi * t - s), gamma / (t - chi * s))
    if low > high or (chi == 1 and gamma < 1):
        raise ValueError(f"no strategy extorts by the factor {chi:g} at gamma {gamma:g}: choose another factor")
    phi = low + config.slope * (high - low)
    moves = (1 - phi * (chi - 1) * r, 1 - phi * (chi * t - s), phi * (t - chi * s))
    cc, cd, dc = (min(max(p / gamma, 0.0), 1.0) for p in moves)
    return (0.0, cc, cd, dc, 0.0)


class Extort(MemoryOne):
    """Extorts in the dilemma whose payoffs its config holds, and in no other game: it earns `factor` times the surplus.

    Whatever the other does, it earns `factor` times what the other earns above mutual defection.
    """

    Config = ExtortConfig

    def build(self, seed: int) -> None:
        """The table that extorts at the arena's discount.

        Raises:
            ValueError: the arena pays otherwise than the settings say.
        """
        c = self.config
        own = ((c.reward, c.sucker), (c.temptation, c.punishment))
        wanted = [[(own[a][b], own[b][a]) for b in range(2)] for a in range(2)]
        here, there = torch.tensor(self.spec.payoffs), torch.tensor(wanted)
        if here.shape != there.shape or not torch.allclose(here, there):  # as near as float32
            paid = " ".join(f"{pay:g}" for line in self.spec.payoffs for pay, _ in line)
            raise ValueError(
                f"it extorts where mutual cooperation, a cooperator's loss, temptation and mutual defection pay"
                f" {c.reward:g} {c.sucker:g} {c.temptation:g} {c.punishment:g}; {self.spec.name} pays {paid}"
            )
        self.cooperation = extortion(self.config, self.spec.gamma)
        super().build(seed)
