"""MADDPG: multi-agent actor-critic with decentralised actors and a central critic for each of them.

Lowe, Wu, Tamar, Harb, Abbeel and Mordatch 2017, "Multi-Agent Actor-Critic for Mixed Cooperative-Competitive
Environments". x is what all seats observe, a_1 .. a_N what they do; bars are target networks, D is the replay.

    critic (6):      minimise (Q_i(x, a_1 .. a_N) - y)^2,
                     y = r_i + gamma d Qbar_i(x', a'_1 .. a'_N)
                     at a'_j = mubar_j(o'_j)
    actor (5):       ascend Q_i(x, a_1 .. a_N) at a_i = mu_i(o_i),
                     the others' actions from D
    targets:         theta_bar <- (1 - tau) theta_bar + tau theta

Inferred policies (section 4.2): i keeps a model muhat_i^j of every other j and takes target actions from a slow copy of
it. Before each update (not each step of the world) the model goes one step down its loss on the newest transitions.

    model (7):       L = -E[log muhat_i^j(a_j | o_j) + lambda H(muhat_i^j)]
    targets (8):     a'_j = slow copy of muhat_i^j at o'_j

Ensembles (section 4.3): a seat has K sub-policies, of which a team draws one at the start of an episode, and a replay
D^(k) for each.

    actor (9):       ascend (1/K) E over D_i^(k) of Q_i
                     at a_i = mu_i^(k)(o_i)

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
the probabilities learned faster than straight-through samples, and those than soft ones. `gamma` is the arena's, .95 in
the particle worlds as in the paper; where rewards are distances, .8 and less learn far better (see the README).

The paper does not say whether the K sub-policies share Q_i (its notation has no k, so the default is one; `critics=own`
gives each its own), nor which of the others' sub-policies give the target actions: here it is the one that played.

Departures: only hard actions are executed and stored (the published code executes soft ones, which exist in particle
worlds alone). All seats learn from the same transitions (there each draws its own) and follow their targets after all
have stepped. The target action of a seat that is not ours comes from its policy where that is shown, else it is what
that seat did next; for want of that the last transition of a segment is left out. A round of many games earns `rate`
updates per transition, made one after another. Inferred policies enter the critic as relaxed actions, as executed ones
do, and not as log-probabilities. The K replays lie in one ring, whose transitions are marked with k. Masks of legal
actions bind play alone: learning does not know them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from agents.parts.categorical import MODE, CategoricalPolicy
from agents.parts.deterministic import DeterministicPolicy, sizes
from agents.parts.gradients import gradient, leaves, not_negative
from agents.parts.optimizers import Adam
from agents.parts.relaxed import Relaxation, relaxed
from agents.parts.replay import Replay
from agents.parts.returns import playing
from agents.parts.team import Team, apply, padded, real
from agents.protocol import Agent, DifferentiablePolicy, JointTrajectory, LearningContext, Memory, Seating, State
from agents.randomness import below, bits, dealt_bits, derive, fraction, generator
from arenas.protocol import Action, ArenaSpec, TimeStep


@dataclass(frozen=True)
class MaddpgConfig:
    """Settings of `maddpg`; the numbers are the paper's appendix and its code unless said otherwise."""

    lr: float = 0.003  # Adam's step size of the actors; ours (paper 0.01, at which logits saturate early)
    critic_lr: float = 0.003  # Adam's step size of the critics; ours (paper 0.01)
    anneal: int = 0  # transitions over which both step sizes fall linearly to a twentieth; 0: they stay (paper)
    gamma: float | None = None  # discount per step; none: the arena's (paper 0.95)
    tau: float = 0.01  # part of the new parameters that enters the targets at each update
    batch: int = 1024  # transitions in an update
    rate: float = 0.01  # updates of every seat per transition stored
    warmup: int = 4096  # transitions before the first update (paper: 25,600)
    capacity: int = 200_000  # transitions kept (paper: 1,000,000)
    temperature: float = 1.0  # of the Gumbel-softmax
    sample: Literal["soft", "hard", "mean"] = "mean"  # the own action in the actor's loss; see the head of this file
    target: Relaxation = "mean"  # the target actions in the critic's loss: as `sample`, or argmax
    others: Literal["replay", "current"] = "replay"  # the others' actions in the actor's loss: as played, or as now
    standardise: bool = False  # rewards centred and divided by their deviation in the replay
    regulariser: float = 0.001  # weight of the mean squared logit in the actor's loss
    clip: float = 0.5  # largest norm of each tensor's gradient
    hidden: int = 64  # units in each of the two hidden layers
    epsilon: float = 0.0  # share of uniform actions while it trains, where they are discrete; the paper has none
    noise: float = 0.3  # standard deviation of exploration where actions are continuous; ours
    noise_last: float = 0.05  # what it falls to
    noise_steps: int = 500_000  # transitions over which it falls, linearly
    play: Literal["mode", "sample"] = "mode"  # when not training, where actions are discrete
    inferred: bool = False  # targets from inferred policies of the others
    model_lr: float = 0.01  # Adam's step size of inferred policies
    entropy: float = 0.001  # lambda of equation 7
    k: int = 1  # K, sub-policies a seat
    draw: Literal["team", "seat"] = "team"  # who draws k together
    critics: Literal["shared", "own"] = "shared"  # by the K sub-policies

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k is the number of sub-policies and at least 1, got {self.k}")
        for name in ("batch", "capacity", "hidden", "noise_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("temperature", "lr", "critic_lr", "model_lr", "rate", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        not_negative(self, "warmup", "regulariser", "noise", "noise_last", "entropy", "anneal")
        for name in ("tau", "gamma", "epsilon"):
            if not 0 <= (getattr(self, name) or 0) <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        if self.inferred and self.k > 1:
            raise ValueError("policies cannot be inferred and ensembles at once: leave inferred or k out")


def critic_target(reward: Tensor, discount: Tensor, next_value: Tensor, gamma: float) -> Tensor:
    """Target y of equation 6; `discount` is 0 after a termination and 1 after a cut by time."""
    return reward + gamma * discount * next_value


class Maddpg(Agent):
    """MADDPG: actors of their own and central critics for all the seats that it owns.

    Shapes: N own seats, S seats that the critics read, P = N (S - 1) inferred policies. Seats that draw k together
    learn from the same transitions, so that G is the number of those groups, and 1 without an ensemble.
    """

    Config: ClassVar[type] = MaddpgConfig
    needs = frozenset()
    needs_to_learn = frozenset({"joint"})
    owns = "all"
    learns = True
    behaviour = 2
    central: ClassVar[bool] = True  # False: critics read their own seat alone
    config: MaddpgConfig

    def __init__(
        self, spec: ArenaSpec, seats: tuple[str, ...], config: Any, seed: int, device: str = "cpu", replicas: int = 1
    ) -> None:
        if replicas != 1:
            raise ValueError("maddpg trains one team at a time; run it once per seed")
        super().__init__(spec, seats, config, seed, device, replicas)
        self.read = tuple(spec.seats) if self.central else seats
        self.own = [self.read.index(seat) for seat in seats]
        drawers = [spec.seats[s].team if config.draw == "team" else s for s in seats]
        self.groups = [list(dict.fromkeys(drawers)).index(d) if config.k > 1 else 0 for d in drawers]  # of every seat
        self.discrete = spec.seats[seats[0]].actions > 0
        if any((s.actions > 0) != self.discrete for s in spec.seats.values()):
            raise ValueError(
                f"{spec.name} has seats with discrete and seats with continuous actions: they need one kind"
            )
        hidden = [config.hidden, config.hidden]
        self.acts = [spec.seats[s].actions or spec.seats[s].action_dim for s in self.read]
        layers = [sizes(spec.seats[s], hidden) for s in self.read]
        self.sees = [widths[0] for widths in layers]
        widest = [max(widths) for widths in zip(*layers, strict=True)]
        self.real = real(self.acts, device)  # [S, 1, A]
        self.actors = [
            Team(
                [layers[i] for i in self.own],
                [derive(seed, "actor", s, *([k] if config.k > 1 else [])) for s in seats],
                widest=widest,
                last_scale=0.01,
                device=device,
            )
            for k in range(config.k)
        ]
        heard = len(self.read) if self.central else 1
        wide = heard * (max(self.sees) + max(self.acts))
        self.critics = [
            Team([[wide, *hidden, 1]] * len(seats), [derive(seed, "critic", s, k) for s in seats], device=device)
            for k in range(config.k if config.critics == "own" else 1)
        ]
        # every own seat's model of every other seat that is read, in this order
        self.pairs = [(i, j) for i in self.own for j in range(len(self.read)) if i != j] if config.inferred else []
        # seats that are not ours and not inferred either: what they do next has to be known
        self.strangers = [j for j in range(len(self.read)) if j not in self.own and not self.pairs]
        self.models = [
            Team(
                [layers[j] for _, j in self.pairs],
                [derive(seed, "model", self.read[i], self.read[j]) for i, j in self.pairs],
                widest=widest,
                last_scale=0.01,
                device=device,
            )
        ] * bool(self.pairs)
        self.targets = {name: [team.copy() for team in teams] for name, teams in self._teams().items()}
        steps = {"actor": config.lr, "critic": config.critic_lr, "model": config.model_lr}
        self.optimizers = {
            name: [Adam(team.parameters, steps[name], clip=config.clip) for team in teams]
            for name, teams in self._teams().items()
        }
        self.policies = {seat: [self._policy(k, n) for k in range(config.k)] for n, seat in enumerate(seats)}
        self.playing = {s: [self._policy(k, n, MODE) for k in range(config.k)] for n, s in enumerate(seats)}
        self.replay = Replay(config.capacity, self._example())
        self.owed = torch.zeros(config.k, dtype=torch.float64)  # updates earned by transitions and not yet made
        self.learned = torch.zeros((), dtype=torch.long)  # transitions learned from
        self.trains = False  # whether it was ever seated to train: who plays frozen never is

    def _teams(self) -> dict[str, list[Team]]:
        return {"actor": self.actors, "critic": self.critics, "model": self.models}

    def _policy(self, k: int, number: int, sharpness: float = 1.0) -> CategoricalPolicy | DeterministicPolicy:
        parameters, spec = self.actors[k].of(number), self.spec.seats[self.seats[number]]
        if not self.discrete:
            return DeterministicPolicy(parameters, spec, self.config.noise)
        return CategoricalPolicy(parameters, spec, sharpness=sharpness if self.config.play == "mode" else 1.0)

    # -- play ---------------------------------------------------------------------------------------------------------

    def begin(self, seating: Seating) -> Memory:
        """The actor's memory, the number of the seat among ours, whether it trains, and k with its luck."""
        self.trains |= seating.training
        memory = self.policies[seating.seat][0].begin(seating)
        memory |= {"seat": self.seats.index(seating.seat), "training": seating.training}
        if self.config.k > 1:
            shared = self.config.draw == "team"
            team = self.spec.seats[seating.seat].team
            # one entrant may fill two teams, which then draw apart
            luck = seating.team_seed + derive(0, "team", team) // 2 if shared else seating.seed
            memory |= {"k_luck": luck, "k": torch.zeros_like(luck)}
        return memory

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw from the actor of this seat, or from the sub-policy that was drawn for the episode."""
        policies = (self.policies if memory["training"] else self.playing)[self.seats[memory["seat"]]]
        if self.config.k == 1:
            action, memory = policies[0].act(timestep, memory)
            return self._explore(action, timestep, memory), memory
        drawn = below(bits(memory["k_luck"], memory["step"]), self.config.k)
        k = drawn.where(timestep.first, memory["k"])
        told = [policy.act(timestep, memory) for policy in policies]
        values = torch.stack([action.value for action, _ in told])  # [K, B(, D)]
        value = values[k, torch.arange(len(k), device=k.device)]
        memory = {**told[0][1], "k": k}
        return self._explore(Action(value, extras={"k": k}), timestep, memory), memory

    def _explore(self, action: Action, timestep: TimeStep, memory: Memory) -> Action:
        """Now and then a uniform action, where that is legal, while it trains."""
        if not (self.config.epsilon and self.discrete and memory["training"]):
            return action
        coin, drawn = (dealt_bits(memory["luck"], -2 * memory["step"] - i) for i in (0, 1))  # none of those that act
        actions = self.spec.seats[self.seats[memory["seat"]]].actions
        other = below(drawn, actions)
        taken = fraction(coin) < self.config.epsilon
        if timestep.action_mask is not None:
            taken &= timestep.action_mask.gather(1, other.unsqueeze(1)).squeeze(1)
        return action._replace(value=other.where(taken, action.value))

    def policy(self, seat: str) -> DifferentiablePolicy | None:
        """The actor of a seat as it plays; none where sub-policies are drawn.

        Once it is seated to train, or goes on from a learning state, that is with exploration, as peers met it. Made
        fresh or from a checkpoint it shows what it is frozen to.
        """
        if self.config.k > 1:  # which one is drawn is a memory of the past
            return None
        return (self.policies if self.trains else self.playing)[seat][0]

    # -- learning -----------------------------------------------------------------------------------------------------

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """Store the segment, then make the updates that it has earned."""
        config = self.config
        rows = self._rows(joint, context)
        self.replay.add(rows)
        self.learned += len(rows["reward"])
        self._anneal()
        mine = rows["k"][:, self.own] if config.k > 1 else torch.zeros(len(rows["reward"]), 1, dtype=torch.long)
        for k in range(config.k):  # a transition earns an update for the sub-policies that made it
            self.owed[k] += float((mine == k).double().mean(1).sum()) * config.rate
        if len(self.replay) < min(config.warmup, config.capacity):
            self.owed.zero_()
            return {}
        luck = generator(context.seed, "cpu")
        made_by = self._made_by() if config.k > 1 else {}
        metrics: dict[str, float] = {}
        for k in range(config.k):
            while self.owed[k] >= 1:
                self.owed[k] -= 1
                if all(len(places) for (_, number), places in made_by.items() if number == k):
                    metrics = self._update(k, self._sample(k, made_by, luck), context, luck)
        return metrics

    def _anneal(self) -> None:
        """Noise and step sizes as they are after so many transitions."""
        done = min(1.0, int(self.learned) / self.config.noise_steps)
        for policy in (p for policies in self.policies.values() for p in policies):
            if isinstance(policy, DeterministicPolicy):
                policy.noise = self.config.noise + done * (self.config.noise_last - self.config.noise)
        if self.config.anneal:
            left = 1 - 0.95 * min(1.0, int(self.learned) / self.config.anneal)
            for name, first in (("actor", self.config.lr), ("critic", self.config.critic_lr)):
                for optimizer in self.optimizers[name]:
                    optimizer.lr = left * first

    def load_learning_state(self, state: State) -> None:
        """See `Agent.load_learning_state`; noise and step sizes go on from where they were."""
        super().load_learning_state(state)
        self.trains = True  # a game that goes on is not begun again
        self._anneal()

    def _update(
        self, k: int, rows: dict[str, Tensor], context: LearningContext, luck: torch.Generator
    ) -> dict[str, float]:
        """One step of all critics and of all actors' sub-policies k, on transitions [G, B, ...]."""
        metrics = self._infer() if self.pairs else {}
        shared = k % len(self.critics)
        with torch.no_grad():
            following = self._heard(rows["next"], self._target_actions(k, rows, context, luck))
            next_value = apply(self.targets["critic"][shared].parameters, following).squeeze(-1)
            reward = torch.stack([rows["reward"][group, :, n] for n, group in enumerate(self.groups)])
            gamma = self.spec.gamma if self.config.gamma is None else self.config.gamma
            target = critic_target(self._standardised(reward), rows["discount"][self.groups], next_value, gamma)

        critic = leaves(self.critics[shared].parameters)
        error = apply(critic, self._heard(rows["observation"], rows["action"])).squeeze(-1) - target
        loss = error.square().mean(1).sum()
        self.optimizers["critic"][shared].descend(gradient(loss, critic))

        theta = leaves(self.actors[k].parameters)
        out = apply(theta, self._seen(rows["observation"]))
        actions = self._with_mine(k, rows, self._action(out, self.config.sample, luck), luck)
        value = apply(self.critics[shared].parameters, self._heard(rows["observation"], actions)).mean((1, 2))
        cost = (out.square() * self.real[self.own]).sum((1, 2)) / (self.real[self.own].sum((1, 2)) * out.shape[1])
        objective = (value.sum() - self.config.regulariser * cost.sum()) / self.config.k
        self.optimizers["actor"][k].descend(gradient(-objective, theta))

        for name, part in (("actor", k), ("critic", shared)):
            self.targets[name][part].follow(self._teams()[name][part], self.config.tau)
        return {"value_error": float(loss.detach()) / len(self.seats), "value": float(value.detach().mean()), **metrics}

    def _infer(self) -> dict[str, float]:
        """One step of every inferred policy on the newest transitions (equation 7), and its slow copy after it."""
        rows = self.replay.newest(self.config.batch)
        others = [j for _, j in self.pairs]
        seen = rows["observation"].movedim(1, 0)[others]
        done = rows["action"].movedim(1, 0)[others]
        phi = leaves(self.models[0].parameters)
        out = apply(phi, seen)
        if self.discrete:
            log_pi = self._masked(out, others).log_softmax(-1)
            probabilities = log_pi.exp()
            log_pi = log_pi.where(self.real[others], 0.0)
            likelihood, entropy = (log_pi * done).sum(-1), -(probabilities * log_pi).sum(-1)
            objective = likelihood + self.config.entropy * entropy
        else:  # of a Gaussian of fixed width the entropy is constant
            objective = -((out.tanh() - done) * self.real[others]).square().sum(-1) / 2
        self.optimizers["model"][0].descend(gradient(-objective.mean(1).sum(), phi))
        self.targets["model"][0].follow(self.models[0], self.config.tau)
        return {"divergence": self._divergence(seen, out.detach())} if self.discrete else {}

    @torch.no_grad()
    def _divergence(self, seen: Tensor, out: Tensor) -> float:
        """Mean KL divergence in nats from the true policies to the inferred ones, over pairs whose truth is ours."""
        known = [p for p, (_, j) in enumerate(self.pairs) if j in self.own]
        others = [self.pairs[p][1] for p in known]
        numbers = [self.own.index(j) for j in others]
        true = self._masked(apply({n: p[numbers] for n, p in self.actors[0].parameters.items()}, seen[known]), others)
        log_p, log_q = (
            x.log_softmax(-1).where(self.real[others], 0.0) for x in (true, self._masked(out[known], others))
        )
        return float((true.softmax(-1) * (log_p - log_q)).sum(-1).mean())

    def _target_actions(
        self, k: int, rows: dict[str, Tensor], context: LearningContext, luck: torch.Generator
    ) -> Tensor:
        """Target actions a' [G, B, S, A] of all seats that are read; [N, B, S, A] where own seats infer others'."""
        mine = self._own_actions(self.targets["actor"], k, rows, "next", self.config.target, luck)
        actions = rows["action"].new_zeros(*rows["next"].shape[:2], len(self.read), max(self.acts))
        for number in self.strangers:
            actions[:, :, number] = self._next_of_other(number, rows, context, luck)
        actions[:, :, self.own] = mine
        if self.pairs:
            seen = rows["next"].movedim(2, 0).flatten(1, 2)  # [S, G * B, O]
            inferred = self._action(
                apply(self.targets["model"][0].parameters, seen[[j for _, j in self.pairs]]),
                self.config.target,
                luck,
                [j for _, j in self.pairs],
            )
            actions = actions[self.groups]
            for pair, (i, j) in enumerate(self.pairs):
                actions[self.own.index(i), :, j] = inferred[pair]
        return actions

    def _own_actions(
        self,
        teams: list[Team],
        k: int,
        rows: dict[str, Tensor],
        at: Literal["observation", "next"],
        how: Relaxation,
        luck: torch.Generator,
    ) -> Tensor:
        """What actors do in the own seats [G, B, N, A]: sub-policy k, or in other groups the one that played."""
        shape = rows[at].shape[:2]
        seen = rows[at].movedim(2, 0).flatten(1, 2)[self.own]  # [N, G * B, O]
        teams = teams if len(rows[at]) > 1 else teams[k : k + 1]
        told = [self._action(apply(team.parameters, seen), how, luck) for team in teams]
        mine = told[0]
        if len(told) > 1:
            played = rows["k"][..., self.own].movedim(2, 0).flatten(1)  # [N, G * B]
            for number, action in enumerate(told):
                mine = action.where((played == number).unsqueeze(-1), mine)
        return mine.view(-1, *shape, mine.shape[-1]).movedim(0, 2)

    def _next_of_other(
        self, number: int, rows: dict[str, Tensor], context: LearningContext, luck: torch.Generator
    ) -> Tensor:
        """What a seat that is not ours does next [G, B, A]: by its policy where that is shown, else what it did."""
        seat, shape = self.read[number], rows["next"].shape[:2]
        policy = self._shown(seat, context)
        if policy is None:
            return rows["next_action"][:, :, number]
        seen = rows["next"][:, :, number, : self.sees[number]]
        observation = seen.reshape(-1, *self.spec.seats[seat].observation)
        if isinstance(policy, CategoricalPolicy):
            told = relaxed(policy.scores(observation), self.config.target, self.config.temperature, luck)
        else:
            told = policy.means(_moment(observation))
        return torch.nn.functional.pad(told, (0, max(self.acts) - told.shape[-1])).view(*shape, max(self.acts))

    def _shown(self, seat: str, context: LearningContext) -> DifferentiablePolicy | None:
        """The policy of a seat that is not ours, where it can be asked about single observations."""
        policy = context.peers.get(seat)
        if policy is None or not policy.memoryless or self.discrete != isinstance(policy, CategoricalPolicy):
            return None
        return policy

    def _with_mine(self, k: int, rows: dict[str, Tensor], mine: Tensor, luck: torch.Generator) -> Tensor:
        """Joint actions [N, B, S, A] in which own seat n plays `mine[n]` and the others what they did.

        With `others=current` the other own seats play what they would do now; seats that are not ours what they did.
        """
        actions = rows["action"]
        if self.config.others == "current":
            actions = actions.clone()
            with torch.no_grad():
                now = self._own_actions(self.actors, k, rows, "observation", self.config.sample, luck)
            actions[:, :, self.own] = now
        mark = torch.eye(len(self.read), device=actions.device)[self.own].view(len(self.own), 1, -1, 1)
        return self._by_seat(actions) * (1 - mark) + mine.unsqueeze(2) * mark

    def _action(self, out: Tensor, how: Relaxation, luck: torch.Generator, read: list[int] | None = None) -> Tensor:
        """Actions [N, B, A] from what the networks of seats (by default our own) say, 0 in the padding."""
        read = self.own if read is None else read
        if not self.discrete:
            return out.tanh() * self.real[read]
        return relaxed(self._masked(out, read), how, self.config.temperature, luck)

    def _masked(self, logits: Tensor, read: list[int]) -> Tensor:
        return logits.masked_fill(~self.real[read], -torch.inf)

    def _seen(self, observation: Tensor) -> Tensor:
        """What the own seats saw, [N, B, O], each in the transitions of its group; of [G, B, S, O]."""
        return torch.stack([observation[group, :, i] for group, i in zip(self.groups, self.own, strict=True)])

    def _heard(self, observation: Tensor, action: Tensor) -> Tensor:
        """What the critics read [N, B, W]: observations [G, B, S, O] and actions [G or N, B, S, A]."""
        if not self.central:
            done = self._by_seat(action)
            mine = torch.stack([done[n, :, i] for n, i in enumerate(self.own)])
            return torch.cat([self._seen(observation), mine], dim=-1)
        return torch.cat([self._by_seat(observation).flatten(2), self._by_seat(action).flatten(2)], dim=-1)

    def _by_seat(self, leaf: Tensor) -> Tensor:
        """[G, ...] or [N, ...] as [N, ...]."""
        if len(leaf) == 1:
            return leaf.expand(len(self.own), *leaf.shape[1:])
        return leaf if len(leaf) == len(self.own) else leaf[self.groups]

    def _standardised(self, reward: Tensor) -> Tensor:
        if not self.config.standardise:
            return reward
        deviation, mean = torch.std_mean(self.replay.filled("reward"), dim=0)
        return (reward - mean.unsqueeze(1)) / deviation.unsqueeze(1).clamp_min(1e-6)

    # -- transitions --------------------------------------------------------------------------------------------------

    def _rows(self, joint: JointTrajectory, context: LearningContext) -> dict[str, Tensor]:
        """Transitions of a segment, those that counted, as rows."""
        seats = [joint.seats[seat] for seat in self.read]
        flat = padded([t.timesteps.observation.flatten(2) for t in seats])  # [T + 1, B, S, O]
        if self.discrete:
            taken = padded([one_hot(t.actions.value, n).float() for t, n in zip(seats, self.acts, strict=True)])
        else:
            taken = padded([t.actions.value for t in seats])
        counted = torch.stack([playing(t.timesteps) for t in seats]).amax(0).bool()
        rows = {
            "observation": flat[:-1],
            "next": flat[1:],
            "action": taken,
            "reward": torch.stack([joint.seats[seat].timesteps.reward[1:] for seat in self.seats], dim=-1),
            "discount": seats[0].timesteps.discount[1:],
        }
        if self.config.k > 1:
            rows["k"] = torch.stack(
                [
                    t.actions.extras["k"]
                    if i in self.own
                    else torch.zeros_like(t.timesteps.reward[1:], dtype=torch.long)
                    for i, t in enumerate(seats)
                ],
                dim=-1,
            )
        if self.strangers:
            rows["next_action"] = torch.cat([taken[1:], torch.zeros_like(taken[:1])])
            if any(self._shown(self.read[number], context) is None for number in self.strangers):
                counted[-1] = False
        return {name: leaf[counted] for name, leaf in rows.items()}

    def _example(self) -> dict[str, Tensor]:
        s, o, a, n = len(self.read), max(self.sees), max(self.acts), len(self.seats)
        shapes = {"observation": (s, o), "next": (s, o), "action": (s, a), "reward": (n,), "discount": ()}
        if self.strangers:
            shapes["next_action"] = (s, a)
        rows = {name: torch.zeros(1, *shape, device=self.device) for name, shape in shapes.items()}
        return rows | ({"k": torch.zeros(1, s, dtype=torch.long, device=self.device)} if self.config.k > 1 else {})

    def _made_by(self) -> dict[tuple[int, int], Tensor]:
        """(Group, k) -> the places in the replay of the transitions that its sub-policies k made."""
        made = self.replay.filled("k")
        columns = {group: made[:, i] for group, i in zip(self.groups, self.own, strict=True)}
        return {(g, k): (c == k).nonzero().squeeze(1) for g, c in columns.items() for k in range(self.config.k)}

    def _sample(self, k: int, made_by: dict[tuple[int, int], Tensor], luck: torch.Generator) -> dict[str, Tensor]:
        """Transitions [G, B, ...]: of all, or for every group of those that its sub-policies k made."""
        if self.config.k == 1:
            return {name: leaf.unsqueeze(0) for name, leaf in self.replay.sample(self.config.batch, luck).items()}
        places = []
        for group in range(max(self.groups) + 1):
            made = made_by[group, k]
            drawn = torch.randint(len(made), (self.config.batch,), generator=luck)
            places.append(made[drawn.to(made.device)])
        return self.replay.at(torch.stack(places))

    def acting_state(self) -> State:
        """The actors' parameters; "SEAT/k/NAME" where there are several sub-policies."""
        found: State = {}
        for number, seat in enumerate(self.seats):
            for k, team in enumerate(self.actors):
                place = f"{seat}/{k}" if self.config.k > 1 else seat
                found |= {f"{place}/{name}": p for name, p in team.of(number).items()}
        return found

    def learning_state(self) -> State:
        """Actors, critics, models, targets, optimisers, replay, and the updates owed."""
        state = self.acting_state() | self.replay.state("replay") | {"owed": self.owed, "learned": self.learned}
        for name, teams in self._teams().items():
            for k, team in enumerate(teams):
                state |= {f"{name}/{k}/{n}": p for n, p in team.parameters.items()}
                state |= {f"target/{name}/{k}/{n}": p for n, p in self.targets[name][k].parameters.items()}
                state |= self.optimizers[name][k].state(f"step/{name}/{k}")
        return state


def _moment(observation: Tensor) -> TimeStep:
    """A time step that shows these observations and nothing else."""
    one = torch.ones(len(observation), device=observation.device)
    return TimeStep(observation, None, 0 * one, one, one < 0, one < 0, one > 0)


@dataclass(frozen=True)
class InferredConfig(MaddpgConfig):
    """Settings of `maddpg-inferred`."""

    inferred: bool = True


class MaddpgInferred(Maddpg):
    """MADDPG whose targets use inferred policies of the other seats."""

    Config: ClassVar[type] = InferredConfig


@dataclass(frozen=True)
class EnsembleConfig(MaddpgConfig):
    """Settings of `maddpg-ensemble`."""

    k: int = 3  # K, sub-policies a seat (paper: 3 in keep-away and navigation, 2 in predator-prey)


class MaddpgEnsemble(Maddpg):
    """MADDPG with K sub-policies a seat, one drawn per team and episode."""

    Config: ClassVar[type] = EnsembleConfig
