"""MADDPG: multi-agent actor-critic with decentralised actors and a central critic for each of them.

Lowe, Wu, Tamar, Harb, Abbeel and Mordatch 2017, "Multi-Agent Actor-Critic for Mixed Cooperative-Competitive
Environments". x is what all seats observe, a_1 .. a_N what they do; bars are target networks.

    critic (equation 6):  minimise (Q_i(x, a_1 .. a_N) - y)^2,
                          y = r_i + gamma d Qbar_i(x', a'_1 .. a'_N)
    actor  (equation 5):  ascend Q_i(x, a_1 .. a_N) at a_i = mu_i(o_i),
                          the others' actions from replay
    targets:              theta_bar <- (1 - tau) theta_bar + tau theta

Actions are discrete by Gumbel-softmax (the paper's appendix and its published code): the actor's gradient and the
target actions use soft samples; the action executed, and stored, is the arg max of such a sample, that is a draw from
the softmax.

Departures: only hard actions are executed and stored (the published code executes soft ones, which exist in particle
worlds alone). The target action of a seat that is not ours comes from its policy where that is shown, else it is what
that seat did next; for want of that the last transition of a segment is left out. A round of many games earns `rate`
updates per transition, made one after another. Adam's step is 0.003 (the paper's is 0.01, at which the logits of our
games saturate early).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from agents.parts.categorical import CategoricalPolicy
from agents.parts.gradients import gradient, leaves
from agents.parts.networks import Parameters, mlp, mlp_parameters
from agents.parts.optimizers import Adam
from agents.parts.replay import Replay
from agents.parts.returns import playing
from agents.protocol import Agent, JointTrajectory, LearningContext, Memory, Seating, State
from agents.randomness import derive, generator
from arenas.protocol import Action, ArenaSpec, TimeStep


@dataclass(frozen=True)
class MaddpgConfig:
    """Settings of `maddpg`; the numbers are the paper's appendix and its code unless said otherwise."""

    lr: float = 0.003  # Adam's step size, actor and critic; ours (paper 0.01)
    gamma: float = 0.96  # discount per step; of our games (paper 0.95)
    tau: float = 0.01  # part of the new parameters that enters the targets at each update
    batch: int = 1024  # transitions in an update
    rate: float = 0.01  # updates of every seat per transition stored
    warmup: int = 4096  # transitions before the first update (paper: 25,600)
    capacity: int = 100_000  # transitions kept (paper: 1,000,000)
    temperature: float = 1.0  # of the Gumbel-softmax
    regulariser: float = 0.001  # weight of the mean squared logit in the actor's loss
    clip: float = 0.5  # largest norm of each tensor's gradient
    hidden: int = 64  # units in each of the two hidden layers


def soft_sample(logits: Tensor, noise: Tensor, temperature: float) -> Tensor:
    """Gumbel-softmax sample [B, A] (Jang et al. 2017, equation 2)."""
    return ((logits + noise) / temperature).softmax(-1)


def critic_target(reward: Tensor, discount: Tensor, next_value: Tensor, gamma: float) -> Tensor:
    """Target y of equation 6, [B]; `discount` is 0 after a termination and 1 after a cut by time."""
    return reward + gamma * discount * next_value


