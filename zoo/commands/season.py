"""`zoo season`: a competition with a deadline, a secret seed, hidden partners and a board that can be checked."""

from __future__ import annotations

import json
from pathlib import Path

import click

from zoo.commands.options import Place, Real, json_option, typed, workers_option

EPILOG = """\b
Examples:
  zoo season new --example > spring.toml
  zoo season new spring.toml
  zoo season submit spring anna.py
  zoo season submit spring mine.py:Clever --author anna --as clever
  zoo season run spring --workers 2
  zoo season board spring
  zoo season close spring
  zoo season reveal spring
  zoo report --season spring --out spring.html
  zoo season verify spring --again
  zoo season publish spring spring.zoo

\b
docs/class-competition.md holds one with thirty students in an hour.
"""


class _InOrder(click.Group):
    """Lists its commands in the order in which a season needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        order = ("new", "submit", "run", "board", "close", "reveal", "verify", "publish")
        return sorted(self.commands, key=order.index)


@click.group(cls=_InOrder, epilog=EPILOG)
def command() -> None:
    """Hold a competition: rules, entries, games, a board, and an end at which everything can be checked."""


season_argument = click.argument("season", metavar="SEASON")


@command.command(epilog=EPILOG)
@click.argument("file", required=False, type=Place(path_type=Path))
@click.option("--example", is_flag=True, help="Print a file of rules with comments, and start nothing.")
@json_option
def new(file: Path | None, example: bool, as_json: bool) -> None:
    """Start the season whose rules FILE states.

    From then on the rules stay. What is printed (the hashes of the rules, of the secret seed and of the hidden
    partners) can be held against what is shown at the end.
    """
    from dataclasses import asdict
    from datetime import UTC, datetime

    from rich.console import Console

    from zoo.matches.plan import Work
    from zoo.season.place import begin
    from zoo.season.rules import EXAMPLE, read_rules
    from zoo.season.screen import start_screen
    from zoo.work.pool import limit_threads
    from zoo.work.progress import Progress

    if example:
        click.echo(EXAMPLE, nl=False)
        return
    if file is None:
        raise click.UsageError("name a FILE with rules; --example prints one")
    limit_threads()
    rules = read_rules(file)
    with Progress("blocks", Console(stderr=True), quiet=as_json, at_once=False) as progress:
        season = begin(rules, Work(typed(), watch=progress.update), datetime.now(UTC))
    if as_json:
        told = {key: value for key, value in asdict(season.card).items() if key != "secret"}
        click.echo(json.dumps({"season": season.name, **told}, indent=1))
    else:
        Console().print(start_screen(season), soft_wrap=True)


@command.command(epilog=EPILOG)
@season_argument
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--as", "name", default="", metavar="NAME", help="Its name on the board (default: the file's).")
@click.option("--author", default="", metavar="A", help="Whose it is (default: the name of the file).")
@json_option
def submit(season: str, paths: tuple[str, ...], name: str, author: str, as_json: bool) -> None:
    """Enter agents.

    Each PATH is a file (mine.py, or mine.py:Class), a folder, a zip, or a checkpoint's folder.

    Each is read under the rules of `zoo submit`, imported in its sandbox, and tried in two short games. What is refused
    leaves nothing behind; what is entered and fails is told, so that it can be mended before the deadline. Of each
    author the latest entry counts.
    """
    from datetime import UTC, datetime

    from zoo.errors import UserError
    from zoo.season.entries import submit as enter
    from zoo.season.place import at_home, opened
    from zoo.season.trial import trial
    from zoo.submission.submission import Asked
    from zoo.work.pool import limit_threads

    if len(paths) > 1 and (name or author):
        raise click.UsageError("--as and --author are of one entry; enter one PATH with them")
    limit_threads()
    found, refused, told = opened(season), 0, list[dict[str, object]]()
    with at_home(found) as store:
        for path in paths:
            try:
                entry = enter(found, store, path, datetime.now(UTC), Asked(name, author))
            except UserError as error:
                if len(paths) == 1:
                    raise
                refused += 1
                why = str(error)  # begins with the file, unless the fault is in a file of a folder or a zip
                where = "" if why.startswith((path, Path(path).name)) else f"{path}: "
                told.append({"path": path, "refused": why})
                click.echo(f"refused: {where}{why}", err=True)
                continue
            tried = trial(found, entry)
            told.append({"path": path, "name": entry.name, "author": entry.author, "tried": tried})
            if not as_json:
                click.echo(f"{entry.name} is entered for {entry.author} in {season}: {tried}")
    if as_json:
        click.echo(json.dumps({"season": season, "entries": told}, indent=1))
    if refused:
        raise UserError(f"{refused} of {len(paths)} were refused; mend them and enter them again")


@command.command(epilog=EPILOG)
@season_argument
@json_option
def close(season: str, as_json: bool) -> None:
    """Close the entries before the deadline.

    From then on `zoo season run` plays the games that count.
    """
    from datetime import UTC, datetime

    from zoo.season.place import in_words, opened

    found = opened(season)
    found.close(datetime.now(UTC))
    if as_json:
        click.echo(json.dumps({"season": season, "ends": found.ends.isoformat()}, indent=1))
        return
    click.echo(f"Season {season} takes nothing in after {in_words(found.ends)}; `zoo season run {season}` plays.")


@command.command(epilog=EPILOG)
@season_argument
@workers_option
@click.option("--minutes", type=Real(0), help="Stop after so long (default: what the rules say).")
@json_option
def run(season: str, workers: int, minutes: float | None, as_json: bool) -> None:
    """Play the games that are missing.

    However it was stopped, the same command goes on where it was.

    Before the deadline that is practice, on other episodes than those that count; run it again after the deadline.
    """
    from dataclasses import asdict
    from datetime import UTC, datetime

    from rich.console import Console

    from leaderboard.report.layout import plural
    from zoo.matches.plan import Work
    from zoo.season.games import run_season
    from zoo.season.place import at_home, opened
    from zoo.work.cost import cost
    from zoo.work.pool import limit_threads
    from zoo.work.progress import Progress

    limit_threads()
    found = opened(season)
    shown = Progress("blocks", Console(stderr=True), quiet=as_json, at_once=False, workers=workers)
    with at_home(found) as store, shown as progress:
        ran = run_season(found, store, Work(typed(), workers, progress.update), datetime.now(UTC), minutes)
    if as_json:
        click.echo(json.dumps({"season": season, **asdict(ran)}, indent=1))
        return
    kind = "" if ran.counts else " of practice"
    rest = "all is played" if ran.whole else f"time is over: `zoo season run {season}` goes on"
    click.echo(f"{plural(ran.blocks, 'block')}{kind} played now, of {plural(ran.counted, 'author')}; {rest}; {cost()}.")
    for name in ran.broken:
        click.echo(f"{name} spoiled every one of its first games and plays no more; `zoo season board` says why.")


@command.command(epilog=EPILOG)
@season_argument
@json_option
def board(season: str, as_json: bool) -> None:
    """Show places, faults, and what a teacher should look at."""
    from datetime import UTC, datetime

    from rich.console import Console

    from zoo.season.place import at_home, opened
    from zoo.season.screen import board_screen
    from zoo.season.standings import standings
    from zoo.work.pool import limit_threads

    limit_threads()
    found = opened(season)
    with at_home(found) as store:
        made = standings(found, store, datetime.now(UTC))
    if as_json:
        click.echo(json.dumps(made.to_json(), indent=1))
    else:
        Console().print(board_screen(made))


@command.command(epilog=EPILOG)
@season_argument
@click.option("--unfinished", is_flag=True, help="Although games that count are left to be played.")
@json_option
def reveal(season: str, unfinished: bool, as_json: bool) -> None:
    """End a season: show its seed and its hidden partners.

    Nothing can be entered or played after that.
    """
    from datetime import UTC, datetime

    from zoo.season.ending import reveal as end
    from zoo.season.place import at_home, opened

    found = opened(season)
    with at_home(found) as store:
        shown = end(found, store, datetime.now(UTC), unfinished=unfinished)
    if as_json:
        click.echo(json.dumps({"season": season, **shown, "committed": found.card.seed}, indent=1))
        return
    click.echo(f"Season {season} has ended.\n  seed    {shown['seed']}")
    for text, entrant in shown["hidden"]:
        click.echo(f"  hidden  {text} ({entrant})")
    click.echo(f"The seed's sha256 is what was said at the start, {found.card.seed}; `zoo season verify {season}`.")


@command.command(epilog=EPILOG)
@season_argument
@click.argument("out", type=Place(dir_okay=False, path_type=Path), metavar="FILE")
@json_option
def publish(season: str, out: Path, as_json: bool) -> None:
    """Write a season that has ended into one signed FILE.

    `zoo verify FILE` checks it on any machine.
    """
    from datetime import UTC, datetime

    from zoo.commands.publish import show, to_json
    from zoo.errors import UserError
    from zoo.season.place import at_home, opened
    from zoo.season.standings import standings
    from zoo.submission.publish import publish as write

    found, out = opened(season), out.absolute()
    if found.revealed is None:
        raise UserError(
            f"season {season} goes on, and its games cannot be played again without its seed; reveal it first"
        )
    with at_home(found) as store:
        board = standings(found, store, datetime.now(UTC)).to_json()
        done = write(out, store, [found.venue.identity], season=board)
    if as_json:
        click.echo(json.dumps(to_json(done), indent=1))
        return
    show(done)
    click.echo(f"Check it on another machine: `zoo verify {out.name}`.")


@command.command(epilog=EPILOG)
@season_argument
@click.option("--again", is_flag=True, help="Play every game again, too.")
@workers_option
@json_option
def verify(season: str, again: bool, workers: int, as_json: bool) -> None:
    """Check a season against the hashes of its start.

    These are of its rules, its secret seed and its hidden partners; its records are checked, too.
    """
    from dataclasses import asdict

    from rich.console import Console

    from zoo.errors import UserError
    from zoo.matches.plan import Work
    from zoo.season.ending import checked
    from zoo.season.place import at_home, opened
    from zoo.work.cost import cost
    from zoo.work.pool import limit_threads
    from zoo.work.progress import Progress

    limit_threads()
    found = opened(season)
    shown = Progress("blocks", Console(stderr=True), quiet=as_json, at_once=False, workers=workers)
    with at_home(found) as store, shown as progress:
        checks = checked(found, store, Work(typed(), workers, progress.update) if again else None)
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=1))
    else:
        for check in checks:
            click.echo(f"{'holds' if check.holds else 'WRONG'}  {check.what}: {check.said}")
        click.echo(cost())
    if wrong := [check.what for check in checks if not check.holds]:
        raise UserError(f"season {season} cannot be trusted: {', '.join(wrong)}; restore a copy of its folder")
