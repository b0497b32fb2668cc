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
2016.

`loss=huber` is DQN's: the error is clipped to [-1, 1]. There rewards were clipped as well. Here they are not, and a
clipped error makes Q follow the median of returns rather than their mean where errors are above 1 (a rare contact worth
10), so the default is the squared error, with the gradient's norm clipped.

Departures: the target network follows slowly, as in Lowe et al., and is not copied every so many updates. Adam instead
of RMSProp, perceptrons instead of convolutions. A round of many games earns `rate` updates per transition, made one
after another. The seats of one learner learn from the same transitions, each from its own view of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from agents.parts.gradients import leaves
from agents.parts.logits import masked, taken
from agents.parts.networks import mlp
from agents.parts.policies.deterministic import sizes
from agents.parts.replay import Replay
from agents.parts.segments import together
from agents.parts.team import Team, Trained, apply
from agents.protocol import Agent, JointTrajectory, LearningContext, Memory, Seating, State
from agents.randomness import Draws, categorical, deal, derive, generator
from arenas.protocol import Action, TimeStep
from arenas.settings import Checked, Count, Positive, Share, ShareOrNone, Whole

#: The fields of a transition.
_FIELDS = ("observation", "next", "action", "reward", "discount", "counted", "legal")


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


def td_target(reward: Tensor, discount: Tensor, value: Tensor, chooser: Tensor, gamma: float) -> Tensor:
    """Target y [...] of the update.

    Args:
        reward: r [...].
        discount: d [...], 0 after a termination and 1 after a cut by time.
        value: Qbar(o', .) [..., A], -inf where an action is illegal.
        chooser: whose best action counts [..., A]: `value` itself in DQN, Q(o', .) in double DQN.
        gamma: discount per step.
    """
    best = value.gather(-1, chooser.argmax(-1, keepdim=True)).squeeze(-1)
    return reward + gamma * discount * best


def td_error(q: Tensor, action: Tensor, target: Tensor) -> Tensor:
    """Error y - Q(o, a) [...] of values Q(o, .) [..., A] and actions long [...]."""
    return target - taken(q, action)


def epsilon_greedy(q: Tensor, epsilon: float) -> Tensor:
    """Action probabilities [..., A]: 1 - epsilon on the best, epsilon shared by all that are legal (-inf is not)."""
    legal = (q > -torch.inf).float()
    uniform = legal / legal.sum(-1, keepdim=True)
    return (epsilon * uniform).scatter_add(-1, q.argmax(-1, keepdim=True), torch.full_like(q[..., :1], 1 - epsilon))


