"""Ensembles against their controls: the statistics by hand, sub-policies by themselves, and the whole figure."""

from __future__ import annotations

import io
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from rich.console import Console
from scipy.stats import t

from agents.protocol import State
from leaderboard.report import plots
from leaderboard.statistics.estimate import Estimate
from leaderboard.statistics.resampling import Jackknife, Measured, average
from leaderboard.statistics.robustness import ALPHA, CVAR, GAP, MEAN, OWN, WORST, Selection, measure
from zoo.entry import checkpoint
from zoo.entry.checkpoint import Card
from zoo.entry.entrant import Entrant, read_entrant
from zoo.entry.registry import load_agent
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.papers.figure import Part, Reproduction
from zoo.papers.maddpg import ensemble_games as ensembles
from zoo.papers.maddpg.ensemble_games import SINGLE, sub_policy
from zoo.papers.maddpg.ensemble_returns import ENSEMBLE, LONGER, OTHER
from zoo.papers.maddpg.ensemble_rows import verdict
from zoo.papers.maddpg.ensembles import FIGURE
from zoo.papers.run import key
from zoo.papers.screen import report_screen

ARENA = ArenaChoice("tag").make(1)
IDENTITY = ArenaChoice("tag").identity(ARENA)
SEATS = tuple(ARENA.spec.seats)

# The statistics


class Opponents(NamedTuple):
    runs: tuple[int | None, ...]  # of each the run with its training seed
    kinds: tuple[str, ...]
    n: int
    k: int


def opponents(n: int, k: int, rules: int = 2, scripts: int = 1) -> Opponents:
    runs: list[int | None] = [s for _ in range(rules) for s in range(n)]
    kinds = [f"rule {r}" for r in range(rules) for _ in range(n)]
    return Opponents((*runs, *[None] * scripts), tuple(kinds + [f"script {s}" for s in range(scripts)]), n, k)


def figures(values: Any, own: Any, met: Opponents, *, mixed: bool = False, alpha: float = ALPHA) -> dict[str, Measured]:
    who = Selection.strangers(met.runs, met.n, met.k, mixed=mixed)
    found = measure(values, who, met.kinds, own=own, alpha=alpha, by=Jackknife())
    return {name: figure for name, figure in found.items() if name != OWN}


def noise(*shape: int, seed: int = 0) -> Any:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).numpy()


def test_figures_are_those_of_the_definition() -> None:
    met, values, own = opponents(4, 2), noise(6, 4, 9), noise(6, 4, seed=1)
    u, mine = values.mean(0), own.mean(0)
    halves = values[::2].mean(0), values[1::2].mean(0)
    plain: dict[str, list[float]] = {MEAN: [], WORST: [], CVAR: [], GAP: []}
    mixed: dict[str, list[float]] = {MEAN: [], WORST: [], CVAR: [], GAP: []}
    for team in itertools.combinations(range(4), 2):
        there = [c for c, seed in enumerate(met.runs) if seed not in team]
        assert len(there) == 5
        both = u[list(team)][:, there].mean(0)
        for one, other in (halves, halves[::-1]):  # the worst by one half, told of the other; 40 % of five are two
            for s in team:
                least = np.argsort(one[s, there])
                plain[WORST].append(other[s, there][least[0]])
                plain[CVAR].append(other[s, there][least[:2]].mean())
            least = np.argsort(one[list(team)][:, there].mean(0))
            mixed[WORST].append(other[list(team)][:, there].mean(0)[least[0]])
            mixed[CVAR].append(other[list(team)][:, there].mean(0)[least[:2]].mean())
        for told in (plain, mixed):
            told[MEAN].append(both.mean())
        for told in (plain, mixed):
            told[GAP].append(mine[list(team)].mean() - both.mean())
    for told, how in ((plain, False), (mixed, True)):
        found = figures(values, own, met, mixed=how, alpha=0.4)
        assert {name: x.value for name, x in found.items()} == pytest.approx({n: np.mean(x) for n, x in told.items()})


