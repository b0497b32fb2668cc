"""Pages that play the games of two entrants: played again for the page, held against their records, and kept.

Whoever asks for such a page makes agents play, so only agents and arenas that the zoo ships do, in a process beside the
server that draws no other pages. Games of others are shown where `zoo report` has played and kept them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from leaderboard.labels import unique_labels
from leaderboard.report.embedded import script_text
from leaderboard.report.html import player_script, replays_shown
from leaderboard.report.layout import clean
from leaderboard.seeds import SECRET_SEEDS
from zoo.page.replays import Archive, replays
from zoo.serve import layout
from zoo.serve.keeper import DrawnPage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leaderboard.records import ArenaRecord, BlockRecord
    from leaderboard.store.store import Store

#: Of the page's policy: pictures stand in the page itself, and nothing is sent.
_POLICY = "img-src data:; form-action 'none'"


def games_page(
    store: Store,
    arena: ArenaRecord,
    pair: tuple[str, str],
    blocks: Sequence[BlockRecord],
    shown: layout.Links,
    *,
    back: tuple[str, str],
) -> DrawnPage:
    """A page with the games of two entrants.

    Args:
        store: the records.
        arena: where they met.
        pair: their ids.
        blocks: from which the games are chosen, of these two alone.
        shown: the pages to which it leads.
        back: (address, words) of the page from which one comes.

    Raises:
        UserError: what was played cannot be kept.
    """
    entrants = sorted(set(pair))
    labels = unique_labels(set(entrants), store.labels())
    names = [clean(labels[who]) for who in entrants]
    archive = Archive(arena, blocks, entrants, entrants)
    found = replays_shown(replays(store, archive, shipped=True))
    data: dict[str, Any] = {"replays": None}
    if found["replays"]:
        data = {
            "figures": Markup(script_text({"arenas": [{"arena": arena.id, "labels": names}]})),
            "evidence": Markup(script_text([{"seats": archive.seats}])),
            "replays": found["replays"],
        }
    elif all(block.seed >= SECRET_SEEDS for block in blocks):
        found["replays_caption"] = "These games were played on a secret seed, and a replay would tell what it deals."
    return layout.laid_out(
        "games.html",
        shown,
        script=player_script(alone=True) if found["replays"] else "",
        policy=_POLICY,
        names=names,
        arena=arena,
        back=back,
        caption=found["replays_caption"],
        **data,
    )
