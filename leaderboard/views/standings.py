"""Who stands where on one side of an arena: ratings, ranks and what they hang on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from leaderboard.records import ArenaRecord, Measurement, PanelRecord
from leaderboard.statistics.classical import DRAW_PROBABILITY, elo, round_robin, trueskill
from leaderboard.statistics.field import MOST_SERIES, Field, field_of
from leaderboard.statistics.panel_means import Floats, Ints
from leaderboard.statistics.prediction import (
    ELO,
    OURS,
    PANEL,
    TRUESKILL,
    Forecasts,
    batch_forecast,
    by_past_episodes,
    held_out,
)
from leaderboard.statistics.rating import CENTRE, Rating, Skill, fit
from leaderboard.statistics.tally import Tally, is_head_to_head
from leaderboard.views.columns import Standing, figure

#: Standard deviation of the members' headlines on TrueSkill's scale.
SPREAD = CENTRE / 3.0
_FEWEST = 10  # results from which a forecast says anything
_MOST_PREDICTED = 60
_ROUNDING = 1e-9  # relative; the same returns added up in another order differ by less


@dataclass(frozen=True)
class Terms:
    """What a board is made on.

    Attributes:
        arena, panel, mode: the game, its panel (None leaves frozen entrants unranked), and "play" or "learn".
        names: {entrant: what people read}.
        matches: {entrant: in how many it played}.
        exploited, with_strangers: {entrant: its measurements of either sort, oldest first}.
    """

    arena: ArenaRecord
    panel: PanelRecord | None
    mode: str
    names: Mapping[str, str]
    matches: Mapping[str, int]
    exploited: Mapping[str, Sequence[Measurement]]
    with_strangers: Mapping[str, Sequence[Measurement]]

    @property
    def with_oneself(self) -> bool:
        """Whether a member counts as its own partner: always, so that all are compared over the same partners.

        A learner that meets its like is another one than itself, and there is no panel: then nobody is its own partner.
        """
        return self.mode == "play"

    def weights(self, side: str) -> list[float]:
        """Of the members as partners of those on this side; they add up to 1."""
        if self.panel is None:
            return []
        members = self.panel.entrants
        return [float(x) for x in self.panel.weights.get(side, [1.0 / len(members) for _ in members])]


@dataclass(frozen=True)
class Ranked:
    """One side of a board.

    Attributes:
        side: which.
        standings: best first, each with (rank, low, high); None for those without a rank, who come last, in the order
            of what they got so far.
        rating: the fit of all games, where entrants are rated by it.
        scale: mean and standard deviation of the members' headlines, where mu is made of the headline.
        first_place: who is first, and who would be without one member of the panel.
        faults_decide: whether the order would be another one without the episodes that entrants spoiled themselves.
        predicted: how well ours, Elo and TrueSkill predicted each result before it was counted.
    """

    side: str
    standings: list[tuple[Standing, tuple[int, int, int] | None]]
    rating: Rating | None
    scale: tuple[float, float] | None
    first_place: dict[str, Any] | None
    faults_decide: bool
    predicted: tuple[Forecasts, ...]


def rank(terms: Terms, tallies: Sequence[Tally], side: str) -> Ranked:
    """Everybody on this side, best first."""
    members = terms.panel.entrants if terms.panel else ()
    field = field_of(tallies, side, members, terms.weights(side), with_oneself=terms.with_oneself)
    if is_head_to_head(terms.arena):
        return _by_games(terms, field)
    return _by_returns(terms, field)


def _by_games(terms: Terms, field: Field) -> Ranked:
    """A competitive game on one side: ranked by the fit of all games."""
    counts = field.counts()
    rating = fit(counts)
    skills = rating.skills(field.entrants) if field.entrants else {}
    score = [skills[who].mu for who in field.entrants]
    intervals = rating.rank_intervals(field.entrants)
    results = _games(field)
    # Fitting again and again costs too much where there are many.
    few = len(field.entrants) <= _MOST_PREDICTED
    expected = batch_forecast(len(field.entrants), results.first, results.second, results.score) if few else None
    online, predicted = _classical_ratings(
        field, range(len(field.entrants)), results, (OURS, expected), counts.draw_share
    )
    order = _order(terms, field, np.array(score))
    places = _places(score, order)
    standings: list[tuple[Standing, tuple[int, int, int] | None]] = []
    for i, following in zip(order, [*order[1:], None][: len(order)], strict=True):
        who = field.entrants[i]
        sure = rating.probability_above(who, field.entrants[following]) if following is not None else None
        standing = _standing(terms, field, i, skills[who], online, sure)
        standings.append((standing, _place(places[i], intervals[who])))
    return Ranked(field.side, standings, rating, None, None, False, predicted)


def _by_returns(terms: Terms, field: Field) -> Ranked:
    """Every other game: ranked by the own return over the panel."""
    whole = np.flatnonzero(field.whole) if terms.panel else np.zeros(0, dtype=np.intp)
    value = field.headline.value
    scale = _scale(terms, field)
    results, expected = _classical(field, whole.tolist())
    online, predicted = _classical_ratings(field, whole.tolist(), results, (PANEL, expected), DRAW_PROBABILITY)
    ranked = set(whole.tolist())
    order = [i for i in _order(terms, field, value) if i in ranked]
    places = _places(value, order)
    intervals = dict(zip(whole.tolist(), field.headline.rank_intervals(whole), strict=True))
    sound = field.without_faults().value if field.faults[:, 1:].any() and terms.panel else None
    standings: list[tuple[Standing, tuple[int, int, int] | None]] = []
    for i, following in zip(order, [*order[1:], None][: len(order)], strict=True):
        sure = field.headline.probability_above(i, following) if following is not None else None
        skill = _skill(field, i, scale)
        standing = _standing(terms, field, i, skill, online, sure, sound)
        standings.append((standing, _place(places[i], intervals[i])))
    # those without a rank by what they got so far, the figure beside their names
    so_far = [value, field.everybody] if terms.panel else [field.everybody]
    apart = [i for i in _order(terms, field, *so_far) if i not in ranked]
    standings += [(_standing(terms, field, i, None, online, None, sound), None) for i in apart]
    first_place = _first_place(terms, field, order) if terms.panel and terms.panel.id and len(order) > 1 else None
    changed = sound is not None and _reordered(order, sound)
    return Ranked(field.side, standings, None, scale, first_place, changed, predicted)


def _reordered(order: Sequence[int], score: Floats) -> bool:
    """Whether those who have a score would stand in another order by it."""
    known = [(i, x) for i in order if (x := figure(score[i])) is not None]
    return known != sorted(known, key=lambda pair: -pair[1])


def _standing(
    terms: Terms,
    field: Field,
    i: int,
    skill: Skill | None,
    online: Mapping[str, tuple[float, float]],
    above_next: float | None,
    sound: Floats | None = None,
) -> Standing:
    who = field.entrants[i]
    anchors = terms.panel.anchors.get(field.side) if terms.panel else None
    return Standing(
        terms.arena,
        field,
        i,
        skill,
        online.get(who, (None, None)),
        above_next,
        None if sound is None else float(sound[i]),
        (float(anchors[0]), float(anchors[1])) if anchors else None,
        terms.matches.get(who, 0),
        terms.exploited.get(who, ()),
        terms.with_strangers.get(who, ()),
        terms.names,
    )


def _order(terms: Terms, field: Field, *scores: Floats) -> list[int]:
    """Positions, best first by the first score, equals by the next, then by label."""
    best = [[-x if (x := figure(score[i])) is not None else np.inf for score in scores] for i in range(len(scores[0]))]
    return sorted(range(len(best)), key=lambda i: (best[i], terms.names[field.entrants[i]], field.entrants[i]))


def _places(score: Sequence[float] | Floats, order: Sequence[int]) -> dict[int, int]:
    """The rank of each of those in `order`, which begins with the best; equals share one."""
    shown = [figure(score[i]) for i in order]
    ranks: list[int] = []
    for place, value in enumerate(shown):
        ranks.append(ranks[-1] if place and value == shown[place - 1] else place + 1)
    return dict(zip(order, ranks, strict=True))


def _place(rank: int, interval: tuple[int, int]) -> tuple[int, int, int]:
    """The rank and its interval, which holds it."""
    return rank, min(interval[0], rank), max(interval[1], rank)


def _scale(terms: Terms, field: Field) -> tuple[float, float] | None:
    """Mean and standard deviation of the members' headlines: the panel's frozen ones, else those on this board."""
    if terms.panel is None:
        return None
    frozen = terms.panel.scale.get(field.side)
    if frozen is not None:
        return float(frozen[0]), float(frozen[1])
    members = [i for i in np.flatnonzero(field.whole) if field.entrants[i] in terms.panel.entrants]
    if len(members) < 2:
        return None
    return float(np.mean(field.headline.value[members])), float(np.std(field.headline.value[members]))


def _skill(field: Field, i: int, scale: tuple[float, float] | None) -> Skill | None:
    """The headline on TrueSkill's scale."""
    if scale is None or scale[1] <= _ROUNDING * (1.0 + abs(scale[0])):
        return None  # members that all get the same tell nothing of the scale
    centre, spread = scale
    unit = SPREAD / spread
    own = field.headline.estimate(i)
    mu = CENTRE + unit * (own.mean - centre)
    error = float(field.headline.error[i])
    if own.low is None or own.high is None:
        return Skill(mu, float("nan"), float("nan"), float("nan"))
    return Skill(mu, unit * error, CENTRE + unit * (own.low - centre), CENTRE + unit * (own.high - centre))


