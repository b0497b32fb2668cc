"""Placement: a new entrant meets the partners of its arena until its place is known well enough, or its time is up."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from leaderboard.labels import unique_labels
from leaderboard.records import BlockRecord, Status
from leaderboard.statistics.estimate import Estimate, plain, t
from leaderboard.statistics.tally import own_returns
from leaderboard.store.store import Store
from leaderboard.views.board import Board, Row
from leaderboard.views.submissions import ENTERED, Version, versions
from zoo.entry.venue import Venue
from zoo.errors import UserError
from zoo.matches.match import public_board
from zoo.matches.panel import panel_of
from zoo.matches.plan import MatchPlan, Work, ordered, play, run
from zoo.play import luck
from zoo.work.progress import Reading

_MOST = 8  # times the arena's usual number of episodes
_RIVALS = 4  # submissions met where there is no panel
_NEIGHBOURS = 2  # rows shown above and below


@dataclass(frozen=True)
class Until:
    """When placement ends: the interval of mu is narrower than `width`, or `budget` CPU seconds are spent."""

    width: float = 1.0
    budget: float = 60.0


@dataclass(frozen=True)
class WithPartner:
    """What an entrant got with one partner, and the partner with it, per episode; episodes that it spoiled by kind."""

    partner: str
    own_return: Estimate
    partners_return: Estimate
    faults: dict[str, int]


@dataclass(frozen=True)
class Placed:
    """Where an entrant stands.

    Attributes:
        match: id of the match that its games are recorded as.
        episodes: that it played with each partner in each rotation.
        length: steps of every episode; None where they differ.
        cpu_s: CPU seconds of what was played now.
        ended: why no more was played.
        encounters: what it did, partner by partner.
        board: the board that it stands on; None where nothing is rated.
        rows: its own rows of that board, one for each side.
    """

    match: str
    episodes: int
    length: int | None
    cpu_s: float
    ended: str
    encounters: tuple[WithPartner, ...]
    board: Board | None
    rows: tuple[Row, ...]

    def neighbours(self, row: Row) -> list[Row]:
        """The rows around one of its own, on the same side, best first."""
        assert self.board is not None
        same = [other for other in self.board.rows if other.side == row.side and other.rank is not None]
        if row not in same:
            return [row]
        at = same.index(row)
        return same[max(0, at - _NEIGHBOURS) : at + _NEIGHBOURS + 1]

    def to_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        names = ("match", "episodes", "length", "cpu_s", "ended", "encounters")
        data = {name: plain(getattr(self, name)) for name in names}
        return {**data, "standing": [row.to_json() for row in self.rows]}


def place(venue: Venue, store: Store, text: str, until: Until, work: Work) -> Placed:
    """Play an entrant with everybody by whom it is compared, in rounds of a block with each.

    What was stopped goes on where it was. A round is played to its end, so that all partners count alike.

    Raises:
        UserError: the arena, its panel or the entrant cannot be used.
    """
    panel = panel_of(venue, store, work, players=(text,))
    partners = panel.members if panel is not None else rivals(venue, store, text)
    who, pairs = venue.entrant(text), ordered(venue, [(text, partner) for partner in partners])
    seed, size, spent = luck.rated_seed([who]), venue.spec.block, 0.0
    had = min(
        (store.next_episode(venue.identity, (venue.id(a), venue.id(b)), "play", seed) for a, b in pairs), default=0
    )
    ended = "no more episodes are played in a placement"
    ends = range(max(size, had), max(_MOST * venue.spec.episodes, had) + size, size)
    work = _onward(work, MatchPlan(venue, (who,), panel, pairs, seed, 0, ends[-1]), store)
    for end in ends:
        plan = MatchPlan(venue, (who,), panel, pairs, seed, 0, end)
        seconds = sum(play(plan, store, work))
        spent += seconds
        if known := _widest(*_standing(store, venue, who.id)) <= until.width:
            break
        if not who.confined:
            break
        if spent + seconds > until.budget:
            ended = "its time was up"
            break
    spent += _panels_own(plan, store, work, until.budget - spent)
    board, rows = _standing(store, venue, who.id)
    run(plan, store, work)
    if known:
        ended = f"its interval of mu is narrower than {until.width:g}"
    if not who.confined:
        ended = f"it is not rated: agents are not kept apart at isolation {who.isolation}"
    blocks = store.blocks_of(plan.tasks)
    lengths = {int(length) for block in blocks for result in block.results for length in set(result.lengths.tolist())}
    one = lengths.pop() if len(lengths) == 1 else None
    met = _encounters(plan, blocks, store, who.id)
    return Placed(plan.match_id, end, one, spent, ended, met, board, rows)


def _onward(work: Work, most: MatchPlan, store: Store) -> Work:
    """The same, with rounds that are shown as one piece of work: `most` is the last of them, of which few get there."""
    total = len(most.tasks) - len(store.has_blocks(most.tasks))
    before = last = 0

    def watch(name: str, reading: Reading) -> None:
        nonlocal before, last
        if reading.done < last:  # the next round begins
            before, last = before + last, 0
        last = reading.done
        done = before + last
        work.watch(name, Reading(done, max(total, done)))

    return replace(work, watch=watch)


def rivals(venue: Venue, store: Store, text: str) -> list[str]:
    """Whom an entrant meets where there is no panel: the anchor, and the latest submissions here."""
    standing = [v for v in versions(store.submissions()) if v.record.arena == venue.identity and v.state == ENTERED]
    texts = ["random", *(version.label for version in standing[-_RIVALS:])]
    return [other for other in texts if other != text and _plays(venue, other)]


def _plays(venue: Venue, text: str) -> bool:
    try:
        venue.entrant(text)
    except UserError:
        return False
    return True


def _panels_own(plan: MatchPlan, store: Store, work: Work, left: float) -> float:
    """Let the panel's members play each other, once in a home, so that they stand on the board; returns CPU seconds.

    They do not where that would take longer than the seconds that are left, by what the blocks of `plan` took.
    """
    if plan.panel is None:
        return 0.0
    venue, first = plan.venue, plan.venue.spec.block
    pairs = ordered(venue, itertools.combinations_with_replacement(plan.panel.members, 2))
    own = MatchPlan(venue, plan.entrants, plan.panel, pairs, plan.seed, 0, first)
    missing = len(own.tasks) - len(store.has_blocks(own.tasks))
    took = [sum(result.cpu_s for result in block.results) for block in store.blocks_of(plan.tasks)]
    if missing * float(np.mean(took)) > left:
        return 0.0
    return sum(play(own, store, work))


def _standing(store: Store, venue: Venue, who: str) -> tuple[Board | None, tuple[Row, ...]]:
    """The board, and an entrant's rows of it."""
    board = public_board(store, venue.identity)
    return board, tuple(row for row in board.rows if row.entrant == who) if board else ()


