"""`zoo publish`: records, boards and everything that it takes to check them, in one signed file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.commands.options import Place, arena_option, json_option, recorded_as, set_option

if TYPE_CHECKING:
    from zoo.submission.publish import Publication

EPILOG = """\b
`zoo verify FILE` checks such a file on any machine: the signature, every figure
of the boards, and games that are played again. What strangers played on the
secret seed can be played again once the seed is revealed.

\b
Examples:
  zoo publish board.zoo
  zoo publish --arena coin coin.zoo
  zoo publish --arena coin --arena ipd --reveal two.zoo
"""


@click.command(epilog=EPILOG)
@click.argument("out", type=Place(dir_okay=False, path_type=Path), metavar="FILE")
@arena_option("Only this arena; repeatable (default: all).", repeatable=True)
@set_option
@click.option("--reveal", is_flag=True, help="Make the secret seed known; a new one is rated from now on.")
@json_option
def command(out: Path, arenas: tuple[str, ...], assignments: tuple[str, ...], reveal: bool, as_json: bool) -> None:
    """Write the records of arenas into FILE, with their boards, weights, code and a signature.

    The signature is made with a key that this home keeps, and makes on first use. Publish its fingerprint where people
    trust it.
    """
    import json

    from zoo import home
    from zoo.commands.leaderboard import identities
    from zoo.errors import UserError
    from zoo.submission.publish import publish

    named = [recorded_as(arena, assignments) for arena in arenas or (None,)]
    with home.read_records() as store:
        known = home.arenas_with_records(store)
        chosen = dict.fromkeys(id for arena in named for id in identities(known, arena))
        if not chosen:
            raise UserError("nothing is recorded yet: play a match first")
        done = publish(out, store, list(chosen), reveal=reveal)
    if as_json:
        click.echo(json.dumps(to_json(done), indent=1))
    else:
        show(done)


def to_json(done: Publication) -> dict[str, object]:
    """What was written, as plain data for `--json`."""
    secrets = [{"commitment": one.commitment, "revealed": one.revealed} for one in done.secrets]
    names = ("path", "size", "signer", "blocks", "boards")
    lists = {"arenas": list(done.arenas), "secrets": secrets, "left_out": list(done.left_out)}
    return {name: getattr(done, name) for name in names} | lists


def show(done: Publication) -> None:
    """Print what was written."""
    from leaderboard.report.layout import plural

    what = f"{plural(done.blocks, 'block')} and {plural(done.boards, 'board')} of {plural(len(done.arenas), 'arena')}"
    click.echo(f"{done.path}: {what}, {done.size / 1e6:.1f} MB.")
    click.echo(f"Signed with key {done.signer}.")
    for one in done.secrets:
        state = "revealed" if one.revealed else "kept secret; --reveal makes it known"
        click.echo(f"Secret seed of commitment {one.commitment}: {state}.")
    for line in done.left_out:
        click.echo(f"left out: {line}")
