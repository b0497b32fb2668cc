"""What deep recurrent Q-learners that talk have in common: their network, how they play, and what they learn from.

At each step the network (a layer, a GRU and a head, see `agents.parts.recurrent`) reads what the seat hears, what it
did last, how old the episode is, and what it sees. It gives the value of every action, and what decides about the
message. Several voices that are heard at once are added up.

Shapes: T steps, N seats, B copies, O and A the widest seat's observation and number of actions, M bits of a message, L
inputs that the message becomes, W outputs that decide about the message. Of R replicas each has B / R copies in a row.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from agents.parts.critics import td_lambda
from agents.parts.encoder import encoded
from agents.parts.gradients import leaves
from agents.parts.logits import masked, taken
from agents.parts.networks import linear
from agents.parts.other_play import RENAMING, OtherPlayer
from agents.parts.policies.recurrent import HIDDEN
from agents.parts.recurrent import following, step
from agents.parts.segments import together
from agents.parts.team import Team, Trained, padded
from agents.protocol import JointTrajectory, LearningContext, Memory, Parameters, Seating, State
from agents.randomness import Draws, deal, derive
from arenas.channel import routes
from arenas.protocol import Action, TimeStep
from arenas.settings import Amount, Checked, Count, Positive, Share, ShareOrNone, Whole


@dataclass(frozen=True)
class TalkingConfig(Checked):
    """Settings of learners that talk; what the thesis has instead stands in brackets."""

    talk: bool = True  # False: nobody is heard ("NoComm")
    share: bool = True  # one network for all seats, which is told the seat's number; False: one each ("NS")
    width: Whole = 0  # bits of a message; 0: as many as the channel carries
    lr: Positive = 0.002  # Adam's step size (RMSprop, 0.0005)
    updates: Whole = 0  # rounds over whose second half the step size falls to 0; 0: it does not fall (nor does theirs)
    gamma: ShareOrNone = None  # discount per step; none: the arena's
    lambda_: Share = 0.0  # 0: targets of one step, 1: the return
    epsilon: Share = 0.05  # how often an action, or a message that is chosen, is drawn uniformly while it trains
    epsilon_last: Share = 0.05  # what that falls to over `updates` rounds
    tau: Share = 0.02  # part of the new parameters that enters the targets at each update (a copy every 100)
    clip: Positive = 10.0  # largest norm of each tensor's gradient (each element in [-10, 10])
    hidden: Count = 64  # units of the layer, and of the GRU (128, and two of them)
    clock: bool = True  # whether the network is told how old the episode is (no)
    hear: Amount = 3.0  # gain of the first weights of what is heard
    recall: Amount = 1.0  # gain of the first weights of the last action
    say: Amount = 4.0  # gain of the first weights of what decides about the message
    date: Amount = 1.0  # gain of the first weights of the episode's age
    picture: Whole = 0  # units of two layers through which what is seen goes first (128, for pictures); 0: none
    waiting: bool = True  # whether what a seat without a choice is worth is learned, too; no only with lambda_=1
    other_play: bool = False  # learn under names that change by episode and seat (`agents.parts.other_play`)


class Heard(NamedTuple):
    """What a round teaches N own seats, leaves [T + 1, N, B, ...] or, where they belong to actions, [T, N, B, ...]."""

    steps: TimeStep
    legal: Tensor  # bool [T + 1, N, B, A]
    actions: Tensor  # long [T, N, B]
    counted: Tensor  # float32 [T, N, B], 1 while the episode is on, and of one that ends if only returns count
    plain: Tensor  # float32 [T + 1, N, B, ...], the inputs but for what is heard; last what is seen
    sent: Tensor  # float32 [T, N, B, M]
    heard: Tensor  # float32 [T + 1, N, B, M]
    audible: Tensor  # bool [T + 1, N, B], whether anything is heard
    routes: Tensor  # float32 [T + 1, B, N, N], which hearer hears which sender of the step before
    hidden: Tensor  # float32 [N, B, H], before the first step
    noise: Tensor | None  # [T, N, B, M], what the channel added while they played
    signs: Tensor | None = None  # float32 [T + 1, N, B, M], -1 where a seat takes a bit for its opposite

    @property
    def spoke(self) -> Tensor:
        """Whether somebody hears what was sent, bool [T, N, B]."""
        return self.routes[1:].amax(2).movedim(-1, 1) > 0


def drawn(best: Tensor, draw: Tensor, epsilon: float, choices: int) -> Tensor:
    """`best` long [B], or where `draw`, uniform in [0, 1), is below epsilon a uniform one of the `choices`."""
    if not epsilon:
        return best
    other = (draw * (choices / epsilon)).long().clamp_max(choices - 1)
    return torch.where(draw < epsilon, other, best)


class Talking(OtherPlayer):
    """A recurrent Q-learner that talks, for all the seats that it owns; it shows no policy, being greedy."""

    Config = TalkingConfig
    arrived = OtherPlayer.arrived | {"date", "picture", "waiting"}
    needs = frozenset({"discrete", "channel"})
    needs_to_learn = frozenset({"state"})
    owns = "all"
    learns = True
    replicated = True
    config: TalkingConfig

    # -- what the two methods fill in ---------------------------------------------------------------------------------

    @abstractmethod
    def widths(self, bits: int) -> tuple[int, int]:
        """L and W where messages have M `bits`."""

    @abstractmethod
    def listen(self, message: Tensor) -> Tensor:
        """What the network reads [..., L] of a message [..., M]."""

    @abstractmethod
    def utter(self, said: Tensor, memory: Memory) -> Tensor:
        """The message [B, M] of one seat at play, from what decides about it [B, W]."""

    @abstractmethod
    def again(self, said: Tensor, lesson: Heard, t: int) -> Tensor:
        """The messages [N, B, M] of step t while learning, from what decides about them [N, B, W], with their graph."""

    @abstractmethod
    def loss(self, outputs: Tensor, slow: Tensor, lesson: Heard) -> tuple[Tensor, dict[str, float]]:
        """What is to be descended, a scalar, and metrics; outputs and those of the targets are [T + 1, N, B, A + W]."""

    # -- the network --------------------------------------------------------------------------------------------------

    def build(self, seed: int) -> None:
        """The network, its slow copy, and the optimiser."""
        config, spec = self.config, self.spec
        if not config.waiting and config.lambda_ < 1:
            raise ValueError("waiting=false needs lambda_=1: other targets go on from values that are then not learned")
        own = [spec.seats[seat] for seat in self.seats]
        self.channel = max(seat.message_dim for seat in own)  # M of the arena
        self.bits = config.width or self.channel
        if self.bits > self.channel:
            raise ValueError(
                f"width: a message of {self.bits} bits is wider than the channel of {spec.name}, which carries"
                f" {self.channel}; set width=0 to use all of it"
            )
        self.gamma = spec.gamma if config.gamma is None else config.gamma
        self.reads, self.says = self.widths(self.bits)
        self.wide = max(seat.actions for seat in own)  # A
        self.ages = spec.max_steps + 1 if config.clock else 0
        flat = [math.prod(seat.observation) for seat in own]
        before = self.reads + self.wide + self.ages
        self.sees = max(flat)  # O
        layers = [[before + (config.picture or o), config.hidden, self.wide + self.says] for o in flat]
        seeds = [derive(seed, "talk", seat) for seat in self.seats]
        team = Team(
            layers,
            seeds,
            last_scale=0.3,
            shared=config.share,
            recurrent=True,
            encoder=(self.sees, config.picture) if config.picture else None,
            replicas=self.replicas,
            device=self.device,
        )
        team.parameters["w0"][:, : self.reads] *= config.hear
        team.parameters["w0"][:, self.reads : self.reads + self.wide] *= config.recall
        team.parameters["w0"][:, before - self.ages : before] *= config.date
        team.parameters["w1"][..., self.wide :] *= config.say
        self.networks = Trained(team, config.lr, config.clip)
        self.learned = torch.zeros((), dtype=torch.long)  # rounds
        self._draws = [Draws(spec.max_steps) for _ in self.seats]
        self.mine = [list(spec.seats).index(seat) for seat in self.seats]

    def plain(self, seen: Tensor, last: Tensor, age: Tensor) -> Tensor:
        """The inputs but for what is heard: the last action (A is none) and the age one-hot, and what is seen."""
        parts = [one_hot(last, self.wide + 1)[..., : self.wide].float()]
        if self.ages:
            parts.append(one_hot(age, self.ages).float())
        return torch.cat([*parts, seen], dim=-1)

    def entering(self, parameters: Parameters, plain: Tensor) -> Tensor:
        """The inputs [..., rows, ...] of the network's first layer, but for what is heard."""
        if not self.config.picture:
            return plain
        before = self.wide + self.ages
        seen = torch.nn.functional.pad(plain[..., before:], (0, self.sees + before - plain.shape[-1]))
        return torch.cat([plain[..., :before], encoded(parameters, seen)], dim=-1)

    def hearing(self, timestep: TimeStep) -> tuple[Tensor, Tensor]:
        """What is heard, [..., B, M], and whether anything is, bool [..., B]."""
        assert timestep.messages is not None and timestep.audible is not None
        audible = timestep.audible & self.config.talk
        return (timestep.messages * audible.unsqueeze(-1)).sum(-2)[..., : self.bits], audible.any(-1)

    @property
    def epsilon(self) -> float:
        """How often actions are drawn uniformly now."""
        config, done = self.config, min(1.0, int(self.learned) / max(1, self.config.updates))
        return config.epsilon + done * (config.epsilon_last - config.epsilon) if config.updates else config.epsilon

    # -- play ---------------------------------------------------------------------------------------------------------

    def begin(self, seating: Seating) -> Memory:
        """Luck, a step counter, whether to explore, what it did last, the episode's age, and what the GRU remembers."""
        seed = seating.seed
        return {
            "seat": self.seats.index(seating.seat),
            "luck": deal(seed),
            "step": 0,
            "training": seating.training,
            "last": torch.full_like(seed, self.wide),
            "age": torch.zeros_like(seed),
            HIDDEN: torch.zeros(len(seed), self.config.hidden, device=self.device),
            **(self.renamings.begin(seed) if seating.training and self.renamings else {}),
        }

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """The best action of the seat's own network and its message; while it trains, explored and through noise."""
        network, seat = self.networks.team.of(memory["seat"]), self.seats[memory["seat"]]
        renamings = self.renamings if memory["training"] else None
        which = renamings.drawn(timestep, memory) if renamings else None
        if renamings and which is not None:
            timestep = renamings.seen(seat, timestep, which)
        last = memory["last"].masked_fill(timestep.first, self.wide)
        age = memory["age"].masked_fill(timestep.first, 0)
        message, audible = self.hearing(timestep)
        heard = self.listen(message) * audible.unsqueeze(-1)
        plain = self.entering(network, self.plain(timestep.observation.flatten(1), last, age))
        out, hidden = step(network, torch.cat([heard, plain], dim=-1), memory[HIDDEN], timestep.first)
        actions = self.seat_spec(seat).actions
        value = masked(out[:, :actions], timestep.action_mask).argmax(-1)
        if memory["training"]:
            other = drawn(value, self._draws[memory["seat"]].at(memory["luck"], memory["step"]), self.epsilon, actions)
            assert timestep.action_mask is not None
            value = torch.where(timestep.action_mask.gather(1, other.unsqueeze(1)).squeeze(1), other, value)
        said = self.utter(out[:, self.wide :], memory) * self.config.talk
        said = torch.nn.functional.pad(said, (0, self.channel - self.bits))
        after = {"step": memory["step"] + 1, "last": value, "age": (age + 1).clamp_max(self.spec.max_steps)}
        action, memory = Action(value, said), {**memory, **after, HIDDEN: hidden}
        if renamings and which is not None:
            return renamings.meant(seat, action, which), {**memory, RENAMING: which}
        return action, memory

    # -- learning -----------------------------------------------------------------------------------------------------

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """One step on the round: play it again through the network, with what the seats said left in the graph."""
        self.networks.anneal(self._left())
        lesson, theta = self.lesson(joint), leaves(self.networks.team.parameters)
        with torch.no_grad():
            slow = self.replayed(self.networks.slow.parameters, lesson, len(lesson.plain) * self._goes_on(lesson))
        loss, metrics = self.loss(self.replayed(theta, lesson, len(lesson.actions)), slow, lesson)
        self.networks.descend(self.replicas * loss, theta)  # it is a mean over the copies of all
        self.networks.follow(self.config.tau)
        self.learned += 1
        return metrics | {"loss": float(loss.detach()), "epsilon": self.epsilon}

    def _goes_on(self, lesson: Heard) -> bool:
        """Whether any target goes on from a value of the slow copy: not where all are returns of whole episodes."""
        last, discount = lesson.steps.last, lesson.steps.discount
        cut = self.config.waiting and not bool(last[-1].all())
        return self.config.lambda_ < 1 or cut or bool((last & (discount > 0)).any())

    def _left(self) -> float:
        """The part of the step size that is left."""
        of = self.config.updates
        return min(1.0, max(0.0, 2 - 2 * int(self.learned) / of)) if of else 1.0

    def lesson(self, joint: JointTrajectory) -> Heard:
        """What there is to learn from a round."""
        signs = None
        if self.renamings:
            signs = self.renamings.signs(joint, self.seats)[..., : self.bits]
            joint = self.renamings.own(joint, self.seats)
        own = [joint.seats[seat] for seat in self.seats]
        segment, memories = together(joint, self.seats), [trajectory.memory or {} for trajectory in own]
        steps, actions = segment.timesteps, segment.actions
        assert joint.state is not None and segment.hidden is not None
        last = torch.cat([torch.stack([memory["last"] for memory in memories]).unsqueeze(0), actions])
        started, ages = steps.first, [torch.stack([memory["age"] for memory in memories])]
        for new in started[1:]:
            ages.append((ages[-1] + 1).clamp_max(self.spec.max_steps).masked_fill(new, 0))
        ages[0] = ages[0].masked_fill(started[0], 0)
        # whether the episode ends within the round, so that its return is known
        ends = steps.last[1:].flip(0).cummax(0).values.flip(0)
        heard, audible = zip(*(self.hearing(trajectory.timesteps) for trajectory in own), strict=True)
        sent = padded([t.actions.message[..., : self.bits] for t in own if t.actions.message is not None], dim=1)
        mine = torch.tensor(self.mine, device=self.device)
        who = routes(joint.state, len(self.spec.seats))[..., mine, :][..., mine] * self.config.talk
        return Heard(
            steps,
            segment.legal,
            actions,
            ((~steps.last[:-1]) & (ends | self.config.waiting)).float(),
            self.plain(steps.observation, last.masked_fill(started, self.wide), torch.stack(ages)),
            sent,
            torch.stack(heard, dim=1),
            torch.stack(audible, dim=1),
            who,
            segment.hidden,
            self.noise(memories, len(actions)),
            signs,
        )

    def noise(self, memories: list[Memory], length: int) -> Tensor | None:
        """What the channel added in `length` steps from these memories on, [T, N, B, M]; None where it adds nothing."""
        return None

    def replayed(self, parameters: Parameters, lesson: Heard, length: int) -> Tensor:
        """Outputs [T + 1, N, B, A + W] of a network on a round in which its own messages are heard.

        Those after the first `length` time steps are not asked for, and are 0. What a seat heard is kept, and what its
        mates would say now less what they said is added to it: for the network that played that is 0, but it carries
        their gradient.
        """
        weight, seats, copies = parameters["w0"], lesson.actions.shape[1], lesson.actions.shape[2]
        told, bias = weight[:, : self.reads], parameters["b0"]
        nothing = lesson.plain.new_zeros(1, seats, copies, self.wide + self.says)
        if not length:
            return nothing.expand(len(lesson.plain), -1, -1, -1)
        plain = self.rows(lesson.plain[:length])  # the rows of a network follow one another: [length, R N B', ...]
        entered = linear(self.entering(parameters, plain), weight[:, self.reads :], None)
        entered = (entered.view(len(plain), len(bias), -1, weight.shape[-1]) + bias).flatten(1, 2)
        on = self.rows((~lesson.steps.first).unsqueeze(-1))
        outputs: list[Tensor] = []
        now = self.rows(lesson.hidden)
        for t, x in enumerate(entered):
            received = lesson.heard[t]
            if t:
                change = self.again(outputs[-1][..., self.wide :], lesson, t - 1) - lesson.sent[t - 1]
                # through names in which every seat may take a bit for its opposite
                turn = 1.0 if lesson.signs is None else lesson.signs[t]
                received = received + turn * torch.einsum("bij,jbm->ibm", lesson.routes[t], turn * change)
            heard = self.rows(self.listen(received) * lesson.audible[t].unsqueeze(-1))
            x = linear((x + linear(heard, told, None)).relu(), parameters["gi"], parameters["gib"])
            now = following(parameters, x, now * on[t])
            out = linear(now, parameters["w1"], parameters["b1"])
            outputs.append(out.view(self.replicas, seats, -1, out.shape[-1]).transpose(0, 1).reshape(seats, copies, -1))
        return torch.cat([torch.stack(outputs), nothing.expand(len(lesson.plain) - length, -1, -1, -1)])

    def rows(self, leaf: Tensor) -> Tensor:
        """What N seats have [..., N, B, W] in the order of the networks, [..., R N B / R, W]."""
        *before, seats, copies, wide = leaf.shape
        split = leaf.reshape(*before, seats, self.replicas, copies // self.replicas, wide)
        return split.transpose(-4, -3).reshape(*before, seats * copies, wide)

    def best(self, outputs: Tensor, lesson: Heard) -> Tensor:
        """max_u Q(u) [T + 1, N, B] over the legal actions; 0 where nothing is."""
        return masked(outputs[..., : self.wide], lesson.legal).amax(-1).nan_to_num(neginf=0.0)

    def errors(self, outputs: Tensor, value: Tensor, lesson: Heard) -> Tensor:
        """Errors y - Q(u) [T, N, B] of the actions taken, 0 where the episode was over.

        The targets are made of values of the slow copy, [T + 1, N, B]:

        y_t = r_{t+1} + gamma d ((1 - lambda) v_{t+1} + lambda y_{t+1}).
        """
        y = td_lambda(lesson.steps, value, self.gamma, self.config.lambda_)
        learned = lesson.counted * ((lesson.legal[:-1].sum(-1) > 1) | self.config.waiting)
        return (y - taken(outputs[:-1, ..., : self.wide], lesson.actions)) * learned

    # -- what is kept -------------------------------------------------------------------------------------------------

    def acting_state(self) -> State:
        """The network of every seat."""
        team = self.networks.team
        return {f"{seat}/{name}": p for n, seat in enumerate(self.seats) for name, p in team.of(n).items()}

    def learning_state(self) -> State:
        """The networks, their targets and the optimiser, and how many rounds were learned from."""
        return self.acting_state() | self.networks.state("talk") | {"learned": self.learned}
