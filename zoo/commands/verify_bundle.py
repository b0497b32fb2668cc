"""`zoo verify FILE`: whether a bundle holds together, and its games come out the same again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from zoo.submission.recheck import Rechecked


def check_bundle(path: Path, everything: bool, hashes: bool, key: str, workers: int, as_json: bool) -> None:
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

    with Progress("blocks", Console(stderr=True), quiet=as_json, at_once=False) as progress:
        # drawn by chance: who publishes must not know which blocks will be looked at
        count = 0 if hashes else None if everything else Sample.count
        sample = Sample(count, secrets.randbits(32), workers, progress.update)
        done = recheck(path, sample, key)
    if as_json:
        click.echo(json.dumps(asdict(done), indent=1))
    else:
        _show(done)
    if done.failures:
        click.get_current_context().exit(1)


def _show(done: Rechecked) -> None:
    from leaderboard.report.layout import plural

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
    click.echo(f"Every figure of {plural(done.boards, 'board')} follows from {plural(done.blocks, 'block')}.")
    click.echo(f"{plural(done.played, 'block')} played again came out as recorded{sample}.")
