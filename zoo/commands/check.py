"""`zoo check`: whether an agent or an arena, whoever wrote it, keeps the zoo's laws."""

from __future__ import annotations

import click

from zoo.commands.options import arena_settings, isolation_options, json_option, set_option, wrap_option

EPILOG = """\b
NAME is a registered name, module:Class, or path/to/file.py:Class; an agent may
have settings (NAME,field=value), an arena may be any PettingZoo environment.

\b
Examples:
  zoo check lola
  zoo check my_agent.py:MyAgent
  zoo check my_agent.py:MyAgent,lr=0.1 --arena ipd
  zoo check coin --set arena.size=5
  zoo check my_arena.py:MyArena --json
  zoo check pettingzoo:classic/connect_four_v3

\b
Exit code: 0 every law holds, 1 a law is broken, 2 nothing could be checked.
"""


@click.command(epilog=EPILOG)
@click.argument("name", metavar="NAME")
@click.option("--arena", metavar="ARENA", help="Check an agent here only (default: in every registered arena).")
@set_option
@wrap_option
@json_option
@isolation_options
def command(name: str, arena: str | None, assignments: tuple[str, ...], wrap: tuple[str, ...], as_json: bool) -> None:
    """Check whether an agent or an arena keeps the zoo's laws.

    An agent plays and learns for some seconds in every registered arena that it can play: is all its state in the
    memory, does it draw luck from its seeds alone, does its checkpoint survive? An arena is asked whether seeds
    reproduce, whether both of its faces play the same game, whether its seats are exchangeable.
    """
    import json
    import sys

    from rich.console import Console

    from zoo.check.report import examine, screen
    from zoo.entry.registry import kind_of
    from zoo.entry.settings import split
    from zoo.errors import UserError
    from zoo.work.pool import limit_threads

    limit_threads()
    first = split(name)[0] if name else name
    kind = kind_of(first)
    if kind == "arena" and arena:
        raise UserError(f"{name} is an arena: --arena is for agents")
    if kind == "agent" and assignments and not arena:
        raise UserError("--set needs an --arena to which it belongs")
    with Console(stderr=True).status(f"checking {name}") as status:
        for report in examine(name, kind, arena, arena_settings(assignments), wrap):
            place = list(report.findings)[-1]
            where = f" in {place}" if kind == "agent" else ""
            status.update(f"checking {name}{where}: law {report.findings[place][-1].number}")
    if as_json:
        click.echo(json.dumps(report.to_json(), indent=1))
    else:
        Console().print(screen(report))
    sys.exit(0 if report.passed else 1)
