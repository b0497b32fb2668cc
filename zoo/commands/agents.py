"""`zoo agents`: what there is to play with."""

from __future__ import annotations

import click

from zoo.commands.options import complete_entrant, isolation_options, list_options, print_list

EPILOG = """\b
Examples:
  zoo agents
  zoo agents lola
  zoo agents my_agent.py:MyAgent
  zoo agents axelrod
  zoo agents axelrod:TitFor2Tats
  zoo agents rrps
  zoo agents --names
  zoo agents --json

\b
`zoo match NAME,field=value ...` sets a field; a learner plays the house's
checkpoint for the arena, or NAME@FOLDER. An agent of your own gets a name by an
entry point `zoo.agents` of its package, and needs none as path.py:Class. Every
strategy of the Axelrod library that keeps the zoo's laws is axelrod:NAME, and
every player of the rock-paper-scissors competitions rrps:NAME.
"""


@click.command(epilog=EPILOG)
@click.argument("name", required=False, metavar="[NAME]", shell_complete=complete_entrant)
@list_options
@isolation_options
def command(name: str | None, only_names: bool, as_json: bool) -> None:
    """List the agents (of a library, by its name), or describe one: its paper, settings and needs."""
    from rich.console import Console

    from zoo.entry import listing
    from zoo.entry.catalogue import agent_list
    from zoo.entry.registry import AGENTS, LIBRARIES, load_agent

    if print_list(name, AGENTS, agent_list, only_names, as_json):
        return
    console = Console()
    if name is None:
        console.print(listing.agents_listed(console.width))
    elif name in LIBRARIES:
        console.print(listing.library_listed(name))
    else:
        console.print(listing.agent_described(load_agent(name)))