@dataclass(frozen=True)
class Scores:
    """Results in canonical order, for ratings that count one after the other: players, and the firsts' scores, [m]."""

    first: Ints
    second: Ints
    score: Floats


def _games(field: Field) -> Scores:
    """Of every pair as many games as it played episodes, at most so many, in the shares in which it won and drew."""
    first, second = round_robin(len(field.entrants))
    shares = np.column_stack([field.won[first, second], field.drawn[first, second], field.won[second, first]])
    played = shares.sum(axis=1)
    given = np.zeros(shares.shape)
    order, scores = [], []
    for count in range(1, MOST_SERIES + 1):
        some = np.flatnonzero(np.ceil(played) >= count)
        # The outcome that is furthest behind its share comes next.
        outcome = (shares[some] / played[some, None] * count - given[some]).argmax(axis=1)
        given[some, outcome] += 1
        order.append(some)
        scores.append(1.0 - outcome / 2.0)
    at = np.concatenate(order)
    return Scores(first[at], second[at], np.concatenate(scores))


def _classical(field: Field, whole: Sequence[int]) -> tuple[Scores, Floats]:
    """One result per pair and series of panel means, series by series, and what the panel means expect of each."""
    series = field.series()[whole]
    first, second = round_robin(len(whole))
    a, b = series[first].T.ravel(), series[second].T.ravel()
    close = np.abs(a - b) <= _ROUNDING * (1.0 + np.maximum(np.abs(a), np.abs(b)))
    score = np.where(close, 0.5, (np.sign(a - b) + 1.0) / 2.0)
    known = np.isfinite(a - b)
    expected = by_past_episodes(field.in_turn[whole], field.series_length, first, second)
    firsts, seconds = (np.tile(who, series.shape[1])[known] for who in (first, second))
    return Scores(firsts, seconds, score[known]), expected.ravel()[known]


