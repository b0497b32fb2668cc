"""Every joint action of N agents, and whether the policy gradient that is estimated from it points the right way.

N agents play once, each 0 or 1, with P(a_i = 1) = theta_i = theta; every agent is paid R(a). J is the expected reward
and g its gradient in the theta_i. A step g_hat, estimated from one joint action, is right where <g_hat, g> > 0, wrong
where it is < 0, and none where it is 0. All 2^N joint actions are listed, in rational arithmetic: nothing is sampled
and nothing is rounded. The estimators, with the score s_i = a_i / theta - (1 - a_i) / (1 - theta):

- score function: g_hat_i = R(a) s_i, the estimator of the proposition;
- central critic: g_hat_i = sum over own actions b of dpi(b)/dtheta_i Q(b, a_-i) = Q(1, a_-i) - Q(0, a_-i), with the
  others' actions a_-i as sampled, as in MADDPG's actor update; Q = R is exact;
- baseline: g_hat_i = (R(a) - J) s_i.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

HALF = Fraction(1, 2)
SURE = Fraction(19, 20)

Joint = tuple[int, ...]
Reward = Callable[[Joint], Fraction]
#: The probabilities of a right step, of no step, and of a wrong one.
Steps = tuple[Fraction, Fraction, Fraction]


#: 1 where all play 1; and 1 where all play the same, which is the reward as the paper prints it.
REWARDS: Mapping[str, Reward] = {
    "all ones": lambda joint: Fraction(all(joint)),
    "all equal": lambda joint: Fraction(len(set(joint)) == 1),
}


def joint_actions(agents: int) -> list[Joint]:
    """All 2^N of them."""
    return list(itertools.product((0, 1), repeat=agents))


def probability(joint: Joint, theta: Fraction) -> Fraction:
    """The probability of a joint action."""
    ones = sum(joint)
    return theta**ones * (1 - theta) ** (len(joint) - ones)


def score(action: int, theta: Fraction) -> Fraction:
    """Derivative of log pi(a) in theta."""
    return 1 / theta if action else -1 / (1 - theta)


def objective(agents: int, theta: Fraction, reward: Reward) -> Fraction:
    """J, the expected reward."""
    return sum((probability(a, theta) * reward(a) for a in joint_actions(agents)), Fraction(0))


def gradient(agents: int, theta: Fraction, reward: Reward) -> list[Fraction]:
    """The true g [N]."""
    total = [Fraction(0)] * agents
    for a in joint_actions(agents):
        if weight := probability(a, theta) * reward(a):
            total = [g + weight * score(own, theta) for g, own in zip(total, a, strict=True)]
    return total


def estimate(estimator: str, joint: Joint, theta: Fraction, reward: Reward, baseline: Fraction) -> list[Fraction]:
    """g_hat [N] from one joint action; `baseline` is J, and only the estimator of that name uses it."""
    if estimator == "critic":
        ways = [[reward((*joint[:i], own, *joint[i + 1 :])) for own in (0, 1)] for i in range(len(joint))]
        return [one - zero for zero, one in ways]
    paid = reward(joint) - (baseline if estimator == "baseline" else 0)
    return [paid * score(own, theta) for own in joint]


def products(estimator: str, agents: int, theta: Fraction, reward: Reward) -> list[tuple[Fraction, Fraction]]:
    """(probability, <g_hat, g>) of every joint action."""
    g, j = gradient(agents, theta, reward), objective(agents, theta, reward)
    pairs = []
    for a in joint_actions(agents):
        step = estimate(estimator, a, theta, reward, j)
        pairs.append((probability(a, theta), sum((x * y for x, y in zip(step, g, strict=True)), Fraction(0))))
    return pairs


def shares(pairs: Sequence[tuple[Fraction, Fraction]], draws: int = 1) -> Steps:
    """Probabilities of the three kinds of steps, for the mean of so many draws, from the pairs that `products` gives.

    The inner product of a mean is the mean of the inner products, so that all draws are listed by their products.
    """
    by_sign = {1: Fraction(0), 0: Fraction(0), -1: Fraction(0)}
    for batch in itertools.product(pairs, repeat=draws):
        product = sum(d for _, d in batch)
        by_sign[(product > 0) - (product < 0)] += math.prod((p for p, _ in batch), start=Fraction(1))
    return by_sign[1], by_sign[0], by_sign[-1]


def in_batch(right: Fraction, draws: int) -> Fraction:
    """Probability of a right step from the mean of so many draws, where no draw is wrong."""
    return 1 - (1 - right) ** draws


def draws_needed(right: Fraction) -> int:
    """The least number of draws whose mean is right with probability `SURE`, where no draw is wrong."""
    if right >= SURE:
        return 1
    least = max(1, math.floor(math.log(1 - SURE) / math.log(1 - right)) - 1)  # the logarithm may be off by a bit
    return next(draws for draws in itertools.count(least) if in_batch(right, draws) >= SURE)


def law_of_ones(agents: int, theta: Fraction) -> Steps:
    """There is a reward only where all play 1, and then the step is right."""
    return theta**agents, 1 - theta**agents, Fraction(0)


def law_of_equal(agents: int, theta: Fraction) -> Steps:
    """All ones and all zeros are rewarded and point in opposite directions; at 1/2 no direction is right."""
    if agents == 1 or theta == HALF:  # one agent is paid whatever it does
        return Fraction(0), Fraction(1), Fraction(0)
    right, wrong = theta**agents, (1 - theta) ** agents
    return right, 1 - right - wrong, wrong


def law_of_critic(agents: int, theta: Fraction) -> Steps:
    """Agent i has a gradient where all others play 1: in the joint action of all ones, and in N others with one 0."""
    right = theta**agents + agents * theta ** (agents - 1) * (1 - theta)
    return right, 1 - right, Fraction(0)


def law_of_baseline(agents: int, theta: Fraction) -> Steps:
    """At theta = 1/2. Without reward a step goes against the majority, which is right where the majority plays 0."""
    right = Fraction(1 + sum(math.comb(agents, ones) for ones in range((agents + 1) // 2)), 2**agents)
    none = Fraction(0 if agents % 2 else math.comb(agents, agents // 2), 2**agents)
    return right, none, 1 - right - none
