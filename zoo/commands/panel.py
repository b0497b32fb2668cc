"""`zoo panel`: the partners with whom an arena's entrants are compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.commands.options import (
    COUNT,
    Place,
    complete_arena,
    isolation_options,
    json_option,
    set_option,
    typed,
    workers_option,
    wrap_option,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from leaderboard.report.sheet import Column
    from zoo.entry.declared import Panel

EPILOG = """\b
Weights are computed, not chosen: in games of mixed motives and of several sides
they are the rest point of replicator-mutator dynamics on what the members get
from each other, in cooperative games all members count equally.

\b
Examples:
  zoo panel coin
  zoo panel ipd --set arena.max_steps=100
  zoo panel coin --renew random greedy cooperator lola naive
  zoo panel coin --json
"""


@click.command(epilog=EPILOG)
@click.argument("arena", metavar="ARENA", shell_complete=complete_arena)
@click.argument("members", nargs=-1, metavar="[MEMBERS]...")
@set_option
@wrap_option
@click.option("--renew", is_flag=True, help="Compute the next version, of MEMBERS, and record it.")
@click.option("--episodes", type=COUNT, help="With --renew: episodes of every pairing (default: up to 200).")
@workers_option
@click.option("--file", type=Place(dir_okay=False, path_type=Path), help="Write the panel into this file, too.")
@json_option
@isolation_options
def command(
    arena: str,
    members: tuple[str, ...],
    assignments: tuple[str, ...],
    wrap: tuple[str, ...],
    renew: bool,
    episodes: int | None,
    workers: int,
    file: Path | None,
    as_json: bool,
) -> None:
    """Show an arena's panel: its members, their weights and what they get from each other.

    With --renew the next version is made of MEMBERS: they play each other, and weights and the scale of ratings are
    computed from that. Results under an older version stay.
    """
    import json

    from rich.console import Console

    from leaderboard.store.store import Store
    from zoo import home
    from zoo.commands.options import arena_choice
    from zoo.entry.venue import Venue
    from zoo.errors import UserError
    from zoo.matches import panel as panels
    from zoo.matches.plan import Work
    from zoo.work.cost import cost
    from zoo.work.pool import limit_threads
    from zoo.work.progress import Progress

    if members and not renew:
        raise click.UsageError("MEMBERS make a new panel: add --renew")
    if episodes is not None and not renew:
        raise click.UsageError("--episodes is for --renew")
    if renew and not members:
        raise click.UsageError("--renew needs the MEMBERS of the new panel")
    limit_threads()
    venue = Venue(arena_choice(arena, assignments, wrap))
    with (
        Store(home.records()) as store,
        Progress("blocks", Console(stderr=True), quiet=as_json, at_once=False, workers=workers) as progress,
    ):
        work = Work(typed(), workers, progress.update)
        shown = panels.renew(venue, store, members, work, episodes) if renew else panels.panel_of(venue, store, work)
    if shown is None:
        raise UserError(f"{venue.identity} has no panel; `zoo panel {arena} --renew MEMBERS...` makes one")
    content = panels.content(venue, shown)
    if file is not None:
        try:
            file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        except OSError as error:
            raise UserError(f"cannot write {file}: {error.strerror or error}") from error
    if as_json:
        click.echo(json.dumps({"id": shown.id, **content}, indent=1, allow_nan=False))
    else:
        console = Console()
        console.print(_screen(shown))
        console.print(cost(), style="dim", highlight=False)


def _screen(panel: Panel) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from leaderboard.report.layout import clean

    parts: list[RenderableType] = [Text(clean(panel.id), style="bold")]
    for side, weights in panel.weights.items():
        centre, spread = panel.scale[side]
        if side:
            parts += [Text(), Text(clean(f"members as partners of {side}"), style="bold")]
        parts.append(_matrix(panel, side, list(weights)))
        scale = f"mu 25 is an own return of {centre:.6g} an episode; {spread:.6g} more is 25/3 more."
        parts.append(Text(scale, style="dim"))
    rule, episodes = panel.details.get("rule", "?"), panel.details.get("episodes", "?")
    parts.append(Text(clean(f"Weights: {rule}; from {episodes} episodes a pairing."), style="dim"))
    if panel.details.get("command"):
        parts.append(Text(clean(f"Computed by: {panel.details['command']}"), style="dim"))
    return Group(*parts)


def _matrix(panel: Panel, side: str, weights: list[float]) -> RenderableType:
    """Members, weights, and own return of the row with the column."""
    from leaderboard.report.layout import decimals, number
    from leaderboard.report.sheet import Column, Sheet, labels

    rows = panel.details.get("matrix", {}).get(side, [])
    spread = [abs(value) / 50 for row in rows for value in row if value]
    digits = decimals(spread)
    numbers = [str(i + 1) for i in range(len(panel.members))]
    columns: list[Column] = [Column("#", numbers, front=True), labels("member", panel.members)]
    columns.append(Column("weight", [f"{weight:.4f}" for weight in weights], style="bold", worth=99))
    columns += [Column(name, [number(row[j], digits) for row in rows]) for j, name in enumerate(numbers) if rows]
    return Sheet(columns, below=False)
