"""LOLA's round robin among the learners of its time: figure 4 of the paper.

Every learner meets every other and its like, 21 pairings of six learners, in episodes of 200 steps. Those with tables
learn from every transition as it happens; the exact learners make one step after each episode, as in the paper's code.
All pairings and all seeds are played at once: each learner is one agent whose replicas sit in its places. A learner
with tables knows its own view of the game and not its seat, so that one agent sits in both.

A seed is one tournament from the beginning. What counts is the reward per step, averaged over a learner's six partners;
where it meets its like, both seats are averaged.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agents.parts.policies.table import TablePolicy, table_of
from agents.protocol import Agent, JointTrajectory, LearningContext, Seating, Trajectory
from agents.randomness import derive, derive_rows
from agents.rollout import stack_timesteps
from arenas.protocol import Action, TimeStep, TimeSteps
from leaderboard.report import plots
from leaderboard.statistics import estimate
from zoo.entry.registry import load_agent, load_arena
from zoo.papers.figure import Figure, FigureRow, Json, Part, Reproduction, Results, Tell, seed_words

EPISODES, STEPS, GAMMA = 1000, 200, 0.96
QUICK = 100  # episodes
POINTS = 50  # of a curve
#: Learners with tables, who learn from every transition, and exact ones, who learn from every episode.
ONLINE = ("independent-q", "jal-q", "phc", "wolf-phc")
EXACT = ("naive-exact", "lola-exact")
LEARNERS = (*ONLINE, *EXACT)
PAPER = dict(zip(LEARNERS, ("NL-Q", "JAL-Q", "PHC", "WoLF-PHC", "NL-Ex", "LOLA-Ex"), strict=True))
PAIRS = tuple(itertools.combinations_with_replacement(LEARNERS, 2))
GAMES = {"ipd": "Iterated prisoner's dilemma", "imp": "Iterated matching pennies"}
STATEMENTS = {
    "ipd": "LOLA has the highest average",
    "imp": "LOLA is mid-field, all within error bars",
}


@dataclass(frozen=True)
class Places:
    """Where one agent sits: `index` long [n] into the places of all, seat * R * 21 + seed * 21 + pairing."""

    learner: str
    seat: str  # whose agent it is; learners with tables sit in both
    index: Tensor


def places(learner: str, seats: Sequence[str], spec_seats: Sequence[str], seeds: int) -> Places:
    """The places of a learner in `seats`, ordered by seed, so that those of a seed do not depend on how many follow."""
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
    """

    def __init__(self, game: str, seeds: int, steps: int) -> None:
        self.arena = load_arena(game, [f"gamma={GAMMA}", f"max_steps={steps}"]).make(seeds * len(PAIRS))
        self.simulator = self.arena.twin(1)
        self.seats, self.steps = tuple(self.arena.spec.seats), steps
        self.tables = [self._enter(places(who, self.seats, self.seats, seeds)) for who in ONLINE]
        self.exact = [self._enter(places(who, (seat,), self.seats, seeds)) for who in EXACT for seat in self.seats]
        self.fixed = torch.cat([where.index for where, _ in self.exact])  # places of those who learn from episodes
        self.order = torch.cat([*(where.index for where, _ in self.tables), self.fixed]).argsort()
        self.count = len(self.order)
        self.partner = torch.arange(self.count).roll(self.arena.batch_size)

    def _enter(self, where: Places) -> tuple[Places, Agent]:
        """An agent with a replica for each of its places."""
        entry, seed = load_agent(where.learner), derive(0, "tournament", where.learner, where.seat)
        config, copies = entry.config([]), len(where.index)
        return where, entry.agent.make(self.arena.spec, (where.seat,), config, seed, replicas=copies)

    def episode(self, number: int) -> Tensor:
        """Play and learn through one episode; the mean reward per step of every place, float64 [2 R 21]."""

        def seating(where: Places) -> Seating:
            luck = derive_rows(0, len(where.index), "tournament", where.learner, where.seat, number)
            return Seating(where.seat, luck, luck, training=True)

        memories = [agent.begin(seating(where)) for where, agent in self.tables]
        # who learns from episodes plays one policy throughout
        fixed = TablePolicy.of(torch.cat([table(where, agent) for where, agent in self.exact]))
        luck = torch.cat([seating(where).seed for where, _ in self.exact])
        memory = fixed.begin(Seating(self.seats[0], luck, luck))
        steps, _ = self.arena.reset(derive_rows(0, self.arena.batch_size, "tournament", number))
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
        """A learner with tables learns from its transitions, and from what its partners did where it needs that."""
        segment = stack_timesteps(steps)
        seats = {where.seat: Trajectory(segment, Action(done.index_select(0, where.index).unsqueeze(0)))}
        if "joint" in agent.needs_to_learn:
            partner = done.index_select(0, self.partner.index_select(0, where.index))
            # of the partner's view nothing is used: it is the own one with the actions exchanged
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
    """What is seen in the places `index`. Episodes of all rows begin and end together, so that flags are only cut."""
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


