"""`zoo crossplay`: who does how well with whom, and how robust that leaves everybody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.commands.options import (
    COUNT,
    SEED,
    Place,
    Real,
    arena_options,
    by_pattern,
    complete_entrant,
    grouped,
    isolation_options,
    json_option,
    must_take_a_picture,
    no_record_option,
    typed,
    venue_of,
    workers_option,
)
from zoo.errors import UserError

if TYPE_CHECKING:
    from zoo.crossplay import CrossReport
    from zoo.entry.venue import ArenaChoice, Venue

EPILOG = """\b
Everybody plays every role with everybody, on the same seeds. Matches and
tournaments play the same blocks, and a recorded block is not played again; so a
command that was stopped goes on where it was. 'AGENT@*' stands for all
checkpoints of an agent: its training seeds, which form a group. Other patterns
in quotes name many agents at once, as in a tournament.

\b
Examples:
  zoo crossplay greedy cooperator naive lola --arena coin
  zoo crossplay 'maddpg@*' 'ddpg@*' random --arena tag --workers 2
  zoo crossplay 'maddpg@*' --arena tag --against random --role adversary
  zoo crossplay grim random --arena ipd --plot ipd.png --csv ipd.csv
  zoo crossplay 'axelrod:*Tat*' grim --arena ipd --episodes 10
"""


@click.command(epilog=EPILOG)
@click.argument("entrants", nargs=-1, required=True, metavar="A B C ...", shell_complete=complete_entrant)
@arena_options
@click.option("--against", multiple=True, metavar="ENTRANT", help="A further opponent that is no entry; repeatable.")
@click.option("--role", "only", multiple=True, metavar="ROLE", help="Show this role only; repeatable.")
@click.option("--episodes", type=COUNT, help="Episodes of every pairing in each rotation (default: the arena's).")
@click.option("--seed", type=SEED, help="Play this seed instead of the one that is rated.")
@workers_option
@grouped(
    "ends",
    click.option(
        "--anchor-low", "low", metavar="ENTRANT", help="Who is 0 on the normalised scale (default: the arena's)."
    ),
    click.option(
        "--anchor-high", "high", metavar="ENTRANT", help="Who is 1 on that scale; best: the best entrant at hand."
    ),
)
@click.option(
    "--alpha",
    type=Real(0, 1, min_open=True),
    default=0.2,
    show_default=True,
    help="Share of the opponents that CVaR averages over.",
)
@click.option("--csv", "table", type=Place(dir_okay=False, path_type=Path), help="Write every cell into a file.")
@click.option("--plot", type=Place(dir_okay=False, path_type=Path), help="Draw a heat map, .png or .svg.")
@json_option
@no_record_option
@isolation_options
def command(
    entrants: tuple[str, ...],
    choice: ArenaChoice,
    against: tuple[str, ...],
    only: tuple[str, ...],
    episodes: int | None,
    seed: int | None,
    workers: int,
    ends: dict[str, str | None],
    alpha: float,
    table: Path | None,
    plot: Path | None,
    as_json: bool,
    no_record: bool,
) -> None:
    """Play everybody with everybody, and show how robust each of them is.

    The figures of an entry in a role are the mean, the worst case and the CVaR over opponents of other training runs,
    and the gap to the partners that it trained with. Each has an interval and is shown raw and normalised between
    anchors. The figures become columns of the leaderboard.
    """
    import json

    from rich.console import Console

    from leaderboard.store.store import Store
    from zoo import crossplay, home
    from zoo.work.cost import cpu_s
    from zoo.work.progress import Progress

    started, venue = cpu_s(), venue_of(choice)
    _check_options(venue, only, plot, table)
    rows, further = _expanded(venue, entrants, against)
    anchors = crossplay.anchors_for(venue, **ends)
    known = {venue.id(text) for text in rows}
    to_play = [*rows, *(text for text in dict.fromkeys(anchors.entrants) if venue.id(text) not in known)]
    kept = ":memory:" if no_record else home.records()
    shown = Progress("blocks", Console(stderr=True), quiet=as_json, at_once=False, workers=workers)
    with Store(kept) as store, shown as progress:
        matrix = crossplay.play(
            venue,
            to_play,
            [*rows, *further],
            episodes=episodes,
            seed=seed,
            workers=workers,
            store=store,
            command=typed(),
            watch=progress.update,
        )
        report = crossplay.report(matrix, anchors, entries=rows, only=only, alpha=alpha)
        for measurement in report.measurements():
            store.add(measurement)
    files, spent = _write(report, only, table, plot), cpu_s() - started
    if as_json:
        counts = {"blocks": matrix.blocks, "played": matrix.played, "cpu_s": spent, "cut": matrix.cut}
        click.echo(json.dumps(report.to_json() | counts, indent=1, allow_nan=False))
    else:
        _show(report, only, "not recorded" if no_record else "recorded", spent, files)


def _show(report: CrossReport, only: tuple[str, ...], kept: str, spent: float, files: list[Path]) -> None:
    """The screen, and the paths of the files."""
    from rich.console import Console

    from leaderboard.report.layout import plural
    from leaderboard.views.cuts import cut_line
    from zoo.crossplay.screen import crossplay_screen

    console = Console()
    played = f"{report.matrix.played:,} of {plural(report.matrix.blocks, 'block')} played now"
    console.print(crossplay_screen(report, f"{kept}; {played}; {spent:.1f} CPU s", only))
    if line := cut_line(report.matrix.cut, report.matrix.venue.spec.kind == "competitive"):
        console.print(line, style="yellow")
    for file in files:
        console.print(str(file), soft_wrap=True, highlight=False, markup=False)


def _check_options(venue: Venue, only: tuple[str, ...], plot: Path | None, table: Path | None) -> None:
    """Refuse roles that there are not, and files that cannot be, before anything is played."""
    from zoo import crossplay
    from zoo.entry.checkpoint import must_take_a_file
    from zoo.errors import nearest

    if plot is not None:
        must_take_a_picture(plot)
    if table is not None:
        must_take_a_file(table)
    known = crossplay.roles(venue.spec)
    for role in only:
        if role not in known:
            raise UserError(f"--role: {venue.spec.name} has no role {role!r}; {nearest(role, known)}")


def _expanded(venue: Venue, entrants: tuple[str, ...], against: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Entries and further opponents."""
    from zoo import crossplay

    def checkpoints(text: str) -> list[str]:
        return crossplay.expand(venue, [text])

    rows, further = (crossplay.expand(venue, by_pattern(venue, texts, checkpoints)) for texts in (entrants, against))
    for text in rows:
        venue.entrant(text)
    if len(rows) + len(further) < 2:
        raise UserError(f"cross-play needs at least two entrants, got {len(rows)}")
    return rows, further


def _write(report: CrossReport, only: tuple[str, ...], table: Path | None, plot: Path | None) -> list[Path]:
    """Write the files that were asked for; their paths."""
    from leaderboard.report.plots import pictures
    from zoo.crossplay.cells import to_csv
    from zoo.crossplay.picture import heat_map
    from zoo.entry.checkpoint import write_atomically

    contents = {}
    if table is not None:
        contents[table] = to_csv(report).encode()
    if plot is not None:
        kind = plot.suffix.removeprefix(".")
        contents[plot] = pictures(heat_map(report, only), [kind])[kind]
    for file, content in contents.items():
        write_atomically(file, content)
    return list(contents)
