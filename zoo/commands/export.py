"""`zoo export`: a submission or a checkpoint as a zip that another home takes."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.commands.options import Place, arena_option, complete_entrant, json_option, set_option

EPILOG = """\b
ENTRANT is a submission (NAME or NAME/VERSION), an agent of the zoo's with a
checkpoint, or anything that `zoo submit` takes. Submitted again, the zip is the
same submission: it has the same hash.

\b
Examples:
  zoo export my-learner my-learner.zip
  zoo export my-learner/1 first.zip
  zoo export lola lola.zip --arena coin
  zoo export lola@checkpoints/coin-v1/lola/seed-0 mine.zip
  zoo export my_learner.py:MyLearner@weights mine.zip --arena ipd
"""


@click.command(epilog=EPILOG)
@click.argument("entrant", metavar="ENTRANT", shell_complete=complete_entrant)
@click.argument("out", type=Place(dir_okay=False, path_type=Path), metavar="OUT.zip")
@arena_option("The arena whose checkpoint is meant, or for which it is.")
@set_option
@json_option
def command(entrant: str, out: Path, arena: str | None, assignments: tuple[str, ...], as_json: bool) -> None:
    """Pack a submission or a checkpoint into a zip, to hand it on."""
    import json

    from leaderboard.store.store import Store
    from zoo import home
    from zoo.commands.options import arena_settings
    from zoo.submission.events import export

    if assignments and not arena:
        raise click.UsageError("--set needs the --arena to which it belongs")
    where = ",".join([arena, *arena_settings(assignments)]) if arena else ""
    with Store(home.records()) as store:
        count = export(store, entrant, out, where)
    told = {"entrant": entrant, "path": str(out), "files": count, "bytes": out.stat().st_size}
    click.echo(json.dumps(told, indent=1) if as_json else f"wrote {out}: {count} files; `zoo submit {out}` enters it")
