"""What figures about learners in battles share: a run that is tested by whole frozen games as it goes."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Mapping

from agents.protocol import Agent
from agents.randomness import derive_rows
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers.figure import Json, Tell
from zoo.play.episodes import Played, play_episodes
from zoo.play.seating import Seated
from zoo.training.plan import Plan, set_up

#: Makes something of the test games beside the share that was won: from the learners by seat, and the games.
Watch = Callable[[Mapping[str, Agent], Played], Json]


def learn(
    tell: Tell, agent: str, arena: list[str], steps: int, points: int, games: int, seed: int, watch: Watch | None = None
) -> Json:
    """Train an agent by itself, and test it `points` times on `games` whole games in which nobody explores.

    Args:
        tell: is told how many steps are done.
        agent: an entrant, with its settings.
        arena: the name of a game with the metric "won", and its settings.
        steps: environment steps in all.
        points: tests, evenly spaced, the last at the end.
        games: in a test; of the same luck every time.
        seed: all luck of the run.
        watch: what else to keep of each test.

    Returns:
        `steps` learned from at each test, `won` the share of games won there, `seen` what `watch` gave, `cpu_s`.
    """
    started = time.process_time()
    plan = Plan(agent, ArenaChoice(arena[0], tuple(arena[1:])), steps=steps, copies=32, length=32, seed=seed)
    setting = set_up(plan)
    test = Venue(plan.arena).make(games, plan.device)
    luck = derive_rows(seed, games, "test")
    at = [math.ceil(setting.rounds * (n + 1) / points) for n in range(points)]
    found: dict[str, Json] = {"steps": [], "won": [], "seen": []}
    for number, _ in enumerate(itertools.islice(setting.table, setting.rounds)):
        done = number + 1
        if done in at:
            seated = Seated(test, setting.learners, dict.fromkeys(setting.learners, 0), seed)
            played = play_episodes(seated, luck)
            won = next(iter(played.metrics.values()))["won"]
            found["steps"].append(done * setting.table.steps_per_round)
            found["won"].append(float(won.double().mean()))
            if watch is not None:
                found["seen"].append(watch(setting.learners, played))
        tell(done, setting.rounds)
    return {**found, "cpu_s": time.process_time() - started}
