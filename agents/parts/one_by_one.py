"""Many runs of a learner that trains one run at a time, as one agent: so any learner can be had in replicas.

Row b of a batch belongs to run b // (B / R). Every run is an agent of its own, with its own networks and its own luck,
and takes R times as long as one. Learners that do all runs in one batch (`Agent.replicated`) need nothing of this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

import torch
from torch import Tensor

from agents.protocol import (
    Agent,
    DifferentiablePolicy,
    JointTrajectory,
    LearningContext,
    Memory,
    Seating,
    State,
    Trajectory,
)
from agents.randomness import derive
from arenas.protocol import Action, TimeStep


class OneByOne(Agent):
    """R agents of one kind side by side; see `one_by_one`. A memory holds that of each run by its number."""

    learns = True
    replicated = True
    kind: ClassVar[type[Agent]]

    def build(self, seed: int) -> None:
        """The agents, each by a seed of its own."""
        seeds = [derive(seed, "replica", number) for number in range(self.replicas)]
        self.runs = [self.kind.make(self.spec, self.seats, self.config, one, self.device) for one in seeds]

    def begin(self, seating: Seating) -> Memory:
        """The memories of all runs."""
        copies = len(seating.seed) // self.replicas
        memories = {}
        for number, run in enumerate(self.runs):
            mine = slice(number * copies, (number + 1) * copies)
            one = Seating(seating.seat, seating.seed[mine], seating.team_seed[mine], seating.training)
            memories[str(number)] = run.begin(one)
        return memories

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """What each run does in its rows."""
        copies = len(timestep.reward) // self.replicas
        actions, following = [], {}
        for number, run in enumerate(self.runs):
            mine = _rows(number, copies, 0)
            action, following[str(number)] = run.act(timestep.each(mine), memory[str(number)])
            actions.append(action)
        return _joined(actions), following

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """One update of every run, from its own rows; metrics are means over the runs."""
        (copies, *_) = {t.timesteps.reward.shape[1] // self.replicas for t in joint.seats.values()}
        told = []
        for number, run in enumerate(self.runs):
            mine = _rows(number, copies, 1)
            seats = {seat: self._part(t, number, mine, own=seat in self.seats) for seat, t in joint.seats.items()}
            part = JointTrajectory(seats, None if joint.state is None else mine(joint.state))
            peers = {seat: one_of(peer, number, self.replicas) for seat, peer in context.peers.items()}
            twin = None if context.simulator is None else context.simulator.twin(copies)
            seed = derive(context.seed, "replica", number)
            told.append(run.learn(part, LearningContext(context.seats, seed, context.update, peers, twin)))
        return {name: sum(metrics[name] for metrics in told) / len(told) for name in told[0]}

    def _part(self, trajectory: Trajectory, number: int, mine: Callable[[Tensor], Tensor], *, own: bool) -> Trajectory:
        """A run's rows of a seat's trajectory."""
        value, message, extras = trajectory.actions
        action = Action(
            mine(value), None if message is None else mine(message), {name: mine(x) for name, x in extras.items()}
        )
        memory = trajectory.memory[str(number)] if own and trajectory.memory else None
        return Trajectory(trajectory.timesteps.each(mine), action, memory)

    def policy(self, seat: str) -> DifferentiablePolicy | None:
        """The policies of all runs in one, where they can be put into one."""
        shown = [run.policy(seat) for run in self.runs]
        policies = [policy for policy in shown if policy is not None]
        if len(policies) < self.replicas or self.replicas == 1:
            return shown[0] if self.replicas == 1 else None
        names = policies[0].parameters
        one = policies[0].with_parameters({name: torch.cat([p.parameters[name] for p in policies]) for name in names})
        return one if one.replicas == self.replicas else None

    def acting_state(self) -> State:
        """The tensors of all runs, [R, ...]; copies, so that `load_acting_state` is the way to change them."""
        return _stacked([run.acting_state() for run in self.runs])

    def load_acting_state(self, state: State) -> None:
        """Take over tensors from `acting_state`."""
        for number, run in enumerate(self.runs):
            run.load_acting_state({name: tensor[number] for name, tensor in state.items()})

    def learning_state(self) -> State:
        """The tensors of all runs, [R, ...]; copies."""
        return _stacked([run.learning_state() for run in self.runs])

    def load_learning_state(self, state: State) -> None:
        """Take over tensors from `learning_state`."""
        for number, run in enumerate(self.runs):
            run.load_learning_state({name: tensor[number] for name, tensor in state.items()})


@cache
def one_by_one(kind: type[Agent]) -> type[OneByOne]:
    """The class of agents that are R agents of this kind, under its name."""
    own: dict[str, Any] = {"kind": kind, "needs": kind.needs, "needs_to_learn": kind.needs_to_learn}
    return type(kind.__name__, (OneByOne,), own | {"owns": kind.owns, "behaviour": kind.behaviour})


def one_of(policy: DifferentiablePolicy, number: int, replicas: int) -> DifferentiablePolicy:
    """The policy of replica `number`, where it has so many; a single one is everybody's."""
    if policy.replicas != replicas or replicas == 1:
        return policy
    return policy.with_parameters({name: p[number : number + 1] for name, p in policy.parameters.items()})


def _rows(number: int, copies: int, axis: int) -> Callable[[Tensor], Tensor]:
    """Takes the rows of a run from a tensor whose rows lie along `axis`."""
    return lambda leaf: leaf.narrow(axis, number * copies, copies)


def _joined(actions: list[Action]) -> Action:
    """The actions of all runs as those of one batch."""
    messages = [action.message for action in actions if action.message is not None]
    extras: Mapping[str, Tensor] = {
        name: torch.cat([action.extras[name] for action in actions]) for name in actions[0].extras
    }
    return Action(torch.cat([a.value for a in actions]), torch.cat(messages) if messages else None, extras)


def _stacked(states: list[State]) -> State:
    return {name: torch.stack([state[name] for state in states]) for name in states[0]}
