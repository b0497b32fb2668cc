"""Agents from files in processes of their own: through every command, and each fault on the right entrant."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

from leaderboard.records import Status
from leaderboard.store.store import Store
from tests.zoo.command_line import Refused, Zoo, recorded
from zoo import home
from zoo.check.elsewhere import fingerprint, fingerprint_elsewhere
from zoo.check.subject import subject
from zoo.entry.registry import kind_of, load_agent
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.play.blocks import Task, play_block
from zoo.sandbox.levels import at

STUDENTS = '''
"""Students' accidents, and one who cheats."""
import os
from dataclasses import dataclass

import torch
from agents.protocol import Agent, playing
from agents.randomness import categorical, uniform
from arenas.protocol import Action


class Plain(Agent):
    """Defects."""

    def act(self, timestep, memory):
        return Action(torch.ones_like(timestep.reward).long()), {**memory, "step": memory["step"] + 1}


class Lawful(Plain):
    def act(self, timestep, memory):
        return Action(timestep.action_mask.long().argmax(-1)), {**memory, "step": memory["step"] + 1}


class Crash(Plain):
    def act(self, timestep, memory):
        if memory["step"] == 3:
            print("this is what I did")
            raise RuntimeError("oops")
        return super().act(timestep, memory)


class Exit(Plain):
    def act(self, timestep, memory):
        os._exit(0)


class Illegal(Plain):
    def act(self, timestep, memory):
        return Action(torch.full_like(timestep.reward, 7).long()), {**memory, "step": memory["step"] + 1}


class Shape(Plain):
    def act(self, timestep, memory):
        return Action(torch.zeros(1).long()), memory


class Peek(Plain):
    """Rewrites the other agent's class from inside."""

    def act(self, timestep, memory):
        import agents.scripts.memory_one as m

        for kind in vars(m).values():
            if isinstance(kind, type) and issubclass(kind, Agent):
                kind.act = lambda self, t, mem: (Action(torch.zeros_like(t.reward).long()), mem)
        return super().act(timestep, memory)


class Refuses(Plain):
    def build(self, seed):
        raise ValueError("I play chess only")


class Unmade(Plain):
    def build(self, seed):
        raise OSError("no parts")


@dataclass(frozen=True)
class Settings:
    lr: float = 0.5  # size of a step


class Turncoat(Plain):
    """Declares something else in each process."""

    learns = True
    behaviour = int.from_bytes(os.urandom(3), "little")

    def learn(self, joint, context):
        return {}


class Learner(Plain):
    """REINFORCE on a table."""

    Config = Settings
    learns = True

    def build(self, seed):
        self.theta = torch.zeros(self.seat_spec().observation[0], self.seat_spec().actions)

    def act(self, timestep, memory):
        drawn = categorical((timestep.observation @ self.theta).softmax(-1), uniform(memory["seed"], memory["step"]))
        return Action(drawn), {**memory, "step": memory["step"] + 1}

    def learn(self, joint, context):
        seen = joint.seats[self.seats[0]]
        theta = self.theta.clone().requires_grad_()
        logits = (seen.timesteps.observation[:-1] @ theta).log_softmax(-1)
        chosen = logits.gather(-1, seen.actions.value.unsqueeze(-1)).squeeze(-1)
        loss = -(seen.timesteps.reward[1:] * chosen * playing(seen.timesteps)).mean()
        loss.backward()
        self.theta = (theta - self.config.lr * theta.grad).detach()
        return {"loss": loss.item()}

    def acting_state(self):
        return {f"{self.seats[0]}/theta": self.theta}


class Odd(Plain):
    behaviour = int.from_bytes(os.urandom(3), "little")


@dataclass(frozen=True)
class Fussy:
    lr: float = 0.5

    def __post_init__(self):
        if self.lr == 2:
            os._exit(3)
        if self.lr == 3:
            raise RuntimeError("no such step")


class Picky(Plain):
    Config = Fussy


class LearnsBadly(Learner):
    def learn(self, joint, context):
        if context.update == 2:
            raise FloatingPointError("too hot")
        return super().learn(joint, context)
