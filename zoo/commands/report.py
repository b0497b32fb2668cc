"""`zoo report`: one file that shows an arena's results to people who have nothing but a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zoo.commands.options import (
    Place,
    arena_option,
    isolation_options,
    json_option,
    recorded_as,
    set_option,
    workers_option,
)

EPILOG = """\b
The file needs no network and no other file. It shows who stands where and how
sure that is, who meets whom, the evidence and a card for every entrant, and it
can compute its own figures again in the reader's browser. The same records give
the same bytes.

\b
Examples:
  zoo report --arena coin
  zoo report --arena coin --out coin.html
  zoo report --arena ipd --set arena.max_steps=100
  zoo report --arena ipd --arena coin --out both.html
  zoo report --arena coin --no-replays --json
  zoo report --season spring --out spring.html
"""


@click.command(epilog=EPILOG)
@arena_option("See `zoo arenas`; repeatable.", repeatable=True)
@set_option
@click.option("--season", metavar="NAME", help="The board of a season of `zoo season`, in place of arenas.")
@click.option(
    "--out",
    type=Place(dir_okay=False, path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="The file to write.",
)
@click.option("--no-replays", is_flag=True, help="Show no games; else three of each pairing are played again.")
@workers_option
@json_option
@isolation_options
def command(
    arenas: tuple[str, ...],
    assignments: tuple[str, ...],
    season: str | None,
    out: Path,
    no_replays: bool,
    workers: int,
    as_json: bool,
) -> None:
    """Write a report on what was played in arenas, or in a season, as one HTML file.

    The games that it shows are played again and kept in the home, so that the next report takes a moment.
    """
    import json

    from rich.console import Console

    from zoo.entry.checkpoint import must_take_a_file, write_atomically
    from zoo.work.cost import cost
    from zoo.work.progress import Progress

    if bool(arenas) == (season is not None):
        raise click.UsageError("name each --arena, or one --season")
    must_take_a_file(out)
    known_as = [recorded_as(arena, assignments) for arena in arenas or (None,)]
    named = tuple(arena for arena in known_as if arena is not None)
    with Progress("pairings", Console(stderr=True), quiet=as_json, at_once=False, workers=workers) as progress:
        how = {"with_replays": not no_replays, "workers": workers, "watch": progress.update}
        page, chosen = _of_arenas(named, how) if season is None else _of_season(season, how)
    text = page.encode()
    write_atomically(out, text)
    if as_json:
        of = {} if season is None else {"season": season}
        click.echo(json.dumps({"path": str(out), "size": len(text), **of, "arenas": chosen}))
    else:
        what = ", ".join(chosen) if season is None else f"season {season}"
        click.echo(f"Wrote {out}: {len(text) / 1000:.0f} kB on {what}; {cost()}.")


def _of_arenas(arenas: tuple[str, ...], how: dict[str, Any]) -> tuple[str, list[str]]:
    """The page, and the identities of what it is on."""
    from zoo import home
    from zoo.commands.leaderboard import identities
    from zoo.page.report import report

    with home.read_records() as store:
        known = home.arenas_with_records(store)
        chosen = list(dict.fromkeys(id for arena in arenas for id in identities(known, arena)))
        return report(store, chosen, **how), chosen


def _of_season(name: str, how: dict[str, Any]) -> tuple[str, list[str]]:
    """The page of a season's board; no charts while these would give its hidden partners away."""
    from datetime import UTC, datetime

    from zoo.page.report import Occasion, report
    from zoo.season.place import at_home, opened
    from zoo.season.report import counting_records, season_notes
    from zoo.work.pool import limit_threads

    limit_threads()
    season, now = opened(name), datetime.now(UTC)
    with at_home(season) as store:
        notes = season_notes(season, store, now)
        occasion = Occasion(f"season {name}", notes, ("--season", name))
        arenas = [season.venue.identity] if not season.hides_partners else []
        with counting_records(season, store, now) as counting:
            return report(counting, arenas, occasion=occasion, **how), arenas
