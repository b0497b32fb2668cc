"""Settings of agents that lull a learner and then exploit it, in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from arenas.settings import Checked, Count, Range


@dataclass(frozen=True)
class Turns(Checked):
    """How long it cooperates and how long it harvests, in updates of the learner that it meets."""

    lesson: Count = 4  # how long it cooperates at first
    harvest: Annotated[int | None, Range(1)] = 1  # how long it then harvests; none: for ever
    again: Count = 1  # how long it cooperates between two harvests

    def harvests(self, update: int) -> bool:
        """Whether it harvests at this update, from 0 on."""
        after = update - self.lesson
        if after < 0 or self.harvest is None:
            return after >= 0
        return after % (self.harvest + self.again) < self.harvest
