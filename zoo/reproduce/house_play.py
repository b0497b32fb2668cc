"""Figures for which nothing is trained: house checkpoints, or scripts, play each other, role by role and seat by seat.

A training run of the house's has a seed, which its card tells with the command that trained it. A game is a seating:
seat -> entrant, all of the same arena. All games of an arena have the luck of the same episodes, so that what differs
between two games is who plays.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np
from scipy.special import stdtrit
from torch import Tensor

from arenas.protocol import TimeStep
from zoo.entry import checkpoint
from zoo.entry.entrant import read_entrant
from zoo.entry.venue import ArenaChoice
from zoo.errors import UserError
from zoo.matches.match import Estimate
from zoo.play.blocks import PUBLIC_SEED
from zoo.play.episodes import play_episodes
from zoo.play.seating import blame, episode_seeds, sit_down
from zoo.reproduce.report import Figure, Json, Part, Published, Report, Row, Tell, mean, seed_words
from zoo.work.pool import limit_threads

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Plot

#: Seat -> entrant.
Game = dict[str, str]
#: Seat -> what came out for it, by name: "return" and the arena's metrics, means over episodes.
Told = dict[str, dict[str, float]]
EPISODES, QUICK_EPISODES = 1000, 250
#: Distances within which somebody counts as having arrived; those in tables, the first is that of the arenas' metrics.
RADII = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
TOLD_RADII = (0.1, 0.2, 0.3)


@dataclass(frozen=True)
class Run:
    """A training run of the house's, or a script, which has no weights and seed 0."""

    entrant: str
    rule: str  # the agent, and its variant where it has one
    seed: int = 0
    weights: str = ""  # hash of what is played


class Played(NamedTuple):
    """A game of B episodes, by seat."""

    returns: dict[str, Tensor]  # float64 [B]
    metrics: dict[str, dict[str, Tensor]]  # [B], NaN where an episode says nothing
    steps: dict[str, TimeStep]  # [T + 1, B, ...]


#: What is kept of a game.
Summary = Callable[[Played], Told]


def rule_of(entrant: str) -> str:
    """The rule that a house checkpoint is of, and the variant, whatever the training seed."""
    return re.sub(r"[@-]seed-\d+$", "", entrant)


def identity_of(arena: str) -> str:
    """The identity of an arena with its default settings, under which the house keeps checkpoints."""
    choice = ArenaChoice(arena)
    return choice.identity(choice.make(1))


def house(identity: str, agent: str, most: int) -> list[Run]:
    """The house's training runs of an agent, of each rule the first `most` seeds."""
    folder = checkpoint.HOUSE / identity / agent
    places = [folder, *(card.parent for card in folder.glob(f"*/{checkpoint.CARD}"))]
    found: list[Run] = []
    for place in places:
        if (place / checkpoint.CARD).is_file():
            text = agent if place == folder else f"{agent}@{place.name}"
            digest = hashlib.sha256((place / checkpoint.WEIGHTS).read_bytes()).hexdigest()[:16]
            found.append(Run(text, rule_of(text), _card(place)["seed"], digest))
    found.sort(key=lambda run: (run.rule, run.seed, run.entrant))
    return [run for n, run in enumerate(found) if sum(run.rule == other.rule for other in found[:n]) < most]


def runs(arena: str, rules: Sequence[str], most: int, scripts: Sequence[str] = ()) -> list[Run]:
    """The house's training runs of these rules, the first `most` seeds of each, and the scripts.

    Raises:
        UserError: there is no checkpoint of any of the rules.
    """
    identity = identity_of(arena)
    found = [run for rule in rules for run in house(identity, rule.partition("@")[0], most) if run.rule == rule]
    if not found:
        raise UserError(
            f"the house has no checkpoint of {', '.join(rules)} for {identity}, and this figure plays no others; `zoo"
            f" train {rules[0].partition('@')[0]} --arena {arena} --copies 64 --length episode` trains one of your own"
        )
    return [*found, *(Run(script, script) for script in scripts)]


