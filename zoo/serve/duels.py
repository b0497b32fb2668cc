"""Games of humans: kept in the home apart from all boards, and rated with an interval."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from leaderboard.statistics.estimate import Estimate, t, wilson
from zoo import home
from zoo.entry.checkpoint import make_folder, write_atomically
from zoo.work.jobs import key_of

LEFT, DONE = "left", "DONE"
_FORMAT = 1


@dataclass(frozen=True)
class HumanGame:
    """One game of a human against an entrant.

    Attributes:
        arena, kind: which game; entrant, label: whom the human met; human: what the human is called.
        seed, episode: what decided its luck.
        seat, side: the human's; "" where sides do not matter.
        state: "left" until it has ended, then "DONE", or the status of the entrant that spoiled it.
        returns: {seat: sum of rewards}; steps: how many were played.
    """

    arena: str
    kind: str
    entrant: str
    label: str
    human: str
    seed: int
    episode: int
    seat: str
    side: str
    state: str = LEFT
    returns: Mapping[str, float] = field(default_factory=dict)
    steps: int = 0

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state != LEFT

    @property
    def own(self) -> float:
        """The human's return."""
        return self.returns[self.seat]

    @property
    def other(self) -> float:
        """The mean return of the seats of the entrant."""
        theirs = [value for seat, value in self.returns.items() if seat != self.seat]
        return sum(theirs) / len(theirs)


@dataclass(frozen=True)
class HumanRating:
    """What a human gets against an entrant.

    Attributes:
        arena, entrant, label, human, side: who, where and against whom.
        games: that have ended; left: that were begun and left; spoiled: that a fault of the entrant ended.
        own, other: return of the human and of the entrant, an episode.
        difference: of the two, paired by episode.
        won: share of games with the higher return, draws half; None in games that are not competitive.
    """

    arena: str
    entrant: str
    label: str
    human: str
    side: str
    games: int
    left: int
    spoiled: int
    own: Estimate
    other: Estimate
    difference: Estimate
    won: Estimate | None


def keep(game: HumanGame) -> None:
    """Keep a game as it stands, in the place of what was kept of it.

    Raises:
        UserError: it cannot be written.
    """
    folder = _folder()
    make_folder(folder)
    key = key_of(_FORMAT, game.arena, game.entrant, game.human, game.seed, game.episode)
    write_atomically(folder / f"{key}.json", json.dumps(asdict(game), ensure_ascii=False).encode())


def kept(arena: str | None = None) -> list[HumanGame]:
    """The games of a home (of one arena) by arena, entrant, human, seed and episode; damaged ones are passed over."""
    games = []
    for path in _folder().glob("*.json"):
        with suppress(OSError, ValueError, TypeError):
            games.append(HumanGame(**json.loads(path.read_text())))
    chosen = [game for game in games if arena is None or game.arena == arena]
    return sorted(chosen, key=lambda game: (game.arena, game.label, game.entrant, game.human, game.seed, game.episode))


def rated(games: Iterable[HumanGame]) -> list[HumanRating]:
    """What each human gets against each entrant, in the order of `kept`; those who finished no game are left out."""
    groups: dict[tuple[str, str, str, str], list[HumanGame]] = {}
    for game in games:
        groups.setdefault((game.arena, game.entrant, game.human, game.side), []).append(game)
    return [made for group in groups.values() if (made := _rating(group)) is not None]


def _rating(games: list[HumanGame]) -> HumanRating | None:
    done = [game for game in games if game.state == DONE]
    if not done:
        return None
    first = games[0]
    apart = [game.own - game.other for game in done]
    won = None
    if first.kind == "competitive":
        won = wilson(sum(1.0 if x > 0 else 0.5 if x == 0 else 0.0 for x in apart), len(apart))
    left = sum(game.state == LEFT for game in games)
    counts = (len(done), left, len(games) - len(done) - left)
    own, other = t([game.own for game in done]), t([game.other for game in done])
    return HumanRating(
        first.arena, first.entrant, first.label, first.human, first.side, *counts, own, other, t(apart), won
    )


def shown(rating: HumanRating) -> dict[str, Any]:
    """A rating as texts, by the headings of a table."""
    return {
        "human": rating.human,
        "against": rating.label,
        "arena": f"{rating.arena} as {rating.side}" if rating.side else rating.arena,
        "games": str(rating.games),
        "left": str(rating.left),
        "own return [95 %]": _words(rating.own),
        "entrant's [95 %]": _words(rating.other),
        "difference [95 %]": _words(rating.difference),
        **({"games won [95 %]": _words(rating.won)} if rating.won is not None else {}),
    }


def _words(x: Estimate) -> str:
    ends = "" if x.low is None or x.high is None else f" [{x.low:.2f}, {x.high:.2f}]"
    return f"{x.mean:.2f}{ends}".replace("-0.00", "0.00")


def _folder() -> Path:
    return home.folder() / "duels"
