"""Do two entries play the same? All are asked the same questions, and their answers are compared.

A question is a moment of a game: what a seat saw up to and at some step. The games are played by the season's partners
on its secret seed; each entry is shown what one seat saw, step by step, with the luck that this seat was dealt, and
answers every step, the first one and those in play alike. What it answers changes nothing in what it sees next. So two
entries that decide alike answer alike, whatever their programs look like, and they are asked through the same walls
behind which they play.
"""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agents.protocol import Seating
from arenas.protocol import TimeStep
from leaderboard.statistics.likeness import UNANSWERED
from zoo.entry.checkpoint import make_folder, write_atomically
from zoo.entry.entrant import Entrant
from zoo.entry.venue import Venue
from zoo.play import luck
from zoo.play.episodes import play_episodes
from zoo.play.referee import fouls_of
from zoo.play.seating import rotations, sit_down
from zoo.season.place import Season

#: Questions at least.
PROBES = 1000
_ROWS = 24  # games at least
_ASKED = "asked"
_PARTNERS = 6  # who play them, at most


@dataclass(frozen=True)
class Probes:
    """Questions to entries.

    Attributes:
        seats: of each side one seat, whose view is shown.
        moments: seat -> time steps [T + 1, B, ...].
        seatings: seat -> the luck that it was dealt, [B].
    """

    seats: tuple[str, ...]
    moments: dict[str, TimeStep]
    seatings: dict[str, Seating]

    def asked(self) -> NDArray[np.bool_]:
        """Which questions count, bool [seats, T, B]: those at which the seat had to act."""
        return np.stack([self.moments[seat].active[:-1].numpy() for seat in self.seats])


class Questions:
    """The questions of a season, and the answers that were given; each entrant is asked once and its answers are kept.

    To be used while the season is the home of this process.
    """

    def __init__(self, season: Season) -> None:
        self.season = season

    @cached_property
    def probes(self) -> Probes:
        """The questions."""
        return gather_probes(self.season.venue, self.season.partners, self.season.seed.number)

    def counted(self) -> NDArray[np.bool_]:
        """Which questions count, see `Probes.asked`."""
        if (known := self._read(_ASKED)) is None:
            known = self.probes.asked()
            self._write(_ASKED, known)
        return known.astype(np.bool_)

    def ask(self, text: str) -> NDArray[np.float32]:
        """The answers of an entrant, [seats, T, B, D]."""
        entrant = self.season.venue.entrant(text)
        if (known := self.known(entrant.id)) is not None:
            return known
        answers = ask(self.season.venue, entrant, self.probes, self.season.seed.number)
        self._write(entrant.id, answers)
        return answers

    def known(self, entrant: str) -> NDArray[np.float32] | None:
        """The answers that are kept of an entrant (its id)."""
        return self._read(entrant)

    def _read(self, name: str) -> NDArray[Any] | None:
        try:
            kept: NDArray[Any] = np.load(self._file(name), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return kept

    def _write(self, name: str, values: NDArray[Any]) -> None:
        written = io.BytesIO()
        np.save(written, values)
        make_folder(self._file(name).parent)
        write_atomically(self._file(name), written.getvalue())

    def _file(self, name: str) -> Path:
        return self.season.folder / "answers" / f"{name}.npy"


def gather_probes(venue: Venue, partners: Sequence[str], seed: int) -> Probes:
    """Questions from games of the partners with each other and themselves.

    Args:
        venue: where.
        partners: entrant texts.
        seed: of the games, whose first episodes are played.

    Raises:
        UserError: a partner breaks.
    """
    texts = list(partners)[:_PARTNERS]
    pairs = list(itertools.product(texts, repeat=2))
    seats = tuple(seats[0] for seats in venue.spec.sides().values())
    rows = math.ceil(max(_ROWS, PROBES / venue.spec.max_steps / len(seats)) / len(pairs))
    parts: dict[str, list[TimeStep]] = {seat: [] for seat in seats}
    dealt: dict[str, list[Seating]] = {seat: [] for seat in seats}
    arena = venue.arena(rows)
    for number, (one, other) in enumerate(pairs):
        rotation = rotations(venue.spec)[0]
        episodes = luck.episode_seeds(venue.identity, seed, number * rows, rows)
        seated = sit_down(arena, [venue.entrant(one), venue.entrant(other)], rotation, seed)
        played = play_episodes(seated, episodes)
        begun = luck.seatings(rotation, episodes, seed)
        for seat in seats:
            parts[seat].append(played.joint.seats[seat].timesteps)
            dealt[seat].append(begun[seat])
    moments = {seat: _joined(parts[seat]) for seat in seats}
    seatings = {
        seat: Seating(
            seat, torch.cat([one.seed for one in dealt[seat]]), torch.cat([one.team_seed for one in dealt[seat]])
        )
        for seat in seats
    }
    return Probes(seats, moments, seatings)


def ask(venue: Venue, entrant: Entrant, probes: Probes, seed: int) -> NDArray[np.float32]:
    """The answers of an entrant, float32 [seats, T, B, D]; `UNANSWERED` from its first fault in a game on.

    Args:
        venue: where.
        entrant: whom.
        probes: the questions.
        seed: from which agents that are not trained are made.
    """
    return np.stack([_answers(venue, entrant, seat, probes, seed) for seat in probes.seats])


def _answers(venue: Venue, entrant: Entrant, seat: str, probes: Probes, seed: int) -> NDArray[np.float32]:
    moments = probes.moments[seat]
    players = sit_down(venue.arena(), [entrant], {seat: 0}, seed).players
    memory = players[seat].begin(probes.seatings[seat])
    answers = []
    for step in range(len(moments.reward) - 1):
        action, memory = players[seat].act(moments.each(lambda leaf: leaf[step]), memory)  # noqa: B023
        answers.append(action.value.float().reshape(len(action.value), -1).numpy())
    given = np.stack(answers)
    sound = np.arange(len(given))[:, None] < fouls_of(players)[seat].step.numpy()
    return np.where(sound[:, :, None], given, np.float32(UNANSWERED))


def _joined(parts: Sequence[TimeStep]) -> TimeStep:
    """Games beside each other; shorter ones are continued by their end, at which nobody acts."""

    def together(leaves: Sequence[torch.Tensor]) -> torch.Tensor:
        longest = max(len(leaf) for leaf in leaves)
        rests = [leaf[-1:].expand(longest - len(leaf), *leaf.shape[1:]) for leaf in leaves]
        return torch.cat([torch.cat(whole) for whole in zip(leaves, rests, strict=True)], dim=1)

    fields = {name: [getattr(part, name) for part in parts] for name in TimeStep._fields if name != "common"}
    merged: dict[str, Any] = {name: None if leaves[0] is None else together(leaves) for name, leaves in fields.items()}
    common = {group: together([part.common[group] for part in parts]) for group in parts[0].common}
    return TimeStep(**merged, common=common)
