"""How fast this installation is: arenas, agents, matches, learning and ratings, in CPU time of one thread.

The particle worlds are measured beside mpe2's own loop, in whichever of its two forms is the faster one.

Every figure is the median of several repeats, each of which lasts long enough for the clock. Actions are drawn
beforehand and given, so that an arena is measured and not its players.
"""

from __future__ import annotations

import importlib
import itertools
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agents.protocol import Agent
from agents.randomness import derive_rows
from arenas.foreign.face import parallel_env
from arenas.luck import below, bits
from arenas.protocol import Action, Arena
from leaderboard.statistics.counts import Counts
from leaderboard.statistics.rating import fit
from leaderboard.store.store import Store
from zoo.bench import training as bench_training
from zoo.entry.catalogue import refusal
from zoo.entry.entrant import Entrant
from zoo.entry.registry import AGENTS, LIBRARIES, AgentEntry, library, load_agent, load_arena, names
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.matches.tournament import prepare
from zoo.play.episodes import play_episodes
from zoo.play.seating import Seated, seatings
from zoo.play.table import Table

ARENAS = ("coin", "ipd")  # where arenas are measured, and agents in the first that they can play
COPIES = (1, 64, 4096)
PARTICLES = {"spread": "simple_spread_v3", "tag": "simple_tag_v3"}  # measured beside mpe2's module of that name
PARTICLE_COPIES = (1, 64, 1024)
BATCHES = (1, 64, 1000)
BLOCK = 250  # episodes of a match
ROUND = (64, 32)  # copies and steps of a round of learning
IMAGINED = (128, 150)  # copies and steps of the games that an update imagines
PLAYERS, RESULTS = 50, 5000
FIELD, PLANNED = 216, "ipd"  # entrants of a tournament that is planned, and where
_JOINT = 64  # joint actions drawn beforehand


@dataclass(frozen=True)
class Speed:
    """One line of the report: figures by column, in the units that the column's heading names."""

    group: str
    name: str
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Clock:
    """Repeats work and takes the median.

    Attributes:
        repeats: how often a figure is taken.
        lasting: CPU seconds that each of them lasts at least.
    """

    repeats: int = 5
    lasting: float = 0.06

    def seconds(self, work: Callable[[], object]) -> float:
        """CPU seconds of one call."""
        work()  # the first call pays for what is made once
        times, calls = 1, self._timed(work, 1)
        while calls < self.lasting:
            times = max(times + 1, int(1.2 * times * self.lasting / max(calls, 1e-6)))
            calls = self._timed(work, times)
        return statistics.median([calls, *(self._timed(work, times) for _ in range(self.repeats - 1))]) / times

    @staticmethod
    def _timed(work: Callable[[], object], times: int) -> float:
        started = time.process_time()
        for _ in range(times):
            work()
        return time.process_time() - started


def count() -> int:
    """How many measurements `measure` takes."""
    agents = [load_agent(name).agent for name in names(AGENTS)]
    learners = sum(agent.learns for agent in agents)
    imagining = sum(_imagines(agent) for agent in agents)
    particles = len(PARTICLES) * (1 + len(PARTICLE_COPIES))
    return len(ARENAS) * len(COPIES) + 1 + particles + len(agents) + learners + imagining + 2 + 1 + 1


