"""The command line as a user meets it: quick to start, and every fault of input is one line with exit code 2."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from itertools import pairwise
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import marl_zoo
import zoo
from zoo import papers
from zoo.cli import COMMANDS, cli, main
from zoo.entry import catalogue, registry
from zoo.entry.registry import AGENTS

HOUSE = Path(__file__).resolve().parents[2]

NAMES = [["agents", "--names"], ["arenas", "--names"]]
LISTS = [["agents"], ["agents", "--json"], ["arenas"], ["reproduce", "--list"]]
HELP = [[name, "--help"] for name in COMMANDS]
#: A game that is played at once, of few steps and with a small panel.
SHORT = ["--arena", "ipd", "--set", "arena.max_steps=5", "--panel", "grim,random", "--episodes", "4"]
#: Runs commands one after another and says of each what it printed, and which packages are imported by then.
_TELL = """
import contextlib, io, json, sys
from zoo.cli import main
for arguments in json.loads(sys.argv[1]):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main(arguments)
    print(json.dumps([out.getvalue(), sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def packages_after(*commands: list[str]) -> list[tuple[str, set[str]]]:
    """For each command, run in one fresh process: its standard output, and the packages imported until its end."""
    words = [sys.executable, "-P", "-c", _TELL, json.dumps(commands)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return [(output, set(loaded)) for output, loaded in map(json.loads, done.stdout.splitlines())]


@pytest.fixture(scope="module")
def light() -> dict[str, tuple[str, set[str]]]:
    """Command -> what `packages_after` says; those that may import least run first."""
    commands = [["--help"], *NAMES, *LISTS, *HELP]
    return {" ".join(words): said for words, said in zip(commands, packages_after(*commands), strict=True)}


def fault(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is said of a fault of input: one line, exit code 2, no traceback."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("zoo: ")
    assert said.err.count("\n") == 1
    return said.err


def test_help_imports_nothing_heavy(light: dict[str, tuple[str, set[str]]]) -> None:
    output, loaded = light["--help"]
    assert all(name in output for name in COMMANDS)
    assert not loaded & {"torch", "numpy", "pettingzoo", "gymnasium", "scipy", "sqlalchemy", "agents", "arenas"}


def test_the_public_names() -> None:
    """Sorted, importable, the same for type checkers, and imported only when they are used."""
    assert zoo.__all__ == sorted(zoo.__all__)
    tree = ast.parse(Path(zoo.__file__).read_text())
    typed = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed - {"annotations", "TYPE_CHECKING", "Any"} == set(zoo.__all__) - {"__version__"}
    assert all(getattr(zoo, name).__doc__ for name in zoo.__all__)
    assert zoo.__version__ == importlib.metadata.version("marl-zoo")
    with pytest.raises(AttributeError, match="no attribute 'play_mach'"):
        zoo.play_mach  # noqa: B018
    code = "import sys, zoo; assert not {'torch', 'numpy', 'click', 'importlib.metadata'} & set(sys.modules)"
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_imports_no_torch(name: str, light: dict[str, tuple[str, set[str]]]) -> None:
    output, loaded = light[f"{name} --help"]
    assert output.startswith(f"Usage: zoo {name}")
    assert not loaded & {"torch", "pettingzoo"}


@pytest.mark.parametrize("arguments", NAMES)
def test_names_are_listed_without_imports(arguments: list[str], light: dict[str, tuple[str, set[str]]]) -> None:
    output, loaded = light[" ".join(arguments)]
    listed = output.split()
    assert listed == sorted(listed)
    assert len(listed) > 3
    assert not loaded & {"torch", "numpy", "agents", "arenas"}


@pytest.mark.parametrize("arguments", LISTS)
def test_lists_import_nothing_that_they_list(arguments: list[str], light: dict[str, tuple[str, set[str]]]) -> None:
    output, loaded = light[" ".join(arguments)]
    assert len(output.splitlines()) > 20
    assert not loaded & {"torch", "numpy", "agents", "arenas", "pettingzoo", "scipy", "sqlalchemy"}


def test_the_kept_lists_say_what_the_classes_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = catalogue.KEPT.read_text()
    monkeypatch.setattr(catalogue, "KEPT", tmp_path / "fresh.json")
    catalogue.write()
    assert kept == catalogue.KEPT.read_text(), f"python -c 'import {catalogue.__name__} as m; m.write()' writes it anew"


@pytest.mark.parametrize("name", papers.NAMES)
def test_every_listed_figure_is_there_and_has_its_facts(name: str) -> None:
    figure = papers.load(name)
    assert (figure.name, figure.facts) == (name, papers.FIGURES[name])
    facts = figure.facts.items()
    assert all(fact > 0 for key, fact in facts if key not in ("name", "title", "source"))
    assert {key for key, _ in facts} - {"estimated"} == papers.FIGURES[papers.NAMES[0]].keys()


def test_json_has_one_spelling(capsys: pytest.CaptureFixture[str]) -> None:
    """Every command that offers JSON takes --json; `--format json` says the same."""
    offering = {"match", "tournament", "crossplay", "leaderboard", "exploit", "reproduce", "agents", "arenas", "check"}
    commands = {name: importlib.import_module(f"zoo.commands.{name}").command for name in COMMANDS}
    options = {name: {text for p in command.params for text in p.opts} for name, command in commands.items()}
    assert {name for name, texts in options.items() if "--json" in texts} == offering | {
        "atlas",
        "bench",
        "disqualify",
        "doctor",
        "duel",
        "export",
        "new",
        "report",
        "withdraw",
        "log",
        "matches",
        "panel",
        "publish",
        "submissions",
        "submit",
        "verify",
    }
    words = ["tournament", "random", "grim", *SHORT]
    long, short, plain = (CliRunner().invoke(cli, [*words, *form]) for form in (["--format", "json"], ["--json"], []))
    assert json.loads(short.stdout) == json.loads(long.stdout)
    assert "{" not in plain.stdout
    board = ["leaderboard", "--arena", "ipd"]
    assert json.loads(CliRunner().invoke(cli, [*board, "--json"]).stdout)["rows"]
    assert "contradict" in fault(capsys, *board, "--json", "--format", "csv")


def test_lists_in_json() -> None:
    agents = json.loads(CliRunner().invoke(cli, ["agents", "--json"]).stdout)
    assert agents["lola"]["learns"]
    assert "coin-v1" in agents["lola"]["house_checkpoints"]
    arenas = json.loads(CliRunner().invoke(cli, ["arenas", "--json"]).stdout)
    assert arenas["coin"]["kind"] == "mixed"
    assert arenas["coin"]["seats"]["red"] == {"actions": 4, "action_dim": 0}
    assert "needs payoffs" in arenas["matrix"]["note"]


def test_settings_for_which_the_house_trained_an_agent_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "playable", lambda agent, left_out: ["two-card"])  # to try all takes seconds
    monkeypatch.setattr(catalogue, "players", lambda arena: ["random"])

    def part(begins: str, ends: str, *words: str) -> str:
        said = " ".join(CliRunner().invoke(cli, words).stdout.split())
        return said.partition(f" {begins} ")[2].partition(f" {ends} ")[0]

    where = part("plays in", "house checkpoints", "agents", "bad")
    assert (
        where.startswith("two-card, hanabi-v1(") and "hanabi-v1(variant=mini)" in where and "two-card-v1" not in where
    )
    assert re.search(r"bad \([^)]*\bvariant=mini\b", part("under other settings", "agents", "arenas", "hanabi"))


def test_entries_of_other_packages_are_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "guests.py").write_text(
        "from agents.scripts.random import Random\n\n\n"
        'class Guest(Random):\n    """Somebody else\'s agent. It plays."""\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    points = {"guest": "guests:Guest", "lola": "guests:Guest", "lost": "guests:Lost"}
    points_of = {name: EntryPoint(name, value, AGENTS) for name, value in points.items()}
    monkeypatch.setattr(catalogue, "names", lambda group: points_of)
    monkeypatch.setattr(registry, "names", lambda group: points_of)
    listed = catalogue.agent_list()
    assert listed["guest"]["summary"] == listed["lola"]["summary"] == "Somebody else's agent"
    assert "guests.py has no 'Lost'" in listed["lost"]["fault"]
    assert "guests.py has no 'Lost'" in " ".join(CliRunner().invoke(cli, ["agents"]).output.split())


def test_the_leaderboard_imports_no_torch() -> None:
    played = CliRunner().invoke(cli, ["match", "random", "grim", *SHORT])
    assert played.exit_code == 0, played.output
    ((output, loaded),) = packages_after(["leaderboard", "--arena", "ipd"])
    assert "random" in output
    assert "grim" in output
    assert not loaded & {"torch", "pettingzoo"}


def zoo_with(*folders: Path, words: str = "agents --names", **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a fresh process, with folders before all others on Python's path."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "zoo", *words.split()],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders)), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def install(site: Path, distribution: str, package: str) -> None:
    """A distribution as pip leaves it: its package's files, and a RECORD of them."""
    (site / package).mkdir(parents=True, exist_ok=True)
    (site / package / "__init__.py").write_text(f"raise RuntimeError('{distribution} was imported')\n")
    information = site / f"{distribution}-1.0.dist-info"
    information.mkdir()
    (information / "RECORD").write_text(f"{package}/__init__.py,sha256=x,1\n{information.name}/RECORD,,\n")


@pytest.mark.parametrize("package", ["agents", "arenas", "leaderboard"])
@pytest.mark.parametrize("first", [True, False])
def test_another_owner_of_a_package_is_named(package: str, first: bool, tmp_path: Path) -> None:
    """Whichever of the two Python finds first."""
    install(tmp_path, "open_ai", package)
    done = zoo_with(*((tmp_path, HOUSE) if first else (HOUSE, tmp_path)))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"zoo: the distribution open-ai owns a package '{package}' too: install the zoo in a virtual environment of its"
        " own\n"
    )


def test_another_owner_of_zoo_is_named(tmp_path: Path) -> None:
    install(tmp_path, "aquarium", "zoo")
    done = subprocess.run(
        [sys.executable, "-P", "-c", "import marl_zoo; marl_zoo.main()"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "the distribution aquarium owns a package 'zoo' too" in done.stderr


@pytest.mark.parametrize("ours_last", [True, False])
def test_one_folder_holds_both(ours_last: bool, tmp_path: Path) -> None:
    """Both distributions in one folder: the later one has overwritten the files of the earlier."""
    install(tmp_path, "marl_zoo", "agents")
    install(tmp_path, "open_ai", "agents")
    for package in marl_zoo.PACKAGES:
        if package != "agents" or ours_last:
            (tmp_path / package / "__init__.py").unlink(missing_ok=True)
            (tmp_path / package).rmdir() if (tmp_path / package).exists() else None
            (tmp_path / package).symlink_to(HOUSE / package)
    (tmp_path / "marl_zoo.py").write_text((HOUSE / "marl_zoo.py").read_text())
    done = zoo_with(tmp_path)
    assert done.returncode == 2
    assert "the distribution open-ai owns a package 'agents' too" in done.stderr


def test_an_impostor_without_a_distribution_is_named(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "__init__.py").write_text("")
    done = zoo_with(tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "'agents'" in done.stderr
    assert str(tmp_path) in done.stderr


def test_at_home_there_is_no_collision() -> None:
    assert marl_zoo.collision() is None
    assert "coin" in zoo_with(words="arenas --names").stdout.split()


@pytest.mark.parametrize(
    ("module", "words", "extra"),
    [
        ("mpe2", "match random random --arena mpe2:simple_tag_v3 --no-record", "environments"),
        ("pygame", "check pettingzoo:classic/tictactoe_v3", "environments"),
        ("pygame", "match random random --arena pettingzoo:classic/tictactoe_v3 --no-record", "environments"),
        ("matplotlib", "reproduce gradient-direction", "plots"),
        ("matplotlib", "crossplay random grim --arena ipd --plot x.png", "plots"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(
    module: str, words: str, extra: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.startswith(("mpe2.", "pettingzoo.classic"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)  # so that importing it fails
    line = fault(capsys, *words.split())
    assert line.endswith(f"{module} is not installed: pip install 'marl-zoo[{extra}]'\n")


def test_the_traceback_is_shown_where_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = tmp_path / "mine.py"
    agent.write_text(
        "import torch\nfrom agents.scripts.random import Random\nfrom arenas.protocol import Action\n\n\n"
        "class Mine(Random):\n"
        "    def act(self, timestep, memory):\n"
        "        return Action(self.draw(timestep.reward / 0)), memory\n\n"
        "    def draw(self, probabilities):\n"
        "        return torch.distributions.Categorical(probabilities).sample()\n"
    )
    words = f"match {agent}:Mine random --arena ipd --no-record --trust".split()
    line = fault(capsys, *words)
    assert line.endswith(" (mine.py, line 11)\n")  # not where torch noticed it
    monkeypatch.setenv("ZOO_DEBUG", "1")
    with pytest.raises(SystemExit) as ended:
        main(words)
    shown = capsys.readouterr()
    assert ended.value.code == 2
    assert shown.out == ""
    assert "Traceback (most recent call last):" in shown.err
    assert "in draw" in shown.err
    assert shown.err.splitlines()[-1] == line.rstrip("\n")


def test_only_the_houses_own_errors_are_faults_of_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class StoreError(Exception):
        """Somebody else's, of the same name."""

    def fails() -> None:
        raise StoreError("full")

    monkeypatch.setitem(cli.commands, "bench", click.Command("bench", callback=fails))
    monkeypatch.setattr(type(cli), "get_command", lambda self, ctx, name: self.commands[name])
    with pytest.raises(StoreError, match="full"):
        main(["bench"])


def test_an_unknown_command_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["mach"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "unknown command 'mach'; did you mean match or matches?" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["match", "lolla", "random", "--arena", "ipd"], "unknown agent 'lolla'; did you mean lola"),
        (["match", "random", "random", "--arena", "coim"], "unknown arena 'coim'; did you mean coin"),
        (["agents", "tit-for-tit"], "did you mean tit-for-tat"),
        (["arenas", "chiken"], "did you mean chicken"),
        (["check", "grimm"], "unknown agent or arena 'grimm'; did you mean grim"),
        (["check", "lola,ettta=1"], "no field 'ettta'; did you mean eta"),
        (["check", "lola,eta=much"], "got 'much'"),
        (["check", "coin", "--arena", "ipd"], "coin is an arena"),
        (["check", "coin", "--set", "size=5"], "arena.FIELD=VALUE"),
        (["check", "coin", "--set", "arena.size=1"], "size must be at least 2"),
        (["check", "grim", "--set", "arena.gamma=0.5"], "--set needs an --arena"),
        (["check", "no/such/file.py:Agent"], "there is no file no/such/file.py"),
        (["check", "greedy", "--arena", "ipd"], "greedy cannot play ipd, which does not offer coin"),
        (["match", "greedy", "random", "--arena", "ipd"], "it needs coin"),
        (["arenas", "--set", "arena.size=5"], "zoo arenas NAME"),
        (["check", "matrix"], "arena matrix needs payoffs"),
    ],
)
def test_faults_of_input_tell_the_fix(arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert expected in fault(capsys, *arguments)


def test_check_says_by_its_exit_code_whether_laws_hold(tmp_path: Path) -> None:
    file = tmp_path / "stubborn.py"
    file.write_text(
        "import torch\nfrom agents.protocol import Agent\nfrom arenas.protocol import Action\n\n\n"
        "class Stubborn(Agent):\n"
        "    choice = 0\n\n"
        "    def act(self, timestep, memory):\n"
        "        return Action(torch.full((len(timestep.reward),), self.choice)), memory\n\n\n"
        "class TooHigh(Stubborn):\n"
        "    choice = 9\n"
    )
    bad = CliRunner().invoke(cli, ["check", f"{file}:TooHigh", "--arena", "ipd", "--json"])
    assert bad.exit_code == 1, bad.output
    found = json.loads(bad.stdout)
    assert not found["passed"]
    assert [(f["law"], f["reason"]) for f in found["findings"] if f["verdict"] == "failed"] == [
        ("0", "act in seat row, in a plain game, moment 0: an action is outside 0 .. 1")
    ]
    table = CliRunner().invoke(cli, ["check", f"{file}:TooHigh", "--arena", "ipd"])
    assert table.exit_code == 1
    assert "failed: act in seat row" in " ".join(table.stdout.split())
    assert "1 law is broken." in table.stdout


def test_check_begins_with_the_root_cause(tmp_path: Path) -> None:
    file = tmp_path / "lucky.py"
    file.write_text(
        "import torch\nfrom agents.protocol import Agent\nfrom arenas.protocol import Action\n\n\n"
        "class Lucky(Agent):\n"
        "    def act(self, timestep, memory):\n"
        "        return Action(timestep.action_mask.float().multinomial(1).squeeze(1)), memory\n"
    )
    lines = CliRunner().invoke(cli, ["check", f"{file}:Lucky", "--arena", "ipd"]).stdout
    assert "Begin with law 5: begin or act used the global generator of torch" in " ".join(lines.split()[:20])
    assert "that may be all that breaks laws 1, 2, 4 and 10." in " ".join(lines.split())


@pytest.mark.parametrize("arguments", [["agents"], ["arenas"], ["agents", "lola"], ["arenas", "coin"]])
def test_lists_fit_a_terminal_of_eighty_columns(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert max(map(len, done.output.splitlines())) <= 80


def test_an_agent_of_the_list_takes_at_most_three_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = [line.rstrip() for line in CliRunner().invoke(cli, ["agents"]).output.splitlines()]
    table = lines[3 : lines.index("")]
    starts = [at for at, line in enumerate(table) if not line.startswith(" ")]
    assert len(starts) > 20
    assert max(after - at for at, after in pairwise([*starts, len(table)])) <= 3
    assert len(table) <= 2 * len(starts) + 2
    monkeypatch.setenv("COLUMNS", "120")
    assert "needs" in CliRunner().invoke(cli, ["agents"]).output


def test_formulas_of_agents_fit_a_terminal_of_eighty_columns() -> None:
    agents = [registry.load_agent(name).agent for name in registry.names(AGENTS)]
    lines = [line for agent in agents for line in catalogue.story(agent).splitlines()]
    assert len(agents) > 20
    assert [line for line in lines if line.startswith(" ") and len(line) >= 78] == []


def test_the_tandem_game_has_one_step_and_one_number() -> None:
    said = CliRunner().invoke(cli, ["arenas", "tandem"], env={"COLUMNS": "80"}).output
    assert "at most 1 step " in said
    assert "1 number in [-1, 1]" in said
    assert "        lola-exact,lr=0.001,eta=0.001,init=0.1 \\" in said


def test_references_of_axelrod_strategies_lose_their_marks() -> None:
    said = CliRunner().invoke(cli, ["agents", "axelrod:TitForTat"]).output
    assert "TitForTat: Axelrod1980\n" in said
    assert "]_" not in said


def test_a_description_tells_what_the_file_says() -> None:
    lola = " ".join(CliRunner().invoke(cli, ["agents", "lola"], env={"COLUMNS": "100"}).output.split())
    for part in ("Departures:", "eta float 1.0 the step that the other is expected to take", "joint (to learn)"):
        assert part in lola
    coin = " ".join(CliRunner().invoke(cli, ["arenas", "coin"], env={"COLUMNS": "100"}).output.split())
    for part in ("size int 3 n, at least 2", "coin-v1/panel-", "red player red 4 x 3 x 3 4 actions"):
        assert part in coin


@pytest.mark.slow
def test_bench_measures_all_that_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    from zoo.bench import speed as bench
    from zoo.entry.registry import names

    for name, small in {"BATCHES": (1,), "COPIES": (1, 8), "BLOCK": 2, "ROUND": (4, 4), "RESULTS": 100}.items():
        monkeypatch.setattr(bench, name, small)
    monkeypatch.setattr(bench, "IMAGINED", (4, 4))
    done = CliRunner().invoke(cli, ["bench", "--quick", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert len(found["measurements"]) == bench.count()
    assert {m["name"] for m in found["measurements"] if m["group"] == "agent"} == set(names(AGENTS))
    assert all(number > 0 for m in found["measurements"] for key, number in m["figures"].items() if key != "learning %")
    assert found["machine"]["threads"] == 1
