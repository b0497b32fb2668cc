"""Opponent modelling: the policies of other seats, as they are shown or as they are inferred from what those do.

Foerster et al. 2018 (LOLA), section 4.4: theta_2 is estimated by maximum likelihood, argmax sum_t log pi_2(a_t | s_t)
(equation 4.8), here by some steps of Adam a round, each on the segment just played, so that the model follows a policy
that changes. A learner need not know which of the two it was given.
"""

from __future__ import annotations

from collections.abc import Mapping

from agents.parts.gradients import gradient, leaves
from agents.parts.optimizers import Adam
from agents.parts.policies.categorical import CategoricalPolicy
from agents.protocol import DifferentiablePolicy, LearningContext, State, Trajectory


class Opponents:
    """The other seats' policies, and a model of each for the rounds in which it is hidden.

    Args:
        models: seat -> a fresh policy of one's own kind, whose parameters the fit changes in place.
        lr: Adam's step size of the fit.
        steps: steps of the fit a round.
    """

    def __init__(self, models: Mapping[str, CategoricalPolicy], lr: float, steps: int) -> None:
        self.models, self.steps = dict(models), steps
        self._optimizers = {seat: Adam(model.parameters, lr) for seat, model in models.items()}

    def policy(self, seat: str, trajectory: Trajectory, context: LearningContext) -> DifferentiablePolicy:
        """The policy of `seat`: the one shown, else our model of it, fitted further to what it just did."""
        return context.peers[seat] if seat in context.peers else self.fit(seat, trajectory)

    def fit(self, seat: str, trajectory: Trajectory) -> CategoricalPolicy:
        """Some steps of maximum likelihood on the other's actions."""
        model = self.models[seat]
        for _ in range(self.steps):
            theta = leaves(model.parameters)
            # the mean is over the games of all replicas, each of which only moves its own parameters
            likelihood = model.replicas * model.with_parameters(theta).log_prob(trajectory).mean()
            self._optimizers[seat].descend({name: -g for name, g in gradient(likelihood, theta).items()})
        return model

    def state(self) -> State:
        """The tensors that the next fit depends on; live, not copies."""
        state: State = {}
        for seat, model in self.models.items():
            state |= {f"{seat}/model/{name}": p for name, p in model.parameters.items()}
            state |= self._optimizers[seat].state(f"{seat}/model_step")
        return state
