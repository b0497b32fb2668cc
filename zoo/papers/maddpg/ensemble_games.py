"""The games by which ensembles in tag are judged: everybody hunts everybody, sub-policies by themselves, and diversity.

The `weights` of functions that are parts of the figure only make a part's key depend on the checkpoints' contents.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace

import numpy as np
import torch
from torch import Tensor

from agents.parts.policies.categorical import CategoricalPolicy
from arenas.protocol import Arena
from zoo.crossplay import roles
from zoo.entry import checkpoint
from zoo.entry.entrant import Entrant
from zoo.entry.registry import load_agent
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.papers.figure import Json, Tell
from zoo.papers.games import play
from zoo.papers.house import facts
from zoo.play.episodes import Played

ARENA = "tag"
SINGLE = "maddpg"
ROLES = {"adversary": "predators", "agent": "prey"}
BATCHES = 50  # of episodes: what is kept of a game, and what the jackknife leaves out
SOFTMAX, PLAYED = "softmax", "played"
WAYS = {SOFTMAX: "as trained, softmax", PLAYED: "as played, mode"}

#: Role -> mean return of its seats in each batch of episodes.
Batches = dict[str, list[float]]


def sub_policy(ensemble: Entrant, k: int) -> Entrant:
    """Sub-policy k of an ensemble's checkpoint by itself, as an entrant of the agent with one policy a seat.

    Raises:
        UserError: it is no checkpoint of an ensemble with such a sub-policy.
    """
    whole = ensemble.checkpoint
    state = {}
    for name, tensor in whole.state.items() if whole is not None else ():
        seat, _, rest = name.partition(f"/{k}/")
        if rest:
            state[f"{seat}/{rest}"] = tensor
    if whole is None or not state:
        raise UserError(f"{ensemble.label} has no sub-policy {k}")
    entry = load_agent(SINGLE)
    shared = {f.name for f in fields(entry.agent.Config)}  # an ensemble has some settings more
    config = entry.agent.Config(**{name: value for name, value in asdict(ensemble.config).items() if name in shared})
    card = replace(whole.card, agent=SINGLE, config=asdict(config))
    part = replace(whole, card=card, state=state, digest=checkpoint.digest(state))
    return Entrant(f"{ensemble.label}, sub-policy {k}", entry, config, part)


def chase(venue: Venue, predators: Entrant, prey: Entrant, episodes: int) -> Played:
    """Play the first episodes of the public seed."""
    who = dict(zip(ROLES, (predators, prey), strict=True))
    by_seat = {seat: who[role] for role, seats in roles(venue.spec).items() for seat in seats}
    return play(venue, by_seat, episodes)


def earned(played: Played) -> Batches:
    """Each role's return per episode and seat, as means of batches of episodes."""
    batches = {}
    for role, seats in roles(played.seated.arena.spec).items():
        returns = torch.stack([played.returns[seat] for seat in seats]).mean(0).cpu().numpy()
        parts = np.array_split(returns, min(BATCHES, len(returns)))
        batches[role] = [round(float(part.mean()), 6) for part in parts]
    return batches


def hunt(tell: Tell, predators: str, prey: list[str], weights: dict[str, str], episodes: int) -> Json:
    """One run's predators with everybody's prey: {"games": `Batches` of each, "cards": {entrant: facts}}."""
    venue = Venue(ArenaChoice(ARENA))
    games = []
    for at, text in enumerate(prey):
        games.append(earned(chase(venue, venue.entrant(predators), venue.entrant(text), episodes)))
        tell(at + 1, len(prey))
    return {"games": games, "cards": {predators: facts(venue.identity, predators)}}


def alone(tell: Tell, ensemble: str, k: int, others: list[str], weights: dict[str, str], episodes: int) -> Json:
    """Each sub-policy of an ensemble by itself with everybody, in both roles: {"games": {role: [K][C] batches}}."""
    venue = Venue(ArenaChoice(ARENA))
    games: dict[str, list[list[list[float]]]] = {role: [[] for _ in range(k)] for role in ROLES}
    tasks = list(itertools.product(ROLES, range(k), others))
    for done, (role, at, text) in enumerate(tasks):
        pair = [sub_policy(venue.entrant(ensemble), at), venue.entrant(text)]
        predators, prey = pair if role == "adversary" else reversed(pair)
        games[role][at].append(earned(chase(venue, predators, prey, episodes))[role])
        tell(done + 1, len(tasks))
    return {"games": games, "cards": {}}


def watch(tell: Tell, ensembles: list[str], singles: list[str], k: int, weights: dict[str, str], episodes: int) -> Json:
    """How much policies differ: total variation distance of their action distributions, by role.

    Given twice: of the softmax that was trained, and of what is played, the most likely action, where the distance is
    the share of observations at which two policies do not act alike. The observations are those of every run's own
    game, all together, of each seat for the policies of that seat.

    Returns:
        {"softmax" and "played": {"inside": {role: [n][pairs] of an ensemble's sub-policies}, "between": {role: [n][n]
        of the single policies}}, "observations": how many of each seat, "cards": {}}.
    """
    venue = Venue(ArenaChoice(ARENA))
    arena = venue.arena()
    seen: dict[str, list[Tensor]] = {seat: [] for seat in arena.spec.seats}
    entrants = {text: venue.entrant(text) for text in (*ensembles, *singles)}
    for at, who in enumerate(entrants.values()):
        for seat, steps in chase(venue, who, who, episodes).steps.items():
            seen[seat].append(steps.observation[:-1].flatten(0, 1))
        tell(at + 1, len(entrants))
    observations = {seat: torch.cat(of_seat) for seat, of_seat in seen.items()}
    distances: Json = {"observations": len(next(iter(observations.values()))), "cards": {}}
    for way in WAYS:
        parts = [
            [probabilities(arena, sub_policy(entrants[text], at), observations, way) for at in range(k)]
            for text in ensembles
        ]
        whole = [probabilities(arena, entrants[text], observations, way) for text in singles]
        distances[way] = {"inside": {}, "between": {}}
        for role, seats in roles(arena.spec).items():
            distances[way]["inside"][role] = [
                [apart(*two, seats) for two in itertools.combinations(x, 2)] for x in parts
            ]
            distances[way]["between"][role] = [[apart(one, two, seats) for two in whole] for one in whole]
    return distances


def probabilities(arena: Arena, who: Entrant, observations: Mapping[str, Tensor], way: str) -> dict[str, Tensor]:
    """What a run with one policy a seat does at observations [N, ...]: seat -> action probabilities [N, A].

    `way` is one of `WAYS`: a checkpoint plays its policy far sharper than the softmax that was trained.
    """
    by_seat = {}
    for seat, agent in who.agents(arena.spec, tuple(arena.spec.seats), 0, arena.device).items():
        policy = agent.policy(seat)
        if not isinstance(policy, CategoricalPolicy):
            raise UserError(f"{who.label} has no policy over discrete actions in seat {seat}")
        if way == SOFTMAX:
            policy = CategoricalPolicy(policy.parameters, policy.spec, policy.recall)
        by_seat[seat] = policy.scores(observations[seat]).softmax(-1)
    return by_seat


def apart(one: Mapping[str, Tensor], other: Mapping[str, Tensor], seats: Sequence[str]) -> float:
    """Total variation distance 1/2 sum |p - q|, mean over observations and seats: 0 the same, 1 never the same."""
    return float(np.mean([float((one[s] - other[s]).abs().sum(-1).mean() / 2) for s in seats]))
