"""How fast this installation is: arenas, agents, matches, learning and ratings, in CPU time of one thread.

The particle worlds are measured beside mpe2's own loop, in whichever of its two forms is the faster one.

Every figure is the median of several repeats, each of which lasts long enough for the clock. Actions are drawn
beforehand, so that the arena is measured and not its players.

Above 400 lines: one measurement after another, each of which is short.
"""

from __future__ import annotations

import importlib
import itertools
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
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
from zoo.bench import apart
from zoo.bench import training as bench_training
from zoo.entry.catalogue import refusal
from zoo.entry.declared import panel_for
from zoo.entry.entrant import Entrant
from zoo.entry.registry import AGENTS, LIBRARIES, AgentEntry, library, load_agent, load_arena, names
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.matches.tournament import prepare
from zoo.play.episodes import play_episodes
from zoo.play.luck import seatings
from zoo.play.seating import Seated
from zoo.play.table import Table

ARENAS = ("coin", "ipd")  # where arenas are measured, and agents in the first that they can play
COPIES = (1, 64, 4096)
PARTICLES = {"spread": "simple_spread_v3", "tag": "simple_tag_v3"}  # measured beside mpe2's module of that name
PARTICLE_COPIES = (1, 64, 1024)
BATTLE = ("skirmish", "2s3z")  # and its scenario, measured beside its own PettingZoo face
BATTLE_COPIES = (1, 256)
HANABI, HANABI_COPIES = ("mini", "full"), (256, 4096)
OPENSPIEL = 55_000.0  # steps per CPU second of OpenSpiel's Hanabi with one observation, as measured once
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
    of_agents = len(agents) + sum(agent.learns for agent in agents) + sum(map(_imagines, agents))
    return (
        len(ARENAS) * len(COPIES)
        + 1
        + len(PARTICLES) * (1 + len(PARTICLE_COPIES))
        + (1 + len(BATTLE_COPIES))
        + len(HANABI) * len(HANABI_COPIES)
        + of_agents
        + 2  # MADDPG's training
        + 1  # COMA's
        + 1  # planning
        + 1  # rating
        + apart.count()
    )


def measure(quick: bool = False) -> Iterator[Speed]:
    """All measurements, one after another; `quick` repeats less."""
    clock = Clock(3, 0.02) if quick else Clock()
    once = Clock(1 if quick else 3, 0.0)
    rates: dict[tuple[str, int], float] = {}
    for name, copies in itertools.product(ARENAS, COPIES):
        call = clock.seconds(stepping(load_arena(name).make(copies)))
        rates[name, copies] = copies / call
        yield Speed("arena", name, {"copies": copies, "steps / CPU s": copies / call, "us / call": 1e6 * call})
    face = 1 / clock.seconds(parallel_loop(parallel_env(load_arena(ARENAS[0]).factory)))
    faster = {f"{copies:,} copies: times faster": rates[ARENAS[0], copies] / face for copies in (COPIES[0], COPIES[-1])}
    yield Speed("face", ARENAS[0], {"steps / CPU s": face, **faster})
    for name in PARTICLES:
        yield from _particles(name, clock)
    yield from _battle(clock)
    yield from _hanabi(clock)
    entries = [load_agent(name) for name in names(AGENTS)]
    yield from (Speed("agent", entry.name, _agent(entry, clock, once)) for entry in entries)
    rounds = once if quick else Clock(3, 0.3)
    yield from (Speed("learning", entry.name, _learning(entry, rounds)) for entry in entries if entry.agent.learns)
    plain, updates = once.seconds(plain_update(*IMAGINED)), Clock(1 if quick else 5, 0.0)
    imagining = [entry for entry in entries if _imagines(entry.agent)]
    yield from (Speed("imagining", entry.name, _update(entry, updates, plain)) for entry in imagining)
    yield from _training(once)
    yield _coma(once)
    yield Speed("planning", f"{FIELD} entrants in {PLANNED}", _planning())
    yield from (Speed(*measured) for measured in apart.measure(quick))
    counts = synthetic_results()
    fitting = 1e3 * clock.seconds(lambda: fit(counts))
    yield Speed("rating", "fit", {"players": PLAYERS, "results": RESULTS, "ms": fitting})


