"""Agents with one fault each, and the sound one that they are made of.

`LAW` says which law must catch a class, and no other may.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from agents.parts.networks import mlp, mlp_parameters
from agents.protocol import (
    Agent,
    DifferentiablePolicy,
    JointTrajectory,
    LearningContext,
    Memory,
    Parameters,
    Seating,
    State,
    Trajectory,
    playing,
)
from agents.randomness import categorical, derive, uniform
from arenas.protocol import Action, ArenaSpec, TimeStep


class Linear(DifferentiablePolicy):
    """softmax(W o + b)."""

    def __init__(self, parameters: Parameters, width: int) -> None:
        self.parameters, self.width = parameters, width

    memoryless = True

    def begin(self, seating: Seating) -> Memory:
        return {"seed": seating.seed, "step": 0}

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        logits = self.logits(timestep.observation, timestep.action_mask)
        value = categorical(logits.softmax(-1), uniform(memory["seed"], memory["step"]))
        return Action(value), {**memory, "step": memory["step"] + 1}

    def logits(self, observation: Tensor, mask: Tensor | None) -> Tensor:
        logits = mlp(self.parameters, observation.flatten(-self.width))
        return logits if mask is None else logits.masked_fill(~mask, -torch.inf)

    def outputs(self, trajectory: Trajectory) -> Tensor:
        return self.logits(trajectory.timesteps.observation, trajectory.timesteps.action_mask)

    def log_prob(self, trajectory: Trajectory) -> Tensor:
        log_pi = self.outputs(trajectory)[:-1].log_softmax(-1)
        return log_pi.gather(-1, trajectory.actions.value.unsqueeze(-1)).squeeze(-1) * playing(trajectory.timesteps)

    def with_parameters(self, parameters: Parameters) -> Linear:
        return Linear(parameters, self.width)


class Sound(Agent):
    """REINFORCE with momentum on a linear policy: nothing is wrong with it."""

    learns = True

    def __init__(
        self, spec: ArenaSpec, seats: tuple[str, ...], config: Any, seed: int, device: str = "cpu", replicas: int = 1
    ) -> None:
        super().__init__(spec, seats, config, seed, device, replicas)
        own = self.seat_spec()
        inputs = int(np.prod(own.observation))
        parameters = mlp_parameters([inputs, own.actions], seed=self.weight_seed(seed), last_scale=0.5)
        self.actor = Linear(parameters, len(own.observation))
        self.momentum = {name: torch.zeros_like(p) for name, p in parameters.items()}

    def weight_seed(self, seed: int) -> int:
        return derive(seed, "actor")

    def begin(self, seating: Seating) -> Memory:
        return self.actor.begin(seating)

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        return self.actor.act(timestep, memory)

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        mine = joint.seats[self.seats[0]]
        theta = {name: p.detach().requires_grad_() for name, p in self.actor.parameters.items()}
        gain = (self.actor.with_parameters(theta).log_prob(mine) * mine.timesteps.reward[1:]).mean()
        for (name, p), g in zip(
            self.actor.parameters.items(), torch.autograd.grad(gain, list(theta.values())), strict=True
        ):
            self.momentum[name].mul_(0.9).add_(g)
            p.add_(self.momentum[name])
        return {"gain": float(gain.detach())}

    def policy(self, seat: str) -> DifferentiablePolicy | None:
        return self.actor

    def acting_state(self) -> State:
        return {f"{self.seats[0]}/{name}": p for name, p in self.actor.parameters.items()}

    def learning_state(self) -> State:
        return self.acting_state() | {f"momentum/{name}": m for name, m in self.momentum.items()}


class Mute(Sound):
    """Sound, learns nothing and shows nothing: for faults that learning would spread to other laws."""

    learns = False

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        return {}

    def policy(self, seat: str) -> None:
        return None


class ForgetsMasks(Mute):
    """Plays what is forbidden."""

    LAW = "0"

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        return self.actor.act(timestep._replace(action_mask=None), memory)


class CountsFromOne(Mute):
    """The last action is out of range."""

    LAW = "0"

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        action, following = self.actor.act(timestep, memory)
        return Action(action.value + 1), following


class AsksForMore(Mute):
    """Would like to be told what others see."""

    LAW = "1"

    def act(self, timestep: TimeStep, memory: Memory, others: Any = None) -> tuple[Action, Memory]:
        return self.actor.act(timestep, memory)


class Whispers(Mute):
    """Team mates exchange what they see behind the arena's back."""

    LAW = "1"
    heard: ClassVar[dict[tuple[int, int], Tensor]] = {}

    def begin(self, seating: Seating) -> Memory:
        return {**self.actor.begin(seating), "team": seating.team_seed}

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        room = (int(memory["team"].sum()), memory["step"])
        action, following = self.actor.act(timestep, memory)
        if self.seats[0] == next(iter(self.spec.seats)):
            self.heard[room] = timestep.observation
        elif room in self.heard:
            numbers = torch.arange(timestep.observation[0].numel())
            told = (self.heard[room].flatten(1) * numbers).sum(1).long() % 2
            action = Action(torch.where(told == 0, 0, action.value))
        return action, following


