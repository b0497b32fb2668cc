"""Games of a human against an entrant, played as a match plays them: its seeds, its luck, its length, its seats.

The human has one seat and the entrant has the others; the next game seats the human in the next one. The entrant plays
as in a match, a stranger's in a process of its own. The human sees the whole game, as in a replay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from agents.protocol import Memory, Policy, Seating
from agents.rollout import rollout
from arenas.protocol import Action, TimeStep
from leaderboard.records import STATUSES
from zoo.entry.entrant import Entrant
from zoo.entry.venue import Venue
from zoo.errors import UserError
from zoo.page.games import draw
from zoo.play.episodes import Start, begin, last_moment
from zoo.play.luck import episode_seeds, fresh_seed
from zoo.play.referee import fouls_of, seat_under_referees
from zoo.play.seating import Rotation, Seated, blame, rotations
from zoo.serve.duels import DONE, HumanGame, keep, kept

#: What an arena offers where some of it is hidden from a seat, or must be said: the page would show or lack it.
_HIDDEN = {"common": "hides a part from each seat", "hands": "hides cards", "channel": "has messages"}
_IGNORED = 1000  # steps at most in which the human is not asked


class Human(Policy):
    """Does what it was told."""

    choice = 0

    def begin(self, seating: Seating) -> Memory:
        """A human's memory is its own."""
        return {}

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """The choice, for one game."""
        return Action(torch.full_like(timestep.active, self.choice, dtype=torch.long)), memory


