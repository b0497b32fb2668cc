"""What the tests of arenas share: the arenas themselves, dealt actions, whole segments, policies as functions."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from arenas.coin import Coin
from arenas.coin_two import CoinTwo
from arenas.luck import below, bits
from arenas.matrix import Chicken, IteratedMatchingPennies, IteratedPrisonersDilemma, Matrix, StagHunt
from arenas.protocol import Action, Arena, TimeStep, TimeSteps

LOPSIDED = [[[1, 2], [3, 4], [0, 1]], [[1, 1], [2, 2], [0, 9]]]

#: Every way in which the rules of the house's arenas differ; all take `max_steps`.
ARENAS: dict[str, tuple[Callable[..., Arena], dict[str, object]]] = {
    "coin": (Coin, {}),
    "coin-channels": (Coin, {"view": "channels"}),
    "coin-shared": (Coin, {"view": "shared"}),
    "coin-2": (Coin, {"size": 2}),
    "coin-4": (Coin, {"size": 4}),
    "coin-two": (CoinTwo, {}),
    "coin-two-2": (CoinTwo, {"size": 2, "view": "channels"}),
    "ipd": (IteratedPrisonersDilemma, {}),
    "imp": (IteratedMatchingPennies, {}),
    "stag-hunt": (StagHunt, {}),
    "chicken": (Chicken, {}),
    "lopsided": (Matrix, {"payoffs": LOPSIDED}),
}


class Segment(NamedTuple):
    """Stacked time steps [T + 1, B, ...], states [T + 1, B, S] and actions [T, B] of all seats."""

    steps: dict[str, TimeStep]
    states: Tensor | None
    actions: dict[str, Action]


def dealt(arena: Arena, timesteps: TimeSteps, luck: Tensor, t: int) -> dict[str, Action]:
    """Uniform legal actions that depend on the row's `luck`, the seat and `t` alone."""
    actions = {}
    for number, (seat, spec) in enumerate(arena.spec.seats.items()):
        random = bits(luck, 100 * t + number)
        mask = timesteps[seat].action_mask
        if mask is None:
            lanes = bits(random.unsqueeze(1), torch.arange(spec.action_dim))
            actions[seat] = Action(below(lanes, 2001).float() / 1000 - 1)
        else:
            rank = below(random, mask.sum(1)).unsqueeze(1)
            actions[seat] = Action(((mask.cumsum(1) - 1 == rank) & mask).int().argmax(1))
    return actions


def play(
    arena: Arena,
    seed: Tensor,
    steps: int,
    *,
    luck: Tensor | None = None,
    autoreset: bool = True,
    script: Mapping[str, Tensor] | None = None,
) -> Segment:
    """Reset and play: dealt actions by `luck` (default: the seeds), or those of `script`, seat -> [T, B]."""
    luck = seed if luck is None else luck
    timesteps, state = arena.reset(seed, autoreset=autoreset)
    return resume(arena, timesteps, state, steps, luck, script=script)


def resume(
    arena: Arena,
    timesteps: TimeSteps,
    state: Tensor | None,
    steps: int,
    luck: Tensor,
    start: int = 0,
    script: Mapping[str, Tensor] | None = None,
) -> Segment:
    told, states, done = [timesteps], [state], []
    for t in range(steps):
        if script is None:
            done.append(dealt(arena, timesteps, luck, start + t))
        else:
            done.append({seat: Action(values[t]) for seat, values in script.items()})
        timesteps, state = arena.step(done[-1])
        told.append(timesteps)
        states.append(state)
    stacked = {
        seat: TimeStep(
            *(
                torch.stack(leaf) if isinstance(leaf[0], Tensor) else leaf[0]
                for leaf in zip(*(moment[seat] for moment in told), strict=True)
            )
        )
        for seat in arena.spec.seats
    }
    actions = {seat: Action(torch.stack([a[seat].value for a in done])) for seat in arena.spec.seats}
    shown = [s for s in states if s is not None]
    return Segment(stacked, torch.stack(shown) if shown else None, actions)


def equal(one: Segment, other: Segment, rows: Tensor | slice = slice(None)) -> bool:
    """Whether the rows of both were told the same throughout."""
    leaves = [(one.states, other.states)]
    for seat in one.steps:
        leaves += zip(one.steps[seat], other.steps[seat], strict=True)
    pairs = [(a[:, rows], b[:, rows]) for a, b in leaves if isinstance(a, Tensor) and isinstance(b, Tensor)]
    return all(torch.equal(a, b) for a, b in pairs)


class FunctionPolicy:
    """A memoryless policy: observation [n, *O] -> probabilities [n, A]; R replicas if the function says so."""

    def __init__(self, function: Callable[[Tensor], Tensor], replicas: int = 1, *, memoryless: bool = True) -> None:
        self.function, self.replicas, self.memoryless = function, replicas, memoryless

    def probabilities(self, timestep: TimeStep) -> Tensor:
        return self.function(timestep.observation)


def softmax_policy(logits: Tensor) -> FunctionPolicy:
    """Logits [R, O, A], linear in the flattened observation."""

    def probabilities(seen: Tensor) -> Tensor:
        rows = seen.flatten(1).to(logits.dtype).view(len(logits), -1, logits.shape[1])
        return (rows @ logits).softmax(-1).flatten(0, 1)

    return FunctionPolicy(probabilities, len(logits))


def sampled(probabilities: Tensor, luck: Tensor, t: int) -> Tensor:
    """Actions long [B] from probabilities [B, A]."""
    share = below(bits(luck, t), 1 << 24) / (1 << 24)
    return (
        (probabilities.double().cumsum(-1) <= share.double().unsqueeze(-1))
        .sum(-1)
        .clamp_max(probabilities.shape[1] - 1)
    )


def simulated_returns(
    arena: Arena, policies: Mapping[str, FunctionPolicy], steps: int, gamma: float
) -> dict[str, Tensor]:
    """Discounted returns [B] of one segment of sampled play."""
    seed = torch.arange(arena.batch_size)
    timesteps, _ = arena.reset(seed)
    returns = {seat: torch.zeros(arena.batch_size, dtype=torch.float64) for seat in policies}
    for t in range(steps):
        actions = {
            seat: Action(sampled(policy.probabilities(timesteps[seat]), bits(seed, 7 + number), t))
            for number, (seat, policy) in enumerate(policies.items())
        }
        timesteps, _ = arena.step(actions)
        for seat in policies:
            returns[seat] += gamma**t * timesteps[seat].reward
    return returns
