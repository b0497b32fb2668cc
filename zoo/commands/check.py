"""`zoo check`: whether an agent or an arena, whoever wrote it, keeps the zoo's laws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zoo.commands.options import (
    COUNT,
    arena_option,
    arena_settings,
    complete_entrant,
    isolation_options,
    json_option,
    refuse,
    set_option,
    wrap_option,
)

if TYPE_CHECKING:
    from zoo.check.pairs import Survey

EPILOG = """\b
NAME is a registered name, module:Class, or path/to/file.py:Class; an agent may
have settings (NAME,field=value) and, with --arena, weights (NAME@CHECKPOINT); an
arena may be any PettingZoo environment.

\b
--all checks every registered agent, every checkpoint of the house and every
agent of a library in every arena that it can play, under the arena's usual
settings. What was checked is kept in ZOO_HOME/check, so that the same command
goes on after Ctrl-C or kill -9; after a change of the code it begins anew.

\b
Examples:
  zoo check lola
  zoo check my_agent.py:MyAgent
  zoo check my_agent.py:MyAgent,lr=0.1 --arena ipd
  zoo check coin --set arena.size=5
  zoo check my_arena.py:MyArena --json
  zoo check pettingzoo:classic/connect_four_v3
  zoo check lola@seed-1 --arena coin
  zoo check --all --workers 2
  zoo check --all --arena ipd --json

\b
Exit code: 0 every law holds, 1 a law is broken, 2 nothing could be checked.
"""


@click.command(epilog=EPILOG)
@click.argument("name", metavar="[NAME]", required=False, shell_complete=complete_entrant)
@arena_option("Check an agent here only (default: in every registered arena).")
@click.option("--all", "everything", is_flag=True, help="Check every entrant in every arena.")
@click.option("--workers", type=COUNT, default=1, show_default=True, help="With --all: processes that check.")
@set_option
@wrap_option
@json_option
@isolation_options
@click.pass_context
def command(
    ctx: click.Context,
    name: str | None,
    arena: str | None,
    everything: bool,
    workers: int,
    assignments: tuple[str, ...],
    wrap: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check whether an agent or an arena keeps the zoo's laws.

    An agent plays and learns for some seconds in every registered arena that it can play: is all its state in the
    memory, does it draw luck from its seeds alone, does its checkpoint survive? An arena is asked whether seeds
    reproduce, whether both of its faces play the same game, whether its seats are exchangeable.
    """
    import json
    import sys
    from contextlib import redirect_stdout

    from rich.console import Console

    from zoo.check.report import examine, screen
    from zoo.entry.registry import kind_of
    from zoo.entry.settings import split
    from zoo.errors import UserError
    from zoo.work.cost import cost
    from zoo.work.pool import limit_threads

    limit_threads()
    if everything:
        refuse(ctx, ("assignments", "wrap", "isolation", "trust"), "cannot go with --all")
        if name is not None:
            raise UserError(f"--all checks everybody: leave out {name}")
        sys.exit(_all(arena, workers, as_json))
    refuse(ctx, ("workers",), "is for --all")
    if name is None:
        raise UserError("name an agent or an arena to check, or all of them with --all")
    who, at, _ = name.partition("@")
    kind = kind_of(split(who)[0] if who else who)
    if kind == "arena" and arena is not None:
        raise UserError(f"{name} is an arena: --arena is for agents")
    if kind == "agent" and (assignments or at) and arena is None:
        raise UserError(f"{'a checkpoint' if at else '--set'} needs an --arena to which it belongs")
    with Console(stderr=True).status(f"checking {name}") as status, redirect_stdout(sys.stderr):
        for report in examine(name, kind, arena, arena_settings(assignments), wrap):
            place = list(report.findings)[-1]
            where = f" in {place}" if kind == "agent" else ""
            status.update(f"checking {name}{where}: law {report.findings[place][-1].number}")
    if as_json:
        click.echo(json.dumps(report.to_json(), indent=1))
    else:
        console = Console()
        console.print(screen(report))
        console.print(cost(), style="dim", highlight=False)
    sys.exit(0 if report.passed else 1)


def _all(arena: str | None, workers: int, as_json: bool) -> int:
    """Check all pairs, or those of one arena; returns the exit code."""
    import json

    from rich.console import Console

    from zoo import home
    from zoo.check.pairs import check_all, every_arena, version
    from zoo.check.pairs_screen import count_of, screen
    from zoo.entry.venue import ArenaChoice
    from zoo.work.cost import cost
    from zoo.work.jobs import Results
    from zoo.work.progress import Progress

    if arena is not None:
        ArenaChoice(arena).make(1).close()  # which says at once what is wrong with it
    known: Survey | None = None
    arenas = every_arena() if arena is None else [arena]
    with Progress("done", Console(stderr=True), at_once=False, workers=workers) as progress:
        for known in check_all(Results(home.folder() / "check" / version()), workers, arenas, progress.update):
            if len(known.broken) == known.kept:
                progress.say(count_of(known))
                progress.foresee(known.left_s)
    assert known is not None  # it is yielded at least once
    if as_json:
        click.echo(json.dumps(known.to_json(), indent=1))
    else:
        console = Console()
        console.print(screen(known))
        console.print(cost(), style="dim", highlight=False)
    return 1 if known.failed else 0