def test_a_mixture_is_worth_its_members_on_average_and_no_less_in_the_worst_case() -> None:
    met, values, own = opponents(5, 2, 3, 2), noise(4, 5, 17), noise(4, 5, seed=1)
    alone, mixture = figures(values, own, met), figures(values, own, met, mixed=True)
    for name in (MEAN, GAP):
        assert (mixture[name] - alone[name]).estimate().high == pytest.approx(0, abs=1e-12)
    assert mixture[WORST].value > alone[WORST].value
    assert mixture[CVAR].value > alone[CVAR].value


def test_where_seeds_alone_differ_the_interval_is_students() -> None:
    met, level = opponents(5, 2), noise(5)
    values = np.broadcast_to(level[None, :, None], (3, 5, 11))
    for mixed in (False, True):  # however many mixtures share a seed, there are five
        found = figures(values, np.zeros((3, 5)), met, mixed=mixed)
        for name in (MEAN, WORST, CVAR):
            told = found[name].estimate()
            half = t.ppf(0.975, 4) * level.std(ddof=1) / math.sqrt(5)
            assert told.mean == pytest.approx(level.mean())
            assert told.high is not None
            assert told.high - told.mean == pytest.approx(half)
            assert told.n == 5


def test_kinds_of_opponents_widen_the_mean_and_leave_the_worst_case() -> None:
    met = opponents(3, 2, 0, 8)
    level = noise(8)
    values = np.broadcast_to(level[None, None], (3, 3, 8))
    found = figures(values, np.zeros((3, 3)), met)
    told, half = found[MEAN].estimate(), t.ppf(0.975, 7) * level.std(ddof=1) / math.sqrt(8)
    assert told.high is not None
    assert told.high - told.mean == pytest.approx(half)
    assert found[WORST].estimate().high == pytest.approx(level.min())


def test_episodes_widen_every_figure() -> None:
    met, batch = opponents(3, 2), noise(200)
    values = np.broadcast_to(batch[:, None, None], (200, 3, 7))
    half = t.ppf(0.975, 199) * batch.std(ddof=1) / math.sqrt(200)
    for name, found in figures(values, np.zeros((200, 3)), met).items():
        told = found.estimate()
        assert told.high is not None
        # where the episodes are halved one batch is a larger part of its half
        assert told.high - told.mean == pytest.approx(half, rel=0.01 if name in (WORST, CVAR) else 1e-9), name


def test_the_worst_of_opponents_that_are_close_is_not_too_low() -> None:
    """Eighteen equal opponents: chosen and estimated on the same episodes the worst would be 1.6 errors too low."""
    met, error = opponents(4, 2, 4, 10), 50**-0.5
    hits, bias, plain, times = 0, 0.0, 0.0, 100
    for seed in range(times):
        values = noise(50, 4, 26, seed=seed)
        told = figures(values, values[:, :, 0], met)[WORST].estimate()
        assert told.low is not None and told.high is not None
        hits += told.low <= 0 <= told.high
        bias += told.mean / error / times
        plain += values.mean(0)[:, 16:].min(-1).mean() / error / times
    assert hits / times >= 0.9
    assert abs(bias) < 0.15
    assert plain < -1.2


def test_below_four_kinds_the_mean_is_of_exactly_these_opponents() -> None:
    level = 100 * noise(3)
    values = np.broadcast_to(level[None, None], (3, 3, 3))
    for kinds, open_ended in (("aab", False), ("abc", False)):
        told = figures(values, np.zeros((3, 3)), Opponents((None,) * 3, tuple(kinds), 3, 2))[MEAN].estimate()
        assert (told.high != pytest.approx(told.mean)) == open_ended


def test_an_entry_less_itself_is_zero_and_an_average_lies_between() -> None:
    met = opponents(4, 2)
    one, two = (figures(noise(3, 4, 9, seed=s), noise(3, 4, seed=s), met) for s in (0, 1))
    for name, x in one.items():
        assert (x - x).estimate() == Estimate(0.0, 0.0, 0.0, 4, "jackknife in levels")
        assert average([one, two])[name].value == pytest.approx((x.value + two[name].value) / 2)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="selections of 2 need at least 3 training seeds, got 2"):
        figures(noise(2, 2, 5), noise(2, 2), opponents(2, 2))
    with pytest.raises(ValueError, match=r"returns have shape \[2, 3, 4\]"):
        figures(noise(2, 3, 4), noise(2, 3), opponents(3, 2))


