"""The arithmetic of the switch riddle: how long it lasts, what can be had, and what a protocol of finite memory has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from fractions import Fraction
from math import comb


def days(n: int) -> int:
    """T = 4 n - 6."""
    return 4 * n - 6


def certainty(n: int, day: int | None = None) -> Fraction:
    """Probability that all of n prisoners have been inside after `day` days, by default the last.

    By inclusion and exclusion: sum_k (-1)^k C(n, k) (1 - k / n)^day.
    """
    day = days(n) if day is None else day
    return sum(((-1) ** k * comb(n, k) * Fraction(n - k, n) ** day for k in range(n + 1)), start=Fraction(0))


#: What a prisoner does who is inside, by the day (the first is 1), its state (at first 0) and the bit that it finds:
#: whether it tells, the bit that it leaves, and its next state.
FiniteProtocol = Callable[[int, int, int], tuple[bool, int, int]]


def protocol_value(n: int, protocol: FiniteProtocol) -> Fraction:
    """Expected reward of n prisoners who all follow `protocol`, exactly, by dynamic programming.

    What decides how the game goes on is the switch and how many prisoners are in which state, of those who have been
    inside and of those who have not.
    """
    begin = (0, ((0, False),) * n)  # the switch, and of each prisoner its state and whether it has been inside
    chance: Mapping[tuple[int, tuple[tuple[int, bool], ...]], Fraction] = {begin: Fraction(1)}
    paid = Fraction(0)
    for day in range(1, days(n) + 1):
        following: dict[tuple[int, tuple[tuple[int, bool], ...]], Fraction] = defaultdict(Fraction)
        for (bit, prisoners), probability in chance.items():
            for inside, (state, _) in enumerate(prisoners):
                tells, left, remembered = protocol(day, state, bit)
                after = (*prisoners[:inside], (remembered, True), *prisoners[inside + 1 :])
                if tells:
                    paid += probability / n * (1 if all(been for _, been in after) else -1)
                else:
                    following[left, tuple(sorted(after))] += probability / n
        chance = following
    return paid
