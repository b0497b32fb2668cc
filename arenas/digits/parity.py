"""What colour-digit asks for and pays: signs of sums of an action, a colour, and the parity of a digit."""

from __future__ import annotations

from torch import Tensor


def asked(digits: Tensor, colours: Tensor) -> tuple[Tensor, Tensor]:
    """The u^a [..., 2] that the first term of the sum pays, and the one that the second pays."""
    return (colours + digits.flip(-1)) % 2, (digits + colours.flip(-1)) % 2


def pay(done: Tensor, digits: Tensor, colours: Tensor) -> Tensor:
    """Each agent's part of the sum, float32 [..., 2], from long [..., 2] each."""
    first, second = (1.0 - 2.0 * (done != want) for want in asked(digits, colours))
    return 2 * first + second
