"""Probes: small games that every learner must solve in seconds, and LOLA's gradients against exact ones.

A seed is fixed, the last digits of a processor are not: a learner must solve the probes under many seeds. Measured was
the largest distance from the best share over the seeds; the bound is .05.

    learner             seeds   ipd against    ipd against  stag-hunt
                                cooperation    defection
    reinforce           0 to 9  .0000          .0000        .0000
    maddpg              0 to 9  .0000          .0000        .0000
    maddpg-inferred     0 to 9  .0000          .0000        .0000
    maddpg-ensemble     0 to 9  .0000          .0000        .0000
    ddpg, iql           0 to 9  .0000          .0000        .0000
    phc                 0 to 9  .0078          .0078        .0068
    naive               0 to 9  .0000          .0012        .0208
    lola-dice           0 to 9  .0295          .0376        .0229
    ippo, mappo         0 to 2  .0000          .0000        .0000
    iac, central-v      0 to 2  .0000          .0000        .0000
    central-qv          0 to 2  .0000          .0156        .0000
    coma                0 to 2  .0000          .0000        .0000
    lola-sl *           1 to 3  .0190          .0264        .0105
    other tables *      1 to 3  .0256          .0256        .0288
    policy gradients *  1 to 3  .0000          .0000        .0005
    exact learners *    1 to 3  .0007          .0007        .0012

    * with exploration

The largest of `lola-dice` are the same with `ATEN_CPU_CAPABILITY=default` and with `MKL_CBWR=COMPATIBLE`.

The exploration of `ddpg` never falls: in training it is up to .27 away from what it would play. Every learner is judged
by what it plays without exploration.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from _pytest.mark.structures import ParameterSet
from torch import Tensor

from agents.lola import Lola
from agents.parts.gradients import dot as inner
from agents.parts.gradients import gradient, leaves
from agents.protocol import Parameters
from arenas.matrix import IteratedPrisonersDilemma
from zoo.entry.catalogue import playable
from zoo.entry.registry import AGENTS, load_agent, names
from zoo.entry.venue import ArenaChoice
from zoo.play.table import Table
from zoo.training.plan import Plan, set_up

#: What the four of MADDPG's family share: small batches, learned from early.
SMALL_UPDATES = ["lr=0.01", "batch=128", "warmup=512"]
#: Settings under which a learner must solve the probes in `ROUNDS`; a learner without an entry has its defaults.
SETTINGS = {
    "naive": ["lr=0.02"],
    "lola": ["lr=0.02"],
    "advantage-alignment": ["lr=0.02", "entropy=0.01"],
    "consensus": ["weight=0.01"],  # at 1 it settles wherever gradients vanish, best reply or not
    "maddpg": [*SMALL_UPDATES, "rate=0.002"],
    "maddpg-inferred": [*SMALL_UPDATES, "rate=0.002"],
    "maddpg-ensemble": [*SMALL_UPDATES, "rate=0.003"],
    "ddpg": [*SMALL_UPDATES, "rate=0.003", "epsilon=0.2"],  # else some seeds never try the better action again
    "iql": ["batch=128", "warmup=512", "epsilon_steps=40000", "epsilon_last=0.02"],
    "reinforce": ["lr=0.01", "baseline=0.9", "parts=8", "gamma=0.5", "entropy=0.01"],  # at .99 noise can lock it in
    **{name: ["lr=0.005"] for name in ("ippo", "mappo", "iac", "central-v")},
    "central-qv": ["lr=0.005", "warmup=5"],  # a critic that knows nothing yet can lock the first thing tried in
    "coma": ["lr=0.005", "warmup=5"],
    "independent-q": ["alpha=0.3"],
    "jal-q": ["alpha=0.3"],
    "phc": ["alpha=0.3", "delta=0.01", "delta_decay=0"],
    "wolf-phc": ["alpha=0.3"],
    "teach-then-harvest": ["lessons=[[1,0.5,0.5,0.5,0.5,0.5]]", "harvest=null", "loop=0"],  # best responses for ever
}
ROUNDS = 40
LEARNERS = [
    name
    for name, agent in ((n, load_agent(n).agent) for n in names(AGENTS))
    if agent.learns and "ipd" in playable(name, {})  # who needs another game has a probe of its own
]
#: Arena, script, and the share of cooperation that is best against it.
SCRIPTS = [("ipd", "always-cooperate", 0.0), ("ipd", "always-defect", 0.0), ("stag-hunt", "always-cooperate", 1.0)]


def probes() -> Iterator[ParameterSet]:
    """Every learner with every script; `slow` but for one script a learner, in turn."""
    for (turn, script), (number, name) in itertools.product(enumerate(SCRIPTS), enumerate(LEARNERS)):
        usual = number % len(SCRIPTS) == turn
        yield pytest.param(name, *script, marks=() if usual else pytest.mark.slow)


def play(agent: str, arena: str, against: str | None, rounds: int, seed: int = 0, copies: int = 64) -> Table:
    """A table at which so many rounds have been played, each of 32 steps."""
    table = set_up(Plan(agent, ArenaChoice(arena), against, copies=copies, length=32, seed=seed)).table
    for _ in itertools.islice(table, rounds):
        pass
    return table


def learned_share(table: Table, metric: str) -> float:
    """Mean of a metric of the first seat over two rounds in which everybody plays without exploration."""
    frozen = Table(table.arena, table.identity, table.players, [], length=table.length, seed=7)
    return sum(frozen.play_round().metrics["row"][metric] for _ in range(2)) / 2


@pytest.mark.learning
@pytest.mark.parametrize(("name", "arena", "against", "best"), list(probes()))
def test_every_learner_finds_the_best_reply_to_a_script(name: str, arena: str, against: str, best: float) -> None:
    table = play(",".join([name, *SETTINGS.get(name, [])]), arena, against, ROUNDS)
    assert learned_share(table, "cooperation") == pytest.approx(best, abs=0.05)


def mean_return(table: Table, rounds: int) -> float:
    """Return per step over the next rounds, mean of both seats."""
    means = [sum(played.per_step.values()) / 2 for played in itertools.islice(table, rounds)]
    return sum(means) / rounds


@pytest.mark.learning
def test_lola_learns_to_cooperate_where_the_naive_learner_defects() -> None:
    settings = "hidden=0,init=0,lr=0.1"  # a table of five numbers per seat
    naive = play(f"naive,{settings}", "ipd", None, 60, copies=128)
    assert mean_return(naive, 20) < -1.95
    lola = play(f"lola,{settings},eta=0.6", "ipd", None, 160, copies=128)
    assert mean_return(lola, 20) > -1.4


STEPS, GAMES, GAMMA = 8, 65_536, 0.9999
UNIT = 1 / (1 - GAMMA) / STEPS  # lola's V is 1 / (1 - gamma) times the mean per step


class Caught(Exception):
    """Carries the step that a learner was about to make."""


def ascent(eta: float, seat: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Parameters, Table]:
    """What lola would add to its parameters, up to the step size, in a game of 8 steps; and the table."""
    arena = IteratedPrisonersDilemma(GAMES, max_steps=STEPS)
    config = Lola.Config(eta=eta, decay=1.0, gamma=GAMMA, lambda_=1.0, entropy=0.0, hidden=0)
    players = {s: Lola.make(arena.spec, (s,), config) for s in arena.spec.seats}
    luck = torch.Generator().manual_seed(7)
    for player in players.values():  # far from where all starts, so that all five observations differ
        table = {name: torch.randn(p.shape, generator=luck) for name, p in player.acting_state().items()}
        player.load_acting_state({name: t if name.endswith("w0") else 0 * t for name, t in table.items()})

    def catch(self: Lola, step: Parameters, update: int) -> None:
        raise Caught(step)

    with monkeypatch.context() as patch, pytest.raises(Caught) as caught:
        patch.setattr(Lola, "ascend", catch)
        seats = Table(arena, "ipd-v1", players, [seat])
        seats.play_round()
    return caught.value.args[0], seats


def exact(table: Table, seat: str, other: str) -> tuple[Parameters, Parameters]:
    """grad_1 V_1 and (grad_2 V_1)^T grad_1 grad_2 V_2 from the exact value of the game."""
    policies = {s: player.policy(s) for s, player in table.players.items()}
    theta = {s: leaves(policy.parameters) for s, policy in policies.items() if policy is not None}
    moved: Any = {s: policy.with_parameters(theta[s]) for s, policy in policies.items() if policy is not None}
    value = {s: v.sum() for s, v in table.arena.value(moved, steps=STEPS, gamma=1.0).items()}
    influence = {n: g.detach() for n, g in gradient(value[seat], theta[other], keep=True).items()}
    step = gradient(value[other], theta[other], higher=True)
    return gradient(value[seat], theta[seat], keep=True), gradient(inner(influence, step), theta[seat], keep=True)


def flat(parameters: Parameters) -> Tensor:
    return torch.cat([p.flatten() for _, p in sorted(parameters.items())])


def agree(estimate: Tensor, truth: Tensor) -> None:
    """The same direction (cosine above 0.95) and length (within 10 %)."""
    assert float(torch.cosine_similarity(estimate, truth, dim=0)) > 0.95
    assert float(estimate.norm() / truth.norm()) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(("seat", "other"), [("row", "column"), ("column", "row")])
def test_lolas_gradient_and_shaping_agree_with_the_exact_value(
    seat: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, table = ascent(0.0, seat, monkeypatch)
    shaped, _ = ascent(1.0, seat, monkeypatch)
    true_gradient, true_shaping = exact(table, seat, other)
    agree(flat(plain), flat(true_gradient))
    agree((flat(shaped) - flat(plain)) / UNIT, flat(true_shaping))


@pytest.mark.parametrize("arena", ["ipd", "imp", "coin"])
def test_eta_0_is_the_naive_learner_bit_for_bit(arena: str) -> None:
    naive, lola = (play(name, arena, None, 3) for name in ("naive", "lola,eta=0"))
    assert {n: t.tolist() for n, t in _learned(naive).items()} == {n: t.tolist() for n, t in _learned(lola).items()}


def _learned(table: Table) -> Parameters:
    return {f"{seat}/{n}": t for seat, agent in table.players.items() for n, t in agent.acting_state().items()}
