"""Why one of two entrants earned more: the difference of a match divided by partner, by seat and by state visited.

The parts by partner and by seat are made of the same episodes as the verdict and have its kind of interval. Those by
state are of episodes that are played again, as blocks keep no moves: they need a game in which a seat sees the number
of its state.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arenas.tables.finite import FiniteGame
from leaderboard.records import BlockRecord
from leaderboard.statistics.estimate import Estimate, plain, wilson
from leaderboard.statistics.field import Field, field_of
from leaderboard.statistics.tally import games_won, is_head_to_head, seat_tally, sides_of
from leaderboard.store.store import Store
from leaderboard.store.tallies import tallies_of
from zoo.matches.match import Summary
from zoo.matches.plan import MatchPlan
from zoo.play.blocks import Task, arena_record
from zoo.play.episodes import play_episodes
from zoo.play.luck import episode_seeds
from zoo.play.seating import blame, rotations, sit_down
from zoo.work.progress import Reading, Watch, unwatched

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DifferencePart:
    """A part of the difference.

    Attributes:
        name: of the partner, the seat or the seating.
        weight: with which the part's own difference goes into the whole.
        first, second, difference: what either got there; shares of games in a head-to-head game, else own returns per
            episode.
    """

    name: str
    weight: float
    first: Estimate
    second: Estimate
    difference: Estimate

    @property
    def adds(self) -> float:
        """What the part adds to the whole difference."""
        return self.weight * self.difference.mean


@dataclass(frozen=True)
class StateLine:
    """What the two did in one state, over the weighted partners.

    Attributes:
        state: its name.
        visited: share of the steps that each of the two spent there.
        acts: the likeliest action of each there, with its share; empty for one who was never there.
        paid: what the steps from there paid each of the two, per episode; over all states that is the own return.
    """

    state: str
    visited: tuple[float, float]
    acts: tuple[str, str]
    paid: tuple[float, float]

    @property
    def adds(self) -> float:
        """What the state adds to the difference."""
        return self.paid[0] - self.paid[1]


@dataclass(frozen=True)
class SideExplanation:
    """The difference on one side of the arena ("" where there is one), in parts; the largest first but for seats."""

    side: str
    partners: list[DifferencePart] = field(default_factory=list)
    seats: list[DifferencePart] = field(default_factory=list)
    states: list[StateLine] = field(default_factory=list)
    episodes: int = 0  # of each pairing, that were played again for the states


def explain(plan: MatchPlan, store: Store, summary: Summary, watch: Watch = unwatched) -> tuple[SideExplanation, ...]:
    """The parts of the difference between the two entrants of a match, on every side.

    Raises:
        UserError: an entrant breaks as it is played again.
    """
    blocks = store.blocks_of(plan.tasks)
    arena = arena_record(plan.venue.spec, plan.venue.identity)
    first, second = (who.id for who in plan.entrants)
    if first == second:
        return ()
    if is_head_to_head(arena):
        games = _by_seating(plan, [block for block in blocks if set(block.entrants) == {first, second}])
        states, n = _by_state(plan, [(second, first)], [1.0], "", watch)
        return (SideExplanation("", [], games, states, n),)
    explained = []
    for side in sides_of(arena):
        names, weights = _partners(plan, summary, side)
        tallies = tallies_of(blocks, arena)
        by_partner = [
            _part(field_of(tallies, side, [who], [1.0], with_oneself=True), name, weight, (first, second))
            for who, name, weight in zip(_ids(plan), names, weights, strict=True)
        ]
        by_seat = []
        seats = sides_of(arena)[side]
        for seat in seats:
            of_seat = [tally for block in blocks if (tally := seat_tally(block, arena, seat)) is not None]
            in_seat = field_of(of_seat, seat, _ids(plan), weights, with_oneself=True)
            if {first, second} <= set(in_seat.entrants):
                by_seat.append(_part(in_seat, seat, 1.0 / len(seats), (first, second)))
        met = [(who, who) for who in _ids(plan)]
        states, n = _by_state(plan, met, weights, side, watch)
        by_partner.sort(key=lambda part: -abs(part.adds))
        explained.append(SideExplanation(side, by_partner, by_seat if len(by_seat) > 1 else [], states, n))
    return tuple(explained)


def _ids(plan: MatchPlan) -> list[str]:
    """The partners over whom the two are compared: the panel's members, else the two themselves."""
    if plan.panel is None:
        return [who.id for who in plan.entrants]
    return [plan.venue.id(text) for text in plan.panel.members]


