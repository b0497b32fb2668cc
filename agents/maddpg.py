"""MADDPG: multi-agent actor-critic with decentralised actors and a central critic for each of them.

Lowe, Wu, Tamar, Harb, Abbeel and Mordatch 2017, "Multi-Agent Actor-Critic for Mixed Cooperative-Competitive
Environments", section 4.1. x is what all seats observe, a_1 .. a_N what they do; bars are slow copies (target
networks), D is the replay.

    critic (6):      minimise (Q_i(x, a_1 .. a_N) - y)^2,
                     y = r_i + gamma d Qbar_i(x', a'_1 .. a'_N)
                     at a'_j = mubar_j(o'_j)
    actor (5):       ascend Q_i(x, a_1 .. a_N) at a_i = mu_i(o_i),
                     the others' actions from D
    targets:         theta_bar <- (1 - tau) theta_bar + tau theta

Where actions are continuous, mu is deterministic (tanh) and explored with Gaussian noise. Where they are discrete, mu
is made differentiable by Gumbel-softmax (the paper's appendix and its published code) or by the softmax itself; what is
executed, and stored, is a draw from the softmax. When not training it plays its most likely action: mu is
deterministic, and draws are how it explores. `play=sample` draws even then, as the published code does.

Implementations disagree in five places, which are switches here:

    sample       own action in the actor's loss: `soft` (published code),
                 `hard`, that is straight-through, or `mean`, the
                 probabilities, without noise
    target       target actions: the same, or `argmax`
    temperature  of the Gumbel-softmax, 1 in the published code
    others       the others' actions in the actor's loss: from `replay`
                 (equation 5, published code), or `current`, what those of
                 them that are ours would do now
    standardise  rewards centred and divided by their deviation in the
                 replay; the paper does not

The defaults are the paper's but for `sample` and `target`: on spread, with all else equal (one seed, 300,000 steps),
the probabilities learned faster than straight-through samples, and those faster than soft ones. `gamma` is the arena's,
.95 in the particle worlds as in the paper; where rewards are distances, .8 and less learn far better (see the README).

Departures: only hard actions are executed and stored (the published code executes soft ones, which exist in particle
worlds alone). All seats learn from the same transitions (in the published code each draws its own) and move their
targets after all have stepped. The target action of a seat that is not ours comes from its policy where that is shown,
else it is what that seat did next (and the last transition of a segment is left out). A round of many games earns
`rate` updates per transition, made one after another. Learning does not know masks of legal actions, which bind play.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from agents.parts.departed import DEPARTED
from agents.parts.exploration import explore
from agents.parts.gradients import leaves
from agents.parts.policies.categorical import MODE
from agents.parts.policies.deterministic import DeterministicPolicy
from agents.parts.policies.relaxed import Relaxation
from agents.parts.policy_agent import PolicyAgent
from agents.parts.replay import Replay
from agents.parts.team import Trained, apply
from agents.parts.transitions import Batch, Reader, critic_target
from agents.protocol import DifferentiablePolicy, JointTrajectory, LearningContext, Memory, Seating, State
from agents.randomness import derive, generator
from arenas.protocol import Action, TimeStep
from arenas.settings import Amount, Checked, Count, Positive, Share, ShareOrNone, Whole


@dataclass(frozen=True)
class MaddpgConfig(Checked):
    """Settings of `maddpg`; the numbers are the paper's appendix and its code unless said otherwise."""

    lr: Positive = 0.003  # Adam's step size of the actors; ours (paper 0.01, at which logits saturate early)
    critic_lr: Positive = 0.003  # Adam's step size of the critics; ours (paper 0.01)
    anneal: Whole = 0  # transitions over which both step sizes fall linearly to a twentieth; 0: they stay (paper)
    gamma: ShareOrNone = None  # discount per step; none: the arena's (paper 0.95)
    tau: Share = 0.01  # part of the new parameters that enters the targets at each update
    batch: Count = 1024  # transitions in an update
    rate: Positive = 0.01  # updates of every seat per transition stored
    warmup: Whole = 4096  # transitions before the first update (paper: 25,600)
    capacity: Count = 200_000  # transitions kept (paper: 1,000,000)
    temperature: Positive = 1.0  # of the Gumbel-softmax
    sample: Literal["soft", "hard", "mean"] = "mean"  # the own action in the actor's loss; see the head of this file
    target: Relaxation = "mean"  # the target actions in the critic's loss: as `sample`, or argmax
    others: Literal["replay", "current"] = "replay"  # the others' actions in the actor's loss: as played, or as now
    standardise: bool = False  # rewards centred and divided by their deviation in the replay
    regulariser: Amount = 0.001  # weight of the mean squared logit in the actor's loss
    clip: Positive = 0.5  # largest norm of each tensor's gradient
    hidden: Count = 64  # units in each of the two hidden layers
    epsilon: Share = 0.0  # share of uniform actions while it trains, where they are discrete; the paper has none
    noise: Amount = 0.3  # standard deviation of exploration where actions are continuous; ours
    noise_last: Amount = 0.05  # what it falls to
    noise_steps: Count = 500_000  # transitions over which it falls, linearly
    play: Literal["mode", "sample"] = "mode"  # when not training, where actions are discrete