def folder_of(identity: str, entrant: str) -> Path:
    """Where a house checkpoint lies."""
    agent, _, variant = entrant.partition("@")
    return checkpoint.HOUSE / identity / agent / variant


def _card(folder: Path) -> dict[str, Json]:
    found: dict[str, Json] = json.loads((folder / checkpoint.CARD).read_text())
    return found


def play(arena: str, game: Game, episodes: int) -> Played:
    """Play a game once in every episode, all at the same time.

    Raises:
        UserError: an entrant cannot play here, or breaks.
        ArenaError: the environment breaks.
    """
    limit_threads()
    choice = ArenaChoice(arena)
    made = choice.make(episodes)
    identity, texts = choice.identity(made), list(dict.fromkeys(game.values()))
    entrants = [read_entrant(text, made, identity) for text in texts]
    with blame(identity, entrants):
        seating = {seat: texts.index(game[seat]) for seat in made.spec.seats}
        luck = episode_seeds(identity, PUBLIC_SEED, 0, episodes, made.device)
        played = play_episodes(sit_down(made, entrants, seating, PUBLIC_SEED), luck)
        return Played(played.returns, played.metrics, played.steps)


def summed_up(played: Played) -> Told:
    """Seat -> mean over episodes of the return and of every metric."""
    return {
        seat: {"return": float(returns.mean())}
        | {name: float(value.double().nanmean()) for name, value in played.metrics.get(seat, {}).items()}
        for seat, returns in played.returns.items()
    }


def within_radii(played: Played) -> Told:
    """`summed_up`, and for every radius R the share of episodes with a `distance` below it, "within R"."""
    told = summed_up(played)
    for seat, by_name in told.items():
        by_name |= shares_within(played.metrics[seat]["distance"])
    return told


def shares_within(distance: Tensor, words: str = "within") -> dict[str, float]:
    """For every radius R the share of the distances [B] below it, "within R"."""
    return {f"{words} {radius:g}": float((distance < radius).double().mean()) for radius in RADII}


def wider(shares: Iterable[str]) -> str:
    """A row's note of the shares within the second and third of `TOLD_RADII`."""
    return f"within .2 and .3 {'/'.join(shares)}"


def measure(tell: Tell, arena: str, games: list[Game], weights: dict[str, str], episodes: int) -> Json:
    """Play games: {"games": `Told` of each, "cards": {entrant: `facts`}}; `weights` only tell contents apart."""
    return play_all(tell, arena, games, episodes, summed_up)


def play_all(tell: Tell, arena: str, games: list[Game], episodes: int, summary: Summary) -> Json:
    """`measure` with another summary of a game."""
    told: list[Told] = []
    for number, game in enumerate(games):
        told.append(summary(play(arena, game, episodes)))
        tell(number + 1, len(games))
    texts = dict.fromkeys(text for game in games for text in game.values())
    identity = identity_of(arena)
    return {"games": told, "cards": {text: facts(identity, text) for text in texts}}


def facts(identity: str, entrant: str) -> Json:
    """Rule and seed of an entrant, and where it was trained the steps, discount, command, and figures of learning."""
    if not (folder_of(identity, entrant) / checkpoint.CARD).is_file():
        return {"rule": entrant, "seed": 0}
    card = _card(folder_of(identity, entrant))
    config = card["config"]
    learned = {name.rpartition("/")[2]: value for name, value in card["metrics"].items() if name.startswith("learn/")}
    told = {"steps": card["steps"], "gamma": config.get("gamma"), "command": card["command"], "learned": learned}
    return {"rule": rule_of(entrant), "seed": card["seed"], **told}


def part(name: str, function: Callable[..., Json], arena: str, games: list[Game], who: list[Run], quick: bool) -> Part:
    """A part that plays games among `who`; `function` is `measure` or has its arguments."""
    playing = {text for game in games for text in game.values()}
    weights = {run.entrant: run.weights for run in who if run.entrant in playing}
    episodes = QUICK_EPISODES if quick else EPISODES
    return Part(name, function, {"arena": arena, "games": games, "weights": weights, "episodes": episodes})