def _partners(plan: MatchPlan, summary: Summary, side: str) -> tuple[list[str], list[float]]:
    """Their names, and their weights, which add up to 1."""
    (comparison,) = [one for one in summary.comparisons if one.side == side]
    known = plan.panel.weights.get(side) if plan.panel is not None else None
    weights = np.array(known if known is not None else [1.0] * len(comparison.partners))
    return comparison.partners, list(map(float, weights / weights.sum()))


def _part(field: Field, name: str, weight: float, pair: tuple[str, str]) -> DifferencePart:
    i, j = (field.entrants.index(who) for who in pair)
    means = field.headline
    return DifferencePart(name, weight, means.estimate(i), means.estimate(j), means.difference(i, j))


def _by_seating(plan: MatchPlan, blocks: Sequence[BlockRecord]) -> list[DifferencePart]:
    """Games won between the two in each rotation, a draw counting half."""
    first, second = plan.entrants
    arena = plan.venue.spec
    ways = sorted({result.rotation for block in blocks for result in block.results})
    parts = []
    for way in ways:
        results = [(block, [r for r in block.results if r.rotation == way]) for block in blocks]
        counted = np.sum([games_won(some, first.id, second.id, arena.draw_band) for _, some in results], axis=0)
        games = int(counted.sum())
        seats = [r.seat for r in results[0][1] if r.entrant == first.id]
        share = (float(counted[0]) + float(counted[1]) / 2) / games
        won, lost = wilson(share * games, games), wilson((1 - share) * games, games)
        ends = [None if end is None else 2 * end - 1 for end in (won.low, won.high)]
        difference = Estimate(2 * share - 1, ends[0], ends[1], games, "Wilson")
        parts.append(DifferencePart(f"{first.label} as {', '.join(seats)}", 1.0 / len(ways), won, lost, difference))
    return parts


@dataclass
class _Visits:
    """What one entrant did, state by state: steps, pay and actions an episode, weighted."""

    steps: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    paid: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    acts: dict[tuple[int, int], float] = field(default_factory=lambda: defaultdict(float))


def _by_state(
    plan: MatchPlan, partners: Sequence[tuple[str, str]], weights: Sequence[float], side: str, watch: Watch
) -> tuple[list[StateLine], int]:
    """The states of a game that is a table, the largest difference first, and how many episodes were played again.

    Args:
        plan: the match.
        partners: of each partner the ids: of whom the first meets, and of whom the second meets.
        weights: of the partners.
        side: whose seats count.
        watch: shown how far it is.
    """
    game = plan.venue.arena(1)
    if "one-hot" not in game.spec.offers or not isinstance(game, FiniteGame):
        return [], 0
    tasks: dict[frozenset[str], Task] = {}
    for task in plan.tasks.values():
        assert task.ids is not None
        tasks.setdefault(frozenset(task.ids), task)
    visits, played = (_Visits(), _Visits()), 0
    for number, (pair, weight) in enumerate(zip(partners, weights, strict=True)):
        for who, partner, mine in zip(plan.entrants, pair, visits, strict=True):
            watch(f"{plan.venue.identity}, moves", Reading(number, len(partners)))
            task = tasks[frozenset((who.id, partner))]
            _visit(plan, task, (who.id, side), weight, mine)
            played = max(played, task.episodes)
    watch(f"{plan.venue.identity}, moves", Reading(len(partners), len(partners)))
    seat = next(iter(sides_of(arena_record(game.spec, plan.venue.identity))[side]))
    lines = list(_lines(visits, game.state_names(seat), _action_names(game, seat)))
    return sorted(lines, key=lambda line: -abs(line.adds)), played


