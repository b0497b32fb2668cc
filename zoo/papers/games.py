"""Games of the house's runs and scripts: frozen entrants play whole episodes, which are summed up seat by seat.

A game is a seating: seat -> entrant, all of the same arena. All games of an arena have the luck of the same episodes,
so that two games differ only in who plays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from leaderboard.seeds import PUBLIC_SEED
from zoo.entry.entrant import Entrant
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers.figure import Json, Part, Results, Tell, seed_words
from zoo.papers.house import HouseRun, facts, identity_of
from zoo.play.episodes import Played, play_episodes
from zoo.play.luck import episode_seeds
from zoo.play.seating import blame, sit_down
from zoo.work.pool import limit_threads

#: Seat -> entrant.
Game = dict[str, str]
#: Seat -> what came out for it, by name: "return" and the arena's metrics, means over episodes.
Outcome = dict[str, dict[str, float]]
#: What is kept of a game.
Summary = Callable[[Played], Outcome]
#: A number of a game.
Value = Callable[[Outcome], float]
EPISODES, QUICK_EPISODES = 1000, 250
#: Distances within which an agent counts as having arrived. Tables show three; the first is the arenas' own.
RADII = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
TABLE_RADII = (0.1, 0.2, 0.3)


def play(venue: Venue, entrants: Mapping[str, Entrant], episodes: int) -> Played:
    """Play the first episodes of the public seed, all at the same time; `entrants` by seat.

    Raises:
        UserError: an entrant cannot play here, or breaks.
        ArenaError: the environment breaks.
    """
    limit_threads()
    arena, identity = venue.arena(episodes), venue.identity
    distinct = {who.id: who for who in entrants.values()}
    numbers = {who: number for number, who in enumerate(distinct)}
    rotation = {seat: numbers[entrants[seat].id] for seat in arena.spec.seats}
    with blame(identity, list(distinct.values())):
        seated = sit_down(arena, list(distinct.values()), rotation, PUBLIC_SEED)
        return play_episodes(seated, episode_seeds(identity, PUBLIC_SEED, 0, episodes))


def summed_up(played: Played) -> Outcome:
    """Seat -> mean over episodes of the return and of every metric.

    Where a seat has a `distance`, then for every radius R also the share of episodes with one below it, "within R".
    """
    outcome: Outcome = {}
    for seat, returns in played.returns.items():
        metrics = played.metrics.get(seat, {})
        means = {name: float(value.double().nanmean()) for name, value in metrics.items()}
        outcome[seat] = {"return": float(returns.mean())} | means
        if "distance" in metrics:
            outcome[seat] |= shares_within(metrics["distance"])
    return outcome


def shares_within(distance: Tensor, words: str = "within") -> dict[str, float]:
    """For every radius R the share of the distances [B] below it, "within R"."""
    return {f"{words} {radius:g}": float((distance < radius).double().mean()) for radius in RADII}


class Share(NamedTuple):
    """A share of episodes that depends on a radius, as `shares_within` calls it."""

    seat: str
    words: str = "within"

    def within(self, radius: float) -> Value:
        """The share within one radius, as a number of a game."""
        return at(self.seat, f"{self.words} {radius:g}")

    def by_radius(self, outcomes: Iterable[Outcome], radii: Sequence[float] = RADII) -> list[list[float]]:
        """Of every game the shares within all radii, [games][radii]."""
        return [[self.within(radius)(outcome) for radius in radii] for outcome in outcomes]


def wider(shares: Iterable[float], sign: str = "") -> str:
    """A row's note of the shares within the second and third of `TABLE_RADII`."""
    return f"within .2 and .3 {'/'.join(f'{share:{sign}.2f}' for share in shares)}"


def measure(tell: Tell, arena: str, games: list[Game], weights: dict[str, str], episodes: int) -> Json:
    """Play games: {"games": `Outcome` of each, "cards": {entrant: `facts`}}.

    `weights` only make the part's key depend on them.
    """
    return play_all(tell, arena, games, episodes, summed_up)


