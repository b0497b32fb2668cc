"""Estimators whose expectation is exact, because every course of a small game is written out with its probability."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor

from agents.parts import dice

STEPS, GAMMA = 3, 0.9
PAY = torch.tensor([[-1.0, -1.0], [-3.0, 0.0], [0.0, -3.0], [-2.0, -2.0]], dtype=torch.float64)
#: All courses of the game, long [T, B, 2]: 4^3 sequences of joint actions.
ACTIONS = torch.tensor(list(product(product((0, 1), repeat=2), repeat=STEPS))).transpose(0, 1)
JOINT = 2 * ACTIONS[..., 0] + ACTIONS[..., 1]
STATE = torch.cat((torch.zeros_like(JOINT[:1]), 1 + JOINT[:-1]))  # 0 at first, then 1 + the last joint action
REWARD = dice.discounted(PAY[JOINT][..., 0], GAMMA)  # of the first seat, [T, B]
Estimator = Callable[[Tensor], Tensor]


def theta() -> Tensor:
    """Five logits of cooperating for either agent, float64 [10]."""
    generator = torch.Generator().manual_seed(7)
    return torch.randn(10, generator=generator, dtype=torch.float64).requires_grad_()


def log_probs(logits: Tensor) -> Tensor:
    """[T, B, 2]: of what each agent did, at every step of every course."""
    log_pi = torch.nn.functional.logsigmoid(torch.stack((logits, -logits), -1)).view(2, 5, 2)
    return torch.stack([log_pi[agent][STATE, ACTIONS[..., agent]] for agent in (0, 1)], -1)


def exact(logits: Tensor) -> Tensor:
    return (log_probs(logits).sum((0, 2)).exp() * REWARD.sum(0)).sum()


def expected(estimator: Estimator, logits: Tensor) -> Tensor:
    """The estimator's mean over all courses, each by its (constant) probability."""
    joint = log_probs(logits).sum(-1)
    return (joint.detach().sum(0).exp() * estimator(joint)).sum()


def to_go() -> Tensor:
    return REWARD.flip(0).cumsum(0).flip(0)


