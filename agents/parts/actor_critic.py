"""What policy-gradient learners share: an actor, a critic that values seats, and a step of the critic a round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from agents.parts.gradients import gradient, leaves
from agents.parts.networks import mlp, mlp_parameters
from agents.parts.optimizers import Adam, GradientDescent
from agents.parts.policies.categorical import CategoricalPolicy, RecallSetting, recall_for
from agents.parts.policy_agent import PolicyAgent
from agents.parts.returns import advantages, discounts
from agents.protocol import JointTrajectory, Parameters, State, playing
from agents.randomness import derive
from arenas.settings import Amount, Checked, Range, Whole

Weigh = Literal["step", "start"]
#: What of a time step returns are made of.
COUNTED = ("reward", "discount", "first", "last", "active")


@dataclass(frozen=True)
class ActorCriticConfig(Checked):
    """Settings of every policy-gradient learner here."""

    lr: Amount = 0.002  # step size for the policy
    optimizer: Literal["adam", "sgd"] = "adam"  # of the policy; sgd: plain steps along the gradient, as in the papers
    critic_lr: Amount = 0.003  # Adam's step size for the value
    anneal: Whole = 0  # updates after which lr has fallen to half, lr / (1 + update / anneal); 0: it stays
    gamma: Annotated[float, Range(0, 1, "[)")] = 0.96  # discount per step; LOLA's for ipd and coin
    lambda_: Amount = 0.95  # of the generalised advantage estimate
    entropy: Amount = 0.01  # weight of the policy's entropy (nats), beside advantages in units of reward
    weigh: Weigh = "step"  # all steps alike, or by gamma^t from the episode's start, as in the papers
    hidden: Whole = 64  # units of the one hidden layer; 0: A - 1 logits linear in the observation, on one-hots a table
    init: Amount = 1.0  # standard deviation of the first logits where hidden is 0; 1 as in LOLA's paper
    recall: RecallSetting = "auto"  # what of the past the policy knows beyond the observation


class ActorCriticAgent(PolicyAgent):
    """An agent of one seat with a `CategoricalPolicy` and a critic.

    The critic gives one value for each of the seats `valued`, from what those seats see; for a learner of its own
    return alone that is its own seat, for one that reasons about others, all seats.
    """

    learns = True
    replicated = True
    config: Any

    def build(self, seed: int) -> None:
        """The actor, the critic, and their optimisers."""
        (self.seat,) = self.seats
        self.recall = recall_for(self.config.recall, self.spec)
        self.valued = self.seats_to_value()
        self.actor = self.new_policy(self.seat, derive(seed, "actor"))
        self.policies = {self.seat: self.actor}
        wide = sum(CategoricalPolicy.width(self.spec.seats[s], self.recall) for s in self.valued)
        sizes = [wide, *self._hidden(), len(self.valued)]
        self.critic = mlp_parameters(
            sizes, seed=derive(seed, "critic"), replicas=self.replicas, last_scale=0.01, device=self.device
        )
        plain = self.config.optimizer == "sgd"
        self.actor_step = (GradientDescent if plain else Adam)(self.actor.parameters, self.config.lr)
        self.critic_step = Adam(self.critic, self.config.critic_lr)

    def seats_to_value(self) -> tuple[str, ...]:
        """The seats whose returns the critic predicts."""
        return (self.seat,)

    def new_policy(self, seat: str, seed: int) -> CategoricalPolicy:
        """A fresh policy of our kind for any seat of the game."""
        spec, std = self.spec.seats[seat], self.config.init
        parameters = CategoricalPolicy.initial_parameters(
            spec, self.recall, self._hidden(), seed=seed, replicas=self.replicas, device=self.device, std=std
        )
        return CategoricalPolicy(parameters, spec, self.recall)

    def _hidden(self) -> list[int]:
        return [self.config.hidden] if self.config.hidden else []

    def ascend(self, gradients: Parameters, update: int) -> None:
        """One step of the policy along `gradients`, by the step size that is due at this update."""
        fallen = 1 + update / self.config.anneal if self.config.anneal else 1.0
        self.actor_step.lr = self.config.lr / fallen
        self.actor_step.descend({name: -g for name, g in gradients.items()})

    def criticise(self, joint: JointTrajectory) -> tuple[dict[str, Tensor], float]:
        """Advantages [T, B] of the valued seats, and one step of the critic towards the returns seen.

        Where the episode's start is what counts, they are times gamma^t. The mean squared error of the
        value is the second result.
        """
        trajectories = [joint.seats[seat] for seat in self.valued]
        seen = torch.cat([self.actor.features(t) for t in trajectories], dim=-1)
        phi = leaves(self.critic)
        values = mlp(phi, seen)  # [T + 1, B, valued], as all that follows
        steps = [trajectory.timesteps for trajectory in trajectories]
        joined: dict[str, Any] = {
            leaf: torch.stack([getattr(step, leaf) for step in steps], dim=-1) for leaf in COUNTED
        }
        together = steps[0]._replace(**joined)
        advantage = advantages(together, values, self.config.gamma, self.config.lambda_)
        loss = torch.zeros((), device=values.device)
        for value, gained, step in zip(values.unbind(-1), advantage.unbind(-1), steps, strict=True):
            target = gained + value[:-1].detach()
            loss = loss + ((value[:-1] - target) * playing(step)).square().mean(0).sum()
        if self.config.weigh == "start":
            advantage = advantage * discounts(together.first[:-1], self.config.gamma)
        loss = loss / (values.shape[1] // self.replicas)  # games per replica
        self.critic_step.descend(gradient(loss, phi))
        by_seat = dict(zip(self.valued, advantage.unbind(-1), strict=True))
        return by_seat, float(loss.detach()) / self.replicas / len(self.valued)

    def learning_state(self) -> State:
        """Policy, value and both optimisers."""
        critic = {f"{self.seat}/critic/{name}": p for name, p in self.critic.items()}
        return (
            self.acting_state() | critic | self.actor_step.state("actor_step") | self.critic_step.state("critic_step")
        )
