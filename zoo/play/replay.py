"""Replays: an episode played again from its seed, step by step, and held against what was recorded."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from agents.rollout import rollout
from arenas.protocol import Arena, ArenaError
from leaderboard.records import STATUSES, BlockRecord, MatchRecord, Status
from leaderboard.store.store import Store
from zoo.entry.settings import argument_fields
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.play.episodes import Start, begin, last_moment
from zoo.play.luck import episode_seeds
from zoo.play.referee import fouls_of
from zoo.play.seating import Seated, blame, rotations, sit_down

_PIXELS = 512  # up to which a picture is enlarged
_QUICKEST, _SLOWEST, _SHOWN = 200, 1200, 12_000  # milliseconds of a moment in a GIF, and of a whole episode
_LINE, _MARGIN, _NARROW = 18, 4, 300  # pixels of the caption: of a line, around it, and where lines may break


@dataclass(frozen=True)
class Frame:
    """One moment: the board as text and as a picture (None where the game cannot be drawn), and the rewards so far."""

    text: str
    picture: np.ndarray | None
    returns: dict[str, float]


@dataclass(frozen=True)
class ReplayedEpisode:
    """An episode of a match: who sat where, its frames, and the returns that were recorded."""

    match: MatchRecord
    episode: int
    seats: dict[str, str]  # seat -> label
    frames: list[Frame]
    recorded: dict[str, float]

    @property
    def agrees(self) -> bool:
        """Whether the episode played again ended as recorded."""
        return all(abs(self.frames[-1].returns[seat] - value) < 1e-6 for seat, value in self.recorded.items())


def replay(store: Store, match: MatchRecord, episode: int, rotation: int) -> ReplayedEpisode:
    """Play an episode of the match's own pairing again.

    Args:
        store: the records.
        match: the match.
        episode: number from 0 within the match.
        rotation: its number, from 0.

    Raises:
        UserError: no such episode or rotation, or an entrant that has changed since.
    """
    about = match.details
    if match.mode != "play":
        raise UserError(f"match {match.id} is a learning match, which keeps no episode: replay one without --learn")
    venue = Venue(ArenaChoice(about["arena"], tuple(about["settings"]), tuple(about["wrap"])))
    pair = [venue.entrant(text) for text in about["pairing"]]
    ids = [who.id for who in pair]
    if not set(ids) <= set(match.entrants):
        raise UserError(f"match {match.id}: {' and '.join(about['pairing'])} are no longer the entrants that played it")
    if not 0 <= episode < match.episodes:
        raise UserError(f"match {match.id} has episodes 0 to {match.episodes - 1}, not {episode}")
    block = _block(store, match, sorted(ids), about["first_episode"] + episode)
    arena = drawing(venue, block.episodes)
    ways = rotations(arena.spec, alone=ids[0] == ids[1])
    if not 0 <= rotation < len(ways):
        raise UserError(f"match {match.id} has rotations 0 to {len(ways) - 1}, not {rotation}")
    row = about["first_episode"] + episode - block.first_episode

    episodes = episode_seeds(match.arena, block.seed, block.first_episode, block.episodes, arena.device)
    with blame(match.arena, pair):
        seated = sit_down(arena, pair, ways[rotation], block.seed)
        frames = _frames(seated, begin(seated, episodes), row)
    recorded = {r.seat: float(r.returns[row]) for r in block.results if r.rotation == rotation}
    labels = {seat: pair[who].label for seat, who in ways[rotation].items()}
    return ReplayedEpisode(match, episode, labels, frames, recorded)


def drawing(venue: Venue, batch_size: int) -> Arena:
    """The arena, asked for pictures where that must be done before the game begins, as PettingZoo has it."""
    entry = venue.entry
    if "render_mode" in argument_fields(entry.factory) and "render_mode" not in entry.settings:
        with suppress(UserError):  # where it has no pictures it can still be played
            return replace(entry, settings={**entry.settings, "render_mode": "rgb_array"}).make(batch_size)
    return entry.make(batch_size)


class PlayedMoment(NamedTuple):
    """A moment of an episode: what was drawn, the rewards of the step that led here, and faults that ended it."""

    drawn: Any
    rewards: Mapping[str, float]
    faults: Mapping[str, Status] = MappingProxyType({})


def play_rows(
    seated: Seated, begun: Start, rows: Sequence[int], draw: Callable[[Start, int], Any]
) -> list[list[PlayedMoment]]:
    """Play all rows, as in a block, and keep the moments of some, each up to its end or its first fault.

    Args:
        seated: the arena and its players.
        begun: how the episodes begin.
        rows: whose moments are kept.
        draw: what is kept of a row at each moment.
    """
    arena, now = seated.arena, begun
    nothing = dict.fromkeys(arena.spec.seats, 0.0)
    kept = {row: [PlayedMoment(draw(now, row), nothing)] for row in rows}
    going = [row for row in rows if not _over(now, row)]
    while going:
        joint, memories = rollout(arena, seated.players, now.memories, now.timesteps, 1, now.state)
        now = Start(memories, *last_moment(joint))
        fouls = fouls_of(seated.players)
        for row in going:
            codes = {seat: of.code[row] for seat, of in fouls.items() if of.step[row] < len(kept[row])}
            if codes:
                faults = {seat: STATUSES[int(code)] for seat, code in codes.items()}
                kept[row].append(PlayedMoment(kept[row][-1].drawn, nothing, faults))
                continue
            paid = {seat: float(step.reward[row]) for seat, step in now.timesteps.items()}
            kept[row].append(PlayedMoment(draw(now, row), paid))
        going = [row for row in going if not kept[row][-1].faults and not _over(now, row)]
    return [kept[row] for row in rows]


def _over(now: Start, row: int) -> bool:
    return all(bool(step.last[row]) for step in now.timesteps.values())


def _frames(seated: Seated, begun: Start, row: int) -> list[Frame]:
    """The moments of one row with the returns so far; a fault costs the forfeit and is told under the board."""
    returns = dict.fromkeys(seated.arena.spec.seats, 0.0)
    (moments,) = play_rows(seated, begun, [row], partial(_draw, seated))
    frames = []
    for moment in moments:
        text, picture = moment.drawn
        if moment.faults:
            text = "\n".join([text, *(_fault(seat, status) for seat, status in moment.faults.items())]).lstrip()
            returns = returns | dict.fromkeys(moment.faults, seated.arena.spec.forfeit)
        returns = {seat: total + moment.rewards[seat] for seat, total in returns.items()}
        frames.append(Frame(text, picture, returns))
    return frames


def _fault(seat: str, status: Status) -> str:
    return f"{seat} acts illegally" if status is Status.INVALID else f"{seat} spoils the episode: {status}"


def _block(store: Store, match: MatchRecord, pair: list[str], episode: int) -> BlockRecord:
    for block in store.blocks(match.arena, set(pair), "play"):
        covers = block.first_episode <= episode < block.first_episode + block.episodes
        if block.id in match.blocks and list(block.entrants) == pair and covers:
            return block
    raise UserError(f"match {match.id} has no record of episode {episode}")


def _draw(seated: Seated, now: Start, row: int) -> tuple[str, np.ndarray | None]:
    """The moment as the arena draws it, with what seats believe of hidden cards; of pictures, the first one's."""
    told: dict[str, list[str]] = {}  # words -> who believes so
    drawn = _drawn(seated.arena.render, row)
    text, picture = drawn
    for seat, player in seated.players.items():
        belief = player.belief(now.timesteps[seat], now.memories[seat])
        if belief is None:
            continue
        words, strips = _drawn(seated.arena.render_belief, belief[row], row)
        told.setdefault(words, []).append(seat)
        picture = strips if picture is drawn[1] and strips is not None else picture
    text = "\n".join([text, *(f"believed by {', '.join(who)}\n{words}" for words, who in told.items() if words)])
    return text, picture


