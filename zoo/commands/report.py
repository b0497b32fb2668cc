"""`zoo report`: one file that shows an arena's results to people who have nothing but a browser."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.commands.options import json_option

EPILOG = """\b
The file needs no network and no other file. It shows who stands where and how
sure that is, who meets whom, the evidence and a card for every entrant, and it
can compute its own figures again in the reader's browser. The same records give
the same bytes.

\b
Examples:
  zoo report --arena coin
  zoo report --arena coin --out coin.html
  zoo report --arena ipd --arena coin --out both.html
"""


@click.command(epilog=EPILOG)
@click.option("--arena", "arenas", multiple=True, required=True, metavar="ARENA", help="See `zoo arenas`; repeatable.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="The file to write.",
)
@json_option
def command(arenas: tuple[str, ...], out: Path, as_json: bool) -> None:
    """Write a report on what was played in arenas, as one HTML file."""
    import json

    from zoo import home
    from zoo.commands.leaderboard import identities
    from zoo.entry.checkpoint import write_atomically
    from zoo.page.report import report

    with home.read_records() as store:
        known = store.arenas()
        chosen = list(dict.fromkeys(id for arena in arenas for id in identities(known, arena)))
        text = report(store, chosen).encode()
    write_atomically(out, text)
    if as_json:
        click.echo(json.dumps({"path": str(out), "size": len(text), "arenas": chosen}))
    else:
        click.echo(f"Wrote {out}: {len(text) / 1000:.0f} kB on {', '.join(chosen)}.")
