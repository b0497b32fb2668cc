"""`zoo matches`: what was played."""

from __future__ import annotations

import click

from zoo.commands.options import arena_option, json_option, recorded_as, set_option

EPILOG = """\b
Examples:
  zoo matches
  zoo matches --arena coin
  zoo matches --arena ipd --set arena.max_steps=100
  zoo matches --arena coin --json
"""


@click.command(epilog=EPILOG)
@arena_option("Name or identity of an arena with records (default: all).")
@set_option
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="How many, the latest.")
@json_option
def command(arena: str | None, assignments: tuple[str, ...], last: int, as_json: bool) -> None:
    """List the recorded matches, the latest last.

    The id, or its beginning, is what `zoo replay` and `zoo verify` take.
    """
    import json

    from rich.console import Console

    from leaderboard.labels import unique_labels
    from leaderboard.report.layout import plural
    from leaderboard.report.sheet import Column, Sheet, labels
    from leaderboard.seeds import seed_words
    from zoo import home
    from zoo.commands.leaderboard import identities

    with home.read_records() as store:
        arenas = identities(home.arenas_with_records(store), recorded_as(arena, assignments))
        names = store.labels()
        matches = [match for match in store.matches() if match.arena in arenas][-last:]
    called = unique_labels({who for match in matches for who in match.entrants}, names)
    if as_json:
        keys = ("id", "arena", "mode", "seed", "episodes", "created", "command", "version")
        listed = [
            {**{key: getattr(match, key) for key in keys}, "entrants": [called[who] for who in match.entrants]}
            for match in matches
        ]
        click.echo(json.dumps(listed, indent=1, ensure_ascii=False))
        return
    if not matches:
        click.echo("No match is recorded yet; `zoo match A B --arena ARENA` plays one.")
        return
    # in columns of their own: of two names in one text a cut would take the end of one and the beginning of the other
    first = [called[match.entrants[0]] for match in matches]
    rest = [match.entrants[1:] for match in matches]
    many = [plural(len(them), "other") if them else "its partners" for them in rest]  # a submission is placed alone
    others = [called[them[0]] if len(them) == 1 else text for them, text in zip(rest, many, strict=True)]
    Console().print(
        Sheet(
            [
                Column("id", [match.id[:8] for match in matches], front=True, left=True),
                labels("entrant", first),
                labels("against", others),
                Column("arena", [match.arena for match in matches], left=True, worth=90),
                Column("mode", [match.mode for match in matches], left=True, worth=50),
                Column("episodes", [f"{match.episodes:,}" for match in matches], worth=80),
                Column("seed", [seed_words(match.seed) for match in matches], worth=60),
                Column("played", [match.created[:16].replace("T", " ") for match in matches], left=True, worth=70),
            ],
            below=False,
        )
    )
    click.echo(f"{plural(len(matches), 'match')} shown.")
