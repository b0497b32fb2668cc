"""From a file to a place on the board, and off it again: commands as they are typed."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leaderboard.records import SubmissionRecord
from leaderboard.store.store import Store
from leaderboard.views.submissions import named, versions
from tests.zoo.command_line import Refused, Said, Zoo, fresh_checkpoint, recorded
from zoo import home
from zoo.cli import cli
from zoo.entry.registry import kind_of
from zoo.entry.venue import ArenaChoice, Venue
from zoo.matches.panel import renew
from zoo.matches.plan import Work
from zoo.submission import starter

SHORT = ("--arena", "ipd", "--set", "arena.max_steps=4")
FAST = (*SHORT, "--width", "1000")
SCRIPT = """\
import torch

from agents.protocol import Agent
from arenas.protocol import Action


class Mine(Agent):
    def act(self, timestep, memory):
        first = timestep.action_mask.long().argmax(-1)
        return Action(first), {**memory, "step": memory["step"] + 1}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to type commands in; what is submitted runs in this process, as tests of the sandbox are elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZOO_ISOLATION", "trusted")
    return tmp_path


@pytest.fixture(autouse=True)
def panel(zoo_home: str) -> None:
    """A small panel, so that nobody waits for a large one."""
    small_panel()


def small_panel() -> None:
    venue = Venue(ArenaChoice("ipd", ("max_steps=4",)))
    with Store(home.records()) as store:
        renew(venue, store, ["random", "always-cooperate", "grim"], Work(), 4)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A checkpoint of an agent of the zoo's own."""
    return fresh_checkpoint(tmp_path / "weights", "naive", ArenaChoice("ipd", ("max_steps=4",)))


def submit(zoo: Zoo, *words: object) -> Said:
    return zoo("submit", *words, "--author", "Ada", "--json")


def records() -> list[SubmissionRecord]:
    with Store(home.records()) as store:
        return store.submissions()


def left() -> list[str]:
    """What lies in the home beside records and secrets."""
    return sorted(p.name for p in home.folder().iterdir() if "sqlite" not in p.name and p.name != "secrets")


def test_a_checkpoint_is_entered_by_one_command(zoo: Zoo, weights: Path) -> None:
    said = submit(zoo, weights, *FAST, "--as", "mine").json
    assert (said["label"], said["already"]) == ("mine/1", False)
    (row,) = said["placement"]["standing"]
    assert row["label"] == "mine/1"
    assert row["rank_low"] <= row["rank"] <= row["rank_high"]
    assert [one["partner"] for one in said["placement"]["encounters"]][:2] == ["random", "always-cooperate"]
    assert sorted(path.name for path in Path(said["folder"]).iterdir()) == [
        "card.json",
        "weights.safetensors",
        "zoo.toml",
    ]
    again = submit(zoo, weights, *FAST, "--as", "another").json
    assert (again["label"], again["already"], again["placement"]["cpu_s"]) == ("mine/1", True, 0.0)
    assert again["placement"]["encounters"] == said["placement"]["encounters"]
    assert again["name"] == "mine"
    assert len(records()) == 1
    renamed = zoo("submit", weights, *FAST, "--as", "another")
    assert "as mine/1, and keeps this name: only a changed agent can be called another" in renamed.err
    printed = zoo("submit", weights, *FAST, "--as", "mine")
    screen = printed.out
    assert "already entered as mine/1" in printed.err
    assert "keeps this name" not in printed.err
    assert "Rank " in screen
    assert "zoo log" not in screen  # nothing of it runs that could print


def test_versions_of_a_name_and_what_becomes_of_them(zoo: Zoo, refused: Refused, tmp_path: Path) -> None:
    choice = ArenaChoice("ipd", ("max_steps=4",))
    folders = [fresh_checkpoint(tmp_path / f"w{n}", "naive,init=0.5", choice, n) for n in range(3)]
    labels = [submit(zoo, folder, *FAST, "--as", "mine").json["label"] for folder in folders]
    assert labels == ["mine/1", "mine/2", "mine/3"]

    def board() -> tuple[list[str], dict[str, str]]:
        said = zoo("leaderboard", "--arena", "ipd-v1(max_steps=4)", "--json").json
        mine = [row["label"] for row in said["rows"] if row["label"].startswith("mine")]
        return mine, {one["label"]: one["reason"] for one in said["apart"]}

    replaced = {"mine/1": "replaced by mine/3", "mine/2": "replaced by mine/3"}
    assert board() == (["mine/3"], replaced)
    assert "withdrawn: a bug" in zoo("withdraw", "mine", "--why", "a bug").out
    assert board() == (["mine/2"], {"mine/1": "replaced by mine/2", "mine/3": "withdrawn: a bug"})
    told = zoo("disqualify", "mine/2", "--why", "it was copied", "--json").json
    assert (told["label"], told["state"], told["why"]) == ("mine/2", "disqualified", "it was copied")
    assert board()[0] == ["mine/1"]
    screen = zoo("leaderboard", "--arena", "ipd-v1(max_steps=4)", width=200).out
    assert "Listed apart, not ranked: mine/2 (disqualified: it was copied); mine/3 (withdrawn: a bug)." in screen
    assert "Listed apart" in zoo("leaderboard", "--arena", "ipd-v1(max_steps=4)", "--format", "markdown").out
    assert "mine/2 is disqualified: it was copied already" in refused("withdraw", "mine/2")
    assert "it is withdrawn: a bug" in zoo("submit", folders[2], *FAST, "--as", "x", code=2).err
    assert "it is disqualified" in zoo("submit", folders[1], *FAST, "--as", "x", code=2).err
    assert "did you mean mine/" in refused("withdraw", "mine/9")
    states = [(row["label"], row["state"]) for row in zoo("submissions", "--json").json]
    assert states == [("mine/1", "entered"), ("mine/2", "disqualified"), ("mine/3", "withdrawn")]
    assert "disqualified: it was copied" in zoo("submissions", "--arena", "ipd", width=200).out
    assert len(records()) == 5  # three entries and two events: nothing was deleted


