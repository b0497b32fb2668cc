"""`zoo selfcheck`: does this installation hold what it promises?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zoo.commands.options import COUNT, SEED, json_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from leaderboard.statistics.calibration import Coverage, Simulation
    from zoo.sandbox.attacks.run import Attempt

RATINGS = """\b
Examples:
  zoo selfcheck ratings
  zoo selfcheck ratings --quick
  zoo selfcheck ratings --seed 7 --repeats 100 --json

\b
`pip install openskill arena-rank` puts two other ways of rating beside ours.
"""

SANDBOX = """\b
Examples:
  zoo selfcheck sandbox
  zoo selfcheck sandbox --quick
  zoo selfcheck sandbox ReadEntrant SendUdp --json

\b
docs/sandbox.md says what is stopped at which level, and what is not.
"""

EPILOG = """\b
Examples:
  zoo selfcheck ratings --quick
  zoo selfcheck sandbox --quick
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Check what this installation promises: its ratings and its sandbox."""


@command.command(epilog=RATINGS)
@click.option("--quick", is_flag=True, help="Fewer settings and repeats: rough figures in seconds.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of the synthetic truth.")
@click.option("--repeats", type=COUNT, help="Boards and fields of every setting (default: 200 boards, 40 fields).")
@json_option
def ratings(quick: bool, seed: int, repeats: int | None, as_json: bool) -> None:
    """Show how often the ratings' 95 % intervals hold the truth.

    Truth is made up, played and rated: boards with a panel, whose returns have heavy tails, unequal noise and common
    luck, and competitive fields, wide, tight, uneven and with cycles. Shown are the shares of true differences and
    true ranks inside their intervals, how far the order of the results moves players, and the time a rating takes.
    Exit code 1 says that our intervals cover less than they should.
    """
    import json
    import os
    import sys
    from dataclasses import asdict, replace

    from rich.console import Console

    # Before numpy is there: for matrices of this size, further threads only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from leaderboard.statistics.calibration import QUICK, Coverage, Missing, Simulation, holds, selfcheck
    from leaderboard.statistics.estimate import plain
    from zoo.work.progress import Progress, Reading

    plan = replace(QUICK if quick else Simulation(), seed=seed)
    if repeats is not None:
        plan = replace(plan, boards=repeats, fields=repeats)
    rows: list[Coverage] = []
    missing: list[str] = []
    done = 0
    with Progress("boards", Console(stderr=True)) as progress:
        for step in selfcheck(plan):
            if isinstance(step, Coverage):
                rows.append(step)
            elif isinstance(step, Missing):
                missing.append(step.method)
            else:
                done += step
                progress.update("selfcheck", Reading(done, plan.units))
    if as_json:
        click.echo(json.dumps({"plan": asdict(plan), "coverage": plain(rows), "missing": missing}, indent=1))
    else:
        Console().print(_screen(rows, missing, plan))
    sys.exit(0 if all(holds(row) for row in rows) else 1)


@command.command(epilog=SANDBOX)
@click.argument("names", nargs=-1, metavar="[ATTACK]...")
@click.option("--quick", is_flag=True, help="Leave out what waits for a clock, and the comparison without confinement.")
@json_option
def sandbox(names: tuple[str, ...], quick: bool, as_json: bool) -> None:
    """Attack the sandbox of this machine, and show what was stopped.

    Each attack is an agent in a strictly confined process, as a stranger's would be in a match. Its targets are made
    for the purpose; an attack that succeeds harms nothing else. Root plays the attacks twice, the second time as a
    common user. Where bubblewrap is present, all of it is done again in containers (`--isolation container`). Exit code
    1 says that an attack succeeded, 3 that none did but that a column could not be tried, or not to its end.
    """
    import json
    import sys
    from dataclasses import asdict

    from rich.console import Console

    from zoo.sandbox.attacks.run import NotTried, attacks, plays
    from zoo.sandbox.attacks.screen import screen
    from zoo.work.progress import Progress, Reading

    kinds = attacks(names, quick)
    runs: dict[str, list[Attempt]] = {}
    missing: list[NotTried] = []
    with Progress("attacks", Console(stderr=True)) as progress:
        for said in plays(kinds, quick):
            if isinstance(said, NotTried):
                missing.append(said)
            else:
                run, total, attempt = said
                runs.setdefault(run, []).append(attempt)
                progress.update("sandbox", Reading(sum(map(len, runs.values())), total))
    if as_json:
        plain = {user: [{**asdict(a), "stopped": a.stopped} for a in run] for user, run in runs.items()}
        click.echo(json.dumps({"attempts": plain, "not_tried": [asdict(one) for one in missing]}, indent=1))
    else:
        Console().print(screen(runs, missing))
    if not all(a.stopped for run in runs.values() for a in run):
        sys.exit(1)
    sys.exit(3 if any(one.offered for one in missing) else 0)


def _screen(rows: Sequence[Coverage], missing: Sequence[str], plan: Simulation) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from leaderboard.report.sheet import Column, Sheet, spreads
    from leaderboard.statistics.calibration import BOARD, ENTRANTS, FIELD, PARTNERS, PLAYERS, TARGET

    parts: list[RenderableType] = []
    titles = {
        BOARD: f"Boards with a panel: {ENTRANTS} entrants, {PARTNERS} partners, {plan.boards} boards a line",
        FIELD: f"Competitive fields: {PLAYERS} players, {plan.fields} fields a line",
    }
    for group, title in titles.items():
        own = [row for row in rows if row.group == group]
        if not own:
            continue
        sections = [f"{row.name} {row.size}" if group == FIELD else row.name for row in own]
        columns = [
            Column(group, [row.name for row in own], front=True, left=True),
            Column("episodes" if group == BOARD else "games", [f"{row.size:,}" for row in own], front=True),
            Column("rating", [row.method for row in own], front=True, left=True),
            spreads("differences", [row.pairs for row in own]),
            spreads("ranks", [row.ranks for row in own]),
            Column("CPU s", [f"{row.cpu_s:.3f}" for row in own]),
            Column("holds", [_verdict(row) for row in own]),
        ]
        if group == FIELD:
            order = ["-" if row.swing is None else f"{row.swing:.1f}" for row in own]
            columns.insert(5, Column("moved by order", order))
        parts += [Text(title, "bold"), Sheet(columns, sections), Text()]
    low, high = TARGET
    found = [f"{row.cyclic:.0%} of the {row.name} fields after {row.size:,} games" for row in rows if row.cyclic]
    text = (
        f"Shares of true differences and of true ranks inside their 95 % intervals; {low:.2f} to {high:.2f} is right."
        " Ranks may be covered more often: on boards their intervals follow the verdicts on two."
        " Order: mean places by which five other"
        " orders of the same results move a player. The rating's model is not true of uneven fields, whose players are"
        " unequally steady, nor of cyclic ones, where no number per player can be right; cycles were found in"
        f" {', '.join(dict.fromkeys(found)) or 'no field'}. Seed {plan.seed}."
    )
    parts.append(Text(text, "dim"))
    parts += [Text(f"{method} is not installed and was left out.", "dim") for method in missing]
    return Group(*parts)


def _verdict(row: Coverage) -> str:
    from leaderboard.statistics.calibration import holds, promised

    return "-" if not promised(row) else "yes" if holds(row) else "NO"
