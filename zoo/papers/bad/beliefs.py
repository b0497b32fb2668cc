"""How well public beliefs know the hidden cards of mini-Hanabi, in games of trained teams: section 7.4.2 of the thesis.

A team of the house plays greedily with itself. At every moment and for every card that lies in a hand, each belief says
how likely the card is that does lie there; minus its logarithm, averaged, is the belief's cross entropy. All beliefs
are computed from the same games, by whoever knows what is public and the team's plans: by hints alone (V0),
self-consistent (V1, once as the paper iterates it and once damped), with what the actions said slot by slot (V2), and
by Bayes' rule over all deals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.parts.beliefs import Deals, Enumeration, by_hints, consistent, surprise
from agents.protocol import JointTrajectory, Trajectory
from arenas.hands import Hands, Public
from leaderboard.report import plots
from leaderboard.statistics import estimate
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers.bad.teams import CHUNK, played
from zoo.papers.figure import Figure, FigureRow, Json, Part, Reproduction, Results, Tell, over_runs, seed_words
from zoo.papers.house import house

#: Belief -> what was published of it, in nats a card, of full Hanabi.
BELIEFS: Mapping[str, float | None] = {
    "V0, by hints": 1.627,
    "V1, not damped": None,
    "V1, damped": 1.563,
    "V2, also by actions": 0.912,
    "exact": None,
}
V0, RAW, V1, V2, EXACT = BELIEFS
TEAM = "bad"  # the house's decoders with V2
GAME = ("variant=mini",)
GAMES, QUICK_GAMES = 10_000, 1000
ALPHA = 0.01  # of V2, as the decoder's own
UNDAMPED = 100  # iterations, as in the paper
_SELDOM = 0.01  # of the first moment's cards: later moments with fewer are not shown


def read(known: Enumeration, mine: Trajectory) -> dict[str, Tensor]:
    """What every belief says at every moment of a segment that begins with an episode, float32 [T + 1, B, S, V] each.

    `mine` is of any seat whose agent shows its plans; they are read, and not its own beliefs.
    """
    hands, actions = known.hands, known.allowed.shape[1]
    public = hands.read(mine.timesteps.common[hands.group], actions)
    plans = mine.actions.extras["plan"]
    own, deals = hands.own, Deals(known)
    plain = consistent(public, own=own)
    raw = consistent(public, own=own, iterations=UNDAMPED, damping=1.0)
    told = torch.ones_like(plain[0])
    every = torch.ones(plain.shape[1], deals.count, device=plans.device)
    decoded: list[Tensor] = []
    exact: list[Tensor] = []
    for t, now in enumerate(zip(*public, strict=True)):
        here = Public(*now)
        if t:
            before = Public(*(part[t - 1] for part in public))
            actor = before.turn.argmax(-1)
            told = known.learn(told, decoded[-1], plans[t - 1], actor, before.left, here)
            every = deals.learn(every, plans[t - 1], actor, before, here)
        decoded.append(torch.lerp(consistent(here, told, own=own), plain[t], ALPHA))
        exact.append(deals.belief(every, here))
    return {V0: by_hints(public), RAW: raw, V1: plain, V2: torch.stack(decoded), EXACT: torch.stack(exact)}


def hidden(hands: Hands, joint: JointTrajectory) -> tuple[Tensor, Tensor]:
    """The cards that lie in the slots, one-hot [T + 1, B, S, V], and where one does while the game is on, bool."""
    assert joint.state is not None  # every arena with hands shows a state
    s, v = hands.slots, hands.values
    cards = joint.state[..., : s * v].reshape(*joint.state.shape[:-1], s, v)
    there = cards[..., -1] == 0 if hands.empty else torch.ones_like(cards[..., 0], dtype=torch.bool)
    return cards, there & ~next(iter(joint.seats.values())).timesteps.last.unsqueeze(-1)


def one_team(tell: Tell, seed: int, team: str, weights: str, games: int) -> Json:
    """Belief -> cross entropy in nats a card, over all moments and (`by move`) after so many moves.

    `weights` is the hash of the checkpoint that plays, so that another one is other work.
    """
    venue = Venue(ArenaChoice("hanabi", GAME))
    spec = venue.arena(1).spec
    players = venue.entrant(team).agents(spec, tuple(spec.seats), 0)
    assert spec.hands is not None  # Hanabi for two has hands
    seat = next(iter(players))
    known = Enumeration(spec.hands, spec.seats[seat].actions)
    sums = torch.zeros(len(BELIEFS) + 1, spec.max_steps + 1, dtype=torch.float64)  # the last row counts cards
    for done, (joint, _) in enumerate(played(players, GAME, games, seed)):
        cards, counted = hidden(spec.hands, joint)
        nats = [surprise(belief, cards) * counted for belief in read(known, joint.seats[seat]).values()]
        sums[:, : len(cards)] += torch.stack([part.sum((1, 2)).double() for part in (*nats, counted)])
        tell(min((done + 1) * CHUNK, games), games)
    total, count = sums[:-1], sums[-1]
    mean, often = total.sum(1) / count.sum(), int((count > _SELDOM * count[0]).sum())
    by_move = (total / count.clamp_min(1))[:, :often].tolist()
    return {name: {"mean": float(mean[n]), "by move": by_move[n]} for n, name in enumerate(BELIEFS)}


class BadBeliefs(Figure):
    """Cross entropies of public beliefs with the true hands."""

    name = "bad-beliefs"
    unit = "games"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each team of the house's."""
        teams = house(Venue(ArenaChoice("hanabi", GAME)).identity, TEAM, seeds)
        games = QUICK_GAMES if quick else GAMES
        return [
            Part(run.entrant, one_team, {"seed": 0, "team": run.entrant, "weights": run.weights, "games": games})
            for run in teams
        ]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """A row for each belief, and in how many teams they stand in the thesis's order."""
        runs = [found for _, found in done]
        nats = {name: np.array([run[name]["mean"] for run in runs]) for name in BELIEFS}
        rows: list[FigureRow] = []
        for name, theirs in BELIEFS.items():
            note = "" if theirs is None else f"full Hanabi, published: {theirs:.3f}"
            rows.append(over_runs(name, nats[name], None, "nats a card", "lower", note=note))
        note = f"full Hanabi, published: {1 - 0.912 / 1.563:.2f}"
        rows.append(over_runs("V1 to V2", 1 - nats[V2] / nats[V1], None, "share that actions take off", note=note))
        right = (nats[EXACT] <= nats[V2]) & (nats[V2] < nats[V1]) & (nats[V1] < nats[V0])
        order = f"exact <= V2 < V1 < V0 in {int(right.sum())} of {len(right)} teams."
        longest = min(len(run[V0]["by move"]) for run in runs)
        curves = {name: _line([run[name]["by move"][:longest] for run in runs]) for name in BELIEFS}
        settings = {
            "game": "hanabi, variant=mini",
            "teams": ", ".join(part.settings["team"] for part, _ in done),
            "games of each": done[0][0].settings["games"],
        }
        return Reproduction(rows, settings, seed_words(len(runs)), [*self.remarks, order], {"curves": curves}, "teams")

    def plot(self, report: Reproduction) -> plots.Plot:
        """Cross entropy against the number of moves."""
        plot, (panel,) = plots.panels(1, width=6.0)
        for (name, line), colour in zip(report.data["curves"].items(), plots.COLOURS, strict=False):
            ends: dict[str, Any] = line
            plots.curve(panel, range(len(ends["mean"])), **ends, label=name, colour=colour)
        panel.set(xlabel="moves made", ylabel="cross entropy, nats a card", ylim=(0, None))
        plots.legend_below(plot, [panel], 3)
        return plot


def _line(runs: Sequence[Sequence[float]]) -> Json:
    """A curve over runs [R][points]."""
    return plots.line_of([estimate.t(np.array(point)) for point in zip(*runs, strict=True)])


FIGURE = BadBeliefs()
