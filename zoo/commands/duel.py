"""`zoo duel`: a human plays against an entrant, in a page."""

from __future__ import annotations

import click

from zoo.commands.options import SEED, arena_option, json_option, set_option

EPILOG = """\b
The games have the seeds, the luck and the length of a match. They are kept
apart from every board, and rated with an interval; a game that is begun and
left is counted as left. Stop the page with Ctrl-C.

\b
Examples:
  zoo duel lola --arena coin
  zoo duel tit-for-tat --arena ipd --set arena.max_steps=20 --name ada
  zoo duel greedy --arena coin --open
  zoo duel --results
  zoo duel --results --arena coin --json
"""


@click.command(epilog=EPILOG)
@click.argument("entrant", required=False, metavar="ENTRANT")
@arena_option("See `zoo arenas`.")
@set_option
@click.option("--name", default="human", show_default=True, metavar="NAME", help="What to call you.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Decides the luck of all games.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 takes a free one.")
@click.option("--open", "opens", is_flag=True, help="Open the page in your browser.")
@click.option("--results", is_flag=True, help="Show how humans stand, and serve nothing.")
@json_option
def command(
    entrant: str | None,
    arena: str | None,
    assignments: tuple[str, ...],
    name: str,
    seed: int,
    port: int,
    opens: bool,
    results: bool,
    as_json: bool,
) -> None:
    """Play against ENTRANT yourself, in a page on this machine."""
    from zoo.commands.options import arena_choice, venue_of
    from zoo.errors import need
    from zoo.work.pool import limit_threads

    if results:
        if entrant is not None:
            raise click.UsageError("--results shows all entrants: leave out ENTRANT")
        _results(arena, as_json)
        return
    if entrant is None or arena is None:
        raise click.UsageError("name an ENTRANT and its --arena, or ask for --results")
    if as_json:
        raise click.UsageError("--json belongs to --results")
    if not name.strip() or not name.isprintable() or len(name) > 60:
        raise click.UsageError("--name is 1 to 60 letters")
    for module in ("starlette", "uvicorn"):
        need(module, "zoo duel")
    from zoo.serve.duel_run import serve_duel

    limit_threads()
    venue = venue_of(arena_choice(arena, assignments, ()))
    serve_duel(venue, venue.entrant(entrant), name.strip(), seed, port, opens=opens, say=click.echo)


def _results(arena: str | None, as_json: bool) -> None:
    """Print how humans stand."""
    import json

    from rich.console import Console

    from leaderboard.report.sheet import Column, Sheet
    from leaderboard.statistics.estimate import plain
    from zoo.serve.duels import kept, rated, shown

    games = [game for game in kept() if arena is None or arena in (game.arena, game.arena.rpartition("-v")[0])]
    ratings = rated(games)
    if as_json:
        click.echo(json.dumps(plain(ratings), indent=1, ensure_ascii=False))
        return
    if not ratings:
        click.echo("No human has finished a game yet: zoo duel ENTRANT --arena ARENA")
        return
    rows = [shown(rating) for rating in ratings]
    headings = list(dict.fromkeys(heading for row in rows for heading in row))
    first = [Column(h, [row[h] for row in rows], label=True) for h in headings[:3]]
    rest = [Column(h, [row.get(h, "-") for row in rows]) for h in headings[3:]]
    Console().print(Sheet([*first, *rest]))
    click.echo("Returns of an episode; games of humans are on no board.")
