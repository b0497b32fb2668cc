"""What figures about learners in battles share: a run that is tested by whole frozen games as it goes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from torch import Tensor

from agents.protocol import Agent
from leaderboard.seeds import PUBLIC_SEED
from zoo.entry.venue import Venue
from zoo.papers.figure import Json, Tell
from zoo.play.episodes import Played, play_episodes
from zoo.play.seating import Seated
from zoo.training.plan import Setting

#: Makes something of the test games beside the share that was won: from the learners by seat, and the games.
Watch = Callable[[Mapping[str, Agent], Played], Json]


def learn(
    tell: Tell,
    setting: Setting,
    marks: Collection[int],
    luck: Tensor,
    *,
    seed: int = PUBLIC_SEED,
    watch: Watch | None = None,
) -> Json:
    """Train a team by itself to the end, and test it after some rounds on whole games in which nobody explores.

    Args:
        tell: is told how many rounds are done.
        setting: the run, in a game with the metric "won".
        marks: after how many rounds to test.
        luck: of the test games, long [B]; the same in every test, which changes nothing in the run.
        seed: match seed of the tests.
        watch: what else to keep of each test.

    Returns:
        `steps` learned from at each test, `won` the share of games won there, `seen` what `watch` gave.
    """
    test = Venue(setting.plan.arena).make(len(luck), setting.plan.device)
    found: dict[str, Json] = {"steps": [], "won": [], "seen": []}
    for done in range(1, setting.rounds + 1):
        setting.table.play_round()
        if done in marks:
            played = play_episodes(Seated(test, setting.learners, dict.fromkeys(setting.learners, 0), seed), luck)
            found["steps"].append(done * setting.table.steps_per_round)
            found["won"].append(float(won(played).double().mean()))
            if watch is not None:
                found["seen"].append(watch(setting.learners, played))
        tell(done, setting.rounds)
    return found


def won(played: Played) -> Tensor:
    """Whether the first seat's team won each game, [B]."""
    return next(iter(played.metrics.values()))["won"]
