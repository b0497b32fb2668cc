"""Independent deep Q-learning: a Q network for every seat, which takes the other seats for part of the world.

Mnih et al. 2015, "Human-level control through deep reinforcement learning" (DQN); for several agents at once Tampuu et
al. 2017, "Multiagent cooperation and competition with deep reinforcement learning"; the baseline "DQN" of Lowe et al.
2017. o is what seat i observes, a what it does; the bar is the target network, D the replay, d the discount (0 after
a termination, 1 after a cut by time).

    minimise over D:  (y - Q_i(o, a))^2       (DQN, algorithm 1)
                      y = r + gamma d max_b Qbar_i(o', b)
    double:           y = r + gamma d Qbar_i(o', argmax_b Q_i(o', b))
    target:           theta_bar <- (1 - tau) theta_bar + tau theta

While it trains it plays the best action with probability 1 - epsilon and else a uniform one, where epsilon falls
linearly with the transitions stored; otherwise it is greedy. `double` is the target of van Hasselt, Guez and Silver
2016. Actions that are illegal are left out of both.

The replay grows old as the other seats learn. Foerster et al. 2017, "Stabilising Experience Replay for Deep Multi-Agent
Reinforcement Learning" (chapter 5 of the thesis) say how it can be used all the same. t_i is when a transition was
stored, t_r when it is replayed, u the others' actions.

    importance:   (y - Q_i(o, a))^2 times the product over the others j of
                  pi_j(u_j; t_r) / pi_j(u_j; t_i), clipped to [.01, 2], then
                  its (n - 1)-th root, divided by the weights' running mean
    fingerprint:  o is (o, epsilon, e), where e counts the rounds of
                  training; both as they were at t_i
    both; plain; and none, where only what was just played is learned from

pi_j is the epsilon-greedy policy, masked, so that no weight is divided by 0. Epsilon and e, which is scaled to [0, 1],
belong to what plays: after training it plays with those of the end.

`loss=huber` is DQN's: the error is clipped to [-1, 1]. There rewards were clipped as well. Here they are not, and a
clipped error makes Q follow the median of returns rather than their mean where errors are above 1 (a rare contact worth
10), so the default is the squared error, with the gradient's norm clipped.

Departures: the target network follows slowly, as in Lowe et al., and is not copied every so many updates. Adam instead
of RMSProp, perceptrons instead of convolutions. A round of many games earns `rate` updates per transition, made one
after another, also where nothing is kept. The seats of one learner learn from the same transitions, each from its own
view of them; the others in the weights are its other seats. `recurrent` replays sequences, each from the state that
the network had when it was stored, and reads no last action. The mean of the weights is over about 100 updates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from agents.parts.gradients import gradient, leaves
from agents.parts.logits import masked, taken
from agents.parts.networks import mlp
from agents.parts.policies.deterministic import sizes
from agents.parts.policies.recurrent import HIDDEN
from agents.parts.recurrent import step, unrolled
from agents.parts.replay import Replay, drawn, importance, pieces, tempered
from agents.parts.segments import Segment, across, together
from agents.parts.team import Team, Trained
from agents.protocol import Agent, CannotLearn, JointTrajectory, LearningContext, Memory, Parameters, Seating, State
from agents.randomness import Draws, categorical, deal, derive, generator
from arenas.protocol import Action, TimeStep
from arenas.settings import Checked, Count, Positive, Share, ShareOrNone, Whole

_NEW = 0.01  # the part of new importance weights in their running mean (at first the plain mean)
#: Rows of the replay: name -> [rows, S or S + 1, N, ...]. What is learned from has them as [S or S + 1, N, rows, ...].
Rows = dict[str, Tensor]


@dataclass(frozen=True)
class IqlConfig(Checked):
    """Settings of `iql`; the numbers are those of Lowe et al. unless said otherwise."""

    lr: Positive = 0.003  # Adam's step size; ours (paper 0.01)
    gamma: ShareOrNone = None  # discount per step; none: the arena's (paper 0.95)
    tau: Share = 0.01  # part of the new parameters that enters the targets at each update
    batch: Count = 1024  # transitions in an update
    rate: Positive = 0.01  # updates of every seat per transition stored
    warmup: Whole = 4096  # transitions before the first update (paper: 25,600)
    capacity: Count = 100_000  # transitions kept (paper: 1,000,000)
    loss: Literal["squared", "huber"] = "squared"  # see the head of this file
    double: bool = False  # the online network chooses the action whose target value counts
    clip: Positive = 10.0  # largest norm of each tensor's gradient; ours (paper 0.5, which learns more slowly here)
    hidden: Count = 64  # units in each of the two hidden layers
    epsilon: Share = 1.0  # how often it draws an action uniformly while it trains, at first (Mnih et al.)
    epsilon_last: Share = 0.05  # what that falls to; ours (Mnih et al. 0.1)
    epsilon_steps: Count = 100_000  # transitions over which it falls, linearly; ours (Mnih et al. 1,000,000)
    share: bool = False  # one network for all seats, which is told the seat's number
    recurrent: bool = False  # a GRU in place of the second hidden layer
    sequence: Count = 32  # steps of a replayed sequence of a recurrent network, into which segments are cut
    replay: Literal["plain", "none", "importance", "fingerprint", "both"] = "plain"  # see the head of this file
    iterations: Count = 1000  # rounds in which the fingerprint's e rises from 0 to 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.replay != "none" and self.capacity < self.batch:
            raise ValueError(f"capacity must be at least the batch of {self.batch}, got {self.capacity}")
        if self.recurrent and self.batch < self.sequence:
            raise ValueError(f"batch must be at least one sequence of {self.sequence}, got {self.batch}")


def best(value: Tensor, chooser: Tensor) -> Tensor:
    """Value [...] of the action that `chooser` [..., A] likes best, given all actions' [..., A]."""
    return value.gather(-1, chooser.argmax(-1, keepdim=True)).squeeze(-1)


