"""What a stranger's agent did wrong, as the referee hears of it."""

from __future__ import annotations

from leaderboard.records import Status


class AgentFault(Exception):
    """An agent that runs in a process of its own broke a rule, or its process ended.

    It is never a fault of whoever started the game, so it is no `UserError`: the referee turns it into a status.

    Attributes:
        status: TIMEOUT, CRASH, MEMORY, INVALID or FORFEIT.
        message: one line, "RuntimeError: oops (students.py, line 9)".
        log: the end of what the agent wrote to its standard output and error, at most 8 kB.
        retry: True where the process was ended from outside, so that the same game may be played once more with a
            fresh one; whoever dies so twice in one game has done it himself.
        seats: the seats that the agent fills; none where it was not made yet.
        who: its file and class; "" where it was not made yet.
    """

    def __init__(
        self,
        status: Status,
        message: str,
        log: str = "",
        retry: bool = False,
        seats: tuple[str, ...] = (),
        who: str = "",
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.log, self.retry = status, message, log, retry
        self.seats, self.who = seats, who

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[type[AgentFault], tuple[object, ...]]:
        told = (self.status, self.message, self.log, self.retry, self.seats, self.who)
        return AgentFault, told  # it may cross to a pool
