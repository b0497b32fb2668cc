"""Exact best responses to many fixed tables at once, in matrix games: policy iteration over a batch of replicas.

`arenas.tables.response` answers any policy of finite memory, one at a time. An opponent that answers a learner anew
after every update needs hundreds of thousands of answers to tables over five observations, which this module gives.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from arenas.tables.finite import FiniteGame

_TIE = 1e-10  # relative to the largest value: what differs by less is equal
_STEPS = 50  # of policy iteration at most; a handful is usual


def best_replies(game: FiniteGame, seat: str, table: Tensor, gamma: float | None = None) -> tuple[Tensor, Tensor]:
    """The best response of `seat` to tables of the other seat.

    Args:
        game: a game of two seats that offers "value", whose observations are one-hot and tell the position.
        seat: who answers.
        table: float64 [R, O, A], action probabilities of the other seat at its observations.
        gamma: discount per step, below 1; None takes the game's own.

    Returns:
        float64 [R, O', A'], the response at the observations of `seat`, one action each; and float64 [R], what it
        earns per step, (1 - gamma) V.
    """
    spec = game.spec
    seats = tuple(spec.seats)
    gamma = spec.gamma if gamma is None else gamma
    mine = seats.index(seat)
    chain, views, pay = game.valued
    n, joint, _ = pay.shape
    widths = [spec.seats[s].actions for s in seats]
    move = pay.new_zeros(n * joint, n).index_put((chain.transition, chain.position), chain.probability, accumulate=True)

    def by_seat(joint_last: Tensor) -> Tensor:
        """[S, J, ...] -> [S, own action, other's action, ...]."""
        split = joint_last.view(n, *widths, *joint_last.shape[2:])
        return split if mine == 0 else split.transpose(1, 2)

    plays = table[:, views[:, 1 - mine].flatten(1).argmax(-1)]  # [R, S, B]
    reward = torch.einsum("rsb,sab->rsa", plays, by_seat(pay[..., mine].contiguous()))
    moves = torch.einsum("rsb,sabt->rsat", plays, by_seat(move.view(n, joint, n)))
    eye = torch.eye(n, dtype=pay.dtype, device=pay.device)
    choice = reward.argmax(-1, keepdim=True)  # [R, S, 1]
    for _ in range(_STEPS):
        chosen = moves.gather(2, choice.unsqueeze(-1).expand(-1, -1, 1, n)).squeeze(2)
        value = torch.linalg.solve(eye - gamma * chosen, reward.gather(2, choice).squeeze(2))  # [R, S]
        gain = reward + gamma * torch.einsum("rsat,rt->rsa", moves, value)
        tie = _TIE * value.abs().amax(1).clamp_min(1.0)
        better = gain.amax(-1) > gain.gather(2, choice).squeeze(2) + tie.unsqueeze(1)
        if not better.any():
            break
        choice = torch.where(better.unsqueeze(-1), gain.argmax(-1, keepdim=True), choice)
    own = views[:, mine].flatten(1).argmax(-1)  # [S], the observation of each position
    reply = pay.new_zeros(len(table), views[:, mine].flatten(1).shape[1], widths[mine])
    reply[:, own] = one_hot(choice.squeeze(-1), widths[mine]).to(pay.dtype)
    return reply, (1 - gamma) * (value @ chain.start)
