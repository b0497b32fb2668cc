"""What an agent is: `act` sees a seat, `learn` sees the table.

    memory = policy.begin(seating)
    while playing:
        action, memory = policy.act(timestep, memory)      # one seat, no graph, no hidden state
    metrics = agent.learn(joint_trajectory, context)       # after a round, all seats at once

Shapes: T steps, B copies, A actions, D width of a continuous action, R replicas.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, Self

import torch
from torch import Tensor

from arenas.protocol import Action, Arena, ArenaSpec, SeatSpec, TimeStep

#: Everything but the parameters that play depends on: tensors [B, ...] and numbers, by name. Never mutated.
Memory = dict[str, Any]
Parameters = dict[str, Tensor]
State = dict[str, Tensor]


@dataclass(frozen=True)
class Seating:
    """Where a policy sits down, and the luck that it is dealt.

    `team_seed` is given alike to all seats that one entrant fills, so that team mates can draw together without
    talking. `training` asks to explore; without it the policy plays its best (a stochastic policy samples in both).
    """

    seat: str
    seed: Tensor  # long [B]
    team_seed: Tensor  # long [B]
    training: bool = False


class CannotLearn(ValueError):
    """A learner finds from what it was shown that it cannot learn here; the message says what is missing."""


class Encounter(Protocol):
    """A player somewhere in an episode, which goes on by the moves alone."""

    def act(self) -> int:
        """Its next move; it may draw luck, so it is asked once a step."""
        ...

    def note(self, own: int, other: int) -> None:
        """Go on after a step in which these two moves were played."""
        ...


class Encounters(NamedTuple):
    """Players of one episode in every row: the luck of each, None where it draws none, and what makes one of it."""

    luck: Sequence[int | None]
    begin: Callable[[int | None], Encounter]


class Policy(ABC):
    """Something that can fill a seat."""

    @abstractmethod
    def begin(self, seating: Seating) -> Memory:
        """The memory before the first time step."""

    @abstractmethod
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """The action for this time step and the memory for the next; builds no graph and changes no parameter."""

    def encounters(self, memory: Memory) -> Encounters | None:
        """Who plays the episodes that begin, where the moves alone decide; None elsewhere. They do what `act` does."""
        return None

    def belief(self, timestep: TimeStep, memory: Memory) -> Tensor | None:
        """What it believes of hidden cards (`arenas.hands`) as it is to act, float32 [B, S, V]; None: nothing."""
        return None


class Trajectory(NamedTuple):
    """One seat's segment: T + 1 time steps around T actions, and its memory before step 0 (None: not yours to see)."""

    timesteps: TimeStep  # leaves [T + 1, B, ...]
    actions: Action  # leaves [T, B, ...]
    memory: Memory | None = None


class JointTrajectory(NamedTuple):
    """All seats' segments, cut to what a learner may see, and the global state where the arena shows it."""

    seats: dict[str, Trajectory]
    state: Tensor | None = None  # float32 [T + 1, B, S]


def playing(timesteps: TimeStep) -> Tensor:
    """float32 [T, B]: 1 where the action at t counted (the episode was on and the seat active), else 0."""
    return (timesteps.active[:-1] & ~timesteps.last[:-1]).float()


