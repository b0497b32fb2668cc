"""BAD, the Bayesian action decoder: a public agent that plans for every hand, so that every action tells something.

Foerster, Song, Hughes, Burch, Dunning, Whiteson, Botvinick and Bowling 2019, "Bayesian Action Decoder for Deep
Multi-Agent Reinforcement Learning"; chapter 7 of Foerster's thesis. What is public at t gives a belief B_t over the
hidden cards (`agents.parts.beliefs`). From both, a network gives a policy for each hand f that the seat on turn may
see; a plan, one action for each f, is drawn from them with luck that team mates share, so that all know it:

    plan(f) ~ pi(. | B_t, public, f),  u = plan(f^a)
    B_{t+1} follows from B_t, plan and u by Bayes' rule

    theta <- theta + alpha grad log pi A_t,
             A_t = G_t - V(s_t, B_t)
    log pi = log pi(u | B_t, public, f^a)
             or, counterfactually, sum_f log pi(plan(f) | B_t, public, f)

`belief` says what the network reads of the hidden cards: `none` (a plain policy gradient, which is told the public
rest and its own hand), `v0` by hints, `v1` self-consistent, `v2` also by what actions said, `exact` by enumeration.
From v1 on it is told v1 beside its own. With `ratio` the objective is PPO's, in `passes` steps.

No gradient flows through a belief. Where a stranger sits among the team mates, its actions are read as if it had the
same plan; an action that the plan gives to no hand says nothing.

Departures: Adam and, in Hanabi, PPO, where the paper has V-trace and RMSprop with population-based training; sums over
all hands in the place of samples; the fixed point of v1 is damped; no weights of 0.01 for the rest of the network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from agents.parts.beliefs import Deals, Enumeration, alike, by_hints, consistent, readable
from agents.parts.central import surrogate
from agents.parts.gradients import gradient, leaves
from agents.parts.logits import entropy, masked, taken
from agents.parts.networks import mlp, mlp_parameters
from agents.parts.optimizers import Adam
from agents.parts.other_play import RENAMING, OtherPlayer
from agents.parts.policies.categorical import MODE
from agents.parts.recurrent import gru_parameters, unrolled
from agents.parts.returns import advantages, normalised
from agents.protocol import JointTrajectory, LearningContext, Memory, Parameters, Seating, State, playing
from agents.randomness import categorical, deal, dealt_bits, derive, fraction
from arenas.hands import Hands, Public
from arenas.protocol import Action, TimeStep
from arenas.settings import Amount, Checked, Count, Positive, Share, ShareOrNone, Whole


@dataclass(frozen=True)
class BadConfig(Checked):
    """Settings of `bad`; alpha is the paper's, the rest is ours."""

    belief: Literal["none", "v0", "v1", "v2", "exact"] = "v2"  # what is read of the hidden cards, see above
    alpha: Share = 0.01  # part of v1 in v2, so that nothing is ever ruled out by what actions said
    counterfactual: bool = False  # the gradient of the whole plan, not of the choice for the hand that was held
    lr: Positive = 0.001  # Adam's step size of the policy at first
    critic_lr: Positive = 0.003  # Adam's step size of the value at first
    gamma: ShareOrNone = None  # discount per step; none: the arena's
    lambda_: Share = 1.0  # of the advantage; 1: the return less the value
    entropy: Amount = 0.0  # weight of the policy's entropy (nats) at first, beside advantages in units of reward
    calm: Whole = 0  # environment steps over which the entropy's weight falls linearly to 0; 0: it stays
    anneal: Whole = 0  # environment steps over which both step sizes fall linearly to 0; 0: they stay
    ratio: Amount = 0.0  # how far a probability may move in the passes over a batch before it counts no more; 0: any
    passes: Count = 1  # passes over a batch
    parts: Count = 1  # parts of a batch, of whole copies, each of which makes a step
    normalise: bool = False  # advantages of a batch centred and divided by their deviation
    first: Positive = 0.01  # gain of the policy's last layer at first: how far it is from uniform
    clip: Positive = 10.0  # largest norm of each tensor's gradient
    hidden: Count = 128  # units in each of the two hidden layers of policy and value
    recurrent: bool = False  # the policy's second layer is a GRU, which remembers what was public (the paper: an LSTM)
    opening: bool = False  # the plan of an episode's first move is a table of its own (the paper's two-card game)
    play: Literal["mode", "sample"] = "mode"  # when not training: the most likely action for each hand, or a draw
    other_play: bool = False  # learn under names that change by episode and seat (`agents.parts.other_play`)


