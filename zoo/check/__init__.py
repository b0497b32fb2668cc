"""The zoo's laws as functions that ship to users: one per law, each held against a small subject.

for finding in check_agent("my_agent.py:MyAgent", "coin"):
    print(finding.number, finding.title, finding.verdict.word, finding.verdict.reason)
"""

from zoo.check.checking import check_agent, check_arena
from zoo.check.laws import AGENT_LAWS, ARENA_LAWS
from zoo.check.verdict import Failed, Finding, Law, NotApplicable, Passed, Verdict

__all__ = [
    "AGENT_LAWS",
    "ARENA_LAWS",
    "Failed",
    "Finding",
    "Law",
    "NotApplicable",
    "Passed",
    "Verdict",
    "check_agent",
    "check_arena",
]
