"""Replays: an episode played again from its seed, step by step, and held against what was recorded."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from agents.protocol import Memory
from agents.rollout import rollout
from arenas.protocol import Arena, ArenaError, TimeSteps
from leaderboard.records import STATUSES, BlockRecord, MatchRecord, Status
from leaderboard.store.store import Store
from zoo.entry.settings import argument_fields
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.play.episodes import Start, begin, last_moment
from zoo.play.luck import episode_seeds
from zoo.play.referee import fouls_of
from zoo.play.seating import Seated, blame, rotations, sit_down

_PIXELS = 480  # up to which a picture is enlarged
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
    arena = _drawing(venue, block.episodes)
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


def _drawing(venue: Venue, batch_size: int) -> Arena:
    """The arena, asked for pictures where that must be done before the game begins, as PettingZoo has it."""
    entry = venue.entry
    if "render_mode" in argument_fields(entry.factory) and "render_mode" not in entry.settings:
        with suppress(UserError):  # where it has no pictures it can still be played
            return replace(entry, settings={**entry.settings, "render_mode": "rgb_array"}).make(batch_size)
    return entry.make(batch_size)


def _frames(seated: Seated, begun: Start, row: int) -> list[Frame]:
    """Play all rows of a block, as they were played, and keep the moments of one, up to its end or its first fault."""
    arena, (memories, timesteps, state) = seated.arena, begun
    returns = dict.fromkeys(arena.spec.seats, 0.0)
    frames = [_frame(seated, memories, timesteps, row, dict(returns))]
    while not all(bool(step.last[row]) for step in timesteps.values()):
        joint, memories = rollout(arena, seated.players, memories, timesteps, 1, state)
        timesteps, state = last_moment(joint)
        fouls = fouls_of(seated.players)
        offenders = [seat for seat, of_seat in fouls.items() if of_seat.step[row] < len(frames)]
        if offenders:
            words = [_fault(seat, STATUSES[int(fouls[seat].code[row])]) for seat in offenders]
            text = "\n".join([frames[-1].text, *words]).lstrip()
            frames.append(Frame(text, frames[-1].picture, returns | dict.fromkeys(offenders, arena.spec.forfeit)))
            break
        returns = {seat: total + float(timesteps[seat].reward[row]) for seat, total in returns.items()}
        frames.append(_frame(seated, memories, timesteps, row, returns))
    return frames


def _fault(seat: str, status: Status) -> str:
    return f"{seat} acts illegally" if status is Status.INVALID else f"{seat} spoils the episode: {status}"


def _block(store: Store, match: MatchRecord, pair: list[str], episode: int) -> BlockRecord:
    for block in store.blocks(match.arena, set(pair), "play"):
        covers = block.first_episode <= episode < block.first_episode + block.episodes
        if block.id in match.blocks and list(block.entrants) == pair and covers:
            return block
    raise UserError(f"match {match.id} has no record of episode {episode}")


def _frame(
    seated: Seated, memories: Mapping[str, Memory], timesteps: TimeSteps, row: int, returns: dict[str, float]
) -> Frame:
    """The moment as the arena draws it, with what seats believe of hidden cards; of pictures, the first one's."""
    told: dict[str, list[str]] = {}  # words -> who believes so
    drawn = _drawn(seated.arena.render, row)
    text, picture = drawn
    for seat, player in seated.players.items():
        belief = player.belief(timesteps[seat], memories[seat])
        if belief is None:
            continue
        words, strips = _drawn(seated.arena.render_belief, belief[row], row)
        told.setdefault(words, []).append(seat)
        picture = strips if picture is drawn[1] and strips is not None else picture
    text = "\n".join([text, *(f"believed by {', '.join(who)}\n{words}" for words, who in told.items() if words)])
    return Frame(text, picture, returns)


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


def write_gif(frames: list[Frame], path: Path, *, scale: int = 6, milliseconds: int = 200) -> bool:
    """Write the pictures as an animated GIF, small ones enlarged; False where the game has none.

    Under each picture stand its step and the returns so far. They also keep the writer from joining moments in which
    nothing moves: there are as many frames as moments.

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
        images[0].save(path, "GIF", save_all=True, append_images=images[1:], duration=milliseconds, loop=0)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    return True


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


def _captioned(frame: Frame, caption: str, scale: int) -> Image.Image:
    assert frame.picture is not None
    height, width = frame.picture.shape[:2]
    factor = max(1, min(scale, _PIXELS // max(height, width)))
    font = ImageFont.load_default(_LINE - 4)
    lines = [caption, "returns: "]
    for part in _returns(frame.returns):
        if font.getlength(lines[-1] + part) > max(width * factor, _NARROW) and lines[-1] != "returns: ":
            lines.append("")
        lines[-1] += f"{part}  "
    across = max(width * factor, *(int(font.getlength(line)) + 2 * _MARGIN for line in lines))
    image = Image.new("RGB", (across, height * factor + len(lines) * _LINE + _MARGIN), "white")
    board = Image.fromarray(frame.picture).resize((width * factor, height * factor), Image.Resampling.NEAREST)
    image.paste(board, ((across - width * factor) // 2, 0))
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((_MARGIN, height * factor + number * _LINE), line, "black", font)
    return image
