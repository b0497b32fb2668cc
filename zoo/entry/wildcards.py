"""Entrants by pattern: `axelrod:*` and `rrps:*boom*` name all agents of a library that fit, `*` all registered ones.

Whoever is named by a pattern alone and cannot play in the arena is left out, and counted; who is named in full is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from leaderboard.report.layout import plural
from zoo.entry import catalogue
from zoo.entry.registry import AGENTS, LIBRARIES, library, load_agent, names
from zoo.entry.settings import split
from zoo.entry.venue import Venue
from zoo.errors import UserError


@dataclass(frozen=True)
class Named:
    """Entrants in the order of their naming, those of patterns once; `left_out`: text -> why it cannot play."""

    texts: tuple[str, ...]
    left_out: dict[str, str]

    @property
    def remark(self) -> str:
        """Who was left out, in one line; "" where nobody was."""
        if not self.left_out:
            return ""
        text, why = next(iter(self.left_out.items()))
        return f"left out {plural(len(self.left_out), 'agent')} that cannot play here, such as {text}: {why}"


def expand(venue: Venue, texts: Iterable[str], checkpoints: Callable[[str], Sequence[str]] | None = None) -> Named:
    """Entrants with those that patterns stand for in their place.

    Args:
        venue: where they are to play.
        texts: names, and patterns of names.
        checkpoints: what AGENT@PATTERN stands for, or a `UserError`; None takes it as it is.

    Raises:
        UserError: a pattern that names nobody who can play here, or a library that is not installed.
    """
    found: list[str] = []
    in_full: set[str] = set()
    left_out: dict[str, str] = {}
    for text in texts:
        if not is_pattern(text):
            if text in in_full or text not in found:  # one who is named in full twice is for others to refuse
                found.append(text)
            in_full.add(text)
            continue
        reasons: dict[str, str | None] = {}
        for name in _named_by(text):
            try:
                reasons |= {one: _why_not(venue, one) for one in (checkpoints or _itself)(name)}
            except UserError as error:
                reasons[name] = str(error)
        refused = {one: why for one, why in reasons.items() if why is not None}
        fitting = [one for one in reasons if one not in refused]
        if not reasons:
            raise UserError(f"{text} names nobody: no such agent")
        if not fitting:
            one, why = next(iter(refused.items()))
            raise UserError(f"{text} names nobody: none of {len(refused)} can play here: {one}: {why}")
        found += [one for one in fitting if one not in found]
        left_out |= refused
    return Named(tuple(found), left_out)


def _itself(text: str) -> Sequence[str]:
    return [text]


def is_pattern(text: str) -> bool:
    """Whether a text stands for several entrants: its name has a `*` or a `?`, and is no file's."""
    name = _name(text)
    return any(letter in name for letter in "*?") and ".py:" not in name


def _name(text: str) -> str:
    return (split(text) or [""])[0].partition("@")[0]


def _named_by(text: str) -> Iterator[str]:
    """The texts that a pattern stands for, with its settings."""
    name = _name(text)
    scheme, colon, pattern = name.partition(":")
    if colon and scheme not in LIBRARIES:
        raise UserError(f"{text}: patterns are of registered agents or of {', '.join(f'{s}:*' for s in LIBRARIES)}")
    if colon:
        module = library(scheme)
        known = [f"{scheme}:{one}" for one in module.names() if fnmatchcase(one, pattern) and not module.refusal(one)]
    else:
        known = [one for one in names(AGENTS) if fnmatchcase(one, name)]
    yield from (one + text[len(name) :] for one in known)


def _why_not(venue: Venue, text: str) -> str | None:
    """Why an entrant cannot play, or None."""
    try:
        config = venue.entrant(text).config
        return catalogue.refusal(load_agent(_name(text)), venue.arena(), config)
    except UserError as error:
        return str(error)
