"""`zoo replay`: an episode played again, held against its record, as text and as a GIF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leaderboard.store.store import Store
from tests.zoo.command_line import Refused, Zoo
from zoo import home
from zoo.play.replay import Frame, replay, strip, write_gif

SHORT = ("--arena", "coin", "--set", "arena.max_steps=12", "--episodes", 6)
#: A small panel, so that nobody waits for the one that the game would inherit.
PANEL = ("--panel", "random,greedy")
DILEMMA = ("--panel", "tit-for-tat,always-defect")


def match_of(zoo: Zoo, *words: object) -> str:
    return str(zoo("match", *words, "--json").json["match"])


def test_every_episode_of_every_seating_agrees_with_its_record(zoo: Zoo) -> None:
    key = match_of(zoo, "greedy", "random", *SHORT, *PANEL)
    with Store(home.records(), read_only=True) as store:
        match = store.match(key[:5])
        returns = set()
        for seating in (0, 1):
            for episode in range(6):
                found = replay(store, match, episode, seating)
                assert found.agrees and len(found.frames) == 13
                assert found.frames[-1].returns == found.recorded
                returns.add((found.seats["red"], *found.recorded.values()))
    assert len(returns) > 6  # they are different episodes


def test_episodes_count_from_the_beginning_of_the_match(zoo: Zoo) -> None:
    words = ("greedy", "cooperator", *SHORT, *PANEL)
    match_of(zoo, *words)
    key = match_of(zoo, *words)
    with Store(home.records(), read_only=True) as store:
        match = store.match(key)
        assert match.details["first_episode"] == 6
        assert replay(store, match, 2, 0).agrees


def test_record_that_tells_of_another_game_is_noticed(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    key = match_of(zoo, "greedy", "random", *SHORT, *PANEL)
    monkeypatch.setattr("zoo.play.luck.bits", lambda episodes, *words: episodes)
    said = zoo("replay", key, "--no-gif", code=2)
    assert "differs from the record" in said.err


def test_gif_has_a_frame_for_every_moment(zoo: Zoo, here: Path) -> None:
    # tit-for-tat and always-defect look the same from the second step on
    key = match_of(
        zoo,
        *("tit-for-tat", "always-defect", "--arena", "ipd", "--set", "arena.max_steps=30", "--episodes", 4),
        *DILEMMA,
    )
    said = zoo("replay", key, "--gif", "x.gif")
    with Image.open("x.gif") as image:
        assert image.format == "GIF" and image.n_frames == 31
        pictures = []
        for number in (0, 15, 30):
            image.seek(number)
            pictures.append(image.convert("RGB").tobytes())
    assert len(set(pictures)) == 3
    assert "tit-for-tat as row: return -61 in 30 steps" in said.out
    assert "always-defect as column: return -58 in 30 steps" in said.out
    assert "agrees with the record" in said.out


def test_gif_is_named_after_match_episode_and_seating(zoo: Zoo, here: Path) -> None:
    key = match_of(zoo, "greedy", "random", *SHORT, *PANEL)
    assert f"Wrote {key}-2-1.gif" in zoo("replay", key, "--episode", 2, "--seating", 1).out
    assert [path.name for path in here.glob("*.gif")] == [f"{key}-2-1.gif"]


def test_strip_fits_the_width(zoo: Zoo, here: Path) -> None:
    key = match_of(zoo, "greedy", "random", *SHORT, *PANEL)
    for width in (20, 80, 100):
        lines = zoo("replay", key, "--no-gif", width=width).out.splitlines()
        assert max(map(len, lines)) <= width
        assert "".join(lines).count("step ") == 13
    assert list(here.glob("*.gif")) == []


def test_strip_of_uneven_boards() -> None:
    frames = [Frame(text, None, {}) for text in ("ab\nc", "d", "", "e\nf\ng")]
    assert list(strip(frames, 12)) == ["ab   d    e", "c         f", "          g", ""]
    assert list(strip(frames, 3)) == ["ab", "c", "", "d", "", "e", "f", "g", ""]
    assert list(strip([Frame("", None, {})] * 3, 80)) == []


def test_no_picture_no_gif(tmp_path: Path) -> None:
    assert not write_gif([Frame("a", None, {})], tmp_path / "x.gif")
    assert not (tmp_path / "x.gif").exists()


NOT_SHOWN: tuple[tuple[tuple[object, ...], str], ...] = (
    (("nothing",), "no match 'nothing'; the latest are: "),
    (("", "--no-gif"), "is ambiguous; it could be "),
    (("KEY", "--episode", 6), "has episodes 0 to 5, not 6"),
    (("KEY", "--seating", 2), "has rotations 0 to 1, not 2"),
    (("KEY", "--episode", -1), "-1 is not in the range"),
    (("LEARNING",), "is a learning match, which keeps no episode"),
)


def test_what_cannot_be_shown_is_one_line(zoo: Zoo, refused: Refused) -> None:
    keys = {
        "KEY": match_of(zoo, "greedy", "random", *SHORT, *PANEL),
        "LEARNING": match_of(zoo, "naive", "random", *SHORT[:-2], "--learn", "--rounds", 1, "--copies", 2, "--runs", 1),
    }
    for words, line in NOT_SHOWN:
        assert line in refused("replay", *(keys.get(str(word), word) for word in words))


def test_place_that_cannot_be_written(zoo: Zoo, tmp_path: Path) -> None:
    key = match_of(zoo, "greedy", "random", *SHORT, *PANEL)
    said = zoo("replay", key, "--gif", tmp_path / "no folder" / "x.gif", code=2)
    assert (
        said.err
        == f"zoo: cannot write {tmp_path / 'no folder' / 'x.gif'}: there is no folder {tmp_path / 'no folder'}\n"
    )


def test_entrant_that_changed_since_is_refused(zoo: Zoo, here: Path, refused: Refused) -> None:
    key = match_of(zoo, "mine.py:Plain", "random", *SHORT, *PANEL)
    Path("mine.py").write_text(Path("mine.py").read_text() + "\n# another version\n")
    assert "are no longer the entrants that played it" in refused("replay", key)


def test_fault_ends_the_replay(zoo: Zoo, here: Path) -> None:
    key = match_of(zoo, "mine.py:Cheats", "random", *SHORT, *PANEL)
    out = zoo("replay", key, "--gif", "x.gif").out
    assert "acts illegally" in out and "agrees with the record" in out
    assert "mine.py:Cheats as red: return -24 in 4 steps" in out or "mine.py:Cheats as blue: return -24 in 4" in out
    with Image.open("x.gif") as image:
        assert image.n_frames == 5


def test_foreign_game_is_drawn_where_it_can_be(zoo: Zoo, here: Path) -> None:
    key = match_of(zoo, "random", "random", "--arena", "pettingzoo:classic/tictactoe_v3", "--episodes", 1)
    said = zoo("replay", key, "--gif", "x.gif")
    with Image.open("x.gif") as image:
        assert f"in {image.n_frames - 1} steps" in said.out
    assert "agrees with the record" in said.out


def test_foreign_game_without_pictures(zoo: Zoo, here: Path) -> None:
    key = match_of(zoo, "random", "mine.py:Plain", "--arena", "envs.py:env", "--episodes", 2)
    said = zoo("replay", key)
    assert "agrees with the record" in said.out
    assert "cannot be drawn, so there is no GIF" in " ".join(said.out.split())
    assert list(here.glob("*.gif")) == []


def test_captions_name_a_team_once_and_all_frames_are_of_one_size(tmp_path: Path) -> None:
    picture = np.zeros((40, 40, 3), dtype=np.uint8)
    seats = [f"{team}_{k}" for team in ("blue", "red") for k in range(5)]
    frames = [Frame("", picture, {seat: t * 1.2345 * (seat < "c") for seat in seats}) for t in range(3)]
    assert write_gif(frames, tmp_path / "x.gif")
    with Image.open(tmp_path / "x.gif") as image:
        assert image.n_frames == 3
        assert image.width < 400


@pytest.mark.parametrize(("moments", "each"), [(3, 1200), (24, 500), (100, 200)])
def test_a_short_episode_is_shown_slowly_and_its_end_longest(moments: int, each: int, tmp_path: Path) -> None:
    frames = [Frame("", np.zeros((8, 8, 3), dtype=np.uint8), {"red_0": float(t)}) for t in range(moments)]
    assert write_gif(frames, tmp_path / "x.gif")
    with Image.open(tmp_path / "x.gif") as image:
        shown = []
        for number in range(image.n_frames):
            image.seek(number)
            shown.append(image.info["duration"])
    assert shown == [each] * (moments - 1) + [2 * each]


def test_what_is_believed_of_hidden_cards_stands_below_the_table(zoo: Zoo, here: Path) -> None:
    """Of who says so: the decoder does, the script does not; both of a team that believe alike say it once."""
    hanabi = ("--arena", "hanabi", "--set", "arena.variant=mini", "--episodes", 2)
    alone = match_of(zoo, "bad", "bad", *hanabi)
    mixed = match_of(zoo, "bad", "hanabi-hinted", *hanabi)
    plain = match_of(zoo, "hanabi-hinted", "hanabi-hinted", *hanabi)
    with Store(home.records(), read_only=True) as store:
        replays = {key: replay(store, store.match(key), 0, 0) for key in (alone, mixed, plain)}
    found = {key: episode.frames for key, episode in replays.items()}
    (seat,) = (seat for seat, label in replays[mixed].seats.items() if label == "bad")
    assert all(frame.text.count("believed by player_0, player_1") == 1 for frame in found[alone])
    assert all(f"believed by {seat}\n" in frame.text for frame in found[mixed])
    assert not any("believed" in frame.text for frame in found[plain])
    heights = [frames[0].picture.shape[0] for frames in found.values() if frames[0].picture is not None]
    assert heights[0] == heights[1] > heights[2]
    # nothing is known but what the deck holds, and later more
    assert "R1\u2592 R2  Y1\u2592 Y2" in found[alone][0].text and "\u2588" in found[alone][-1].text