def play_all(tell: Tell, arena: str, games: list[Game], episodes: int, summary: Summary) -> Json:
    """`measure` with another summary of a game."""
    venue = Venue(ArenaChoice(arena))
    outcomes: list[Outcome] = []
    for number, game in enumerate(games):
        entrants = {seat: venue.entrant(text) for seat, text in game.items()}
        outcomes.append(summary(play(venue, entrants, episodes)))
        tell(number + 1, len(games))
    texts = dict.fromkeys(text for game in games for text in game.values())
    return {"games": outcomes, "cards": {text: facts(venue.identity, text) for text in texts}}


def part(
    name: str, function: Callable[..., Json], arena: str, games: list[Game], runs: Sequence[HouseRun], quick: bool
) -> Part:
    """A part that plays games among `runs`; `function` is `measure` or has its arguments."""
    playing = {text for game in games for text in game.values()}
    weights = {run.entrant: run.weights for run in runs if run.entrant in playing}
    episodes = QUICK_EPISODES if quick else EPISODES
    return Part(name, function, {"arena": arena, "games": games, "weights": weights, "episodes": episodes})


# What came out, and what is said of the runs


def at(seat: str, name: str) -> Value:
    """A number of one seat, by its name in an `Outcome`."""
    return lambda outcome: outcome[seat][name]


def mean_return(outcome: Outcome) -> float:
    """Return of an episode, mean over seats."""
    return sum(by_name["return"] for by_name in outcome.values()) / len(outcome)


def outcomes_of(done: Results) -> Iterator[tuple[Game, Outcome]]:
    """All games of all parts with what came out."""
    for piece, result in done:
        yield from zip(piece.settings["games"], result["games"], strict=True)


def cards(done: Results) -> dict[str, Json]:
    """Entrant -> `facts`, of all parts."""
    return {text: card for _, result in done for text, card in result["cards"].items()}


def teams(done: Results) -> dict[str, dict[int, Outcome]]:
    """What came out where one entrant had all seats, by rule and training seed."""
    known = cards(done)
    by_seed: dict[str, dict[int, Outcome]] = {}
    for game, outcome in outcomes_of(done):
        one, *others = dict.fromkeys(game.values())
        if not others:
            by_seed.setdefault(known[one]["rule"], {})[known[one]["seed"]] = outcome
    return by_seed


def settings(arena: str, done: Results) -> dict[str, Json]:
    """Arena, episodes, and how many runs of how many steps were played."""
    rules: dict[str, list[Json]] = {}
    for card in cards(done).values():
        if "steps" in card:
            rules.setdefault(card["rule"], []).append(card)
    trained = []
    for rule, group in rules.items():
        steps = " or ".join(f"{count:,}" for count in sorted({card["steps"] for card in group}))
        gammas = sorted({card["gamma"] for card in group} - {None})
        discount = f" at gamma {' or '.join(f'{gamma:g}' for gamma in gammas)}" if gammas else ""
        trained.append(f"{rule} {len(group)} x {steps} steps{discount}")
    return {"arena": identity_of(arena), "episodes a game": done[0][0].settings["episodes"], "runs": trained}


def commands(done: Results) -> dict[str, str]:
    """Entrant -> the command that trained it, of all that were trained."""
    return {text: card["command"] for text, card in cards(done).items() if "command" in card}


def seeds_of(done: Results) -> str:
    """The training seeds that were played, in words."""
    seeds = sorted({card["seed"] for card in cards(done).values() if "command" in card})
    return seed_words(len(seeds)) if seeds == list(range(len(seeds))) else ", ".join(map(str, seeds))


def missing(rules: Sequence[str], done: Results) -> list[str]:
    """A note that names the rules that the house has no checkpoint of; none where all have played."""
    present = {card["rule"] for card in cards(done).values()}
    absent = [rule for rule in rules if rule not in present]
    return [f"Left out for want of a house checkpoint: {', '.join(absent)}."] if absent else []
