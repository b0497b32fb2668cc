"""`zoo arenas`: what there is to play."""

from __future__ import annotations

import click

from zoo.commands.options import arena_choice, complete_arena, list_options, print_list, set_option, wrap_option

EPILOG = """\b
Examples:
  zoo arenas
  zoo arenas coin
  zoo arenas coin --set arena.size=5
  zoo arenas pettingzoo:classic/connect_four_v3
  zoo arenas openspiel
  zoo arenas openspiel:leduc_poker
  zoo arenas --names
  zoo arenas --json

\b
Any PettingZoo environment is an arena: pettingzoo:classic/tictactoe_v3,
mpe2:simple_tag_v3, or path/to/file.py:env where `env` makes one. So is every
game of OpenSpiel where two or more meet: openspiel:NAME.
"""


@click.command(epilog=EPILOG)
@click.argument("name", required=False, metavar="[NAME]", shell_complete=complete_arena)
@set_option
@wrap_option
@list_options
def command(
    name: str | None, assignments: tuple[str, ...], wrap: tuple[str, ...], only_names: bool, as_json: bool
) -> None:
    """List the arenas (of a library, by its name), or describe one: its rules, seats, settings and panel."""
    from rich.console import Console

    from zoo.entry import listing
    from zoo.entry.catalogue import arena_list
    from zoo.entry.registry import ARENAS, GAMES
    from zoo.errors import UserError

    if name is None and (assignments or wrap):
        raise UserError("--set and --wrap belong to one arena: zoo arenas NAME --set ...")
    if print_list(name, ARENAS, arena_list, only_names, as_json):
        return
    if name is None:
        console = Console()
        console.print(listing.arenas_listed(console.width))
    elif name in GAMES and not (assignments or wrap):
        Console().print(listing.library_listed(name))
    else:
        Console().print(listing.arena_described(arena_choice(name, assignments, wrap)))
