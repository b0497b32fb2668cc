"""`zoo withdraw`: a submission no longer counts, because its author says so."""

from __future__ import annotations

import click

from zoo.commands.options import json_option

EPILOG = """\b
A record is added; what was played stays. The version before it counts again,
if there is one.

\b
Examples:
  zoo withdraw my-learner
  zoo withdraw my-learner/2 --why "it was trained on the test seeds"
"""


@click.command(epilog=EPILOG)
@click.argument("name", metavar="NAME[/VERSION]")
@click.option("--why", default="", metavar="TEXT", help="The reason, as the board will show it.")
@json_option
def command(name: str, why: str, as_json: bool) -> None:
    """Take a submission of yours off the board."""
    from leaderboard.store.store import Store
    from leaderboard.views.submissions import WITHDRAWN
    from zoo import home
    from zoo.submission.events import take_off
    from zoo.submission.screen import taken_off

    with Store(home.records()) as store:
        version = take_off(store, name, WITHDRAWN, why)
    click.echo(taken_off(version, as_json))
