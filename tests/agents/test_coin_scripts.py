"""The scripts of the coin games walk the shortest way, held against a search over all cells."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from agents.scripts.coin import Cooperator, Greedy
from arenas.coin import Coin
from arenas.coin_two import CoinTwo
from arenas.protocol import Action, Arena

RIGHT, LEFT, DOWN, UP = range(4)
AWAY = {RIGHT: LEFT, LEFT: RIGHT, DOWN: UP, UP: DOWN}


def way(me: int, coin: int, n: int) -> tuple[int, int]:
    """Steps and first action, along the row first."""
    down, right = (coin // n - me // n) % n, (coin % n - me % n) % n
    steps = min(down, n - down) + min(right, n - right)
    if right:
        return steps, RIGHT if right <= n - right else LEFT
    return steps, DOWN if down <= n - down else UP


def expected(board: Tensor, *, greedy: bool) -> int:
    """The action of a script that sees one board [4, n, n]."""
    n = board.shape[-1]
    me, coins = int(board[0].argmax()), [board[c].flatten().nonzero().flatten().tolist() for c in (2, 3)]
    if greedy:
        return min((way(me, coin, n)[0], coin, way(me, coin, n)[1]) for coin in coins[0] + coins[1])[2]
    return way(me, coins[0][0], n)[1] if coins[0] else AWAY[way(me, coins[1][0], n)[1]]


@pytest.mark.parametrize("game", [Coin, CoinTwo])
@pytest.mark.parametrize("settings", [{"size": 2}, {}, {"view": "channels"}, {"view": "shared"}, {"size": 4}])
def test_ways_are_the_shortest(game: type[Arena], settings: dict[str, Any]) -> None:
    arena = game(40, **settings)
    steps, _ = arena.reset(torch.arange(40))
    for _ in range(3):
        for seat, step in steps.items():
            for script in (Greedy, Cooperator):
                agent = script.make(arena.spec, (seat,))
                action, _ = agent.act(step, {"step": 0})
                boards = step.observation
                assert action.value.tolist() == [expected(board, greedy=script is Greedy) for board in boards]
                assert agent.probabilities(step).argmax(-1).equal(action.value)
        steps, _ = arena.step({seat: Action(torch.arange(40) % 4) for seat in steps})


def test_whole_segments_are_looked_up_at_once() -> None:
    seen = torch.stack([Coin(7).reset(torch.arange(start, start + 7))[0]["red"].observation for start in (0, 7)])
    for script in (Greedy, Cooperator):
        agent = script.make(Coin(7).spec, ("red",))
        assert agent.choose(seen).equal(torch.stack([agent.choose(one) for one in seen]))
