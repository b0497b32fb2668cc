"""Training: a run that carries out a plan in a folder, and can stop and go on at any round, bit for bit."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.protocol import State
from zoo.entry import checkpoint as checkpoints
from zoo.entry.checkpoint import CARD, RESUME, Card
from zoo.errors import UserError
from zoo.play.table import Diverged, Round, Table
from zoo.training.curve import RETURN, Curve
from zoo.training.plan import Plan, Setting, set_up
from zoo.training.run_folder import STATE, RunFolder
from zoo.work.pool import one_thread
from zoo.work.progress import Reading

Status = Literal["finished", "stopped", "finished before"]


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    `seats` are the arena's; `figures` are means over the last tenth, named as in `zoo.training.curve.Row`.
    """

    status: Status
    folder: Path
    seed: int
    seats: list[str]
    steps: int
    of: int
    figures: dict[str, float]


def begun(plan: Plan, out: Path | None = None) -> bool:
    """True where the plan's folder holds a run, finished or not, of this plan or another.

    Raises:
        UserError: see `set_up`.
    """
    folder = out or set_up(plan).default_folder()
    return (folder / CARD).exists() or (folder / RESUME / STATE).exists()


def train(
    plan: Plan,
    out: Path | None = None,
    *,
    force: bool = False,
    keep_resume: bool = False,
    save_every: float = 30.0,
    stop: Callable[[], bool] = lambda: False,
    watch: Callable[[Reading], None] = lambda reading: None,
) -> Outcome:
    """Train until the plan is fulfilled or `stop()` says so, and go on from where an earlier call was stopped.

    Args:
        plan: what to do.
        out: the folder; see `Setting.default_folder`.
        force: start anew, whatever the folder holds.
        keep_resume: leave `resume/` in the folder of a finished run.
        save_every: seconds of wall time between saves; they leave the result as it is.
        stop: asked after every round; the run is saved before it returns.
        watch: given a reading before the first round and after every one.

    Raises:
        UserError: a plan that cannot be carried out, a folder that holds another run or cannot be written, or weights
            that are no longer finite (the checkpoint of the last save stays).
    """
    with one_thread():
        setting = set_up(plan)
        folder = RunFolder(out or setting.default_folder(), setting.run())
        with folder.locked():
            if force:
                folder.clear()
            return _Run(setting, folder, keep_resume).go(save_every, stop, watch)


