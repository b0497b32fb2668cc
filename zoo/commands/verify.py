"""`zoo verify`: whether the records are what was played."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.commands.options import Place, isolation_options, json_option, workers_option

if TYPE_CHECKING:
    from zoo.submission.recheck import Rechecked

EPILOG = """\b
Every record carries the hash of its content, which finds damage and edits; then
the blocks are played again from their seeds and compared in full.

\b
Examples:
  zoo verify 5f0c2a
  zoo verify --all
  zoo verify --all --hashes
  zoo verify --certificate tit-for-tat.json
  zoo verify board.zoo
  zoo verify board.zoo --all --key 3f2a91c0
"""


@click.command(epilog=EPILOG)
@click.argument("match", required=False)
@click.option(
    "--all", "everything", is_flag=True, help="All matches instead of one; of a bundle all blocks, not a sample."
)
@click.option("--key", metavar="HEX", default="", help="Of a bundle: fingerprint of the key that must have signed it.")
@click.option("--hashes", is_flag=True, help="Check the hashes only, and play nothing again.")
@click.option(
    "--certificate",
    type=Place(dir_okay=False, path_type=Path),
    help="Check a file of `zoo exploit --certificate` instead of records.",
)
@workers_option
@json_option
@isolation_options
def command(
    match: str | None,
    everything: bool,
    key: str,
    hashes: bool,
    certificate: Path | None,
    workers: int,
    as_json: bool,
) -> None:
    """Check the records, and play the blocks of MATCH again to compare them with what was recorded.

    MATCH is the id that `zoo match` printed, or its beginning; or a file of `zoo publish`, whose signature, hashes and
    boards are checked, and of whose blocks a sample is played again.
    """
    import string

    from zoo.errors import UserError

    if not set(key) <= set(string.hexdigits):
        raise UserError(
            f"--key {key} is no fingerprint: type it as `zoo publish` printed it, digits and letters a to f"
        )
    if certificate is not None:
        _certificate(certificate, as_json)
    elif match is not None and Path(match).is_file():
        _bundle(Path(match), everything, hashes, key, workers, as_json)
    elif match is not None and (key or Path(match).name != match or Path(match).suffix):  # no id of a match
        raise UserError(f"there is no file {match}")
    elif key:
        raise click.UsageError("--key is for a bundle: name its file")
    elif (match is None) == (not everything):
        raise click.UsageError("name a MATCH, or give --all")
    else:
        _records(match, hashes, workers, as_json)


def _records(match: str | None, hashes: bool, workers: int, as_json: bool) -> None:
    """Check the records of this home; `match` is None for all.

    Raises:
        UserError: they cannot be trusted.
    """
    import json
    from dataclasses import asdict

    from rich.console import Console

    from leaderboard.report.layout import plural
    from zoo import home
    from zoo.errors import UserError
    from zoo.play.verify import Verified, verify
    from zoo.work.cost import cost
    from zoo.work.pool import limit_threads
    from zoo.work.progress import Progress

    limit_threads()
    with (
        home.read_records() as store,
        Progress("blocks", Console(stderr=True), quiet=as_json, at_once=False, workers=workers) as progress,
    ):
        faults = store.unsound()
        played = Verified(0, 0, [], [])
        if not faults and not hashes:
            matches = store.matches() if match is None else [store.match(match)]
            played = verify(store, matches, everything=match is None, workers=workers, watch=progress.update)
    if as_json:
        click.echo(json.dumps({"unsound": faults, **asdict(played)}, indent=1))
    else:
        for line in [*faults, *played.differences]:
            click.echo(line)
        for line in played.left_out:
            click.echo(f"left out: {line}")
    wrong = len(faults) + len(played.differences)
    if wrong:
        if not played.differences and all(fault.of_sums for fault in faults):
            raise UserError(
                f"{plural(wrong, 'sum')} of {store.name} cannot be trusted, and all records can: "
                "`zoo leaderboard --rebuild` makes the sums again"
            )
        raise UserError(f"{plural(wrong, 'record')} of {store.name} cannot be trusted; restore a copy of the database")
    if not as_json:
        again = f"; {plural(played.blocks, 'block')} of {plural(played.episodes, 'episode')} came out as recorded"
        rest = ", and the rest was left out" if played.left_out else ""
        click.echo("All records are as they were written" + ("" if hashes else again + rest) + f"; {cost()}.")


def _certificate(path: Path, as_json: bool) -> None:
    """Check the proof of an exact figure.

    Raises:
        UserError: the file is no certificate, or a claim does not hold.
    """
    import json

    from zoo.exploit.certificate import verify_certificate

    title, *claims = verify_certificate(path)
    if as_json:
        click.echo(json.dumps({"subject": title, "claims": claims}, indent=1))
        return
    click.echo(f"{title}: every claim holds.")
    for claim in claims:
        click.echo(f"  {claim}")


def _bundle(path: Path, everything: bool, hashes: bool, key: str, workers: int, as_json: bool) -> None:
    """Check a bundle and show what came of it; exits with 1 where something does not hold.

    Args:
        path: the file.
        everything: play all blocks again instead of a sample.
        hashes: play none.
        key: fingerprint of the key that must have signed it, "" for any.
        workers: processes that play.
        as_json: print one JSON object.
    """
    import json
    import secrets
    from dataclasses import asdict

    from rich.console import Console

    from zoo.submission.recheck import Sample, recheck
    from zoo.work.progress import Progress

    with Progress("blocks", Console(stderr=True), quiet=as_json, at_once=False, workers=workers) as progress:
        # drawn by chance: who publishes must not know which blocks will be looked at
        count = 0 if hashes else None if everything else Sample.count
        sample = Sample(count, secrets.randbits(32), workers, progress.update)
        done = recheck(path, sample, key.lower())
    if as_json:
        click.echo(json.dumps(asdict(done), indent=1))
    else:
        _show_bundle(done)
    if done.failures:
        click.get_current_context().exit(1)


def _show_bundle(done: Rechecked) -> None:
    from leaderboard.report.layout import plural
    from zoo.work.cost import cost

    for line in done.failures:
        click.echo(line)
    for line in done.left_out:
        click.echo(f"left out: {line}")
    if done.failures:
        click.echo(f"{plural(len(done.failures), 'fault')} in this bundle.")
        return
    sample = "" if done.seed is None else ", drawn by chance; --all plays every one"
    click.echo(f"Signed with key {done.signer}; {plural(done.files, 'file')} as signed.")
    if done.revealed or done.hidden:
        click.echo(f"Secret seeds: {done.revealed} revealed, which fit their commitments; {done.hidden} kept secret.")
    for line in done.marks:
        click.echo(f"mark  {line}")
    if done.marks:
        click.echo(f"{plural(len(done.marks), 'mark')} of the season: told as signed, by whoever held it.")
    click.echo(f"Every figure of {plural(done.boards, 'board')} follows from {plural(done.blocks, 'block')}.")
    click.echo(f"{plural(done.played, 'block')} played again came out as recorded{sample}; {cost()}.")
