"""Are policy ensembles more robust? Predator and prey, against one policy, a longer one, and a mixture of them.

Lowe et al. 2017 train K sub-policies a seat together, one drawn per team and episode, so that a team does not fit
itself to one opponent. Whether that leaves it more robust is asked here of strangers, who come from other training
runs: the ensemble against one policy of the same number of steps, one of K times the steps, and a mixture of K policies
that were trained independently and are drawn the same way. Only the last tells whether training them together helps.
`matched` says who meets whom and where the intervals come from. Nothing is trained here.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from agents.parts.categorical import CategoricalPolicy
from arenas.protocol import Arena, TimeStep
from leaderboard.report.layout import number
from leaderboard.statistics.robustness import ALPHA
from zoo.anchors import BEST, Anchors, anchors_for
from zoo.crossplay import roles
from zoo.entry import checkpoint
from zoo.entry.entrant import Entrant, read_entrant
from zoo.entry.venue import ArenaChoice
from zoo.errors import UserError
from zoo.matches.match import Estimate
from zoo.play.blocks import PUBLIC_SEED
from zoo.play.episodes import play_episodes
from zoo.play.seating import blame, episode_seeds, sit_down
from zoo.registry import load_agent
from zoo.reproduce import house_play, matched
from zoo.reproduce.house_play import Run
from zoo.reproduce.matched import CVAR, MEAN, WORST, Floats, Measured, Opponents
from zoo.reproduce.report import Figure, Json, Part, Report, Row, Tell, mean
from zoo.work.pool import limit_threads

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Plot

ARENA = "tag"
ENSEMBLE, SINGLE, LONGER, OTHER = "maddpg-ensemble", "maddpg", "maddpg@twice", "ddpg"
SCRIPTS = ("pursuit", "still", "random")
ROLES = {"adversary": "predators", "agent": "prey"}
EPISODES, QUICK_EPISODES = 1000, 200
BATCHES = 50  # of episodes: what is kept of a game, and what the jackknife leaves out
WATCHED, QUICK_WATCHED = 20, 4  # episodes of every run's own game whose observations tell the diversity
CLUSTERS = {
    "single v single": (SINGLE, SINGLE),
    "ensemble v single": (ENSEMBLE, SINGLE),
    "single v ensemble": (SINGLE, ENSEMBLE),
    "ensemble v ensemble": (ENSEMBLE, ENSEMBLE),
}
GAIN = "gain over single v single"
SOFTMAX, PLAYED = "softmax", "played"
WAYS = {SOFTMAX: "as trained, softmax", PLAYED: "as played, mode"}
MORE, LESS, UNKNOWN = "more robust", "less robust", "no difference shown"

#: Role -> mean return of its seats in each batch of episodes.
Batches = dict[str, list[float]]


def sub_policy(ensemble: Entrant, k: int) -> Entrant:
    """Sub-policy k of an ensemble's checkpoint by itself, as an entrant of the agent with one policy a seat.

    Raises:
        UserError: it is no checkpoint of an ensemble with such a sub-policy.
    """
    found = ensemble.checkpoint
    state = {}
    for name, tensor in found.state.items() if found is not None else ():
        seat, number_of, rest = [*name.split("/", 2), "", ""][:3]
        if number_of == str(k):
            state[f"{seat}/{rest}"] = tensor
    if found is None or not state:
        raise UserError(f"{ensemble.label} has no sub-policy {k}")
    entry = load_agent(SINGLE)
    config = entry.agent.Config(**asdict(ensemble.config) | {"k": 1})
    card = replace(found.card, agent=SINGLE, config=asdict(config))
    part = replace(found, card=card, state=state, digest=checkpoint.digest(state))
    return Entrant(f"{ensemble.label}, sub-policy {k}", entry, config, part)


def play(arena: Arena, identity: str, predators: Entrant, prey: Entrant) -> dict[str, TimeStep]:
    """Play the first episodes of the public seed, as many as the arena has rows: seat -> time steps [T + 1, B, ...]."""
    itself = predators.id == prey.id
    sides = roles(arena.spec)
    seating = {seat: 0 if itself else at for at, role in enumerate(ROLES) for seat in sides[role]}
    pair = [predators] if itself else [predators, prey]
    with blame(identity, pair):
        seated = sit_down(arena, pair, {s: seating[s] for s in arena.spec.seats}, PUBLIC_SEED)
        luck = episode_seeds(identity, PUBLIC_SEED, 0, arena.batch_size, arena.device)
        return play_episodes(seated, luck).steps


def earned(arena: Arena, steps: Mapping[str, TimeStep]) -> Batches:
    """Each role's return per episode and seat, as means of batches of episodes."""
    found = {}
    for role, seats in roles(arena.spec).items():
        returns = torch.stack([steps[seat].reward[1:].double().sum(0) for seat in seats]).mean(0).cpu().numpy()
        batches = np.array_split(returns, min(BATCHES, len(returns)))
        found[role] = [round(float(batch.mean()), 6) for batch in batches]
    return found


