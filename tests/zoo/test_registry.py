"""Agents and arenas by name, module and file: what is found, what is imported, and what is said of a wrong name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest

from agents.protocol import Agent
from agents.scripts.random import Random
from arenas.coin import Coin
from arenas.protocol import Arena
from leaderboard.store.store import Store
from zoo.entry import catalogue, importing, registry
from zoo.entry.registry import AGENTS, ARENAS, kind_of, load_agent, load_arena, names
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.play.blocks import record_arena
from zoo.sandbox import source
from zoo.sandbox.source import Source

MINE = """
from dataclasses import dataclass
from agents.scripts.random import Random
from arenas.coin import Coin


@dataclass(frozen=True)
class Settings:
    courage: float = 0.5  # how much
    moves: int = 3

    def __post_init__(self):
        if self.moves < 1:
            raise ValueError(f"moves must be at least 1, got {self.moves}")


class Mine(Random):
    Config = Settings


class Small(Coin):
    pass


def env(**settings):
    from pettingzoo.classic import tictactoe_v3

    return tictactoe_v3.env(**settings)

"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    return file


@pytest.mark.parametrize("name", names(AGENTS))
def test_every_registered_agent_loads(name: str) -> None:
    entry = load_agent(name)
    assert issubclass(entry.agent, Agent)
    assert (entry.name, entry.key) == (name, name)
    assert entry.config([]) == entry.agent.Config()


@pytest.mark.parametrize("name", names(ARENAS))
def test_every_registered_arena_loads(name: str) -> None:
    assert issubclass(load_arena(name).factory, Arena)


