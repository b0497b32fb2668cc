"""The one exception for what is wrong with a game."""

from __future__ import annotations


class ArenaError(Exception):
    """The environment broke or cannot be used: one line that names environment, episode seed and cause.

    Where a stranger's environment broke its contract in play, the attributes say who, when and how: `seat` ("" where it
    is nobody's), `step` of the episode (0 after a reset), the environment's `method`, and the `rule` that it broke.
    """

    def __init__(
        self, message: str, *, seat: str = "", step: int | None = None, method: str = "", rule: str = ""
    ) -> None:
        super().__init__(message)
        self.seat, self.step, self.method, self.rule = seat, step, method, rule
