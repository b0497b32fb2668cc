"""`zoo new`: something of one's own to begin with."""

from __future__ import annotations

import click

from zoo.commands.options import arena_option, json_option

EPILOG = """\b
An agent is a learner on one page that keeps every law; an arena is a small
game. Both are yours to change, and the lines printed say what to type next.

\b
Examples:
  zoo new agent my-learner
  zoo new agent my-learner --arena coin --package
  zoo new arena my-pond
"""


@click.command(epilog=EPILOG)
@click.argument("kind", type=click.Choice(["agent", "arena"]), metavar="agent|arena")
@click.argument("name", metavar="NAME")
@click.option("--package", is_flag=True, help="Write a folder with a zoo.toml, instead of one file (agents only).")
@arena_option("Where the agent is to be trained.", default="ipd", show_default=True)
@json_option
@click.pass_context
def command(ctx: click.Context, kind: str, name: str, package: bool, arena: str, as_json: bool) -> None:
    """Write an agent or an arena to begin with, into the folder where you are."""
    import json

    from zoo.commands.options import refuse
    from zoo.entry.registry import ARENAS, names
    from zoo.entry.venue import ArenaChoice
    from zoo.errors import UserError, nearest
    from zoo.submission.starter import new_agent, new_arena

    if kind == "arena":
        refuse(ctx, ("package", "arena"), "is for agents")
    elif ":" not in arena:
        choice = ArenaChoice(arena)
        if choice.settings:
            raise UserError(f"--arena {arena}: the page to begin with is for a game as it is: write {choice.name}")
        arena = choice.name
        if arena not in names(ARENAS):
            raise UserError(f"unknown arena {arena!r}; {nearest(arena, names(ARENAS))}")
    started = new_agent(name, arena, package=package) if kind == "agent" else new_arena(name)
    if as_json:
        click.echo(json.dumps({"wrote": list(map(str, started.files)), "next": list(started.then)}, indent=1))
        return
    for path in started.files:
        click.echo(f"wrote {path}")
    click.echo("next:")
    for line in started.then:
        click.echo(f"  {line}")