class HumanTable:
    """Where a human meets an entrant.

    Args:
        venue: the arena.
        entrant: whom the human meets.
        name: what the human is called.
        seed: match seed, which decides the luck of all games.

    Raises:
        UserError: nobody can play this game in a page, or the entrant not against one seat.
    """

    def __init__(self, venue: Venue, entrant: Entrant, name: str, seed: int) -> None:
        self.venue, self.entrant, self.name, self.seed = venue, entrant, name, seed
        _check(venue)
        # its own arena, as games of a venue's may be reset by others
        self._arena = venue.make(1)
        self._ways = [way for way in rotations(venue.spec) if list(way.values()).count(1) == 1]
        if not self._ways:
            raise UserError(f"{venue.identity} has no seat that one human could take")
        self.game: HumanGame | None = None
        self._players: dict[str, Policy] = {}
        self._human = Human()
        self._now: Start | None = None
        self._steps = 0

    @property
    def seat(self) -> str:
        """The human's in the game that is played."""
        assert self.game is not None
        return self.game.seat

    def new_game(self) -> dict[str, Any]:
        """Begin the next game that was never begun; one that goes on is left. Returns what the page shows first."""
        before = [game for game in kept(self.venue.identity) if (game.entrant, game.human) == self._who]
        numbers = [game.episode for game in before if game.seed == self.seed]
        episode = max(numbers, default=-1) + 1
        way = self._ways[episode % len(self._ways)]
        seat = next(seat for seat, who in way.items() if who == 1)
        spec = self.venue.spec
        side = spec.seats[seat].side if len({one.side for one in spec.seats.values()}) > 1 else ""
        about = (self.venue.identity, spec.kind, self.entrant.id, self.entrant.label, self.name, self.seed, episode)
        self.game = HumanGame(*about, seat, side)
        keep(self.game)  # from here on it counts as begun: who leaves a game that goes badly is counted, too
        self._sit_down(way, episode)
        return self._told([])

    @property
    def _who(self) -> tuple[str, str]:
        return self.entrant.id, self.name

    def _sit_down(self, way: Rotation, episode: int) -> None:
        arena, seat = self._arena, self.seat
        others = tuple(other for other, who in way.items() if who == 0)
        with blame(self.venue.identity, [self.entrant]):
            agents = self.entrant.agents(arena.spec, others, fresh_seed(self.seed), arena.device)
            self._players = {**seat_under_referees(dict(agents), arena.spec), seat: self._human}
            seated = Seated(arena, self._players, way, self.seed)
            dealt = episode_seeds(self.venue.identity, self.seed, episode, 1, arena.device)
            self._now, self._steps = begin(seated, dealt), 0

    def act(self, choice: int) -> dict[str, Any]:
        """Let the human do this, and the others what they do, until the human is asked again or the game is over.

        Raises:
            UserError: it is not legal, or no game is on.
        """
        if self.game is None or self.game.over:
            raise UserError("no game is on: begin one")
        legal = self._legal()
        if not 0 <= choice < len(legal) or not legal[choice]:
            raise UserError("that is not possible now")
        self._human.choice = choice
        moments = [self._step()]
        while not self.game.over and not self._asked() and len(moments) < _IGNORED:
            moments.append(self._step())
        return self._told(moments)

    def _step(self) -> dict[str, Any]:
        assert self.game is not None and self._now is not None
        now, arena = self._now, self._arena
        with blame(self.venue.identity, [self.entrant]):
            joint, memories = rollout(arena, self._players, now.memories, now.timesteps, 1, now.state)
        self._now = now = Start(memories, *last_moment(joint))
        self._steps += 1
        fouls = {seat: STATUSES[int(of.code[0])] for seat, of in fouls_of(self._players).items() if of.code[0]}
        pays = {seat: 0.0 if fouls else float(step.reward[0]) for seat, step in now.timesteps.items()}
        returns = {seat: self.game.returns.get(seat, 0.0) + paid for seat, paid in pays.items()}
        if fouls:  # as in a match: the episode ends, and costs who spoiled it the forfeit
            returns |= dict.fromkeys(fouls, arena.spec.forfeit)
        ended = all(bool(step.last[0]) for step in now.timesteps.values())
        state = next(iter(fouls.values())).value if fouls else DONE if ended else self.game.state
        self.game = replace(self.game, returns=returns, steps=self._steps, state=state)
        if self.game.over:
            keep(self.game)
        return {"pays": pays, **draw(arena, 0)}

    def _asked(self) -> bool:
        assert self._now is not None
        step = self._now.timesteps[self.seat]
        return bool(step.active[0]) and not bool(step.last[0])

    def _legal(self) -> list[bool]:
        assert self._now is not None
        mask = self._now.timesteps[self.seat].action_mask
        count = self.venue.spec.seats[self.seat].actions
        return [True] * count if mask is None else [bool(x) for x in mask[0].tolist()]

    def _told(self, moments: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The game as the page needs it."""
        assert self.game is not None
        spec = self.venue.spec
        return {
            "episode": self.game.episode,
            "seat": self.seat,
            "seats": list(spec.seats),
            "step": self._steps,
            "steps": spec.max_steps,
            "moments": list(moments) or [{"pays": dict.fromkeys(spec.seats, 0.0), **draw(self._arena, 0)}],
            "returns": self.game.returns or dict.fromkeys(spec.seats, 0.0),
            "actions": actions_of(self.venue, self.seat),
            "legal": self._legal(),
            "over": self.game.over,
            "state": self.game.state,
        }


def actions_of(venue: Venue, seat: str) -> list[str]:
    """What the actions of a seat are called."""
    count = venue.spec.seats[seat].actions
    names: Sequence[str] = getattr(venue.arena(), "action_names", ())
    several = len({one.actions for one in venue.spec.seats.values()}) > 1  # then the names may be another seat's
    fit = len(names) >= count and not (several and len(names) > count)
    return list(names[:count]) if fit else [f"action {number}" for number in range(count)]


def _check(venue: Venue) -> None:
    """See that a human can play here in a page."""
    spec = venue.spec
    why = next((words for word, words in _HIDDEN.items() if word in spec.offers), "")
    if any(not seat.actions for seat in spec.seats.values()):
        why = "has actions that are no single choice"
    elif any(seat.message_dim for seat in spec.seats.values()):
        why = _HIDDEN["channel"]
    elif not why and len(spec.seats) < 2:
        why = "has a single seat"
    if not why:
        arena = venue.arena()
        arena.reset(torch.zeros(1, dtype=torch.long))
        why = "" if arena.sketch(0) is not None else "cannot be drawn in a page"
    if why:
        raise UserError(f"no human can play {venue.identity}, as it {why}; coin, ipd and matrix games can be played")
