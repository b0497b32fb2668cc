"""The end of a season: its seed and its hidden partners are shown, and all that was said at its start is checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leaderboard.store.store import Store
from zoo.errors import UserError
from zoo.matches.plan import Work, call
from zoo.play import luck
from zoo.play.verify import verify
from zoo.season.games import missing
from zoo.season.place import Season, hidden_digest, in_words


@dataclass(frozen=True)
class Check:
    """Something that was held against the records: what, whether it is true, and the figures."""

    what: str
    holds: bool
    said: str


def reveal(season: Season, store: Store, now: datetime, *, unfinished: bool = False) -> dict[str, Any]:
    """End a season: show the seed and the hidden partners; nothing can be entered or played from then on.

    Raises:
        UserError: entries are still taken in, or games are left to be played and it shall not end `unfinished`.
    """
    if (shown := season.revealed) is not None:
        return shown
    if not season.is_over(now):
        raise UserError(
            f"season {season.name} takes entries until {in_words(season.ends)}; reveal its seed after that and after"
            f" `zoo season run {season.name}`, or close it before: `zoo season close {season.name}`"
        )
    if (left := missing(season, store, now)) and not unfinished:
        raise UserError(
            f"{left:,} blocks of season {season.name} are not played yet, and cannot be once its seed is known:"
            f" `zoo season run {season.name}` plays them, and --unfinished leaves them out"
        )
    secret = season.seed
    hidden = [[text, season.venue.id(text)] for text in season.card.secret]
    names = list(season.card.secret)
    call(season.venue, store, names, names)
    shown = {"seed": secret.key.hex(), "hidden": hidden, "at": now.isoformat(timespec="seconds")}
    luck.reveal(secret.name)
    season.show(shown)
    return shown


def checked(season: Season, store: Store, work: Work | None) -> list[Check]:
    """Hold a season against what was said at its start.

    Args:
        season: which; it is the home of this process.
        store: its records.
        work: how its games are played again; None leaves that out.
    """
    unsound = store.unsound()
    found = [
        Check("rules", True, f"the file of rules has the hash {season.card.rules[:16]}.. of the start"),
        Check("records", not unsound, unsound[0] if unsound else "all records are as they were written"),
    ]
    if (shown := season.revealed) is None:
        found.append(Check("seed", True, f"not shown yet; its hash is {season.card.seed}"))
    else:
        found += _against_start(season, shown)
    if work is not None and not unsound:
        played = verify(store, store.matches(), everything=True, workers=work.workers, watch=work.watch)
        wrong = played.differences
        said = f"{played.blocks:,} blocks of {played.episodes:,} episodes, in each seating, came out as recorded"
        rest = f"; left out: {'; '.join(played.left_out)}" if played.left_out else ""
        found.append(Check("games", not wrong, wrong[0] if wrong else f"{said}{rest}"))
    return found


def _against_start(season: Season, shown: dict[str, Any]) -> list[Check]:
    """The seed and the hidden partners that were shown at the end."""
    try:
        key = bytes.fromhex(shown["seed"])
        hidden = [(str(text), str(entrant)) for text, entrant in shown["hidden"]]
    except (KeyError, TypeError, ValueError):
        return [Check("seed", False, "what was shown at the end cannot be read")]
    seed = hashlib.sha256(key).hexdigest() == season.card.seed
    same = hidden_digest(key, hidden) == season.card.hidden
    names = ", ".join(text for text, _ in hidden) or "none"
    return [
        Check("seed", seed, f"{shown['seed']} {'has' if seed else 'has not'} the hash of the start"),
        Check("hidden", same, f"{names}: {'the' if same else 'not the'} hidden partners of the start"),
    ]