@pytest.mark.parametrize(
    ("mean", "worst", "cvar", "words"),
    [
        ((1, 2), (1, 2), (1, 2), "more robust"),
        ((-1, 2), (1, 2), (-1, 2), "more robust: worst"),
        ((-2, -1), (-2, -1), (-1, 2), "less robust: mean, worst"),
        ((-1, 2), (-1, 2), (-1, 2), "no difference shown"),
        ((1, 2), (-2, -1), (-1, 2), "+mean, -worst"),
    ],
)
def test_the_verdict_says_what_the_intervals_show(mean: Any, worst: Any, cvar: Any, words: str) -> None:
    told = {MEAN: mean, WORST: worst, CVAR: cvar}
    assert verdict({name: Estimate(sum(x) / 2, x[0], x[1], 5) for name, x in told.items()}) == words


# Sub-policies


def put(folder: Path, agent: str, seed: int, change: Callable[[State], None] = lambda state: None, **told: Any) -> None:
    """A checkpoint of a network that was never trained but says something definite."""
    entry = load_agent(agent)
    config = entry.agent.Config(**told)
    state = entry.agent.make(ARENA.spec, SEATS, config, seed).acting_state()
    state = {name: p * 60 if name.endswith("/w2") else p for name, p in state.items()}
    change(state)
    plain = json.loads(json.dumps(config.__dict__))
    card = Card(agent, entry.agent.behaviour, plain, IDENTITY, list(SEATS), seed, 500 * (1 + len(told)), f"zoo {agent}")
    checkpoint.save(folder, state, card)


def read(text: str, episodes: int = 1) -> Entrant:
    return read_entrant(text, ArenaChoice("tag").make(episodes), IDENTITY)


def same(state: State) -> None:
    for name in state:
        state[name] = state[name.replace("/1/", "/0/")]


def test_an_ensemble_of_one_policy_twice_plays_like_it(tmp_path: Path) -> None:
    put(tmp_path / "same", ENSEMBLE, 0, same, k=2)
    put(tmp_path / "two", ENSEMBLE, 0, k=2)
    twins, two = (read(f"{ENSEMBLE}@{tmp_path / name}") for name in ("same", "two"))
    venue = Venue(ArenaChoice("tag"))

    def game(who: Entrant) -> Any:
        return ensembles.earned(ensembles.chase(venue, who, read("pursuit"), 8))

    assert game(twins) == game(sub_policy(twins, 0)) == game(sub_policy(twins, 1))
    whole, parts = game(two)["adversary"], [game(sub_policy(two, k))["adversary"] for k in (0, 1)]
    assert parts[0] != parts[1]
    drawn = [told in both for told, *both in zip(whole, *parts, strict=True)]
    assert all(drawn)  # each episode, one a batch here, is that of one of the sub-policies


def test_diversity_is_none_between_twins_and_more_between_others(tmp_path: Path) -> None:
    for seed in range(2):
        put(tmp_path / f"same-{seed}", ENSEMBLE, seed, same, k=2)
        put(tmp_path / f"one-{seed}", SINGLE, seed)
    told = ensembles.watch(
        lambda *_: None,
        [f"{ENSEMBLE}@{tmp_path / f'same-{s}'}" for s in range(2)],
        [f"{SINGLE}@{tmp_path / f'one-{s}'}" for s in range(2)],
        2,
        {},
        2,
    )
    assert told["observations"] == 4 * 2 * 25
    for way in ensembles.WAYS:
        assert told[way]["inside"] == {role: [[0.0], [0.0]] for role in ensembles.ROLES}
        for square in told[way]["between"].values():
            assert square[0][0] == square[1][1] == 0
            assert 0.01 < square[0][1] <= 1
            assert square[0][1] == pytest.approx(square[1][0])
    assert told["softmax"]["between"] != told["played"]["between"]