def measure(quick: bool = False) -> Iterator[Speed]:
    """All measurements, one after another; `quick` repeats less."""
    clock = Clock(3, 0.02) if quick else Clock()
    rates: dict[tuple[str, int], float] = {}
    for name, copies in itertools.product(ARENAS, COPIES):
        call = clock.seconds(stepping(load_arena(name).make(copies)))
        rates[name, copies] = copies / call
        yield Speed("arena", name, {"copies": copies, "steps / CPU s": copies / call, "us / call": 1e6 * call})
    face = 1 / clock.seconds(pettingzoo_loop(ARENAS[0]))
    faster = {f"{copies:,} copies: times faster": rates[ARENAS[0], copies] / face for copies in (COPIES[0], COPIES[-1])}
    yield Speed("face", ARENAS[0], {"steps / CPU s": face, **faster})
    for name in PARTICLES:
        yield from _particles(name, clock)
    for name in names(AGENTS):
        yield Speed("agent", name, _agent(load_agent(name), clock, quick))
    for name in names(AGENTS):
        if load_agent(name).agent.learns:
            yield Speed("learning", name, _learning(load_agent(name), quick))
    plain = Clock(1 if quick else 3, 0.0).seconds(plain_update(*IMAGINED))
    for name in names(AGENTS):
        if _imagines(load_agent(name).agent):
            yield Speed("imagining", name, _update(load_agent(name), quick, plain))
    yield from _training(Clock(1, 0.0) if quick else Clock(3, 0.0))
    yield Speed("planning", f"{FIELD} entrants in {PLANNED}", _planning())
    counts = synthetic_results()
    yield Speed(
        "rating", "fit", {"players": PLAYERS, "results": RESULTS, "ms": 1e3 * clock.seconds(lambda: fit(counts))}
    )


def stepping(arena: Arena) -> Callable[[], object]:
    """One step of an arena under actions drawn beforehand; time steps of all seats are made."""
    arena.reset(derive_rows(0, arena.batch_size))
    drawn: list[dict[str, Action]] = []
    for number in range(_JOINT):
        actions = {}
        for seat, spec in arena.spec.seats.items():
            luck = bits(derive_rows(1, arena.batch_size, seat), number)
            actions[seat] = Action(below(luck, spec.actions))
        drawn.append(actions)
    following = itertools.cycle(drawn)
    return lambda: arena.step(next(following))


def pettingzoo_loop(name: str) -> Callable[[], object]:
    """One step of PettingZoo's own loop in an arena's parallel face; a finished episode is reset on the way."""
    env = parallel_env(load_arena(name).factory)
    env.reset(seed=0)
    following = itertools.cycle(_drawn_for(env))

    def step() -> None:
        if not env.agents:
            env.reset()
        env.step(next(following))

    return step


def _particles(name: str, clock: Clock) -> Iterator[Speed]:
    """mpe2's own loop, the faster of its two forms, and the arena's steps in several numbers of copies."""
    module = PARTICLES[name]
    loops = {"parallel": mpe2_parallel_loop, "AEC": mpe2_aec_loop}
    taken = {form: clock.seconds(loop(module)) for form, loop in loops.items()}
    form = min(taken, key=taken.__getitem__)
    agents = len(load_arena(name).make(1).spec.seats)

    def line(label: str, copies: int, call: float) -> Speed:
        figures = {"copies": copies, "agent-steps / CPU s": agents * copies / call, "us / call": 1e6 * call}
        return Speed("particle", label, {**figures, "times mpe2": copies * taken[form] / call})

    yield line(f"{module}, {form}", 1, taken[form])
    for copies in PARTICLE_COPIES:
        yield line(name, copies, clock.seconds(stepping(load_arena(name).make(copies))))


def _training(clock: Clock) -> Iterator[Speed]:
    """MADDPG on spread, plain and ours."""
    play, steps = bench_training.rounds()
    plain = 100 / clock.seconds(bench_training.plain())
    ours = steps / clock.seconds(play)
    for name, rate in (("plain, one mpe2 environment", plain), (f"ours, {bench_training.COPIES} copies", ours)):
        yield Speed("training", name, {"environment steps / CPU s": rate, "times plain": rate / plain})


def mpe2_parallel_loop(module: str) -> Callable[[], object]:
    """One step of all agents of mpe2's parallel environment; a finished episode is reset on the way."""
    env = importlib.import_module(f"mpe2.{module}").parallel_env()
    env.reset(seed=0)
    following = itertools.cycle(_drawn_for(env))

    def step() -> None:
        if not env.agents:
            env.reset()
        env.step(next(following))

    return step


