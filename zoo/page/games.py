"""The games that a page shows, played again and held against their record.

Those of a pairing are played together, which costs little; where floating-point sums come out otherwise than in the
block that they were played in (a batch of another size may round differently), the whole block is played again.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from PIL import Image

from arenas.protocol import Arena, ArenaError
from leaderboard.records import Status
from zoo.entry.venue import ArenaChoice, Venue
from zoo.page.choice import ShownGame
from zoo.play.episodes import begin
from zoo.play.luck import episode_seeds
from zoo.play.replay import PlayedMoment, drawing, play_rows
from zoo.play.seating import blame, rotations, sit_down
from zoo.work.pool import Contact

_PIXELS = 200  # longest side of a picture
_COLOURS = 32  # of a picture
_FINE = 100  # parts of a unit to which places are kept
_SAME = 1e-6  # between returns that agree


def play(
    contact: Contact, arena: Mapping[str, Any], pair: tuple[str, str], told: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The games of one pairing played again, each as plain JSON with "agrees".

    Args:
        contact: of the job.
        arena: the fields of its `ArenaChoice`.
        pair: the texts of the two.
        told: the fields of each `ShownGame`.

    Raises:
        UserError: an entrant is refused or breaks.
    """
    choice = ArenaChoice(arena["name"], tuple(arena["settings"]), tuple(arena["wrap"]))
    venue, games = contact.once(Venue, choice), [ShownGame(**fields) for fields in told]
    made: dict[int, dict[str, Any]] = {}
    for seed in sorted({game.seed for game in games}):
        some = [number for number, game in enumerate(games) if game.seed == seed]
        episodes = [games[number].episode for number in some]
        for number, moments in zip(some, _again(venue, pair, seed, episodes, range(len(some))), strict=True):
            made[number] = _plain(games[number], moments)
            if not made[number]["agrees"]:
                game = games[number]
                block = range(game.first_episode, game.first_episode + game.episodes)
                (whole,) = _again(venue, pair, seed, block, [game.row])
                made[number] = _plain(game, whole)
    return [made[number] for number in range(len(games))]


def _again(
    venue: Venue, pair: tuple[str, str], seed: int, episodes: Sequence[int], rows: Iterable[int]
) -> list[list[PlayedMoment]]:
    """The moments of some rows of a batch of episodes under the first rotation."""
    arena = drawing(venue, len(episodes))
    players = [venue.entrant(text) for text in pair]
    rotation = rotations(arena.spec, alone=players[0].id == players[1].id)[0]
    seeds = torch.cat([episode_seeds(venue.identity, seed, number, 1, arena.device) for number in episodes])
    with blame(venue.identity, players):
        seated = sit_down(arena, players, rotation, seed)
        return play_rows(seated, begin(seated, seeds), list(rows), lambda _, row: draw(arena, row))


def draw(arena: Arena, row: int) -> dict[str, Any]:
    """A moment as plain JSON: a sketch where the game has one, else a picture, else a text."""
    sketch = arena.sketch(row)
    if sketch is not None:
        marks = [
            [m.shape, round(m.size, 3), m.colour, m.text, *(round(x * _FINE) for x in (m.x, m.y, m.dx, m.dy))]
            for m in sketch.marks
        ]
        return {"size": [sketch.width, sketch.height, int(sketch.cells)], "marks": marks, "caption": sketch.caption}
    for mode in ("rgb_array", "ansi"):
        with suppress(ValueError, ArenaError):
            drawn = arena.render(row, mode)
            return {"text": drawn} if isinstance(drawn, str) else {"picture": _png(drawn)}
    return {"text": ""}


def _png(picture: np.ndarray) -> str:
    """A small picture with few colours, in base64."""
    image = Image.fromarray(picture)
    if max(image.size) > _PIXELS:
        image.thumbnail((_PIXELS, _PIXELS), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.quantize(_COLOURS, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def _plain(game: ShownGame, moments: Sequence[PlayedMoment]) -> dict[str, Any]:
    """A game as it is kept."""
    seats = list(game.recorded)
    pays = [[float(f"{moment.rewards[seat]:.6g}") for seat in seats] for moment in moments[1:]]
    returns = {seat: sum(moment.rewards[seat] for moment in moments) for seat in seats}
    sound = all(status == Status.DONE for status in game.statuses.values())
    # an episode that a fault ended pays a forfeit, which no reward shows
    agrees = not sound or all(abs(returns[s] - x) <= _SAME * (1 + abs(x)) for s, x in game.recorded.items())
    return {
        "kind": game.kind,
        "episode": game.episode,
        "seats": seats,
        "recorded": [float(f"{x:.9g}") for x in game.recorded.values()],
        "faults": [[seat, status] for seat, status in game.statuses.items() if status != Status.DONE],
        "moments": [moment.drawn for moment in moments],
        "pays": pays,
        "agrees": agrees,
    }