def played(done: Sequence[tuple[Part, Json]]) -> Iterator[tuple[Game, Told]]:
    """All games of all parts with what came out."""
    for piece, result in done:
        yield from zip(piece.settings["games"], result["games"], strict=True)


def cards(done: Sequence[tuple[Part, Json]]) -> dict[str, Json]:
    """Entrant -> `facts`, of all parts."""
    return {text: card for _, result in done for text, card in result["cards"].items()}


def over_pairs(values: Mapping[tuple[int, int], float]) -> Estimate:
    """Mean over pairs of training seeds with its 95 % interval; the unit is the seed, of either role.

    The variance of the mean is that of the means over the first of a pair, divided by their number, and that of the
    means over the second likewise; the interval is Student's t with the degrees of freedom of Welch and Satterthwaite.
    A role with one seed adds nothing.
    """
    told = float(np.mean(list(values.values())))
    levels: list[tuple[float, int]] = []
    for place in (0, 1):
        seeds = sorted({pair[place] for pair in values})
        means = [np.mean([value for pair, value in values.items() if pair[place] == seed]) for seed in seeds]
        if len(means) > 1:
            levels.append((float(np.var(means, ddof=1)) / len(means), len(means) - 1))
    if not levels:
        return Estimate(told, None, None, len(values))
    variance = sum(level for level, _ in levels)
    if variance == 0:
        return Estimate(told, told, told, len(values))
    freedom = variance**2 / sum(level**2 / n for level, n in levels)
    half = float(stdtrit(freedom, 0.975)) * math.sqrt(variance)
    return Estimate(told, told - half, told + half, len(values))


# What is said of the runs


def settings(arena: str, done: Sequence[tuple[Part, Json]]) -> dict[str, Json]:
    """Arena, episodes, and how many runs of how many steps were played."""
    by_rule: dict[str, list[Json]] = {}
    for card in cards(done).values():
        if "steps" in card:
            by_rule.setdefault(card["rule"], []).append(card)
    trained = []
    for rule, found in by_rule.items():
        steps = " or ".join(f"{count:,}" for count in sorted({card["steps"] for card in found}))
        gammas = sorted({card["gamma"] for card in found} - {None})
        discount = f" at gamma {' or '.join(f'{gamma:g}' for gamma in gammas)}" if gammas else ""
        trained.append(f"{rule} {len(found)} x {steps} steps{discount}")
    return {"arena": identity_of(arena), "episodes a game": done[0][0].settings["episodes"], "runs": trained}


def commands(done: Sequence[tuple[Part, Json]]) -> dict[str, str]:
    """Entrant -> the command that trained it, of all that were trained."""
    return {text: card["command"] for text, card in cards(done).items() if "command" in card}


def seeds_of(done: Sequence[tuple[Part, Json]]) -> str:
    """The training seeds that were played, in words."""
    found = sorted({card["seed"] for card in cards(done).values() if "command" in card})
    return seed_words(len(found)) if found == list(range(len(found))) else ", ".join(map(str, found))


def notes(rules: Sequence[str], done: Sequence[tuple[Part, Json]]) -> list[str]:
    """What is missing, and what differs from the paper in every figure of the kind."""
    present = {card["rule"] for card in cards(done).values()}
    missing = [rule for rule in rules if rule not in present]
    told = [f"Left out for want of a house checkpoint: {', '.join(missing)}."] if missing else []
    return [
        *told,
        "Unlike the paper: discrete actions are executed hard (its code executes soft ones), the world is"
        " mpe2's (places move with the old velocity), networks learned with Adam at the step sizes on their cards"
        " (paper .01) and for the steps below (paper 25,000 episodes of 25 steps, an update per 100).",
    ]


# Two roles, two rules: who meets whom


@dataclass(frozen=True)
class Measure:
    """A number that every game of two roles gives, and what was published for it."""

    name: str  # in few words, above its panel
    words: str  # above its rows
    value: Callable[[Told], float]
    published: Mapping[tuple[str, str], Published]  # by the rules of the first and the second role
    better: Literal["", "higher", "lower"] = ""
    guess: float | None = None  # what guessing gives

    def told(self, cell: Cell) -> Published | None:
        """What was published for a cell: both sides learned together, which of one rule only a run with itself did."""
        return self.published.get((cell.first, cell.second)) if cell.own == (cell.first == cell.second) else None


