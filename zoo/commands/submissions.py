"""`zoo submissions`: what was submitted, and what became of it."""

from __future__ import annotations

import click

from zoo.commands.options import arena_option, json_option, recorded_as, set_option

EPILOG = """\b
Examples:
  zoo submissions
  zoo submissions --arena ipd
  zoo submissions --json

\b
NAME in a match is the latest version that counts, NAME/2 the second one:
`zoo match my-learner my-learner/1 --arena ipd`.
"""


@click.command(epilog=EPILOG)
@arena_option("Only those of this arena, by name or identity.")
@set_option
@json_option
def command(arena: str | None, assignments: tuple[str, ...], as_json: bool) -> None:
    """List the submissions, their versions, and which of them count."""
    import json

    from rich.console import Console

    from leaderboard.views.submissions import versions
    from zoo import home
    from zoo.commands.leaderboard import identities
    from zoo.submission.screen import submissions_screen, to_json

    arena = recorded_as(arena, assignments)
    with home.read_records() as store:
        chosen = set(identities(store.arenas(), arena)) if arena is not None else None
        known = [v for v in versions(store.submissions()) if chosen is None or v.record.arena in chosen]
    if as_json:
        click.echo(json.dumps([to_json(version) for version in known], indent=1))
    elif known:
        Console().print(submissions_screen(known))
    else:
        click.echo("Nothing has been submitted yet: `zoo new agent NAME` writes an agent to begin with.")