class Maddpg(Agent):
    """MADDPG: actors of their own and central critics for all the seats that it owns."""

    Config: ClassVar[type] = MaddpgConfig
    needs_to_learn = frozenset({"joint"})
    owns = "all"
    learns = True
    config: MaddpgConfig

    def __init__(
        self, spec: ArenaSpec, seats: tuple[str, ...], config: Any, seed: int, device: str = "cpu", replicas: int = 1
    ) -> None:
        if replicas != 1:
            raise ValueError("maddpg trains one team at a time; run it once per seed")
        super().__init__(spec, seats, config, seed, device, replicas)
        wide = sum(math.prod(s.observation) + s.actions for s in spec.seats.values())
        hidden = [config.hidden, config.hidden]
        self.actors: dict[str, CategoricalPolicy] = {}
        self.critics: dict[str, Parameters] = {}
        for seat in seats:
            actor = CategoricalPolicy.initial_parameters(
                spec.seats[seat], "none", hidden, seed=derive(seed, "actor", seat), device=device
            )
            self.actors[seat] = CategoricalPolicy(actor, spec.seats[seat])
            self.critics[seat] = mlp_parameters([wide, *hidden, 1], seed=derive(seed, "critic", seat), device=device)
        self.target_actors = {seat: actor.frozen() for seat, actor in self.actors.items()}
        self.target_critics = {seat: {n: p.clone() for n, p in q.items()} for seat, q in self.critics.items()}
        self.actor_steps = {s: Adam(a.parameters, config.lr, clip=config.clip) for s, a in self.actors.items()}
        self.critic_steps = {s: Adam(q, config.lr, clip=config.clip) for s, q in self.critics.items()}
        self.replay = Replay(config.capacity, self._rows_example())
        self.owed = torch.zeros((), dtype=torch.float64)  # updates earned by transitions and not yet made

    def begin(self, seating: Seating) -> Memory:
        """Luck, step counter and the number of the seat among ours."""
        return {**self.actors[seating.seat].begin(seating), "seat": self.seats.index(seating.seat)}

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw from the actor of this seat."""
        return self.actors[self.seats[memory["seat"]]].act(timestep, memory)

    def policy(self, seat: str) -> CategoricalPolicy:
        """The actor of a seat."""
        return self.actors[seat]

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """Store the segment, then make the updates that it has earned."""
        rows = self._rows(joint)
        self.replay.add(rows)
        count = len(rows["counted"])
        self.owed += count * self.config.rate
        if len(self.replay) < min(self.config.warmup, self.config.capacity):
            self.owed.zero_()
            return {}
        luck = generator(context.seed, "cpu")
        metrics: dict[str, float] = {}
        while self.owed >= 1:
            self.owed -= 1
            for seat in self.seats:
                metrics = self._update(seat, self.replay.sample(self.config.batch, luck), context, luck)
            for seat in self.seats:
                follow(self.target_actors[seat].parameters, self.actors[seat].parameters, self.config.tau)
                follow(self.target_critics[seat], self.critics[seat], self.config.tau)
        return metrics

    def _update(
        self, seat: str, rows: dict[str, Tensor], context: LearningContext, luck: torch.Generator
    ) -> dict[str, float]:
        """One step of the critic and one of the actor of `seat` on a batch of transitions."""
        config, counted = self.config, rows["counted"]
        now = [rows[f"{s}/action"] for s in self.spec.seats]
        with torch.no_grad():
            following = [self._target_action(s, rows, context, luck) for s in self.spec.seats]
            next_value = self._value(self.target_critics[seat], rows, "next", following)
            target = critic_target(rows[f"{seat}/reward"], rows["discount"], next_value, config.gamma)

        critic = leaves(self.critics[seat])
        error = (self._value(critic, rows, "observation", now) - target) * counted
        loss = error.square().sum() / counted.sum().clamp_min(1)
        self.critic_steps[seat].descend(gradient(loss, critic))

        theta = leaves(self.actors[seat].parameters)
        logits = mlp(theta, rows[f"{seat}/observation"])
        mine = soft_sample(logits, self._noise(logits, luck), config.temperature)
        now[list(self.spec.seats).index(seat)] = mine
        value = self._value(self.critics[seat], rows, "observation", now)
        actor_loss = -(value * counted).sum() / counted.sum().clamp_min(1)
        self.actor_steps[seat].descend(gradient(actor_loss + config.regulariser * logits.square().mean(), theta))
        return {"value_error": float(loss.detach()), "value": -float(actor_loss.detach())}

    def _value(self, critic: Parameters, rows: dict[str, Tensor], when: str, actions: list[Tensor]) -> Tensor:
        """Q_i [B] of joint observations (`when`: "observation" or "next") and one-hot or soft actions of all seats."""
        return mlp(critic, torch.cat([*(rows[f"{s}/{when}"] for s in self.spec.seats), *actions], dim=-1)).squeeze(-1)

    def _target_action(
        self, seat: str, rows: dict[str, Tensor], context: LearningContext, luck: torch.Generator
    ) -> Tensor:
        policy = self.target_actors.get(seat, context.peers.get(seat))
        if isinstance(policy, CategoricalPolicy) and policy.memoryless:
            logits = mlp(policy.parameters, rows[f"{seat}/next"])
            return soft_sample(logits, self._noise(logits, luck), self.config.temperature)
        return rows[f"{seat}/next_action"]

    def _noise(self, like: Tensor, luck: torch.Generator) -> Tensor:
        uniform = torch.rand(like.shape, generator=luck).to(like.device)
        return -(-uniform.clamp_min(1e-20).log()).clamp_min(1e-20).log()

    def _rows(self, joint: JointTrajectory) -> dict[str, Tensor]:
        """Transitions of a segment, flattened to rows; the last lacks the next action and is left out."""
        rows: dict[str, Tensor] = {}
        counted = torch.stack([playing(t.timesteps) for t in joint.seats.values()]).amax(0)[:-1]
        for seat, spec in self.spec.seats.items():
            steps, actions = joint.seats[seat].timesteps, joint.seats[seat].actions
            flat = steps.observation.flatten(2)
            taken = one_hot(actions.value, spec.actions).float()
            rows[f"{seat}/observation"], rows[f"{seat}/next"] = flat[:-2], flat[1:-1]
            rows[f"{seat}/action"], rows[f"{seat}/next_action"] = taken[:-1], taken[1:]
            rows[f"{seat}/reward"] = steps.reward[1:-1]
        first = next(iter(joint.seats.values())).timesteps
        rows["discount"], rows["counted"] = first.discount[1:-1], counted
        return {name: leaf.flatten(0, 1) for name, leaf in rows.items()}

    def _rows_example(self) -> dict[str, Tensor]:
        rows: dict[str, Tensor] = {}
        for seat, spec in self.spec.seats.items():
            wide = math.prod(spec.observation)
            rows |= {f"{seat}/{name}": torch.zeros(1, wide, device=self.device) for name in ("observation", "next")}
            rows |= {
                f"{seat}/{name}": torch.zeros(1, spec.actions, device=self.device) for name in ("action", "next_action")
            }
            rows[f"{seat}/reward"] = torch.zeros(1, device=self.device)
        return rows | {name: torch.zeros(1, device=self.device) for name in ("discount", "counted")}

    def acting_state(self) -> State:
        """The actors' parameters."""
        return {f"{seat}/{name}": p for seat, actor in self.actors.items() for name, p in actor.parameters.items()}

    def learning_state(self) -> State:
        """Actors, critics, targets, optimisers, replay, and the updates owed."""
        state = self.acting_state() | self.replay.state("replay") | {"owed": self.owed}
        for seat in self.seats:
            state |= {f"{seat}/critic/{n}": p for n, p in self.critics[seat].items()}
            state |= {f"{seat}/target_actor/{n}": p for n, p in self.target_actors[seat].parameters.items()}
            state |= {f"{seat}/target_critic/{n}": p for n, p in self.target_critics[seat].items()}
            state |= self.actor_steps[seat].state(f"{seat}/actor_step")
            state |= self.critic_steps[seat].state(f"{seat}/critic_step")
        return state


@torch.no_grad()
def follow(targets: Parameters, parameters: Parameters, tau: float) -> None:
    """Move target networks towards the current ones."""
    for name, target in targets.items():
        target.lerp_(parameters[name], tau)
