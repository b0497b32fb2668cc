"""`zoo tournament`: all pairs, self-play included, and the cross-play matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zoo.commands.options import (
    COUNT,
    SEED,
    arena_options,
    complete_entrant,
    format_options,
    isolation_options,
    names_option,
    panel_option,
    several,
    typed,
    venue_of,
    workers_option,
)

if TYPE_CHECKING:
    from leaderboard.views.board import Board
    from leaderboard.views.crossplay import Crossplay
    from zoo.entry.venue import ArenaChoice

EPILOG = """\b
The matrix is a report on the records: it shows everything that these entrants
have played. The same command goes on with a tournament that was stopped.
A pattern in quotes names many at once, of a library or of the registered
agents; those that cannot play here are left out.

\b
Examples:
  zoo tournament lola naive maddpg greedy cooperator --arena coin
  zoo tournament tit-for-tat grim always-defect --arena ipd --episodes 50
  zoo tournament lola naive random --arena coin --workers 2 --format csv
  zoo tournament 'rrps:*' --arena rrps
  zoo tournament 'axelrod:*Tat*' grim --arena ipd --episodes 10
"""


@click.command(epilog=EPILOG)
@click.argument("entrants", nargs=-1, required=True, metavar="A B C ...", shell_complete=complete_entrant)
@arena_options
@click.option("--episodes", type=COUNT, help="Episodes of every pairing in each rotation.")
@click.option("--seed", type=SEED, help="Play this seed instead of the one that is rated.")
@workers_option
@click.option("--no-panel", is_flag=True, help="Leave out the pairings with the arena's panel.")
@panel_option
@names_option
@format_options
@isolation_options
def command(
    entrants: tuple[str, ...],
    choice: ArenaChoice,
    episodes: int | None,
    seed: int | None,
    workers: int,
    no_panel: bool,
    panel: tuple[str, ...],
    names: tuple[str, ...],
    form: str,
) -> None:
    """Play all pairs of the entrants, self-play included, and show the cross-play matrix."""
    from dataclasses import replace

    from rich.console import Console

    from leaderboard.seeds import RATED
    from leaderboard.statistics.tally import sides_of
    from leaderboard.store.store import Store
    from leaderboard.views.crossplay import read_crossplay
    from leaderboard.views.cuts import share_cut
    from zoo import home
    from zoo.matches.match import public_board
    from zoo.matches.panel import carry_panel, panel_of
    from zoo.matches.plan import Work, call, run
    from zoo.matches.tournament import each_once, prepare
    from zoo.work.pool import limit_threads
    from zoo.work.progress import Progress

    if no_panel and panel:
        raise click.UsageError("--no-panel and --panel contradict each other")
    limit_threads()
    venue = venue_of(choice)
    entrants = several(venue, entrants)
    each_once([venue.entrant(text) for text in entrants])
    shown = Progress("blocks", Console(stderr=True), quiet=form != "table", at_once=False, workers=workers)
    with Store(home.records()) as store:
        with shown as progress:
            call(venue, store, entrants, names)
            work = Work(typed(), workers, progress.update)
            partners = None if no_panel else panel_of(venue, store, work, members=panel, players=entrants)
            if no_panel:
                carry_panel(venue, store, store)  # the board judges by it all the same
            plan = prepare(venue, entrants, store, partners, episodes, seed)
            run(plan, store, work)
        ids = [who.id for who in plan.entrants]
        sides = sides_of(store.arena(venue.identity))
        counted = RATED if plan.rated else plan.seed
        matrices = [read_crossplay(store, venue.identity, entrants=ids, seed=counted, side=side) for side in sides]
        cut = share_cut(store.blocks_of(plan.tasks))
        standings = public_board(store, venue.identity) if plan.rated else None
    _show(form, [replace(matrix, cut=cut) for matrix in matrices], standings, venue.spec.kind)


def _show(form: str, matrices: list[Crossplay], standings: Board | None, kind: str) -> None:
    """The matrices, and on the screen what was cut, and the board."""
    from rich.console import Console

    from leaderboard.report import tables
    from leaderboard.report.terminal import board_view, crossplay_view
    from leaderboard.views.cuts import cut_line
    from zoo.work.cost import cost

    if form != "table":
        click.echo(tables.together(matrices, form), nl=False)
        return
    console = Console()
    for matrix in matrices:
        console.print(crossplay_view(matrix))
        if line := cut_line(matrix.cut, kind == "competitive"):
            console.print(line, style="yellow")
        console.print()
    if standings is not None:
        console.print(board_view(standings))
    console.print(f"\n{cost()}", style="dim", highlight=False)