def hunt(tell: Tell, predators: str, prey: list[str], weights: dict[str, str], episodes: int) -> Json:
    """One run's predators with everybody's prey: {"games": `Batches` of each, "cards": {entrant: facts}}.

    `weights` only tell contents apart, here and below.
    """
    arena, identity = _arena(episodes)
    hunter = read_entrant(predators, arena, identity)
    games = []
    for at, text in enumerate(prey):
        games.append(earned(arena, play(arena, identity, hunter, read_entrant(text, arena, identity))))
        tell(at + 1, len(prey))
    return {"games": games, "cards": {predators: house_play.facts(identity, predators)}}


def alone(tell: Tell, ensemble: str, k: int, others: list[str], weights: dict[str, str], episodes: int) -> Json:
    """Each sub-policy of an ensemble by itself with everybody, in both roles: {"games": {role: [K][C] batches}}."""
    arena, identity = _arena(episodes)
    whole = read_entrant(ensemble, arena, identity)
    games: dict[str, list[list[list[float]]]] = {role: [] for role in ROLES}
    for at in range(k):
        one = sub_policy(whole, at)
        for role, found in games.items():
            row = []
            for number_of, text in enumerate(others):
                other = read_entrant(text, arena, identity)
                pair = (one, other) if role == "adversary" else (other, one)
                row.append(earned(arena, play(arena, identity, *pair))[role])
                tell((2 * at + len(games["adversary"])) * len(others) + number_of + 1, 2 * k * len(others))
            found.append(row)
    return {"games": games, "cards": {}}


def watch(tell: Tell, ensembles: list[str], singles: list[str], k: int, weights: dict[str, str], episodes: int) -> Json:
    """How much policies differ: total variation distance of their action distributions, by role.

    Told twice: of the softmax that was trained, and of what is played, the most likely action, where the distance is
    the share of observations at which two policies do not act alike.

    The observations are those of every run's own game, all together, of each seat for the policies of that seat.

    Returns:
        {"softmax" and "played": {"inside": {role: [n][pairs] of an ensemble's sub-policies}, "between": {role: [n][n]
        of the single policies}}, "observations": how many of each seat, "cards": {}}.
    """
    arena, identity = _arena(episodes)
    seen: dict[str, list[Tensor]] = {seat: [] for seat in arena.spec.seats}
    read = {text: read_entrant(text, arena, identity) for text in (*ensembles, *singles)}
    for at, who in enumerate(read.values()):
        for seat, steps in play(arena, identity, who, who).items():
            seen[seat].append(steps.observation[:-1].flatten(0, 1))
        tell(at + 1, len(read))
    observations = {seat: torch.cat(found) for seat, found in seen.items()}
    parts = {text: [sub_policy(read[text], at) for at in range(k)] for text in ensembles}
    found: Json = {"observations": len(next(iter(observations.values()))), "cards": {}}
    for way in WAYS:
        told = {
            text: [probabilities(arena, one, observations, way) for one in parts.get(text, [read[text]])]
            for text in (*ensembles, *singles)
        }
        inside: dict[str, list[list[float]]] = {}
        between: dict[str, list[list[float]]] = {}
        for role, seats in roles(arena.spec).items():
            inside[role] = [[apart(a, b, seats) for a, b in itertools.combinations(told[t], 2)] for t in ensembles]
            between[role] = [[apart(told[one][0], told[two][0], seats) for two in singles] for one in singles]
        found[way] = {"inside": inside, "between": between}
    return found


