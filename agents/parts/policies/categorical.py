"""A policy over discrete actions: a perceptron on the observation and on a little recollection of rewards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, Self

import torch
from torch import Tensor

from agents.parts.logits import entropy, masked
from agents.parts.networks import mlp, mlp_parameters, table_parameters
from agents.protocol import DifferentiablePolicy, Memory, Parameters, Seating, Trajectory, playing
from agents.randomness import Draws, categorical, deal
from arenas.protocol import Action, ArenaSpec, SeatSpec, TimeStep

#: What of the past a policy knows: nothing, the mood (see `recollect`), or traces (see `TracePolicy`).
Recall = Literal["none", "reward", "traces"]
#: A sharpness at which a softmax holds nothing but the largest logit.
MODE = 1e6
RecallSetting = Literal["auto", "none", "reward"]


def recall_for(setting: RecallSetting, spec: ArenaSpec) -> Recall:
    """`auto` recalls rewards unless the observation itself tells the last joint action (iterated matrix games)."""
    if setting == "auto":
        return "none" if "matrix" in spec.offers else "reward"
    return setting


def recollect(mood: Tensor, reward: Tensor, first: Tensor) -> Tensor:
    """Sign of the last reward that was not 0 in this episode, float32 [B]: 1 pleased, -1 hurt, 0 nothing yet."""
    sign = reward.sign()
    return torch.where(sign != 0, sign, mood) * (~first).float()


class CategoricalPolicy(DifferentiablePolicy):
    """pi(a | observation[, mood]) = softmax(MLP(...)).

    Without hidden layers it is a table: A - 1 logits per feature and no bias, the last action's logit being 0. On
    one-hot observations of two actions that is the papers' policy, one sigmoid per observation.

    With `recall="reward"` the input also holds the mood, the sign of the last reward that was not 0: one bit of the
    past (have I last been hurt or served?), which is what reciprocity needs where the board does not tell it.

    Args:
        parameters: from `initial_parameters`, leading axis R.
        spec: the seat's spec.
        recall: what of the past enters, see above.
        sharpness: factor of the logits; `MODE` leaves the most likely action alone.
    """

    kept: str = "mood"  # the name of what is recalled, in the memory

    def __init__(self, parameters: Parameters, spec: SeatSpec, recall: Recall = "none", sharpness: float = 1.0) -> None:
        self.parameters, self.spec, self.recall, self.sharpness = parameters, spec, recall, sharpness
        weight = next(iter(parameters.values()))
        self.replicas, self._dtype = weight.shape[0], weight.dtype
        self._draws = Draws()

    @classmethod
    def initial_parameters(
        cls,
        spec: SeatSpec,
        recall: Recall,
        hidden: Sequence[int],
        *,
        seed: int,
        replicas: int = 1,
        device: str = "cpu",
        std: float = 0.0,
    ) -> Parameters:
        """Fresh parameters: the logits of a network start near 0, nearly uniform, those of a table from N(0, std^2)."""
        features = cls.width(spec, recall)
        if not hidden:
            return table_parameters(features, spec.actions - 1, std=std, seed=seed, replicas=replicas, device=device)
        sizes = [features, *hidden, spec.actions]
        return mlp_parameters(sizes, seed=seed, replicas=replicas, last_scale=0.01, device=device)

    @staticmethod
    def width(spec: SeatSpec, recall: Recall) -> int:
        """Number of features that the network sees."""
        return math.prod(spec.observation) + (2 if recall == "reward" else 0)

    @property
    def memoryless(self) -> bool:
        """True unless rewards are recalled."""
        return self.recall == "none"

    @property
    def states(self) -> int:
        """The moods -1, 0 and 1, numbered from 0, where rewards are recalled."""
        return {"none": 1, "reward": 3}.get(self.recall, 0)

    def remember(self, state: Tensor, timestep: TimeStep) -> Tensor:
        """The mood's number long [B] after this time step."""
        if self.recall == "none":
            return torch.zeros_like(state)
        return recollect(state.float() - 1, timestep.reward, timestep.first).long() + 1

    def probabilities_in(self, state: Tensor, timestep: TimeStep) -> Tensor:
        """Action probabilities [B, A] in a mood."""
        mood = None if self.recall == "none" else state.float() - 1
        return self._logits(timestep.observation, mood, timestep.action_mask).softmax(-1)

    def with_parameters(self, parameters: Parameters) -> Self:
        """The same policy reading other parameters."""
        return type(self)(parameters, self.spec, self.recall, self.sharpness)

    def begin(self, seating: Seating) -> Memory:
        """Luck, step counter and, where something is recalled, that."""
        memory: Memory = {"luck": deal(seating.seed), "step": 0}
        return memory if self.memoryless else {**memory, self.kept: self.nothing(seating.seed)}

    def nothing(self, like: Tensor) -> Tensor:
        """What is recalled at the start of an episode, float32: the mood [B] for `like` [B]."""
        return torch.zeros_like(like, dtype=torch.float32)

    def recalled(self, before: Tensor, reward: Tensor, first: Tensor) -> Tensor:
        """What is recalled after one more reward [B]."""
        return recollect(before, reward, first)

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw from the policy (also when not training: a mixed strategy is the policy)."""
        following = {**memory, "step": memory["step"] + 1}
        if not self.memoryless:
            following[self.kept] = self.recalled(memory[self.kept], timestep.reward, timestep.first)
        logits = self._logits(timestep.observation, following.get(self.kept), timestep.action_mask)
        draw = self._draws.at(memory["luck"], memory["step"])
        return Action(categorical(logits.softmax(-1), draw)), following

    @property
    def tabular(self) -> bool:
        """True where one-hot observations are all that it knows and each has numbers of its own."""
        return self.memoryless and "w1" not in self.parameters

    @torch.no_grad()
    def table(self) -> Tensor:
        """Action probabilities [R, O, A] at the O one-hot observations, all actions legal."""
        size = self.spec.observation[0]
        seen = torch.eye(size, device=next(iter(self.parameters.values())).device).repeat(self.replicas, 1)
        return self._logits(seen, None, None).softmax(-1).view(self.replicas, size, -1)

    def features(self, trajectory: Trajectory) -> Tensor:
        """What the network sees at every time step, float32 [T + 1, B, F]."""
        return self._features(trajectory.timesteps.observation, self._history(trajectory))

    def outputs(self, trajectory: Trajectory) -> Tensor:
        """Logits [T + 1, B, A], -inf where an action is illegal."""
        steps = trajectory.timesteps
        return self._logits(steps.observation, self._history(trajectory), steps.action_mask)

    def entropy(self, trajectory: Trajectory) -> Tensor:
        """Entropy [T, B] of the policy in nats, 0 where the action did not count."""
        log_pi = self.outputs(trajectory)[:-1].log_softmax(-1)
        return entropy(log_pi) * playing(trajectory.timesteps)

    def _history(self, trajectory: Trajectory) -> Tensor | None:
        """What is recalled at every time step [T + 1, B, ...], where anything is."""
        if self.memoryless:
            return None
        steps, history = trajectory.timesteps, []
        # a stranger's memory is not ours to see; at the start of an episode nothing is lost by that
        now = trajectory.memory[self.kept] if trajectory.memory else self.nothing(steps.reward[0])
        for reward, first in zip(steps.reward, steps.first, strict=True):
            now = self.recalled(now, reward, first)
            history.append(now)
        return torch.stack(history)

    def _features(self, observation: Tensor, recalled: Tensor | None) -> Tensor:
        flat = observation.flatten(-len(self.spec.observation)).to(self._dtype)
        return flat if recalled is None else torch.cat((flat, *self.felt(flat, recalled)), dim=-1)

    def felt(self, flat: Tensor, recalled: Tensor) -> list[Tensor]:
        """The features [..., B, n] that what is recalled adds to the flat observation: hurt and pleased, 1 or 0."""
        return [torch.stack((recalled < 0, recalled > 0), dim=-1).to(self._dtype)]

    def scores(self, observation: Tensor, recalled: Tensor | None = None) -> Tensor:
        """Logits [..., A] of observations [..., B, *O] before any mask, with what is `recalled` [..., B, ...]."""
        scores = mlp(self.parameters, self._features(observation, recalled))
        if self.sharpness != 1.0:
            scores = scores * self.sharpness
        return torch.nn.functional.pad(scores, (0, 1)) if "b0" not in self.parameters else scores

    def _logits(self, observation: Tensor, recalled: Tensor | None, mask: Tensor | None) -> Tensor:
        return masked(self.scores(observation, recalled), mask)