class View(NamedTuple):
    """What the public agent makes of a moment."""

    public: Public
    actor: Tensor  # long [B], the seat on turn
    likelihood: Tensor  # float32 [B, S, V], or [B, J] where beliefs are exact
    belief: Tensor  # float32 [B, S, V]
    features: Tensor  # float32 [B, F], what the networks read, slots in the actor's order
    logits: Tensor  # float32 [B, X, A]
    plan: Tensor  # long [B, X]
    hidden: Tensor  # float32 [B, H], what the network remembers; H is 0 where it remembers nothing


class PolicyInput(NamedTuple):
    """What the policy reads at T moments."""

    features: Tensor  # float32 [T, B, F]
    possible: Tensor  # float32 [T, B, A], see `Public`
    first: Tensor  # bool [T, B], an episode begins

    def each(self, change: Callable[[Tensor], Tensor]) -> PolicyInput:
        """All parts changed alike."""
        return PolicyInput(*map(change, self))


class Bad(OtherPlayer):
    """The Bayesian action decoder: partners read an act as a message, by a public belief."""

    Config = BadConfig
    needs = frozenset({"discrete", "common", "hands"})
    needs_to_learn = frozenset({"state"})
    owns = "all"
    learns = True
    replicated = True
    arrived = OtherPlayer.arrived | {"recurrent", "opening"}
    config: BadConfig

    def build(self, seed: int) -> None:
        """Tables of the hands, policy, value, and their optimisers."""
        config, spec = self.config, self.spec
        if config.other_play and config.recurrent:
            raise ValueError("other_play: a network that remembers what every seat calls otherwise cannot learn so")
        self.hands: Hands = readable(config.belief, spec)
        self.actions = self.seat_spec().actions
        self.gamma = spec.gamma if config.gamma is None else config.gamma
        self.numbers = [list(spec.seats).index(seat) for seat in self.seats]
        self.known = Enumeration(self.hands, self.actions, self.device)
        self.deals = Deals(self.known) if config.belief == "exact" else None
        self.tells_turn = len(spec.sides()) > 1  # seats of one side are alike
        wide = self._width()
        cards = self.hands.slots * self.hands.values
        layers, plans = [config.hidden] * 2, self.known.count * self.actions
        self.actor = mlp_parameters(
            [wide, *layers[config.recurrent :], plans],
            seed=derive(seed, "actor"),
            replicas=self.replicas,
            last_scale=config.first,
            device=self.device,
        )
        if config.recurrent:
            seeds = [derive(seed, "actor", replica) for replica in range(self.replicas)]
            self.actor |= gru_parameters(config.hidden, seeds, self.device)
        if config.opening:
            self.actor["opening"] = torch.zeros(self.replicas, 1, plans, device=self.device)
        self.critic = mlp_parameters(
            [wide + cards, *layers, 1], seed=derive(seed, "critic"), replicas=self.replicas, device=self.device
        )
        self.actor_step = Adam(self.actor, config.lr, clip=config.clip)
        self.critic_step = Adam(self.critic, config.critic_lr, clip=config.clip)
        self.steps = torch.zeros((), device=self.device)  # of the environment, learned from so far
        self._kept: tuple[list[Tensor], bool, int, View] | None = None

    def _width(self) -> int:
        """F."""
        turn, _, _, left, _, _, _, rest = self.hands.widths(self.actions)
        cards = self.hands.slots * self.hands.values
        beliefs = {"none": 0, "v0": 1, "v1": 1}.get(self.config.belief, 2)
        return turn * self.tells_turn + 2 * self.actions + left + cards * (1 + beliefs) + rest

    # -- play ---------------------------------------------------------------------------------------------------------

    def begin(self, seating: Seating) -> Memory:
        """The team's luck, a step counter, and the public belief with what it came from."""
        copies, v, s = len(seating.seed), self.hands.values, self.hands.slots
        one = torch.ones(copies, s, v, device=self.device)
        return {
            "seat": list(self.spec.seats).index(seating.seat),
            "luck": deal(seating.team_seed),
            "step": 0,
            "training": seating.training,
            "likelihood": one[:, 0, :1].expand(-1, self.deals.count).clone() if self.deals else one,
            "belief": one / v,
            "plan": torch.zeros(copies, self.known.count, dtype=torch.long, device=self.device),
            "before": torch.zeros(copies, self.spec.known[self.hands.group], device=self.device),
            "hidden": torch.zeros(copies, self.config.hidden * self.config.recurrent, device=self.device),
            **(self.renamings.begin(seating.seed) if seating.training and self.renamings else {}),
        }

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """What the plan says for the hand that the seat sees; everybody else keeps still."""
        seat = memory["seat"]
        renamings = self.renamings if memory["training"] else None
        if renamings:
            memory = {**memory, RENAMING: renamings.drawn(timestep, memory)}
            timestep = renamings.seen(list(self.spec.seats)[seat], timestep, memory[RENAMING])
        view = self._seen(timestep, memory)
        mine = view.plan.gather(1, self.hand(timestep.observation, seat).unsqueeze(1)).squeeze(1)
        value = mine.where(timestep.active & (view.actor == seat), 0)
        following = {"likelihood": view.likelihood, "belief": view.belief, "plan": view.plan}
        extras = {"features": view.features, **following}
        now = timestep.common[self.hands.group]
        kept = {**following, "before": now, "hidden": view.hidden, "step": memory["step"] + 1}
        action = Action(value, extras=extras)
        if renamings:
            action = renamings.meant(list(self.spec.seats)[seat], action, memory[RENAMING])
        return action, {**memory, **kept}

    def hand(self, observation: Tensor, seat: int) -> Tensor:
        """The number long [...] of the hand that a seat sees, from its observations [..., *O]."""
        name = list(self.spec.seats)[seat]
        flat = observation.flatten(-len(self.spec.seats[name].observation))
        at, v, m = self.hands.at[name], self.hands.values - self.hands.empty, self.known.width
        cards = flat[..., at : at + m * v].reshape(*flat.shape[:-1], m, v)
        if self.hands.empty:  # a place without a card is shown as zeros
            cards = torch.cat((cards, 1 - cards.sum(-1, keepdim=True)), dim=-1)
        return self.known.number(cards)

    def belief(self, timestep: TimeStep, memory: Memory) -> Tensor:
        """B_t of every slot, float32 [B, S, V]."""
        return self._seen(timestep, memory).belief

    def _seen(self, timestep: TimeStep, memory: Memory) -> View:
        """`view`, which team mates share: a cache of the last one, and nothing else."""
        kept = [timestep.common[self.hands.group], timestep.first]
        kept += [memory[name] for name in ("luck", "likelihood", "belief", "plan", "before", "hidden")]
        version = memory["step"] + sum(p._version for p in self.actor.values())
        last = self._kept
        if last is not None and last[1:3] == (memory["training"], version) and alike(kept, last[0]):
            return last[3]
        view = self.view(timestep, memory)
        self._kept = kept, memory["training"], version, view
        return view

    def view(self, timestep: TimeStep, memory: Memory) -> View:
        """The belief after what was done last, and the plan for now."""
        public = self.hands.read(timestep.common[self.hands.group], self.actions)
        likelihood = self._told(public, timestep.first, memory)
        actor = public.turn.argmax(-1)
        belief, shown = self.beliefs(public, likelihood)
        features = self._features(public, actor, shown)
        moment = PolicyInput(features, public.possible, timestep.first).each(lambda part: part.unsqueeze(0))
        logits, hidden = self.policy_of(self.actor, moment, memory["hidden"])
        logits = logits[0]
        sharp = 1.0 if memory["training"] or self.config.play == "sample" else MODE
        luck = memory["step"] * self.known.count + torch.arange(self.known.count, device=self.device)
        draw = fraction(dealt_bits(memory["luck"].unsqueeze(1), luck))
        chances = (sharp * logits).softmax(-1)
        plan = categorical(chances.flatten(0, 1), draw.flatten()).view_as(draw)
        return View(public, actor, likelihood, belief, features, logits, plan, hidden)

    def _told(self, public: Public, first: Tensor, memory: Memory) -> Tensor:
        """The likelihood after what was done last; all alike at the start of an episode."""
        likelihood = memory["likelihood"]
        if self.config.belief in ("v2", "exact") and not bool(first.all()):
            before = self.hands.read(memory["before"], self.actions)
            actor, plan = before.turn.argmax(-1), memory["plan"]
            if self.deals is None:
                belief = memory["belief"]
                likelihood = self.known.learn(likelihood, belief, plan, actor, before.left, public)
            else:
                likelihood = self.deals.learn(likelihood, plan, actor, before, public)
        return torch.where(first.view(-1, *[1] * (likelihood.dim() - 1)), 1.0, likelihood)

    def beliefs(self, public: Public, likelihood: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The belief [B, S, V] that plans are read by, and the beliefs that the networks read."""
        kind = self.config.belief
        if kind in ("none", "v0"):
            return (hints := by_hints(public)), [hints] * (kind == "v0")
        if kind == "v1":
            return (plain := consistent(public, own=self.hands.own)), [plain]
        if self.deals is not None:
            decoded = self.deals.belief(likelihood, public)
            return decoded, [consistent(public, own=self.hands.own), decoded]
        both = torch.stack((torch.ones_like(likelihood), likelihood))
        plain, decoded = consistent(public, both, own=self.hands.own).unbind()
        decoded = torch.lerp(decoded, plain, self.config.alpha)
        return decoded, [plain, decoded]

    def _features(self, public: Public, actor: Tensor, shown: list[Tensor]) -> Tensor:
        """What the networks read, float32 [B, F]."""
        slots = [self.arranged(part, actor) for part in (public.hinted, *shown)]
        head = [public.turn] if self.tells_turn else []
        return torch.cat((*head, public.last, public.possible, public.left, *slots, public.rest), dim=-1)

    def arranged(self, slots: Tensor, actor: Tensor) -> Tensor:
        """Slots [..., S, V] in the order of the actor [...], those that it sees first: [..., S * V]."""
        order = self.known.order[actor].unsqueeze(-1).expand_as(slots)
        return slots.gather(-2, order).flatten(-2)

    def _scores(self, theta: Parameters, seen: PolicyInput, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [T, B, X, A] before any mask, and what is remembered after the last moment [B, H]."""
        if self.config.recurrent:
            lead = (len(seen.first), self.replicas, -1)
            by_replica = seen.features.reshape(*lead, seen.features.shape[-1])
            before = hidden.reshape(self.replicas, -1, hidden.shape[-1])
            scores, after = unrolled(theta, by_replica, before, seen.first.reshape(lead))
            scores, hidden = scores.flatten(1, 2), after[-1].flatten(0, 1)
        else:
            scores = mlp(theta, seen.features)
        if self.config.opening:
            table = theta["opening"].expand(-1, scores.shape[1] // self.replicas, -1).flatten(0, 1)
            scores = torch.where(seen.first.unsqueeze(-1), table, scores)
        return scores.view(*scores.shape[:-1], self.known.count, self.actions), hidden

    def policy_of(self, theta: Parameters, seen: PolicyInput, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [T, B, X, A] of every hand, -inf where who sees it may not act so; and what is remembered [B, H]."""
        scores, hidden = self._scores(theta, seen, hidden)
        legal = (seen.possible > 0).unsqueeze(-2) & self.known.allowed
        return masked(scores, legal | ~legal.any(-1, keepdim=True)), hidden

    # -- learning -----------------------------------------------------------------------------------------------------

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """`passes` steps of policy and value from a segment."""
        config = self.config
        joint, own = self.as_seen(joint)
        mine, known = own[0], [t.timesteps.common[self.hands.group] for t in own]
        actor = self.hands.read(known[0], self.actions).turn.argmax(-1)
        public = self.hands.read(self.of_actor(actor, known), self.actions)
        plan, features = (
            self.of_actor(actor[:-1], [t.actions.extras[name] for t in own]) for name in ("plan", "features")
        )
        last = self.of_actor(actor[-1:], [self._last_features(t.timesteps, t.actions) for t in own])
        features = torch.cat((features, last))
        held, counted = self._held(joint, actor[:-1])
        state = self.state_seen(joint, actor)
        shape = (*actor.shape, self.hands.slots, self.hands.values)
        cards = state[..., : self.hands.slots * self.hands.values].reshape(shape)
        read = torch.cat((features, self.arranged(cards, actor)), dim=-1)
        left = max(0.0, 1 - float(self.steps) / config.anneal) if config.anneal else 1.0
        calm = max(0.0, 1 - float(self.steps) / config.calm) if config.calm else 1.0
        self.steps += counted.numel() // self.replicas
        # each moment is somebody's turn, so that the seats' common rewards are those of one player
        steps = mine.timesteps._replace(active=~mine.timesteps.last)
        value = mlp(self.critic, read).squeeze(-1)
        credit = advantages(steps, value, self.gamma, config.lambda_)
        target = credit + value[:-1]
        if config.normalise:
            credit = normalised(credit, counted, self.replicas)
        seen = PolicyInput(features, public.possible, mine.timesteps.first).each(lambda x: x[:-1])
        assert mine.memory is not None  # these seats are the learner's own
        hidden, before = mine.memory["hidden"], torch.zeros_like(credit)
        with torch.no_grad():
            if config.ratio:
                before, _ = self._chosen(self.actor, seen, hidden, plan, held)
        metrics = {"return": float((mine.timesteps.reward[1:].sum(0)).mean())}
        self.actor_step.lr, self.critic_step.lr = left * config.lr, left * config.critic_lr
        for number in range(config.passes * config.parts):
            # copies that are so far apart are of all replicas
            part = slice(number % config.parts, None, config.parts)
            theta, phi = leaves(self.actor), leaves(self.critic)
            on, n = counted[:, part], playing(steps)[:, part]
            now = PolicyInput(*(x[:, part] for x in seen))
            chosen, spread = self._chosen(theta, now, hidden[part], plan[:, part], held[:, part])
            gain = surrogate(chosen, before[:, part], credit[:, part], config.ratio)
            worth = ((gain + calm * config.entropy * spread) * on).sum()
            # every replica climbs the mean of its own moments
            self.actor_step.descend(gradient(-self.replicas * worth / on.sum().clamp_min(1), theta))
            wrong = (mlp(phi, read[:-1, part]).squeeze(-1) - target[:, part]).square()
            error = (wrong * n).sum() / n.sum().clamp_min(1)
            self.critic_step.descend(gradient(self.replicas * error, phi))
            spread_now = (spread * on).sum() / on.sum().clamp_min(1)
            metrics |= {"entropy": float(spread_now.detach()), "value_error": float(error.detach())}
        return metrics

    def _held(self, joint: JointTrajectory, actor: Tensor) -> tuple[Tensor, Tensor]:
        """The hand that the seat on turn saw, long [T, B], and 1 where that seat is ours and its action counted."""
        held, counted = torch.zeros_like(actor), torch.zeros_like(actor, dtype=torch.float32)
        for name, number in zip(self.seats, self.numbers, strict=True):
            steps, here = joint.seats[name].timesteps, actor == number
            held = self.hand(steps.observation[:-1], number).where(here, held)
            counted = counted + playing(steps) * here
        return held, counted

    def _last_features(self, timesteps: TimeStep, actions: Action) -> Tensor:
        """What the networks read at the last moment, whose plan nobody has drawn yet, float32 [1, B, F]."""
        now = timesteps._replace(common={})
        last = now.each(lambda leaf: leaf[-1])
        known = timesteps.common[self.hands.group]
        memory = {name: actions.extras[name][-1] for name in ("likelihood", "belief", "plan")} | {"before": known[-2]}
        public = self.hands.read(known[-1], self.actions)
        _, shown = self.beliefs(public, self._told(public, last.first, memory))
        return self._features(public, public.turn.argmax(-1), shown).unsqueeze(0)

    def _chosen(
        self, theta: Parameters, seen: PolicyInput, hidden: Tensor, plan: Tensor, held: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Log pi of what was chosen [T, B], and the policy's entropy [T, B], for the hand held or for all hands."""
        if self.config.counterfactual:
            log_pi = self.policy_of(theta, seen, hidden)[0].log_softmax(-1)
            return taken(log_pi, plan).sum(-1), entropy(log_pi).sum(-1)
        at = held.unsqueeze(-1)
        scores, _ = self._scores(theta, seen, hidden)
        scores = scores.gather(-2, at.unsqueeze(-1).expand(*at.shape, self.actions)).squeeze(-2)
        legal = (seen.possible > 0) & self.known.allowed[held]
        own = masked(scores, legal | ~legal.any(-1, keepdim=True)).log_softmax(-1)
        return taken(own, plan.gather(-1, at).squeeze(-1)), entropy(own)

    # -- state --------------------------------------------------------------------------------------------------------

    def acting_state(self) -> State:
        """The policy, which every own seat has."""
        return {f"{seat}/{name}": p for seat in self.seats for name, p in self.actor.items()}

    def learning_state(self) -> State:
        """Policy, value, both optimisers, and how far it has come."""
        value = {f"critic/{name}": p for name, p in self.critic.items()}
        steps = self.actor_step.state("actor_step") | self.critic_step.state("critic_step")
        return self.acting_state() | value | steps | {"steps": self.steps}
