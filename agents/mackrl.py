"""MACKRL, pairwise: team mates act as one on what they know in common, and delegate to themselves where that is better.

Schroeder de Witt, Foerster, Farquhar, Torr, Boehmer and Whiteson 2019, "Multi-Agent Common Knowledge Reinforcement
Learning", algorithm 1 and section 4.3; chapter 4 of Foerster's thesis. Three levels, drawn one after another:

    pi_ps(partition | common knowledge of all)
        pairs, and where the team is odd one seat alone
    pi_pc(u_a, u_b or delegate | that of the pair)
    pi_a(u_a | what a sees)
        where the pair delegated, or a is alone

Every member can work out the first two by itself, and draws them from luck that team mates share (`team_seed`). Levels
two and three have one network each for all pairs and all seats, which is told who they are. What is improved is the
marginal probability of the joint action, over all that might have been drawn (`agents.parts.pairs`):

    theta <- theta + alpha grad log P(u_t) A_t
    A_t = r + gamma V(s_{t+1}, u_t) - V(s_t, u_{t-1})

with a central V that sees what the team did last, fitted to TD(lambda) targets with a slow copy.

Where a pair knows nothing in common `delegate=forced` leaves it nothing but to delegate, `free` what the arena says
that both may do. A stranger among the team mates draws for itself: then what counts of a pair is its own half.

Departures: feed-forward networks, where the authors' have a GRU; Adam in the place of RMSprop; an entropy bonus at all
three levels in the place of their uniform exploration; several steps in a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from agents.parts.critics import Critic, Lessons, moments, td_lambda
from agents.parts.gradients import gradient, leaves
from agents.parts.logits import entropy, masked, taken
from agents.parts.networks import mlp
from agents.parts.optimizers import Adam
from agents.parts.pairs import DELEGATE, may, pairs_of
from agents.parts.policies.categorical import MODE
from agents.parts.policies.deterministic import sizes
from agents.parts.returns import advantages
from agents.parts.segments import Segment, across, together
from agents.parts.team import Team, padded
from agents.protocol import Agent, JointTrajectory, LearningContext, Memory, Parameters, Seating, State, playing
from agents.randomness import categorical, deal, dealt_bits, derive, fraction, generator
from arenas.protocol import Action, TimeStep
from arenas.settings import Amount, Checked, Count, Positive, Share, ShareOrNone, Whole


@dataclass(frozen=True)
class MackrlConfig(Checked):
    """Settings of `mackrl`; lambda .8, one-step advantages and 64 units are the authors', the rest is ours."""

    delegate: Literal["forced", "free"] = "forced"  # what is left to a pair that knows nothing in common
    lr: Positive = 0.0005  # Adam's step size of all three levels
    critic_lr: Positive = 0.001  # Adam's step size of the critic
    gamma: ShareOrNone = None  # discount per step; none: the arena's
    lambda_: Share = 0.8  # of the critic's TD(lambda) targets
    entropy: Amount = 0.01  # weight of each level's entropy (nats), beside advantages in units of reward
    passes: Count = 4  # passes of the critic over a batch
    batch: Whole = 256  # moments in a step; 0: the whole batch
    tau: Share = 0.02  # part of the new parameters that enters the targets at each step of the critic
    clip: Positive = 10.0  # largest norm of each tensor's gradient
    hidden: Count = 64  # units in each of the two hidden layers of each level
    critic_hidden: Count = 128  # units in each of the critic's two hidden layers
    play: Literal["mode", "sample"] = "mode"  # when not training: the most likely choice at each level, or a draw


class TeamBatch(NamedTuple):
    """A batch as the three levels read it, leaves [T, ..., B, ...]: N own seats, P pairs with an own seat, M teams."""

    observation: Tensor  # float32 [T, N, B, O]
    legal: Tensor  # bool [T, N, B, A]
    actions: Tensor  # long [T, N, B]
    counted: Tensor  # float32 [T, N, B]
    known: Tensor  # float32 [T, P, B, K], what pairs know in common
    may: Tensor  # bool [T, P, B, 1 + A A], what their controllers may choose
    told: Tensor  # float32 [T, M, B, K], what teams know in common
    credit: Tensor  # float32 [T, M, B]
    on: Tensor  # float32 [T, M, B], 1 where the team acted


