"""All pairings of LOLA's round robin at once: where each learner sits, and an episode in which all of them learn.

Learners with tables learn from every transition as it happens; the exact learners make one step after each episode, as
in the paper's code. Each learner is one agent with a replica for each of its places, which are its seats in all games.
A learner with tables knows its own view of the game and not its seat, so that one agent sits in both seats.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from agents.parts.policies.table import TablePolicy, table_of
from agents.protocol import Agent, JointTrajectory, LearningContext, Seating, State, Trajectory
from agents.randomness import derive, derive_rows
from agents.rollout import stack_timesteps
from arenas.protocol import Action, TimeStep, TimeSteps
from zoo.entry.registry import load_agent, load_arena

GAMMA = 0.96
#: Learners with tables, which learn from every transition, and exact learners, which learn from every episode.
ONLINE = ("independent-q", "jal-q", "phc", "wolf-phc")
EXACT = ("naive-exact", "lola-exact")
LEARNERS = (*ONLINE, *EXACT)
PAIRS = tuple(itertools.combinations_with_replacement(LEARNERS, 2))


@dataclass(frozen=True)
class Places:
    """Where one agent sits: `index` long [n] into the places of all agents, seat * R * 21 + seed * 21 + pairing."""

    learner: str
    seat: str  # for which the agent is made; learners with tables sit in both
    index: Tensor


def places(learner: str, seats: Sequence[str], spec_seats: Sequence[str], seeds: int) -> Places:
    """The places of a learner in `seats`, by seed: those of a seed do not depend on how many seeds follow."""
    by_seed = [
        (seed, spec_seats.index(seat) * seeds * len(PAIRS) + seed * len(PAIRS) + number)
        for number, pair in enumerate(PAIRS)
        for who, seat in zip(pair, spec_seats, strict=True)
        for seed in range(seeds)
        if who == learner and seat in seats
    ]
    return Places(learner, seats[0], torch.tensor([place for _, place in sorted(by_seed)]))


_FLAGS = ("discount", "first", "last", "active")


class Hall:
    """All pairings of all seeds in one game.

    Args:
        game: the arena's name.
        seeds: R, tournaments played at once.
        steps: of an episode.
        seed: all luck derives from it.
    """

    def __init__(self, game: str, seeds: int, steps: int, seed: int = 0) -> None:
        self.seed = seed
        self.arena = load_arena(game, [f"gamma={GAMMA}", f"max_steps={steps}"]).make(seeds * len(PAIRS))
        self.simulator = self.arena.twin(1)
        self.seats, self.steps = tuple(self.arena.spec.seats), steps
        self.tables = [self._enter(places(who, self.seats, self.seats, seeds)) for who in ONLINE]
        self.exact = [self._enter(places(who, (seat,), self.seats, seeds)) for who in EXACT for seat in self.seats]
        self.fixed = torch.cat([where.index for where, _ in self.exact])  # the places of exact learners
        self.order = torch.cat([*(where.index for where, _ in self.tables), self.fixed]).argsort()
        self.count = len(self.order)
        self.partner = torch.arange(self.count).roll(self.arena.batch_size)

    def _enter(self, where: Places) -> tuple[Places, Agent]:
        """An agent with a replica for each of its places."""
        entry, seed = load_agent(where.learner), derive(self.seed, "tournament", where.learner, where.seat)
        config, copies = entry.config([]), len(where.index)
        return where, entry.agent.make(self.arena.spec, (where.seat,), config, seed, replicas=copies)

    def state(self) -> State:
        """What all have learned, between two episodes."""
        agents = enumerate(agent for _, agent in (*self.tables, *self.exact))
        return {f"{k}/{name}": tensor for k, agent in agents for name, tensor in agent.learning_state().items()}

    def restore(self, state: State) -> None:
        """Take over what `state` gave.

        Raises:
            ValueError: it does not fit.
        """
        for k, (_, agent) in enumerate((*self.tables, *self.exact)):
            mine = f"{k}/"
            agent.load_learning_state({n.removeprefix(mine): x for n, x in state.items() if n.startswith(mine)})

    def episode(self, number: int) -> Tensor:
        """Play one episode in which all learn; the mean reward per step in every place, float64 [2 R 21]."""

        def seating(where: Places) -> Seating:
            luck = derive_rows(self.seed, len(where.index), "tournament", where.learner, where.seat, number)
            return Seating(where.seat, luck, luck, training=True)

        memories = [agent.begin(seating(where)) for where, agent in self.tables]
        # an exact learner plays one policy throughout the episode
        fixed = TablePolicy.of(torch.cat([table(where, agent) for where, agent in self.exact]))
        luck = torch.cat([seating(where).seed for where, _ in self.exact])
        memory = fixed.begin(Seating(self.seats[0], luck, luck))
        steps, _ = self.arena.reset(derive_rows(self.seed, self.arena.batch_size, "tournament", number))
        now = [seen_from(steps, where.index) for where, _ in self.tables]
        still = seen_from(steps, self.fixed)
        total = torch.zeros(self.count, dtype=torch.float64)
        for _ in range(self.steps):
            taken = []
            for k, (_, agent) in enumerate(self.tables):
                action, memories[k] = agent.act(now[k], memories[k])
                taken.append(action.value)
            action, memory = fixed.act(still, memory)
            done = torch.cat([*taken, action.value]).index_select(0, self.order)
            steps, _ = self.arena.step(dict(zip(self.seats, map(Action, done.view(2, -1).unbind()), strict=True)))
            total += torch.cat([step.reward for step in steps.values()])
            following = [seen_from(steps, where.index) for where, _ in self.tables]
            still = seen_from(steps, self.fixed)
            for k, (where, agent) in enumerate(self.tables):
                self._learn_step(where, agent, (now[k], following[k]), done)
            now = following
        self._learn_episode(number)
        return total / self.steps

    def _learn_step(self, where: Places, agent: Agent, steps: tuple[TimeStep, TimeStep], done: Tensor) -> None:
        """A learner with tables learns from its transitions, and from its partners' actions where it needs them."""
        segment = stack_timesteps(steps)
        seats = {where.seat: Trajectory(segment, Action(done.index_select(0, where.index).unsqueeze(0)))}
        if "joint" in agent.needs_to_learn:
            partner = done.index_select(0, self.partner.index_select(0, where.index))
            # the learner does not use the partner's view: it is the own view with the actions exchanged
            seats[self._other(where.seat)] = Trajectory(segment, Action(partner.unsqueeze(0)))
        agent.learn(JointTrajectory(seats), LearningContext((where.seat,), 0, 0))

    def _learn_episode(self, number: int) -> None:
        """Every exact learner makes a step from the policies as they are now, all at once."""
        shown = torch.cat([table(where, agent) for where, agent in (*self.tables, *self.exact)])
        peers = shown.index_select(0, self.order).index_select(0, self.partner)
        for where, agent in self.exact:
            peer = TablePolicy.of(peers.index_select(0, where.index))
            context = LearningContext((where.seat,), 0, number, {self._other(where.seat): peer}, self.simulator)
            agent.learn(JointTrajectory({}), context)

    def _other(self, seat: str) -> str:
        return self.seats[1 - self.seats.index(seat)]


def seen_from(steps: TimeSteps, index: Tensor) -> TimeStep:
    """What is seen in the places `index`. All episodes begin and end together, so that one seat's flags serve all."""
    seats = list(steps.values())
    observation = torch.cat([step.observation for step in seats]).index_select(0, index)
    reward = torch.cat([step.reward for step in seats]).index_select(0, index)
    discount, first, last, active = (getattr(seats[0], name)[: len(index)] for name in _FLAGS)
    return TimeStep(observation, None, reward, discount, first, last, active)


@torch.no_grad()
def table(where: Places, agent: Agent) -> Tensor:
    """Action probabilities float64 [n, S, A] that an agent plays in each of its places."""
    policy = agent.policy(where.seat)
    assert policy is not None and policy.memoryless
    return table_of(policy, agent.seat_spec())
