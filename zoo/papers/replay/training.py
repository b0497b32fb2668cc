"""The runs of chapter 5 in small: independent DQN in a battle, with one way of replaying and one kind of network.

What the paper says is kept: 128 units, epsilon from 1 to .02 in three fifths of the training, and for every episode an
update on 30 / n episodes drawn from the replay, n units a team. Its 2,500 episodes are 75,000 steps here, as episodes
have about 30. So many copies of the battle are played at once, which makes play cheap: the policy stays as it is for a
round, and the updates of its steps follow one after another.
"""

from __future__ import annotations

from typing import Any

from agents.protocol import Agent
from agents.randomness import derive, derive_rows
from arenas.skirmish.units import UNITS
from zoo.entry.registry import load_agent
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers.battles import won
from zoo.papers.figure import Tell
from zoo.play.episodes import play_episodes
from zoo.play.seating import Seated
from zoo.play.table import Table

#: Replay -> its name in the figure.
NAMES = {"none": "NOXP", "plain": "XP", "importance": "XP+IS", "fingerprint": "XP+FP", "both": "XP+IS+FP"}
EPISODES, STEPS = 2500, 30  # the paper's, and steps of one of ours, about
COPIES = 16
BEST = 20.0  # the best return, by which ours are scaled: the paper's curves end near it
SCENARIOS = {3: "3m", 5: "5m"}


class Run:
    """One training that can be stopped at stages and looked at.

    Args:
        units: n, of a team.
        recurrent: a GRU, or two layers.
        replay: a key of `NAMES`.
        seed: all luck.
        episodes: how long it trains.
    """

    def __init__(self, units: int, recurrent: bool, replay: str, seed: int, episodes: int) -> None:
        self.venue = Venue(ArenaChoice("skirmish", (f"scenario={SCENARIOS[units]}", "reward=thesis")))
        self.seed, steps = seed, episodes * STEPS
        arena, entry = self.venue.make(COPIES), load_agent("iql")
        length = arena.spec.max_steps
        self.rounds = steps // (COPIES * length)
        batch = 30 // units * STEPS
        texts = [
            "share=true",
            "double=true",
            "hidden=128",
            "lr=0.0005",
            "tau=0.01",
            "warmup=1000",
            "epsilon=1",
            "epsilon_last=0.02",
        ]
        texts += [f"replay={replay}", f"recurrent={'true' if recurrent else 'false'}", f"sequence={length}"]
        texts += [f"rate={1 / STEPS}", f"batch={batch}", f"capacity={steps + batch}"]
        texts += [f"epsilon_steps={steps * 3 // 5}", f"iterations={self.rounds}"]
        seats = tuple(arena.spec.seats)
        self.agent: Any = entry.agent.make(arena.spec, seats, entry.config(texts), derive(seed, "agent"))
        self.players: dict[str, Agent] = dict.fromkeys(seats, self.agent)
        self.table = Table(arena, self.venue.identity, self.players, seats, seed=derive(seed, "table"))
        marine, n = UNITS["marine"].health, len(seats)
        self.scale = BEST / (2 * n * marine + 10 * n + 200)  # all damage and no loss, the kills, and the victory

    def train(self, until: int, tell: Tell) -> None:
        """Play rounds until so many have been played."""
        while self.table.update < until:
            self.table.play_round()
            tell(self.table.update, self.rounds)

    def test(self, episodes: int) -> dict[str, float]:
        """Return, scaled, and share of battles won without exploration."""
        seated = Seated(self.venue.arena(episodes), self.players, dict.fromkeys(self.players, 0))
        played = play_episodes(seated, derive_rows(self.seed, episodes, "test", self.table.update))
        first = self.agent.seats[0]
        return {
            "return": float(played.returns[first].mean()) * self.scale,
            "won": float(won(played).double().nanmean()),
        }
