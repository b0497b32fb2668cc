"""One quantity decides: whoever earns more per episode leads wherever two are compared, in short games and long."""

from __future__ import annotations

import itertools
import textwrap
from pathlib import Path

import numpy as np
import pytest

from leaderboard.store.store import Store
from tests.zoo.command_line import Zoo
from zoo import home

ENVIRONMENT = """
import numpy as np
from gymnasium.spaces import Box, Discrete
from pettingzoo import ParallelEnv


class Race(ParallelEnv):
    # Zero-sum. Who presses 0 wins long games and who presses 1 short ones; seven games of ten are long.
    metadata = {"name": "race_v0", "render_modes": []}
    possible_agents = ["runner_0", "runner_1"]

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def observation_space(self, agent):
        return Box(0, 1, (1,), np.float32)

    def action_space(self, agent):
        return Discrete(2)

    def _look(self):
        return {agent: np.zeros(1, np.float32) for agent in self.possible_agents}

    def reset(self, seed=None, options=None):
        self.long = np.random.default_rng(seed).random() < 0.7
        self.agents, self.left = self.possible_agents[:], 20 if self.long else 2
        return self._look(), {agent: {} for agent in self.possible_agents}

    def step(self, actions):
        self.left -= 1
        over, paid = self.left == 0, dict.fromkeys(self.possible_agents, 0.0)
        if over:
            self.agents = []
            if actions["runner_0"] != actions["runner_1"]:
                winner = next(agent for agent in actions if (actions[agent] == 0) == self.long)
                paid = {agent: 1.0 if agent == winner else -1.0 for agent in self.possible_agents}
        no = dict.fromkeys(self.possible_agents, False)
        return self._look(), paid, dict.fromkeys(self.possible_agents, over), no, {a: {} for a in self.possible_agents}
"""
AGENTS = """
import torch
from agents.protocol import Agent
from arenas.protocol import Action


class Slow(Agent):
    needs = frozenset()
    key = 0

    def begin(self, seating):
        return {"moves": torch.zeros_like(seating.seed)}

    def act(self, timestep, memory):
        return Action(torch.full_like(memory["moves"], self.key)), {"moves": memory["moves"] + 1}


class Fast(Slow):
    key = 1
"""
SLOW, FAST = "press.py:Slow", "press.py:Fast"


@pytest.fixture
def race(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # a panel is of twenty games, in three of a hundred homes ten of them short: the same luck in every run
    home.keep_once(home.secrets_folder() / "seed-1.key", "5e" * 32)
    for name, text in (("race.py", ENVIRONMENT), ("press.py", AGENTS)):
        Path(name).write_text(textwrap.dedent(text))


@pytest.mark.usefixtures("race")
@pytest.mark.parametrize("kind", ["competitive", "mixed"])
def test_who_wins_more_games_leads_everywhere_though_others_win_faster(kind: str, zoo: Zoo) -> None:
    arena = ("--arena", "race.py:Race", "--set", f"arena.kind={kind}")
    panel = () if kind == "competitive" else ("--panel", f"{SLOW},{FAST}")
    told = zoo("match", FAST, SLOW, *arena, *panel, "--episodes", 60, "--json").json
    (comparison,) = told["comparisons"]
    assert comparison["difference"]["high"] < 0  # FAST was named first
    assert comparison["verdict"].startswith(SLOW)
    own = {line["entrant"]: line["own_return"]["mean"] for line in told["seats"]}
    assert own[SLOW] == -own[FAST] > 0.2 and told["length"] is None
    if kind == "competitive":
        assert comparison["quantity"] == "games won" and 0.6 < comparison["second"]["mean"] < 0.8
        assert comparison["second"]["mean"] == pytest.approx(0.5 + own[SLOW] / 2)

    matrix = zoo("tournament", FAST, SLOW, *arena, "--episodes", 60, "--format", "json").json
    assert matrix["mean"][1][0] > matrix["mean"][0][1]

    rows = zoo("leaderboard", "--arena", told["arena"], "--json").json["rows"]
    assert [(row["label"], row["rank"]) for row in rows] == [(SLOW, 1), (FAST, 2)]
    slow, fast = rows
    for name in ("headline", "mu", "trueskill_mu", "everybody"):
        assert slow[name] > fast[name], name

    report = zoo("crossplay", SLOW, FAST, *arena, "--episodes", 60, "--json").json
    assert [row["label"] for row in report["rows"]][:2] == [SLOW, FAST]
    (role,) = report["roles"]
    assert role["mean"][0][1] > role["mean"][1][0]
    assert [entry["entrant"] for entry in report["entries"]][:2] == [SLOW, FAST]  # the best first
    with Store(home.records(), read_only=True) as store:
        units = {m.details["unit"] for m in store.measurements() if m.kind == "strangers_mean"}
    assert units == {"games won" if kind == "competitive" else "own return per episode"}


@pytest.mark.slow
def test_on_coin_who_reciprocates_is_first_and_who_takes_is_not_among_the_first_three(zoo: Zoo) -> None:
    names = ("advantage-alignment", "greedy", "cooperator", "lola", "maddpg")
    zoo("tournament", *names, "--arena", "coin", "--episodes", 25)
    board = zoo("leaderboard", "--arena", "coin", "--json").json
    ranks = {row["label"]: row["rank"] for row in board["rows"]}
    assert ranks["advantage-alignment"] == 1 and ranks["greedy"] > 3
    assert "advantage-alignment" in board["first_place"][""]["entrant"]


@pytest.mark.parametrize("steps", [40, *(pytest.param(n, marks=pytest.mark.slow) for n in (100, 150))])
def test_in_the_dilemma_defection_stands_behind_every_reciprocator(steps: int, zoo: Zoo) -> None:
    reciprocators = ("tit-for-tat", "grim", "win-stay-lose-shift")
    arena = ("--arena", "ipd", "--set", f"arena.max_steps={steps}", "--episodes", 50)
    zoo("tournament", "always-defect", *reciprocators, *arena)
    told = zoo("match", "always-defect", "tit-for-tat", *arena, "--seed", 0, "--json").json
    assert told["comparisons"][0]["verdict"].startswith("tit-for-tat earned more than always-defect")
    rows = {row["label"]: row for row in zoo("leaderboard", "--arena", told["arena"], "--json").json["rows"]}
    for name, figure in itertools.product(reciprocators, ("headline", "mu", "trueskill_mu")):
        assert rows[name][figure] > rows["always-defect"][figure], (name, figure)
    for name in reciprocators:
        assert rows[name]["rank"] < rows["always-defect"]["rank"]


def test_mu_is_the_headline_on_trueskills_scale(zoo: Zoo) -> None:
    names = ("memory-one,cc=0.9,dd=0.2", "memory-one,cc=0.3", "grim", "random")
    short = ("--arena", "ipd", "--set", "arena.max_steps=5", "--panel", "tit-for-tat,always-defect,always-cooperate")
    zoo("tournament", *names, *short, "--episodes", 25)
    board = zoo("leaderboard", "--arena", "ipd-v1(max_steps=5)", "--json").json
    centre, spread = board["scale"][""]
    for row in board["rows"]:
        assert row["mu"] == pytest.approx(25 + 25 / 3 * (row["headline"] - centre) / spread, abs=1e-6)
    members = [row["mu"] for row in board["rows"] if row["label"] in board["panel_members"]]
    assert np.std([row["mu"] for row in board["rows"]]) > 3 and len(members) == 3
