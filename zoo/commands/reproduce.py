"""`zoo reproduce`: a published table or figure, run again and shown beside ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from zoo.commands.options import COUNT, Place, json_option
from zoo.errors import UserError, need

if TYPE_CHECKING:
    from rich.console import RenderableType

    from zoo.papers.figure import Figure, Reproduction
    from zoo.work.jobs import Done
    from zoo.work.progress import Reading

EPILOG = """\b
Finished parts are kept in the folder, so that the same command goes on after
Ctrl-C or kill -9. At the end the folder holds NAME.json and the plot; with
--quick these are NAME-quick.json and its plot.

\b
Examples:
  zoo reproduce --list
  zoo reproduce dice-gradients --quick
  zoo reproduce lola-exploitability --workers 2
  zoo reproduce lola-ipd --seeds 100 --plot svg --out my/folder
  zoo reproduce lola-imp --quick --first-seed 7
  zoo reproduce coma-table,scenario=3m,enemy=1
  zoo reproduce --all --workers 2
"""


@click.command(epilog=EPILOG)
@click.argument("name", metavar="NAME", required=False)
@click.option("--all", "everything", is_flag=True, help="Every figure, one after another, and a page of all of them.")
@click.option("--list", "listed", is_flag=True, help="List the figures and how long each takes.")
@click.option("--quick", is_flag=True, help="A smaller version: fewer seeds, samples or updates.")
@click.option("--seeds", type=COUNT, help="How many seeds (default: see the figure).")
@click.option(
    "--first-seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Runs with other luck; no two first seeds share any. Part of the files' names.",
)
@click.option("--workers", type=COUNT, default=1, show_default=True, help="Processes that work side by side.")
@click.option(
    "--out",
    type=Place(file_okay=False, path_type=Path),
    help="Folder of the files (default reproduce/NAME; reproduce for --all).",
)
@click.option(
    "--plot", type=click.Choice(["png", "svg", "both", "none"]), default="png", show_default=True, help="The picture."
)
@click.option("--force", is_flag=True, help="Start anew, whatever the folder holds.")
@json_option
def command(
    name: str | None,
    everything: bool,
    listed: bool,
    quick: bool,
    seeds: int | None,
    first_seed: int,
    workers: int,
    out: Path | None,
    plot: str,
    force: bool,
    as_json: bool,
) -> None:
    """Run a published table or figure and show it beside ours.

    Each line holds the published figure, our figure with its 95 % interval over seeds, and whether the two agree.
    """
    import json

    from rich.console import Console

    from zoo import papers

    if listed:
        facts = list(papers.FIGURES.values())
        click.echo(json.dumps(facts, indent=1)) if as_json else Console().print(_list(facts))
        return
    if name is None and not everything:
        raise UserError(f"name what to reproduce, or all with --all: {', '.join(papers.NAMES)}; see --list")
    if name is not None and everything:
        raise UserError(f"--all reproduces everything: leave out {name}, or --all")
    if plot != "none":
        need("matplotlib", "the picture, which --plot none leaves out")
    how = _How(quick, seeds, first_seed, workers, plot, force)
    if name is None:
        _print_all(_all(out or Path("reproduce"), how), out or Path("reproduce"), as_json)
        return
    figure = papers.load(name).begun_at(first_seed)
    report, run, files = _one(figure, out or Path("reproduce") / figure.name, how)
    if as_json:
        click.echo(files[0].read_text())
        return
    from zoo.papers.screen import report_screen

    console = Console()
    console.print(report_screen(figure, report, run))
    for file in files:
        console.print(str(file), soft_wrap=True, highlight=False, markup=False)


class _How(NamedTuple):
    """What was typed of how to run figures."""

    quick: bool
    seeds: int | None
    first_seed: int
    workers: int
    plot: str
    force: bool


def _one(figure: Figure, folder: Path, how: _How) -> tuple[Reproduction, dict[str, Any], list[Path]]:
    """The report of a figure, what it took, and the files that were written, the JSON's first."""
    count = how.seeds or figure.facts["seeds_quick" if how.quick else "seeds_default"]
    report, run = _run(figure, folder, how.quick, count, how.workers, how.force)
    return report, run, _write(figure, folder, report, run, how.plot)


def _all(folder: Path, how: _How) -> list[dict[str, Any]]:
    """The JSON of every figure, one after another; one that draws nothing has no other first seed."""
    import json

    from zoo import papers

    minutes = sum(facts["cpu_minutes_quick" if how.quick else "cpu_minutes"] for facts in papers.FIGURES.values())
    click.echo(
        f"{len(papers.NAMES)} figures, about {papers.in_minutes(minutes)} CPU minutes of one thread; Ctrl-C stops, and"
        " the same command goes on",
        err=True,
    )
    files = []
    for number, name in enumerate(papers.NAMES, 1):
        click.echo(f"{name}, {number} of {len(papers.NAMES)}", err=True)
        figure = papers.load(name)
        figure = figure.begun_at(how.first_seed if figure.draws else 0)
        files.append(json.loads(_one(figure, folder / name, how)[2][0].read_text()))
    return files