def mpe2_aec_loop(module: str) -> Callable[[], object]:
    """One step of all agents of mpe2's AEC environment, each told its observation before; resets as above."""
    env = importlib.import_module(f"mpe2.{module}").env()
    env.reset(seed=0)
    following = itertools.cycle(_drawn_for(env))

    def step() -> None:
        if env.terminations[env.agent_selection] or env.truncations[env.agent_selection]:
            env.reset()
        for action in next(following).values():
            env.last()
            env.step(action)

    return step


def _drawn_for(env: Any) -> list[dict[str, int]]:
    """Joint actions for a PettingZoo environment, uniform, in the order of its agents."""
    draw = np.random.default_rng(0)
    widths = {agent: env.action_space(agent).n for agent in env.possible_agents}
    return [{agent: int(draw.integers(width)) for agent, width in widths.items()} for _ in range(_JOINT)]


def _place(entry: AgentEntry) -> str | None:
    """The first of `ARENAS` that an agent can play."""
    return next((name for name in ARENAS if not refusal(entry, load_arena(name).make(1))), None)


def _agent(entry: AgentEntry, clock: Clock, quick: bool) -> dict[str, float]:
    """Microseconds per `act` at several batch sizes, and whole episodes against itself per CPU second."""
    place = _place(entry)
    if place is None:
        return {}
    figures = {}
    for copies in BATCHES:
        arena = load_arena(place).make(copies)
        figures[f"B = {copies}"] = 1e6 * clock.seconds(acting(entry, arena))
    arena, episodes = load_arena(place).make(BLOCK), derive_rows(0, BLOCK)
    once = Clock(1 if quick else 3, 0.0)
    figures["episodes / CPU s"] = BLOCK / once.seconds(lambda: play_episodes(_seated(entry, arena), episodes))
    return figures


def _planning() -> dict[str, float]:
    """CPU seconds for planning all pairs of many entrants, reading them included; nothing without a library of them."""
    try:
        texts = [f"{scheme}:{name}" for scheme in LIBRARIES for name in library(scheme).names()]
    except UserError:
        return {}
    started = time.process_time()
    venue = Venue(ArenaChoice(PLANNED))
    with Store(":memory:") as store:
        plan = prepare(venue, list(itertools.islice(filter(partial(_enters, venue), texts), FIELD)), store)
    return {"pairings": len(plan.pairings), "blocks": len(plan.tasks), "CPU s": time.process_time() - started}


def _enters(venue: Venue, text: str) -> bool:
    """Whether an entrant can play there."""
    try:
        return bool(venue.id(text))
    except UserError:
        return False


def _fresh(entry: AgentEntry, arena: Arena) -> dict[str, Agent]:
    """A fresh team of the agent in all seats."""
    return Entrant(entry.name, entry, entry.agent.Config(), None).agents(arena.spec, tuple(arena.spec.seats), 0)


def acting(entry: AgentEntry, arena: Arena) -> Callable[[], object]:
    """One `act` of a fresh agent in the arena's first seat, on its first time step."""
    seat = next(iter(arena.spec.seats))
    agent = _fresh(entry, arena)[seat]
    told, _ = arena.reset(derive_rows(0, arena.batch_size))
    memory = agent.begin(seatings({seat: 0}, derive_rows(0, arena.batch_size))[seat])
    return lambda: agent.act(told[seat], memory)


def _seated(entry: AgentEntry, arena: Arena) -> Seated:
    return Seated(arena, _fresh(entry, arena), dict.fromkeys(arena.spec.seats, 0))


def _learning(entry: AgentEntry, quick: bool) -> dict[str, float]:
    """Rounds of self-play per CPU second under default settings, and the share of the time that learning took."""
    place = _place(entry)
    if place is None:
        return {}
    copies, length = ROUND
    arena = load_arena(place).make(copies)
    team = _fresh(entry, arena)
    learning = Table(arena, place, team, tuple(arena.spec.seats), length=length)
    idle = Table(arena, place, team, (), length=length)
    for _ in range(3):
        learning.play_round()  # learners that wait for a full memory begin
    clock = Clock(1 if quick else 3, 0.0 if quick else 0.3)
    whole, played = clock.seconds(learning.play_round), clock.seconds(idle.play_round)
    return {
        "rounds / CPU s": 1 / whole,
        "steps / CPU s": copies * length / whole,
        "learning %": 100 * (1 - played / whole),
    }