class Cell(NamedTuple):
    """Games of one rule in the first role with one in the second; `own`: both of the same training run."""

    first: str
    second: str
    own: bool

    @property
    def label(self) -> str:
        """As a row's label."""
        return f"{self.first} v own run" if self.own else f"{self.first} v {self.second}"


class CrossFigure(Figure):
    """Every run of the rules in one role with every run in the other.

    Runs of one rule are strangers to each other there, so that they meet like runs of different rules; with itself a
    run is told apart.
    """

    arena: ClassVar[str]
    rules: ClassVar[tuple[str, ...]]
    roles: ClassVar[tuple[tuple[str, ...], tuple[str, ...]]]  # seats of the first and of the second
    versus: ClassVar[str]  # names of the roles, "predators v prey"
    function: ClassVar[Callable[..., Json]] = staticmethod(measure)
    unit = "games"
    seeds = (5, 2)

    @property
    @abstractmethod
    def measures(self) -> Sequence[Measure]:
        """What is told of every game."""

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A run in the first role with all in the second."""
        found = runs(self.arena, self.rules, seeds)
        first, second = self.roles
        return [
            part(
                f"{one.entrant} v all",
                self.function,
                self.arena,
                [dict.fromkeys(first, one.entrant) | dict.fromkeys(second, other.entrant) for other in found],
                found,
                quick,
            )
            for one in found
        ]

    def cells(self, done: Sequence[tuple[Part, Json]]) -> dict[Cell, dict[tuple[int, int], Told]]:
        """Games by who met whom, and in a cell by both training seeds; in the order of the rules."""
        known = cards(done)
        found: dict[Cell, dict[tuple[int, int], Told]] = {}
        for game, told in played(done):
            one, other = known[game[self.roles[0][0]]], known[game[self.roles[1][0]]]
            pair = (one["seed"], other["seed"])
            own = len(set(game.values())) == 1
            found.setdefault(Cell(one["rule"], other["rule"], own), {})[pair] = told
        return dict(sorted(found.items(), key=lambda item: (*map(self.rules.index, item[0][:2]), not item[0].own)))

    def assemble(self, done: Sequence[tuple[Part, Json]], quick: bool, seeds: int) -> Report:
        """A row for every measure and cell."""
        cells = self.cells(done)
        rows = [
            self.row(measured, cell, {pair: measured.value(told) for pair, told in games.items()}, games)
            for measured in self.measures
            for cell, games in cells.items()
        ]
        own = (
            "`Own run` are the two sides of one run, which learned together; all others meet as strangers, whose rules"
            " never saw each other. The paper's code trains both sides together, whatever their rules."
        )
        interval = "Intervals are over the training seeds of both roles; n counts pairs of runs."
        told = [*self.remarks(cells), own, interval, *notes(self.rules, done)]
        data = self.data(cells) | {"commands": commands(done)}
        return Report([*rows, *self.further(cells)], settings(self.arena, done), seeds_of(done), told, data)

    def row(
        self,
        measured: Measure,
        cell: Cell,
        values: Mapping[tuple[int, int], float],
        games: Mapping[tuple[int, int], Told],
    ) -> Row:
        """The row of a cell."""
        ours = mean(list(values.values())) if cell.own else over_pairs(values)
        return Row(cell.label, ours, measured.told(cell), f"{measured.words}; {self.versus}", measured.better)

    def data(self, cells: Mapping[Cell, Mapping[tuple[int, int], Told]]) -> dict[str, Json]:
        """For the picture: of every measure the cells, each with its pairs of seeds and their numbers."""
        return {
            measured.name: [
                [*cell, [[*pair, measured.value(told)] for pair, told in games.items()]]
                for cell, games in cells.items()
            ]
            for measured in self.measures
        }

    def further(self, cells: Mapping[Cell, Mapping[tuple[int, int], Told]]) -> list[Row]:
        """Rows about more than a cell."""
        return []

    def remarks(self, cells: Mapping[Cell, Mapping[tuple[int, int], Told]]) -> list[str]:
        """What is to be said of this figure alone."""
        return []

    def plot(self, report: Report) -> Plot:
        """A panel for every measure: bars of means, dots of pairs of runs."""
        from zoo.reproduce import plots

        plot, axes = plots.panels(len(self.measures), width=3.9, height=3.9)
        for panel, measured in zip(axes, self.measures, strict=True):
            told = report.data[measured.name]
            labels = [Cell(*cell).label.replace(" v ", "\nv ") for *cell, _ in told]
            colours = [plots.COLOURS[self.rules.index(first)] for first, *_ in told]
            values = [[value for *_, value in pairs] for *_, pairs in told]
            bars(panel, labels, values, colours, faint=[own for _, _, own, _ in told])
            for at, (first, second, own, _) in enumerate(told):
                published = measured.told(Cell(first, second, own))
                if published is not None:
                    published_mark(panel, at, published.value)
            if measured.guess is not None:
                panel.axhline(measured.guess, color="0.4", linestyle=":", linewidth=1.2, label="guessing")
            panel.set(title=measured.name)
            panel.set_xlabel(self.versus, fontsize=9)
        plots.legend_below(plot, axes, 4)
        return plot


def exchanged(
    cells: Mapping[Cell, Mapping[tuple[int, int], Told]], one: str, other: str, value: Callable[[Told], float]
) -> Estimate | None:
    """How much more `value` is where a run of rule `one` has the first role and one of `other` the second.

    Than where the same two have exchanged roles; None where they have not met.
    """
    there, back = cells.get(Cell(one, other, False)), cells.get(Cell(other, one, False))
    if there is None or back is None:
        return None
    return over_pairs({(a, b): value(there[a, b]) - value(back[b, a]) for a, b in there})


# One team, all of one rule


class TeamFigure(Figure):
    """Every run of the rules with itself in all seats, and scripts."""

    arena: ClassVar[str]
    seats: ClassVar[tuple[str, ...]]
    rules: ClassVar[tuple[str, ...]]
    scripts: ClassVar[tuple[str, ...]]
    labels: ClassVar[Mapping[str, str]] = {}  # of those with long names
    function: ClassVar[Callable[..., Json]] = staticmethod(measure)
    unit = "games"
    seeds = (5, 2)

    @property
    @abstractmethod
    def measures(self) -> Sequence[Measure]:
        """What is told of every game; published by the rule, twice."""

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """All runs of a rule."""
        found = runs(self.arena, self.rules, seeds, self.scripts)
        return [
            part(
                f"{rule} with itself",
                self.function,
                self.arena,
                [dict.fromkeys(self.seats, r.entrant) for r in own],
                own,
                quick,
            )
            for rule, own in by_rule(found).items()
        ]

    def assemble(self, done: Sequence[tuple[Part, Json]], quick: bool, seeds: int) -> Report:
        """A row for every measure and rule."""
        found = teams(done)
        rows = [
            self.row(measured, rule, list(by_seed.values()))
            for measured in self.measures
            for rule, by_seed in found.items()
        ]
        told = [*self.remarks(done), "Rules with one run, and scripts, have no interval.", *notes(self.rules, done)]
        data = self.data(done) | {"commands": commands(done)}
        return Report([*rows, *self.further(done)], settings(self.arena, done), seeds_of(done), told, data)

    def row(self, measured: Measure, rule: str, told: Sequence[Told]) -> Row:
        """The row of a rule, over its runs."""
        ours, published = mean([measured.value(one) for one in told]), measured.told(Cell(rule, rule, True))
        return Row(self.labels.get(rule, rule), ours, published, measured.words, measured.better)

    def data(self, done: Sequence[tuple[Part, Json]]) -> dict[str, Json]:
        """For the picture: of every measure the rules with the numbers of their runs."""
        found = teams(done)
        return {
            measured.name: [[rule, [measured.value(told) for told in own.values()]] for rule, own in found.items()]
            for measured in self.measures
        }

    def further(self, done: Sequence[tuple[Part, Json]]) -> list[Row]:
        """Rows about more than a rule."""
        return []

    def remarks(self, done: Sequence[tuple[Part, Json]]) -> list[str]:
        """What is to be said of this figure alone."""
        return []

    def colour(self, rule: str) -> str:
        """Grey for scripts."""
        from zoo.reproduce import plots

        return plots.COLOURS[self.rules.index(rule)] if rule in self.rules else "0.55"

    def panel(self, panel: Axes, measured: Measure, report: Report) -> None:
        """Bars of a measure."""
        told = report.data[measured.name]
        names = [rule for rule, _ in told]
        scripts, colours = [rule not in self.rules for rule in names], [self.colour(rule) for rule in names]
        labels = [self.labels.get(rule, rule) for rule in names]
        bars(panel, labels, [values for _, values in told], colours, bare=scripts, dots="a training seed")
        for at, rule in enumerate(names):
            published = measured.told(Cell(rule, rule, True))
            if published is not None:
                published_mark(panel, at, published.value)
        panel.set(title=measured.name)

    def plot(self, report: Report) -> Plot:
        """A panel for every measure: bars of means, dots of runs."""
        from zoo.reproduce import plots

        plot, axes = plots.panels(len(self.measures), width=3.9, height=3.7)
        for panel, measured in zip(axes, self.measures, strict=True):
            self.panel(panel, measured, report)
        plots.legend_below(plot, axes, 4)
        return plot


def by_rule(found: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs by their rule."""
    return {rule: [run for run in found if run.rule == rule] for rule in dict.fromkeys(run.rule for run in found)}