def stepping(arena: Arena) -> Callable[[], object]:
    """One step of an arena under actions drawn beforehand; time steps of all seats are made."""
    arena.reset(derive_rows(0, arena.batch_size))

    def joint(number: int) -> dict[str, Action]:
        luck = {seat: bits(derive_rows(1, arena.batch_size, seat), number) for seat in arena.spec.seats}
        return {seat: Action(below(luck[seat], spec.actions)) for seat, spec in arena.spec.seats.items()}

    drawn = [joint(number) for number in range(_JOINT)]
    following = itertools.cycle(drawn)
    return lambda: arena.step(next(following))


def parallel_loop(env: Any) -> Callable[[], object]:
    """One step of PettingZoo's own loop in a parallel environment; a finished episode is reset on the way."""
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


def _battle(clock: Clock) -> Iterator[Speed]:
    """Steps of the battle in PettingZoo's own loop and in batches; observations, masks and the state are made."""
    name, scenario = BATTLE
    entry = load_arena(name, [f"scenario={scenario}"])
    face = clock.seconds(parallel_loop(parallel_env(entry.factory, scenario=scenario)))

    def line(label: str, copies: int, call: float) -> Speed:
        figures = {"copies": copies, "environment steps / CPU s": copies / call, "us / call": 1e6 * call}
        return Speed("battle", f"{name} {scenario}{label}", {**figures, "times PettingZoo": copies * face / call})

    yield line(", PettingZoo", 1, face)
    for copies in BATTLE_COPIES:
        yield line("", copies, clock.seconds(stepping(entry.make(copies))))


def _hanabi(clock: Clock) -> Iterator[Speed]:
    """Steps of Hanabi in batches; observations of all seats, masks, the state and what is public are made."""
    for variant, copies in itertools.product(HANABI, HANABI_COPIES):
        call = clock.seconds(stepping(load_arena("hanabi", [f"variant={variant}"]).make(copies)))
        rate = copies / call
        figures = {
            "copies": copies,
            "steps / CPU s": rate,
            "us / call": 1e6 * call,
            "times OpenSpiel": rate / OPENSPIEL,
        }
        yield Speed("hanabi", f"hanabi {variant}", figures)


def _training(clock: Clock) -> Iterator[Speed]:
    """MADDPG on spread, plain and ours."""
    play, steps = bench_training.rounds()
    plain = 100 / clock.seconds(bench_training.plain())
    ours = steps / clock.seconds(play)
    for name, rate in (("plain, one mpe2 environment", plain), (f"ours, {bench_training.COPIES} copies", ours)):
        yield Speed("training", name, {"environment steps / CPU s": rate, "times plain": rate / plain})


def _coma(clock: Clock) -> Speed:
    """COMA on 2s3z, beside what was measured of a library."""
    play, steps = bench_training.battle_rounds()
    rate = steps / clock.seconds(play)
    figures = {"environment steps / CPU s": rate, "EPyMARL's": bench_training.EPYMARL}
    return Speed(
        "battle training",
        f"COMA, {bench_training.BATTLE_COPIES} copies",
        {**figures, "times EPyMARL": rate / bench_training.EPYMARL},
    )


def mpe2_parallel_loop(module: str) -> Callable[[], object]:
    """One step of all agents of mpe2's parallel environment."""
    return parallel_loop(importlib.import_module(f"mpe2.{module}").parallel_env())


def mpe2_aec_loop(module: str) -> Callable[[], object]:
    """One step of all agents of mpe2's AEC environment, each shown its observation before; resets as above."""
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


