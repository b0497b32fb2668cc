"""What a law says of an agent or an arena, and how laws are held against one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from zoo.errors import UserError, place

Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Passed:
    """The law holds."""

    word = "passed"
    reason = ""


@dataclass(frozen=True)
class Failed:
    """The law is broken; the reason says how, and how to mend it."""

    reason: str
    word = "failed"


@dataclass(frozen=True)
class NotApplicable:
    """The law has nothing to say here; the reason says why."""

    reason: str
    word = "not applicable"


Verdict = Passed | Failed | NotApplicable
#: What a law yields: a fault in one sentence, or that it does not apply. The first thing that it yields is its verdict,
#: and the law is asked no further; a law that yields nothing holds.
Faults = Iterator[str | NotApplicable]


@dataclass(frozen=True)
class Law(Generic[Subject]):
    """One law: its number, its title, and the function that looks for faults of a subject."""

    number: str
    title: str
    faults: Callable[[Subject], Faults]


@dataclass(frozen=True)
class Finding:
    """What one law said."""

    number: str
    title: str
    verdict: Verdict


def hold(laws: Iterable[Law[Subject]], subject: Subject) -> Iterator[Finding]:
    """Hold the laws against a subject, one after the other.

    A subject that raises an exception breaks the law that was held against it: it may be unfinished work, so every
    exception becomes a finding of one line. The same exception under another law is no second fault.
    """
    failed: dict[str, str] = {}
    for law in laws:
        verdict: Verdict = Passed()
        try:
            for fault in law.faults(subject):
                verdict = Failed(fault) if isinstance(fault, str) else fault
                break
        except Exception as error:
            line = one_line(error)
            known = next((number for number, reason in failed.items() if line in reason), None)
            verdict = NotApplicable(f"it fails as under law {known}") if known else Failed(line)
        if isinstance(verdict, Failed):
            failed[law.number] = verdict.reason
        yield Finding(law.number, law.title, verdict)


def one_line(error: BaseException) -> str:
    """An exception as "TypeError: what it said (my_agent.py, line 12)"."""
    if isinstance(error, UserError) and error.__cause__ is not None:
        error = error.__cause__  # what went wrong, without the name of what it made impossible
    text = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' if text else ''}{text}{place(error)}"
