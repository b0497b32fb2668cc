"""`zoo bench`: how fast this installation is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from zoo.commands.options import json_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from zoo.bench.speed import Speed

EPILOG = """\b
Examples:
  zoo bench
  zoo bench --quick
  zoo bench --json > before.json

\b
Times are CPU seconds of one thread, medians of several repeats, where nothing else is said.
"""


@click.command(epilog=EPILOG)
@click.option("--quick", is_flag=True, help="Repeat less: rougher figures in a third of the time.")
@json_option
def command(quick: bool, as_json: bool) -> None:
    """Measure the speed of this installation.

    The tables show how fast arenas step, from one copy to thousands, beside PettingZoo's own loop, and the particle
    worlds beside mpe2's; how long an agent takes to act, to play whole matches against itself and to learn; what it
    costs to ask an agent in a process of its own; and how long a rating takes.
    """
    import json
    from dataclasses import asdict

    from rich.console import Console

    from zoo.bench.speed import count, machine, measure
    from zoo.work.pool import limit_threads
    from zoo.work.progress import Progress, Reading

    limit_threads()
    measured: list[Speed] = []
    with Progress("measurements", Console(stderr=True), quiet=as_json) as progress:
        for speed in measure(quick):
            measured.append(speed)
            progress.update("bench", Reading(len(measured), count()))
    if as_json:
        click.echo(json.dumps({"machine": machine(), "measurements": [asdict(m) for m in measured]}, indent=1))
    else:
        Console().print(_screen(measured, machine()))


def _screen(measured: Sequence[Speed], facts: dict[str, Any]) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from zoo.bench import speed
    from zoo.entry.layout import plain_table

    copies, length = speed.ROUND
    titles = {
        "arena": "Arenas: all seats observed, actions given",
        "face": "PettingZoo's own loop in one copy, and how much faster batches are",
        "particle": "Particle worlds: all seats observed, actions given, beside mpe2's own loop",
        "battle": "Battle: all seats observed with masks and state, actions given, beside PettingZoo's loop",
        "hanabi": (
            "Hanabi: all seats observed with masks, state and what is public, actions given, beside the"
            f" {speed.OPENSPIEL:,.0f} steps of OpenSpiel"
        ),
        "agent": f"Agents: microseconds per act in batches of B, and matches in blocks of {speed.BLOCK}",
        "learning": f"Learning: rounds of {copies} copies x {length} steps of self-play, default settings",
        "imagining": (
            f"Imagining: one agent's update in ipd, {speed.IMAGINED[0]} copies x {speed.IMAGINED[1]} steps, default"
            " settings, roll-outs included; plain: step by step with torch.distributions, as scripts do"
        ),
        "training": (
            "Training: MADDPG on spread, networks of 64-64, batches of 1,024, an update of every agent per 100"
            " transitions; plain: agent by agent, as scripts do"
        ),
        "battle training": (
            "Training: COMA on skirmish 2s3z, networks of 64-64, two passes of the critic; EPyMARL's COMA has ten"
            " workers, on 5x5-2p-1f of foraging"
        ),
        "apart": "Agents in a process of their own: wall time, the lowest median of many blocks",
        "start": "Agents in a process of their own: from the wish for one to its first answer, wall time",
        "match apart": "Agents in a process of their own: CPU time of a match with `random` in ipd, start included",
        "planning": "Planning: all pairs, self-play and panel of a tournament, entrants read and blocks named",
        "rating": "Rating: one fit of all results",
    }
    parts: list[RenderableType] = []
    for group, title in titles.items():
        lines = [m for m in measured if m.group == group and m.figures]
        columns = list(lines[0].figures) if lines else []
        table = plain_table("name", *columns, right=columns)
        for line in lines:
            table.add_row(line.name, *(_figure(number) for number in line.figures.values()))
        parts += [Text(title, "bold"), table, Text()]
    caption = (
        f"{facts['cpu']}, {facts['cores']} cores, {facts['threads']} thread used; Python {facts['python']},"
        f" torch {facts['torch']}, numpy {facts['numpy']}, {facts['system']}"
    )
    return Group(*parts, Text(caption, "dim"))


def _figure(number: float) -> str:
    """Three digits, more only where they stand before the point."""
    return f"{number:,.0f}" if number >= 100 or number == int(number) else f"{number:.3g}"