def test_a_submission_plays_by_its_name(zoo: Zoo, refused: Refused, tmp_path: Path) -> None:
    choice = ArenaChoice("ipd", ("max_steps=4",))
    for n in range(2):
        submit(zoo, fresh_checkpoint(tmp_path / f"w{n}", "naive", choice, n), *FAST, "--as", "mine")
    said = zoo("match", "mine", "mine/1", *SHORT, "--episodes", "4", "--json").json
    assert said["entrants"] == ["mine/2", "mine/1"]
    assert "mine is a submission" in refused("match", "mine@weights", "random", *SHORT)
    assert kind_of("mine") == "agent"
    assert "naive" in zoo("agents", "mine").out.lower()


def test_export_is_the_way_back(zoo: Zoo, refused: Refused, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = submit(zoo, weights, *FAST, "--as", "mine").json["digest"]
    assert "3 files" in zoo("export", "mine", "mine.zip").out
    assert "is there already" in refused("export", "mine", "mine.zip")
    monkeypatch.setenv("ZOO_HOME", str(Path("second").absolute()))
    small_panel()
    said = submit(zoo, "mine.zip", "--width", "1000").json
    assert (said["digest"], said["label"]) == (digest, "mine/1")
    told = zoo("export", "mine/1", "again.zip", "--json").json
    assert (told["path"], told["files"]) == ("again.zip", 3)
    assert Path("again.zip").read_bytes() == Path("mine.zip").read_bytes()
    zoo("export", "lola", "house.zip", "--arena", "ipd")
    assert submit(zoo, "house.zip", "--as", "my-lola", "--dry-run").json["arena"] == "ipd-v1"
    Path("mine.py").write_text(SCRIPT)
    zoo("export", "mine.py", "code.zip", *SHORT)
    assert submit(zoo, "code.zip", "--dry-run").json["arena"] == "ipd-v1(max_steps=4)"
    assert "add --arena" in refused("export", "lola", "x.zip")
    said = refused("export", "gone/9", "x.zip")
    assert "no submission, agent, file or folder 'gone/9' (`zoo submissions` lists the submissions)" in said
    Path("notes.txt").write_text("hello")
    assert "notes.txt: it is no agent; submit a FILE.py, a folder, a zip" in refused("submit", "notes.txt", *SHORT)
    assert "name its class, too: mine.py:CLASS" in refused("check", "mine.py")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("argmax", "argmax"), ""),
        (
            ("return Action", "return 1 / 0\n        return Action"),
            "breaks law 0.*ZeroDivisionError.*agent.py, line 10",
        ),
        (("class Mine", "raise KeyError('x')\n\n\nclass Mine"), "cannot be imported: KeyError"),
        (('"step": memory["step"] + 1}', '"step": torch.rand(1)}'), "breaks law"),
        (("= timestep", "= 9 + timestep"), "breaks law 0"),
        (("import torch\n", "import torch\nimport nowhere_found\n"), "agent.py, line 2: it imports nowhere_found"),
        (("(Agent):", '(Agent):\n    needs = frozenset({"coin"})\n'), "cannot play .* needs coin"),
        (("(Agent):", "(Agent):\n    learns = True\n"), "learner without weights; train it, `zoo train agent.py:Mine"),
        (("class Mine(Agent):", "class Mine:\n    made = Agent\n"), "which class is the agent"),
    ],
)
def test_refusals_name_rule_place_and_cure_and_leave_nothing(
    zoo: Zoo, refused: Refused, change: tuple[str, str], words: str
) -> None:
    Path("agent.py").write_text(SCRIPT.replace(*change))
    arguments = ("submit", "agent.py", *FAST, "--as", "mine", "--author", "Ada")
    if not words:
        assert json.loads(zoo(*arguments, "--dry-run", "--json").out)["label"] is None
    else:
        said = zoo(*arguments, code=2)
        (line,) = [text for text in said.err.splitlines() if text.startswith("zoo: ")]
        assert re.search(words, line), line
        assert line.endswith(")")
        assert " (rule: " in line
        assert "; " in line
        assert "zoo-submission-" not in line
    assert records() == []
    assert left() == []


