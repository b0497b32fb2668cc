"""mine: an actor-critic on one page.

The actor scores actions by a linear function of what its seat sees, and plays better ones more often. The critic, also
linear, guesses how much reward is still to come. After each round, actions that did better than guessed are raised.

Shapes: T steps, B games played at once, F features, A actions.
"""

from dataclasses import dataclass

import torch
from torch.nn.functional import one_hot, pad

from agents.protocol import Agent, playing
from agents.randomness import categorical, uniform
from arenas.protocol import Action


@dataclass(frozen=True)
class Settings:
    """`Mine,lr=0.5` changes a setting wherever an agent is named."""

    lr: float = 2.0  # step size of the actor
    critic_lr: float = 1.0  # step size of the critic
    reach: float = 0.9  # how far a surprise reaches back; 0: one step, 1: to the start of the game


class Mine(Agent):
    """Plays a softmax of linear scores; one object for each seat."""

    Config = Settings
    learns = True

    def build(self, seed):
        """Start from zero: every legal action is equally likely, and nothing is expected."""
        (self.seat,) = self.seats
        self.shape = self.seat_spec().observation
        width = torch.Size(self.shape).numel() + 1
        self.actor = torch.zeros(width, self.seat_spec().actions)  # [F, A]
        self.critic = torch.zeros(width)  # [F]

    def features(self, timestep):
        """What the seat sees as a row of numbers, and a 1 behind it."""
        return pad(timestep.observation.flatten(-len(self.shape)), (0, 1), value=1.0)  # [..., F]

    def chances(self, timestep):
        """How likely each action is; illegal ones never happen."""
        scores = self.features(timestep) @ self.actor
        return scores.masked_fill(~timestep.action_mask, -torch.inf).softmax(-1)  # [..., A]

    def act(self, timestep, memory):
        """Draw an action. All luck comes from the seed in the memory, and the memory alone changes."""
        draw = uniform(memory["seed"], memory["step"])
        action = categorical(self.chances(timestep), draw)
        return Action(action), {**memory, "step": memory["step"] + 1}

    def learn(self, joint, context):
        """Take one step with actor and critic after a round; this sees the own seat alone."""
        steps, actions = joint.seats[self.seat].timesteps, joint.seats[self.seat].actions.value
        counts = playing(steps)  # [T, B]: 1 where the action mattered
        seen = self.features(steps)  # [T + 1, B, F]
        guess = seen @ self.critic
        to_come = self.spec.gamma * steps.discount[1:] * guess[1:]
        surprise = (steps.reward[1:] + to_come - guess[:-1]) * counts
        praise = surprise.clone()  # of an action: its surprise, and those after it, each one weaker
        for t in reversed(range(len(praise) - 1)):
            goes_on = counts[t] * ~steps.last[t + 1]
            praise[t] += self.spec.gamma * self.config.reach * goes_on * praise[t + 1]
        taken = one_hot(actions, self.actor.shape[1])
        upward = (taken - self.chances(steps)[:-1]) * praise.unsqueeze(-1)  # the gradient of log-chance times praise
        share = 1 / counts.sum().clamp_min(1)
        self.actor += self.config.lr * share * torch.einsum("tbf,tba->fa", seen[:-1], upward)
        self.critic += self.config.critic_lr * share * torch.einsum("tbf,tb->f", seen[:-1], praise)
        return {"surprise": float(surprise.abs().sum() * share)}

    def acting_state(self):
        """What plays: this is what a checkpoint keeps."""
        return {f"{self.seat}/actor": self.actor}

    def learning_state(self):
        """All that the next update depends on."""
        return {**self.acting_state(), f"{self.seat}/critic": self.critic}