class _Run:
    """A setting at work in its folder."""

    def __init__(self, setting: Setting, folder: RunFolder, keep_resume: bool) -> None:
        self.setting, self.folder, self.table = setting, folder, setting.table
        self.keep_resume = keep_resume
        self.curve = Curve(setting.rounds)
        self.cpu_s = -time.process_time()  # plus the clock's present reading: what this and earlier processes spent

    def go(self, save_every: float, stop: Callable[[], bool], watch: Callable[[Reading], None]) -> Outcome:
        stage = self.folder.stage()
        if stage == "unfinished":
            self.restore()
        elif stage == "finished":
            return self.outcome("finished before")
        else:
            self.save()  # claims the folder, and finds out now whether it can be written
        watch(self.reading())

        def take(played: Round) -> None:
            self.curve.add(played)
            watch(self.reading())

        try:
            whole = play_rounds(self.table, self.setting.rounds, take, self.save, save_every=save_every, stop=stop)
        except Diverged as error:
            raise UserError(
                f"{self.setting.entrant.label}: {error}; {self.folder.path} keeps what was saved last"
            ) from error
        except UserError:
            if stage == "new" and not self.table.update:  # it cannot learn here, so the folder is claimed for nothing
                self.folder.give_back()
            raise
        if not whole:
            return self.outcome("stopped")
        self.finish()
        return self.outcome("finished")

    @property
    def steps(self) -> int:
        return self.table.update * self.table.steps_per_round

    def save(self) -> None:
        tensors, numbers = self.table.state()
        notes = {"table": numbers, "curve": self.curve.state(), "cpu_s": self.cpu_s + time.process_time()}
        self.folder.keep(tensors, notes, rounds=self.table.update, of=self.setting.rounds)
        if 0 < self.table.update < self.setting.rounds:
            self.publish()

    def publish(self) -> None:
        self.folder.publish(acting_state(self.table), self.card(), self.curve.all_rows())

    def finish(self) -> None:
        self.publish()
        if self.keep_resume:
            self.save()
        else:
            self.folder.forget_resume()

    def restore(self) -> None:
        saved = self.folder.load()
        try:
            self.table.restore(saved.tensors, saved.notes["table"])
            self.curve.restore(saved.notes["curve"])
            self.cpu_s += saved.notes["cpu_s"]
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{self.folder.path}: the saved run does not fit ({error}): start anew with --force"
            ) from error

    def card(self) -> Card:
        plan, entrant = self.setting.plan, self.setting.entrant
        return Card(
            agent=entrant.entry.key,
            behaviour=entrant.entry.agent.behaviour,
            config=entrant.settings,
            arena=self.setting.identity,
            seats=list(self.setting.learners),
            seed=plan.seed,
            steps=self.steps,
            command=plan.command(),
            commit=commit(),
            cpu_s=round(self.cpu_s + time.process_time(), 1),
            metrics=self.curve.last_tenth(),
        )

    def outcome(self, status: Status) -> Outcome:
        seed, seats = self.setting.plan.seed, list(self.table.players)
        of = self.setting.rounds * self.table.steps_per_round
        if status == "finished before":
            card = checkpoints.load(self.folder.path).card
            return Outcome(status, self.folder.path, seed, seats, card.steps, of, card.metrics)
        return Outcome(status, self.folder.path, seed, seats, self.steps, of, self.curve.last_tenth())

    def reading(self) -> Reading:
        newest = self.curve.all_rows()[-1:]
        figures: dict[str, dict[str, float]] = {seat: {} for seat in self.table.players}
        for name, value in (newest[0] if newest else {}).items():
            seats, _, metric = name.removeprefix("learn/").rpartition("/")
            seat = seats.partition("+")[0]
            if seat in figures and metric != RETURN:
                figures[seat][metric] = value
        curves = {seat: self.curve.series(f"{seat}/{RETURN}") for seat in self.table.players}
        return Reading(self.steps, self.setting.rounds * self.table.steps_per_round, curves, figures)


def acting_state(table: Table) -> State:
    """What the learners of a table play, keyed "SEAT/NAME"."""
    state: State = {}
    for agent in table.learners.values():
        state |= agent.acting_state()
    return state


def play_rounds(
    table: Table,
    rounds: int,
    take: Callable[[Round], None],
    save: Callable[[], None],
    *,
    save_every: float,
    stop: Callable[[], bool],
) -> bool:
    """The loop of all training: play until `rounds` are played (True), or until `stop()` says so (False).

    Args:
        table: who learns, from where it stands.
        rounds: of the whole run.
        take: given every round as it is played.
        save: called now and then, and before a stop.
        save_every: seconds of wall time between two saves.
        stop: asked after every round.
    """
    saved = time.monotonic()
    while table.update < rounds:
        take(table.play_round())
        if table.update < rounds:
            if stop():
                save()
                return False
            if time.monotonic() - saved >= save_every:
                save()
                saved = time.monotonic()
    return True


def commit() -> str:
    """The commit of the zoo's own repository, "" where it was installed without one."""
    home = Path(__file__).resolve().parents[2]
    try:
        lines = subprocess.run(
            ["git", "rev-parse", "--show-toplevel", "HEAD"], cwd=home, capture_output=True, text=True, check=True
        ).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return ""
    # where the zoo is installed into an environment inside somebody's repository, the commit is theirs
    return lines[1] if len(lines) == 2 and Path(lines[0]).resolve() == home else ""
