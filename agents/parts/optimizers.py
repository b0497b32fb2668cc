"""Gradient steps on parameter dicts, with all state in tensors so that a resumed run continues bit for bit."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

_DECAY = 0.9, 0.999  # of Adam's first and second moment


class GradientDescent:
    """Plain steps on the tensors of `parameters`, changed in place.

    Args:
        parameters: name -> tensor.
        lr: step size.
    """

    def __init__(self, parameters: Mapping[str, Tensor], lr: float) -> None:
        self._parameters, self.lr = dict(parameters), lr

    @torch.no_grad()
    def descend(self, gradients: Mapping[str, Tensor]) -> None:
        """One step against `gradients`."""
        for name, parameter in self._parameters.items():
            parameter.add_(gradients[name], alpha=-self.lr)

    def state(self, prefix: str) -> dict[str, Tensor]:
        """Nothing: the next step depends on the parameters alone."""
        return {}


class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1) on the tensors of `parameters`, changed in place.

    Args:
        parameters: name -> tensor.
        lr: step size.
        clip: largest norm of each tensor's gradient, per replica (its first axis); None leaves gradients as they are.
    """

    def __init__(self, parameters: Mapping[str, Tensor], lr: float, clip: float | None = None) -> None:
        self._parameters, self.lr, self._clip = dict(parameters), lr, clip
        self._count = torch.zeros(())
        self._mean = {name: torch.zeros_like(p) for name, p in self._parameters.items()}
        self._square = {name: torch.zeros_like(p) for name, p in self._parameters.items()}

    @torch.no_grad()
    def descend(self, gradients: Mapping[str, Tensor]) -> None:
        """One step against `gradients`."""
        self._count += 1
        count = float(self._count)
        b1, b2 = _DECAY
        # what no float32 can hold is as good as infinite: the parameters are then no longer finite, and that is told
        step = min(self.lr / (1 - b1**count), torch.finfo(torch.float32).max)
        slopes = [self._clipped(gradients[name]) for name in self._parameters]
        means, squares = list(self._mean.values()), list(self._square.values())
        torch._foreach_lerp_(means, slopes, 1 - b1)
        torch._foreach_mul_(squares, b2)
        torch._foreach_addcmul_(squares, slopes, slopes, 1 - b2)
        roots = torch._foreach_div(squares, 1 - b2**count)
        torch._foreach_sqrt_(roots)
        torch._foreach_add_(roots, 1e-8)
        torch._foreach_addcdiv_(list(self._parameters.values()), means, roots, -step)

    def _clipped(self, gradient: Tensor) -> Tensor:
        """The gradient of a tensor, shortened to the largest norm."""
        if self._clip is None:
            return gradient
        norm = gradient.flatten(1).norm(dim=1).clamp_min(1e-12)
        factor: Tensor = (self._clip / norm).clamp_max(1.0)
        return gradient * factor.view(-1, *[1] * (gradient.dim() - 1))

    def state(self, prefix: str) -> dict[str, Tensor]:
        """The tensors that the next step depends on, named under `prefix`; live, not copies."""
        moments = {f"{prefix}/mean/{name}": m for name, m in self._mean.items()}
        moments |= {f"{prefix}/square/{name}": s for name, s in self._square.items()}
        return moments | {f"{prefix}/count": self._count}
