"""`zoo selfcheck sandbox`: are strangers' agents stopped on this machine?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from zoo.commands.options import json_option

if TYPE_CHECKING:
    from rich.console import RenderableType

    from zoo.sandbox.attacks.run import Attempt

EPILOG = """\b
Examples:
  zoo selfcheck sandbox
  zoo selfcheck sandbox --quick
  zoo selfcheck sandbox ReadEntrant SendUdp --json

\b
docs/sandbox.md says what is stopped at which level, and what is not.
"""


@click.command(epilog=EPILOG)
@click.argument("names", nargs=-1, metavar="[ATTACK]...")
@click.option("--quick", is_flag=True, help="Leave out what waits for a clock, and the comparison without confinement.")
@json_option
def sandbox(names: tuple[str, ...], quick: bool, as_json: bool) -> None:
    """Attack the sandbox of this machine, and show what was stopped.

    Each attack is an agent in a strictly confined process, as a stranger's would be in a match. Its targets are made
    for the purpose; an attack that succeeds harms nothing else. Root plays the attacks twice, the second time as a
    common user. Exit code 1 says that an attack succeeded.
    """
    import json
    import os
    import sys
    from dataclasses import asdict

    from rich.console import Console

    from zoo.sandbox.attacks.run import as_common_user, attacks, attempts
    from zoo.work.progress import Progress, Reading

    kinds = attacks(names, quick)
    root = os.geteuid() == 0
    runs: dict[str, list[Attempt]] = {"root" if root else "user": []}
    notes = [] if root else ["As root, this check also tries what is stopped where root runs the matches."]
    with Progress("attacks", Console(stderr=True)) as progress:
        total = len(kinds) * (2 if root else 1)
        for attempt in attempts(kinds, compare=not quick):
            next(iter(runs.values())).append(attempt)
            progress.update("sandbox", Reading(sum(map(len, runs.values())), total))
        for said in as_common_user([kind.__name__ for kind in kinds], quick) if root else ():
            if isinstance(said, str):
                notes.append(f"As a common user: not tried, {said}.")
            else:
                runs.setdefault("user", []).append(said)
                progress.update("sandbox", Reading(sum(map(len, runs.values())), total))
    if as_json:
        plain = {user: [{**asdict(a), "stopped": a.stopped} for a in run] for user, run in runs.items()}
        click.echo(json.dumps({"attempts": plain, "notes": notes}, indent=1))
    else:
        Console().print(_screen(runs, notes))
    sys.exit(0 if all(a.stopped for run in runs.values() for a in run) else 1)


def _screen(runs: Mapping[str, Sequence[Attempt]], notes: Sequence[str]) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from leaderboard.report.sheet import Column, Sheet
    from zoo.sandbox.attacks.run import GROUPS

    first = next(iter(runs.values()))
    by_name = {user: {a.name: a for a in run} for user, run in runs.items()}
    free = {a.name: a.unconfined for run in runs.values() for a in run if a.unconfined is not None}
    sections = [GROUPS[a.group] for a in first]
    heads = [section if section != before else "" for section, before in zip(sections, ["", *sections], strict=False)]
    columns = [
        Column("aims at", heads, front=True, left=True),
        Column("attack", [a.name for a in first], front=True, left=True),
        Column("unconfined", [_word(free.get(a.name)) for a in first], left=True),
    ]
    for user, known in by_name.items():
        columns.append(Column(f"as {user}", [_verdict(known.get(a.name)) for a in first], left=True))
    columns.append(Column("what stops it", [a.defence for a in first], left=True, worth=-1))
    sheet = Sheet(columns, sections, below=False)
    parts: list[RenderableType] = [Text("Attacks by agents in strictly confined processes", "bold"), sheet, Text()]
    for user, run in runs.items():
        for a in run:
            if not a.stopped:
                parts.append(Text(f"{a.name} as {user} SUCCEEDED: {a.what} {'; '.join(a.evidence[:3])}", "red"))
    done = [a for run in runs.values() for a in run]
    held = sum(a.stopped for a in done)
    text = (
        f"{held} of {len(done)} attempts stopped. Unconfined: whether the attack succeeds on this machine where nothing"
        " confines it; a dash where that would prove nothing or is left out."
    )
    return Group(*parts, Text(text, "dim"), *(Text(note, "dim") for note in notes))


def _word(succeeds: bool | None) -> str:
    return "-" if succeeds is None else "succeeds" if succeeds else "fails"


def _verdict(attempt: Attempt | None) -> str:
    return "-" if attempt is None else "stopped" if attempt.stopped else "SUCCEEDED"
