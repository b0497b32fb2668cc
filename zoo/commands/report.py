"""`zoo report`: one file that shows an arena's results to people who have nothing but a browser."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.commands.options import (
    Place,
    complete_arena,
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
"""


@click.command(epilog=EPILOG)
@click.option(
    "--arena",
    "arenas",
    multiple=True,
    required=True,
    metavar="ARENA",
    help="See `zoo arenas`; repeatable.",
    shell_complete=complete_arena,
)
@set_option
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
    arenas: tuple[str, ...], assignments: tuple[str, ...], out: Path, no_replays: bool, workers: int, as_json: bool
) -> None:
    """Write a report on what was played in arenas, as one HTML file.

    The games that it shows are played again and kept in the home, so that the next report takes a moment.
    """
    import json
    import time

    from rich.console import Console

    from zoo import home
    from zoo.commands.leaderboard import identities
    from zoo.entry.checkpoint import must_take_a_file, write_atomically
    from zoo.page.report import report
    from zoo.work.progress import Progress

    must_take_a_file(out)
    named = [recorded_as(arena, assignments) for arena in arenas]
    started = time.process_time()
    with (
        home.read_records() as store,
        Progress("pairings", Console(stderr=True), quiet=as_json, at_once=False) as progress,
    ):
        known = store.arenas()
        chosen = list(dict.fromkeys(id for arena in named for id in identities(known, arena)))
        page = report(store, chosen, with_replays=not no_replays, workers=workers, watch=progress.update)
    text = page.encode()
    write_atomically(out, text)
    if as_json:
        click.echo(json.dumps({"path": str(out), "size": len(text), "arenas": chosen}))
    else:
        click.echo(
            f"Wrote {out}: {len(text) / 1000:.0f} kB on {', '.join(chosen)}; {time.process_time() - started:.1f} CPU s."
        )