def _classical_ratings(
    field: Field, players: Sequence[int], results: Scores, ours: tuple[str, Floats | None], draws: float
) -> tuple[dict[str, tuple[float, float]], tuple[Forecasts, ...]]:
    """TrueSkill's (mu, sigma) by entrant, and how well ours, Elo and TrueSkill predicted each result before it."""
    what = (len(players), results.first, results.second, results.score)
    rated = trueskill(*what, draws)
    values = zip(rated.mu.tolist(), rated.sigma.tolist(), strict=True)
    seen = set(results.first.tolist()) | set(results.second.tolist())
    rows = enumerate(zip(players, values, strict=True))
    by_name = {field.entrants[i]: value for number, (i, value) in rows if number in seen}
    name, expected = ours
    if expected is None or len(results.score) < _FEWEST:
        return by_name, ()
    return by_name, held_out({name: expected, ELO: elo(*what).expected, TRUESKILL: rated.expected}, results.score)


def _first_place(terms: Terms, field: Field, order: Sequence[int]) -> dict[str, Any]:
    """Who is first, and {member: who would be} for the members without whom somebody else would."""
    first = order[0]
    others: dict[str, str] = {}
    for k, member in enumerate(field.partners):
        weights = np.where(np.arange(len(field.partners)) == k, 0.0, field.weights)
        if not weights.any():
            continue
        value = field.reweighted(weights)[list(order)]
        best = order[int(np.nanargmax(value))] if np.isfinite(value).any() else first
        ahead = value[0] < np.nanmax(value) - _ROUNDING * (1.0 + abs(value[0]))
        if best != first and ahead:
            others[terms.names[member]] = terms.names[field.entrants[best]]
    return {"entrant": terms.names[field.entrants[first]], "without": others}
