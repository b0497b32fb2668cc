"""The zoo as a library: what the commands do, one call each, without a terminal. `import zoo` offers all of it.

Where an arena is asked for, a `Venue` or an arena's name will do; entrants are texts as the commands take them. Without
a store nothing is kept. Faults of input are `UserError`s. `isolation` says how agents that the zoo does not ship are
kept apart: "trusted", "process", "strict" or "container"; None takes `ZOO_ISOLATION`, else "strict".
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from leaderboard.seeds import RATED
from leaderboard.store.store import Store
from leaderboard.views.board import Board, board
from leaderboard.views.crossplay import Crossplay, read_crossplay
from zoo import crossplay
from zoo.entry.venue import ArenaChoice, Venue
from zoo.exploit.bounds import measure
from zoo.exploit.figures import Exploitability
from zoo.exploit.trained import Budget
from zoo.matches.match import Summary, public_board, summarise
from zoo.matches.panel import panel_of
from zoo.matches.plan import MatchPlan, Work, run
from zoo.matches.tournament import each_once, prepare
from zoo.sandbox.levels import at
from zoo.training.plan import Plan
from zoo.training.run import Outcome, train
from zoo.work.pool import limit_threads


def open_venue(arena: str, *settings: str, wrap: Sequence[str] = ()) -> Venue:
    """Look an arena up once, with `field=value` settings and SuperSuit wrappers, to hand it to the other functions.

    Args:
        arena: a name, `module:attribute`, `path.py:attribute`, or `pettingzoo:...` and its like, as after `--arena`.
        settings: texts such as "max_steps=20", as after `--set arena.`.
        wrap: texts such as "flatten_v0", as after `--wrap`.

    Raises:
        UserError: the arena is unknown, or refuses its settings.
    """
    return Venue(ArenaChoice(arena, settings, tuple(wrap)))


def play_match(
    venue: Venue | str,
    one: str,
    other: str,
    *,
    episodes: int | None = None,
    seed: int | None = None,
    workers: int = 1,
    store: Store | None = None,
    isolation: str | None = None,
) -> Summary:
    """Play a match of two frozen entrants, as `zoo match` does, and compare them.

    Args:
        venue: the arena, or its name.
        one: ENTRANT text, such as "lola" or "naive@my/folder".
        other: ENTRANT text.
        episodes: how many in each rotation of the seats; by default the arena's number.
        seed: of the match; None plays the rated one.
        workers: processes that play; the result does not depend on them.
        store: records to read and to add to; without one nothing is kept.
        isolation: how agents that the zoo does not ship are kept apart: "trusted", "process", "strict" or "container";
            None takes `ZOO_ISOLATION`, else "strict".

    Returns:
        All figures of the match: `comparisons[0].verdict` in words, `seats` with own returns per episode, `rating`.

    Raises:
        UserError: an unknown arena or entrant, or an entrant that cannot play there.
    """
    with at(isolation), _records(store) as records:
        before = public_board(records, _opened(venue).identity)
        plan = _play(_opened(venue), (one, other), records, workers, episodes=episodes, seed=seed)
        return summarise(plan, records, before, cpu_s=0.0, recorded=store is not None)


def play_tournament(
    venue: Venue | str,
    entrants: Sequence[str],
    *,
    episodes: int | None = None,
    seed: int | None = None,
    workers: int = 1,
    store: Store | None = None,
    isolation: str | None = None,
) -> Crossplay:
    """Play all pairs of the entrants, self-play included, as `zoo tournament` does.

    Arguments and errors as in `play_match`; an entrant that is named twice is refused. The result holds own returns per
    episode of every pairing with their intervals.
    """
    place = _opened(venue)
    with at(isolation), _records(store) as records:
        each_once([place.entrant(text) for text in entrants])
        plan = _play(place, entrants, records, workers, episodes=episodes, seed=seed)
        counted = RATED if plan.rated else plan.seed
        return read_crossplay(records, place.identity, entrants=[who.id for who in plan.entrants], seed=counted)


def play_crossplay(
    venue: Venue | str,
    rows: Sequence[str],
    columns: Sequence[str] | None = None,
    *,
    isolation: str | None = None,
    **options: Any,
) -> crossplay.CrossMatrix:
    """Play every row with every column, in every role, as `zoo crossplay` does.

    Args:
        venue: the arena, or its name.
        rows: ENTRANT texts.
        columns: ENTRANT texts; by default the rows.
        isolation: how agents that the zoo does not ship are kept apart: "trusted", "process", "strict" or "container";
            None takes `ZOO_ISOLATION`, else "strict".
        options: further arguments of `zoo.crossplay.play`, such as episodes, seed, store and workers.

    Returns:
        The matrix: `mean(role)` is float [rows, columns], returns per episode of the row's entrant in that role.

    Raises:
        UserError: an unknown arena or entrant, or an entrant that cannot play there.
    """
    with at(isolation):
        return crossplay.play(_opened(venue), rows, columns, **options)


def train_agent(
    agent: str,
    venue: Venue | str,
    *,
    steps: int,
    out: str | Path | None = None,
    seed: int = 0,
    isolation: str | None = None,
    **options: Any,
) -> Outcome:
    """Train an agent in self-play, or against a frozen entrant, as `zoo train` does, and keep its checkpoint.

    A run that was stopped goes on where it was; one that is finished is not trained again.

    Args:
        agent: `NAME[,field=value ...][@CHECKPOINT]`.
        venue: the arena, or its name.
        steps: environment steps, all copies together.
        out: folder of the checkpoint; by default checkpoints/ARENA/AGENT/seed-SEED.
        seed: all luck derives from it.
        isolation: how agents that the zoo does not ship are kept apart: "trusted", "process", "strict" or "container";
            None takes `ZOO_ISOLATION`, else "strict".
        options: further fields of `zoo.training.plan.Plan`, such as copies, length, against and sight.

    Returns:
        What came of the run; `folder` is that of the checkpoint.

    Raises:
        UserError: an unknown arena, agent or setting, or an agent that cannot learn there.
    """
    with at(isolation):
        plan = Plan(agent, _opened(venue).choice, steps=steps, seed=seed, **options)
        return train(plan, None if out is None else Path(out))


def measure_exploitability(
    venue: Venue | str,
    entrant: str,
    *,
    steps: int = 400_000,
    seeds: int = 4,
    seed: int = 0,
    isolation: str | None = None,
    **options: Any,
) -> Exploitability:
    """How much an exploiter gains from a frozen entrant: exact where that is known, else what responders reach.

    Args:
        venue: the arena, or its name.
        entrant: ENTRANT text.
        steps: environment steps that a responder may train for, where the exact response is unknown.
        seeds: responders of each kind.
        seed: all luck derives from it.
        isolation: how agents that the zoo does not ship are kept apart: "trusted", "process", "strict" or "container";
            None takes `ZOO_ISOLATION`, else "strict".
        options: further arguments of `zoo.exploit.bounds.measure`.

    Returns:
        Gain, loss and worst case for every seat and as their mean, in `unit`; where not `exact` they are bounds.

    Raises:
        UserError: an unknown arena or entrant, or an entrant that cannot play there.
    """
    with at(isolation):
        return measure(_opened(venue), entrant, Budget(steps, seeds, seed), **options)


def read_board(store: Store, venue: Venue | str) -> Board:
    """The leaderboard of an arena from the records, as `zoo leaderboard` shows it.

    Args:
        store: the records.
        venue: the arena, or its name.

    Returns:
        The board; `rows` are its lines, best first, with own returns per episode.
    """
    return board(store, _opened(venue).identity, seed=RATED)


def _opened(venue: Venue | str) -> Venue:
    return venue if isinstance(venue, Venue) else open_venue(venue)


def _records(store: Store | None) -> AbstractContextManager[Store]:
    """The store, or one that lasts as long as the context."""
    return Store(":memory:") if store is None else nullcontext(store)


def _play(venue: Venue, texts: Sequence[str], store: Store, workers: int, **options: Any) -> MatchPlan:
    limit_threads()
    work = Work(workers=workers)
    plan = prepare(venue, texts, store, panel_of(venue, store, work), **options)
    run(plan, store, work)
    return plan
