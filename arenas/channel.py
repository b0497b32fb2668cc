"""What seats say to one another: bits in a match, and numbers between 0 and 1 while a team learns what to say.

A match takes bits alone (`zoo.play.referee`), so that nobody says more than the channel carries. Learners that are
trained together may send numbers in between, and their errors may flow back from who hears to who spoke; for that the
state of such a game ends with N N numbers, `routes`: who hears now what whom said a step ago.
"""

from __future__ import annotations

import torch
from torch import Tensor

from arenas.protocol import Action


def sent(action: Action, bits: int, like: Tensor) -> Tensor:
    """The message of an action, float32 [B, M] in [0, 1]; 0 for who says nothing, and for what is no number.

    Args:
        action: with a message [B, M] or none.
        bits: M.
        like: a tensor [B] on the arena's device.
    """
    if action.message is None:
        return torch.zeros((len(like), bits), device=like.device)
    return action.message.float().nan_to_num(0.0).clamp(0, 1)


def routes(state: Tensor, seats: int) -> Tensor:
    """Who hears whom [..., hearer, sender], 1 or 0, from the state [..., S] of a game with a channel."""
    return state[..., -seats * seats :].view(*state.shape[:-1], seats, seats)
