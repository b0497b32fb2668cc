"""`zoo arenas`: what there is to play."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zoo.commands.options import arena_settings

if TYPE_CHECKING:
    from rich.console import RenderableType

    from arenas.protocol import Arena, SeatSpec
    from zoo.entry.venue import ArenaChoice
    from zoo.registry import ArenaEntry

EPILOG = """\b
Examples:
  zoo arenas
  zoo arenas coin
  zoo arenas coin --set arena.size=5
  zoo arenas pettingzoo:classic/connect_four_v3
  zoo arenas --names

\b
Any PettingZoo environment is an arena: pettingzoo:classic/tictactoe_v3,
mpe2:simple_tag_v3, or path/to/file.py:env where `env` makes one.
"""


_SHORT = 6  # letters of a seat's name up to which the list names both of a game's seats


@click.command(epilog=EPILOG)
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--set", "assignments", multiple=True, metavar="arena.FIELD=VALUE", help="A setting of the arena.")
@click.option("--wrap", multiple=True, metavar="NAME[=VALUE]", help="SuperSuit wrapper of a PettingZoo environment.")
@click.option("--names", "only_names", is_flag=True, help="Print the registered names alone; nothing is imported.")
def command(name: str | None, assignments: tuple[str, ...], wrap: tuple[str, ...], only_names: bool) -> None:
    """List the arenas, or describe one: its rules, seats, settings and panel."""
    from zoo.errors import UserError
    from zoo.registry import ARENAS, names

    if name is None and (assignments or wrap):
        raise UserError("--set and --wrap belong to one arena: zoo arenas NAME --set ...")
    if only_names:
        for known in names(ARENAS):
            click.echo(known)
        return
    from rich.console import Console

    from zoo.entry.venue import ArenaChoice

    screen = _overview() if name is None else _description(ArenaChoice(name, arena_settings(assignments), wrap))
    Console().print(screen)


def _overview() -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from zoo import catalogue
    from zoo.errors import UserError
    from zoo.layout import plain_table
    from zoo.registry import ArenaEntry

    table = plain_table("name", "what it is", "kind", "seats", "actions")
    for line in catalogue.arenas():
        if not isinstance(line.entry, ArenaEntry):
            table.add_row(line.name, Text(line.fault, "red"))
            continue
        about = catalogue.summary(line.entry.factory)
        try:
            arena = line.entry.make(1)
        except UserError as error:
            table.add_row(line.name, Text(about).append(f" ({error})", "dim"))
            continue
        seats = arena.spec.seats
        actions = ", ".join(dict.fromkeys(_actions(seat) for seat in seats.values()))
        who = ", ".join(seats) if len(seats) == 2 and max(map(len, seats)) <= _SHORT else f"{len(seats)} seats"
        table.add_row(line.name, about, arena.spec.kind, who, actions)
        arena.close()
    closing = "Any PettingZoo environment is one too: pettingzoo:NAME, mpe2:NAME, or path/to/file.py:env."
    return Group(table, Text(), Text(closing, "dim"))


def _actions(seat: SeatSpec) -> str:
    from leaderboard.report.layout import plural

    return plural(seat.actions, "action") if seat.actions else f"{plural(seat.action_dim, 'number')} in [-1, 1]"


def _description(choice: ArenaChoice) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from zoo import catalogue
    from zoo.errors import UserError
    from zoo.layout import facts, reflowed, settings_table
    from zoo.registry import load_arena

    entry = load_arena(choice.name, list(choice.settings), choice.wrap)
    parts: list[RenderableType] = [
        Text.assemble((entry.name, "bold"), f"  {catalogue.summary(entry.factory)}\n"),
        reflowed(catalogue.story(entry.factory)),
    ]
    settings = [
        Text(f"\nSettings, as in --arena {entry.name} --set arena.FIELD=VALUE", "bold"),
        settings_table(catalogue.arena_settings(entry)),
    ]
    try:
        arena = entry.make(1)
    except UserError as error:
        return Group(*parts, *settings, Text(f"\n{error}", "dim"))
    parts += [Text("\nFacts", "bold"), facts(_facts(choice, entry, arena)), Text("\nSeats", "bold"), _seats(arena)]
    parts += [Text("\nOffers", "bold"), facts(_offers(arena)), *settings]
    arena.close()
    return Group(*parts)


def _facts(choice: ArenaChoice, entry: ArenaEntry, arena: Arena) -> dict[str, str]:
    from leaderboard.report.layout import plural
    from zoo import catalogue
    from zoo.panels import panel_for

    spec, identity = arena.spec, entry.identity(arena)
    panel = panel_for(choice, arena, identity)
    told = {
        "identity": identity,
        "kind": spec.kind,
        "episode": f"at most {plural(spec.max_steps, 'step')}",
        "discount": f"gamma {spec.gamma:g} in values; returns are compared undiscounted",
        "match": f"{plural(spec.episodes, 'episode')} in each seating, in blocks of {spec.block}",
        "forfeit": f"a seat that spoils its episode is given {spec.forfeit:g}",
    }
    if spec.draw_band:
        told["draw"] = f"returns closer than {spec.draw_band:.3g}"
    told["panel"] = f"{panel.id}: {', '.join(panel.members)}"
    told["house entrants"] = ", ".join(catalogue.house_entrants(identity)) or "none yet"
    told["agents"] = ", ".join(catalogue.players(arena))
    return told


def _offers(arena: Arena) -> dict[str, str]:
    from arenas.protocol import WORDS

    return {word: WORDS.get(word, "the game itself, for agents that know it") for word in sorted(arena.spec.offers)}


def _seats(arena: Arena) -> RenderableType:
    from leaderboard.report.layout import plural
    from zoo.layout import plain_table

    table = plain_table("seat", "side", "team", "observation", "actions")
    for name, seat in arena.spec.seats.items():
        actions = _actions(seat) + (f", messages of {plural(seat.message_dim, 'number')}" if seat.message_dim else "")
        table.add_row(name, seat.side, seat.team or "its own", " x ".join(map(str, seat.observation)), actions)
    return table
