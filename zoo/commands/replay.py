"""`zoo replay`: an episode of a recorded match, as text and as a GIF."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.commands.options import Place, isolation_options

FROM_0 = click.IntRange(min=0)

EPILOG = """\b
Examples:
  zoo replay 5f0c2a
  zoo replay 5f0c2a --episode 17 --seating 1 --gif episode.gif
"""


@click.command(epilog=EPILOG)
@click.argument("match")
@click.option("--episode", type=FROM_0, default=0, show_default=True, help="Which episode of the match, from 0.")
@click.option("--seating", type=FROM_0, default=0, show_default=True, help="Which rotation of the seats, from 0.")
@click.option("--gif", type=Place(path_type=Path), help="Where to write the GIF (default: MATCH-EPISODE-SEATING.gif).")
@click.option("--no-gif", is_flag=True, help="Write no GIF.")
@isolation_options
def command(match: str, episode: int, seating: int, gif: Path | None, no_gif: bool) -> None:
    """Play an episode of MATCH again from its seed, show it, and compare it with the record.

    MATCH is the id that `zoo match` printed, or its beginning.
    """
    from rich.console import Console
    from rich.text import Text

    from leaderboard.report.layout import clean, plural, together
    from zoo import home
    from zoo.entry.checkpoint import must_take_a_file
    from zoo.errors import UserError
    from zoo.play.replay import replay, strip, write_gif
    from zoo.work.cost import cost
    from zoo.work.pool import limit_threads

    if gif is not None and no_gif:
        raise click.UsageError("--gif and --no-gif contradict each other")
    if gif is not None:
        must_take_a_file(gif)
    limit_threads()
    console = Console(highlight=False)
    with home.read_records() as store:
        replayed = replay(store, store.match(match), episode, seating)
    seats, labels = list(replayed.seats), list(replayed.seats.values())
    who = ", ".join(f"{labels[numbers[0]]} is {name}" for name, numbers in together(seats, labels))
    title = f"{replayed.match.arena}, match {replayed.match.id}, episode {episode}, rotation {seating}: {who}"
    console.print(Text(clean(title), style="bold"))
    for line in strip(replayed.frames, console.width):
        console.print(Text(line, no_wrap=True))
    totals = replayed.frames[-1].returns
    paid = [(label, totals[seat]) for seat, label in replayed.seats.items()]
    for name, (first, *_) in together(seats, paid):
        label, total = paid[first]
        line = f"{label} as {name}: return {total:g} in {plural(len(replayed.frames) - 1, 'step')}"
        console.print(Text(clean(line)))
    if not replayed.agrees:
        raise UserError(
            f"the episode played again differs from the record ({replayed.recorded}): the installation has changed"
        )
    console.print(f"The episode played again agrees with the record; {cost()}.")
    if not no_gif:
        path = gif or Path(f"{replayed.match.id}-{episode}-{seating}.gif")
        if write_gif(replayed.frames, path):
            console.print(Text(f"Wrote {clean(str(path))}"))
        else:
            console.print(Text(f"{clean(replayed.match.arena)} cannot be drawn, so there is no GIF."))
