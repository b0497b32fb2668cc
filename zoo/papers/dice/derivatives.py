"""Derivatives of the iterated prisoner's dilemma in two memory-one policies: exact ones, and five estimators.

The value is the row player's discounted return over T = 150 steps. Its gradient [10] and Hessian [10, 10] in the logits
of both policies are known exactly from the arena; each estimator is differentiated once and twice on every 8 episodes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from agents.parts import dice
from agents.randomness import derive_rows, uniform
from arenas.protocol import Arena, TimeStep

STEPS, GAMMA = 150, 0.96
SET = 8  # episodes of which the derivatives are taken together
LAMBDA = 0.95
#: What the row player is paid at CC, CD, DC, DD.
PAY = torch.tensor([-1.0, -3.0, 0.0, -2.0], dtype=torch.float64)


class Pair:
    """Two memory-one policies as tables of the probability to cooperate [5], and their exact values.

    Each policy's logits are in its player's own view of the state: start, CC, CD, DC, DD, the own action first.
    """

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits  # float64 [2, 5]
        p = logits.sigmoid()
        self.swap = torch.tensor([0, 1, 3, 2, 4])
        self.first, self.second = p[0], p[1][self.swap]  # both in the row player's view

    def values(self) -> Tensor:
        """V_t(s) of the row player, float64 [T + 1, 5]: the return from step t on, discounted from t on."""
        p, q = self.first, self.second
        joint = torch.stack((p * q, p * (1 - q), (1 - p) * q, (1 - p) * (1 - q)), dim=-1)  # [5, 4]
        values = [torch.zeros(5, dtype=torch.float64)]
        for _ in range(STEPS):
            values.append(joint @ (PAY + GAMMA * values[-1][1:]))
        return torch.stack(values[::-1])


class LogitTable:
    """The policy with these logits of cooperating, in the form in which an arena computes exact values."""

    memoryless = True
    replicas = 1

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits

    def probabilities(self, timestep: TimeStep) -> Tensor:
        """[B, 2]."""
        cooperate = timestep.observation.to(self.logits.dtype) @ self.logits
        return torch.stack((cooperate.sigmoid(), (-cooperate).sigmoid()), dim=-1)


def exact(arena: Arena, logits: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient [10] and Hessian [10, 10] of the row player's value over T steps, by the arena."""
    theta = logits.flatten().clone().requires_grad_()
    policies = {seat: LogitTable(own) for seat, own in zip(arena.spec.seats, theta.view(2, 5), strict=True)}
    first, *_ = arena.value(policies, steps=STEPS, gamma=GAMMA).values()
    (gradient,) = torch.autograd.grad(first.sum(), theta, create_graph=True)
    hessian = torch.stack([torch.autograd.grad(one, theta, retain_graph=True)[0] for one in gradient])
    return gradient.detach(), hessian


def play(pair: Pair, seed: int, first: int, episodes: int) -> tuple[Tensor, Tensor]:
    """States (row's view) long [T, B] and joint actions long [T, B] of episodes `first`, `first` + 1, ..."""
    luck = derive_rows(seed, episodes, "episode", first=first)
    state = torch.zeros(episodes, dtype=torch.long)
    states, joints = [], []
    for t in range(STEPS):
        defects = [uniform(luck, 2 * t + k) >= p[state] for k, p in enumerate((pair.first, pair.second))]
        joint = 2 * defects[0] + defects[1].long()
        states.append(state)
        joints.append(joint)
        state = 1 + joint
    return torch.stack(states), torch.stack(joints)


def fitted_values(states: Tensor, reward: Tensor) -> Tensor:
    """Mean discounted return from each state on, [5].

    Only visits in the first half of an episode count, as the returns of later ones are cut short.
    """
    to_go = torch.zeros_like(reward[0])
    total, count = torch.zeros(5, dtype=torch.float64), torch.zeros(5, dtype=torch.float64)
    for t in range(STEPS - 1, -1, -1):
        to_go = reward[t] + GAMMA * to_go
        if t < STEPS // 2:
            total.index_add_(0, states[t], to_go)
            count.index_add_(0, states[t], torch.ones_like(to_go))
    return torch.where(count > 0, total / count.clamp_min(1), total.sum() / count.sum())


def generalised(reward: Tensor, values: Tensor) -> Tensor:
    """Generalised advantages [T, B] from rewards [T, B] and values [T, B], 0 after the last step."""
    following = torch.cat((values[1:], torch.zeros_like(values[:1])))
    delta = reward + GAMMA * following - values
    result = torch.empty_like(delta)
    ahead = torch.zeros_like(delta[0])
    for t in range(STEPS - 1, -1, -1):
        ahead = delta[t] + GAMMA * LAMBDA * ahead
        result[t] = ahead
    return result


def with_graph(pair: Pair, states: Tensor, joints: Tensor) -> tuple[Tensor, Tensor]:
    """Parameters [G, 10] of G sets of 8 episodes, leaves of a graph, and the log-probability [T, B] of both's actions.

    Each set has parameters of its own, so that one backward pass serves them all.
    """
    sets = states.shape[1] // SET
    theta = pair.logits.flatten().repeat(sets, 1).requires_grad_()  # [G, 10]
    log_pi = torch.nn.functional.logsigmoid(torch.stack((theta, -theta), dim=-1)).flatten()  # [G * 10 * 2]
    offset = 20 * torch.arange(sets).repeat_interleave(SET)
    log_prob = torch.zeros((), dtype=torch.float64)
    for player, view in enumerate((states, pair.swap[states])):
        action = joints // 2 if player == 0 else joints % 2
        where = offset + 10 * player + 2 * view + action
        log_prob = log_prob + log_pi.index_select(0, where.flatten()).view(where.shape)
    return theta, log_prob


def estimates(pair: Pair, fitted: Tensor, states: Tensor, joints: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Estimator -> the gradients [G, 10] and Hessians [G, 10, 10] of G sets of 8 episodes."""
    theta, log_prob = with_graph(pair, states, joints)
    pay = PAY[joints]
    reward = dice.discounted(pay, GAMMA)
    value = pair.values()
    times = torch.arange(STEPS).unsqueeze(1)
    now, following = value[times, states], value[times + 1, 1 + joints]
    baseline = dice.discounted(now, GAMMA)
    advantage = dice.discounted(pay + GAMMA * following - now, GAMMA)
    advantage_fitted = dice.discounted(generalised(pay, fitted[states]), GAMMA)
    surrogates = {
        "surrogate": dice.surrogate(log_prob, reward),
        "dice": dice.dice(log_prob, reward),
        "baseline": dice.dice_with_baseline(log_prob, reward, baseline),
        "loaded": dice.loaded_dice(log_prob, advantage),
        "loaded_fitted": dice.loaded_dice(log_prob, advantage_fitted),
    }
    return {name: _derivatives(surrogate / SET, theta) for name, surrogate in surrogates.items()}


def _derivatives(objective: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    (gradient,) = torch.autograd.grad(objective.sum(), theta, create_graph=True)
    rows = [torch.autograd.grad(column.sum(), theta, retain_graph=True)[0] for column in gradient.unbind(1)]
    return gradient.detach(), torch.stack(rows, dim=1)


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's correlation over the last axis: of each row of `a` [K, D] with `b` [D]; NaN where a row is constant."""
    a, b = a - a.mean(-1, keepdim=True), b - b.mean()
    products: Tensor = (a @ b) / (a.norm(dim=-1) * b.norm())
    return products
