"""`zoo leaderboard`: an arena's standings, from the records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.commands.options import Place, arena_option, format_options, must_take_a_picture, recorded_as, set_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaderboard.records import ArenaRecord
    from leaderboard.views.board import Board

EPILOG = """\b
Examples:
  zoo leaderboard --arena coin
  zoo leaderboard --arena coin --wide
  zoo leaderboard --arena coin --columns own_return,uniform,worst,worst_partner
  zoo leaderboard --arena coin --format markdown > board.md
  zoo leaderboard --arena ipd --set arena.max_steps=100
  zoo leaderboard --arena coin --game
  zoo leaderboard --arena coin --plot coin.svg
  zoo leaderboard --rebuild
"""


@click.command(epilog=EPILOG)
@arena_option("Name or identity of an arena with records (default: all).")
@set_option
@format_options
@click.option("--learn", is_flag=True, help="The board of learning matches instead of that of frozen entrants.")
@click.option("--all-seeds", is_flag=True, help="Count every seed, not only those that are rated.")
@click.option("--wide", is_flag=True, help="Every column, in as many tables as it takes.")
@click.option("--columns", metavar="NAME,...", help="These columns instead, by their names in --json.")
@click.option("--game", is_flag=True, help="The game behind the numbers: places under other weights, and cycles.")
@click.option("--plot", type=Place(dir_okay=False, path_type=Path), help="Draw a forest plot, .png or .svg.")
@click.option("--rebuild", is_flag=True, help="Recompute from the blocks, not from the cache or from kept sums.")
def command(
    arena: str | None,
    assignments: tuple[str, ...],
    form: str,
    learn: bool,
    all_seeds: bool,
    wide: bool,
    columns: str | None,
    game: bool,
    plot: Path | None,
    rebuild: bool,
) -> None:
    """Show an arena's leaderboard.

    Entrants are ranked over the arena's panel by the figure that suits the kind of game, and the board says how each
    figure was made. Ratings are computed from the match records and do not depend on the order of these. JSON is one
    object where --arena names one arena, and a list otherwise.
    """
    from leaderboard.report import tables
    from leaderboard.seeds import RATED
    from leaderboard.store.store import Store
    from leaderboard.views.board import board
    from zoo import home
    from zoo.errors import UserError

    arena = recorded_as(arena, assignments)
    if columns is not None and (wide or game):
        raise click.UsageError(f"--columns and {'--wide' if wide else '--game'} contradict each other")
    if game:
        if arena is None or form not in ("table", "json") or learn or plot is not None:
            raise click.UsageError("--game needs --arena, and is a table or --json of frozen entrants, without --plot")
        _game(arena, form, None if all_seeds else RATED)
        return
    if plot is not None:
        must_take_a_picture(plot)
    chosen = _columns(columns) if columns is not None else None
    with Store(home.records()) if rebuild else home.read_records() as store:
        seed = None if all_seeds or learn else RATED
        mode = "learn" if learn else "play"
        chosen_arenas = identities(home.arenas_with_records(store), arena)
        if rebuild:
            store.make_sums_again(chosen_arenas)
        boards = [board(store, identity, mode, seed=seed, rebuild=rebuild) for identity in chosen_arenas]
        boards = [made for made in boards if arena is not None or made.blocks or made.not_rated]
    if not boards:
        raise UserError(f"{store.name}: no match of this kind is recorded yet; play one first")
    if plot is not None:
        _draw(boards, plot)
    if form == "table":
        _show(boards, wide, chosen)
    else:
        click.echo(tables.together(boards, form, listed=arena is None), nl=False)
    if plot is not None:
        click.echo(f"Wrote {plot}", err=form != "table")


def _show(boards: Sequence[Board], wide: bool, columns: Sequence[str] | None) -> None:
    """Print the boards below each other."""
    from rich.console import Console

    from leaderboard.report.terminal import board_view

    console = Console()
    for number, standings in enumerate(boards):
        if number:
            console.print()
        console.print(board_view(standings, wide=wide, columns=columns))


def _draw(boards: Sequence[Board], plot: Path) -> None:
    """Write the forest plot of the one board that there is."""
    from leaderboard.report.forest import forest_plot
    from leaderboard.report.plots import pictures
    from zoo.entry.checkpoint import write_atomically
    from zoo.errors import UserError

    if len(boards) > 1:
        names = ", ".join(made.arena for made in boards)
        raise UserError(f"--plot draws one board and there are {len(boards)}: name one with --arena ({names})")
    kind = plot.suffix.removeprefix(".")
    write_atomically(plot, pictures(forest_plot(boards[0]), [kind])[kind])


def _game(arena: str, form: str, seed: int | None) -> None:
    """Print the game behind the numbers."""
    import json

    from rich.console import Console

    from leaderboard.report.game import game_view
    from leaderboard.views.game import read_game
    from zoo import home

    with home.read_records() as store:
        games = [
            read_game(store, identity, seed=seed) for identity in identities(home.arenas_with_records(store), arena)
        ]
    for game in games:
        if form == "json":
            click.echo(json.dumps(game.to_json(), indent=1, allow_nan=False))
        else:
            Console().print(game_view(game))


def _columns(text: str) -> list[str]:
    """The names of columns between commas."""
    from leaderboard.views.columns import COLUMNS
    from zoo.errors import UserError, nearest

    known = [column.name for column in COLUMNS if column.form != "hidden"]
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise UserError(f"no column {name!r}; {nearest(name, known)}")
    return list(dict.fromkeys(names))


def identities(arenas: list[ArenaRecord], arena: str | None) -> list[str]:
    """Recorded arenas that `arena` means: an identity, a name with version, or a name."""
    from zoo.errors import UserError, nearest

    known = [record.id for record in arenas]
    if arena is None:
        return known
    if arena in known:
        return [arena]
    file = Path(arena).name  # an environment from a file is called by it, wherever it lies
    plain = [r.id for r in arenas if arena and (r.name in (arena, file) or r.name.rpartition("-v")[0] == arena)]
    exact = [identity for identity in plain if "(" not in identity]
    if exact or plain:
        return exact or plain
    raise UserError(f"no records of arena {arena!r}; {nearest(arena, known)} (or play a match there first)")
