"""A report as one HTML file that needs nothing else: texts, charts as inline SVG, and all data and scripts inside.

The file fetches nothing, and its policy (Content-Security-Policy) lets nothing run but its own script. Labels are
strangers' words: the template escapes them, and the script only ever sets them as text.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from leaderboard.report import cells, charts, embedded, hardness, together
from leaderboard.report.layout import clean, listed, number, plural
from leaderboard.statistics.cycles import CYCLES, OPEN, ORDER
from leaderboard.statistics.tally import is_head_to_head
from leaderboard.views.across import across
from leaderboard.views.columns import BY_NAME
from leaderboard.views.learning import LearningCurve
from leaderboard.views.page import LOSS, ArenaPage, PageSide

#: Where the templates and scripts of pages are.
PAGE = Path(__file__).parent / "page"
_CYCLES = {
    CYCLES: "{} goes round in circles: one number per entrant is not enough.",
    ORDER: "{} does not go round in circles: one number per entrant is enough.",
    OPEN: "Whether {} goes round in circles cannot be told from these games.",
}


@dataclass(frozen=True)
class EntrantCard:
    """What a page says of an entrant beside its results.

    Attributes:
        paper: where it comes from, in a few sentences; settings: (name, value) of each; facts: (name, value) of each.
        command: what lets it play here; nemesis: as what enters that which brings about its worst case, where kept.
    """

    paper: str = ""
    facts: Sequence[tuple[str, str]] = ()
    settings: Sequence[tuple[str, str]] = ()
    command: str = ""
    nemesis: str = ""


@dataclass(frozen=True)
class Replays:
    """Games that can be watched: JSON compressed by zlib, how many they are, and what is left out, in sentences."""

    data: bytes
    games: int
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Report:
    """All that a page shows.

    Attributes:
        pages: one for each arena.
        cards: {arena id: {entrant id: its card}}.
        command: what makes the page again; version: of the program.
        replays: of each arena that has any, by its id, see `docs/report.md`.
        curves: of each arena, how entrants were trained, where that is kept.
        without_curve: of each arena, the ids of those that were trained and left no curve.
        heading: what the page is on; "" for its arenas.
        notes: (title, sentences) of what else is to be said, such as a season's terms.
        links: (address, words) of pages beside it, where it is served; none in a file.
        games: where the games of a pairing are played, FIRST/SECOND/ARENA behind it, where it is served.
    """

    pages: Sequence[ArenaPage]
    cards: Mapping[str, Mapping[str, EntrantCard]]
    command: str
    version: str
    replays: Mapping[str, Replays] = field(default_factory=dict)
    curves: Mapping[str, Sequence[LearningCurve]] = field(default_factory=dict)
    heading: str = ""
    notes: Sequence[tuple[str, Sequence[str]]] = ()
    links: Sequence[tuple[str, str]] = ()
    games: str = ""
    without_curve: Mapping[str, Sequence[str]] = field(default_factory=dict)


def render(report: Report) -> str:
    """The page as HTML text: the same for the same report."""
    style = style_sheet()
    script = _read("basics.js") + _read("page.js") + player_script()
    evidence = embedded.evidence_text(report.pages)
    figures = {"format": embedded.FORMAT, "arenas": [embedded.figures(page) for page in report.pages]}
    last = max((page.last for page in report.pages), default="")
    made = f"Records up to {last[:19].replace('T', ' ')} UTC; zoo {report.version}." if last else ""
    return template("page.html").render(
        title=f"Report on {clean(report.heading) or listed([clean(page.arena.id) for page in report.pages])}",
        notes=[(clean(title), [clean(line) for line in lines]) for title, lines in report.notes],
        together=_together(report.pages),
        arenas=[_arena(page, report) for page in report.pages],
        made=made,
        command=report.command,
        steps=charts.STEPS,
        digest=embedded.digest(evidence),
        style=Markup(style),
        script=Markup(script),
        hashes={"style": hash_of(style), "script": hash_of(script)},
        links=report.links,
        games=report.games,
        figures=Markup(embedded.script_text(figures)),
        evidence=Markup(evidence),
    )


def _read(name: str) -> str:
    return (PAGE / name).read_text()


def style_sheet() -> str:
    """The one style of all pages, with the shades of heat maps."""
    shades = enumerate(charts.shades())
    return _read("page.css") + "".join(f".d{k}{{background:{back};color:{front}}}" for k, (back, front) in shades)


def player_script(*, alone: bool = False) -> str:
    """The script that draws moments of games, and plays replays; `alone`: with all that it needs of other scripts."""
    return (_read("basics.js") if alone else "") + _read("player.js")


def template(name: str) -> Template:
    """A page's template; what is put into it is escaped."""
    environment = Environment(
        loader=FileSystemLoader(PAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["coded"] = coded
    environment.filters["foldable"] = foldable
    return environment.get_template(name)


def coded(words: str) -> Markup:
    """Words as HTML, what stands between backticks as code; all of them are escaped."""
    parts = str(escape(words)).split("`")
    if len(parts) % 2 == 0:  # one that is not closed
        return Markup("`".join(parts))
    return Markup("".join(f"<code>{part}</code>" if k % 2 else part for k, part in enumerate(parts)))


def foldable(label: str) -> Markup:
    """A label that may go on in a further line behind its @, as well as where it has a dash."""
    return Markup(str(escape(label)).replace("@", "@<wbr>"))


def hash_of(text: str) -> str:
    """How a policy names a text that may be used."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _arena(page: ArenaPage, report: Report) -> dict[str, Any]:
    at = {who: i for i, who in enumerate(page.evidence.entrants)}
    known = report.cards.get(page.arena.id, {})
    nemeses = {who: card.nemesis for who, card in known.items() if card.nemesis}
    return {
        "name": clean(page.arena.id),
        "number": [other.arena.id for other in report.pages].index(page.arena.id),
        "anchor": f"arena-{[other.arena.id for other in report.pages].index(page.arena.id)}",
        "lead": list(_lead(page)),
        "sides": [_side(page, side, at) for side in page.sides],
        "evidence": [*_evidence(page), *_uncurved(page, report.without_curve.get(page.arena.id, ()))],
        "cards": [_card(page, known.get(who, EntrantCard()), who, at[who]) for who in _in_order(page)],
        **replays_shown(report.replays.get(page.arena.id)),
        **_curves([*page.learning, *report.curves.get(page.arena.id, ())]),
        "exploited": _table(hardness.exploited(page, nemeses)),
        "robust": _table(hardness.robust(page)),
    }


def _together(pages: Sequence[ArenaPage]) -> dict[str, Any] | None:
    """What several arenas come to; None for one, or where no two entrants are ranked in all."""
    found = across(pages)
    if found is None:
        return None
    (figure, profiled), (rows, caption) = together.profiles(found), together.better(found)
    left = f" Left out, as nobody is ranked over a panel there: {listed(found.left_out)}." if found.left_out else ""
    return {
        "profile": Markup(figure.drawing),
        "profile_caption": profiled + left,
        "better": rows,
        "better_caption": caption,
    }


def _curves(curves: Sequence[LearningCurve]) -> dict[str, Any]:
    figures, caption = together.curves(curves)
    return {"curves": [(one.title, Markup(one.drawing)) for one in figures], "curves_caption": caption}


def replays_shown(replays: Replays | None) -> dict[str, Any]:
    """What a template shows of games: their data in base64, None where there are none, and a caption."""
    if replays is None:
        return {"replays": None, "replays_caption": ""}
    words = (
        f"{replays.games:,} games, each played again and held against its record: of every pairing the median, "
        "the best and the worst one for the first of the two in its first seat."
        if replays.games != 1
        else "1 game, played again and held against its record."
    )
    told = " ".join([words, *replays.notes] if replays.games else replays.notes)
    return {"replays": base64.b64encode(replays.data).decode() if replays.games else None, "replays_caption": told}


def _in_order(page: ArenaPage) -> list[str]:
    """The entrants in the order of the board, each once."""
    return list(dict.fromkeys(row.entrant for row in page.board.rows))


def _lead(page: ArenaPage) -> Iterator[str]:
    """What the page comes to, in sentences."""
    board = page.board
    n = len(_in_order(page))
    yield f"{plural(n, 'entrant')} in {plural(board.games, 'game')} of {clean(page.arena.id)}, a {board.kind} game."
    for side in page.sides:
        where = f"As {clean(side.side)}, " if side.side else ""
        if side.verdict:
            yield _sentence(f"{where}{clean(side.verdict)}")
        others = [clean(row.label) for row in side.leading[1:]]
        if len(others) > 1:
            yield f"{where}{listed(others)} may each be first, too."
        if side.fair:
            good = listed([clean(label) for label in side.fair])
            gain, lose = ("gain", "lose") if len(side.fair) > 1 else ("gains", "loses")
            like, share = ("their", "a tenth") if len(side.fair) > 1 else ("its", "a tenth")
            assert LOSS == 0.1
            yield f"{good} {gain} with {like} like, and {lose} no more than {share} of that with anybody."
    if not board.headline:
        yield "Nobody is ranked, as the game has no panel."
    elif all(row.rank is None for row in board.rows):
        yield "Nobody is ranked yet, as nobody has met every member of the panel."


def _sentence(words: str) -> str:
    return words if words.endswith(".") else f"{words}."


def _side(page: ArenaPage, side: PageSide, at: Mapping[str, int]) -> dict[str, Any]:
    forest, heat = charts.forest(page, side), charts.heat_map(page, side)
    forest, drawn = _marked(forest), hardness.scatter(page, side)
    per = " per step" if page.board.length else " per episode"
    what = "Share of games won" if side.matrix.quantity == "games won" else f"Mean own return{per}"
    error = f"{what} of the row when paired with the column of that number; its like on the diagonal."
    if side.matrix.quantity == "games won":
        error = f"{error[:-1]}, half by definition."
    return {
        "words": f", as {clean(side.side)}" if side.side else "",
        "forest": forest,
        "forest_caption": " ".join(_forest_caption(page, side)),
        "heat": heat,
        "heat_caption": f"{error} White: {side.neutral_is}. Entrants that are alike stand together.",
        "scatter": Markup(drawn[0]) if drawn else None,
        "scatter_caption": drawn[1] if drawn else "",
        "at": at,
    }


def _table(table: hardness.HardnessTable | None) -> dict[str, Any] | None:
    if table is None:
        return None
    rows = [(label, Markup(strip), texts) for label, strip, texts in table.rows]
    return {"headings": table.headings, "rows": rows, "axis": Markup(table.axis), "caption": table.caption}


def _marked(forest: charts.Forest) -> Any:
    """SVG is not escaped again."""
    rows = [[{**_fields(row), "strip": Markup(row.strip)} for row in some] for some in (forest.ranked, forest.unranked)]
    return {"axis": Markup(forest.axis), "headings": forest.headings, "ranked": rows[0], "unranked": rows[1]}


def _fields(row: charts.ForestRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("entrant", "label", "rank", "cells", "leads")}


def _forest_caption(page: ArenaPage, side: PageSide) -> Iterator[str]:
    if side.leading:
        yield "Tinted rows cannot be told from the leader; the band is the leader's interval."
    yield page.board.rule
    if any(row["exploiter_gain"][0] is not None for row in side.rows):
        yield cells.captions([BY_NAME["exploiter_gain"]])[0]


def _evidence(page: ArenaPage) -> Iterator[str]:
    board = page.board
    yield cells.counted(board)
    yield cells.partners(board)
    yield from cells.robustness(board)
    yield from cells.seeds(board)
    for line in (cells.unranked(board), cells.set_apart(board)):
        if line:
            yield line
    faults = ", ".join(f"{count:,} {status}" for status, count in page.evidence.faults.items())
    yield f"Faults, by episode and seat: {faults}." if faults else "No episode was spoiled by a fault."
    if page.cycles is not None:
        losses = [number(loss, 4) for loss in (page.cycles.scalar, page.cycles.rank2)]
        whom = "who beats whom" if is_head_to_head(page.arena) else "who of two earns more"
        told = _CYCLES[page.cycles.verdict].format(whom)
        yield (
            f"{told[0].upper()}{told[1:]} Held-out {page.cycles.loss}: {losses[0]} with one number per entrant, "
            f"{losses[1]} with a turning part."
        )
    yield from cells.predicted(board)
    if board.method:
        yield board.method


def _uncurved(page: ArenaPage, without: Collection[str]) -> Iterator[str]:
    """Whose training is not shown, and why."""
    names = {row.entrant: clean(row.label) for row in page.board.rows if row.entrant in without}
    if names:
        yield (
            f"No learning curve of {listed(list(names.values()))}: one is shown where `zoo train` made the weights and "
            "their folder lies where it was. Weights that come with the zoo or in a bundle have none; their cards say "
            "for how long they learned, and what they earned at the end."
        )


def _card(page: ArenaPage, card: EntrantCard, who: str, at: int) -> dict[str, Any]:
    label = next(row.label for row in page.board.rows if row.entrant == who)
    steps, cpu = page.evidence.steps_of.get(who, 0), page.evidence.cpu.get(who, 0.0)
    cost = [("cost", f"{1e6 * cpu / steps:.3g} µs of processor time a step and seat")] if steps else []
    return {
        "at": at,
        "label": clean(label),
        "paper": card.paper,
        "facts": [*card.facts, *cost],
        "settings": card.settings,
        "command": card.command,
    }
