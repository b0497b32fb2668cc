"""Estimators of the derivatives of an expected return, as surrogates: write the sum once, differentiate it at will.

Shapes: T steps, B episodes. `log_prob` [T, B] carries the graph: at each step the sum, over all agents whose parameters
are differentiated, of the log-probabilities of the actions taken. `reward`, `advantage` and `baseline` [T, B] carry
none and hold the discount from the episode's start already, gamma^t r_t (`discounted`). `first` [T, B] is True where an
episode starts; None where none starts after step 0. Each function gives [B], a number per episode; the mean over
episodes drawn from the policies themselves is the estimate.

In the equations w_t is log_prob[t], w_{<=t} = w_0 + ... + w_t (from the episode's start, all agents, step t included:
that is the causality of DiCE), w_{<t} the same without step t, and r_t, A_t, b_t are discounted from the start.

- Surrogate loss, the score-function estimator: `surrogate` = sum_t w_{<=t} r_t. Right at first order only. It is
  additive in the agents' log-probabilities, so that its mixed second derivative, in the parameters of two agents, is
  exactly 0.
- DiCE (Foerster, Farquhar, Al-Shedivat, Rocktaeschel, Xing and Whiteson 2018, equation 6): with the magic box
  box(x) = exp(x - stop(x)), worth 1, whose derivative is box(x) times that of x, `dice` = sum_t box(w_{<=t}) r_t. Its
  value is the return, and its derivatives of every order are unbiased.
- DiCE with a baseline (ibid., section 3): `dice_with_baseline` = `dice` + sum_t (1 - box(w_t)) b_t. It lowers the
  variance of the first derivative, not that of the second.
- Loaded DiCE (Farquhar, Whiteson and Foerster 2019, equation 13): `loaded_dice` =
  sum_t (box(w_{<=t}) - box(w_{<t})) A_t. It is worth 0; its derivatives of every order are those of the expected
  return, at far lower variance than DiCE's.
"""

from __future__ import annotations

import torch
from torch import Tensor


def magic_box(x: Tensor) -> Tensor:
    """exp(x - stop(x)), the shape of `x`."""
    return (x - x.detach()).exp()


def discounted(reward: Tensor, gamma: float) -> Tensor:
    """gamma^t r_t [T, B]: discounted from the start of the segment, which must be that of the episode."""
    power = torch.arange(len(reward), dtype=reward.dtype, device=reward.device)
    return reward * (gamma**power).unsqueeze(-1)


def surrogate(log_prob: Tensor, reward: Tensor, first: Tensor | None = None) -> Tensor:
    """The surrogate loss sum_t w_{<=t} r_t [B]: its gradient is right, no derivative of higher order is.

    Args:
        log_prob: [T, B] with graph.
        reward: gamma^t r_t [T, B] without graph.
        first: bool [T, B], see the module; None where no episode starts inside.
    """
    return ((_past(log_prob, first) + log_prob) * reward).sum(0)


def dice(log_prob: Tensor, reward: Tensor, first: Tensor | None = None) -> Tensor:
    """DiCE sum_t box(w_{<=t}) r_t [B]: worth the return, right at every order of differentiation.

    Args:
        log_prob: [T, B] with graph.
        reward: gamma^t r_t [T, B] without graph.
        first: bool [T, B], see the module; None where no episode starts inside.
    """
    return (magic_box(_past(log_prob, first) + log_prob) * reward).sum(0)


def dice_with_baseline(log_prob: Tensor, reward: Tensor, baseline: Tensor, first: Tensor | None = None) -> Tensor:
    """DiCE with the paper's baseline, `dice` + sum_t (1 - box(w_t)) b_t [B]: worth the return, right at every order.

    Args:
        log_prob: [T, B] with graph.
        reward: gamma^t r_t [T, B] without graph.
        baseline: gamma^t b(s_t) [T, B], any function of the state alone, ideally the return expected from there; a
            graph that it carries is cut off.
        first: bool [T, B], see the module; None where no episode starts inside.
    """
    return dice(log_prob, reward, first) + ((1 - magic_box(log_prob)) * baseline.detach()).sum(0)


def loaded_dice(log_prob: Tensor, advantage: Tensor, first: Tensor | None = None, decay: float = 1.0) -> Tensor:
    """Loaded DiCE [B]: the sum over time of advantages, to be differentiated any number of times.

    With advantages whose expectation, given s_t and a_t, is Q(s_t, a_t) less a function of s_t alone, such as the
    return from t on less a value, every order is unbiased at decay 1; errors of a bootstrapped value are not.

    Args:
        log_prob: [T, B] with graph; the sum over all agents that are differentiated.
        advantage: [T, B] without graph, times gamma^t where the episode's start is what counts.
        first: bool [T, B], True where an episode starts: actions before it had no part in what follows. None where
            no episode starts inside.
        decay: weight, to the power k, of an action's part in the states k steps later (Farquhar et al. 2019, section
            5.3, there lambda). 1 is unbiased for returns from the start, with gamma^t in `advantage`; gamma is where
            every step counts alike as a start; less than that trades bias at second order for variance.
    """
    before = _past(log_prob, first, decay)
    return (advantage * (magic_box(before + log_prob) - magic_box(before))).sum(0)


def _past(log_prob: Tensor, first: Tensor | None, decay: float = 1.0) -> Tensor:
    """w_{<t} [T, B]: the sum of the episode's earlier log-probabilities, those k steps back weighted by decay^k."""
    if decay == 1 and (first is None or not bool(first[1:].any())):
        return torch.cat((torch.zeros_like(log_prob[:1]), log_prob[:-1].cumsum(0)))
    none = torch.zeros_like(log_prob, dtype=torch.bool) if first is None else first
    keep = decay * (~none).to(log_prob.dtype)
    before: list[Tensor] = []
    past = torch.zeros_like(log_prob[0])
    for t in range(len(log_prob)):
        before.append(past * keep[t])
        past = before[-1] + log_prob[t]
    return torch.stack(before)