class CountsInside(Mute):
    """Keeps its step counter on itself."""

    LAW = "2"
    step = 0

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        self.step += 1
        action, _ = self.actor.act(timestep, {**memory, "step": self.step})
        return action, memory


class WritesOver(Mute):
    """Changes the memory it was given."""

    LAW = "2"

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        action, following = self.actor.act(timestep, memory)
        memory.update(following)
        return action, memory


class KeepsGraph(Mute):
    """Sends along log-probabilities with their graph."""

    LAW = "3"

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        action, following = self.actor.act(timestep, memory)
        theta = {name: p.detach().requires_grad_() for name, p in self.actor.parameters.items()}
        logits = self.actor.with_parameters(theta).logits(timestep.observation, timestep.action_mask)
        return Action(action.value, extras={"log_pi": logits.log_softmax(-1)}), following


class LearnsFromGraph(Sound):
    """Wants to differentiate through what `act` left in the trajectory."""

    LAW = "3"

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        joint.seats[self.seats[0]].timesteps.reward.sum().backward()  # type: ignore[no-untyped-call]
        return {}


class Normalises(Mute):
    """Divides by a statistic of the whole batch."""

    LAW = "4"

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        centred = timestep.observation - timestep.observation.mean(0, keepdim=True)
        return self.actor.act(timestep._replace(observation=10 * centred), memory)


class OneLuckForAll(Mute):
    """Draws every row from the first row's seed."""

    LAW = "4"

    def begin(self, seating: Seating) -> Memory:
        return self.actor.begin(replace(seating, seed=seating.seed[:1].expand_as(seating.seed)))


class DrawsGlobally(Sound):
    """Uses torch's global generator in `learn`, harmlessly it thinks."""

    LAW = "5"

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        torch.randperm(3)
        return super().learn(joint, context)


class MakesLuckyNumbers(Mute):
    """Uses numpy's global generator in `make`."""

    LAW = "5"

    def weight_seed(self, seed: int) -> int:
        np.random.rand()
        return super().weight_seed(seed)


class SeedsFromHash(Mute):
    """Seeds from the hash of a word, which is another one in every process."""

    LAW = "5"

    def weight_seed(self, seed: int) -> int:
        return derive(seed, hash(self.seats))


class RemembersWords(Mute):
    """Keeps a text in its memory."""

    LAW = "6"

    def begin(self, seating: Seating) -> Memory:
        return {**self.actor.begin(seating), "seat": seating.seat}


class RemembersScalars(Mute):
    """Keeps a tensor without rows in its memory."""

    LAW = "6"

    def begin(self, seating: Seating) -> Memory:
        return {**self.actor.begin(seating), "hope": torch.ones(())}


class ClipsRewards(Sound):
    """Rescales the rewards in place, for everybody who learns after it."""

    LAW = "7"

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        joint.seats[self.seats[0]].timesteps.reward.mul_(0.5)
        return super().learn(joint, context)


class TeachesPeers(Sound):
    """Takes its expected step on the peer itself."""

    LAW = "7"

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        for peer in context.peers.values():
            for parameter in peer.parameters.values():
                parameter.mul_(0.9)
        return super().learn(joint, context)


class NeedsPeers(Sound):
    """Reads the others' policies and does not say that it needs them."""

    LAW = "8"

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        for seat in self.spec.seats:
            if seat not in self.seats:
                context.peers[seat].with_parameters({})
        return super().learn(joint, context)


class KnowsItsKind(Sound):
    """Takes peers for its own kind."""

    LAW = "8"

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        for peer in context.peers.values():
            peer.logits  # type: ignore[attr-defined]  # noqa: B018
        return super().learn(joint, context)


class ShowsAnother(Sound):
    """Shows a policy that is not the one it plays."""

    LAW = "8"

    def policy(self, seat: str) -> DifferentiablePolicy | None:
        return self.actor.with_parameters({name: -3 * p for name, p in self.actor.parameters.items()})


class NeedsNothing(Mute):
    """Leaves out that its actions are discrete."""

    LAW = "9"
    needs = frozenset()


class NeedsTelepathy(Mute):
    """Needs what no arena has."""

    LAW = "9"
    needs = frozenset({"discrete"})
    needs_to_learn = frozenset({"telepathy"})


class ForgetsMomentum(Sound):
    """Does not save all that its next update depends on."""

    LAW = "10"

    def learning_state(self) -> State:
        return self.acting_state()


class SavesAPart(Mute):
    """Does not save all that plays."""

    LAW = "10"

    def acting_state(self) -> State:
        return {name: p for name, p in super().acting_state().items() if not name.endswith("w0")}

    def learning_state(self) -> State:
        return self.acting_state()


class SavesText(Sound):
    """Puts a text into its state."""

    LAW = "10"

    def learning_state(self) -> State:
        return {**super().learning_state(), "note": "hello"}  # type: ignore[dict-item]

    def load_learning_state(self, state: State) -> None:
        for name, tensor in self.learning_state().items():
            if name != "note":
                tensor.copy_(state[name])
