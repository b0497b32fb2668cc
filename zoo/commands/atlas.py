"""`zoo atlas`: who beats whom, over all games and all house learners."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.commands.options import COUNT, Place, arena_option, json_option, typed, workers_option

EPILOG = """\b
Every game with two trained learners or more is played by all of them, never
with their own like. The game then votes for the one that surely earned more
from the same strangers. The votes of all games make a maximal lottery.

\b
Games are kept in the home apart from its boards (atlas.sqlite), so that the
same command goes on where it was stopped, and more episodes add to it.

\b
Examples:
  zoo atlas
  zoo atlas --arena ipd --arena coin --out small.html
  zoo atlas --episodes 100 --workers 2
  zoo atlas --arena imp --json
"""


@click.command(epilog=EPILOG)
@arena_option("Only this arena; repeatable (default: all that fit).", repeatable=True)
@click.option("--episodes", type=COUNT, default=20, show_default=True, help="Of each pairing in each rotation.")
@click.option(
    "--out",
    type=Place(dir_okay=False, path_type=Path),
    default=Path("atlas.html"),
    show_default=True,
    help="The page to write.",
)
@workers_option
@json_option
def command(arenas: tuple[str, ...], episodes: int, out: Path, workers: int, as_json: bool) -> None:
    """Write a page on who beats whom, over many games and among strangers only."""
    import json
    import shlex

    from rich.console import Console

    import zoo
    from leaderboard.report.atlas import lead, render_atlas
    from leaderboard.report.layout import plural
    from leaderboard.store.store import Store
    from zoo import home
    from zoo.crossplay.atlas import chapters, make_atlas
    from zoo.entry.checkpoint import must_take_a_file, write_atomically
    from zoo.matches.plan import Work
    from zoo.work.cost import cost, cpu_s
    from zoo.work.progress import Progress

    must_take_a_file(out)
    found, started = chapters(arenas), cpu_s()
    with Store(str(home.folder() / "atlas.sqlite")) as store:
        pairings = sum(len(chapter.agents) * (len(chapter.agents) - 1) // 2 for chapter in found)
        guess = sum(chapter.cpu_s(episodes, store) for chapter in found)
        if not as_json:
            games = f"{plural(len(found), 'game')}, {plural(pairings, 'pairing')}"
            click.echo(f"{games} of {episodes} episodes in each rotation", err=True)
        with Progress("blocks", Console(stderr=True), quiet=as_json, at_once=False, workers=workers) as progress:
            progress.foresee(guess)
            made = make_atlas(found, episodes, store, Work(typed(), workers, progress.update))
    words = [word for chapter in found for word in ("--arena", chapter.venue.identity)] if arenas else []
    again = shlex.join(["zoo", "atlas", *words, "--episodes", str(episodes)])
    page = render_atlas(made, again, zoo.__version__).encode()
    write_atomically(out, page)
    if as_json:
        click.echo(json.dumps(made.to_json() | {"path": str(out)}, indent=1, allow_nan=False))
        return
    for sentence in lead(made):
        click.echo(sentence)
    click.echo(f"Wrote {out}: {len(page) / 1000:.0f} kB; {cost(started)}")
