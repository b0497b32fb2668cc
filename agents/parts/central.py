"""Actor-critics for teams: one shared actor, critics that may see more than any seat, and steps of both from a batch.

What the algorithms have in common. What a critic reads, and what an action is praised for, is each algorithm's own.

    credit    several steps of the critics towards TD(lambda)
              targets; what each action is praised for, A
    improve   theta <- theta + alpha grad of
              mean log pi(u | o) A + entropy bonus,
              or, with `ratio`, PPO's clipped objective
              min(p A, clip(p, 1 - ratio, 1 + ratio) A),
              where p = pi(u | o) / pi_old(u | o)

The policy is pi = (1 - eps) softmax(z) + eps / n over the n legal actions; the same pi acts, is differentiated, and is
what baselines are taken over. No gradient of the actor enters a critic, and none of a critic an actor.

Shapes: T steps, N own seats, B copies, A actions of the seat that has most, S global state.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from agents.parts.critics import Critic, Lessons, moments, picked, states
from agents.parts.gradients import gradient, leaves
from agents.parts.logits import entropy, floored, log_softmax, masked, taken
from agents.parts.optimizers import Adam
from agents.parts.policies.categorical import MODE
from agents.parts.policies.deterministic import sizes
from agents.parts.policies.floored import FlooredPolicy, FlooredRecurrent
from agents.parts.policies.gaussian import RAW, GaussianPolicy, log_density, normal_entropy
from agents.parts.policy_agent import PolicyAgent
from agents.parts.recurrent import recurrent, unrolled
from agents.parts.segments import Segment, across, together
from agents.parts.team import Team, padded, real
from agents.protocol import (
    DifferentiablePolicy,
    JointTrajectory,
    LearningContext,
    Memory,
    Parameters,
    Seating,
    State,
)
from agents.randomness import derive, generator
from arenas.protocol import Action, TimeStep
from arenas.settings import Amount, Checked, Count, Positive, Share, ShareOrNone, Whole


@dataclass(frozen=True)
class TeamConfig(Checked):
    """Settings that all actor-critics for teams have; each says in its own file which of them its paper fixes."""

    lr: Positive = 0.0005  # Adam's step size of the actor
    critic_lr: Positive = 0.001  # Adam's step size of the critics
    anneal: Whole = 0  # environment steps over which both step sizes fall linearly to a twentieth; 0: they stay
    gamma: ShareOrNone = None  # discount per step; none: the arena's
    lambda_: Share = 0.8  # of the critics' TD(lambda) targets
    entropy: Amount = 0.01  # weight of the policy's entropy (nats), beside advantages in units of reward
    epsilon: Share = 0.0  # floor of exploration at first: a share of each choice that is uniform over legal actions
    epsilon_last: Share = 0.0  # what that falls to
    epsilon_steps: Count = 100_000  # environment steps over which it falls, linearly
    ratio: Amount = 0.0  # how far a probability may move from where it was before it counts no more (PPO); 0: no ratio
    epochs: Count = 1  # passes of the actor over a batch
    passes: Count = 4  # passes of the critics over a batch
    batch: Whole = 256  # moments in a step; 0: the whole batch
    warmup: Whole = 0  # batches from which the critics alone learn, at first
    normalise: bool = False  # advantages of a batch centred and divided by their deviation
    tau: Share = 0.02  # part of the new parameters that enters the targets at each step of the critics
    clip: Positive = 10.0  # largest norm of each tensor's gradient
    share: Literal["auto", "yes", "no"] = "auto"  # one network for all seats; auto: where they see and do alike
    recurrent: bool = False  # a GRU in the place of the actor's second layer
    hidden: Whole = 64  # units in each hidden layer of the actor; 0: none, which is a table where one thing is seen
    critic_hidden: Whole = 128  # units in each of the critics' two hidden layers; 0: none
    std: Positive = 0.5  # deviation of continuous actions at first
    play: Literal["mode", "sample"] = "mode"  # when not training: the most likely action (or the mean), or a draw


class Practice(NamedTuple):
    """A batch as the seats saw it, and as their policies were when they played it."""

    segment: Segment
    own: Tensor  # float32 [T + 1, N, B, O + H]: what each seat sees, and what its policy remembers
    pi: Tensor  # float32 [T + 1, N, B, A]; for continuous actions the means
    log_pi: Tensor | None  # float32 [T, N, B]: of the actions taken, where a ratio to it counts
    state: Tensor | None  # float32 [T + 1, B, S]
    joint: JointTrajectory
    luck: torch.Generator

    def state_for(self, readers: int) -> Tensor:
        """The global state for each of some readers, [T + 1, K, B, S].

        Raises:
            ValueError: the arena has one, and it was not shown.
        """
        if self.state is None:
            raise ValueError("a critic reads the arena's global state, and the round that is learned from shows none")
        return self.state.unsqueeze(1).expand(-1, readers, -1, -1)


class TeamLearner(PolicyAgent):
    """The base: an actor for all own seats; `make_critics` and `credit` are the algorithm's."""

    owns = "all"
    learns = True
    config: Any

    def build(self, seed: int) -> None:
        """The actor with its policies and its optimiser, and the critics."""
        config, specs = self.config, [self.spec.seats[s] for s in self.seats]
        self.gamma = self.spec.gamma if config.gamma is None else config.gamma
        self.continuous = not specs[0].actions
        alike = len({(s.observation, s.actions, s.action_dim) for s in specs}) == 1
        self.shared = alike if config.share == "auto" else config.share == "yes"
        if config.recurrent and not config.hidden:
            raise ValueError("recurrent=true remembers in hidden units: hidden must be at least 1")
        between = [] if not config.hidden else [config.hidden] * (1 if config.recurrent else 2)
        layers = [sizes(s, between) for s in specs]
        seeds = [derive(seed, "actor", s) for s in self.seats]
        self.actors = Team(
            layers, seeds, last_scale=0.01, shared=self.shared, recurrent=config.recurrent, device=self.device
        )
        self.widths = [widths[-1] for widths in layers]
        if self.continuous:
            nets = 1 if self.shared else len(self.seats)
            start = torch.full((nets, 1, max(self.widths)), config.std, device=self.device).log()
            self.actors.parameters["log_std"] = start
        self.actor_step = Adam(self.actors.parameters, config.lr, clip=config.clip)
        self.critics = self.make_critics(seed)
        self.learned = torch.zeros((), dtype=torch.long)  # environment steps learned from
        self.batches = torch.zeros((), dtype=torch.long)
        self.trains = False  # whether it was ever seated to train: an agent that plays frozen never is
        self.policies = {seat: self._policy(n, playing=False) for n, seat in enumerate(self.seats)}
        self.playing = {seat: self._policy(n, playing=True) for n, seat in enumerate(self.seats)}
        self.anneal()

    def _policy(self, number: int, *, playing: bool) -> DifferentiablePolicy:
        """The policy of a seat while it trains, or as it plays otherwise."""
        views, spec = self.actors.of(number), self.spec.seats[self.seats[number]]
        still = playing and self.config.play == "mode"
        if self.continuous:
            own = self.actors.parameters["log_std"][0 if self.shared else number]
            return GaussianPolicy(views | {"log_std": own[None, :, : self.widths[number]]}, spec, still)
        sharpness = MODE if still else 1.0
        if self.config.recurrent:
            return FlooredRecurrent(views, spec, sharpness)
        return FlooredPolicy(views, spec, sharpness=sharpness)

    def critic(self, seed: int, name: str, widths: list[int], outputs: int = 1, **how: Any) -> Critic:
        """Fresh critics for readers of these widths."""
        seeds = [derive(seed, name, number) for number in range(len(widths))]
        shared = len(widths) > 1 and self.shared
        return Critic(widths, outputs, seeds, self.config, shared=shared, device=self.device, **how)

    # -- the algorithm ------------------------------------------------------------------------------------------------

    @abstractmethod
    def make_critics(self, seed: int) -> dict[str, Critic]:
        """The critics by name."""

    @abstractmethod
    def credit(self, practice: Practice) -> tuple[Tensor, dict[str, float]]:
        """Step the critics; returns the praise of each action [T, N, B], 0 where it did not count, and metrics."""

    @property
    def own_width(self) -> int:
        """Width of `Practice.own`."""
        return max(widths[0] for widths in self.actors.sizes) + self.remembered

    @property
    def remembered(self) -> int:
        """How many numbers the actor remembers."""
        return int(self.config.hidden) if self.config.recurrent else 0

    # -- learning -----------------------------------------------------------------------------------------------------

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """Steps of the critics and, once those are warm, of the actor."""
        practice = self.practice(joint, generator(context.seed))
        credit, metrics = self.credit(practice)
        self.batches += 1
        if int(self.batches) > self.config.warmup:
            metrics |= self.improve(practice, credit)
        self.learned += int(practice.segment.counted.amax(1).sum())
        self.anneal()
        return metrics

    @torch.no_grad()
    def practice(self, joint: JointTrajectory, luck: torch.Generator) -> Practice:
        """Read a round; policies are as they were when it was played."""
        segment = together(joint, self.seats)
        over = segment.timesteps.last[1:].unsqueeze(-1)
        # where an episode is over everything is legal, which would spoil what is expected there
        able = torch.cat((segment.legal[:1], segment.legal[:-1].where(over, segment.legal[1:])))
        theta, own = self.actors.parameters, segment.timesteps.observation
        if recurrent(theta):
            assert segment.hidden is not None
            scores, hidden = unrolled(theta, own, segment.hidden, segment.timesteps.first)
            own = torch.cat((own, hidden), dim=-1)
        else:
            scores = across(theta, own)
        log_pi = None
        if self.config.ratio:
            log_pi, _ = self._spread(theta, scores[:-1], segment.legal[:-1], self._drawn(joint, segment))
        pi = scores if self.continuous else log_softmax(floored(masked(scores, able), self.floor)).exp()
        return Practice(segment, own, pi, log_pi, joint.state, joint, luck)

    def _drawn(self, joint: JointTrajectory, segment: Segment) -> Tensor:
        """Actions as they were drawn: long [T, N, B], or float32 [T, N, B, D]."""
        if not self.continuous:
            return segment.actions
        return padded([joint.seats[seat].actions.extras[RAW] for seat in self.seats], dim=1)

    def _spread(self, theta: Parameters, scores: Tensor, legal: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probability and entropy [T, N, B] of the policies that say `scores` [T, N, B, A]."""
        if self.continuous:
            own, log_std = real(self.widths, self.device), theta["log_std"]
            density = log_density(drawn, scores, log_std) * own
            return density.sum(-1), (normal_entropy(log_std) * own).sum(-1).expand_as(density[..., 0])
        log_pi = log_softmax(floored(masked(scores, legal), self.floor))
        # what is illegal where nobody heard it counts nothing, and must not be infinite
        return taken(log_pi, drawn).clamp_min(-1e9), entropy(log_pi)

    def improve(self, practice: Practice, credit: Tensor) -> dict[str, float]:
        """Steps of the actor up the praised actions; returns metrics."""
        segment, config = practice.segment, self.config
        chosen = segment.counted  # no choice, no lesson: the dead of a battle can only do nothing
        if not self.continuous:
            chosen = chosen * (segment.legal[:-1].sum(-1) > 1)
        if config.normalise:
            mean = (credit * chosen).sum() / chosen.sum().clamp_min(1)
            variance = ((credit - mean).square() * chosen).sum() / chosen.sum().clamp_min(1)
            credit = (credit - mean) / variance.sqrt().clamp_min(1e-6)
        seen, legal, first = segment.timesteps.observation[:-1], segment.legal[:-1], segment.timesteps.first[:-1]
        before = credit if practice.log_pi is None else practice.log_pi  # without a ratio nobody reads it
        leaves_of = [seen, legal, first, self._drawn(practice.joint, segment), before, credit, chosen]
        steps, _, copies = credit.shape
        pick = picked if config.recurrent else moments
        metrics: dict[str, float] = {}
        for piece in Lessons(config.epochs, config.batch, config.recurrent).pieces(steps, copies, practice.luck):
            seen, legal, first, drawn, before, praise, on = (pick(leaf, piece) for leaf in leaves_of)
            theta = leaves(self.actors.parameters)
            if segment.hidden is None:
                scores = across(theta, seen)
            else:
                scores, _ = unrolled(theta, seen, segment.hidden[:, piece], first)
            log_pi, spread = self._spread(theta, scores, legal, drawn)
            value = surrogate(log_pi, before, praise, config.ratio)
            count = on.sum().clamp_min(1)
            bonus = (spread * on).sum() / count
            self.actor_step.descend(gradient(-(value * on).sum() / count - config.entropy * bonus, theta))
            metrics = {"entropy": float(bonus.detach()), "floor": self.floor}
        return metrics

    @property
    def floor(self) -> float:
        """eps, after the environment steps learned from."""
        done = min(1.0, int(self.learned) / self.config.epsilon_steps)
        return float(self.config.epsilon + done * (self.config.epsilon_last - self.config.epsilon))

    def anneal(self) -> None:
        """Floor and step sizes as they are after so many environment steps."""
        for policy in self.policies.values():
            if isinstance(policy, FlooredPolicy | FlooredRecurrent):
                policy.floor = self.floor
        if self.config.anneal:
            left = 1 - 0.95 * min(1.0, int(self.learned) / self.config.anneal)
            self.actor_step.lr = left * self.config.lr
            for critic in self.critics.values():
                critic.trained.anneal(left)

    # -- play ---------------------------------------------------------------------------------------------------------

    def begin(self, seating: Seating) -> Memory:
        """The policy's memory, the number of the seat among ours, and whether it trains."""
        self.trains |= seating.training
        memory = self.policies[seating.seat].begin(seating)
        return memory | {"seat": self.seats.index(seating.seat), "training": seating.training}

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw from the policy of this seat; when not training, as `play` says."""
        policies = self.policies if memory["training"] else self.playing
        return policies[self.seats[memory["seat"]]].act(timestep, memory)

    def policy(self, seat: str) -> DifferentiablePolicy | None:
        """The policy of a seat: with its floor once it is seated to train, else what it plays."""
        return (self.policies if self.trains else self.playing)[seat]

    def learning_state(self) -> State:
        """Actor and critics with their targets and optimisers, and what was learned from."""
        state = self.acting_state() | self.actors.state("actor") | self.actor_step.state("step/actor")
        return state | states(self.critics) | {"learned": self.learned, "batches": self.batches}

    def load_learning_state(self, state: State) -> None:
        """Take over tensors from `learning_state`; floor and step sizes go on from where they were."""
        super().load_learning_state(state)
        self.trains = True  # a game that goes on is not begun again
        self.anneal()


def surrogate(log_pi: Tensor, before: Tensor, praise: Tensor, ratio: float) -> Tensor:
    """What is ascended, [...]: log pi A, or PPO's clipped objective (Schulman et al. 2017, equation 7).

    Args:
        log_pi: with graph.
        before: of the policy that played.
        praise: A.
        ratio: how far the ratio of the two may be from 1; 0: log pi A.
    """
    if not ratio:
        return log_pi * praise
    moved = (log_pi - before).exp()
    return torch.minimum(moved * praise, moved.clamp(1 - ratio, 1 + ratio) * praise)
