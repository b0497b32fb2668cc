"""LOLA-DiCE: learning through K imagined steps of the other, and its failing comparison without the magic box.

Foerster, Farquhar, Al-Shedivat, Rocktaeschel, Xing and Whiteson 2018, "DiCE: The Infinitely Differentiable Monte Carlo
Estimator", section 5. The agent imagines games with its own copy of the other's policy, lets that copy learn in them,
and follows how what it learns depends on theta_1:

    theta_2^(0)   = stop(theta_2)
    theta_2^(k+1) = theta_2^(k) + eta / K grad_2 L_2(theta_1, theta_2^(k))
                    for k = 0 .. K - 1
    theta_1      <- theta_1 + delta grad_1 L_1(theta_1, theta_2^(K)(theta_1))

Each L is estimated from games played afresh by the two policies in it, and the graph of every inner step is kept, so
that the last line differentiates through all of them. With eta = 0 or K = 0 nothing needs to be imagined: the agent is
the naive learner and learns from the games that were played. `lola-sl` takes the surrogate loss for L, the sum of
log pi(a_t | s_t) A_t over steps and agents: its inner gradient is right in value, but d theta_2^(K) / d theta_1 is 0,
so nothing is shaped.

Departures: `eta` is the whole step that the other is expected to take and the look-aheads are its parts, so that one
`eta` serves every K; in the paper each look-ahead is a step of full size. L is loaded DiCE (Farquhar et al. 2019) with
generalised advantage estimates unless `estimator` names another; the paper's is DiCE with a baseline. A critic of both
seats' returns takes a step on each imagined segment. Imagined games start as the arena starts them and last as long as
the segment played, at most an episode. Where steps are weighed alike (`weigh=step`), L is 1 / (1 - gamma) times the
mean per step, as in `lola`. In games whose observation does not tell the past, a perceptron with one bit of
recollection stands where recurrent agents are usual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from agents.naive import Naive
from agents.parts.actor_critic import ActorCriticConfig
from agents.parts.dice import dice, dice_with_baseline, loaded_dice
from agents.parts.gradients import gradient, leaves
from agents.parts.networks import mlp
from agents.parts.opponents import Opponents
from agents.parts.policies.categorical import CategoricalPolicy
from agents.parts.returns import discounts
from agents.protocol import (
    DifferentiablePolicy,
    JointTrajectory,
    LearningContext,
    Parameters,
    Policy,
    Seating,
    State,
    Trajectory,
)
from agents.randomness import derive, derive_rows, uniform
from agents.rollout import rollout
from arenas.protocol import Arena, ArenaSpec
from arenas.settings import Amount, Whole

#: Numbers that are computed at once at most; games with more of them are imagined step by step.
_AT_ONCE = 1 << 24

Estimator = Literal["loaded", "dice", "baseline", "surrogate"]


@dataclass(frozen=True)
class LolaDiceConfig(ActorCriticConfig):
    """Settings of `lola-dice`; the defaults are for tables in iterated matrix games."""

    lr: Amount = 0.1  # delta, the step size for the policy
    optimizer: Literal["adam", "sgd"] = "sgd"  # of the policy; sgd: plain steps, as in the paper
    critic_lr: Amount = 1.0  # Adam's step size for the values, which go to -50 in the prisoner's dilemma
    entropy: Amount = 0.0  # weight of the policy's entropy (nats), beside advantages in units of reward
    weigh: Literal["step", "start"] = "start"  # all steps alike, or by gamma^t from the episode's start
    hidden: Whole = 0  # units of the one hidden layer; 0: a table
    init: Amount = 0.0  # standard deviation of the first logits where hidden is 0
    eta: Amount = 0.3  # the step that the other is expected to take, per unit of its gradient; 0 is the naive learner
    look_aheads: Whole = 1  # K, the look-aheads in which it takes that step, each of eta / K; 0 is the naive learner
    estimator: Estimator = "loaded"  # of L: loaded DiCE, DiCE, DiCE with the paper's baseline, surrogate loss
    imagined: Whole = 0  # games imagined per step, for each replica; 0: as many as were played
    model_lr: Amount = 0.1  # Adam's step size for the policy fitted to a hidden peer
    model_steps: Whole = 4  # steps of that fit a round


@dataclass(frozen=True)
class LolaSlConfig(LolaDiceConfig):
    """Settings of `lola-sl`."""

    estimator: Estimator = "surrogate"  # see LolaDiceConfig


def imagine(policies: Mapping[str, Policy], arena: Arena, spec: ArenaSpec, length: int, seed: int) -> JointTrajectory:
    """Fresh games of `length` steps between `policies`, whose memories nobody sees; no graph.

    Where all policies are tables of a matrix game, all steps are played at once, and every move is the same.
    """

    def luck(*words: str) -> Tensor:
        return derive_rows(seed, arena.batch_size, *words, device=arena.device)

    tables = tables_of(policies, spec)
    if tables and length * arena.batch_size * max(table[0].numel() for table in tables.values()) <= _AT_ONCE:
        steps = torch.arange(length, device=arena.device).unsqueeze(-1)
        played = arena.play_out(
            {seat: table.repeat_interleave(arena.batch_size // len(table), 0) for seat, table in tables.items()},
            {seat: uniform(luck("seat", seat), steps) for seat in tables},
        )
        # every action is legal, and masks that say so only cost time
        return JointTrajectory({s: Trajectory(t._replace(action_mask=None), a) for s, (t, a) in played.items()})
    timesteps, state = arena.reset(luck("episode"))
    memories = {
        seat: policy.begin(Seating(seat, luck("seat", seat), luck("team", spec.seats[seat].team), training=True))
        for seat, policy in policies.items()
    }
    joint, _ = rollout(arena, policies, memories, timesteps, length, state)
    # every memory began empty, and that of a policy of another kind would not be understood
    return JointTrajectory({seat: Trajectory(t.timesteps, t.actions) for seat, t in joint.seats.items()})


def tables_of(policies: Mapping[str, Policy], spec: ArenaSpec) -> dict[str, Tensor]:
    """Seat -> action probabilities [R, S, A] where all policies are tables of a matrix game; else nothing."""
    tabular = {seat: p for seat, p in policies.items() if isinstance(p, CategoricalPolicy) and p.tabular}
    whole = "matrix" in spec.offers and len(tabular) == len(policies)
    return {seat: policy.table() for seat, policy in tabular.items()} if whole else {}


class LolaDice(Naive):
    """LOLA-DiCE: a policy gradient through K imagined learning steps of the other.

    Raises:
        ValueError: the game has not two players, or an estimator from whole returns where steps are weighed alike.
    """

    Config = LolaDiceConfig
    needs_to_learn = frozenset({"joint", "simulator"})
    config: LolaDiceConfig

    def build(self, seed: int) -> None:
        """Actor and critic, and a model of the other."""
        if len(self.spec.seats) != 2:
            raise ValueError(f"look-aheads are for games of two players, {self.spec.name} has {len(self.spec.seats)}")
        if self.config.weigh == "step" and self.config.estimator in ("dice", "baseline"):
            raise ValueError(f"estimator={self.config.estimator} values games from their start: set weigh=start")
        super().build(seed)
        (self.other,) = (seat for seat in self.spec.seats if seat != self.seat)
        model = self.new_policy(self.other, derive(seed, "model", self.other))
        self.opponents = Opponents({self.other: model}, self.config.model_lr, self.config.model_steps)

    @property
    def _looks_ahead(self) -> bool:
        return bool(self.config.eta and self.config.look_aheads)

    def seats_to_value(self) -> tuple[str, ...]:
        """Both seats, as the other's gradient is estimated too; the own seat alone where nothing is looked ahead."""
        return tuple(self.spec.seats) if self._looks_ahead else (self.seat,)

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """K imagined steps of the other, and one step of the policy through them."""
        if not self._looks_ahead:
            return super().learn(joint, context)
        peer = self.opponents.policy(self.other, joint.seats[self.other], context)
        mine = joint.seats[self.seat]
        games, length = mine.actions.value.shape[1], min(len(mine.actions.value), self.spec.max_steps)
        arena = self._arena(context, games)
        theta = leaves(self.actor.parameters)
        me = self.actor.with_parameters(theta)
        theta_2 = self.look_ahead(me, peer, arena, length, context.seed)
        you = peer.with_parameters(theta_2)
        seen = self._imagine(me, you, arena, length, derive(context.seed, "own"))
        value, error = self.value(self.seat, seen, me, you)
        entropy = me.entropy(seen.seats[self.seat])
        # the step size is per sum over the steps, as in `naive`; the mean is over the games of all replicas
        ascent = gradient(
            value / self._unit(length) + self.replicas * self.config.entropy * entropy.sum(0).mean(), theta
        )
        self.ascend(ascent, context.update)
        return {"entropy": float(entropy.detach().mean()), "value_error": error}

    def look_ahead(
        self, me: DifferentiablePolicy, peer: DifferentiablePolicy, arena: Arena, length: int, seed: int
    ) -> Parameters:
        """theta_2^(K), after K steps of `peer` in games imagined with `me`, with the graph of them all."""
        theta_2, parts = leaves(peer.parameters), self.config.look_aheads
        for k in range(parts if theta_2 else 0):  # a script will not learn
            you = peer.with_parameters(theta_2)
            seen = self._imagine(me, you, arena, length, derive(seed, "look-ahead", k))
            value, _ = self.value(self.other, seen, me, you)
            step = gradient(value, theta_2, higher=True)
            theta_2 = {name: p + self.config.eta / parts * step[name] for name, p in theta_2.items()}
        return theta_2

    def value(
        self, seat: str, joint: JointTrajectory, me: DifferentiablePolicy, you: DifferentiablePolicy
    ) -> tuple[Tensor, float]:
        """L of `seat`, a scalar to be differentiated, and the critic's mean squared error; the critic takes a step."""
        config = self.config
        log_prob = me.log_prob(joint.seats[self.seat]) + you.log_prob(joint.seats[self.other])
        steps = joint.seats[seat].timesteps
        first = steps.first[:-1]
        baseline = self._baseline(seat, joint) if config.estimator == "baseline" else None
        advantage, error = self.criticise(joint)
        if config.estimator == "loaded":
            value = loaded_dice(log_prob, advantage[seat], first, 1.0 if config.weigh == "start" else config.gamma)
        elif config.estimator == "surrogate":
            value = (log_prob * advantage[seat]).sum(0)
        else:
            discount = discounts(first, config.gamma)
            reward = discount * steps.reward[1:]
            if baseline is None:
                value = dice(log_prob, reward, first)
            else:
                value = dice_with_baseline(log_prob, reward, discount * baseline, first)
        # each replica only moves its own parameters
        return self.replicas * self._unit(len(log_prob)) * value.mean(), error

    def _unit(self, length: int) -> float:
        """V is wanted per game from its start, or 1 / (1 - gamma) times the mean per step."""
        return 1.0 if self.config.weigh == "start" else 1 / (1 - self.config.gamma) / length

    def _baseline(self, seat: str, joint: JointTrajectory) -> Tensor:
        """The critic's value of `seat` before it learns from these games, [T, B]."""
        seen = torch.cat([self.actor.features(joint.seats[s]) for s in self.valued], dim=-1)
        return mlp(self.critic, seen)[:-1, :, self.valued.index(seat)]

    def _arena(self, context: LearningContext, played: int) -> Arena:
        """The twin to imagine in, of as many games as are wanted."""
        assert context.simulator is not None  # needs_to_learn asks for one
        games = self.config.imagined * self.replicas or played
        return context.simulator if context.simulator.batch_size == games else context.simulator.twin(games)

    def _imagine(
        self, me: DifferentiablePolicy, you: DifferentiablePolicy, arena: Arena, length: int, seed: int
    ) -> JointTrajectory:
        return imagine({self.seat: me.frozen(), self.other: you.frozen()}, arena, self.spec, length, seed)

    def learning_state(self) -> State:
        """The naive learner's, and the model of a hidden peer."""
        return super().learning_state() | self.opponents.state()


class LolaSl(LolaDice):
    """LOLA-DiCE without the magic box: its look-ahead shapes nothing."""

    Config = LolaSlConfig
