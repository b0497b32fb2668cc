"""An attack that takes place while the agent's file is imported. It does nothing where there is no stage beside it."""

from __future__ import annotations

from pathlib import Path

from zoo.sandbox.attacks.base import Attack


class LoopAtImport(Attack):
    """Computes for ever when its file is imported, before anybody plays."""

    defence = "clock of CPU time"
    faults = ("TIMEOUT",)

    def strike(self) -> None:
        """It is a success if the referee waits."""


if Path(__file__).with_name("aims.json").exists():
    while True:
        pass
