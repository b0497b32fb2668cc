"""What a stranger's agent did wrong."""

from __future__ import annotations

from leaderboard.records import Status


class AgentFault(Exception):
    """An agent crashed, was late, took too much memory, or answered with what is no action; never a fault of input.

    Attributes:
        status: TIMEOUT, CRASH, MEMORY, INVALID or FORFEIT.
        message: what happened, in one line.
        log: the end of what the agent printed, at most 8 kB.
        retry: whether the process may have been ended from outside, so that another try may go well.
        seats: the seats of the agent.
    """

    def __init__(
        self, status: Status, message: str, log: str = "", *, retry: bool = False, seats: tuple[str, ...] = ()
    ) -> None:
        super().__init__(f"{status}: {message}")
        self.status, self.message, self.log, self.retry, self.seats = status, message, log, retry, seats
