"""`zoo submit`: an agent of one's own gets a place on a board."""

from __future__ import annotations

import click

from zoo.commands.options import Real, arena_option, isolation_options, json_option, set_option, typed, workers_option

EPILOG = """\b
PATH is a .py file, a folder or a zip with a zoo.toml, or the folder of a
checkpoint of one of the zoo's own agents, which needs no code. A file may be
followed by the class that plays, and a learner by its checkpoint:
FILE.py:CLASS@CHECKPOINT. The same command goes on where it was stopped.

\b
Examples:
  zoo submit my_learner.py:MyLearner@weights --arena ipd
  zoo submit my_learner.py --arena ipd --as ada-3 --dry-run
  zoo submit my-learner.zip --width 0.5 --budget 300
  zoo submit checkpoints/coin-v1/lola/seed-0 --arena coin --as my-lola

\b
Exit code: 0 it is on the board, 2 it was refused; the line names the rule, the
place and the cure, and nothing of it is left behind.
"""


@click.command(epilog=EPILOG)
@click.argument("path", metavar="PATH")
@arena_option("Where to enter it (default: as its zoo.toml says).")
@set_option
@click.option("--as", "name", metavar="NAME", help="What to call it (default: as its zoo.toml says, or by its file).")
@click.option("--author", metavar="NAME", help="Who made it (default: as its zoo.toml says, or the name git knows).")
@click.option(
    "--width",
    type=Real(0, min_open=True),
    default=1.0,
    show_default=True,
    help="Play until the interval of mu is narrower than this ...",
)
@click.option(
    "--budget",
    type=Real(0, min_open=True),
    default=60.0,
    show_default=True,
    help="... or so many CPU seconds are spent; all partners are met in any case.",
)
@click.option("--dry-run", is_flag=True, help="Try it, say what is wrong, and enter nothing.")
@workers_option
@isolation_options
@json_option
def command(
    path: str,
    arena: str | None,
    assignments: tuple[str, ...],
    name: str | None,
    author: str | None,
    width: float,
    budget: float,
    dry_run: bool,
    workers: int,
    as_json: bool,
) -> None:
    """Enter an agent of your own, or a trained checkpoint, on a board.

    It is unpacked and read, held against the laws, and plays a few episodes with fixed partners, all of it kept apart
    from everything else. Then it is entered, and meets the arena's panel until its place is known.
    """
    import json

    from rich.console import Console

    from zoo.commands.options import arena_settings
    from zoo.matches.plan import Work
    from zoo.submission.entering import Manner, enter
    from zoo.submission.placement import Until
    from zoo.submission.screen import submission_screen
    from zoo.submission.submission import Asked, open_submission
    from zoo.work.pool import limit_threads
    from zoo.work.progress import Progress

    for option, given in (("--as", name), ("--author", author)):
        if given is not None and not given.strip():
            raise click.UsageError(f"{option} is empty")
    if assignments and not arena:
        raise click.UsageError("--set needs the --arena to which it belongs")
    limit_threads()
    where = ",".join([arena, *arena_settings(assignments)]) if arena else ""
    with Progress("parts", Console(stderr=True), quiet=as_json, at_once=False, workers=workers) as progress:
        submission = open_submission(path, Asked(name or "", author or "", where))
        work = Work(typed(), workers, progress.update)
        outcome = enter(submission, Manner(Until(width, budget), work, progress.say, dry_run))
    if as_json:
        click.echo(json.dumps(outcome.to_json(), indent=1, allow_nan=False))
    else:
        Console().print(submission_screen(outcome))
