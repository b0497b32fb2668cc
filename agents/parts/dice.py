"""DiCE: surrogate objectives that are right at every order of differentiation.

Shapes: T steps, B episodes. A log-probability [T, B] is the sum over all agents whose parameters are differentiated.

- magic box (Foerster et al. 2018, DiCE, equation 6): box(x) = exp(x - stop(x)), worth 1, and its derivative is
  box(x) times the derivative of x.
- loaded DiCE (Farquhar et al. 2019, equation 13): sum_t gamma^t A_t (box(w_{<=t}) - box(w_{<t})), where w sums the
  log-probabilities of all past actions. It is worth 0; its derivatives of every order are those of the expected
  return, at far lower variance than DiCE's.
"""

from __future__ import annotations

import torch
from torch import Tensor


def magic_box(x: Tensor) -> Tensor:
    """exp(x - stop(x)), the shape of `x`."""
    return (x - x.detach()).exp()


def loaded_dice(log_prob: Tensor, advantage: Tensor, first: Tensor, decay: float = 1.0) -> Tensor:
    """Loaded DiCE [B]: the sum over time of advantages, to be differentiated any number of times.

    Args:
        log_prob: [T, B] with graph; the sum over all agents that are differentiated.
        advantage: [T, B] without graph, times gamma^t where the episode's start is what counts.
        first: bool [T, B], True where an episode starts: actions before it had no part in what follows.
        decay: weight, to the power k, of an action's part in the states k steps later (Farquhar et al. 2019, section
            5.3, there lambda). 1 is unbiased for returns from the start, with gamma^t in `advantage`; gamma is where
            every step counts alike as a start; less than that trades bias at second order for variance.
    """
    keep = decay * (~first).to(log_prob.dtype)
    before: list[Tensor] = []
    past = torch.zeros_like(log_prob[0])
    for t in range(len(log_prob)):
        before.append(past * keep[t])
        past = before[-1] + log_prob[t]
    exclusive = torch.stack(before)
    return (advantage * (magic_box(exclusive + log_prob) - magic_box(exclusive))).sum(0)
