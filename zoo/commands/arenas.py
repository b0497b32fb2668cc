"""`zoo arenas`: what there is to play."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zoo.commands.options import arena_settings, list_options, print_list

if TYPE_CHECKING:
    from rich.console import RenderableType

    from arenas.protocol import Arena
    from zoo.entry.venue import ArenaChoice

EPILOG = """\b
Examples:
  zoo arenas
  zoo arenas coin
  zoo arenas coin --set arena.size=5
  zoo arenas pettingzoo:classic/connect_four_v3
  zoo arenas --names
  zoo arenas --json

\b
Any PettingZoo environment is an arena: pettingzoo:classic/tictactoe_v3,
mpe2:simple_tag_v3, or path/to/file.py:env where `env` makes one.
"""


_SHORT = 6  # letters of a seat's name up to which the list names both of a game's seats


@click.command(epilog=EPILOG)
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--set", "assignments", multiple=True, metavar="arena.FIELD=VALUE", help="A setting of the arena.")
@click.option("--wrap", multiple=True, metavar="NAME[=VALUE]", help="SuperSuit wrapper of a PettingZoo environment.")
@list_options
def command(
    name: str | None, assignments: tuple[str, ...], wrap: tuple[str, ...], only_names: bool, as_json: bool
) -> None:
    """List the arenas, or describe one: its rules, seats, settings and panel."""
    from rich.console import Console

    from zoo.entry.catalogue import arena_list
    from zoo.entry.registry import ARENAS
    from zoo.errors import UserError

    if name is None and (assignments or wrap):
        raise UserError("--set and --wrap belong to one arena: zoo arenas NAME --set ...")
    if print_list(name, ARENAS, arena_list, only_names, as_json):
        return
    if name is None:
        Console().print(_overview())
    else:
        from zoo.entry.venue import ArenaChoice

        Console().print(_description(ArenaChoice(name, arena_settings(assignments), wrap)))


def _overview() -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from zoo.entry import catalogue
    from zoo.entry.layout import plain_table

    table = plain_table("name", "what it is", "kind", "seats", "actions")
    for name, arena in catalogue.arena_list().items():
        if "fault" in arena:
            table.add_row(name, Text(arena["fault"], "red"))
        elif "note" in arena:
            table.add_row(name, Text(arena["summary"]).append(f" ({arena['note']})", "dim"))
        else:
            seats = arena["seats"]
            actions = ", ".join(dict.fromkeys(_actions(**sizes) for sizes in seats.values()))
            few = len(seats) == 2 and max(map(len, seats)) <= _SHORT
            named = ", ".join(seats) if few else f"{len(seats)} seats"
            table.add_row(name, arena["summary"], arena["kind"], named, actions)
    closing = "Any PettingZoo environment is one too: pettingzoo:NAME, mpe2:NAME, or path/to/file.py:env."
    return Group(table, Text(), Text(closing, "dim"))


def _actions(actions: int, action_dim: int) -> str:
    number, noun = (actions, "action") if actions else (action_dim, "number")
    return f"{number:,} {noun}{'' if number == 1 else 's'}{'' if actions else ' in [-1, 1]'}"


def _description(choice: ArenaChoice) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from zoo.entry import catalogue
    from zoo.entry.layout import facts, reflowed, settings_table
    from zoo.entry.registry import load_arena
    from zoo.errors import UserError

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
    parts += [Text("\nFacts", "bold"), facts(_facts(choice, arena)), Text("\nSeats", "bold"), _seats(arena)]
    parts += [Text("\nOffers", "bold"), facts(_offers(arena)), *settings]
    arena.close()
    return Group(*parts)


def _facts(choice: ArenaChoice, arena: Arena) -> dict[str, str]:
    from leaderboard.report.layout import plural
    from zoo.entry import catalogue
    from zoo.entry.declared import panel_for
    from zoo.entry.venue import Venue

    venue = Venue(choice)
    spec, identity, panel = venue.spec, venue.identity, panel_for(venue)
    properties = {
        "identity": identity,
        "kind": spec.kind,
        "episode": f"at most {plural(spec.max_steps, 'step')}",
        "discount": f"gamma {spec.gamma:g} in values; returns are compared undiscounted",
        "match": f"{plural(spec.episodes, 'episode')} in each rotation, in blocks of {spec.block}",
        "forfeit": f"a seat that spoils its episode is given {spec.forfeit:g}",
    }
    if spec.draw_band:
        properties["draw"] = f"returns closer than {spec.draw_band:.3g}"
    properties["panel"] = f"{panel.id}: {', '.join(panel.members)}"
    properties["house entrants"] = ", ".join(catalogue.house_entrants(identity)) or "none yet"
    properties["agents"] = ", ".join(catalogue.players(arena))
    return properties


def _offers(arena: Arena) -> dict[str, str]:
    from arenas.protocol import WORDS

    return {word: WORDS.get(word, "the game itself, for agents that know it") for word in sorted(arena.spec.offers)}


def _seats(arena: Arena) -> RenderableType:
    from leaderboard.report.layout import plural
    from zoo.entry.layout import plain_table

    table = plain_table("seat", "side", "team", "observation", "actions")
    for name, seat in arena.spec.seats.items():
        actions = _actions(seat.actions, seat.action_dim)
        if seat.message_dim:
            actions += f", messages of {plural(seat.message_dim, 'number')}"
        table.add_row(name, seat.side, seat.team or "its own", " x ".join(map(str, seat.observation)), actions)
    return table