def _visit(plan: MatchPlan, task: Task, whose: tuple[str, str], weight: float, seen: _Visits) -> None:
    """Play the episodes of a task again, and add what one entrant did in them to what is known."""
    who, side = whose
    venue, pair = plan.venue, [plan.venue.entrant(text) for text in task.texts]
    arena = venue.arena(task.episodes)
    seats_of = sides_of(arena_record(arena.spec, venue.identity))[side]
    ways = rotations(arena.spec, alone=pair[0].id == pair[1].id)
    mine = [[seat for seat in seats_of if pair[way[seat]].id == who] for way in ways]
    fewest = min(len(seats) for seats in mine if seats)
    counted = [(way, seats) for way, seats in zip(ways, mine, strict=True) if len(seats) == fewest]
    episodes = episode_seeds(venue.identity, task.seed, task.first_episode, task.episodes, arena.device)
    share = weight / (len(counted) * fewest)
    for way, seats in counted:
        with blame(venue.identity, pair):
            played = play_episodes(sit_down(arena, pair, way, task.seed), episodes)
        sound = ~np.any([codes.cpu().numpy() != 0 for codes in played.statuses.values()], axis=0)
        for seat in seats:
            steps, acts = played.steps[seat], played.joint.seats[seat].actions.value
            on = (~steps.last[:-1]).cpu().numpy() & sound
            state = steps.observation[:-1].argmax(-1).cpu().numpy()[on]
            paid = steps.reward[1:].double().cpu().numpy()[on]
            did = acts.cpu().numpy()[on]
            n = max(int(sound.sum()), 1)
            for k in np.unique(state):
                here = state == k
                seen.steps[int(k)] += share * float(here.sum()) / n
                seen.paid[int(k)] += share * float(paid[here].sum()) / n
                for act, times in Counter(did[here].tolist()).items():
                    seen.acts[int(k), int(act)] += share * times / n


def _lines(visits: tuple[_Visits, _Visits], names: Sequence[str], acts: Sequence[str]) -> Iterator[StateLine]:
    steps = [sum(one.steps.values()) or 1.0 for one in visits]
    for state in sorted({state for one in visits for state in one.steps}):
        visited = tuple(one.steps[state] / total for one, total in zip(visits, steps, strict=True))
        paid = tuple(one.paid[state] for one in visits)
        did = tuple(_likeliest(one, state, acts) for one in visits)
        yield StateLine(names[state], (visited[0], visited[1]), (did[0], did[1]), (paid[0], paid[1]))


def _likeliest(seen: _Visits, state: int, names: Sequence[str]) -> str:
    there = {act: times for (at, act), times in seen.acts.items() if at == state}
    if not there:
        return ""
    act = max(there, key=lambda act: (there[act], -act))
    return f"{names[act]} {there[act] / sum(there.values()):.2f}"


def _action_names(game: FiniteGame, seat: str) -> list[str]:
    """Initials where they differ, as in the names of states; else numbers."""
    letters = [name[0].upper() for name in game.action_names]
    clear = len(letters) == len(set(letters)) >= game.spec.seats[seat].actions
    return letters if clear else [f"action {k}" for k in range(game.spec.seats[seat].actions)]


def to_json(explained: Sequence[SideExplanation]) -> list[Mapping[str, Any]]:
    """Plain data for `--json`, with what every part adds."""
    made = []
    for side in explained:
        data = plain(side)
        for name in ("partners", "seats", "states"):
            for line, part in zip(data[name], getattr(side, name), strict=True):
                line["adds"] = part.adds
        made.append(data)
    return made