def tournament(tell: Tell, game: str, seeds: int, episodes: int, steps: int) -> Json:
    """Reward per step of every learner and in every pairing, all seeds at once.

    Returns:
        `learners`: learner -> [R][POINTS], mean over its partners in each stretch of the episodes, and `pairs`:
        "A/B" -> for A and for B [R], over the last tenth of the episodes. `all` and `last` are means [R] of the
        learners over all episodes and the last tenth.
    """
    hall = Hall(game, seeds, steps)
    played = []
    for number in range(episodes):
        played.append(hall.episode(number).view(2, seeds, len(PAIRS)))
        tell(number + 1, episodes)
    values: NDArray[np.float64] = torch.stack(played).numpy()  # [episodes, 2, R, 21]
    tail = max(1, episodes // 10)
    own = {who: average(values, who) for who in LEARNERS}  # [episodes, R]
    stretches = np.array_split(np.arange(episodes), min(POINTS, episodes))
    return {
        "at": [float(stretch.mean()) + 1 for stretch in stretches],
        "learners": {who: np.array([v[stretch].mean(0) for stretch in stretches]).T.tolist() for who, v in own.items()},
        "all": {who: v.mean(0).tolist() for who, v in own.items()},
        "last": {who: v[-tail:].mean(0).tolist() for who, v in own.items()},
        "pairs": {"/".join(pair): values[-tail:, :, :, number].mean(0).tolist() for number, pair in enumerate(PAIRS)},
    }


def average(values: NDArray[np.float64], who: str) -> NDArray[np.float64]:
    """A learner's reward per step [episodes, R], its six partners alike, from that of all places."""
    means = []
    for number, pair in enumerate(PAIRS):
        seats = [seat for seat in (0, 1) if pair[seat] == who]
        if seats:
            means.append(values[..., number][:, seats].mean(1))
    return np.asarray(np.mean(means, axis=0))


class LolaTournament(Figure):
    """The round robin of six learners in two games."""

    name = "lola-tournament"
    unit = "episodes"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """One for each game; all seeds of it are played at once."""
        episodes = QUICK if quick else EPISODES
        return [
            Part(game, tournament, {"game": game, "seeds": seeds, "episodes": episodes, "steps": STEPS})
            for game in GAMES
        ]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """Every learner's average in both games, and how LOLA stands among the others."""
        results = {part.settings["game"]: result for part, result in done}
        rows = [row for game, result in results.items() for row in _rows(game, result)]
        notes = [
            *(_standing(game, result) for game, result in results.items()),
            "The paper gives a figure and no numbers: what it says of it stands beside ours in words.",
            "Reward per step, averaged over six partners (itself among them) and 200 steps; a row is the mean over all"
            " episodes, its note that over the last tenth.",
            "NL-Q, JAL-Q, PHC and WoLF-PHC learn from every transition with the step sizes of the paper's code, and"
            " explore with probability 0.05; the exact learners make one step after each episode (delta = eta = 1) from"
            " the policies that are played, exploration included.",
            "The paper's code shows both seats the same view of the state, and shows LOLA a Q-learner's softmax; here"
            " every seat has its own view, and what is shown is what is played.",
        ]
        settings = {
            "episodes": EPISODES if not quick else QUICK,
            "steps": STEPS,
            "gamma": GAMMA,
            "learners": [f"{PAPER[who]} = {who}" for who in LEARNERS],
        }
        return Reproduction(rows, settings, seed_words(seeds), notes, {"games": _curves(results)})

    def plot(self, report: Reproduction) -> plots.Plot:
        """A panel for each game, reward per step against episodes."""
        plot, axes = plots.panels(2)
        for panel, (game, shown) in zip(axes, report.data["games"].items(), strict=True):
            for colour, who in zip(plots.COLOURS, LEARNERS, strict=False):
                style = "-" if who in EXACT else "--"
                plots.curve(panel, shown["at"], **shown["lines"][who], label=PAPER[who], colour=colour, style=style)
            panel.set(xlabel="episodes", title=GAMES[game])
        axes[0].set_ylabel("reward per step, mean over partners")
        plots.legend_below(plot, axes, 6)
        return plot


def _ranking(result: Mapping[str, Any]) -> list[str]:
    """The learners, who earned most first."""
    return sorted(LEARNERS, key=lambda who: -float(np.mean(result["all"][who])))


def _rows(game: str, result: Mapping[str, Any]) -> list[FigureRow]:
    group = f"{GAMES[game]}: average over partners"
    rows = []
    for who in _ranking(result):
        note = f"last tenth {np.mean(result['last'][who]):+.3f}"
        rows.append(FigureRow(PAPER[who], estimate.t(result["all"][who]), group=group, better="higher", note=note))
    return rows


def _standing(game: str, result: Mapping[str, Any]) -> str:
    """What the paper says of LOLA in this game, and where it stands here."""
    lola, order = EXACT[-1], _ranking(result)
    best = next(who for who in order if who != lola)
    ahead = estimate.t(np.array(result["all"][lola]) - np.array(result["all"][best]))
    interval = "" if ahead.low is None or ahead.high is None else f" [{ahead.low:+.3f}, {ahead.high:+.3f}]"
    return (
        f"{GAMES[game]}. Paper: {STATEMENTS[game]}. Ours: {PAPER[lola]} is number {order.index(lola) + 1} of"
        f" {len(order)}, by {ahead.mean:+.3f}{interval} per step against the best of the others, {PAPER[best]}, paired"
        " by seed."
    )


def _curves(results: Mapping[str, Any]) -> Json:
    """By game the learners' curves with their intervals over seeds, and the averages per seed and pairing."""
    return {
        game: {
            "at": result["at"],
            "lines": {
                who: plots.line_of([estimate.t(column) for column in np.array(runs).T])
                for who, runs in result["learners"].items()
            },
            **{name: result[name] for name in ("all", "last", "pairs")},
        }
        for game, result in results.items()
    }


FIGURE = LolaTournament()