class Maddpg(PolicyAgent):
    """MADDPG: an actor for every seat, taught by a critic that sees all seats.

    Shapes: N own seats, S seats that the critics read, B transitions (a batch: see `agents.parts.transitions`).
    """

    Config = MaddpgConfig
    departed = DEPARTED["maddpg"]
    needs = frozenset()
    needs_to_learn = frozenset({"joint"})
    owns = "all"
    learns = True
    behaviour = 2
    central: ClassVar[bool] = True  # False: critics read their own seat alone
    extras: ClassVar[tuple[str, ...]] = ()  # names of the actions' extras that transitions keep
    config: MaddpgConfig

    def build(self, seed: int) -> None:
        """Actors, critics, their targets, and an empty replay."""
        config = self.config
        self.reader = Reader(
            self.spec, self.seats, config, central=self.central, extras=self.extras, device=self.device
        )
        self.gamma = self.spec.gamma if config.gamma is None else config.gamma
        self.make_networks(seed)
        self.replay = Replay(config.capacity, self.reader.example())
        self.learned = torch.zeros((), dtype=torch.long)  # transitions learned from
        self.trains = False  # whether it was ever seated to train: an agent that plays frozen never is

    def make_networks(self, seed: int) -> None:
        """One actor and one critic for each own seat, and the policies that play."""
        self.actor, self.critic = self.new_actors(seed), self.new_critics(seed, 0)
        self.networks = {"actor/0": self.actor, "critic/0": self.critic}
        self.policies = {seat: self.reader.policy(self.actor.team, seat) for seat in self.seats}
        self.playing = {seat: self.reader.policy(self.actor.team, seat, MODE) for seat in self.seats}
        self.owed = torch.zeros(1, dtype=torch.float64)  # updates earned by transitions and not yet made

    def new_actors(self, seed: int, *words: int) -> Trained:
        """A fresh actor for each own seat."""
        seeds = [derive(seed, "actor", seat, *words) for seat in self.seats]
        return Trained(self.reader.actors(self.reader.own, seeds), self.config.lr, self.config.clip)

    def new_critics(self, seed: int, number: int) -> Trained:
        """A fresh critic for each own seat."""
        seeds = [derive(seed, "critic", seat, number) for seat in self.seats]
        return Trained(self.reader.critics(seeds), self.config.critic_lr, self.config.clip)

    # -- learning -----------------------------------------------------------------------------------------------------

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """Store the segment, then make the updates that it has earned."""
        rows = self.reader.rows(joint, context.peers)
        self.owed += len(rows["reward"]) * self.config.rate
        if not self.store(rows):
            self.owed.zero_()
        luck = generator(context.seed)
        metrics: dict[str, float] = {}
        while self.owed >= 1:
            self.owed -= 1
            metrics = self.update(self.replay.sample(self.config.batch, luck), context, luck)
        return metrics

    def update(self, batch: Batch, context: LearningContext, luck: torch.Generator) -> dict[str, float]:
        """One step of every critic and of every actor on the same transitions, then of the targets."""
        config, reader = self.config, self.reader
        # equation 6: y = r_i + gamma d Qbar_i(x', a'_1 .. a'_N)
        with torch.no_grad():
            following = reader.heard(batch["next"], self.target_actions(batch, context, luck))
            next_value = apply(self.critic.slow.parameters, following).squeeze(-1)
            y = critic_target(*self.paid(batch), next_value, self.gamma)
        phi = leaves(self.critic.team.parameters)
        error = apply(phi, reader.heard(batch["observation"], batch["action"])).squeeze(-1) - y
        loss = error.square().mean(1).sum()
        self.critic.descend(loss, phi)

        # equation 5: Q_i(x, a_1 .. a_N) at a_i = mu_i(o_i)
        theta = leaves(self.actor.team.parameters)
        out = apply(theta, reader.seen(batch["observation"]))
        mine = reader.action(out, config.sample, luck, reader.own)
        actions = reader.instead(self.played(batch, luck), mine)
        value = apply(self.critic.team.parameters, reader.heard(batch["observation"], actions)).mean((1, 2))
        self.actor.descend(-self.objective(value, out), theta)

        self.actor.follow(config.tau)
        self.critic.follow(config.tau)
        return {"value_error": float(loss.detach()) / len(self.seats), "value": float(value.detach().mean())}

    def objective(self, value: Tensor, out: Tensor) -> Tensor:
        """What the actors ascend: the mean Q_i [N], less the regulariser on what their networks say [N, B, A]."""
        return value.sum() - self.config.regulariser * self.reader.square(out).sum()

    @torch.no_grad()
    def target_actions(self, batch: Batch, context: LearningContext, luck: torch.Generator) -> Tensor:
        """a'_1 .. a'_N [B, S, A]: mubar_j(o'_j) in our seats, in the others what is known of them."""
        actions = torch.zeros_like(batch["action"])
        actions[..., self.reader.own, :] = self.act_now(batch, "next", luck)
        for number in self.reader.others:
            policy = self.reader.policy_of(number, context.peers)
            actions[..., number, :] = self.reader.next_of(number, batch, policy, self.config.target, luck)
        return actions

    @torch.no_grad()
    def played(self, batch: Batch, luck: torch.Generator) -> Tensor:
        """The others' actions in equation 5 [B, S, A]: from the replay, or those of our seats as they are now."""
        if self.config.others == "replay":
            return batch["action"]
        actions = batch["action"].clone()
        actions[..., self.reader.own, :] = self.act_now(batch, "observation", luck)
        return actions

    def act_now(self, batch: Batch, at: Literal["observation", "next"], luck: torch.Generator) -> Tensor:
        """What our seats do [B, N, A]: mu_j(o_j), or mubar_j(o'_j) at the next observation."""
        actors, how = (self.actor.slow, self.config.target) if at == "next" else (self.actor.team, self.config.sample)
        out = apply(actors.parameters, self.reader.seen(batch[at]))
        return self.reader.action(out, how, luck, self.reader.own).movedim(0, 1)

    def paid(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """r, standardised where the settings say so, and d, both [N, B]."""
        reward, discount = self.reader.paid(batch)
        if not self.config.standardise:
            return reward, discount
        deviation, mean = torch.std_mean(self.replay.filled("reward"), dim=0)
        return (reward - mean.unsqueeze(1)) / deviation.unsqueeze(1).clamp_min(1e-6), discount

    def store(self, rows: Batch) -> bool:
        """Keep rows in the replay and let noise and step sizes fall; returns whether there are enough to learn from."""
        self.replay.add(rows)
        self.learned += len(rows["reward"])
        self.anneal()
        return len(self.replay) >= min(self.config.warmup, self.config.capacity)

    def anneal(self) -> None:
        """Noise and step sizes as they are after so many transitions."""
        done = min(1.0, int(self.learned) / self.config.noise_steps)
        for policy in self.policies.values():
            if isinstance(policy, DeterministicPolicy):
                policy.noise = self.config.noise + done * (self.config.noise_last - self.config.noise)
        if self.config.anneal:
            for networks in self.networks.values():
                networks.anneal(1 - 0.95 * min(1.0, int(self.learned) / self.config.anneal))

    # -- play ---------------------------------------------------------------------------------------------------------

    def begin(self, seating: Seating) -> Memory:
        """The actor's memory, the number of the seat among ours, and whether it trains."""
        self.trains |= seating.training
        memory = next(iter(self.policies.values())).begin(seating)
        return memory | {"seat": self.seats.index(seating.seat), "training": seating.training}

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw from the actor of this seat."""
        policies = self.policies if memory["training"] else self.playing
        action, following = policies[self.seats[memory["seat"]]].act(timestep, memory)
        return explore(action, timestep, following, self.config.epsilon), following

    def policy(self, seat: str) -> DifferentiablePolicy | None:
        """The actor of a seat as it plays.

        Once it is seated to train, or goes on from a learning state, that is with exploration, as peers met it. Made
        fresh or from a checkpoint it shows what it is frozen to.
        """
        return (self.policies if self.trains else self.playing)[seat]

    def learning_state(self) -> State:
        """Networks with their targets and optimisers, the replay, and the updates owed."""
        state = self.acting_state() | self.replay.state("replay") | {"owed": self.owed, "learned": self.learned}
        for name, networks in self.networks.items():
            state |= networks.state(name)
        return state

    def load_learning_state(self, state: State) -> None:
        """Take over tensors from `learning_state`; noise and step sizes go on from where they were."""
        super().load_learning_state(state)
        self.trains = True  # a game that goes on is not begun again
        self.anneal()