class Iql(Agent):
    """Independent DQN for all the seats that it owns. It shows no policy, as a greedy one has no gradient.

    Shapes: N seats, B transitions, A actions of the seat that has most.
    """

    Config = IqlConfig
    owns = "all"
    learns = True
    config: IqlConfig

    def build(self, seed: int) -> None:
        """Q networks, their targets, and an empty replay."""
        layers = [sizes(self.spec.seats[s], [self.config.hidden, self.config.hidden]) for s in self.seats]
        q = Team(layers, [derive(seed, "q", s) for s in self.seats], last_scale=0.01, device=self.device)
        self.networks = Trained(q, self.config.lr, self.config.clip)
        self.replay = Replay(self.config.capacity, self._example(max(w[0] for w in layers), max(w[-1] for w in layers)))
        self.owed = torch.zeros((), dtype=torch.float64)  # updates earned by transitions and not yet made
        self.learned = torch.zeros((), dtype=torch.long)  # transitions stored
        self._draws = Draws()

    # -- play ---------------------------------------------------------------------------------------------------------

    def begin(self, seating: Seating) -> Memory:
        """The seat's number, its luck, a step counter, and whether to explore."""
        seat = self.seats.index(seating.seat)
        return {"seat": seat, "luck": deal(seating.seed), "step": 0, "training": seating.training}

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """The best action of the seat's own network; in training a uniform one with probability epsilon."""
        scores = mlp(self.networks.team.of(memory["seat"]), timestep.observation.flatten(1))
        q = masked(scores, timestep.action_mask)
        following = {**memory, "step": memory["step"] + 1}
        if not memory["training"]:
            return Action(q.argmax(-1)), following
        draw = self._draws.at(memory["luck"], memory["step"])
        return Action(categorical(epsilon_greedy(q, self.epsilon), draw)), following

    @property
    def epsilon(self) -> float:
        """How often a uniform action is drawn in training, after the transitions stored so far."""
        done = min(1.0, int(self.learned) / self.config.epsilon_steps)
        return self.config.epsilon + done * (self.config.epsilon_last - self.config.epsilon)

    # -- learning -----------------------------------------------------------------------------------------------------

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """Store the segment, then make the updates that it has earned."""
        rows = self._rows(joint)
        self.replay.add(rows)
        self.learned += len(rows["reward"])
        self.owed += len(rows["reward"]) * self.config.rate
        if len(self.replay) < min(self.config.warmup, self.config.capacity):
            self.owed.zero_()
        luck = generator(context.seed)
        metrics: dict[str, float] = {"epsilon": self.epsilon}
        while self.owed >= 1:
            self.owed -= 1
            metrics |= self._update(self.replay.sample(self.config.batch, luck))
        return metrics

    def _update(self, rows: dict[str, Tensor]) -> dict[str, float]:
        """One step of all seats' networks on transitions [B, N, ...]."""
        seen, following, action, reward, discount, counted, legal = (rows[name].movedim(1, 0) for name in _FIELDS)
        gamma = self.spec.gamma if self.config.gamma is None else self.config.gamma
        with torch.no_grad():
            value = chooser = masked(apply(self.networks.slow.parameters, following), legal)
            if self.config.double:
                chooser = masked(apply(self.networks.team.parameters, following), legal)
            target = td_target(reward, discount, value, chooser, gamma)

        theta = leaves(self.networks.team.parameters)
        q = apply(theta, seen)
        error = td_error(q, action, target)
        cost = error.square()
        if self.config.loss == "huber":
            cost = torch.where(error.abs() <= 1, cost / 2, error.abs() - 0.5)
        loss = (cost * counted).sum(1) / counted.sum(1).clamp_min(1)
        self.networks.descend(loss.sum(), theta)
        self.networks.follow(self.config.tau)
        return {"loss": float(loss.detach().mean()), "value": float(target.mean())}

    def _rows(self, joint: JointTrajectory) -> dict[str, Tensor]:
        """Transitions of a segment [B, N, ...], those that counted for any seat."""
        segment = together(joint, self.seats)
        steps, counted = segment.timesteps, segment.counted
        before, after = steps.observation[:-1], steps.observation[1:]
        leaves = (before, after, segment.actions, steps.reward[1:], steps.discount[1:], counted, segment.legal[1:])
        on = counted.amax(1).bool()
        return {name: leaf.movedim(1, 2)[on] for name, leaf in zip(_FIELDS, leaves, strict=True)}

    def _example(self, observation: int, actions: int) -> dict[str, Tensor]:
        """One transition of zeros, which shows shapes and types."""
        last = {"observation": (observation,), "next": (observation,), "legal": (actions,)}
        kinds = {"action": torch.long, "legal": torch.bool}
        shapes = {name: (1, len(self.seats), *last.get(name, ())) for name in _FIELDS}
        return {n: torch.zeros(shape, dtype=kinds.get(n), device=self.device) for n, shape in shapes.items()}

    def acting_state(self) -> State:
        """The Q networks' parameters."""
        team = self.networks.team
        return {f"{seat}/{name}": p for n, seat in enumerate(self.seats) for name, p in team.of(n).items()}

    def learning_state(self) -> State:
        """Q networks and targets, the optimiser, the replay, and the updates owed."""
        networks = self.networks
        state = self.acting_state() | self.replay.state("replay") | networks.optimizer.state("step")
        state |= networks.team.state("q") | networks.slow.state("target")
        return state | {"owed": self.owed, "learned": self.learned}
