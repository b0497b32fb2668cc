"""What ensembles and their controls earned in tag, and how robust each of them is."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from leaderboard.statistics import robustness
from leaderboard.statistics.estimate import Estimate, Floats
from leaderboard.statistics.resampling import Jackknife, Measured, average
from leaderboard.statistics.robustness import OWN, Selection, measure
from zoo.entry.declared import BEST, anchors_for
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.papers.figure import Results
from zoo.papers.house import HouseRun, card_of, runs_of
from zoo.papers.maddpg.ensemble_games import ARENA, ROLES, SINGLE, alone, hunt, watch
from zoo.papers.tables import over_pairs

ENSEMBLE, LONGER, OTHER = "maddpg-ensemble", "maddpg@twice", "ddpg"
RULES = (ENSEMBLE, SINGLE, LONGER, OTHER)
CVAR = "CVaR"  # the heading
SCRIPTS = ("pursuit", "still", "random")


@dataclass(frozen=True)
class Lineup:
    """Who plays: of each rule the runs of the same training seeds, and the scripts; K sub-policies an ensemble."""

    runs: Mapping[str, tuple[HouseRun, ...]]
    scripts: tuple[HouseRun, ...]
    k: int

    @property
    def everybody(self) -> list[HouseRun]:
        """In the order of the columns."""
        return [*itertools.chain.from_iterable(self.runs.values()), *self.scripts]

    @property
    def seeds(self) -> list[int]:
        """The n training seeds."""
        return [run.seed for run in self.runs[SINGLE]]

    @property
    def run_of(self) -> list[int | None]:
        """For each of `everybody` the position of its training seed among the n; None for a script."""
        return [self.seeds.index(run.seed) if run.weights else None for run in self.everybody]

    def selection(self, *, mixed: bool = False) -> Selection:
        """All K of the n training seeds with their strangers, every run by itself or mixtures of K."""
        return Selection.strangers(self.run_of, len(self.seeds), self.k, mixed=mixed)


def lineup(most: int) -> Lineup:
    """The house's runs of the first `most` training seeds that every rule has.

    Raises:
        UserError: there are too few of them, or the ensembles have different K.
    """
    venue = Venue(ArenaChoice(ARENA))
    identity = venue.identity
    by_rule = {rule: runs_of(ARENA, [rule], 10**6) for rule in RULES}
    seeds = sorted(set.intersection(*({run.seed for run in runs} for runs in by_rule.values())))[:most]
    kept = {rule: tuple(run for run in runs if run.seed in seeds) for rule, runs in by_rule.items()}
    numbers = sorted({card_of(identity, run.entrant)["config"]["k"] for run in by_rule[ENSEMBLE]})
    if len(numbers) > 1:
        different = ", ".join(map(str, numbers))
        raise UserError(f"the house's {ENSEMBLE} of {identity} have different numbers of sub-policies: {different}")
    k = int(numbers[0])
    if len(seeds) <= k:
        raise UserError(
            f"{ENSEMBLE} with K = {k} needs at least {k + 1} training seeds that {', '.join(RULES)} all have in"
            f" {identity}, found {len(seeds)}"
        )
    anchors = anchors_for(venue).entrants
    return Lineup(kept, tuple(HouseRun(script, script) for script in dict.fromkeys((*SCRIPTS, *anchors))), k)


class EnsembleReturns:
    """What everybody earned in each role: returns of rows with columns in batches, both in the order of `everybody`."""

    def __init__(self, done: Results, who: Lineup) -> None:
        self.who = who
        hunts = {part.settings["predators"]: result["games"] for part, result in done if part.function is hunt}
        games = [hunts[run.entrant] for run in who.everybody]
        paid = {role: np.array([[game[role] for game in row] for row in games]) for role in ROLES}  # [hunter, prey, B]
        #: role -> float [B, rows, columns]
        self.values = {
            "adversary": np.moveaxis(paid["adversary"], 2, 0),
            "agent": np.moveaxis(paid["agent"].swapaxes(0, 1), 2, 0),
        }
        parts = {part.settings["ensemble"]: result["games"] for part, result in done if part.function is alone}
        members = [parts[run.entrant] for run in who.runs[ENSEMBLE]]
        #: role -> float [B, n, K, columns]
        self.alone = {role: np.moveaxis(np.array([m[role] for m in members]), 3, 0) for role in ROLES}
        (self.watched,) = (result for part, result in done if part.function is watch)

    def rows(self, rule: str) -> list[int]:
        """The positions of a rule's runs, or of a script, in `everybody`."""
        return [at for at, run in enumerate(self.who.everybody) if run.rule == rule]

    def figures(self, role: str) -> dict[str, dict[str, Measured]]:
        """Entry -> its figures as a role; an ensemble's own partners are those of all its sub-policies."""
        kinds = [run.rule for run in self.who.everybody]

        def of(rule: str, values: Floats, mixed: bool = False) -> dict[str, Measured]:
            own = values[:, range(values.shape[1]), self.rows(rule)]
            figures = measure(values, self.who.selection(mixed=mixed), kinds, own=own, by=Jackknife())
            return {CVAR if name == robustness.CVAR else name: x for name, x in figures.items() if name != OWN}

        values = {rule: self.values[role][:, self.rows(rule)] for rule in (ENSEMBLE, SINGLE, LONGER)}
        return {
            **{rule: of(rule, x) for rule, x in values.items()},
            self.mixture: of(SINGLE, values[SINGLE], mixed=True),
            "sub-policy alone": average([of(ENSEMBLE, self.alone[role][:, :, k]) for k in range(self.who.k)]),
        }

    @property
    def mixture(self) -> str:
        """What the mixture is called."""
        return f"mixture of {self.who.k}"

    @property
    def controls(self) -> tuple[str, str, str]:
        """What the ensemble is compared with."""
        return SINGLE, LONGER, self.mixture

    def scores(self, role: str, low: str, high: str) -> Floats:
        """Mean returns [rows, columns] on one scale for the role.

        0 is what the low anchor gets on average with the runs of the ensemble and of the single policy, 1 what the high
        one gets, or the best of all with each of them.
        """
        values = self.values[role].mean(0)
        met = values[:, [*self.rows(SINGLE), *self.rows(ENSEMBLE)]]
        bottom = met[self.rows(low)[0]].mean()
        top = (met.max(0) if high == BEST else met[self.rows(high)[0]]).mean()
        return np.asarray((values - bottom) / (top - bottom))

    def cluster(self, scores: Floats, mine: str, other: str, less: str | None = None) -> Estimate:
        """Mean score of one rule's runs with the other's, strangers all, with its interval over the seeds of both.

        With `less` that of the rule's runs less that of the runs of `less` with the same seeds.
        """
        values = {}
        for a, i in enumerate(self.rows(mine)):
            for b, j in enumerate(self.rows(other)):
                beside = self.rows(less)[a] if less else None
                if i != j and beside != j:
                    values[a, b] = float(scores[i, j] - (scores[beside, j] if beside is not None else 0.0))
        return replace(over_pairs(values), n=len(self.who.seeds))

    def table(self) -> tuple[list[str], list[list[float]]]:
        """What the predators of every kind get with the prey of every kind of other seeds: labels, and the means."""
        kinds = list(dict.fromkeys(run.rule for run in self.who.everybody))
        values = self.values["adversary"].mean(0)
        seeds = self.who.run_of  # a run with more steps is the same run

        def mean(a: str, b: str) -> float:
            pairs = itertools.product(self.rows(a), self.rows(b))
            return float(np.mean([values[i, j] for i, j in pairs if seeds[i] is None or seeds[i] != seeds[j]]))

        return kinds, [[mean(a, b) for b in kinds] for a in kinds]
