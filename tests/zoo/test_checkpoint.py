"""Checkpoints: every bit comes back, the digest knows every bit, and a killed writer leaves a whole one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from tests.zoo.command_line import fresh_checkpoint
from zoo.entry import checkpoint
from zoo.entry.checkpoint import CARD, WEIGHTS, Card, Checkpoint, digest, load, save
from zoo.entry.entrant import read_entrant
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError

CARD_OF_NONE = Card("naive", 1, {"lr": 0.5}, "coin-v1", ["red", "blue"], 3, 40, "zoo train", "abc", 1.5, {"x": 2.0})
STATES = {
    "floats": {"red/a": torch.randn(3, 4), "blue/a": torch.randn(3, 4)},
    "types": {
        "red/a": torch.arange(5),
        "red/b": torch.tensor(True),
        "red/c": torch.randn(2, dtype=torch.float64),
        "red/d": torch.randn(3).bfloat16(),
        "red/e": torch.zeros(0, 3),
        "red/f": torch.tensor(-0.0),
    },
    "alike": {"red/a": torch.ones(3), "blue/a": torch.ones(3), "red/b": torch.ones(3), "blue/b": torch.zeros(3)},
    "almost alike": {"red/a": torch.zeros(2), "blue/a": -torch.zeros(2)},
    "views": {"red/a": torch.arange(12.0).view(3, 4).T, "red/b": torch.ones(1).expand(4)},
}


@pytest.mark.parametrize("name", STATES)
def test_round_trip(name: str, tmp_path: Path) -> None:
    state = STATES[name]
    save(tmp_path / "x" / "y", state, CARD_OF_NONE)
    found = load(tmp_path / "x" / "y")
    assert found.card == CARD_OF_NONE
    assert found.state.keys() == state.keys()
    for key, tensor in state.items():
        assert found.state[key].dtype == tensor.dtype and torch.equal(found.state[key], tensor)
    assert found.digest == digest(state)
    assert sorted(path.name for path in (tmp_path / "x" / "y").iterdir()) == [CARD, WEIGHTS]


def test_digest_knows_names_types_shapes_and_bits() -> None:
    plain = {"a": torch.zeros(2, 2), "b": torch.ones(1)}
    others = [
        {"a": torch.zeros(2, 2), "c": torch.ones(1)},
        {"a": torch.zeros(4), "b": torch.ones(1)},
        {"a": torch.zeros(2, 2, dtype=torch.int32), "b": torch.ones(1)},
        {"a": torch.zeros(2, 2) * -1.0, "b": torch.ones(1)},
        {"a": torch.zeros(2, 2)},
    ]
    assert len({digest(state) for state in [plain, *others]}) == 6
    assert digest(dict(reversed(plain.items()))) == digest(plain)


def test_digest_stays() -> None:
    # entrants' ids are made of it: were it another tomorrow, every record would be somebody else's
    state = {"red/w": torch.arange(6.0).view(2, 3), "red/n": torch.tensor(7)}
    assert digest(state) == "3efb9244320fc9e2123668991ebf2ada593b11bcd32b2f45b58c887281931f20"


def test_killed_writer_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, STATES["floats"], CARD_OF_NONE)
    before = load(tmp_path)

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(Killed):
        save(tmp_path, STATES["views"], CARD_OF_NONE)
    assert load(tmp_path).digest == before.digest


def test_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot make the folder"):
        save(tmp_path / "file" / "x", STATES["floats"], CARD_OF_NONE)


def test_seat_takes_its_own_set_or_the_single_one_of_its_side(tmp_path: Path) -> None:
    spec = ArenaChoice("coin").make(1).spec
    one = torch.ones(1)
    both = Checkpoint(tmp_path, CARD_OF_NONE, {"red/w": one, "blue/w": 2 * one}, "")
    assert both.state_for(("blue",), spec) == {"blue/w": 2 * one}
    card = Card("naive", 1, {}, "coin-v1", ["red"], 0, 0, "")
    single = Checkpoint(tmp_path, card, {"red/w": one}, "")
    assert single.state_for(("red", "blue"), spec) == {"red/w": one, "blue/w": one}
    sided = ArenaChoice("imp").make(1).spec
    lonely = Checkpoint(tmp_path, Card("naive", 1, {}, "imp-v1", ["row"], 0, 0, ""), {"row/w": one}, "")
    with pytest.raises(UserError, match=r"has no weights for seat column: it was trained for .+ only"):
        lonely.state_for(("column",), sided)


def test_entrant_is_its_weights_and_settings(tmp_path: Path) -> None:
    choice = ArenaChoice("coin", ("max_steps=5",))
    arena = choice.make(1)
    identity = choice.identity(arena)
    folders = [fresh_checkpoint(tmp_path / str(n), "naive,hidden=0", choice, seed) for n, seed in enumerate((1, 1, 2))]
    ids = [read_entrant(f"naive@{folder}", arena, identity).id for folder in folders]
    assert ids[0] == ids[1] != ids[2]
    assert read_entrant(f"naive,lr=0.5@{folders[0]}", arena, identity).id != ids[0]
    played = read_entrant(f"naive@{folders[2]}", arena, identity).agents(arena.spec, ("red", "blue"), 99)
    assert played["red"].acting_state().keys() == {
        key for key in checkpoint.load(folders[2]).state if key.startswith("red/")
    }
    for player in played.values():
        for key, tensor in player.acting_state().items():
            assert torch.equal(tensor, checkpoint.load(folders[2]).state[key])


def test_what_all_seats_share_is_stored_once(tmp_path: Path) -> None:
    folder = tmp_path / "alike"
    save(folder, STATES["alike"], CARD_OF_NONE)
    assert sorted(checkpoint.read_tensors(folder / WEIGHTS)) == ["*/a", "blue/b", "red/b"]
    save(folder, STATES["almost alike"], CARD_OF_NONE)
    assert sorted(checkpoint.read_tensors(folder / WEIGHTS)) == ["blue/a", "red/a"]


def test_the_house_is_searched_from_the_nearest_settings_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "HOUSE", tmp_path)
    kept = ["war-v1", "war-v1(size=2)", "war-v1(foe=team,size=2)", "warship-v1", "war-v2"]
    for identity in kept:
        (tmp_path / identity / "coma").mkdir(parents=True)

    def found(identity: str) -> list[str]:
        return [place.parent.name for place in checkpoint.house_places(identity, "coma")]

    assert found("war-v1(size=2)") == ["war-v1(size=2)", "war-v1", "war-v1(foe=team,size=2)"]
    assert found("war-v1(enemy=0.9,size=2)")[0] == "war-v1(size=2)"
    assert found("war-v1(foe=team,size=2,wind=1)")[0] == "war-v1(foe=team,size=2)"
    assert found("war-v1(size=3)")[:2] == ["war-v1", "war-v1(size=2)"]
    assert not checkpoint.house_places("war-v1", "iql")


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        (("scenario=2s3z", "enemy=0.9"), "skirmish-v1(scenario=2s3z)"),
        (("scenario=2s3z", "opponent=team"), "skirmish-v1(opponent=team,scenario=2s3z)"),
        (("opponent=weakest",), "skirmish-v1"),
    ],
)
def test_teams_of_the_house_play_under_other_settings(settings: tuple[str, ...], kept: str) -> None:
    venue = Venue(ArenaChoice("skirmish", settings))
    for text in ("coma", "mappo@seed-1"):
        who = venue.entrant(text)
        assert who.checkpoint is not None and who.checkpoint.card.arena == kept
        who.agents(venue.spec, tuple(venue.spec.seats), 0)  # the weights fit
    with pytest.raises(UserError, match=r"no house checkpoint for skirmish-v1\(scenario=5w,sight=3"):
        Venue(ArenaChoice("skirmish", ("scenario=5w", "sight=3"))).entrant("coma")


@pytest.mark.parametrize(
    ("arena", "settings", "text", "kept"),
    [
        ("hanabi", ("variant=very-small",), "bad@seed-1", "hanabi-v1(variant=mini)"),
        ("switch", ("bits=2",), "dial", "switch-v1"),
        ("multi-step-digits", (), "dial", "multi-step-digits-v1(digits=4,steps=3)"),
    ],
)
def test_weights_of_other_settings_that_do_not_fit_are_none(
    arena: str, settings: tuple[str, ...], text: str, kept: str
) -> None:
    venue = Venue(ArenaChoice(arena, settings))
    who, asked = text.partition("@")[0], " ".join([arena, *(f"--set arena.{one}" for one in settings)])
    with pytest.raises(UserError) as refused:
        venue.entrant(text).agents(venue.spec, tuple(venue.spec.seats), 0)
    said = str(refused.value)
    assert said.startswith(f"{who} has no house checkpoint for {venue.identity} (it has one for {kept}")
    assert f"`zoo train {who} --arena {asked}`" in said