def _agent(entry: AgentEntry, clock: Clock, once: Clock) -> dict[str, float]:
    """Microseconds per `act` at several batch sizes, and whole episodes against itself per CPU second."""
    place = _place(entry)
    if place is None:
        return {}
    game = load_arena(place)
    figures = {f"B = {copies}": 1e6 * clock.seconds(acting(entry, game.make(copies))) for copies in BATCHES}
    arena, episodes = game.make(BLOCK), derive_rows(0, BLOCK)
    rotation = dict.fromkeys(arena.spec.seats, 0)
    taken = once.seconds(lambda: play_episodes(Seated(arena, _fresh(entry, arena), rotation), episodes))
    figures["episodes / CPU s"] = BLOCK / taken
    return figures


def _planning() -> dict[str, float]:
    """CPU seconds for planning all pairs of many entrants, reading them included; nothing without a library of them."""
    try:
        texts = [f"{scheme}:{name}" for scheme in LIBRARIES for name in library(scheme).names()]
    except UserError:
        return {}
    started = time.process_time()
    venue, entering = Venue(ArenaChoice(PLANNED)), []
    for text in texts:
        with suppress(UserError):  # it cannot play there
            venue.entrant(text)
            entering.append(text)
        if len(entering) == FIELD:
            break
    with Store(":memory:") as store:
        plan = prepare(venue, entering, store, panel_for(venue))
    return {"pairings": len(plan.pairings), "blocks": len(plan.tasks), "CPU s": time.process_time() - started}


def _fresh(entry: AgentEntry, arena: Arena) -> dict[str, Agent]:
    """A fresh team of the agent in all seats."""
    return Entrant(entry.name, entry, entry.agent.Config(), None).agents(arena.spec, tuple(arena.spec.seats), 0)


def acting(entry: AgentEntry, arena: Arena) -> Callable[[], object]:
    """One `act` of a fresh agent in the arena's first seat, on its first time step."""
    seat = next(iter(arena.spec.seats))
    agent = _fresh(entry, arena)[seat]
    steps, _ = arena.reset(derive_rows(0, arena.batch_size))
    memory = agent.begin(seatings({seat: 0}, derive_rows(0, arena.batch_size))[seat])
    return lambda: agent.act(steps[seat], memory)


def _with_and_without(
    entry: AgentEntry, arena: Arena, seats: Sequence[str], length: int, clock: Clock, warmup: int
) -> tuple[float, float]:
    """CPU seconds of a round of self-play in which the agents in some seats learn, and of one in which nobody does."""
    team = _fresh(entry, arena)
    learning, idle = (Table(arena, arena.spec.name, team, who, length=length) for who in (seats, ()))
    for _ in range(warmup):
        learning.play_round()
    return clock.seconds(learning.play_round), clock.seconds(idle.play_round)


def _learning(entry: AgentEntry, clock: Clock) -> dict[str, float]:
    """Rounds of self-play per CPU second under default settings, and the share of the time that learning took."""
    place = _place(entry)
    if place is None:
        return {}
    copies, length = ROUND
    arena = load_arena(place).make(copies)
    # after three rounds, learners that wait for a full memory have begun
    whole, played = _with_and_without(entry, arena, tuple(arena.spec.seats), length, clock, warmup=3)
    return {
        "rounds / CPU s": 1 / whole,
        "steps / CPU s": copies * length / whole,
        "learning %": 100 * (1 - played / whole),
    }


def _imagines(agent: type[Agent]) -> bool:
    """Whether its updates roll out games of their own."""
    return "simulator" in agent.needs_to_learn and "value" not in agent.needs  # exact learners roll nothing out


def _update(entry: AgentEntry, clock: Clock, plain: float) -> dict[str, float]:
    """CPU seconds of one agent's update under default settings, its roll-outs included, beside a plain one's."""
    copies, length = IMAGINED
    arena = load_arena("ipd").make(copies)
    if refusal(entry, arena):
        return {}
    # who learns may also be what plays, so one round is taken less another without learning
    whole, played = _with_and_without(entry, arena, tuple(arena.spec.seats)[:1], length, clock, warmup=0)
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
    info = Path("/proc/cpuinfo")  # of Linux; elsewhere the platform module knows as much as there is
    lines = info.read_text().splitlines() if info.is_file() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return {
        "cpu": next(models, "") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
    }