class DifferentiablePolicy(Policy):
    """A policy as a function of a parameter dict, so that others can differentiate through it."""

    parameters: Parameters
    replicas: int = 1
    #: False where the means of continuous actions are played as they are, so that there is no `log_prob`.
    stochastic: bool = True

    @property
    @abstractmethod
    def memoryless(self) -> bool:
        """True where actions depend on the current observation alone."""

    @abstractmethod
    def outputs(self, trajectory: Trajectory) -> Tensor:
        """Logits [T + 1, B, A], or means [T + 1, B, D] where actions are continuous."""

    def log_prob(self, trajectory: Trajectory) -> Tensor:
        """Log-probability [T, B] of the actions taken, 0 where the seat was inactive or the episode over.

        Raises:
            ValueError: the policy is not `stochastic`.
        """
        if not self.stochastic:
            raise ValueError(f"{type(self).__name__} draws nothing, so its actions have no log-probability")
        log_pi = self.outputs(trajectory)[:-1].log_softmax(-1)
        chosen = log_pi.gather(-1, trajectory.actions.value.unsqueeze(-1)).squeeze(-1)
        return chosen * playing(trajectory.timesteps)

    @abstractmethod
    def with_parameters(self, parameters: Parameters) -> Self:
        """The same policy reading other parameters (they may carry a graph)."""

    def frozen(self) -> Self:
        """The same policy with parameters that carry no graph and will not change."""
        return self.with_parameters({name: p.detach().clone() for name, p in self.parameters.items()})

    def probabilities(self, timestep: TimeStep) -> Tensor:
        """Action probabilities [B, A] of a memoryless policy."""
        return self._outputs_now(timestep).softmax(-1)

    def means(self, timestep: TimeStep) -> Tensor:
        """Mean actions [B, D] of a memoryless policy, where actions are continuous."""
        return self._outputs_now(timestep)

    def _outputs_now(self, timestep: TimeStep) -> Tensor:
        """`outputs` of one time step, [B, A] or [B, D]."""
        stacked = timestep.each(lambda leaf: leaf.unsqueeze(0))
        nothing = Action(torch.zeros((0, len(timestep.reward)), dtype=torch.long, device=timestep.reward.device))
        return self.outputs(Trajectory(stacked, nothing)).squeeze(0)

    @property
    def states(self) -> int:
        """Number of states of a memory that is a finite automaton: 1 without any, 0 where they cannot be listed.

        A policy that lists them says by `remember` and `probabilities_in` what it does, and can be answered exactly.
        """
        return 1 if self.memoryless else 0

    def remember(self, state: Tensor, timestep: TimeStep) -> Tensor:
        """The states long [B] in which it acts on this time step, when it acted on the one before in `state` [B]."""
        return torch.zeros_like(state)

    def probabilities_in(self, state: Tensor, timestep: TimeStep) -> Tensor:
        """Action probabilities [B, A] in `state`, which has taken the time step in."""
        return self.probabilities(timestep)


@dataclass(frozen=True)
class LearningContext:
    """What a learner may use in addition to the joint trajectory."""

    seats: tuple[str, ...]  # mine
    seed: int  # the luck of this update
    update: int  # 0, 1, 2, ...
    peers: Mapping[str, DifferentiablePolicy] = field(default_factory=dict)  # as they were when the round was played
    simulator: Arena | None = None  # a twin to imagine in


@dataclass(frozen=True)
class NoConfig:
    """The config of agents without settings."""