def test_the_softmax_is_what_was_trained_and_the_mode_what_is_played(tmp_path: Path) -> None:
    put(tmp_path / "one", SINGLE, 0)
    who = read(f"{SINGLE}@{tmp_path / 'one'}")
    seen = {s: torch.randn(50, *ARENA.spec.seats[s].observation, generator=torch.Generator()) for s in SEATS}
    soft, hard = (ensembles.probabilities(ARENA, who, seen, way) for way in (ensembles.SOFTMAX, ensembles.PLAYED))
    trained = who.agents(ARENA.spec, SEATS, 0)
    for seat in SEATS:
        wanted = trained[seat].policies[seat].scores(seen[seat]).softmax(-1)
        assert torch.equal(soft[seat], wanted)
        assert torch.equal(soft[seat].argmax(-1), hard[seat].argmax(-1))
        assert float(soft[seat].amax(-1).mean()) < 0.999 < float(hard[seat].amax(-1).min())


def test_distance_by_hand() -> None:
    one = {"a": torch.tensor([[1.0, 0.0], [0.5, 0.5]]), "b": torch.tensor([[0.2, 0.8]])}
    other = {"a": torch.tensor([[0.0, 1.0], [0.5, 0.5]]), "b": torch.tensor([[0.6, 0.4]])}
    assert ensembles.apart(one, other, ["a"]) == pytest.approx(0.5)
    assert ensembles.apart(one, other, ["a", "b"]) == pytest.approx(0.45)


def test_who_has_no_sub_policy_is_told(tmp_path: Path) -> None:
    put(tmp_path / "two", ENSEMBLE, 0, k=2)
    put(tmp_path / "one", SINGLE, 0)
    for who, k in ((f"{ENSEMBLE}@{tmp_path / 'two'}", 2), (f"{SINGLE}@{tmp_path / 'one'}", 0), ("random", 0)):
        with pytest.raises(UserError, match=f"has no sub-policy {k}"):
            sub_policy(read(who), k)


