"""The atlas as one HTML file, in the style of reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from leaderboard.report import charts, marks
from leaderboard.report.html import hash_of, style_sheet, template
from leaderboard.report.layout import clean, decimals, listed, number, plural
from leaderboard.views.atlas import FEWEST, Atlas, AtlasGame

_WIDTH = 220.0  # pixels of a strip
_LIKELY = 0.005  # probability from which an agent is named in the first sentence

#: What the vote means, for the page and for the screen.
MEANING = (
    "Each game, and each role of it, is a voter: of two agents it prefers the one that surely (95 %) earned more from "
    "the same strangers, and abstains where it cannot tell or where not both play. The maximal lottery draws an agent "
    "so that, whichever other one is named, at least as many games prefer what it draws as prefer the other, in "
    "expectation. One agent with probability 1 beats or ties every other; several stand in a circle or were not told "
    "apart. Copies of an agent share its probability and change no other's."
)


def render_atlas(atlas: Atlas, command: str, version: str) -> str:
    """The page as HTML text: the same for the same atlas."""
    style = style_sheet()
    across = marks.ruler([0.0, 1.0], _WIDTH)
    rows = []
    for k, label in enumerate(atlas.agents):
        won, lost = int((atlas.margins[k] > 0).sum()), int((atlas.margins[k] < 0).sum())
        met = int((atlas.compared[k] > 0).sum())
        share = float(atlas.lottery[k])
        strip = Markup(marks.strip(across, [(share, "point")], (0.0, share)))
        rows.append((clean(label), strip, number(share, 3), won, lost, met - won - lost))
    return template("atlas.html").render(
        lead=list(lead(atlas)),
        meaning=MEANING,
        rows=rows,
        axis=Markup(marks.axis(across, "probability")),
        margins=_margins(atlas),
        games=[_game(game) for game in atlas.games],
        made=f"zoo {version}.",
        command=command,
        steps=charts.STEPS,
        style=Markup(style),
        hashes={"style": hash_of(style)},
    )


def lead(atlas: Atlas) -> Iterator[str]:
    """What the atlas comes to, in sentences."""
    names = list(dict.fromkeys(game.name for game in atlas.games))
    met = {label for game in atlas.games for label in game.labels}
    yield f"{plural(len(met), 'agent')} among strangers in {plural(len(names), 'game')}."
    likely = [(who, share) for who, share in zip(atlas.agents, atlas.lottery, strict=True) if share >= _LIKELY]
    if likely:
        said = [f"{clean(who)} {share:.2f}" for who, share in likely]
        yield f"The maximal lottery over {plural(len(names), 'game')} as voters: {listed(said)}."
    if atlas.left_out:
        yield (
            f"Without a part in the vote, as they met others in fewer than {FEWEST} games: "
            f"{listed([clean(name) for name in atlas.left_out])}."
        )


def _margins(atlas: Atlas) -> list[tuple[str, list[dict[str, Any] | None]]]:
    most = float(np.abs(atlas.margins).max(initial=0.0)) or 1.0
    rows = []
    for i, label in enumerate(atlas.agents):
        line: list[dict[str, Any] | None] = []
        for j in range(len(atlas.agents)):
            together = int(atlas.compared[i, j])
            if not together:
                line.append(None)
                continue
            margin = float(atlas.margins[i, j])
            title = f"{margin:.0f} of {plural(together, 'vote')}"
            line.append(
                {
                    "text": f"{margin:+.0f}" if margin else "0",
                    "title": title,
                    "shade": round(margin / most * charts.STEPS),
                }
            )
        rows.append((clean(label), line))
    return rows


def _game(game: AtlasGame) -> dict[str, Any]:
    order = _by_success(game)
    known = game.mean[np.isfinite(game.mean)]
    gains = [x.mean for line in game.gained for x in line if x is not None]
    most = max((abs(x) for x in gains), default=0.0) or 1.0
    digits = decimals([float(np.std(known)) / 10 if known.size else 1.0])
    rows = []
    for i in order:
        line: list[dict[str, Any] | None] = []
        for j in order:
            x = game.gained[i][j]
            if x is None:
                line.append(None)
                continue
            ends = "" if x.low is None else f" [{number(x.low, digits + 1)}, {number(x.high, digits + 1)}]"
            title = (
                f"{number(float(game.mean[i, j]), digits)} with {clean(game.labels[j])}; from the same strangers "
                f"{number(x.mean, digits + 1)}{ends} more, n = {plural(x.n, 'episode')}"
            )
            sure = x.known and not x.contains(0.0)
            line.append(
                {
                    "text": number(float(game.mean[i, j]), digits) + ("*" if sure else ""),
                    "title": title,
                    "shade": round(max(-1.0, min(1.0, x.mean / most)) * charts.STEPS) if sure else 0,
                }
            )
        rows.append((clean(game.labels[i]), line))
    return {"title": clean(game.title), "rows": rows, "caption": _caption(game)}


def _caption(game: AtlasGame) -> str:
    n = plural(game.episodes, "episode")
    what = "share of games won" if game.quantity == "games won" else "mean own return per episode"
    return (
        f"Number: {what} of the row with the column. Colour, and a star where it is sure: whether the row got more "
        f"(blue) or less than the column from the same strangers. n = {n} a cell and rotation."
    )


def _by_success(game: AtlasGame) -> Sequence[int]:
    """Positions, who gets most from strangers first."""
    gained = [sum(x.mean for x in line if x is not None) for line in game.gained]
    return sorted(range(len(gained)), key=lambda k: (-gained[k], game.labels[k]))