class Agent(Policy):
    """A policy that may learn. One object may own several seats; harness and agent speak only through this class.

    Attributes:
        Config: frozen dataclass of the settings; `NAME,field=value` sets them.
        needs: words (`arenas.protocol.WORDS`) without which it cannot play.
        needs_to_learn: further words without which it cannot learn.
        owns: which seats one learning object takes: its own seat, its side, or all.
        behaviour: raised whenever the same weights and seeds would play differently.
        learns: False for scripted agents.
        replicated: True where `make(..., replicas=R)` gives R learners that know nothing of each other.
        departed: fields that have left `Config` and their old defaults, which stay in the entrant's identity.
        arrived: fields that joined `Config` when records existed; at their defaults they are not in the identity.

    Subclasses write `build`, which makes their tables, networks and optimisers.
    """

    Config: ClassVar[type] = NoConfig
    needs: ClassVar[frozenset[str]] = frozenset({"discrete"})
    needs_to_learn: ClassVar[frozenset[str]] = frozenset()
    owns: ClassVar[Literal["seat", "side", "all"]] = "seat"
    behaviour: ClassVar[int] = 1
    learns: ClassVar[bool] = False
    replicated: ClassVar[bool] = False
    departed: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    arrived: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self, spec: ArenaSpec, seats: tuple[str, ...], config: Any, seed: int, device: str = "cpu", replicas: int = 1
    ) -> None:
        if replicas != 1 and self.learns and not self.replicated:
            raise ValueError(f"{type(self).__name__} trains one team at a time; run it once per seed")
        self.spec, self.seats, self.config, self.device, self.replicas = spec, seats, config, device, replicas
        self.build(seed)

    def build(self, seed: int) -> None:
        """Make what the agent consists of (tables, networks, optimisers), by `seed` and by nothing else random.

        `spec`, `seats`, `config`, `device` and `replicas` are set.

        Raises:
            ValueError: the agent does not know this game; the message says what it lacks.
        """

    @classmethod
    def make(
        cls,
        spec: ArenaSpec,
        seats: tuple[str, ...],
        config: Any = None,
        seed: int = 0,
        device: str = "cpu",
        replicas: int = 1,
    ) -> Self:
        """A fresh agent for `seats` of an arena; equal arguments give equal agents in any process."""
        return cls(spec, seats, cls.Config() if config is None else config, seed, device, replicas)

    @classmethod
    def files(cls) -> tuple[Path, ...]:
        """Further files that decide how it plays, in addition to its code: their content is part of its identity."""
        return ()

    def begin(self, seating: Seating) -> Memory:
        """A memory with the seat's number among this agent's seats, its luck, and a step counter."""
        return {"seat": self.seats.index(seating.seat), "seed": seating.seed, "step": 0}

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """Change the parameters after one round; returns metrics worth watching."""
        return {}

    def policy(self, seat: str) -> DifferentiablePolicy | None:
        """The policy of one of this agent's seats in the form that peers may differentiate through."""
        return None

    def acting_state(self) -> State:
        """The tensors that play, keyed "SEAT/NAME": hashed, stored and shipped."""
        return {}

    def load_acting_state(self, state: State) -> None:
        """Take over tensors from `acting_state`; names and shapes must agree."""
        load_exactly(self.acting_state(), state)

    def learning_state(self) -> State:
        """All tensors that the next update depends on, `acting_state` included."""
        return self.acting_state()

    def load_learning_state(self, state: State) -> None:
        """Take over tensors from `learning_state`; names and shapes must agree."""
        load_exactly(self.learning_state(), state)

    def seat_spec(self, seat: str | None = None) -> SeatSpec:
        """The spec of one of this agent's seats, by default the first."""
        return self.spec.seats[self.seats[0] if seat is None else seat]


def load_exactly(mine: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    """Copy `given` into the tensors of `mine` in place, which may be views of one another.

    Raises:
        ValueError: a name is missing or too many, a shape differs, or tensors that are one here are several there.
    """
    if mine.keys() != given.keys():
        missing, extra = sorted(mine.keys() - given.keys()), sorted(given.keys() - mine.keys())
        raise ValueError(f"weights do not fit this agent: missing {missing[:3]}, unexpected {extra[:3]}")
    for name, tensor in mine.items():
        if tensor.shape != given[name].shape:
            raise ValueError(
                f"weights do not fit this agent: {name} is {list(given[name].shape)}, expected {list(tensor.shape)}"
            )
    with torch.no_grad():
        for name, tensor in mine.items():
            tensor.copy_(given[name])
        for name, tensor in mine.items():
            if not torch.equal(tensor.nan_to_num(), given[name].to(tensor).nan_to_num()):
                raise ValueError(
                    f"weights do not fit this agent: its seats share {name.rpartition('/')[2]}, these do not"
                )


def missing_words(agent: type[Agent], offers: frozenset[str], *, learning: bool = False) -> list[str]:
    """Words that `agent` needs and `offers` lacks, sorted."""
    needs = agent.needs | agent.needs_to_learn if learning else agent.needs
    return sorted(needs - offers)
