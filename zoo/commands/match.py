"""`zoo match`: two entrants, one arena, one verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from zoo.commands.options import (
    COUNT,
    SEED,
    arena_options,
    complete_entrant,
    grouped,
    isolation_options,
    json_option,
    names_option,
    no_record_option,
    panel_option,
    refuse,
    typed,
    venue_of,
    workers_option,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from leaderboard.store.store import Store
    from zoo.entry.venue import ArenaChoice, Venue
    from zoo.work.progress import Watch

EPILOG = """\b
An entrant is NAME[,field=value ...][@CHECKPOINT]. A learner without @CHECKPOINT
plays the checkpoint that the house has for the arena.

\b
Examples:
  zoo match lola maddpg --arena coin
  zoo match tit-for-tat always-defect --arena ipd --episodes 100
  zoo match lola@checkpoints/coin-v1/lola/seed-0 greedy --arena coin
  zoo match tit-for-tat lola --arena ipd --explain
  zoo match naive lola --arena ipd --learn --rounds 200
  zoo match random random --arena pettingzoo:classic/connect_four_v3
  zoo match lola greedy --arena coin --seed 7 --json
"""


_FROZEN = ("episodes", "first", "workers", "panel", "explained")
_LEARNING = ("rounds", "copies", "length", "runs", "sight")


@dataclass(frozen=True)
class Meeting:
    """Who meets where, whether they learn or not, and where that is recorded and shown."""

    venue: Venue
    texts: tuple[str, str]
    seed: int | None
    store: Store
    recorded: bool
    watch: Watch


@click.command(epilog=EPILOG)
@click.argument("a", metavar="A", shell_complete=complete_entrant)
@click.argument("b", metavar="B", shell_complete=complete_entrant)
@arena_options
@grouped(
    "frozen",
    click.option("--episodes", type=COUNT, help="Episodes in each rotation (default: the arena's, 1000 in ours)."),
    click.option("--from", "first", type=click.IntRange(0), help="With --seed: the first episode (default: 0)."),
    workers_option,
    panel_option,
    click.option("--explain", "explained", is_flag=True, help="Say why: the difference by partner, seat and state."),
)
@click.option("--seed", type=SEED, help="Play this seed from episode 0 (default: the next rated episodes).")
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
)
@names_option
@json_option
@no_record_option
@isolation_options
@click.pass_context
def command(
    ctx: click.Context,
    a: str,
    b: str,
    choice: ArenaChoice,
    frozen: dict[str, Any],
    seed: int | None,
    learn: bool,
    learning: dict[str, Any],
    names: tuple[str, ...],
    as_json: bool,
    no_record: bool,
) -> None:
    """Play a match between entrants A and B and rate it.

    Both play in every rotation on paired seeds, against each other, themselves and the arena's panel. The comparison is
    of the returns that each of them earns in the same seats, with the same partners, on the same seeds.
    """
    import json

    from rich.console import Console

    from leaderboard.store.store import Store
    from zoo import home
    from zoo.matches.plan import call
    from zoo.work.pool import limit_threads
    from zoo.work.progress import Progress

    refuse(ctx, *((_FROZEN, "is for matches without --learn") if learn else (_LEARNING, "needs --learn")))
    if no_record and names:
        raise click.UsageError("--as names are kept with the records: leave out --no-record", ctx)
    if frozen["first"] is not None and seed is None:
        raise click.UsageError("--from needs --seed", ctx)
    limit_threads()
    venue, unit = venue_of(choice), "rounds" if learn else "blocks"
    with (
        Store(":memory:" if no_record else home.records()) as store,
        Progress(unit, Console(stderr=True), quiet=as_json, at_once=False, workers=frozen["workers"]) as progress,
    ):
        call(venue, store, (a, b), names)
        meeting = Meeting(venue, (a, b), seed, store, not no_record, progress.update)
        told, screen = _learn(meeting, **learning) if learn else _play(meeting, **frozen)
    if as_json:
        click.echo(json.dumps(told, indent=1, allow_nan=False))
    else:
        Console().print(screen)


def _play(
    meeting: Meeting, *, episodes: int | None, first: int | None, workers: int, panel: tuple[str, ...], explained: bool
) -> tuple[dict[str, Any], RenderableType]:
    """A match of frozen entrants."""
    from rich.console import Group

    from zoo.matches.explain import explain, to_json
    from zoo.matches.match import public_board, summarise
    from zoo.matches.panel import panel_of
    from zoo.matches.plan import Work, run
    from zoo.matches.screen import explanation_view, match_screen
    from zoo.matches.tournament import prepare
    from zoo.work.cost import cpu_s

    store, seed, onward = meeting.store, meeting.seed, meeting.seed is None
    venue, work = meeting.venue, Work(typed(), workers, meeting.watch)
    for text in meeting.texts:
        venue.entrant(text)  # refused before anything is played
    if not meeting.recorded:
        _carry_panel(venue, store)
    partners = panel_of(venue, store, work, members=panel, players=meeting.texts)
    which = (episodes, seed, first or 0, onward)
    plan = prepare(venue, meeting.texts, store, partners, *which)
    before = public_board(store, venue.identity)
    played = run(plan, store, work)
    summary = summarise(plan, store, before, cpu_s=cpu_s(), recorded=meeting.recorded)
    note = "from the records, nothing was added" if not played else "in part from the records"
    screen, told = match_screen(summary, "" if played == len(plan.tasks) else note), summary.to_json()
    if explained:
        why = explain(plan, store, summary, work.watch)
        screen, told = Group(screen, explanation_view(why, summary)), told | {"explanation": to_json(why)}
    return told, screen


def _carry_panel(venue: Venue, store: Store) -> None:
    """What is not recorded is judged by the panel that the records have, too."""
    from leaderboard.errors import NoRecordsError
    from zoo import home
    from zoo.matches.panel import carry_panel

    try:
        kept = home.read_records()
    except NoRecordsError:
        return
    with kept:
        carry_panel(venue, kept, store)


def _learn(
    meeting: Meeting, *, rounds: int, copies: int, length: int | None, runs: int, sight: str
) -> tuple[dict[str, Any], RenderableType]:
    """A match of learners."""
    from zoo.matches.learning import LearningMatch, Schedule
    from zoo.matches.screen import learning_screen

    schedule = Schedule(rounds, copies, length or meeting.venue.spec.max_steps, sight)
    match = LearningMatch(meeting.venue, meeting.texts, schedule, runs, meeting.seed or 0)
    summary = match.play(meeting.store, typed(), meeting.watch, recorded=meeting.recorded)
    return summary.to_json(), learning_screen(summary)
