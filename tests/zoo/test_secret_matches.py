"""Matches with a stranger: rated on the home's secret seed, which the stranger cannot read, and published with it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from leaderboard.seeds import PUBLIC_SEED, SECRET_SEEDS
from tests.zoo.command_line import Zoo, recorded
from zoo import home
from zoo.play import luck

pytestmark = pytest.mark.slow

IPD = ("--arena", "ipd", "--set", "arena.max_steps=5", "--episodes", 8, "--panel", "tit-for-tat,always-defect")
AGENT = """
import torch
from agents.protocol import Agent
from arenas.protocol import Action


class Reads(Agent):
    # cooperates unless it finds a secret of the home
    needs = frozenset()
    found = False

    def begin(self, seating):
        for place in {places!r}:
            try:
                with open(place) as file:
                    Reads.found = Reads.found or len(file.read()) > 10
            except OSError:
                pass
        return super().begin(seating)

    def act(self, timestep, memory):
        actions = torch.full((len(timestep.reward),), int(Reads.found), dtype=torch.long)
        return Action(actions), {{**memory, "step": memory["step"] + 1}}
"""


@pytest.fixture
def reads(here: Path) -> str:
    """An agent that looks for the secret seed of this home."""
    luck.present()
    place = str(home.secrets_folder() / "seed-1.key")
    Path("reads.py").write_text(textwrap.dedent(AGENT).format(places=[place]))
    return "reads.py:Reads"


def shares(identity: str, who: str) -> set[float]:
    """What an entrant's partner got of it in self-play on each block: -1 a step where it always cooperates."""
    with_itself = [block for block in recorded(identity) if set(block.entrants) == {who}]
    return {float(value) for block in with_itself for result in block.results for value in result.returns}


def test_a_stranger_is_rated_on_the_secret_seed_and_cannot_read_it(zoo: Zoo, reads: str, tmp_path: Path) -> None:
    zoo("panel", "ipd", "--set", "arena.max_steps=5", "--renew", "tit-for-tat", "always-defect", "--episodes", 8)
    before = zoo("leaderboard", "--arena", "ipd", "--json").json
    made = zoo("match", reads, "tit-for-tat", *IPD, "--json").json
    commitment = luck.present().commitment
    assert (made["rated"], made["not_rated"], made["commitment"]) == (True, "", commitment)
    assert made["seed"] == luck.present().number
    assert "each on a seed of its own" in made["comparisons"][0]["verdict"]
    identity, (stranger, other) = made["arena"], made["entrant_ids"]
    seeds = {frozenset(block.entrants): block.seed for block in recorded(identity)}
    assert all((seed >= SECRET_SEEDS) == (stranger in pair) for pair, seed in seeds.items())
    assert seeds[frozenset([other])] == PUBLIC_SEED
    assert shares(identity, stranger) == {-5.0}  # it found nothing
    after = zoo("leaderboard", "--arena", "ipd", "--json").json
    rows = {row["entrant"]: row for row in after["rows"]}
    assert rows[stranger]["rank"] is not None
    assert after["secret_seeds"] == [commitment]
    figures = ("own_return", "own_return_low", "own_return_high", "mu", "mu_low", "mu_high")
    for row in before["rows"]:
        assert [row[name] for name in figures] == [rows[row["entrant"]][name] for name in figures]

    # on the public seed it plays, and is not rated
    public = zoo("match", reads, "tit-for-tat", *IPD, "--seed", 0, "--json").json
    assert (public["rated"], public["commitment"]) == (False, None)
    assert "secret seed, which is played without --seed" in public["not_rated"]
    board = zoo("leaderboard", "--arena", "ipd", "--json").json
    now = {row["entrant"]: row for row in board["rows"]}[stranger]
    assert {**now, "matches": 1} == {**rows[stranger], "matches": 1}
    assert board["not_rated"] > 0

    # what was played on the secret seed is played again elsewhere, once it is revealed
    zoo("publish", tmp_path / "b.zoo", "--reveal")
    elsewhere = tmp_path / "elsewhere"
    with home.at(elsewhere):
        checked = zoo("verify", tmp_path / "b.zoo", "--all", "--json").json
    assert checked["failures"] == []
    assert 0 < checked["played"] <= checked["blocks"]
    assert not elsewhere.exists()
    again = zoo("match", reads, "tit-for-tat", *IPD, "--json").json
    assert again["commitment"] not in (None, commitment)

    # with the secret in reach it would have told, which comes to light when its games are played again
    trusted = zoo(
        "match", reads, "tit-for-tat", *IPD, "--isolation", "trusted", "--from", 8, "--seed", 0, "--json"
    ).json
    assert "at isolation trusted could read the secret seed" in trusted["not_rated"]
    assert -10.0 in shares(identity, stranger)
    zoo("publish", tmp_path / "c.zoo")
    said = zoo("verify", tmp_path / "c.zoo", "--all", code=1)
    assert "recorded returns -10, played again -5" in said.out
