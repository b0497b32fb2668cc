"""Nemeses: what found the worst case of an entrant, or most of a learning rule, kept as an entrant `nemesis:ENTRANT`.

`declared/nemeses.json` holds, by arena identity and by the victim's text, the entrant that plays so. A nemesis of a
learning rule adapts, and so needs `--learn`.
"""

from __future__ import annotations

from zoo.entry import declared
from zoo.errors import UserError

SCHEME = "nemesis:"


def nemeses(identity: str) -> dict[str, str]:
    """Victim -> the entrant that is its nemesis in this arena."""
    return dict(declared.read("nemeses").get(identity, {}))


def plain_text(text: str, identity: str) -> str:
    """The entrant that `text` stands for: itself, but for `nemesis:VICTIM`.

    Raises:
        UserError: nobody's nemesis is known under this name here.
    """
    if not text.startswith(SCHEME):
        return text
    known = nemeses(identity)
    victim = text.removeprefix(SCHEME)
    if victim not in known:
        raise UserError(
            f"no nemesis of {victim!r} is kept in {identity}; kept are those of {', '.join(known) or 'nobody'}"
        )
    return known[victim]
