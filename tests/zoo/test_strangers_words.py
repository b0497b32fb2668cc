"""What the screens say of partners that did not train together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from zoo.crossplay.players import contestants
from zoo.crossplay.screen import _strangers
from zoo.entry.venue import ArenaChoice, Venue


def report(kind: str, drop: float, low: float | None = 0.1) -> Any:
    swap = SimpleNamespace(self_play=0.7, cross_play=0.7 - drop, drop=SimpleNamespace(mean=drop, low=low))
    groups = [SimpleNamespace(label="dial", swap=swap), SimpleNamespace(label="alone", swap=None)]
    spec = SimpleNamespace(kind=kind)
    return SimpleNamespace(matrix=SimpleNamespace(venue=SimpleNamespace(spec=spec)), groups=groups)


def test_cross_play_says_what_strangers_lose_in_one_sentence() -> None:
    (line,) = _strangers(report("cooperative", 0.2))
    assert line.startswith("dial: 0.70 with the partners of the own training run, 0.50 with those of another; ")
    assert line.endswith("they alone know.")


@pytest.mark.parametrize(
    ("low", "end"), [(-0.4, "the drop's interval holds 0."), (0.0, "holds 0."), (None, "so few runs give no interval.")]
)
def test_it_gives_no_reason_where_there_may_be_nothing_to_explain(low: float | None, end: str) -> None:
    (line,) = _strangers(report("cooperative", 0.2, low))
    assert line.endswith(end)
    assert "they alone know" not in line


@pytest.mark.parametrize(("kind", "drop"), [("cooperative", 0.0), ("mixed", 0.2), ("competitive", 0.2)])
def test_it_says_nothing_where_nothing_is_lost_or_partners_are_rivals(kind: str, drop: float) -> None:
    assert _strangers(report(kind, drop)) == []


def test_what_holds_in_both_roles_is_said_once() -> None:
    both = report("cooperative", 0.2)
    both.groups *= 2
    assert len(_strangers(both)) == 1


def test_kinds_of_one_agent_are_told_apart_by_what_they_were_trained_with() -> None:
    venue = Venue(ArenaChoice("two-card", ("game=symmetric",)))
    texts = ["bad", "bad@seed-1", "bad@other-play-seed-0", "bad@other-play-seed-1", "random"]
    labels = [player.kind_label for player in contestants(venue, texts).values()]
    assert labels == ["bad"] * 2 + ["bad,other_play=true"] * 2 + ["random"]