def some_value() -> Tensor:
    """Any function of step and state, discounted, [T, B]."""
    table = torch.randn(STEPS, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return table.gather(1, STATE)


def true_advantage() -> Tensor:
    """E[return from t on | s_t, a_t] - E[return from t on | s_t], each found by averaging over the courses."""
    probability = log_probs(theta()).detach().sum((0, 2)).exp()
    result = torch.zeros_like(REWARD)
    for t in range(STEPS):
        cell = STATE[t] * 4 + JOINT[t]
        means = []
        for label, width in ((cell, 20), (STATE[t], 5)):
            mass = torch.zeros(width, dtype=torch.float64).index_add(0, label, probability)
            total = torch.zeros(width, dtype=torch.float64).index_add(0, label, probability * to_go()[t])
            means.append((total / mass)[label])
        result[t] = means[0] - means[1]
    return result


UNBIASED: dict[str, Estimator] = {
    "dice": lambda w: dice.dice(w, REWARD),
    "dice_with_baseline": lambda w: dice.dice_with_baseline(w, REWARD, some_value()),
    "loaded_dice, returns": lambda w: dice.loaded_dice(w, to_go()),
    "loaded_dice, returns less any value": lambda w: dice.loaded_dice(w, to_go() - some_value()),
    "loaded_dice, true advantages": lambda w: dice.loaded_dice(w, true_advantage()),
}


def derivatives(value: Callable[[Tensor], Tensor], logits: Tensor) -> tuple[Tensor, Tensor]:
    (gradient,) = torch.autograd.grad(value(logits), logits, create_graph=True)
    rows = [
        torch.autograd.grad(g, logits, retain_graph=True, materialize_grads=True)[0] if g.requires_grad else 0 * logits
        for g in gradient
    ]
    return gradient.detach(), torch.stack(rows).detach()


@pytest.mark.parametrize("name", UNBIASED)
def test_first_and_second_derivatives_are_those_of_the_expected_return(name: str) -> None:
    gradient, hessian = derivatives(exact, theta())
    found_gradient, found_hessian = derivatives(lambda x: expected(UNBIASED[name], x), theta())
    torch.testing.assert_close(found_gradient, gradient, rtol=0, atol=1e-8)
    torch.testing.assert_close(found_hessian, hessian, rtol=0, atol=1e-8)
    assert hessian[:5, 5:].abs().max() > 0.01  # the mixed block is there to be found


@pytest.mark.parametrize("name", UNBIASED)
def test_third_derivatives_too(name: str) -> None:
    def third(value: Callable[[Tensor], Tensor]) -> Tensor:
        return torch.autograd.functional.jacobian(
            lambda x: torch.autograd.functional.hessian(value, x, create_graph=True), theta()
        )

    found = third(lambda x: expected(UNBIASED[name], x))
    torch.testing.assert_close(found, third(exact), rtol=0, atol=1e-8)
    assert found[0, 5].abs().max() > 1e-3


def test_the_surrogate_is_right_at_first_order_and_blind_to_how_one_agent_moves_the_others_gradient() -> None:
    gradient, hessian = derivatives(exact, theta())
    found_gradient, found_hessian = derivatives(lambda x: expected(lambda w: dice.surrogate(w, REWARD), x), theta())
    torch.testing.assert_close(found_gradient, gradient, rtol=0, atol=1e-8)
    assert torch.equal(found_hessian[:5, 5:], torch.zeros(5, 5, dtype=torch.float64))
    assert (found_hessian - hessian).abs().max() > 0.1


def test_what_they_are_worth() -> None:
    joint = log_probs(theta()).sum(-1)
    torch.testing.assert_close(dice.dice(joint, REWARD), REWARD.sum(0))
    torch.testing.assert_close(dice.dice_with_baseline(joint, REWARD, some_value()), REWARD.sum(0))
    assert torch.equal(dice.loaded_dice(joint, to_go()), torch.zeros(len(REWARD[0]), dtype=torch.float64))
    assert torch.equal(dice.magic_box(joint), torch.ones_like(joint))
    torch.testing.assert_close(dice.surrogate(joint, REWARD), (joint.cumsum(0) * REWARD).sum(0))
    torch.testing.assert_close(REWARD[2], PAY[JOINT[2]][:, 0] * GAMMA**2)


def test_a_baseline_with_a_graph_is_a_constant() -> None:
    logits = theta()
    baseline = some_value() * logits.sum()
    found = dice.dice_with_baseline(log_probs(logits).sum(-1), REWARD, baseline).sum()
    constant = dice.dice_with_baseline(log_probs(logits).sum(-1), REWARD, baseline.detach()).sum()
    gradients = [torch.autograd.grad(value, logits, retain_graph=True)[0] for value in (found, constant)]
    assert torch.equal(*gradients)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_fast_path_gives_the_numbers_of_the_loop(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(5)
    log_prob, advantage = torch.randn(2, 40, 6, generator=generator, dtype=dtype)
    log_prob.requires_grad_()
    never = torch.zeros(40, 6, dtype=torch.bool)
    start = never.clone()
    start[0] = True
    fast = dice._past(log_prob, None)
    # a start in a seventh episode sends the other six through the loop
    wide = torch.cat((log_prob, log_prob[:, :1]), 1)
    late = torch.cat((never, never[:, :1]), 1)
    late[20, 6] = True
    torch.testing.assert_close(dice._past(wide, late)[:, :6], fast)
    assert torch.equal(dice.loaded_dice(log_prob, advantage, never), dice.loaded_dice(log_prob, advantage, start))
    fast_gradient, loop_gradient = (
        torch.autograd.grad((past.square() * advantage).sum(), log_prob)[0]
        for past in (fast, dice._past(wide, late)[:, :6])
    )
    torch.testing.assert_close(fast_gradient, loop_gradient)


@pytest.mark.parametrize("estimator", [dice.surrogate, dice.dice, dice.loaded_dice])
def test_a_segment_of_two_episodes_is_worth_its_episodes(estimator: Callable[..., Tensor]) -> None:
    generator = torch.Generator().manual_seed(5)
    log_prob, reward = torch.randn(2, 6, 4, generator=generator, dtype=torch.float64)
    log_prob.requires_grad_()
    first = torch.zeros(6, 4, dtype=torch.bool)
    first[[0, 2]] = True
    together = estimator(log_prob, reward, first)
    apart = estimator(log_prob[:2], reward[:2]) + estimator(log_prob[2:], reward[2:])
    gradients = [torch.autograd.grad(value.square().sum(), log_prob)[0] for value in (together, apart)]
    torch.testing.assert_close(together, apart)
    torch.testing.assert_close(*gradients)


def test_decay_fades_an_actions_part_in_later_states() -> None:
    log_prob = torch.randn(5, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    faded = dice._past(log_prob, None, 0.5)
    for t in range(5):
        weights = torch.tensor([0.5 ** (t - s) for s in range(t)], dtype=torch.float64)
        torch.testing.assert_close(faded[t], (weights.unsqueeze(-1) * log_prob[:t]).sum(0))