class Mackrl(Agent):
    """MACKRL: pairs act jointly on what both know, or leave the act to each."""

    Config = MackrlConfig
    needs = frozenset({"discrete", "common"})
    needs_to_learn = frozenset({"state"})
    owns = "all"
    learns = True
    config: MackrlConfig

    def build(self, seed: int) -> None:
        """The networks of the three levels, the critic, and their optimisers."""
        config, spec, names = self.config, self.spec, list(self.spec.seats)
        self.gamma = spec.gamma if config.gamma is None else config.gamma
        self.pairs, teams = pairs_of(spec, self.device)
        self.mine = [names.index(seat) for seat in self.seats]
        hidden = [config.hidden] * 2
        layers = {
            "own": [sizes(seat, hidden) for seat in spec.seats.values()],
            "pairs": [[spec.known[p.group], *hidden, 1 + p.actions[0] * p.actions[1]] for p in self.pairs],
            "teams": [[spec.known.get(team.group, 1), *hidden, len(team.pair_of)] for team in teams],
        }
        # of all seats of the game, so that whoever plays any of them has the same networks
        self.levels = {
            name: Team(widths, [derive(seed, name)], last_scale=0.01, shared=True, device=self.device)
            for name, widths in layers.items()
            if widths
        }
        self.every = {f"{level}/{n}": p for level, net in self.levels.items() for n, p in net.parameters.items()}
        self.level_step = Adam(self.every, config.lr, clip=config.clip)
        self.teams = teams
        self.own_teams = [n for n, team in enumerate(teams) if set(team.seats) & set(self.mine)]
        self.mates = [self._mates(number) for number in range(len(names))]
        self.own_pairs = [n for n, p in enumerate(self.pairs) if {p.one, p.two} & set(self.mine)]
        self.members = [[self.mine.index(n) for n in teams[t].seats if n in self.mine] for t in self.own_teams]
        self.wide = max(spec.seats[seat].actions for seat in self.seats)
        reads = [spec.state_dim + len(own) * self.wide for own in self.members]
        seeds = [derive(seed, "critic", t) for t in self.own_teams]
        self.critic = Critic(reads, 1, seeds, config, shared=len(reads) > 1, device=self.device)
        self.lessons = Lessons(1, config.batch)

    def _mates(self, seat: int) -> dict[tuple[tuple[int, int], int], list[int]]:
        """Numbers of the pairs of a seat, those of a kind together: by their members' actions, and what they know."""
        kinds: dict[tuple[tuple[int, int], int], list[int]] = {}
        for number, pair in enumerate(self.pairs):
            if seat in (pair.one, pair.two):
                kinds.setdefault((pair.actions, self.spec.known[pair.group]), []).append(number)
        return kinds

    # -- play ---------------------------------------------------------------------------------------------------------

    def begin(self, seating: Seating) -> Memory:
        """Own luck, the team's, a step counter, and what it did last: nothing, which is number A, long [B]."""
        return {
            "number": list(self.spec.seats).index(seating.seat),
            "luck": deal(seating.seed),
            "shared": deal(seating.team_seed),
            "step": 0,
            "last": torch.full_like(seating.seed, self.wide),
            "training": seating.training,
        }

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw the partition and the pair's choice as team mates do and, where it delegates, an action of its own."""
        me, step = memory["number"], memory["step"]
        sharp = 1.0 if memory["training"] or self.config.play == "sample" else MODE
        own = masked(sharp * mlp(self.levels["own"].of(me), timestep.observation.flatten(1)), timestep.action_mask)
        value = categorical(own.softmax(-1), fraction(dealt_bits(memory["luck"], step)))
        drawn = self._drawn_pair(timestep, memory, sharp)
        for (actions, _), numbers in self.mates[me].items():
            paired, which = (drawn.unsqueeze(1) == torch.tensor(numbers, device=drawn.device)).max(1)
            told = torch.stack([timestep.common[self.pairs[n].group] for n in numbers])
            known = told[which, torch.arange(len(which), device=which.device)]
            scores = sharp * self._controlled(numbers, which, known)
            choices = masked(scores, may(known, actions, self.config.delegate == "forced")).softmax(-1)
            choice = categorical(choices, self._shared(memory, len(self.teams) + drawn))
            first = torch.tensor([self.pairs[n].one == me for n in numbers], device=drawn.device)[which]
            act = torch.where(first, (choice - 1) // actions[1], (choice - 1) % actions[1])
            chosen = paired & (choice != DELEGATE)
            act = torch.where(chosen, act, value)
            # what all know that it may do it may do; an arena of which that is not true is caught by a law of its own
            value = torch.where(own.gather(1, act.unsqueeze(1)).squeeze(1) > -torch.inf, act, value)
        return Action(value), {**memory, "step": step + 1, "last": value}

    def _controlled(self, numbers: list[int], which: Tensor, known: Tensor) -> Tensor:
        """Scores [B, 1 + A A] of a pair's controller for each row: that of the pair `numbers[which]`."""
        net = self.levels["pairs"].of(numbers[0])
        bias = self.levels["pairs"].parameters["b0"][numbers, 0][which]
        entered = torch.addmm(bias, known, net["w0"][0]).relu()
        return mlp({"w0": net["w1"], "b0": net["b1"], "w1": net["w2"], "b1": net["b2"]}, entered)

    def _drawn_pair(self, timestep: TimeStep, memory: Memory, sharp: float) -> Tensor:
        """Number of the pair that the seat is in now, long [B], -1 where it is alone."""
        (number,) = (n for n, team in enumerate(self.teams) if memory["number"] in team.seats)
        team = self.teams[number]
        mine = team.pair_of[:, team.seats.index(memory["number"])]
        if len(mine) == 1:
            return mine.expand(len(timestep.reward))
        told = timestep.common[team.group] if team.group else torch.zeros_like(timestep.reward).unsqueeze(1)
        scores = sharp * mlp(self.levels["teams"].of(number), told)
        return mine[categorical(scores.softmax(-1), self._shared(memory, number))]

    def _shared(self, memory: Memory, number: int | Tensor) -> Tensor:
        """The draw of this step's lottery `number`, or long [B], that team mates share, float32 [B]."""
        lotteries = len(self.teams) + len(self.pairs)
        return fraction(dealt_bits(memory["shared"], memory["step"] * lotteries + number))

    # -- learning -----------------------------------------------------------------------------------------------------

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """Steps of the critic, then of the three levels up the advantages that it gives."""
        luck, segment = generator(context.seed), together(joint, self.seats)
        steps, read = self._team_steps(segment), self._read(joint, segment)
        counted = playing(steps)
        target = td_lambda(steps, self.critic.slow(read).squeeze(-1), self.gamma, self.config.lambda_)
        error = self.critic.fit(read[:-1], target, counted, luck)
        credit = advantages(steps, self.critic.now(read).squeeze(-1), self.gamma, 0.0)
        lesson = self.lesson(joint, segment)._replace(credit=credit, on=counted)
        metrics: dict[str, float] = {}
        for piece in self.lessons.pieces(credit.shape[0], credit.shape[2], luck):
            part = TeamBatch(*(moments(leaf, piece) for leaf in lesson))
            theta = leaves(self.every)
            chance, spread, delegated = self.chances(theta, part)
            sizes_of = torch.tensor([len(own) for own in self.members], device=self.device).view(-1, 1)
            value = (part.credit * chance / sizes_of * part.on).sum() / part.on.sum().clamp_min(1)
            self.level_step.descend(gradient(-value - self.config.entropy * spread, theta))
            metrics = {"entropy": float(spread.detach()), "delegated": delegated}
        return {"value_error": error, **metrics}

    def _team_steps(self, segment: Segment) -> TimeStep:
        """The time steps of teams, leaves [T + 1, M, B]: rewards are their seats' mean, the rest their first seat's."""
        first = [own[0] for own in self.members]
        reward = torch.stack([segment.timesteps.reward[:, own].mean(1) for own in self.members], dim=1)
        return segment.timesteps.each(lambda leaf: leaf[:, first])._replace(reward=reward)

    def _read(self, joint: JointTrajectory, segment: Segment) -> Tensor:
        """What the critic reads: the state, and what the team's own seats did last, float32 [T + 1, M, B, W]."""
        memories = [joint.seats[seat].memory or {} for seat in self.seats]
        nothing = torch.full_like(segment.actions[0, 0], self.wide)
        begun = torch.stack([memory.get("last", nothing) for memory in memories])
        last = torch.cat((begun.unsqueeze(0), segment.actions)).where(~segment.timesteps.first, self.wide)
        hot = one_hot(last, self.wide + 1)[..., :-1].float()
        state = segment.state
        assert state is not None  # the word "state" is needed to learn
        return padded([torch.cat((state, *hot[:, own].unbind(1)), dim=-1) for own in self.members], dim=1)

    def lesson(self, joint: JointTrajectory, segment: Segment) -> TeamBatch:
        """What the levels read of a batch; what its actions are praised for is left 0."""
        forced, nothing = self.config.delegate == "forced", segment.timesteps.reward[:-1, 0]

        def common(group: str, members: tuple[int, ...]) -> Tensor:
            names = list(self.spec.seats)
            seat = next(names[n] for n in members if names[n] in self.seats)
            return joint.seats[seat].timesteps.common[group][:-1]

        pairs = [self.pairs[n] for n in self.own_pairs]
        teams = [self.teams[n] for n in self.own_teams]
        known = [common(p.group, (p.one, p.two)) for p in pairs]
        told = [common(t.group, t.seats) if t.group else torch.zeros_like(nothing).unsqueeze(-1) for t in teams]
        able = [may(k, p.actions, forced) for p, k in zip(pairs, known, strict=True)]
        none = nothing.new_zeros(*nothing.shape[:1], 0, *nothing.shape[1:], 1)
        return TeamBatch(
            segment.timesteps.observation[:-1],
            segment.legal[:-1],
            segment.actions,
            segment.counted,
            padded(known, dim=1) if known else none,
            padded(able, dim=1) if able else none.bool(),
            padded(told, dim=1),
            torch.zeros_like(segment.timesteps.reward[:-1, : len(teams)]),
            torch.ones_like(segment.timesteps.reward[:-1, : len(teams)]),
        )

    def chances(self, theta: Parameters, lesson: TeamBatch) -> tuple[Tensor, Tensor, float]:
        """Log P(u) of the own seats of each team [T, M, B]; the levels' entropies; how often pairs would delegate."""
        log_pi = masked(self._says(theta, "own", lesson.observation, self.mine), lesson.legal).log_softmax(-1)
        alone = taken(log_pi, lesson.actions) * lesson.counted
        spread = (entropy(log_pi) * lesson.counted).sum() / lesson.counted.sum().clamp_min(1)
        delegated, choices = float("nan"), log_pi[:, :0]
        if self.own_pairs:
            choices = masked(self._says(theta, "pairs", lesson.known, self.own_pairs), lesson.may).log_softmax(-1)
            spread = spread + entropy(choices).mean()
            able = lesson.may[..., 1:].any(-1)
            delegated = float((choices[..., DELEGATE].detach().exp() * able).sum() / able.sum().clamp_min(1))
        lots = self._says(theta, "teams", lesson.told, self.own_teams)
        chances = []
        for at, number in enumerate(self.own_teams):
            team = self.teams[number]
            log_lot = lots[:, at, :, : len(team.pair_of)].log_softmax(-1)
            spread = spread + entropy(log_lot).mean() / len(self.own_teams)
            blocks = [self._block(n, choices, lesson.actions, alone) for n in team.pairs]
            blocks += [
                alone[:, self.mine.index(n)] if n in self.mine else torch.zeros_like(alone[:, 0]) for n in team.seats
            ]
            chances.append((log_lot + torch.stack(blocks, dim=-1) @ team.holds.T).logsumexp(-1))
        return torch.stack(chances, dim=1), spread, delegated

    @torch.no_grad()
    def delegation(self, joint: JointTrajectory) -> dict[str, Tensor]:
        """Group -> the probability with which that pair would delegate [T, B], NaN where it can do nothing else."""
        lesson = self.lesson(joint, together(joint, self.seats))
        scores = self._says(self.every, "pairs", lesson.known, self.own_pairs)
        chance = masked(scores, lesson.may).softmax(-1)[..., DELEGATE]
        able = lesson.may[..., 1:].any(-1) & (lesson.on > 0).any(1, keepdim=True)
        by_pair = chance.where(able, torch.nan).unbind(1)
        return {self.pairs[n].group: found for n, found in zip(self.own_pairs, by_pair, strict=True)}

    def _block(self, number: int, choices: Tensor, actions: Tensor, alone: Tensor) -> Tensor:
        """Log P(what own seats of a pair did) [T, B], 0 where it has none."""
        pair = self.pairs[number]
        if number not in self.own_pairs:
            return torch.zeros_like(alone[:, 0])
        controller = choices[:, self.own_pairs.index(number), :, : 1 + pair.actions[0] * pair.actions[1]]
        own = [self.mine.index(n) if n in self.mine else None for n in (pair.one, pair.two)]
        one, two = own
        if one is not None and two is not None:
            return pair.log_probability(controller, (actions[:, one], actions[:, two]), (alone[:, one], alone[:, two]))
        member = 0 if two is None else 1
        mine = own[member]
        assert mine is not None
        return pair.half(controller, member, actions[:, mine], alone[:, mine])

    def _says(self, theta: Parameters, level: str, x: Tensor, which: list[int]) -> Tensor:
        """Scores [T, n, B, out] of a level's networks of the numbers `which` on [T, n, B, in]."""
        net = {name: theta[f"{level}/{name}"] for name in self.levels[level].parameters}
        filled = torch.nn.functional.pad(x, (0, net["w0"].shape[1] - x.shape[-1]))
        return across({**net, "b0": net["b0"][which]}, filled)

    # -- state --------------------------------------------------------------------------------------------------------

    def acting_state(self) -> State:
        """Of each own seat its policy, and the networks of all pairs and teams."""
        state: State = {}
        for seat, number in zip(self.seats, self.mine, strict=True):
            state |= {f"{seat}/own_{name}": p for name, p in self.levels["own"].of(number).items()}
            for level in ("pairs", "teams"):
                shared = self.levels[level].parameters if level in self.levels else {}
                state |= {f"{seat}/{level}_{name}": p for name, p in shared.items()}
        return state

    def learning_state(self) -> State:
        """All levels, the critic, and their optimisers."""
        levels = {f"level/{name}": p for name, p in self.every.items()}
        return self.acting_state() | levels | self.level_step.state("step/level") | self.critic.trained.state("critic")
