"""The laws for an agent that the zoo does not ship, from the referee's side: law by law, asked of its own process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from leaderboard.records import Status
from zoo.check import inside
from zoo.check.elsewhere import HASH_SEED
from zoo.check.laws import AGENT_LAWS, LUCK
from zoo.check.subject import files_of_arena
from zoo.check.verdict import Failed, Finding, NotApplicable, Passed, Verdict
from zoo.entry.registry import AgentEntry
from zoo.sandbox.fault import AgentFault
from zoo.sandbox.log import one_line
from zoo.work.pool import name_of

_ARENA = "checked_in_this_arena"  # the folder of the arena's files, beside the agent's own


def findings_apart(
    entry: AgentEntry, agent: str, arena: str, settings: Sequence[str], own_game: bool = False
) -> Iterator[Finding]:
    """What the laws say of an agent in a process of its own.

    A law under which the process ends is broken; the next law is held against the agent in a fresh one.
    """
    kind: Any = entry.agent  # a Remote
    if source := files_of_arena(arena):
        kind, folder = kind.beside(source, _ARENA)
        arena = f"{folder}/{source.entry}"
    about = (agent, arena, list(settings))
    known: dict[str, str] = {}  # what ended the process -> the number of the first law under which it did
    first = 0
    for at, law in enumerate(AGENT_LAWS):
        there: dict[str, str] = {}
        if law.number == LUCK:
            try:
                there = kind.call(name_of(inside.fingerprint_here), *about, hash_seed=HASH_SEED)
            except AgentFault as fault:
                there = {"error": fault.message}
        try:
            word, reason = _said(kind.call(name_of(inside.next_finding), *about, at, at == first, there, own_game))
            said: dict[str, Verdict] = {"failed": Failed(reason), "not applicable": NotApplicable(reason)}
            verdict = said.get(word, Passed())
        except AgentFault as fault:
            line, first = f"{fault.status}: {fault.message}", at + 1
            seen = known.setdefault(line, law.number)
            verdict = Failed(line) if seen == law.number else NotApplicable(f"it fails as under law {seen}")
        yield Finding(law.number, law.title, verdict)
    for far in kind.callees.values():
        far.close()
    kind.callees.clear()


def _said(answer: Any) -> tuple[str, str]:
    """Verdict and reason, fit to be printed: the agent can answer in its process's name.

    Raises:
        AgentFault: it is neither.
    """
    if type(answer) is not list or len(answer) != 2 or not all(type(text) is str for text in answer):
        raise AgentFault(Status.INVALID, "its process answers something else than a verdict")
    return answer[0], one_line(answer[1], 2000)