def teams(done: Sequence[tuple[Part, Json]]) -> dict[str, dict[int, Told]]:
    """What came out where one entrant had all seats, by rule and training seed."""
    known = cards(done)
    found: dict[str, dict[int, Told]] = {}
    for game, told in played(done):
        one, *others = dict.fromkeys(game.values())
        if not others:
            found.setdefault(known[one]["rule"], {})[known[one]["seed"]] = told
    return found


def between(one: Mapping[int, Told], other: Mapping[int, Told], compare: Callable[[Told, Told], float]) -> Estimate:
    """`compare` of every run of one rule with every run of another."""
    return over_pairs({(a, b): compare(told, less) for a, told in one.items() for b, less in other.items()})


# Pictures


def bars(
    panel: Axes,
    labels: Sequence[str],
    values: Sequence[Sequence[float]],
    colours: Sequence[str],
    *,
    faint: Collection[bool] = (),
    bare: Collection[bool] = (),
    dots: str = "a pair of training seeds",
) -> None:
    """A bar for the mean of every group of values and a dot for each; faint bars are set apart, bare have no dots."""
    pale, plain = (list(which) or [False] * len(labels) for which in (faint, bare))
    for at, (told, colour) in enumerate(zip(values, colours, strict=True)):
        alpha, hatch = (0.3, "///") if pale[at] else (0.6, None)
        label = "both of one run, mean" if pale[at] else None
        panel.bar(at, np.mean(told), width=0.62, color=colour, alpha=alpha, hatch=hatch, edgecolor="white", label=label)
        if not plain[at]:
            beside = np.linspace(-0.18, 0.18, len(told)) if len(told) > 1 else np.zeros(1)
            panel.plot(at + beside, told, "o", color="black", markersize=2.6, alpha=0.75, label=dots)
    panel.axhline(0, color="0.4", linewidth=0.8)
    if len(labels) > 3:
        panel.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    else:
        panel.set_xticks(range(len(labels)), labels)
    panel.grid(axis="x", visible=False)


def published_mark(panel: Axes, at: float, value: float, label: str = "paper") -> None:
    """A published number across one bar."""
    panel.plot([at - 0.4, at + 0.4], [value, value], "--", color="black", linewidth=1.4, label=label)