def _print_all(files: list[dict[str, Any]], folder: Path, as_json: bool) -> None:
    """The table of all figures, which also goes into a page in the folder, with every row that misses."""
    import json

    from rich.console import Console

    from zoo.entry.checkpoint import write_atomically
    from zoo.papers.figure import Reproduction
    from zoo.papers.pages import counts, overview, overview_page

    page = folder / "README.md"
    write_atomically(page, overview_page(files).encode())
    if as_json:
        told = [{"name": one["name"], **counts(Reproduction.from_json(one)), "run": one["run"]} for one in files]
        click.echo(json.dumps(told, indent=1))
        return
    console = Console()
    console.print(overview(files))
    console.print(str(page), soft_wrap=True, highlight=False, markup=False)


def _list(figures: list[dict[str, Any]]) -> RenderableType:
    """What there is to reproduce and how long it takes."""
    from rich.console import Group
    from rich.text import Text

    from zoo.entry.layout import plain_table
    from zoo.papers import in_minutes

    table = plain_table("figure", "what it shows", "minutes", "quick", right=("minutes", "quick"))
    for figure in figures:
        shown = Text.assemble(figure["title"], (f"\n{figure['source']}", "dim"))
        full, quick = (in_minutes(figure[of]).replace("under ", "<") for of in ("cpu_minutes", "cpu_minutes_quick"))
        table.add_row(Text(figure["name"], "bold"), shown, "~" * bool(figure.get("estimated")) + full, quick)
    hours = sum(figure["cpu_minutes"] for figure in figures) / 60
    estimates = ", ~ where they are an estimate" * any(figure.get("estimated") for figure in figures)
    closing = (
        f"{len(figures)} figures, {hours:.1f} CPU hours in all. Minutes are CPU minutes of one thread{estimates};"
        " --workers 2 halves the wait."
    )
    return Group(table, Text(), Text(closing, "dim"))


def _run(
    figure: Figure, folder: Path, quick: bool, seeds: int, workers: int, force: bool
) -> tuple[Reproduction, dict[str, Any]]:
    """The report, and what it took."""
    import sys
    import time

    from rich.console import Console

    from zoo import papers
    from zoo.papers.run import assembled, key, reproduce
    from zoo.work.progress import Progress, clock

    started = time.monotonic()
    done: list[Done] = []
    names = {key(figure, part): part.name for part in figure.work(quick, seeds)}
    total = len(names)
    minutes, usual = ("cpu_minutes_quick", "seeds_quick") if quick else ("cpu_minutes", "seeds_default")
    declared = len(papers.load(figure.name).work(quick, figure.facts[usual]))  # the parts that take those minutes
    cost = 60.0 * figure.facts.get(minutes, 0.0) * total / declared
    try:
        with Progress(figure.unit, Console(stderr=True), every=30, workers=workers) as progress:

            def watch(name: str, reading: Reading) -> None:
                progress.foresee(cost * (total - len(done)) / total)  # those that were kept come first
                progress.update(name, reading)

            for part in reproduce(figure, folder, quick=quick, seeds=seeds, workers=workers, force=force, watch=watch):
                done.append(part)
                progress.finish(names[part.job.key])
                if not part.kept:
                    said = f"part {len(done)} of {total}, {names[part.job.key]}: done in {clock(part.wall_s)}"
                    progress.say(said)
    except KeyboardInterrupt:
        click.echo(f"stopped; {len(done)} of {total} parts are kept in {folder}, the same command goes on", err=True)
        sys.exit(130)
    run = {
        "quick": quick,
        "workers": workers,
        "parts": total,
        "kept": sum(part.kept for part in done),
        "cpu_s": sum(part.cpu_s for part in done),
        "wall_s": time.monotonic() - started,
    }
    return assembled(figure, done, quick=quick, seeds=seeds), run


def _write(figure: Figure, folder: Path, report: Reproduction, run: dict[str, Any], plot: str) -> list[Path]:
    """The JSON and the pictures; their paths, the JSON's first."""
    import json

    from leaderboard.report.plots import captioned, pictures
    from zoo import __version__
    from zoo.bench.speed import machine
    from zoo.entry.checkpoint import write_atomically
    from zoo.papers.pages import file_stem
    from zoo.papers.screen import caption

    about = {"name": figure.label, "version": __version__, "machine": machine(), "run": run}
    whole = figure.facts | about | report.to_json()
    stem = file_stem(whole)
    files = [folder / f"{stem}.json"]
    write_atomically(files[0], (json.dumps(whole, indent=1) + "\n").encode())
    kinds = {"png": ["png"], "svg": ["svg"], "both": ["png", "svg"], "none": []}[plot]
    if kinds:
        drawn = captioned(figure.plot(report), whole["title"], caption(whole, report))
        for kind, content in pictures(drawn, kinds).items():
            files.append(folder / f"{stem}.{kind}")
            write_atomically(files[-1], content)
    return files