def probabilities(
    arena: Arena, who: Entrant, observations: Mapping[str, Tensor], way: str = PLAYED
) -> dict[str, Tensor]:
    """What a run with one policy a seat does at observations [N, ...]: seat -> action probabilities [N, A].

    `way` is one of `WAYS`: a checkpoint plays its policy far sharper than the softmax that was trained.
    """
    found = {}
    for seat, agent in who.agents(arena.spec, tuple(arena.spec.seats), 0, arena.device).items():
        policy = agent.policy(seat)
        if not isinstance(policy, CategoricalPolicy):
            raise UserError(f"{who.label} has no policy over discrete actions in seat {seat}")
        if way == SOFTMAX:
            policy = CategoricalPolicy(policy.parameters, policy.spec, policy.recall)
        found[seat] = policy.scores(observations[seat]).softmax(-1)
    return found


def apart(one: Mapping[str, Tensor], other: Mapping[str, Tensor], seats: Sequence[str]) -> float:
    """Total variation distance 1/2 sum |p - q|, mean over observations and seats: 0 the same, 1 never the same."""
    return float(np.mean([float((one[s] - other[s]).abs().sum(-1).mean() / 2) for s in seats]))


def _arena(episodes: int) -> tuple[Arena, str]:
    limit_threads()
    choice = ArenaChoice(ARENA)
    arena = choice.make(episodes)
    return arena, choice.identity(arena)


@dataclass(frozen=True)
class House:
    """Who plays: of each rule the runs of the same training seeds, and the scripts."""

    runs: Mapping[str, tuple[Run, ...]]
    scripts: tuple[Run, ...]
    k: int

    @property
    def everybody(self) -> list[Run]:
        """In the order of the columns."""
        return [*itertools.chain.from_iterable(self.runs.values()), *self.scripts]

    @property
    def seeds(self) -> list[int]:
        """The training seeds."""
        return [run.seed for run in self.runs[SINGLE]]

    def opponents(self) -> Opponents:
        """All as opponents."""
        seeds = self.seeds
        places = tuple(seeds.index(run.seed) if run.weights else None for run in self.everybody)
        return Opponents(places, tuple(run.rule for run in self.everybody), len(seeds), self.k)


def house(most: int) -> House:
    """The house's runs of the first `most` training seeds that every rule has.

    Raises:
        UserError: there are too few of them, or the ensembles have different K.
    """
    identity = house_play.identity_of(ARENA)
    rules = (ENSEMBLE, SINGLE, LONGER, OTHER)
    found = {rule: house_play.runs(ARENA, [rule], 10**6) for rule in rules}
    seeds = sorted(set.intersection(*({run.seed for run in runs} for runs in found.values())))[:most]
    kept = {rule: tuple(run for run in runs if run.seed in seeds) for rule, runs in found.items()}
    cards = [checkpoint.load(house_play.folder_of(identity, run.entrant)).card for run in found[ENSEMBLE]]
    numbers = sorted({card.config["k"] for card in cards})
    if len(numbers) > 1:
        told = ", ".join(map(str, numbers))
        raise UserError(f"the house's {ENSEMBLE} of {identity} have different numbers of sub-policies: {told}")
    k = int(numbers[0])
    if len(seeds) <= k:
        raise UserError(
            f"{ENSEMBLE} with K = {k} needs at least {k + 1} training seeds that {', '.join(rules)} all have in"
            f" {identity}, found {len(seeds)}"
        )
    anchors = anchors_for(ArenaChoice(ARENA), identity).entrants
    return House(kept, tuple(Run(script, script) for script in dict.fromkeys((*SCRIPTS, *anchors))), k)


