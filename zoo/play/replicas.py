"""Many independent runs of the same learners at once: R replicas in one batch.

Replica r of either player depends on the seed and on r alone, but for rounding, and row b of the batch belongs to
replica b // copies, so that a hundred runs of exact learners cost little more than one. Rules that are compared on
equal seeds start from equal parameters, replica by replica.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from agents.parts.policies.table import table_of
from agents.protocol import Agent
from agents.randomness import derive
from arenas.protocol import Arena
from zoo.entry.entrant import Entrant
from zoo.entry.venue import ArenaChoice, Venue
from zoo.play.seating import memoryless_policies
from zoo.play.table import Sight, Table


@dataclass(frozen=True)
class Runs:
    """What R runs of some rounds gave.

    Attributes:
        values: seat -> float64 [rounds, R], return per step of the players as they played that round.
        exact: True where `values` are (1 - gamma) V of the infinite game, computed; else means of the rewards seen.
        players: seat -> the agent at the end, R learners in one.
        arena: one copy of the game.
    """

    values: dict[str, NDArray[np.float64]]
    exact: bool
    players: dict[str, Agent]
    arena: Arena

    def tail(self) -> dict[str, NDArray[np.float64]]:
        """Seat -> [R], the mean over the last tenth of the rounds."""
        return {seat: v[-last_tenth(len(v)) :].mean(0) for seat, v in self.values.items()}

    def mean(self) -> dict[str, NDArray[np.float64]]:
        """Seat -> [R], the mean over all rounds."""
        return {seat: v.mean(0) for seat, v in self.values.items()}

    def probabilities(self, seat: str) -> NDArray[np.float64]:
        """Action probabilities [R, O, A] of a seat's final policy at the O one-hot observations of a matrix game."""
        policy = self.players[seat].policy(seat)
        if policy is None or not policy.memoryless or "matrix" not in self.arena.spec.offers:
            raise ValueError(f"{seat} has no table of probabilities in {self.arena.spec.name}")
        return np.asarray(table_of(policy, self.arena.spec.seats[seat]).numpy())


def last_tenth(rounds: int) -> int:
    """How many rounds are the last tenth: at least one."""
    return max(1, rounds // 10)


def run_replicas(
    choice: ArenaChoice,
    texts: Mapping[str, str],
    *,
    rounds: int,
    replicas: int,
    seed: int = 0,
    copies: int = 1,
    length: int | None = 1,
    sight: Sight = "policies",
    watch: Callable[[int], None] = lambda done: None,
) -> Runs:
    """Let the entrants named in `texts` learn together, `replicas` times.

    Args:
        choice: the game.
        texts: seat -> ENTRANT; learners start from scratch, all others stay as they are.
        rounds: updates.
        replicas: R, independent runs.
        seed: all luck derives from it.
        copies: games at once in every run; exact learners need one.
        length: steps of a round, None is one episode; exact learners need one.
        sight: what learners see of each other, see `zoo.play.table`.
        watch: called after every round with how many are done.

    Raises:
        UserError: an entrant cannot play or learn here.
    """
    table = seated(choice, texts, replicas, seed=seed, copies=copies, length=length, sight=sight)
    paid: list[dict[str, NDArray[np.float64]]] = []
    for of_round in itertools.islice(payoffs(table, replicas), rounds):
        paid.append(of_round)
        watch(len(paid))
    values = {seat: np.array([of_round[seat] for of_round in paid]) for seat in table.players}
    return Runs(values, is_exact(table), table.players, table.arena)


def seated(
    choice: ArenaChoice,
    texts: Mapping[str, str],
    replicas: int,
    *,
    seed: int = 0,
    copies: int = 1,
    length: int | None = 1,
    sight: Sight = "policies",
) -> Table:
    """The table at which `run_replicas` lets entrants learn; its arguments, and what it raises."""
    venue = Venue(choice)
    arena, identity = venue.make(replicas * copies), venue.identity
    players: dict[str, Agent] = {}
    learning: list[str] = []
    for seat in arena.spec.seats:
        entrant = venue.entrant(texts[seat], learning="@" not in texts[seat])
        if _learns(entrant):
            learning.append(seat)
        players |= entrant.agents(arena.spec, (seat,), derive(seed, "fresh"), replicas=replicas)
    return Table(arena, identity, players, learning, sight=sight, length=length, seed=seed, runs=replicas)


def is_exact(table: Table) -> bool:
    """Whether what the players of a table earn can be computed: the game has values and no policy a memory."""
    return "value" in table.arena.spec.offers and memoryless_policies(table.players) is not None


def payoffs(table: Table, replicas: int) -> Iterator[dict[str, NDArray[np.float64]]]:
    """Play a table's rounds without end; seat -> [R], return per step of the players as they played each.

    It is (1 - gamma) V of the infinite game where that can be computed, else the mean of the rewards seen.
    """
    exact = is_exact(table)
    while True:
        values = _exact_values(table, replicas) if exact else {}
        returns = table.play_round().returns
        yield values or {seat: r.view(replicas, -1).mean(1).numpy() / table.length for seat, r in returns.items()}


def _exact_values(table: Table, replicas: int) -> dict[str, NDArray[np.float64]]:
    with torch.no_grad():
        values = table.arena.value(memoryless_policies(table.players) or {})
    per_step = 1 - table.arena.spec.gamma
    return {seat: np.broadcast_to((per_step * v).numpy(), (replicas,)).copy() for seat, v in values.items()}


def _learns(entrant: Entrant) -> bool:
    agent = entrant.entry.agent
    return agent.learns and entrant.checkpoint is None