def _imagines(agent: type[Agent]) -> bool:
    """Whether its updates roll out games of their own."""
    return "simulator" in agent.needs_to_learn and "value" not in agent.needs  # exact learners roll nothing out


def _update(entry: AgentEntry, quick: bool, plain: float) -> dict[str, float]:
    """CPU seconds of one agent's update under default settings, its roll-outs included, beside a plain one's."""
    copies, length = IMAGINED
    arena = load_arena("ipd").make(copies)
    if refusal(entry, arena):
        return {}
    team = _fresh(entry, arena)
    seat = next(iter(arena.spec.seats))
    clock = Clock(1 if quick else 5, 0.0)
    # who learns may also be what plays, so one round is taken less another without learning
    whole, played = (
        clock.seconds(Table(arena, "ipd", team, seats, length=length).play_round) for seats in ([seat], [])
    )
    taken = max(whole - played, 1e-9)
    return {"CPU s / update": taken, "plain CPU s / update": plain, "times faster": plain / taken}


def plain_update(copies: int, length: int) -> Callable[[], object]:
    """One update with one look-ahead as scripts commonly write it, for comparison.

    Two roll-outs of the prisoner's dilemma between tables of five logits, step by step with a distribution object a
    seat and step and the game in numpy; DiCE with a baseline on the stacked log-probabilities.
    """
    bernoulli: Any = torch.distributions.Bernoulli
    pay = torch.tensor([-1.0, -3.0, 0.0, -2.0])
    tables = [torch.zeros(5, requires_grad=True) for _ in range(2)]
    value = torch.zeros(5)
    discount = 0.96 ** torch.arange(length).unsqueeze(-1)

    def objective(mine: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
        seen = [np.zeros(copies, dtype=np.int64) for _ in range(2)]
        log_probs, rewards, values = [], [], []
        for _ in range(length):
            done = []
            for table, state in zip((mine, theirs), seen, strict=True):
                chance = bernoulli(torch.sigmoid(table)[torch.from_numpy(state)])
                action = chance.sample()
                done.append((action.numpy().astype(np.int64), chance.log_prob(action)))
            values.append(value[torch.from_numpy(seen[0])])
            (a, log_a), (b, log_b) = done
            seen = [1 + 2 * a + b, 1 + 2 * b + a]
            log_probs.append(log_a + log_b)
            rewards.append(pay[torch.from_numpy(2 * a + b)])
        now = torch.stack(log_probs)
        past = now.cumsum(0)
        paid = ((past - past.detach()).exp() * discount * torch.stack(rewards)).sum(0).mean()
        return paid + ((1 - (now - now.detach()).exp()) * discount * torch.stack(values)).sum(0).mean()

    def update() -> torch.Tensor:
        (step,) = torch.autograd.grad(objective(tables[1], tables[0]), tables[1], create_graph=True)
        return torch.autograd.grad(objective(tables[0], tables[1] + 0.3 * step), tables[0])[0]

    return update


def synthetic_results() -> Counts:
    """Results of players whose skills lie evenly on a line, drawn with a fixed seed."""
    draw = np.random.default_rng(0)
    skill = np.linspace(-1, 1, PLAYERS)
    pairs = [draw.choice(PLAYERS, 2, replace=False) for _ in range(RESULTS)]
    gaps = [skill[i] - skill[j] + draw.normal() for i, j in pairs]
    outcomes = [0 if abs(gap) < 0.1 else int(np.sign(gap)) for gap in gaps]
    return Counts.of((f"player {i}", f"player {j}", o) for (i, j), o in zip(pairs, outcomes, strict=True))


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
    }


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")  # where Linux tells; elsewhere the platform module knows as much as there is
    lines = info.read_text().splitlines() if info.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
