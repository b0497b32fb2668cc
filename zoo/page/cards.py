"""What a page says of an entrant beside its results: where it comes from, how it is set, what lets it play."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leaderboard.records import ArenaRecord, CheckpointRecord, EntrantRecord
from leaderboard.report.html import EntrantCard
from leaderboard.report.layout import number
from leaderboard.seeds import is_stranger
from leaderboard.store.store import Store
from zoo.entry.catalogue import KEPT
from zoo.entry.nemesis import SCHEME, nemeses
from zoo.entry.registry import AGENTS, OURS, names
from zoo.training.curve import RETURN

_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_SEATS = 4  # up to which each seat's return is named
_HASH = 16  # digits of a hash that are shown


def cards(store: Store, arena: ArenaRecord, entrants: Mapping[str, EntrantRecord]) -> dict[str, EntrantCard]:
    """The cards of entrants, by id; no agent's code is imported."""
    checkpoints = {record.id: record for record in store.checkpoints()}
    words, known = arena_words(store, arena), nemeses(arena.id)
    return {
        who: _card(record, checkpoints.get(record.weights or ""), words, known.get(record.label))
        for who, record in entrants.items()
    }


def arena_words(store: Store, arena: ArenaRecord) -> str:
    """The arena as the options of a command, from the last match that was played there."""
    about = played_as(store, arena)
    sets = [word for setting in about["settings"] for word in ("--set", f"arena.{setting}")]
    wraps = [word for wrapper in about["wrap"] for word in ("--wrap", wrapper)]
    return shlex.join(["--arena", about["arena"], *sets, *wraps])


def played_as(store: Store, arena: ArenaRecord) -> dict[str, Any]:
    """How the last match asked for the arena: its name, settings and wrappers, in texts."""
    found = next((match.details for match in reversed(store.matches(arena.id)) if "arena" in match.details), {})
    return {
        "arena": arena.id,
        "settings": (),
        "wrap": (),
        **{k: found[k] for k in ("arena", "settings", "wrap") if k in found},
    }


def _card(record: EntrantRecord, checkpoint: CheckpointRecord | None, words: str, nemesis: str | None) -> EntrantCard:
    facts = [("agent", record.agent), ("id", record.id), ("behaviour", f"version {record.behaviour}")]
    if record.weights is not None:
        facts.append(("weights", f"sha256 {record.weights[:_HASH]}…"))
    if checkpoint is not None:
        facts += _trained(checkpoint.card)
    if nemesis is not None:
        facts.append(("worst case", f"brought about by {nemesis}, which plays as {SCHEME}{record.label}"))
    if is_stranger(record):
        facts.append(("origin", "from outside the zoo"))
    settings = [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in record.config.items()]
    command = f"zoo match {shlex.quote(record.label)} random {words}"
    known = f"{SCHEME}{record.label}" if nemesis is not None else ""
    return EntrantCard(paper(record.agent), facts, sorted(settings), command, known)


def _trained(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a checkpoint's card says of its training."""
    told = {"trained in": card.get("arena"), "steps": card.get("steps"), "training seed": card.get("seed")}
    facts = [(name, f"{x:,}" if isinstance(x, int) else str(x)) for name, x in told.items() if x is not None]
    metrics = card.get("metrics") or {}
    ended = {k.removesuffix(f"/{RETURN}"): x for k, x in metrics.items() if k.endswith(f"/{RETURN}")}
    seats = {seat: x for seat, x in ended.items() if "/" not in seat and isinstance(x, int | float)}
    if 0 < len(seats) <= _SEATS:
        earned = ", ".join(f"{seat} {number(x, 3)}" for seat, x in seats.items())
        facts.append(("at the end", f"{earned} per step, mean over the last tenth of the training"))
    return facts


def paper(agent: str) -> str:
    """What an agent of the zoo is and whose paper it follows, from its file's docstring; empty for a stranger's."""
    point = names(AGENTS).get(agent)
    if point is None or point.module.partition(".")[0] not in OURS:
        return ""
    told = json.loads(KEPT.read_text())["agents"].get(agent, {}).get("summary", "")
    found = importlib.util.find_spec(point.module)
    text = Path(found.origin).read_text() if found is not None and found.origin else ""
    paragraphs = inspect.cleandoc(ast.get_docstring(ast.parse(text)) or "").split("\n\n")
    # the paragraph that names the authors and the year
    source = next((" ".join(part.split()) for part in paragraphs if _YEAR.search(part)), "")
    if source and source[-1] not in '.!?)"':  # a formula follows, which a card has no room for
        source = source.rpartition(". ")[0] + "."
    return f"{told}. {source}".strip() if told else source
