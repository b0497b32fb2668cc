"""Exploration on top of a policy: now and then a uniform action."""

from __future__ import annotations

from agents.protocol import Memory
from agents.randomness import below, dealt_bits, fraction
from arenas.protocol import Action, TimeStep


def explore(action: Action, timestep: TimeStep, memory: Memory, epsilon: float) -> Action:
    """The discrete `action` or, while it trains, in a share `epsilon` of cases a uniform one where that is legal.

    Reads `luck` [B], `step` and `training` of the memory, and of that luck no draw by which the policy acts.
    """
    if not (epsilon and memory["training"]) or timestep.action_mask is None:
        return action
    coin, lot = (dealt_bits(memory["luck"], -2 * memory["step"] - i) for i in (0, 1))
    other = below(lot, timestep.action_mask.shape[1])
    taken = (fraction(coin) < epsilon) & timestep.action_mask.gather(1, other.unsqueeze(1)).squeeze(1)
    return action._replace(value=other.where(taken, action.value))
