"""`zoo agents`: what there is to play with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zoo.commands.options import list_options, print_list

if TYPE_CHECKING:
    from rich.console import RenderableType

    from zoo.entry.registry import AgentEntry

EPILOG = """\b
Examples:
  zoo agents
  zoo agents lola
  zoo agents my_agent.py:MyAgent
  zoo agents axelrod
  zoo agents axelrod:TitFor2Tats
  zoo agents --names
  zoo agents --json

\b
`zoo match NAME,field=value ...` sets a field; a learner plays the house's
checkpoint for the arena, or NAME@FOLDER. An agent of your own gets a name by an
entry point `zoo.agents` of its package, and needs none as path.py:Class. Every
strategy of the Axelrod library that keeps the zoo's laws is axelrod:NAME.
"""


@click.command(epilog=EPILOG)
@click.argument("name", required=False, metavar="[NAME]")
@list_options
def command(name: str | None, only_names: bool, as_json: bool) -> None:
    """List the agents (of a library, by its name), or describe one: its paper, settings and needs."""
    from rich.console import Console

    from zoo.entry.catalogue import agent_list
    from zoo.entry.registry import AGENTS, LIBRARIES, load_agent

    if print_list(name, AGENTS, agent_list, only_names, as_json):
        return

    if name in LIBRARIES:
        Console().print(_library(name))
    else:
        console = Console()
        console.print(_overview(console.width) if name is None else _description(load_agent(name)))


_WIDE = 110  # columns from which on the list says what an agent needs
_NAMED = 3  # arenas that are named in the list; more are counted


def _overview(width: int) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from zoo.entry import catalogue
    from zoo.entry.layout import plain_table
    from zoo.entry.registry import LIBRARIES

    needs = ["needs"] if width >= _WIDE else []
    table = plain_table("name", "what it is", *needs, "house checkpoints")
    table.columns[-1].max_width = None if needs else 16  # the description needs the rest
    for name, agent in catalogue.agent_list().items():
        if "fault" in agent:
            table.add_row(name, Text(agent["fault"], "red"))
            continue
        arenas = agent["house_checkpoints"]
        trained = ", ".join(arenas) if len(arenas) <= _NAMED else f"{len(arenas)} arenas"
        wants = [", ".join(agent["needs"]) or "nothing"] if needs else []
        checkpoints = Text(trained or "none yet") if agent["learns"] else Text("does not learn", "dim")
        table.add_row(name, agent["summary"], *wants, checkpoints)
    closing = (
        "Describe one: zoo agents NAME. Your own: path/to/file.py:Class, see the README."
        f" Of other libraries: zoo agents {', '.join(LIBRARIES)}."
    )
    return Group(table, Text(), Text(closing, "dim"))


def _library(scheme: str) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from zoo.entry import catalogue
    from zoo.entry.layout import plain_table

    known = catalogue.foreigners(scheme)
    playing, refused = plain_table("name", "what it is"), plain_table("refused", "reason")
    for one in known:
        if one.refusal is None:
            playing.add_row(one.name, Text(one.summary))
        else:
            refused.add_row(one.name, Text(one.refusal))
    count = sum(one.refusal is None for one in known)
    closing = f"{count} play, {len(known) - count} are refused. Describe one: zoo agents {scheme}:NAME."
    return Group(playing, Text(), refused, Text(), Text(closing, "dim"))


def _description(entry: AgentEntry) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from arenas.protocol import WORDS
    from zoo.entry import catalogue
    from zoo.entry.layout import facts, reflowed, settings_table

    agent = entry.agent
    arenas = catalogue.playable(entry.name, left_out={})
    owned = {"seat": "one seat each", "side": "all seats of its side", "all": "all seats that it fills"}
    properties = {
        "owns": owned[agent.owns],
        "behaviour": str(agent.behaviour),
        "plays in": ", ".join(arenas) or "none of the registered arenas",
    }
    if agent.learns:
        properties["house checkpoints"] = ", ".join(catalogue.house_checkpoints(entry.name)) or "none yet"
    needs = {word: WORDS.get(word, "a word of other arenas") for word in sorted(agent.needs)}
    needs |= {f"{word} (to learn)": WORDS.get(word, "") for word in sorted(agent.needs_to_learn)}
    parts = [
        Text.assemble((entry.name, "bold"), f"  {catalogue.summary(agent)}\n"),
        reflowed(catalogue.story(agent)),
        Text("\nNeeds", "bold"),
        facts(needs) if needs else Text("nothing"),
        Text("\nFacts", "bold"),
        facts(properties),
        Text(f"\nSettings, as in {entry.name},field=value", "bold"),
        settings_table(catalogue.agent_settings(entry)),
    ]
    return Group(*parts)
