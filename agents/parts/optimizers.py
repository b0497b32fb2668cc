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
        for name, parameter in self._parameters.items():
            gradient = gradients[name]
            if self._clip is not None:
                norm = gradient.flatten(1).norm(dim=1).clamp_min(1e-12)
                factor = (self._clip / norm).clamp_max(1.0)
                gradient = gradient * factor.view(-1, *[1] * (gradient.dim() - 1))
            mean, square = self._mean[name], self._square[name]
            mean.lerp_(gradient, 1 - b1)
            square.mul_(b2).addcmul_(gradient, gradient, value=1 - b2)
            parameter.addcdiv_(mean, (square / (1 - b2**count)).sqrt_().add_(1e-8), value=-step)

    def state(self, prefix: str) -> dict[str, Tensor]:
        """The tensors that the next step depends on, named under `prefix`; live, not copies."""
        moments = {f"{prefix}/mean/{name}": m for name, m in self._mean.items()}
        moments |= {f"{prefix}/square/{name}": s for name, s in self._square.items()}
        return moments | {f"{prefix}/count": self._count}