class Played:
    """What everybody earned: of each role the returns of rows with columns in batches, by `House.everybody`."""

    def __init__(self, done: Sequence[tuple[Part, Json]], who: House) -> None:
        self.who = who
        texts = [run.entrant for run in who.everybody]
        hunts = {part.settings["predators"]: told["games"] for part, told in done if part.function is hunt}
        games = [hunts[text] for text in texts]
        paid = {role: np.array([[game[role] for game in row] for row in games]) for role in ROLES}  # [hunter, prey, B]
        #: role -> float [B, rows, columns]
        self.values = {
            "adversary": np.moveaxis(paid["adversary"], 2, 0),
            "agent": np.moveaxis(paid["agent"].swapaxes(0, 1), 2, 0),
        }
        parts = {part.settings["ensemble"]: told["games"] for part, told in done if part.function is alone}
        members = [parts[run.entrant] for run in who.runs[ENSEMBLE]]
        #: role -> float [B, n, K, columns]
        self.alone = {role: np.moveaxis(np.array([m[role] for m in members]), 3, 0) for role in ROLES}
        (self.watched,) = (told for part, told in done if part.function is watch)

    def rows(self, rule: str) -> list[int]:
        """The places of a rule's runs, or of a script, among everybody."""
        return [at for at, run in enumerate(self.who.everybody) if run.rule == rule]

    def figures(self, role: str) -> dict[str, dict[str, Measured]]:
        """Entry -> its figures as a role."""
        opponents, values = self.who.opponents(), self.values[role]

        def of(rule: str, mixed: bool = False) -> dict[str, Measured]:
            at = self.rows(rule)
            return matched.figures(values[:, at], values[:, at, at], opponents, mixed=mixed)

        at, parts = self.rows(ENSEMBLE), []
        for k in range(self.who.k):
            part = self.alone[role][:, :, k]
            parts.append(matched.figures(part, part[:, range(len(at)), at], opponents))
        return {
            ENSEMBLE: of(ENSEMBLE),
            SINGLE: of(SINGLE),
            LONGER: of(LONGER),
            self.mixture: of(SINGLE, mixed=True),
            "sub-policy alone": matched.average(parts),
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
        found = {}
        for a, i in enumerate(self.rows(mine)):
            for b, j in enumerate(self.rows(other)):
                beside = self.rows(less)[a] if less else None
                if i != j and beside != j:
                    found[a, b] = float(scores[i, j] - (scores[beside, j] if beside is not None else 0.0))
        return replace(house_play.over_pairs(found), n=len(self.who.seeds))

    def table(self) -> tuple[list[str], list[list[float]]]:
        """What the predators of every kind get with the prey of every kind of other seeds: labels, and the means."""
        kinds = list(dict.fromkeys(run.rule for run in self.who.everybody))
        values = self.values["adversary"].mean(0)
        seeds = self.who.opponents().seeds  # a run with more steps is the same run
        told = [
            [
                float(
                    np.mean(
                        [
                            values[i, j]
                            for i in self.rows(a)
                            for j in self.rows(b)
                            if seeds[i] is None or seeds[i] != seeds[j]
                        ]
                    )
                )
                for b in kinds
            ]
            for a in kinds
        ]
        return kinds, told


def _low(anchors: Anchors) -> str:
    return anchors.low or SCRIPTS[-1]


def verdict(told: Mapping[str, Estimate]) -> str:
    """In words what the intervals of the differences in mean, worst case and CVaR show."""
    more = [name for name, x in told.items() if x.low is not None and x.low > 0]
    less = [name for name, x in told.items() if x.high is not None and x.high < 0]
    if more and less:
        return ", ".join([*(f"+{name}" for name in more), *(f"-{name}" for name in less)])
    for words, names in ((MORE, more), (LESS, less)):
        if names:
            return words if len(names) == len(told) else f"{words}: {', '.join(names)}"
    return UNKNOWN


def _cell(told: Estimate, sign: bool = False) -> str:
    half = "" if told.high is None else f" ±{number(told.high - told.mean, 2)}"
    return f"{'+' if sign and told.mean > 0 else ''}{number(told.mean, 2)}{half}"


class MaddpgEnsembles(Figure):
    """The ensemble and its three controls in tag, in both roles."""

    name = "maddpg-ensembles"
    title = "Are policy ensembles more robust? Predator and prey against strangers"
    source = "Lowe et al. 2017 (MADDPG), section 4.3 and figure 3"
    minutes = (1.9, 0.4)
    unit = "games"
    seeds = (5, 3)
    revision = 2

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """One run's predators with everybody's prey; the sub-policies of an ensemble; and how much policies differ."""
        who = house(seeds)
        weights = {run.entrant: run.weights for run in who.everybody}
        texts, episodes = list(weights), QUICK_EPISODES if quick else EPISODES
        common = {"weights": weights, "episodes": episodes}
        pairs: dict[str, list[str]] = {
            "ensembles": [run.entrant for run in who.runs[ENSEMBLE]],
            "singles": [run.entrant for run in who.runs[SINGLE]],
        }
        return [
            *(Part(f"{text} v all", hunt, {"predators": text, "prey": texts} | common) for text in texts),
            *(
                Part(f"{text} by parts", alone, {"ensemble": text, "k": who.k, "others": texts} | common)
                for text in pairs["ensembles"]
            ),
            Part(
                "diversity",
                watch,
                pairs | {"k": who.k, "weights": weights, "episodes": QUICK_WATCHED if quick else WATCHED},
            ),
        ]

    def assemble(self, done: Sequence[tuple[Part, Json]], quick: bool, seeds: int) -> Report:
        """The differences, the entries, the paper's comparison, the sub-policies and their diversity."""
        played = Played(done, house(seeds))
        found = {role: played.figures(role) for role in ROLES}
        apart = {
            role: {
                control: {name: (told[ENSEMBLE][name] - told[control][name]).estimate() for name in (MEAN, WORST, CVAR)}
                for control in played.controls
            }
            for role, told in found.items()
        }
        rows: list[Row] = []
        for role, words in ROLES.items():
            heading = f"Is it more robust? As {words}: {ENSEMBLE} less control, ±95 %"
            for control, told in apart[role].items():
                cells = {name: _cell(x, sign=True) for name, x in told.items()} | {"verdict": verdict(told)}
                rows.append(Row(control, told[WORST], None, heading, "higher", exact=cells))
        entries = {
            role: {entry: {name: x.estimate() for name, x in told.items()} for entry, told in by_entry.items()}
            for role, by_entry in found.items()
        }
        for role, words in ROLES.items():
            for entry, told in entries[role].items():
                cells = {name: _cell(x) for name, x in told.items()}
                heading = f"As {words}, with strangers: return of a seat an episode ±95 %"
                rows.append(Row(entry, told[MEAN], None, heading, "higher", exact=cells))
        anchors = anchors_for(ArenaChoice(ARENA), house_play.identity_of(ARENA))
        clusters = self._clusters(played, anchors)
        high = "best of these" if anchors.high == BEST else anchors.high
        heading = f"Figure 3 (bars only), agents v adversaries: score, 0 {_low(anchors)}, 1 {high}"
        for label, told in clusters.items():
            cells = {name: _cell(x, sign=label not in CLUSTERS) for name, x in told.items()}
            rows.append(Row(label, told["agents"], None, heading, "higher", exact=cells))
        rows += self._sub_policies(played)
        diversity = {way: self._diversity(played, way) for way in WAYS}
        for way, words in WAYS.items():
            heading = f"Diversity {words}: total variation distance, 0 the same, 1 never"
            for label, told in diversity[way].items():
                cells = {name: _cell(x) for name, x in told.items()}
                rows.append(Row(label, told["predators"], None, heading, exact=cells))
        kinds, table = played.table()
        data = {
            "k": played.who.k,
            "entries": _all_plain(entries),
            "differences": _all_plain(apart),
            "clusters": _all_plain(clusters),
            "diversity": _all_plain(diversity),
            "distances": {way: played.watched[way] for way in WAYS},
            "kinds": kinds,
            "table": table,
        }
        hunts = [(part, told) for part, told in done if part.function is hunt]
        notes = self._notes(played, apart, clusters)
        return Report(rows, house_play.settings(ARENA, hunts), house_play.seeds_of(hunts), notes, data)

    def _clusters(self, played: Played, anchors: Anchors) -> dict[str, dict[str, Estimate]]:
        scores = {role: played.scores(role, _low(anchors), anchors.high) for role in ROLES}
        found = {
            label: {
                "agents": played.cluster(scores["agent"], agents, adversaries),
                "adversaries": played.cluster(scores["adversary"], adversaries, agents),
            }
            for label, (agents, adversaries) in CLUSTERS.items()
        }
        found[GAIN] = {
            "agents": played.cluster(scores["agent"], ENSEMBLE, SINGLE, SINGLE),
            "adversaries": played.cluster(scores["adversary"], ENSEMBLE, SINGLE, SINGLE),
        }
        return found

    def _sub_policies(self, played: Played) -> list[Row]:
        """By training seed the mean with strangers of the ensemble, and of each of its sub-policies by itself."""
        opponents, seeds = played.who.opponents(), played.who.seeds
        strangers = [opponents.strangers((at,)) for at in range(len(seeds))]
        rows = []
        for role, words in ROLES.items():
            whole = played.values[role].mean(0)[played.rows(ENSEMBLE)]  # [n, C]
            parts = played.alone[role].mean(0)  # [n, K, C]
            lines = {"whole": whole} | {f"sub-policy {k}": parts[:, k] for k in range(played.who.k)}
            for line, values in lines.items():
                told = [float(row[met].mean()) for row, met in zip(values, strangers, strict=True)]
                cells = {f"seed {seed}": number(x, 2) for seed, x in zip(seeds, told, strict=True)}
                heading = "Every ensemble, and each of its sub-policies alone: mean with strangers"
                rows.append(Row(f"{words}, {line}", mean(told), None, heading, "higher", exact=cells))
        return rows

    def _diversity(self, played: Played, way: str) -> dict[str, dict[str, Estimate]]:
        n = len(played.who.seeds)
        inside, between = {}, {}
        for role, words in ROLES.items():
            inside[words] = mean([float(np.mean(pairs)) for pairs in played.watched[way]["inside"][role]])
            square = np.array(played.watched[way]["between"][role])
            without = [np.delete(np.delete(square, s, 0), s, 1) for s in range(n)]
            value, *left = (float(x[~np.eye(len(x), dtype=bool)].mean()) for x in (square, *without))
            between[words] = Measured(value, {"seeds": np.array(left)}).estimate()
        return {"sub-policies of one ensemble": inside, f"{SINGLE} of different seeds": between}

    def _notes(
        self,
        played: Played,
        apart: Mapping[str, Mapping[str, Mapping[str, Estimate]]],
        clusters: Mapping[str, Mapping[str, Estimate]],
    ) -> list[str]:
        who, opponents = played.who, played.who.opponents()
        n, k = len(who.seeds), who.k
        robust = [
            words for role, words in ROLES.items() if all((told[WORST].low or 0.0) > 0 for told in apart[role].values())
        ]
        halves = {
            words: max(x.high - x.mean for told in apart[role].values() for x in told.values() if x.high is not None)
            for role, words in ROLES.items()
        }
        gain = clusters[GAIN]["agents"]
        beat = "are shown to" if gain.low is not None and gain.low > 0 else "are not shown to"
        met = next(int(opponents.strangers(team).sum()) for team in opponents.teams)
        everybody = ", ".join([*who.runs, *(run.rule for run in who.scripts)])
        widths = " and ".join(f"{number(half, 1)} as {words}" for words, half in halves.items())
        return [
            f"Answer: as {' and as '.join(robust)} the ensemble's worst case is shown to be better than all controls'."
            if robust
            else "Answer: in neither role is the ensemble's worst case shown to be better than all three controls'.",
            f"Strangers of {k} seeds: everybody of the other seeds ({everybody}), {met}, the same for all entries; mean"
            f" over all {len(opponents.teams)} choices of {k} of {n} seeds. worst: the least; CVaR: mean of the worst"
            f" {ALPHA:.0%}; both chosen on one half of the episodes and estimated on the other, both ways, averaged;"
            " gap: with the own run's other side less mean.",
            f"{played.mixture}: {k} {SINGLE} of different seeds, one drawn per team and episode. Its return is exactly"
            " its members' mean: so it has the mean and gap of one, and in truth never less in worst case and CVaR.",
            "Intervals are over seeds (with all mixtures that hold one), episodes, and for mean and gap kinds of"
            f" opponents; none is corrected for the {len(ROLES) * len(played.controls) * 3} comparisons. {n} seeds"
            f" leave half-widths of up to {widths}: smaller differences cannot be ruled out.",
            f"The paper: ensemble agents beat single adversaries by a large margin. Here agents {beat} score more"
            " against single adversaries if they are an ensemble.",
            f"K = {k}{', as in the paper' if k == 2 else ' (paper 2)'}. Discrete actions, executed hard (its code:"
            f" soft); mpe2's world; a sub-policy gets 1/{k} of the steps and updates; a shared critic; TV over"
            f" {played.watched['observations']:,} observations of a seat in the runs' own games.",
            "Not run: continuous actions, K = 3, the paper's keep-away and navigation; for trained exploiters see"
            f" `zoo exploit {ENSEMBLE} --arena {ARENA}`.",
        ]

    def plot(self, report: Report) -> Plot:
        """Entries as both roles, what the ensemble has more than its controls, and who does what with whom."""
        from zoo.reproduce import plots

        plot, axes = plots.panels(2, 2, width=5.4, height=3.7)
        for panel, (role, words) in zip(axes, ROLES.items(), strict=False):
            _entries(panel, report.data["entries"][role], f"as {words}, with strangers")
        _differences(axes[2], report.data["differences"])
        _table(plot, axes[3], report.data["kinds"], report.data["table"])
        plots.legend_below(plot, axes[:3], 3)
        return plot


def _all_plain(told: Mapping[str, Any] | Estimate) -> Any:
    """Nested estimates as lists of value, low and high."""
    if isinstance(told, Estimate):
        return [told.mean, told.low, told.high]
    return {name: _all_plain(x) for name, x in told.items()}


def _marks(panel: Axes, told: Sequence[Mapping[str, list[Any]]], names: Sequence[str]) -> None:
    """In a line for each of `told` a dot with its interval for each of its figures, one above the other."""
    from zoo.reproduce import plots

    for at, name in enumerate(names):
        shape, colour = {MEAN: ("o", 0), WORST: ("s", 1), CVAR: ("^", 2)}[name]
        for line, found in enumerate(told):
            value, low, high = found[name]
            y = line + 0.2 * (at - (len(names) - 1) / 2)
            span = [[0.0], [0.0]] if low is None else [[value - low], [high - value]]
            panel.errorbar(
                [value],
                [y],
                xerr=span,
                fmt=shape,
                color=plots.COLOURS[colour],
                markersize=5,
                capsize=2,
                elinewidth=1.3,
                label={MEAN: "mean", WORST: "worst case", CVAR: "CVaR 20 %"}[name] + ", 95 %",
            )
    panel.set_ylim(len(told) - 0.5, -0.5)
    panel.grid(axis="y", visible=False)


def _entries(panel: Axes, told: Mapping[str, Any], title: str) -> None:
    _marks(panel, list(told.values()), (MEAN, WORST))
    panel.set_yticks(range(len(told)), list(told), fontsize=9)
    panel.set(title=title, xlabel="return of a seat an episode")


def _differences(panel: Axes, told: Mapping[str, Any]) -> None:
    lines = {f"{ROLES[role]}, {control}": x for role, by in told.items() for control, x in by.items()}
    _marks(panel, list(lines.values()), (MEAN, WORST, CVAR))
    panel.axvline(0, color="0.3", linewidth=1)
    panel.axhline(len(lines) / 2 - 0.5, color="0.8", linewidth=0.8)
    panel.set_yticks(range(len(lines)), list(lines), fontsize=9)
    panel.set(title="ensemble less control: right of 0 is more robust", xlabel="difference in return")


def _table(plot: Plot, panel: Axes, kinds: Sequence[str], told: Sequence[Sequence[float]]) -> None:
    values = np.array(told)
    low, high = float(values.min()), float(np.percentile(values, 75))  # what the weakest prey pays shall not take all
    drawn = panel.imshow(values, cmap="viridis", vmin=low, vmax=high, aspect="auto")
    panel.grid(False)
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
    panel.set_xticks(range(len(kinds)), kinds, rotation=35, ha="right", rotation_mode="anchor", fontsize=8)
    panel.set_yticks(range(len(kinds)), kinds, fontsize=8)
    for (i, j), value in np.ndenumerate(values):
        colour = "white" if value < (low + high) / 2 else "black"
        panel.text(j, i, number(float(value), 1), ha="center", va="center", fontsize=7.5, color=colour)
    panel.set(title="return of a predator, strangers", ylabel="predators", xlabel="prey")
    bar = plot.colorbar(drawn, ax=panel, pad=0.02, fraction=0.05, extend="max")
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)


FIGURE = MaddpgEnsembles()
