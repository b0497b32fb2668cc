"""`zoo disqualify`: a submission no longer counts, because it broke a rule."""

from __future__ import annotations

import click

from zoo.commands.options import json_option

EPILOG = """\b
A record is added; what was played stays, and counts for nobody.

\b
Examples:
  zoo disqualify my-learner --why "it sends signals to my-other"
  zoo disqualify my-learner/2 --why "it was copied from ada-3"
"""


@click.command(epilog=EPILOG)
@click.argument("name", metavar="NAME[/VERSION]")
@click.option("--why", required=True, metavar="TEXT", help="The reason, as the board will show it.")
@json_option
def command(name: str, why: str, as_json: bool) -> None:
    """Take somebody's submission off the board."""
    from leaderboard.store.store import Store
    from leaderboard.views.submissions import DISQUALIFIED
    from zoo import home
    from zoo.errors import UserError
    from zoo.submission.events import take_off
    from zoo.submission.screen import taken_off

    if not why.strip():
        raise UserError("--why is empty: say what rule was broken")
    with Store(home.records()) as store:
        version = take_off(store, name, DISQUALIFIED, why)
    click.echo(taken_off(version, as_json))
