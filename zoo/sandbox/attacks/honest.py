"""Agents that must work in a confined process: a bystander with a secret, and one that needs threads and libraries."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import torch

from zoo.sandbox.attacks.base import Attack


class Bystander(Attack):
    """Plays honestly and holds a secret, in memory and in its own folder, which no attack must get at."""

    def strike(self) -> None:
        """It reads its own file."""
        self.secret = Path(self.here / "secret").read_text()


class Works(Attack):
    """Computes with numpy and torch, in threads, and imports further modules."""

    def strike(self) -> None:
        """It prints "works"; whatever fails raises."""
        sums: list[float] = []

        def compute() -> None:
            sums.append(float((torch.ones(50, 50) @ torch.ones(50, 50)).sum()))

        threads = [threading.Thread(target=compute) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        import decimal
        import sqlite3

        weights = torch.ones(20, 20, requires_grad=True)
        with torch.enable_grad():
            torch.autograd.backward((weights @ weights).sum())
        assert sums == [125000.0] * 8
        assert weights.grad is not None
        assert np.linalg.svd(np.eye(9))[1].sum() == 9
        assert torch.randn(3).shape == (3,)
        assert sqlite3.connect(":memory:").execute("select 1").fetchone() == (1,)
        with open("/dev/null", "w") as nothing:
            nothing.write(str(decimal.Decimal(1)))
        print("works")
