"""How the server's own pages are laid out: templates in `site/`, the style of reports, and a policy for each page."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from leaderboard.report.html import PAGE, coded, hash_of, style_sheet
from leaderboard.report.layout import clean
from zoo.serve.keeper import DrawnPage

SITE = Path(__file__).parent / "site"
#: What no page may do: fetch anything, stand in a frame, send forms or words of its own elsewhere.
POLICY = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"

Links = Sequence[tuple[str, str]]


def links(*, submit: bool) -> list[tuple[str, str]]:
    """The pages to which every page leads: (address, words)."""
    pages = [("/", "Boards"), ("/matches", "Matches"), ("/replays", "Replays")]
    pages += [("/entrants", "Entrants"), ("/seasons", "Seasons")]
    return [*pages, *([("/submit", "Submit")] if submit else [])]


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader([SITE, PAGE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["clean"] = clean
    made.filters["coded"] = coded
    return made


@lru_cache(maxsize=1)
def _style() -> str:
    return style_sheet() + (SITE / "site.css").read_text()


def laid_out(
    template: str,
    shown: Links,
    *,
    status: int = 200,
    script: str = "",
    policy: str = "form-action 'self'",
    **values: Any,
) -> DrawnPage:
    """A page of our own.

    Args:
        template: its name in `site/`.
        shown: the pages to which it leads.
        status: of HTTP.
        script: what runs in it, and nothing else does.
        policy: more words of its policy.
        values: what the template needs.
    """
    style = _style()
    words = [POLICY, f"style-src '{hash_of(style)}'", policy]
    if script:
        words.append(f"script-src '{hash_of(script)}'")
    body = (
        _environment()
        .get_template(template)
        .render(links=shown, style=Markup(style), script=Markup(script), status=status, **values)
    )
    return DrawnPage(status, body.encode(), "; ".join(words))


def sorry(status: int, words: str, shown: Links) -> DrawnPage:
    """A page that says in one sentence why there is nothing else."""
    return laid_out("sorry.html", shown, status=status, words=words)
