"""How fast MADDPG trains on spread, beside the same training as scripts commonly write it; and COMA in a battle.

Both have the paper's networks, batches of 1,024 transitions and one update of every agent per 100 stored. The plain one
plays one mpe2 environment with one network call per agent and step, and updates agent by agent with `torch.nn` modules
and `torch.optim.Adam`.

COMA's rate stands beside that of EPyMARL's COMA with ten workers in foraging (5x5-2p-1f), measured once on a machine
like ours: another game, and a smaller one, but what a user of that library gets.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import gumbel_softmax

from agents.randomness import initialise
from zoo.entry.venue import ArenaChoice
from zoo.training.plan import Plan, set_up

AGENT = "maddpg,batch=1024,rate=0.01,warmup=3200,capacity=50000"
COPIES = 64
BATTLE = "coma,lambda_=0.9,warmup=10,passes=2,critic_hidden=64,lr=0.0007,entropy=0.02,batch=1024"
BATTLE_COPIES, BATTLE_LENGTH = 256, 16
EPYMARL = 1060.0  # environment steps per CPU second
_HUNDRED = 100  # environment steps between two updates
_BATCH, _STORED = 1024, 4096


def rounds() -> tuple[Callable[[], object], int]:
    """One round of our training with its updates, and how many environment steps it holds."""
    table = set_up(Plan(AGENT, ArenaChoice("spread"), copies=COPIES, length=None)).table
    while table.update * table.steps_per_round < 2 * _STORED:
        table.play_round()  # beyond the warm-up
    return table.play_round, table.steps_per_round


def battle_rounds() -> tuple[Callable[[], object], int]:
    """One round of COMA's training on 2s3z with its updates, beyond the warm-up, and its environment steps."""
    arena = ArenaChoice("skirmish", ("scenario=2s3z", "enemy=0.9"))
    table = set_up(Plan(BATTLE, arena, copies=BATTLE_COPIES, length=BATTLE_LENGTH, sight="actions")).table
    while table.update <= 10:
        table.play_round()
    return table.play_round, table.steps_per_round


def _network(wide: int, narrow: int) -> Any:
    linear, relu = torch.nn.Linear, torch.nn.ReLU
    return torch.nn.Sequential(linear(wide, 64), relu(), linear(64, 64), relu(), linear(64, narrow))


def _descend(loss: torch.Tensor, network: Any, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5)
    optimizer.step()


def plain() -> Callable[[], object]:
    """A hundred steps of one environment, then one update of every agent."""
    env = importlib.import_module("mpe2.simple_spread_v3").parallel_env()
    seen, _ = env.reset(seed=0)
    seats = list(env.possible_agents)
    with initialise(0):
        actors, slow_actors = ({s: _network(18, 5) for s in seats} for _ in range(2))
        critics, slow_critics = ({s: _network(69, 1) for s in seats} for _ in range(2))
    steps = {s: [torch.optim.Adam(n[s].parameters(), 0.01) for n in (actors, critics)] for s in seats}
    stored = {s: [torch.randn(_STORED, w) for w in (18, 5, 1, 18)] for s in seats}

    def update(seat: str) -> None:
        rows = torch.randint(_STORED, (_BATCH,))
        batch = {s: [leaf[rows] for leaf in stored[s]] for s in seats}
        with torch.no_grad():
            ahead = [*(batch[s][3] for s in seats), *(gumbel_softmax(slow_actors[s](batch[s][3])) for s in seats)]
            target = batch[seat][2] + 0.95 * slow_critics[seat](torch.cat(ahead, 1))
        now = [batch[s][0] for s in seats]
        value = critics[seat](torch.cat([*now, *(batch[s][1] for s in seats)], 1))
        _descend((value - target).square().mean(), critics[seat], steps[seat][1])
        logits = actors[seat](batch[seat][0])
        done = [gumbel_softmax(logits) if s == seat else batch[s][1] for s in seats]
        _descend(-critics[seat](torch.cat([*now, *done], 1)).mean(), actors[seat], steps[seat][0])
        for fast, slow in ((actors, slow_actors), (critics, slow_critics)):
            for mine, theirs in zip(slow[seat].parameters(), fast[seat].parameters(), strict=True):
                mine.data.lerp_(theirs.data, 0.01)

    def work() -> None:
        nonlocal seen
        for number in range(_HUNDRED):
            with torch.no_grad():
                logits = {s: actors[s](torch.from_numpy(seen[s]).unsqueeze(0)) for s in seats}
            chosen = {s: int(gumbel_softmax(logit).argmax()) for s, logit in logits.items()}
            before = seen
            seen, paid, *_ = env.step(chosen)
            for s in seats:
                row = (before[s], torch.eye(5)[chosen[s]].numpy(), [paid[s]], seen[s])
                for leaf, value in zip(stored[s], row, strict=True):
                    leaf[number % _STORED] = torch.as_tensor(value)
            if not env.agents:
                seen, _ = env.reset()
        for s in seats:
            update(s)

    return work
