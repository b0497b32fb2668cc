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
    """The law is broken; the reason tells how, and how to mend it."""

    reason: str
    word = "failed"


@dataclass(frozen=True)
class NotApplicable:
    """The law has nothing to say here; the reason tells why."""

    reason: str
    word = "not applicable"


Verdict = Passed | Failed | NotApplicable


def judge(fault: str | None) -> Verdict:
    """`Failed` with the fault, or `Passed` where there is none."""
    return Passed() if fault is None else Failed(fault)


@dataclass(frozen=True)
class Law(Generic[Subject]):
    """One law: its number, its title, and the function that holds it against a subject."""

    number: str
    title: str
    holds: Callable[[Subject], Verdict]


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
        try:
            verdict = law.holds(subject)
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
