"""`zoo match`: two entrants, one arena, one verdict."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from zoo.commands.options import COUNT, SEED, arena_options, arena_settings, grouped, typed

if TYPE_CHECKING:
    from rich.console import RenderableType

    from leaderboard.store.store import Store
    from zoo.entry.venue import Venue
    from zoo.matches.learning import LearningSummary
    from zoo.matches.match import Summary

EPILOG = """\b
An entrant is NAME[,field=value ...][@CHECKPOINT]: a learner plays the house's
checkpoint for the arena unless another is given.

\b
Examples:
  zoo match lola maddpg --arena coin
  zoo match tit-for-tat always-defect --arena ipd --episodes 100
  zoo match lola@checkpoints/coin-v1/lola/seed-0 greedy --arena coin
  zoo match naive lola --arena ipd --learn --rounds 200
  zoo match random random --arena pettingzoo:classic/connect_four_v3
  zoo match lola greedy --arena coin --seed 7 --json
"""


@dataclass(frozen=True)
class Frozen:
    """How a match of frozen entrants is played."""

    episodes: int | None
    first: int | None
    workers: int


@dataclass(frozen=True)
class Learning:
    """How a match of learners is played."""

    rounds: int
    copies: int
    length: int | None
    runs: int
    sight: str


@click.command(epilog=EPILOG)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@arena_options
@grouped(
    "frozen",
    click.option("--episodes", type=COUNT, help="Episodes in each rotation (default: the arena's, 1000 in ours)."),
    click.option("--from", "first", type=click.IntRange(0), help="With --seed: the first episode (default: 0)."),
    click.option("--workers", type=COUNT, default=1, show_default=True, help="Processes that play blocks."),
    into=Frozen,
)
@click.option("--seed", type=SEED, help="Play this seed from episode 0 (default: the next public episodes).")
@click.option("--learn", is_flag=True, help="Both learn while they play, from scratch or from @CHECKPOINT.")
@grouped(
    "learning",
    click.option("--rounds", type=COUNT, default=200, show_default=True, help="With --learn: rounds, one update each."),
    click.option("--copies", type=COUNT, default=64, show_default=True, help="With --learn: games played at once."),
    click.option("--length", type=COUNT, help="With --learn: steps of a round (default: one episode)."),
    click.option("--runs", type=COUNT, default=3, show_default=True, help="With --learn: independent runs."),
    click.option(
        "--sight",
        type=click.Choice(["own", "actions", "policies"]),
        default="policies",
        show_default=True,
        help="With --learn: what learners see of each other.",
    ),
    into=Learning,
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the screen.")
@click.option("--no-record", is_flag=True, help="Leave records and leaderboard as they are.")
@click.pass_context
def command(
    ctx: click.Context,
    a: str,
    b: str,
    arena: str,
    assignments: tuple[str, ...],
    wrap: tuple[str, ...],
    frozen: Frozen,
    seed: int | None,
    learn: bool,
    learning: Learning,
    as_json: bool,
    no_record: bool,
) -> None:
    """Play a match between entrants A and B and rate it.

    Both play in every rotation on paired seeds, against each other, themselves and the arena's panel; they are compared
    by their own returns in the same seats, with the same partners, on the same seeds.
    """
    import json

    from rich.console import Console

    from leaderboard.store.store import Store
    from zoo import home
    from zoo.entry.venue import ArenaChoice, Venue
    from zoo.work.pool import limit_threads

    kind, why = (Frozen, "is for matches without --learn") if learn else (Learning, "needs --learn")
    for name in (field.name for field in fields(kind)):
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{'from' if name == 'first' else name} {why}", ctx)
    if frozen.first is not None and seed is None:
        raise click.UsageError("--from needs --seed", ctx)
    limit_threads()
    venue = Venue(ArenaChoice(arena, arena_settings(assignments), wrap))
    with Store(":memory:" if no_record else home.records()) as store:
        play = partial(_learn, learning) if learn else partial(_play, frozen)
        summary, screen = play(venue, (a, b), seed, store, quiet=as_json, recorded=not no_record)
    if as_json:
        click.echo(json.dumps(summary.to_json(), indent=1, allow_nan=False))
    else:
        Console().print(screen)


def _play(
    options: Frozen,
    venue: Venue,
    texts: tuple[str, str],
    seed: int | None,
    store: Store,
    *,
    quiet: bool,
    recorded: bool,
) -> tuple[Summary, RenderableType]:
    """A match of frozen entrants."""
    import time

    from zoo.matches.match import public_board, summarise
    from zoo.matches.plan import run
    from zoo.matches.screen import block_bar, match_screen
    from zoo.matches.tournament import prepare

    first, onward = options.first or 0, seed is None
    plan = prepare(venue, texts, store, episodes=options.episodes, seed=seed or 0, first=first, onward=onward)
    before = public_board(store, venue.identity)
    with block_bar(quiet=quiet) as watch:
        played = run(plan, store, typed(), options.workers, watch)
    summary = summarise(plan, store, before, cpu_s=time.process_time(), recorded=recorded)
    note = "from the records, nothing was added" if not played else "in part from the records"
    return summary, match_screen(summary, "" if played == len(plan.tasks) else note)


def _learn(
    options: Learning,
    venue: Venue,
    texts: tuple[str, str],
    seed: int | None,
    store: Store,
    *,
    quiet: bool,
    recorded: bool,
) -> tuple[LearningSummary, RenderableType]:
    """A match of learners."""
    from rich.console import Console

    from zoo.matches.learning import LearningMatch, Schedule
    from zoo.matches.screen import learning_screen
    from zoo.work.progress import Progress

    schedule = Schedule(options.rounds, options.copies, options.length or venue.spec.max_steps, options.sight)
    match = LearningMatch(venue, texts, schedule, options.runs, seed or 0)
    with Progress("rounds", Console(stderr=True), quiet=quiet, at_once=False) as progress:
        summary = match.play(store, typed(), progress.update, recorded=recorded)
    return summary, learning_screen(summary)