def _widest(board: Board | None, rows: tuple[Row, ...]) -> float:
    """The width of the widest interval of mu; infinite where one is not known."""
    widths = [row.record["mu_high"] - row.record["mu_low"] for row in rows if row.record["mu_low"] is not None]
    return max(widths, default=np.inf) if board is not None and len(widths) == len(rows) else np.inf


def _encounters(plan: MatchPlan, blocks: list[BlockRecord], store: Store, who: str) -> tuple[WithPartner, ...]:
    """What everybody got, in the order of the pairings."""
    labels = unique_labels({one for ids in plan.ids for one in ids}, store.labels())
    lines = []
    for ids in plan.ids:
        own = [block for block in blocks if set(block.entrants) == set(ids)]
        other = next((one for one in ids if one != who), who)
        mine, theirs = (
            t(np.concatenate([x for block in own if (x := own_returns(block.results, one)) is not None]))
            for one in (who, other)
        )
        codes = np.concatenate([r.statuses for block in own for r in block.results if r.entrant == who])
        counts = {status.value: int((codes == status.code).sum()) for status in Status if status is not Status.DONE}
        lines.append(WithPartner(labels[other], mine, theirs, {name: n for name, n in counts.items() if n}))
    return tuple(lines)


def standing_version(store: Store, digest: str, entrant: str, arena: str) -> Version | None:
    """The version as which files, or what plays by them, have been entered in an arena; None where they have not."""
    for version in versions(store.submissions()):
        record = version.record
        if record.id == digest or (record.entrant == entrant and record.arena == arena):
            return version
    return None