'''
GAME = ("--arena", "ipd", "--set", "arena.max_steps=8")
#: A small panel, so that nobody waits for the one that the game would inherit.
FEW = ("--panel", "grim,random")
FORFEIT = -24.0


@pytest.fixture
def students(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands run in, with `students.py`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ZOO_ISOLATION", raising=False)
    Path("students.py").write_text(STUDENTS)
    return tmp_path


def statuses() -> dict[str, set[str]]:
    """What each recorded entrant had but DONE, by its label."""
    with Store(home.records(), read_only=True) as store:
        labels = store.labels()
        assert store.unsound() == []
    found: dict[str, set[str]] = {label: set() for label in labels.values()}
    for result in (result for block in recorded("ipd-v1(max_steps=8)") for result in block.results):
        found[labels[result.entrant]] |= {list(Status)[code].value for code in set(result.statuses.tolist()) - {0}}
    return found


@pytest.mark.parametrize(
    "names",
    [("Crash", "Peek"), pytest.param(("Crash", "Exit", "Illegal", "Shape", "Unmade", "Peek"), marks=pytest.mark.slow)],
    ids=len,
)
def test_a_tournament_ends_with_every_fault_on_the_right_entrant(
    students: Path, zoo: Zoo, names: tuple[str, ...]
) -> None:
    guilty = [f"students.py:{name}" for name in names]
    honest = ("tit-for-tat", "grim")
    panel = ("--panel", "tit-for-tat,grim,always-defect")
    alone = zoo("tournament", *honest, *GAME, "--episodes", 3, *panel, "--format", "json").json
    board_alone = {row["label"]: row for row in zoo("leaderboard", *GAME[:2], "--format", "json").json["rows"]}
    told = zoo("tournament", *guilty, *honest, *GAME, "--episodes", 3, "--format", "json").json
    board = {row["label"]: row for row in zoo("leaderboard", *GAME[:2], "--format", "json").json["rows"]}
    expected = {
        "Crash": {"CRASH"},
        "Exit": {"CRASH"},
        "Illegal": {"INVALID"},
        "Shape": {"INVALID"},
        "Unmade": {"CRASH"},
    }
    found = statuses()
    assert {who: found[who] for who in guilty} == {f"students.py:{name}": expected.get(name, set()) for name in names}
    assert not any(of for who, of in found.items() if who not in guilty)
    (all_cells,), (own_cells,) = (
        [matrix["mean"] for matrix in (x if isinstance(x, list) else [x])] for x in (told, alone)
    )
    assert [row[-2:] for row in all_cells[-2:]] == own_cells
    for who in honest:
        for figure in ("own_return", "mu"):
            assert board[who][figure] == board_alone[who][figure]
        assert board[who]["faults"] == 0


def test_who_rewrites_its_opponent_gains_nothing(students: Path) -> None:
    venue = Venue(ArenaChoice("ipd", ("max_steps=8",)))

    def against(text: str) -> dict[str, list[float]]:
        pair = sorted((text, "tit-for-tat"), key=venue.id)
        block = play_block(venue, Task((pair[0], pair[1]), 0, 0, 4))
        return {
            "me" if result.entrant == venue.id(text) else "you": result.returns.tolist() for result in block.results
        }

    assert against("students.py:Peek") == against("always-defect") == against("students.py:Plain")


def test_the_level_and_the_cpu_time_are_recorded(students: Path, zoo: Zoo) -> None:
    told = zoo("match", "students.py:Plain", "grim", *GAME, *FEW, "--episodes", 2, "--json").json
    assert list(told["isolation"]) == ["students.py:Plain"]
    with Store(home.records(), read_only=True) as store:
        strangers = {record.id for record in store.entrants() if record.provenance.get("stranger")}
        labels = store.labels()
    assert {labels[who] for who in strangers} == {"students.py:Plain"}
    for result in (result for block in recorded("ipd-v1(max_steps=8)") for result in block.results):
        level = "strict" if result.entrant in strangers else "trusted"
        assert result.isolation.startswith(level) and result.cpu_s > 0


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_who_is_somebody_else_in_each_process_is_at_fault_alone(students: Path, zoo: Zoo, workers: int) -> None:
    names = ("students.py:Odd", "students.py:Plain", "tit-for-tat")
    zoo("tournament", *names, *GAME, "--episodes", 2, "--workers", workers, "--panel", "grim,always-defect")
    found = statuses()
    assert found.pop("students.py:Odd") == {"INVALID"}
    assert not any(found.values())


@pytest.mark.parametrize(("lr", "why"), [(2, "its process left with exit code 3"), (3, "RuntimeError: no such step")])
def test_settings_that_break_their_class_are_refused_with_its_name(students: Path, refused: Refused, lr, why) -> None:
    said = refused("match", f"students.py:Picky,lr={lr}", "grim", *GAME)
    assert said.startswith(f"zoo: students.py:Picky: its class cannot take these settings: {why}")


def test_who_refuses_the_game_is_told_at_once(students: Path, refused: Refused) -> None:
    assert refused("match", "students.py:Refuses", "grim", *GAME).endswith("students.py:Refuses: I play chess only")


def test_a_game_is_the_same_at_every_level(students: Path, zoo: Zoo) -> None:
    words = ("match", "students.py:Crash", "grim", *GAME, *FEW, "--episodes", 3, "--seed", 0, "--no-record", "--json")
    strict, process = zoo(*words).json, zoo(*words, "--isolation", "process").json
    assert (strict["match"], strict["seats"]) == (process["match"], process["seats"])
    honest = ("match", "students.py:Plain", *words[2:])
    assert zoo(*honest).json["seats"] == zoo(*honest, "--trust").json["seats"]


def test_a_learner_learns_through_the_pipe(students: Path, zoo: Zoo) -> None:
    small = ("--learn", "--rounds", 4, "--copies", 4, "--runs", 1, "--sight", "actions", "--no-record", "--json")
    words = ("match", "students.py:Learner", "naive,hidden=0", *GAME, *small)
    assert zoo(*words).json["seats"] == zoo(*words, "--trust").json["seats"]
    told = zoo("match", "students.py:LearnsBadly", "naive,hidden=0", *GAME, *small).json
    assert {line["entrant"]: line["faults"] for line in told["seats"]} == {
        "students.py:LearnsBadly": {"CRASH": 1},
        "naive,hidden=0": {},
    }


def test_a_checkpoint_of_a_strangers_learner_plays(students: Path, zoo: Zoo) -> None:
    train = ("train", "students.py:Learner,lr=0.2", *GAME, "--steps", 200, "--copies", 5)
    zoo(*train, "--out", "there")
    zoo(*train, "--out", "here", "--trust")
    there, here = (Path(name, "weights.safetensors").read_bytes() for name in ("there", "here"))
    assert there == here
    match = ("match", "students.py:Learner@there", "grim", *GAME, *FEW, "--episodes", 2)
    key = zoo(*match, "--json").json["match"]
    assert "agrees with the record" in zoo("replay", key, "--no-gif").out
    assert "came out as recorded" in zoo("verify", key).out


def test_crossplay_leaves_out_what_a_partner_spoiled(students: Path, zoo: Zoo) -> None:
    words = ("crossplay", "students.py:Illegal", "tit-for-tat", "always-defect", *GAME, "--episodes", 2, "--no-record")
    told = zoo(*words, "--json").json
    assert told["faults"]["students.py:Illegal"]["INVALID"] > 0
    assert "students.py:Illegal" in zoo(*words).out and "INVALID" in zoo(*words).out


def test_the_laws_say_the_same_inside(students: Path, zoo: Zoo) -> None:
    for name, code in (("Lawful", 0), ("Learner", 1)):
        words = ("check", f"students.py:{name}", "--arena", "ipd", "--json")
        assert zoo(*words, code=code).json == zoo(*words, "--trust", code=code).json
    findings = zoo("check", "students.py:Exit", "--arena", "ipd", "--json", code=1).json["findings"]
    assert findings[0]["reason"] == "CRASH: its process left with exit code 0"
    assert {f["reason"] for f in findings[1:] if f["verdict"] == "not applicable"} > {"it fails as under law 0"}


def test_the_file_of_an_arena_goes_along_to_where_the_agent_is_checked(students: Path, zoo: Zoo) -> None:
    Path("game.py").write_text("from arenas.coin import Coin\n\n\nclass Mine(Coin):\n    pass\n")
    told = zoo("check", "students.py:Lawful", "--arena", "game.py:Mine", "--json")
    assert told.json == zoo("check", "students.py:Lawful", "--arena", "game.py:Mine", "--json", "--trust").json
    assert told.json["passed"]


@pytest.mark.parametrize("workers", [1, 2])
def test_who_declares_something_else_each_time_is_named(workers: int, students: Path, refused: Refused) -> None:
    train = ("train", "students.py:Turncoat", *GAME, "--seeds", 2, "--steps", 200, "--copies", 5, "--workers", workers)
    assert "students.py:Turncoat in seat row failed: INVALID: its class declares something else" in refused(*train)


# identity


def test_an_agent_is_the_same_entrant_at_every_level(students: Path) -> None:
    strict = load_agent("students.py:Crash")
    with at("trusted"):
        trusted = load_agent("students.py:Crash")
    assert strict.key == trusted.key and strict.agent is not trusted.agent
    assert (strict.shipped, trusted.shipped, load_agent("grim").shipped) == (False, False, True)
    assert (strict.isolation, trusted.isolation, load_agent("grim").isolation) == ("strict", "trusted", "trusted")


def test_a_helper_beside_the_file_is_part_of_the_agent(students: Path) -> None:
    Path("mine.py").write_text(
        "from students import Plain\nfrom helper import WORD\n\n\nclass Mine(Plain):\n    pass\n"
    )
    Path("helper.py").write_text("WORD = 1\n")
    first = load_agent("mine.py:Mine").key
    Path("helper.py").write_text("WORD = 2\n")
    assert load_agent("mine.py:Mine").key != first
    Path("helper.py").write_text("WORD = 1\n")
    Path("nobody_imports_me.py").write_text("WORD = 3\n")
    assert load_agent("mine.py:Mine").key == first


def test_kinds_are_told_without_running_agents_here(students: Path) -> None:
    Path("both.py").write_text(
        textwrap.dedent(
            """
            import os
            from agents.protocol import Agent
            from arenas.coin import Coin

            os.environ["WAS_HERE"] = "1"


            class Mine(Agent):
                pass


            class Game(Coin):
                pass
            """
        )
    )
    assert kind_of("both.py:Mine") == "agent" and "WAS_HERE" not in os.environ
    assert kind_of("both.py:Game") == "arena"
    os.environ.pop("WAS_HERE", None)


# options


def test_levels_are_named_and_contradictions_refused(
    students: Path, zoo: Zoo, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("match", "students.py:Plain", "grim", *GAME, *FEW, "--episodes", 2)
    assert "--trust and --isolation strict contradict" in refused(*words, "--trust", "--isolation", "strict")
    assert "'--isolation': 'loose' is not one of" in refused(*words, "--isolation", "loose")
    zoo(*words, "--isolation", "trusted")
    assert "ZOO_ISOLATION" not in os.environ  # it holds for the command
    monkeypatch.setenv("ZOO_ISOLATION", "loose")
    assert "ZOO_ISOLATION" in refused(*words)


def test_where_the_kernel_cannot_confine_it_says_so(
    students: Path, refused: Refused, zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoo.sandbox.confine.supported", lambda level: "no Landlock" if level == "strict" else None)
    said = refused("match", "students.py:Plain", "grim", *GAME, "--episodes", 2)
    assert "no Landlock" in said and "--isolation process" in said
    assert "no Landlock" in refused("match", "grim", "grim", *GAME, "--isolation", "strict")
    zoo("match", "tit-for-tat", "grim", *GAME, *FEW, "--episodes", 2)  # what ships needs no sandbox


def test_the_library_takes_a_level(students: Path) -> None:
    from zoo.api import open_venue, play_match

    venue = open_venue("ipd", "max_steps=8")
    told = play_match(venue, "students.py:Crash", "grim", episodes=2)
    assert {status for line in told.seats for status in line.faults} == {"CRASH"}
    with pytest.raises(UserError, match="RuntimeError: oops"):
        play_match(venue, "students.py:Crash", "grim", episodes=2, isolation="trusted")


def test_the_other_process_follows_into_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law 5 asks one process for every subject; a relative path means what it means here, at the level of here."""
    code = "from agents.scripts.memory_one import Grim\n\n\nclass Mine(Grim):\n    pass\n"
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.py").write_text(code)
        monkeypatch.chdir(tmp_path / name)
        with at("trusted"):
            mine = subject(f"{name}.py:Mine", "ipd")
            assert fingerprint_elsewhere(mine) == fingerprint(mine)