def td_target(reward: Tensor, discount: Tensor, following: Tensor, gamma: float) -> Tensor:
    """Target y [...] of the update.

    Args:
        reward: r [...].
        discount: d [...], 0 after a termination and 1 after a cut by time.
        following: Qbar(o', b) [...] of the best action b: by Qbar itself in DQN, by Q in double DQN.
        gamma: discount per step.
    """
    return reward + gamma * discount * following


def epsilon_greedy(q: Tensor, epsilon: float) -> Tensor:
    """Action probabilities [..., A]: 1 - epsilon on the best, epsilon shared by all that are legal (-inf is not)."""
    legal = (q > -torch.inf).float()
    uniform = legal / legal.sum(-1, keepdim=True)
    return (epsilon * uniform).scatter_add(-1, q.argmax(-1, keepdim=True), torch.full_like(q[..., :1], 1 - epsilon))


class Iql(Agent):
    """Independent DQN: every seat takes the others for part of the world.

    It shows no policy, as a greedy one has no gradient. Shapes: S steps replayed at once (1 where the network is not
    recurrent), N seats, B rows of the replay, A actions of the seat that has most, H units.
    """

    Config = IqlConfig
    owns = "all"
    learns = True
    arrived = frozenset({"share", "recurrent", "sequence", "replay", "iterations"})
    config: IqlConfig

    def build(self, seed: int) -> None:
        """Q networks, their targets, and an empty replay."""
        config = self.config
        self.fingerprints = config.replay in ("fingerprint", "both")
        self.weighs = config.replay in ("importance", "both")
        hidden = [config.hidden] * (1 if config.recurrent else 2)
        self.layers = [sizes(self.spec.seats[s], hidden) for s in self.seats]
        if self.fingerprints:
            self.layers = [[wide + 2, *rest] for wide, *rest in self.layers]
        q = Team(
            self.layers,
            [derive(seed, "q", s) for s in self.seats],
            last_scale=0.01,
            shared=config.share,
            recurrent=config.recurrent,
            device=self.device,
        )
        self.networks = Trained(q, config.lr, config.clip)
        self.gamma = self.spec.gamma if config.gamma is None else config.gamma
        self.steps = config.sequence if config.recurrent else 1  # S
        self.replay = None if config.replay == "none" else Replay(config.capacity // self.steps, self.example())
        self.owed = torch.zeros((), dtype=torch.float64)  # updates earned by transitions and not yet made
        self.learned = torch.zeros((), dtype=torch.long)  # transitions stored
        self.fingerprint = torch.tensor([config.epsilon, 0.0], device=self.device)
        self.mean_weight = torch.zeros(2, dtype=torch.float64)  # the importance weights' mean, and of how many updates
        self._draws = Draws()

    # -- play ---------------------------------------------------------------------------------------------------------

    def begin(self, seating: Seating) -> Memory:
        """The seat's number, its luck, a step counter, whether to explore, and what a recurrent network remembers."""
        seat = self.seats.index(seating.seat)
        memory = {"seat": seat, "luck": deal(seating.seed), "step": 0, "training": seating.training}
        if self.config.recurrent:
            memory[HIDDEN] = torch.zeros(len(seating.seed), self.config.hidden, device=self.device)
        return memory

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """The best action of the seat's own network; in training a uniform one with probability epsilon."""
        network, seen = self.networks.team.of(memory["seat"]), self.marked(timestep.observation.flatten(1))
        following = {**memory, "step": memory["step"] + 1}
        if self.config.recurrent:
            scores, following[HIDDEN] = step(network, seen, memory[HIDDEN], timestep.first)
        else:
            scores = mlp(network, seen)
        q = masked(scores, timestep.action_mask)
        if not memory["training"]:
            return Action(q.argmax(-1)), following
        draw = self._draws.at(memory["luck"], memory["step"])
        return Action(categorical(epsilon_greedy(q, self.epsilon), draw)), following

    def marked(self, observation: Tensor) -> Tensor:
        """Observations [..., O] with the present fingerprint, where there is one."""
        if not self.fingerprints:
            return observation
        return torch.cat([observation, self.fingerprint.expand(*observation.shape[:-1], 2)], dim=-1)

    @property
    def epsilon(self) -> float:
        """How often a uniform action is drawn in training, after the transitions stored so far."""
        done = min(1.0, int(self.learned) / self.config.epsilon_steps)
        return self.config.epsilon + done * (self.config.epsilon_last - self.config.epsilon)

    # -- learning -----------------------------------------------------------------------------------------------------

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """Store the segment, then make the updates that it has earned."""
        if self.weighs and len(self.seats) == 1:
            raise CannotLearn(
                f"replay={self.config.replay} weighs by what other seats would do, and it has no other seat than"
                f" {self.seats[0]} ('joint' does not tell): let it fill more seats, or set replay=fingerprint"
            )
        rows = self.rows(joint)
        count = int(rows["counted"].amax(2).sum())
        self.learned += count
        self.owed += count * self.config.rate
        if self.replay is not None:
            self.replay.add(rows)
            if len(self.replay) * self.steps < min(self.config.warmup, self.config.capacity // self.steps * self.steps):
                self.owed.zero_()
        luck, many = generator(context.seed), self.config.batch // self.steps
        metrics: dict[str, float] = {"epsilon": self.epsilon}
        while self.owed >= 1 and len(rows["reward"]):
            self.owed -= 1
            batch = drawn(rows, many, luck) if self.replay is None else self.replay.sample(many, luck)
            metrics |= self.update(batch)
        done = min(1.0, (context.update + 1) / self.config.iterations)
        self.fingerprint.copy_(torch.tensor([self.epsilon, done]))
        return metrics

    def update(self, rows: Rows) -> dict[str, float]:
        """One step of all seats' networks on rows of the replay."""
        batch = {name: leaf.movedim(0, 2) for name, leaf in rows.items()}
        parts = self.trained()
        thetas = [leaves(part.team.parameters) for part in parts]
        q = self.values(thetas[0], batch)
        error, counted = self.errors(taken(q, batch["action"]), self.following(batch), batch, thetas)
        cost = error.square()
        if self.config.loss == "huber":
            cost = torch.where(error.abs() <= 1, cost / 2, error.abs() - 0.5)
        metrics = {}
        if self.weighs:
            weight = self.weight(q.detach(), batch)
            cost, metrics["weight"] = cost * weight, float(weight.mean())
        loss = (cost * counted).sum((0, 2)) / counted.sum((0, 2)).clamp_min(1)
        slopes = gradient(loss.sum(), {f"{n}/{name}": p for n, theta in enumerate(thetas) for name, p in theta.items()})
        for n, (part, theta) in enumerate(zip(parts, thetas, strict=True)):
            part.optimizer.descend({name: slopes[f"{n}/{name}"] for name in theta})
            part.follow(self.config.tau)
        return metrics | {"loss": float(loss.detach().mean()), "value": float(q.detach().mean())}

    def trained(self) -> list[Trained]:
        """What an update changes, the Q networks first."""
        return [self.networks]

    def values(self, parameters: Parameters, batch: Rows, *, after: bool = False) -> Tensor:
        """Q(o, .) [S, N, B, A] of what was seen before each action, or `after` it."""
        seen = batch["observation"]
        if not self.config.recurrent:
            return across(parameters, seen[1:] if after else seen[:-1])
        seen = seen if after else seen[:-1]
        q, _ = unrolled(parameters, seen, batch["hidden"][0], batch["first"][: len(seen)])
        return q[1:] if after else q

    @torch.no_grad()
    def following(self, batch: Rows) -> Tensor:
        """Qbar(o', b) [S, N, B] of each seat's best action b."""
        legal = batch["legal"][1:]
        value = chooser = masked(self.values(self.networks.slow.parameters, batch, after=True), legal)
        if self.config.double:
            chooser = masked(self.values(self.networks.team.parameters, batch, after=True), legal)
        return best(value, chooser)

    def errors(self, chosen: Tensor, following: Tensor, batch: Rows, thetas: list[Parameters]) -> tuple[Tensor, Tensor]:
        """Errors y - Q [S, N, B] of the values of the actions chosen, and 1 where they count."""
        y = td_target(batch["reward"], batch["discount"], following, self.gamma)
        return y - chosen, batch["counted"]

    def weight(self, q: Tensor, batch: Rows) -> Tensor:
        """The importance weights [S, N, B] of the squared errors."""
        now = self.chances(q, batch["legal"][:-1], batch["action"], batch["counted"])
        weight = tempered(importance(now, batch["chance"]), len(self.seats))
        mean, updates = self.mean_weight
        updates += 1
        counted = batch["counted"]
        fresh = (weight * counted).double().sum() / counted.sum().clamp_min(1)
        mean.lerp_(fresh.cpu(), max(_NEW, 1 / float(updates)))
        return weight / float(mean)

    def chances(self, q: Tensor, legal: Tensor, action: Tensor, counted: Tensor) -> Tensor:
        """Probabilities [S, N, B] with which the seats now do what they did; 1 where it did not count."""
        pi = epsilon_greedy(masked(q, legal), self.epsilon)
        return taken(pi, action).where(counted.bool(), 1.0)

    # -- from a segment to rows ---------------------------------------------------------------------------------------

    @torch.no_grad()
    def rows(self, joint: JointTrajectory) -> Rows:
        """The pieces of a segment in which anything counted, before anything is learned from it."""
        seats = {s: t._replace(timesteps=self._marked(t.timesteps)) for s, t in joint.seats.items() if s in self.seats}
        segment = together(joint._replace(seats=seats), self.seats)
        steps, counted = segment.timesteps, segment.counted
        leaves = {
            "observation": steps.observation,
            "legal": segment.legal,
            "action": segment.actions,
            "reward": steps.reward[1:],
            "discount": steps.discount[1:],
            "counted": counted,
        }
        leaves |= self.further(segment)
        kept = {name: pieces(leaf, self.steps, len(counted)) for name, leaf in leaves.items()}
        kept["counted"][-counted.shape[2] :, 1 + (len(counted) - 1) % self.steps :] = (
            0  # what a last piece is filled with
        )
        on = kept["counted"].amax((1, 2)).bool()
        return {name: leaf[on] for name, leaf in kept.items()}

    def _marked(self, steps: TimeStep) -> TimeStep:
        return steps._replace(observation=self.marked(steps.observation.flatten(2)))

    def further(self, segment: Segment) -> Rows:
        """What else is kept of a segment: what the network remembered, and the probabilities of what was done."""
        seen, leaves = segment.timesteps.observation[:-1], Rows()
        q = None
        if self.config.recurrent:
            assert segment.hidden is not None
            q, after = unrolled(self.networks.team.parameters, seen, segment.hidden, segment.timesteps.first[:-1])
            leaves["first"] = segment.timesteps.first
            leaves["hidden"] = torch.cat([segment.hidden.unsqueeze(0), after[:-1]])[:: self.steps]
        if self.weighs:
            q = across(self.networks.team.parameters, seen) if q is None else q
            leaves["chance"] = self.chances(q, segment.legal[:-1], segment.actions, segment.counted)
        return leaves

    def example(self) -> Rows:
        """One row of zeros, which shows shapes and types."""
        s, n, device = self.steps, len(self.seats), self.device
        wide, acts = max(widths[0] for widths in self.layers), max(widths[-1] for widths in self.layers)
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("action", "reward", "discount", "counted"), (s, n))
        shapes |= {"observation": (s + 1, n, wide), "legal": (s + 1, n, acts)}
        if self.config.recurrent:
            shapes |= {"first": (s + 1, n), "hidden": (1, n, self.config.hidden)}
        if self.weighs:
            shapes["chance"] = (s, n)
        kinds = {"action": torch.long, "legal": torch.bool, "first": torch.bool}
        return {x: torch.zeros(1, *shape, dtype=kinds.get(x), device=device) for x, shape in shapes.items()}

    # -- what is kept -------------------------------------------------------------------------------------------------

    def acting_state(self) -> State:
        """The Q networks' parameters, and the fingerprint where there is one."""
        team = self.networks.team
        state = {f"{seat}/{name}": p for n, seat in enumerate(self.seats) for name, p in team.of(n).items()}
        return state | ({f"{seat}/fingerprint": self.fingerprint for seat in self.seats} if self.fingerprints else {})

    def learning_state(self) -> State:
        """Q networks and targets, the optimiser, the replay, and the updates owed."""
        networks = self.networks
        state = self.acting_state() | networks.optimizer.state("step")
        state |= networks.team.state("q") | networks.slow.state("target")
        if self.replay is not None:
            state |= self.replay.state("replay")
        if self.weighs:
            state["weight"] = self.mean_weight
        return state | {"owed": self.owed, "learned": self.learned}
