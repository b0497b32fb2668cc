"""What is written is true: commands are documented, examples can be typed, and the README's code runs."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import zoo
import zoo.cli
from zoo.cli import COMMANDS, cli
from zoo.papers import FIGURES
from zoo.papers.pages import file_stem, overview_page

HOUSE = Path(__file__).resolve().parent.parent
README = (HOUSE / "README.md").read_text()
PAGES = {path.relative_to(HOUSE).as_posix(): path.read_text() for path in sorted((HOUSE / "docs").rglob("*.md"))}
TEXT = "\n".join([README, *PAGES.values()])


def command(name: str) -> click.Command:
    found = importlib.import_module(f"zoo.commands.{name}").command
    assert isinstance(found, click.Command)
    return found


def examples() -> list[str]:
    """Every `zoo ...` line that somebody could copy: from help texts, the README and the pages in docs/."""
    typed = [command(name) for name in COMMANDS]
    typed += [below for one in typed for below in getattr(one, "commands", {}).values()]
    texts = [zoo.cli.EPILOG, *(one.epilog or "" for one in typed)]
    found = [line.strip() for text in texts for line in text.splitlines() if re.match(r"\s+zoo [a-z]", line)]
    found += [" ".join(line.split()) for line in re.findall(r"`(zoo [a-z][^`]*)`", TEXT)]
    found += re.findall(r"^(?:\$ |\S*bin/| {4})?(zoo [a-z].*)$", TEXT, re.MULTILINE)
    return [line for line in dict.fromkeys(found) if not re.search(r"[A-Z]{4,}|\.\.\.", line)]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    help_text = command(name).help
    assert help_text
    assert help_text.splitlines()[0].endswith(".")
    assert re.search(rf"^ +zoo {name}\b", result.output, re.MULTILINE), "its --help has no example"
    assert "Examples:" in result.output
    assert f"zoo {name}" in README


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    silent = [p.opts[0] for p in command(name).params if isinstance(p, click.Option) and not (p.help or p.show_default)]
    assert silent == []


def test_the_overview_lists_every_command() -> None:
    output = CliRunner().invoke(cli, ["--help"]).output
    assert [name for name in COMMANDS if f"  {name} " not in output] == []
    modules = {path.stem for path in (HOUSE / "zoo" / "commands").glob("*.py")} - {"__init__", "options"}
    assert modules == set(COMMANDS)


@pytest.mark.parametrize("line", examples())
def test_examples_can_be_typed(line: str) -> None:
    """Commands and options exist and their values parse; nothing is run."""
    words = shlex.split(re.split(r" > | \| | #", line)[0])[1:]
    if words[0] in COMMANDS and len(words) == 1:
        return  # a command that is mentioned
    if words[0] in COMMANDS:
        command(words[0]).make_context(words[0], words[1:])
    else:
        pytest.fail(f"{line!r} names no command")


def block(kind: str, folder: Path) -> str:
    """The block of our pages marked `<!-- test: KIND -->`, saved under the name that the text before it gives."""
    found = re.search(rf"`(\w+\.py)`(?:(?!`\w+\.py`).)*?<!-- test: {kind} -->\n```python\n(.*?)```", TEXT, re.DOTALL)
    assert found, f"no page has a block <!-- test: {kind} --> after 'Save this as `name.py`'"
    file = folder / found[1]
    file.write_text(found[2])
    classes = re.findall(r"^class (\w+)", found[2], re.MULTILINE)
    return f"{file}:{classes[-1]}"


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, f"{result.output}\n{result.exception!r}"
    return result.output


def test_the_pages_agent_keeps_the_laws_and_plays(tmp_path: Path) -> None:
    agent = block("agent", tmp_path)
    assert "Every law holds." in run("check", agent, "--arena", "ipd")  # tests/test_newcomer.py: everywhere
    assert "tit-for-tat" in run("match", agent, "tit-for-tat", "--arena", "ipd", "--episodes", "20", "--no-record")


def test_the_pages_arena_keeps_the_laws_and_is_played(tmp_path: Path) -> None:
    arena = block("arena", tmp_path)
    assert "Every law holds." in run("check", arena)
    assert "random" in run("match", "random", "random", "--arena", arena, "--episodes", "20", "--no-record")


def snippets() -> list[tuple[str, str]]:
    """(page, code) of every block that is marked to be run as it stands."""
    found = {
        page: re.findall(r"<!-- test: run -->\n```python\n(.*?)```", text, re.DOTALL) for page, text in PAGES.items()
    }
    return [(page, code) for page, blocks in found.items() for code in blocks]


@pytest.mark.parametrize(("page", "code"), snippets())
def test_snippets_run(page: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(code, page, "exec"), {})


def test_reproduced_figures_are_whole() -> None:
    """What lies beside the docs is named for what it is, has its picture, and is quick only where no full run is."""
    files = sorted((HOUSE / "docs" / "figures").glob("*.json"))
    assert files
    for file in files:
        whole = json.loads(file.read_text())
        assert file_stem(whole) == file.stem and whole["name"].partition(",")[0] in FIGURES
        assert file.with_suffix(".png").exists()
        assert not (whole["run"]["quick"] and file.with_name(f"{whole['name']}.json").exists())


def test_a_page_of_all_figures_says_what_is_left() -> None:
    """Every figure of the list is on it: run, with what is published beside ours, or with the command that runs it."""
    whole = json.loads((HOUSE / "docs" / "figures" / "maddpg-communication.json").read_text())
    page = overview_page([whole | {"run": whole["run"] | {"quick": True}}], links=True)
    assert "### [maddpg-communication](maddpg-communication-quick.md), quick" in page
    assert "| 0 to 2, quick |" in page and "`zoo reproduce maddpg-communication --quick`, seeds 0 to 2" in page
    left = re.findall(r"`zoo reproduce ([\w-]+)` \|", page)
    assert {*left, "maddpg-communication"} == set(FIGURES) and len(left) == len(FIGURES) - 1


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """`strict` makes an error of every broken link, missing page and docstring that cannot be read."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    build(load_config(str(HOUSE / "mkdocs.yml"), site_dir=str(tmp_path)))
    for page in (
        "index",
        "agents/lola",
        "arenas/coin",
        "api",
        "figures/index",
        "papers/lowe-et-al-2017-maddpg",
        "notebooks/first-match-and-board",
        "decisions/index",
        "protocol",
    ):
        text = (tmp_path / f"{page}.html").read_text()
        assert not re.search(r"(?:src|href)=\"https?://[^\"]*\\.(?:js|css|woff2?)\"", text), (
            "something is fetched from elsewhere"
        )
    assert "delta [ grad_1 V_1" in (tmp_path / "agents" / "lola.html").read_text()


