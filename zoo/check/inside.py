"""The laws for an agent in a process of its own: they are held against it there, beside its class.

The functions are called by `zoo.sandbox.remote.Remote.call`; what they take and give is plain data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from agents.protocol import Agent
from zoo.check.elsewhere import Fingerprint, fingerprint
from zoo.check.laws import AGENT_LAWS
from zoo.check.subject import Specimen, specimen
from zoo.check.verdict import Finding, hold
from zoo.entry.registry import AgentEntry
from zoo.entry.settings import split

#: The findings of what is being checked, of which some have been asked for.
_running: list[Iterator[Finding]] = []
_there: dict[str, str] = {}


def next_finding(
    kind: type[Agent],
    text: str,
    arena: str,
    settings: Sequence[str],
    at: int,
    fresh: bool,
    there: Mapping[str, str],
    own_game: bool,
) -> list[str]:
    """Verdict and reason of a law.

    Args:
        kind: the agent's class.
        text: the agent as it was typed.
        arena: where it is checked.
        settings: `field=value` texts for the arena.
        at: position of the law; each call asks for the one after the last, unless it is `fresh`.
        fresh: whether this is the first that is asked here.
        there: the agent's fingerprint in another process, or under "error" why there is none.
        own_game: see `Specimen`.
    """
    _there.clear()
    _there.update(there)
    if fresh:
        subject = replace(_specimen(kind, text, arena, settings), elsewhere=_elsewhere, own_game=own_game)
        _running[:] = [hold(AGENT_LAWS[at:], subject)]
    verdict = next(_running[0]).verdict
    return [verdict.word, verdict.reason]


def fingerprint_here(kind: type[Agent], text: str, arena: str, settings: Sequence[str]) -> dict[str, str]:
    """The agent's fingerprint in this process."""
    return asdict(fingerprint(_specimen(kind, text, arena, settings)))


def _elsewhere() -> Fingerprint:
    if "error" in _there:
        raise ChildProcessError(f"in another process: {_there['error']}")
    return Fingerprint(**_there)


def _specimen(kind: type[Agent], text: str, arena: str, settings: Sequence[str]) -> Specimen:
    entry: Any = AgentEntry(split(text)[0], "", kind, shipped=False)
    return specimen(entry, text, arena, settings)
