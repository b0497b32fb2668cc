"""The house's training runs as the papers' figures use them: which there are, and what their cards say.

A training run has a seed, which its card holds with the command that trained it. Runs that differ by their seed only
are of one rule.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.entry import checkpoint
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.papers.figure import Json


@dataclass(frozen=True)
class HouseRun:
    """A training run of the house's, or a script, which has no weights and seed 0."""

    entrant: str
    rule: str  # the agent, and its variant where it has one
    seed: int = 0
    weights: str = ""  # hash of what is played


def rule_of(text: str) -> str:
    """The rule that a house checkpoint is of, and the variant, whatever the training seed."""
    return re.sub(r"[@-]seed-\d+$", "", text)


def identity_of(arena: str) -> str:
    """The identity of an arena with its default settings, under which the house keeps checkpoints."""
    return Venue(ArenaChoice(arena)).identity


def house(identity: str, rule: str, most: int) -> list[HouseRun]:
    """The house's training runs of a rule, the first `most` seeds."""
    return [run for run in all_rules(identity, rule.partition("@")[0], most) if run.rule == rule]


def all_rules(identity: str, agent: str, most: int) -> list[HouseRun]:
    """The house's training runs of an agent, of each of its rules the first `most` seeds."""
    folder = checkpoint.HOUSE / identity / agent
    runs: list[HouseRun] = []
    for place in (folder, *(card.parent for card in folder.glob(f"*/{checkpoint.CARD}"))):
        if (place / checkpoint.CARD).is_file():
            text = agent if place == folder else f"{agent}@{place.name}"
            digest = hashlib.sha256((place / checkpoint.WEIGHTS).read_bytes()).hexdigest()[:16]
            runs.append(HouseRun(text, rule_of(text), card_of(identity, text)["seed"], digest))
    runs.sort(key=lambda run: (run.rule, run.seed, run.entrant))
    return [run for n, run in enumerate(runs) if sum(run.rule == other.rule for other in runs[:n]) < most]


def runs_of(arena: str, rules: Sequence[str], most: int, scripts: Sequence[str] = ()) -> list[HouseRun]:
    """The house's training runs of these rules, the first `most` seeds of each, and the scripts.

    Raises:
        UserError: there is no checkpoint of any of the rules.
    """
    identity = identity_of(arena)
    runs = [run for rule in rules for run in house(identity, rule, most)]
    if not runs:
        raise UserError(
            f"the house has no checkpoint of {', '.join(rules)} for {identity}, and this figure plays no others; `zoo"
            f" train {rules[0].partition('@')[0]} --arena {arena} --copies 64 --length episode` trains one of your own"
        )
    return [*runs, *(HouseRun(script, script) for script in scripts)]


def by_rule(runs: Sequence[HouseRun]) -> dict[str, list[HouseRun]]:
    """Runs by their rule."""
    return {rule: [run for run in runs if run.rule == rule] for rule in dict.fromkeys(run.rule for run in runs)}


def folder_of(identity: str, text: str) -> Path:
    """Where a house checkpoint lies."""
    agent, _, variant = text.partition("@")
    return checkpoint.HOUSE / identity / agent / variant


def card_of(identity: str, text: str) -> dict[str, Json]:
    """What the card of a house checkpoint says."""
    card: dict[str, Json] = json.loads((folder_of(identity, text) / checkpoint.CARD).read_text())
    return card


def facts(identity: str, text: str) -> Json:
    """Rule and seed of an entrant, and where it was trained the steps, discount, command, and figures of learning."""
    if not (folder_of(identity, text) / checkpoint.CARD).is_file():
        return {"rule": text, "seed": 0}
    card = card_of(identity, text)
    learned = {name.rpartition("/")[2]: value for name, value in card["metrics"].items() if name.startswith("learn/")}
    return {
        "rule": rule_of(text),
        "seed": card["seed"],
        "steps": card["steps"],
        "gamma": card["config"].get("gamma"),
        "command": card["command"],
        "learned": learned,
    }
