"""The exact value of policies that draw nothing in the switch riddle: every order of prisoners is played.

Orders that begin alike are played once as far as they go, and no further than the day on which somebody tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from agents.protocol import Memory, Policy, Seating
from arenas.orders import EveryOrder
from arenas.protocol import Action, TimeSteps


class Day(NamedTuple):
    """A day in all orders that are not over: K of them, each with the probability 1 / n^day."""

    number: int  # from 1 on
    timesteps: TimeSteps  # of K copies
    inside: Tensor  # bool [K, N]
    been: Tensor  # bool [K, N], today's prisoner among them
    visits: Tensor  # long [K], how often today's prisoner was inside before
    actions: Mapping[str, Action]
    reward: Tensor  # float64 [K], what the day pays
    each: float  # the probability of each order


@torch.no_grad()
def every_day(players: Mapping[str, Policy], **settings: Any) -> Iterator[Day]:
    """Play all orders at once, day by day; `settings` are the arena's.

    The policies may not draw: of a draw only one outcome is played.
    """
    n = settings.get("n", 3)
    arena, repeat = EveryOrder(n, **settings), partial(torch.repeat_interleave, repeats=n, dim=0)
    luck = torch.zeros(n, dtype=torch.long)
    memories: dict[str, Memory] = {seat: player.begin(Seating(seat, luck, luck)) for seat, player in players.items()}
    steps, _ = arena.reset(luck, autoreset=False)
    visits = torch.zeros(n, n, dtype=torch.long)  # [K, N], before today
    for number in range(1, arena.last_day + 1):
        actions = {}
        for seat, player in players.items():
            actions[seat], memories[seat] = player.act(steps[seat], memories[seat])
        inside, been = arena.inside_and_been()
        today = (visits * inside).sum(1)
        seen, played = steps, actions
        visits = visits + inside.long()
        goes_on = number < arena.last_day
        if goes_on:
            arena.everybody()
            actions = {seat: _each(action, repeat) for seat, action in actions.items()}
        steps, _ = arena.step(actions)
        step = next(iter(steps.values()))
        reward = step.reward[:: n if goes_on else 1].double()
        yield Day(number, seen, inside, been, today, played, reward, float(n) ** -number)
        going = ~step.last
        if not going.any():
            return
        keep = partial(torch.index_select, dim=0, index=going.nonzero().squeeze(1))
        arena.copied(keep)
        steps = {seat: step.each(keep) for seat, step in steps.items()}
        memories = {seat: _each(_each(memory, repeat), keep) for seat, memory in memories.items()}
        visits = keep(repeat(visits))


def _each(tree: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Tensors of a memory or an action, changed alike."""
    if isinstance(tree, Tensor):
        return change(tree)
    if isinstance(tree, dict):
        return {name: _each(leaf, change) for name, leaf in tree.items()}
    if isinstance(tree, Action):
        return Action(*(_each(leaf, change) for leaf in tree))
    return tree


def exact_value(players: Mapping[str, Policy], **settings: Any) -> float:
    """Expected reward of policies that draw nothing, one a seat."""
    return sum(float(day.reward.sum()) * day.each for day in every_day(players, **settings))