def test_a_placement_that_has_played_all_says_so(zoo: Zoo, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.submission.placement._MOST", 1)
    said = submit(zoo, weights, *SHORT, "--width", "1e-9", "--budget", "1e6", "--as", "mine").json
    assert said["placement"]["ended"] == "no more episodes are played in a placement"


def test_what_is_not_kept_apart_is_placed_but_not_rated(zoo: Zoo) -> None:
    Path("agent.py").write_text(SCRIPT)
    said = submit(zoo, "agent.py", *SHORT, "--as", "mine").json
    assert said["placement"]["standing"] == []
    assert said["placement"]["ended"] == "it is not rated: agents are not kept apart at isolation trusted"
    assert len(said["placement"]["encounters"]) == 3
    assert "It has no rank: it is not rated" in zoo("submit", "agent.py", *SHORT, "--as", "mine").out


def test_a_fault_in_the_smoke_match_is_a_refusal(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    """An illegal action that only shows late in an episode, where the laws do not look."""
    late = "+ 7 * (memory['step'] > 40)"
    Path("agent.py").write_text(SCRIPT.replace("argmax(-1)", f"argmax(-1) {late}"))
    said = zoo("submit", "agent.py", "--arena", "ipd", "--as", "mine", "--author", "Ada", code=2)
    assert "mine: INVALID in row with itself" in said.err
    assert "play what the action mask allows" in said.err
    assert "(rule: smoke)" in said.err
    assert left() == []


def test_names_of_the_house_are_refused(refused: Refused, weights: Path) -> None:
    for name in ("lola", "random", "ipd", "axelrod", "nemesis"):
        assert f"{name} is a name of the zoo's own" in refused("submit", weights, *FAST, "--as", name)
    assert "is no name" in refused("submit", weights, *FAST, "--as", "Ada's best")


def test_weights_of_another_game_or_shape_are_refused(zoo: Zoo, refused: Refused, tmp_path: Path) -> None:
    other = fresh_checkpoint(tmp_path / "coin", "naive", ArenaChoice("coin"))
    said = zoo("submit", other, *FAST, "--as", "mine", code=2).err
    assert "it was trained in coin-v1, not in ipd-v1(max_steps=4)" in said
    card = json.loads((other / "card.json").read_text())
    (other / "card.json").write_text(json.dumps(card | {"arena": "ipd-v1", "seats": ["row", "column"]}))
    assert "(rule: entry)" in zoo("submit", other, *FAST, "--as", "mine", code=2).err
    assert left() == []


@pytest.mark.slow
def test_two_agents_with_modules_of_one_name_do_not_mix(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is kept apart, as is the default, is rated."""
    monkeypatch.delenv("ZOO_ISOLATION")
    last = "1 - timestep.action_mask.flip(-1).long()"  # of two actions the last legal one
    for name, action in (("one", "timestep.action_mask.long()"), ("two", last)):
        Path(name).mkdir()
        Path(name, "agent.py").write_text(SCRIPT.replace("timestep.action_mask.long()", action))
        text = f'name = "{name}"\nauthor = "Ada"\narena = "ipd,max_steps=4"\nentry = "agent.py:Mine"\n'
        Path(name, "zoo.toml").write_text(text)
    labels = [submit(zoo, name, "--width", "1000").json["label"] for name in ("one", "two")]
    assert labels == ["one/1", "two/1"]
    rows = zoo("leaderboard", "--arena", "ipd-v1(max_steps=4)", "--json").json["rows"]
    assert {row["label"] for row in rows} >= {"one/1", "two/1"}


def test_starting_points_keep_the_laws(zoo: Zoo, refused: Refused, here: Path) -> None:
    said = zoo("new", "agent", "my-learner", "--arena", "chicken").out
    assert "zoo train my_learner.py:MyLearner --arena chicken" in said
    assert "zoo submit my_learner.py:MyLearner@my_learner_weights --arena chicken" in said
    assert "is there already" in refused("new", "agent", "my-learner")
    assert "is a name of the zoo's own; choose another one (" in refused("new", "agent", "lola")
    assert "is no name" in refused("new", "agent", "My Learner")
    assert "is for agents" in refused("new", "arena", "my-pond", "--package")
    tree = ast.parse(Path("my_learner.py").read_text())
    (cls,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "MyLearner"]
    assert (cls.end_lineno or 0) - cls.lineno + 1 <= 60
    # the other process that law 5 asks is kept, and may have been started in another folder
    assert "Every law holds." in zoo("check", f"{here}/my_learner.py:MyLearner", "--arena", "coin").out
    zoo("new", "arena", "my-pond")
    assert "Every law holds." in zoo("check", f"{here}/my_pond.py:MyPond").out
    zoo("new", "agent", "mine", "--package")
    assert sorted(path.name for path in Path("mine").iterdir()) == ["agent.py", "zoo.toml"]


def commands(text: str) -> Iterator[list[str]]:
    yield from (line.split()[1:] for line in text.splitlines() if line.startswith("  zoo "))


@pytest.mark.slow
@pytest.mark.parametrize("package", [(), ("--package",)])
def test_three_commands_lead_to_the_board(zoo: Zoo, package: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """What `zoo new` prints can be typed as it stands, and the agent has learned something."""
    monkeypatch.delenv("ZOO_ISOLATION")
    train, submitted = commands(zoo("new", "agent", "my-learner", "--arena", "ipd", *package).out)
    zoo(*train)
    said = zoo(*submitted, "--author", "Ada", "--json").json
    (row,) = said["placement"]["standing"]
    assert row["rank"] is not None
    against = {one["partner"]: one["own_return"]["mean"] for one in said["placement"]["encounters"]}
    assert against["always-cooperate"] > 150 * -0.5  # who plays at random gets -1.5 a step


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on(zoo: Zoo, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kill -9 again and again: in the end the records hold one entry, and every block once."""
    words = [sys.executable, "-m", "zoo", "submit", str(weights), *FAST, "--as", "mine", "--author", "Ada", "--json"]
    shelf, played = home.folder() / "submissions", len(recorded("ipd-v1(max_steps=4)"))
    moments: list[Callable[[], bool]] = [
        lambda: shelf.is_dir(),
        lambda: shelf.is_dir() and any(shelf.iterdir()),
        lambda: len(records()) == 1,
        *(lambda n=n: len(recorded("ipd-v1(max_steps=4)")) > played + n for n in range(3)),
    ]
    for come in moments:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not come():
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    said = submit(zoo, weights, *FAST, "--as", "mine").json
    assert said["label"] == "mine/1"
    assert len(records()) == 1
    assert left() == ["submissions"]
    assert len(os.listdir(home.folder() / "submissions")) == 1
    killed = zoo("leaderboard", "--arena", "ipd-v1(max_steps=4)", "--json").json["rows"]
    secrets = home.secrets_folder()
    monkeypatch.setenv("ZOO_HOME", str(Path("undisturbed").absolute()))
    shutil.copytree(secrets, home.secrets_folder(), dirs_exist_ok=True)
    small_panel()
    submit(zoo, weights, *FAST, "--as", "mine")
    assert zoo("leaderboard", "--arena", "ipd-v1(max_steps=4)", "--json").json["rows"] == killed


def test_versions_follow_from_the_records_alone() -> None:
    def entered(id: str, name: str, arena: str = "a") -> SubmissionRecord:
        return SubmissionRecord(id, f"e{id}", arena, {"event": "entered", "name": name}, "")

    def gone(of: str, event: str) -> SubmissionRecord:
        return SubmissionRecord(f"{event}{of}", f"e{of}", "a", {"event": event, "of": of, "why": "w"}, "")

    known = [entered("1", "x"), entered("2", "y"), entered("3", "x", "b"), entered("4", "x"), gone("4", "withdrawn")]
    assert [(v.label, v.state) for v in versions(known)] == [
        ("x/1", "entered"),
        ("y/1", "entered"),
        ("x/2", "entered"),
        ("x/3", "withdrawn"),
    ]
    assert [getattr(named(known, "x", arena), "label", None) for arena in ("a", "b", "")] == ["x/1", "x/2", "x/2"]
    assert named(known, "z") is None
    more = [*known, gone("4", "disqualified"), gone("4", "withdrawn"), gone("9", "withdrawn")]
    assert named(more, "x/3").state == "disqualified"  # type: ignore[union-attr]


def test_templates_are_data_of_the_package() -> None:
    names = {path.name for path in (Path(starter.__file__).parent / "templates").iterdir()}
    assert names == {"agent.py.template", "arena.py.template", "zoo.toml.template"}
    assert cli is not None


def test_the_page_shows_what_is_printed() -> None:
    page = (Path(__file__).parents[3] / "docs" / "submissions.md").read_text()
    block = re.search(r"<!-- submit -->\n```sh\n(.*?)```", page, re.DOTALL)
    assert block is not None
    assert block[1].splitlines() == ["zoo new agent my-learner", *starter.new_agent("my-learner", "ipd").then]