# The figure


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three training seeds of every rule, none of them trained."""
    monkeypatch.setattr(checkpoint, "HOUSE", tmp_path)
    for seed in range(3):
        for rule in (ENSEMBLE, SINGLE, LONGER, OTHER):
            agent, _, variant = rule.partition("@")
            name = "-".join([*([variant] if variant else []), *([f"seed-{seed}"] if seed else [])])
            folder, luck = tmp_path / IDENTITY / agent / name, seed + (100 if variant else 0)
            if rule == ENSEMBLE:
                put(folder, agent, luck, k=2)
            else:
                put(folder, agent, luck)
            if variant:  # its luck is another, its seed the same
                file = folder / checkpoint.CARD
                file.write_text(json.dumps(json.loads(file.read_text()) | {"seed": seed}))
    return tmp_path


def pretend(part: Part, better: float) -> Any:
    """What a part would find if the ensemble had `better` more than all others, who are alike but for random, worse."""
    told = part.settings

    def batches(who: str, other: str) -> list[float]:
        luck = noise(4, seed=len(who) * 31 + len(other)) * 0.01
        harder = sum(map(ord, other)) % 7
        level = better if who.startswith(ENSEMBLE) else -3.0 * (who == "random")
        return [float(x) for x in luck - harder + level]

    cards = {"cards": {who: {"rule": who, "seed": 0} for who in [told.get("predators")] if who}}
    if part.function is ensembles.hunt:
        return cards | {
            "games": [
                {"adversary": batches(told["predators"], prey), "agent": batches(prey, told["predators"])}
                for prey in told["prey"]
            ]
        }
    if part.function is ensembles.alone:
        rows = [[batches(told["ensemble"], other) for other in told["others"]]] * told["k"]
        return cards | {"games": dict.fromkeys(ensembles.ROLES, rows)}
    n = len(told["singles"])
    square = [[float(i != j) / 2 for j in range(n)] for i in range(n)]
    inside = dict.fromkeys(ensembles.ROLES, [[0.25]] * n)
    distances = {"inside": inside, "between": dict.fromkeys(ensembles.ROLES, square)}
    return cards | dict.fromkeys(ensembles.WAYS, distances) | {"observations": 9}


def made(better: float) -> Reproduction:
    done = [(part, json.loads(json.dumps(pretend(part, better)))) for part in FIGURE.parts(True, 3)]
    return FIGURE.assemble(done, True, 3)


def verdicts(report: Reproduction) -> list[str]:
    return [row.exact["verdict"] for row in report.rows if "verdict" in row.exact]


@pytest.mark.usefixtures("house")
def test_a_better_ensemble_is_found_more_robust_and_a_worse_one_less() -> None:
    better, equal, worse = (made(x) for x in (5.0, 0.0, -5.0))
    assert verdicts(better) == ["more robust"] * 6
    assert verdicts(worse) == ["less robust"] * 6
    assert not set(verdicts(equal)) & {"more robust", "less robust"}
    assert better.notes[0].startswith("Answer: as predators and as prey the ensemble's worst case is shown")
    assert worse.notes[0].startswith("Answer: in neither role")
    for role in ensembles.ROLES:
        told = better.data["differences"][role]
        assert set(told) == {SINGLE, LONGER, "mixture of 2"}
        for control in told.values():
            assert control["worst"][0] == pytest.approx(5, abs=0.1)
        cluster = better.data["clusters"]["ensemble v single"]["agents"][0]
        assert cluster > better.data["clusters"]["single v single"]["agents"][0]
        sub, mixture, single = (better.data["entries"][role][e] for e in ("sub-policy alone", "mixture of 2", SINGLE))
        assert sub["mean"][0] == pytest.approx(better.data["entries"][role][ENSEMBLE]["mean"][0])
        assert mixture["mean"] == pytest.approx(single["mean"])


@pytest.mark.usefixtures("house")
def test_the_screen_has_eighty_columns_and_the_picture_is_drawn() -> None:
    report = made(1.0)
    json.dumps(report.to_json(), allow_nan=False)
    assert plots.pictures(FIGURE.plot(report), ["png"])["png"].startswith(b"\x89PNG")
    console = Console(width=80, record=True, file=io.StringIO())
    run = {"quick": True, "workers": 1, "parts": 1, "kept": 0, "cpu_s": 0.0, "wall_s": 0.0}
    console.print(report_screen(FIGURE, report, run))
    lines = console.export_text().splitlines()
    assert all(len(line) <= 80 for line in lines)
    for start in ("maddpg@twice", "mixture of 2", "ensemble v ensemble", "prey, sub-policy 1", "sub-policies of one"):
        assert any(line.startswith(start) for line in lines), start
    assert sum(line.startswith("maddpg-ensemble ") for line in lines) == 2  # no table is cut in two


def test_parts_are_played_and_known_by_their_weights(house: Path) -> None:
    parts = {part.name: part for part in FIGURE.parts(True, 3)}
    assert len(parts) == 12 + 3 + 3 + 1
    small = ["random", ENSEMBLE, f"{SINGLE}@twice-seed-2"]
    part = parts[f"{ENSEMBLE}@seed-1 v all"]
    hunted = ensembles.hunt(lambda *_: None, **(dict(part.settings) | {"prey": small, "episodes": 3}))
    assert [{role: len(told) for role, told in game.items()} for game in hunted["games"]] == [
        {"adversary": 3, "agent": 3}
    ] * 3
    assert hunted["cards"][f"{ENSEMBLE}@seed-1"]["seed"] == 1
    part = parts[f"{ENSEMBLE} by parts"]
    split = ensembles.alone(lambda *_: None, **(dict(part.settings) | {"others": small[:2], "episodes": 3}))
    assert np.array(split["games"]["agent"]).shape == (2, 2, 3)
    kept = {key(FIGURE, part) for part in parts.values()}
    put(
        house / IDENTITY / OTHER / "seed-2",
        OTHER,
        2,
        lambda state: state.update({name: 2 * p for name, p in state.items()}),
    )
    assert not kept & {key(FIGURE, part) for part in FIGURE.parts(True, 3)}


def test_too_few_seeds_and_different_k_are_refused(house: Path) -> None:
    with pytest.raises(UserError, match=r"needs at least 3 training seeds that .*ddpg all have in tag-v1, found 2"):
        FIGURE.parts(True, 2)
    put(house / IDENTITY / ENSEMBLE / "seed-2", ENSEMBLE, 2, k=3)
    with pytest.raises(UserError, match="different numbers of sub-policies: 2, 3"):
        FIGURE.parts(True, 3)
