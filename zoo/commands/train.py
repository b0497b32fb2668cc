"""`zoo train`: an agent learns, and its checkpoint is kept."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.commands.options import COUNT, SEED, Place, Real, arena_options, complete_entrant, grouped, isolation_options
from zoo.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from leaderboard.report.sheet import Sheet
    from zoo.entry.venue import ArenaChoice
    from zoo.training.many import TrainingRun
    from zoo.training.plan import Plan
    from zoo.training.run import Outcome

EPILOG = """\b
The agent plays itself, and every seat learns; or it learns against a frozen
opponent (--against). Ctrl-C saves the run. The same command goes on where it
was stopped, bit for bit, also after kill -9; in a PettingZoo environment it
goes on from the start of an episode.

\b
Examples:
  zoo train lola --arena coin
  zoo train lola,eta=2,lr=0.003 --arena coin --steps 8M --seeds 5 --workers 2
  zoo train naive --arena coin --against greedy --steps 500k
  zoo train maddpg --arena coin --set arena.size=5 --device cuda
  zoo train naive --arena ipd --length episode --copies 64
  zoo match lola@checkpoints/coin-v1/lola/seed-0 greedy --arena coin
"""
_SUFFIXES = {"k": 1_000, "m": 1_000_000, "g": 1_000_000_000}


def count(text: str | int) -> int:
    """A whole number: 4000000, 4_000_000, 4e6, 4M or 250k.

    Raises:
        UserError: it is none.
    """
    plain = str(text).strip().lower()
    factor = _SUFFIXES.get(plain[-1:], 1)
    try:
        number = float(plain[:-1] if factor > 1 else plain) * factor
    except ValueError:
        number = math.nan
    if not number.is_integer():
        raise UserError(f"{text!r} is no whole number such as 500000, 5e5, 500k or 4M")
    return int(number)


def count_or_episode(text: str | int) -> int | None:
    """Steps of a round; None for "episode", a whole one.

    Raises:
        UserError: neither a whole number nor "episode".
    """
    return None if text == "episode" else count(text)


@dataclass(frozen=True)
class RunOptions:
    """How an agent is trained: with which seeds, in which folder, and what is kept.

    Raises:
        UserError: a number out of range, or two options that exclude each other.
    """

    seed: int
    seeds: int
    workers: int
    out: Path | None
    resume: bool
    force: bool
    keep_resume: bool
    save_every: float

    def __post_init__(self) -> None:
        for name in ("seeds", "workers"):
            if (value := getattr(self, name)) < 1:
                raise UserError(f"--{name} must be at least 1, got {value}")
        if self.resume and self.force:
            raise UserError("--resume goes on and --force starts anew: give one of them")

    def folder(self, seed: int) -> Path | None:
        """Where the run of a seed goes; None is the default."""
        return self.out / f"seed-{seed}" if self.out and self.seeds > 1 else self.out


def _number(name: str, default: str | int, text: str, kind: Callable[[str | int], int | None] = count) -> Any:
    return click.option(f"--{name}", type=kind, default=default, metavar="NUMBER", show_default=True, help=text)


@click.command(epilog=EPILOG)
@click.argument("agent", metavar="AGENT", shell_complete=complete_entrant)
@arena_options
@grouped(
    "what",
    click.option("--against", metavar="ENTRANT", help="A frozen opponent for the other seats (default: self-play)."),
    click.option(
        "--seat", "seats", multiple=True, metavar="SEAT", help="With --against: where AGENT sits (default: first)."
    ),
    _number("steps", "4M", "Environment steps, all copies together."),
    _number("copies", 256, "Games played at once."),
    _number("length", 32, "Steps between two updates, or `episode` for a whole one.", count_or_episode),
    click.option(
        "--sight",
        type=click.Choice(["own", "actions", "policies"]),
        default="policies",
        show_default=True,
        help="What learners see of the other seats.",
    ),
    click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:NUMBER."),
)
@grouped(
    "how",
    click.option("--seed", type=SEED, default=0, show_default=True, help="The first seed; all luck derives from it."),
    click.option("--seeds", type=COUNT, default=1, show_default=True, help="How many seeds, each a run of its own."),
    click.option("--workers", type=COUNT, default=1, show_default=True, help="Processes that train side by side."),
    click.option(
        "--out",
        type=Place(path_type=Path),
        help="Folder (default checkpoints/ARENA/AGENT/seed-SEED); with several seeds seed-SEED within.",
    ),
    click.option("--resume", is_flag=True, help="Go on with a run that was stopped; refuse to begin one."),
    click.option("--force", is_flag=True, help="Start anew, whatever the folder holds."),
    click.option("--keep-resume", is_flag=True, help="Keep resume/ (optimisers, replay) when the run is finished."),
    click.option("--save-every", type=Real(0), default=30.0, show_default=True, help="Seconds between saves."),
    into=RunOptions,
)
@isolation_options
def command(agent: str, choice: ArenaChoice, what: dict[str, Any], how: RunOptions) -> None:
    """Train AGENT in an arena and keep its checkpoint.

    AGENT is NAME[,field=value ...][@CHECKPOINT]; with @CHECKPOINT it starts from those weights. The result is a folder
    with weights.safetensors, card.json and curve.json.
    """
    from rich.console import Console

    from zoo.training.many import TrainingRun
    from zoo.training.plan import Plan
    from zoo.training.run import begun
    from zoo.work.cost import cost

    plans = [Plan(agent, choice, **what, seed=seed) for seed in range(how.seed, how.seed + how.seeds)]
    runs = [TrainingRun(plan, how.folder(plan.seed), how.force, how.keep_resume, how.save_every) for plan in plans]
    if how.resume and not any(begun(run.plan, run.out) for run in runs):
        raise UserError("--resume: there is no run to go on with; leave --resume out to begin one")
    console = Console()
    outcomes = _train(runs, how.workers)
    _report(console, plans, outcomes)
    console.print(cost(), style="dim", highlight=False)
    if len(outcomes) < len(runs) or any(outcome.status == "stopped" for outcome in outcomes):
        sys.exit(130)


def _train(runs: Sequence[TrainingRun], workers: int) -> list[Outcome]:
    """The outcomes by seed; fewer than the runs where they were stopped."""
    from rich.console import Console

    from zoo.training.many import stop_on_signals, train_all
    from zoo.work.progress import Progress

    names = {run.plan.seed: f"{run.plan.agent} in {run.plan.arena.name}, seed {run.plan.seed}" for run in runs}
    outcomes: list[Outcome] = []
    with stop_on_signals() as stop, Progress(console=Console(stderr=True), workers=workers) as progress:
        for outcome in train_all(
            runs, workers, stop, lambda run, reading: progress.update(names[run.plan.seed], reading)
        ):
            outcomes.append(outcome)
            progress.finish(names[outcome.seed])
            if len(runs) > 1:
                progress.say(f"seed {outcome.seed}: {_ended(outcome)}")
    return sorted(outcomes, key=lambda outcome: outcome.seed)


def _ended(outcome: Outcome) -> str:
    count = f"{outcome.steps:,} steps"
    return {
        "finished": f"finished after {count}",
        "finished before": f"was finished before, {count}; --force trains it again",
        "stopped": f"stopped at {count} of {outcome.of:,} and saved; the same command goes on",
    }[outcome.status]


def _report(console: Console, plans: Sequence[Plan], outcomes: Sequence[Outcome]) -> None:
    if not outcomes:
        console.print("stopped before the first round", highlight=False)
        return
    with_figures = [outcome for outcome in outcomes if outcome.figures]
    if with_figures:
        console.print("means over the last tenth", style="dim", highlight=False)
        console.print(_summary(with_figures))
    for outcome in outcomes:
        say = _ended(outcome) if len(plans) == 1 else f"seed {outcome.seed}"
        console.print(f"{say}: {outcome.folder}", soft_wrap=True, highlight=False, markup=False)
    done = next((outcome for outcome in outcomes if outcome.status != "stopped"), None)
    if done is not None:
        console.print(f"next: {_next(plans[0], done)}", soft_wrap=True, highlight=False, markup=False)


def _summary(outcomes: Sequence[Outcome]) -> Sheet:
    """Means over the last tenth of each run, a line per seed and seat."""
    from leaderboard.report.layout import number, together
    from leaderboard.report.sheet import Column, Sheet, labels
    from leaderboard.views.cuts import CUT
    from zoo.training.curve import RETURN

    names = dict.fromkeys(
        name
        for outcome in outcomes
        for name, figure in outcome.figures.items()
        if not name.startswith("learn/") and (figure or not name.endswith(f"/{CUT}"))  # told where anything was cut
    )
    metrics = dict.fromkeys(name.rpartition("/")[2] for name in names if not name.endswith(f"/{RETURN}"))
    figures = {"return/step": RETURN} | {metric.replace("_", " "): metric for metric in metrics}
    lines: list[tuple[Outcome, str, list[str]]] = []
    for outcome in outcomes:
        # the seats of a team that is paid alike, and no others, share a line
        keys = [outcome.figures.get(f"{seat}/{RETURN}", seat) for seat in outcome.seats]
        lines += [(outcome, label, [outcome.seats[n] for n in mine]) for label, mine in together(outcome.seats, keys)]

    def mean(outcome: Outcome, seats: list[str], name: str) -> str:
        values = [outcome.figures[key] for key in (f"{seat}/{name}" for seat in seats) if key in outcome.figures]
        return number(sum(values) / len(values) if values else None, 4)

    return Sheet(
        [
            labels("seed", [str(outcome.seed) for outcome, _, _ in lines]),
            labels("seat", [label for _, label, _ in lines]),
            *(
                Column(header, [mean(outcome, seats, name) for outcome, _, seats in lines], folds=False)
                for header, name in figures.items()
            ),
        ]
    )


def _next(plan: Plan, outcome: Outcome) -> str:
    """A match that enters the new checkpoint."""
    name = plan.agent.partition("@")[0].partition(",")[0]
    return shlex.join(["zoo", "match", f"{name}@{outcome.folder}", plan.against or "random", *plan.arena.words])