def test_names_are_sorted_and_import_nothing() -> None:
    assert list(names(AGENTS)) == sorted(names(AGENTS))
    code = (
        "import sys; from zoo.entry.registry import names; found = [*names('zoo.agents'), *names('zoo.arenas')]\n"
        "assert len(found) > 10 and not {'torch', 'numpy', 'agents', 'arenas'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


@pytest.fixture
def fresh_names() -> Iterator[None]:
    """Entry points are scanned once a process: forget them before and after."""
    names.cache_clear()
    yield
    names.cache_clear()


@pytest.mark.usefixtures("fresh_names")
def test_a_name_claimed_twice_names_both_owners(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("twin", f"{package}.twin:Twin", AGENTS) for package in ("one", "two")]
    monkeypatch.setattr(registry.importlib.metadata, "entry_points", lambda group: points)
    with pytest.raises(UserError, match=r"'twin' is claimed by .*one\.twin:Twin.* and .*two\.twin:Twin"):
        names(AGENTS)


@pytest.mark.usefixtures("fresh_names")
def test_the_same_claim_found_twice_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("twin", "one.twin:Twin", AGENTS)] * 2
    monkeypatch.setattr(registry.importlib.metadata, "entry_points", lambda group: points)
    assert list(names(AGENTS)) == ["twin"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tit-for-tit", "unknown agent 'tit-for-tit'; did you mean tit-for-tat"),
        ("no/file.py:Agent", "there is no file no/file.py"),
        ("no_such_module:Agent", "no_such_module cannot be imported: there is no module"),
        ("agents.scripts.random:Randon", "agents.scripts.random has no 'Randon'; did you mean Random"),
        ("arenas.coin:Coin", "arenas.coin:Coin is not an agent: expected a subclass of agents.protocol.Agent"),
    ],
)
def test_wrong_agents_are_refused_with_the_fix(text: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        load_agent(text)
    assert said in str(refused.value)


def test_an_agent_by_module_and_by_file(mine: Path) -> None:
    assert load_agent("agents.scripts.random:Random").agent is Random
    first, again = load_agent(f"{mine}:Mine"), load_agent(f"{mine}:Mine")
    assert first.agent is again.agent
    assert first.agent.__name__ == "Mine"


def test_a_files_key_is_its_content(mine: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.py"
    elsewhere.write_text(MINE)
    key = load_agent(f"{mine}:Mine").key
    assert key.startswith("sha256-")
    assert load_agent(f"{elsewhere}:Mine").key == key
    mine.write_text(MINE + "\n# changed\n")
    assert load_agent(f"{mine}:Mine").key != key


def test_a_file_that_breaks_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("1 / 0\n")
    with pytest.raises(UserError, match=r"broken\.py cannot be imported: ZeroDivisionError: division by zero"):
        load_agent(f"{file}:Agent")


def test_config_texts_are_typed(mine: Path) -> None:
    entry = load_agent(f"{mine}:Mine")
    config = entry.config(["courage=1", "moves=7"])
    assert (config.courage, config.moves) == (1.0, 7)
    assert isinstance(config.courage, float)


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("curage=1", "no field 'curage'; did you mean courage"),
        ("courage", "expected field=value, got 'courage'"),
        ("moves=2.5", "moves must be a whole number, got '2.5'"),
        ("moves=0", "moves must be at least 1, got 0"),
    ],
)
def test_wrong_config_texts_are_refused(mine: Path, assignment: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        load_agent(f"{mine}:Mine").config([assignment])
    assert said in str(refused.value)


def test_arena_settings_make_its_identity() -> None:
    plain, five = load_arena("coin"), load_arena("coin", ["size=5", "max_steps=20"])
    assert plain.identity(plain.make(1)) == "coin-v1"
    arena = five.make(3)
    assert isinstance(arena, Coin)
    assert (arena.settings.size, arena.spec.max_steps, arena.batch_size) == (5, 20, 3)
    assert five.identity(arena) == "coin-v1(max_steps=20,size=5)"


@pytest.mark.parametrize(
    ("text", "assignments", "said"),
    [
        ("coim", [], "unknown arena 'coim'; did you mean coin"),
        ("coin", ["sise=5"], "arena coin has no field 'sise'; did you mean size"),
        ("coin", ["size=one"], "size must be a whole number"),
        ("coin", ["size=1"], "size must be at least 2"),
        ("coin", ["device=cuda"], "no field 'device'"),
        ("matrix", [], "arena matrix needs payoffs: --set arena.payoffs=VALUE"),
        ("pettingzoo:classic/tictactow_v3", [], "tictactoe"),
    ],
)
def test_wrong_arenas_are_refused_with_the_fix(text: str, assignments: list[str], said: str) -> None:
    with pytest.raises(UserError) as refused:
        load_arena(text, assignments).make(1)
    assert said in str(refused.value)


def test_wrappers_belong_to_foreign_environments() -> None:
    with pytest.raises(UserError, match="--wrap needs a PettingZoo environment"):
        load_arena("coin", wrap=("black_death_v3",))


def test_a_file_gives_arenas_and_environments(mine: Path) -> None:
    assert type(load_arena(f"{mine}:Small").make(2)).__name__ == "Small"
    foreign = load_arena(f"{mine}:env").make(2)
    assert list(foreign.spec.seats) == ["player_1", "player_2"]
    foreign.close()


def test_what_makes_no_arena_is_told() -> None:
    entry = registry.ArenaEntry("odd", lambda batch_size, device: SimpleNamespace())
    with pytest.raises(UserError, match=r"did not make an arenas\.protocol\.Arena"):
        entry.make(1)


def test_kinds(mine: Path) -> None:
    assert kind_of("random") == kind_of(f"{mine}:Mine") == "agent"
    assert kind_of("coin") == kind_of(f"{mine}:Small") == kind_of(f"{mine}:env") == "arena"
    assert kind_of("pettingzoo:classic/tictactoe_v3") == "arena"
    with pytest.raises(UserError, match="unknown agent or arena 'coinn'; did you mean coin"):
        kind_of("coinn")


def test_a_foreign_environment_gets_its_own_arguments() -> None:
    entry = load_arena("mpe2:simple_tag_v3", ["max_cycles=7", "num_good=2", "max_steps=9"])
    arena = entry.make(1)
    assert [seat for seat in arena.spec.seats if seat.startswith("agent")] == ["agent_0", "agent_1"]
    assert arena.spec.max_steps == 9
    assert "max_cycles=7,max_steps=9,num_good=2" in entry.identity(arena)
    with pytest.raises(UserError, match="nothing"):
        load_arena("mpe2:simple_tag_v3", ["nothing=1"]).make(1)


def test_environments_from_two_files_are_two_arenas(tmp_path: Path) -> None:
    for name, cycles in (("one.py", 5), ("two.py", 6)):
        head = "import functools\nfrom mpe2 import simple_tag_v3\n"
        (tmp_path / name).write_text(f"{head}env = functools.partial(simple_tag_v3.env, max_cycles={cycles})\n")
    entries = [load_arena(f"{tmp_path / name}:env") for name in ("one.py", "two.py")]
    names_, identities = zip(*((a.spec.name, e.identity(a)) for e in entries for a in [e.make(1)]), strict=True)
    assert names_ == ("one.py:env", "two.py:env")
    assert all("sha256-" in identity for identity in identities)
    assert len(set(identities)) == 2


GAME = """
import functools
import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv


class env(ParallelEnv):
    metadata = {"name": "game_v0"}
    possible_agents = ["a_0", "a_1"]

    def observation_space(self, agent):
        return spaces.Box(0, 1, (2,), np.float32)

    def action_space(self, agent):
        return spaces.Discrete(2)

    def reset(self, seed=None, options=None):
        self.agents = list(self.possible_agents)
        return {a: np.zeros(2, np.float32) for a in self.agents}, {a: {} for a in self.agents}

    def step(self, actions):
        names, self.agents = self.agents, []
        seen = {a: np.zeros(2, np.float32) for a in names}
        paid, ended, cut = (dict.fromkeys(names, value) for value in (1.0, True, False))
        return seen, paid, ended, cut, {a: {} for a in names}
"""


def identity_of(text: str) -> str:
    entry = load_arena(text)
    return entry.identity(entry.make(1))


def test_a_game_from_a_file_is_its_declared_version(tmp_path: Path) -> None:
    file = tmp_path / "game.py"
    file.write_text(GAME)
    first, content = identity_of(f"{file}:env"), load_arena(f"{file}:env").content
    assert first == "game.py:env(game_v0)"
    file.write_text(GAME + "# a comment\n")
    assert identity_of(f"{file}:env") == first
    assert load_arena(f"{file}:env").content != content
    file.write_text(GAME.replace("game_v0", "game_v1"))
    assert identity_of(f"{file}:env") == "game.py:env(game_v1)"


BESIDE = """
import beside_numbers
from beside_parts.pay import PAID
from beside_game import env


def late():
    import beside_late

    return beside_late.N, beside_numbers.N, PAID
"""


def beside(folder: Path) -> Path:
    """A file whose game lies beside it, in a module that it imports, with more modules."""
    (folder / "beside_parts").mkdir(parents=True)
    (folder / "beside_parts" / "__init__.py").touch()
    (folder / "beside_parts" / "pay.py").write_text("PAID = 3\n")
    (folder / "beside_numbers.py").write_text("N = 1\n")
    (folder / "beside_late.py").write_text("N = 2\n")
    (folder / "beside_game.py").write_text(GAME.replace("game_v0", "beside_v0"))
    (folder / "unused.py").write_text("N = 1\n")
    (folder / "arena.py").write_text(BESIDE)
    return folder / "arena.py"


@pytest.fixture
def clean_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What files import from beside them is forgotten afterwards."""
    monkeypatch.setattr(importing, "_beside", {})
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name in [name for name in sys.modules if name.startswith("beside_")]:
        del sys.modules[name]


@pytest.mark.usefixtures("clean_imports")
def test_an_arenas_file_imports_what_lies_beside_it(tmp_path: Path) -> None:
    file, before = beside(tmp_path / "one"), sys.path[0]
    first, content = identity_of(f"{file}:env"), load_arena(f"{file}:env").content
    assert first == "arena.py:env(beside_v0)"  # the version that the module beside it declares
    assert importing.load_file(str(file)).module.late() == (2, 1, 3) and sys.path[0] == before
    contents = {content}
    for name in ("beside_numbers.py", "beside_parts/pay.py", "beside_game.py", "beside_late.py"):
        (file.parent / name).write_text((file.parent / name).read_text() + "# a comment\n")
        contents.add(load_arena(f"{file}:env").content)
        assert identity_of(f"{file}:env") == first
    assert len(contents) == 5
    (file.parent / "unused.py").write_text("N = 2\n")
    assert load_arena(f"{file}:env").content in contents
    (file.parent / "beside_parts" / "pay.py").write_text("PAID = 4\n")
    assert importing.load_file(str(file)).module.late() == (2, 1, 4)  # as it is now


@pytest.mark.usefixtures("clean_imports")
def test_two_files_that_import_two_modules_of_one_name_do_not_mix(tmp_path: Path) -> None:
    one, two = beside(tmp_path / "one"), beside(tmp_path / "two")
    load_arena(f"{one}:env")
    with pytest.raises(UserError, match="another beside_game is in use: give it another name"):
        load_arena(f"{two}:env")
    (tmp_path / "numpy.py").write_text("N = 1\n")
    (tmp_path / "three.py").write_text("import numpy\nenv = numpy.N\n")
    with pytest.raises(UserError, match="another numpy is in use"):
        load_arena(f"{tmp_path / 'three.py'}:env")


def test_the_zoos_own_packages_are_no_files_of_an_agents(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "protocol.py").touch()
    file = tmp_path / "mine.py"
    file.write_text("from agents.protocol import Agent\n")
    assert set(Source.of_file(file, "Mine").files) == {"mine.py", "agents/protocol.py"}
    monkeypatch.setattr(source, "_OURS", {tmp_path / "agents"})  # as where the file lies in a clone of the zoo
    assert set(Source.of_file(file, "Mine").files) == {"mine.py"}


def test_a_file_that_changed_under_one_version_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "game.py"
    with Store(":memory:") as store:
        for comment in ("", "", "# a comment\n", "# a comment\n"):
            file.write_text(GAME + comment)
            record_arena(Venue(ArenaChoice(f"{file}:env")), store)
        assert store.arena("game.py:env(game_v0)").details["content"].startswith("sha256-")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("its file has changed since its first match (sha256-") == 1


@pytest.mark.parametrize(
    "text",
    [
        GAME.replace("game_v0", "game"),  # no version
        GAME.replace('"name"', '"title"'),
        "from mpe2.simple_tag_v3 import parallel_env as env\n",  # another's name and version
        "from arenas.coin import Coin\n\n\nclass env(Coin):\n    pass\n",
    ],
)
def test_a_game_from_a_file_that_declares_no_version_is_its_content(tmp_path: Path, text: str) -> None:
    file = tmp_path / "game.py"
    file.write_text(text)
    first = identity_of(f"{file}:env")
    assert "sha256-" in first
    file.write_text(text + "# a comment\n")
    assert identity_of(f"{file}:env") != first


def test_an_arena_from_a_file_is_its_declared_version(tmp_path: Path) -> None:
    file = tmp_path / "game.py"
    text = 'from arenas.coin import Coin\n\n\nclass Mine(Coin):\n    name = "mine-v3"\n'
    for more in ("", "# a comment\n"):
        file.write_text(text + more)
        identity = identity_of(f"{file}:Mine")
        assert "sha256-" not in identity
        assert "game.py:Mine" in identity


def test_a_learner_plays_nowhere_that_it_cannot_learn() -> None:
    learner = registry.load_agent("coma")
    refused = catalogue.refusal(learner, registry.load_arena("meta").make(1))
    assert refused == "does not offer state, without which it cannot learn"
    assert catalogue.refusal(learner, registry.load_arena("climbing").make(1)) is None
