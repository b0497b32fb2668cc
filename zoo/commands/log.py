"""`zoo log`: what went wrong with an entrant in a match, and what it printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zoo.commands.options import json_option

if TYPE_CHECKING:
    from leaderboard.records import LogRecord, MatchRecord
    from leaderboard.report.sheet import Sheet
    from leaderboard.store.store import Store

EPILOG = """\b
Faults are illegal moves of anybody (INVALID), and of agents that the zoo does
not ship also CRASH, TIMEOUT and MEMORY. Each spoils the rest of its episodes.

\b
Examples:
  zoo log 5f0c2a my_agent.py:MyAgent
  zoo log 5f0c2a my_agent.py:MyAgent --json
"""


@click.command(epilog=EPILOG)
@click.argument("match")
@click.argument("entrant")
@json_option
def command(match: str, entrant: str, as_json: bool) -> None:
    """List the faults of ENTRANT in MATCH: where, what happened, and the end of what it printed.

    MATCH is the id that `zoo match` printed, or its beginning; ENTRANT is called as on the screens, or by its id.
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.text import Text

    from leaderboard.report.layout import clean, plural
    from zoo import home

    with home.read_records() as store:
        played = store.match(match)
        who = _entrant(store, played, entrant)
        logs = store.logs(played.blocks, who)
        sheet = _sheet(store, logs) if logs and not as_json else None
    if as_json:
        click.echo(json.dumps([asdict(log) for log in logs], indent=1))
        return
    if sheet is None:
        click.echo(f"{clean(entrant)} has no fault in match {played.id}.")
        return
    console = Console(highlight=False)
    console.print(Text(clean(f"Faults of {entrant} in {played.arena}, match {played.id}"), style="bold"))
    console.print(sheet)
    for message in dict.fromkeys(log.message for log in logs):
        alike = [log for log in logs if log.message == message]
        console.print(Text(f"{plural(len(alike), 'time')}: {clean(message)}"))
        printed = next((log.tail for log in alike if log.tail.strip()), "")
        for line in printed.splitlines():
            console.print(Text(f"  | {clean(line.expandtabs())}"), soft_wrap=True)  # as it was printed, to be copied


def _sheet(store: Store, logs: list[LogRecord]) -> Sheet:
    """Where each fault was."""
    from leaderboard.labels import unique_labels
    from leaderboard.report.sheet import Column, Sheet, labels

    blocks = {block.id: block for block in store.blocks_of({log.block for log in logs})}
    pairs = [blocks[log.block].entrants for log in logs]
    called = unique_labels({who for pair in pairs for who in pair}, store.labels())
    partners = [called[pair[0] if log.entrant == pair[1] else pair[1]] for log, pair in zip(logs, pairs, strict=True)]
    return Sheet(
        [
            Column("block", [log.block[:8] for log in logs], front=True, left=True),
            labels("partner", partners),
            labels("seat", [log.seat for log in logs]),
            Column("rotation", [str(log.rotation) for log in logs], worth=50),
            Column("from episode", [f"{log.first_episode:,}" for log in logs], worth=60),
            Column("episodes", [f"{log.episodes:,}" for log in logs], worth=70),
            Column("status", [log.status for log in logs], style="red"),
        ]
    )


def _entrant(store: Store, match: MatchRecord, text: str) -> str:
    """The id of the entrant that is called so, or whose id begins so.

    Raises:
        UserError: nobody in the match is called so, or several are.
    """
    from leaderboard.labels import unique_labels
    from zoo.errors import UserError, nearest

    pairs = [block.entrants for block in store.blocks_of(match.blocks)]
    called = unique_labels({who for pair in pairs for who in pair}, store.labels())
    fits = [who for who, label in called.items() if label == text] or [who for who in called if who.startswith(text)]
    if len(fits) != 1:
        why = "several entrants have an id that begins with" if fits else "nobody is called"
        raise UserError(f"match {match.id}: {why} {text!r}; {nearest(text, called.values())}")
    return fits[0]
