"""What the screens say of partners that did not train together."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from leaderboard.statistics.estimate import Estimate
from zoo.crossplay.players import contestants
from zoo.crossplay.screen import _strangers
from zoo.entry.venue import ArenaChoice, Venue
from zoo.matches.match import TOGETHER
from zoo.matches.screen import _strangers as _alone_and_together


def report(kind: str, drop: float, low: float | None = 0.1) -> Any:
    swap = SimpleNamespace(self_play=0.7, cross_play=0.7 - drop, drop=SimpleNamespace(mean=drop, low=low))
    groups = [SimpleNamespace(label="dial", swap=swap), SimpleNamespace(label="alone", swap=None)]
    for group in groups:
        group.role, group.members = "prisoner", ("dial", "dial@seed-1")
    return SimpleNamespace(matrix=matrix(kind, 0.7), groups=groups)


def matrix(kind: str, together: float) -> Any:
    """Two teams that have .7 alone; what they have with each other is given."""
    mean = np.array([[0.7, together], [together, 0.7]])
    return SimpleNamespace(
        venue=SimpleNamespace(spec=SimpleNamespace(kind=kind)),
        rows=[SimpleNamespace(label=label) for label in ("dial", "dial@seed-1")],
        columns=[SimpleNamespace(label=label) for label in ("dial", "dial@seed-1")],
        roles=("prisoner",),
        mean=lambda role: mean,
        standard_error=lambda role: np.full((2, 2), 0.02),
        held_out=~np.eye(2, dtype=np.bool_),
        own_column=lambda row: row,
    )


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


@pytest.mark.parametrize(("together", "named"), [(-0.1, True), (0.6, False)])
def test_it_names_the_pair_that_surely_misunderstands_each_other(together: float, named: bool) -> None:
    """A few runs do not show what other runs would lose, but they show what these two do."""
    given = report("cooperative", 0.2, -0.4)
    given.matrix = matrix("cooperative", together)
    (line,) = _strangers(given)
    assert ("but dial earns -0.10 with dial@seed-1: what partners agree on" in line) == named


def test_several_roles_make_one_sentence_which_names_the_role_of_the_pair() -> None:
    given = report("cooperative", 0.2, -0.4)
    given.groups[1].role, given.groups[1].label, given.groups[1].swap = "guard", "dial", given.groups[0].swap
    given.matrix = matrix("cooperative", 0.6)
    given.matrix.roles = ("prisoner", "guard")
    means = {"prisoner": given.matrix.mean("prisoner"), "guard": matrix("cooperative", -0.1).mean("guard")}
    given.matrix.mean = means.__getitem__
    for groups in (given.groups, given.groups[::-1]):
        given.groups = groups
        (line,) = _strangers(given)
        assert "holds 0, but dial as guard earns -0.10 with dial@seed-1: what partners" in line


@pytest.mark.parametrize(
    ("together", "said"),
    [
        (0.2, "With itself dial earns 0.70 and rial earns 0.50, with each other they earn 0.20 an episode: they did"),
        (0.5, "as far as these games show, no less than the weaker of them earns with itself."),
        (0.7, "with each other they earn 0.70 an episode."),
    ],
)
def test_a_match_says_what_two_earn_alone_and_together(together: float, said: str) -> None:
    alone = {"dial": estimate(0.7), "rial": estimate(0.5), TOGETHER: estimate(together)}
    assert said in _alone_and_together(SimpleNamespace(alone=alone))  # type: ignore[arg-type]


def test_a_match_with_hardly_an_episode_gives_no_reason() -> None:
    one = Estimate(0.5, None, None, 1, "t")
    said = _alone_and_together(SimpleNamespace(alone={"dial": one, "rial": one, TOGETHER: one}))  # type: ignore[arg-type]
    assert said.endswith("so few episodes give no interval.")


def estimate(mean: float) -> Estimate:
    return Estimate(mean, mean - 0.05, mean + 0.05, 100, "t")


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