def links() -> list[tuple[str, str]]:
    """(page, target) of every link to a file of ours."""
    pages = {"README.md": README, ".github/CONTRIBUTING.md": (HOUSE / ".github/CONTRIBUTING.md").read_text(), **PAGES}
    return [
        (page, target) for page, text in pages.items() for target in re.findall(r"\]\((?!http)([^)#\s]+)[^)]*\)", text)
    ]


@pytest.mark.parametrize(("page", "target"), links())
def test_links_lead_somewhere(page: str, target: str) -> None:
    assert ((HOUSE / page).parent / target).exists()


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, todo = set(), ["README.md"]
    while todo:
        page = todo.pop()
        reached.add(page)
        found = [((HOUSE / p).parent / t).resolve().relative_to(HOUSE).as_posix() for p, t in links() if p == page]
        todo += [target for target in found if target.endswith(".md") and target not in reached]
    assert set(PAGES) <= reached


def test_every_extra_is_explained() -> None:
    extras = tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    page = PAGES["docs/installing.md"]
    assert [extra for extra in extras if f"`{extra}`" not in page] == []


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 150


def test_the_library_in_ten_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of `docs/library.md` runs as it stands, its first block is ten lines, and its table has every name."""
    text = (HOUSE / "docs" / "library.md").read_text()
    blocks = re.findall(r"<!-- test: library -->\n```python\n(.*?)```", text, re.DOTALL)
    assert len([line for line in blocks[0].splitlines() if line]) <= 11  # the import and ten more
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for code in blocks:
        exec(compile(code, "library.md", "exec"), names)
    assert (tmp_path / "naive-ipd" / "card.json").exists()
    assert [name for name in zoo.__all__ if name != "__version__" and f"`{name}`" not in text] == []


def test_the_library_plays_tournaments_and_measures() -> None:
    ipd = zoo.open_venue("ipd", "max_steps=5")
    table = zoo.play_tournament(ipd, ["grim", "random"], episodes=4)
    assert table.labels == ("grim", "random")
    assert zoo.measure_exploitability(ipd, "grim").exact
    with pytest.raises(zoo.UserError, match="grim is named twice"):
        zoo.play_tournament(ipd, ["grim", "grim"])


def test_the_glossary_is_short_and_sorted() -> None:
    words = re.findall(r"^\| ([a-z][\w ]*) \| \S", PAGES["docs/glossary.md"], re.MULTILINE)
    assert 0 < len(words) <= 41  # the head of the table is one of them
    assert words[1:] == sorted(words[1:])