def _drawn(render: Callable[..., str | np.ndarray], *what: Any) -> tuple[str, np.ndarray | None]:
    """What is rendered as text and as a picture, each where the game can be drawn so."""
    drawn: dict[str, str | np.ndarray] = {}
    for mode in ("ansi", "rgb_array"):
        with suppress(ValueError, ArenaError):
            drawn[mode] = render(*what, mode)
    text, picture = drawn.get("ansi"), drawn.get("rgb_array")
    return (text if isinstance(text, str) else "", picture if isinstance(picture, np.ndarray) else None)


def strip(frames: list[Frame], width: int) -> Iterator[str]:
    """The frames' texts side by side, as many in a row as `width` characters hold; nothing where there are none."""
    boards = [frame.text.splitlines() for frame in frames if frame.text]
    column = max((len(line) for board in boards for line in board), default=0) + 3
    across = max(1, (width + 3) // column)
    for start in range(0, len(boards), across):
        row = boards[start : start + across]
        for line in range(max(map(len, row))):
            yield "".join((board[line] if line < len(board) else "").ljust(column) for board in row).rstrip()
        yield ""


def write_gif(frames: list[Frame], path: Path, *, scale: int = 6) -> bool:
    """Write the pictures as an animated GIF, small ones enlarged; False where the game has none.

    A short episode is shown slowly enough to be read, a long one in about `_SHOWN` milliseconds, and the end twice as
    long as what came before.

    Under each picture stand its step, the board where it is said in one line, and the returns so far. They also keep
    the writer from joining moments in which nothing moves: there are as many frames as moments.

    Raises:
        UserError: the file cannot be written.
    """
    pictures = [(number, frame) for number, frame in enumerate(frames) if frame.picture is not None]
    if not pictures:
        return False
    images = [_captioned(frame, f"step {number} of {len(frames) - 1}", scale) for number, frame in pictures]
    size = (max(image.width for image in images), max(image.height for image in images))
    images = [_on_canvas(image, size) for image in images]
    try:
        images[0].save(path, "GIF", save_all=True, append_images=images[1:], duration=_pace(len(images)), loop=0)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    return True


def _pace(moments: int) -> list[int]:
    """Milliseconds for which each of the moments is shown."""
    each = min(_SLOWEST, max(_QUICKEST, _SHOWN // moments // 10 * 10))
    return [each] * (moments - 1) + [2 * each]


def _on_canvas(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture on white, so that all frames of a GIF have one size."""
    canvas = Image.new("RGB", size, "white")
    canvas.paste(image, ((size[0] - image.width) // 2, 0))
    return canvas


def _returns(returns: Mapping[str, float]) -> Iterator[str]:
    """Seats with their returns; three or more in a row that have earned the same are said together."""
    for total, group in itertools.groupby(returns, lambda seat: f"{returns[seat]:g}"):
        seats = list(group)
        if len(seats) > 2:
            yield f"{seats[0]} to {seats[-1]} {total}"
        else:
            yield from (f"{seat} {total}" for seat in seats)


def _broken(parts: Iterable[str], room: float, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> list[str]:
    """Parts of a text in lines of no more than `room` pixels, where a single part is no longer."""
    lines: list[str] = []
    for part in parts:
        if lines and font.getlength(lines[-1] + part) <= room:
            lines[-1] += part
        else:
            lines.append(part)
    return lines


def _captioned(frame: Frame, caption: str, scale: int) -> Image.Image:
    assert frame.picture is not None
    height, width = frame.picture.shape[:2]
    factor = max(1, min(scale, _PIXELS // max(height, width)))
    font = ImageFont.load_default(_LINE - 4)
    room = max(width * factor, _NARROW)
    lines = [caption]
    if len(frame.text.splitlines()) == 1:  # a board that is said in one line
        lines += _broken([f"{word} " for word in frame.text.split()], room, font)
    lines += _broken(["returns: ", *(f"{part}  " for part in _returns(frame.returns))], room, font)
    across = max(width * factor, *(int(font.getlength(line)) + 2 * _MARGIN for line in lines))
    image = Image.new("RGB", (across, height * factor + len(lines) * _LINE + _MARGIN), "white")
    board = Image.fromarray(frame.picture).resize((width * factor, height * factor), Image.Resampling.NEAREST)
    image.paste(board, ((across - width * factor) // 2, 0))
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((_MARGIN, height * factor + number * _LINE), line, "black", font)
    return image
