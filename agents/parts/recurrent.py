"""A gated recurrent unit between two layers, as pure functions of a parameter dict (Cho et al. 2014).

    x = relu(o w0 + b0)
    r, z = sigmoid(x gi + gib + h gh + ghb)      (their first two thirds)
    n = tanh(x gi + gib + r (h gh + ghb))        (the last third)
    h' = (1 - z) n + z h,   out = h' w1 + b1

`gi` and `gh` are [P, H, 3 H], their biases `gib` and `ghb` [P, 1, 3 H], where P is how many networks there are. What
is remembered is h [..., H]; it is 0 at the start of an episode.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from agents.parts.networks import linear, must_fit
from agents.protocol import Parameters
from agents.randomness import derive, initialise

GRU = ("gi", "gh", "gib", "ghb")


def gru_parameters(hidden: int, seeds: Sequence[int], device: str = "cpu") -> Parameters:
    """Fresh weights of a GRU of `hidden` units for each of the seeds: each gate's matrix orthogonal, biases 0.

    Raises:
        ValueError: no machine has room for so many units.
    """
    must_fit(hidden, 3 * hidden)
    weights: dict[str, list[Tensor]] = {"gi": [], "gh": []}
    for seed in seeds:
        with initialise(derive(seed, "gru")):
            for gates in weights.values():
                gates.append(torch.cat([torch.nn.init.orthogonal_(torch.empty(hidden, hidden)) for _ in range(3)], 1))
    none = torch.zeros(len(seeds), 1, 3 * hidden, device=device)
    stacked = {name: torch.stack(gates).to(device) for name, gates in weights.items()}
    return {**stacked, "gib": none, "ghb": none.clone()}


def recurrent(parameters: Parameters) -> bool:
    """Whether the network of these parameters has a GRU."""
    return "gi" in parameters


def step(parameters: Parameters, observation: Tensor, hidden: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs [B, A] of one seat on observations [B, O], and what it remembers after them [B, H].

    `hidden` [B, H] is what it remembered before, which counts for nothing where `first`, bool [B].
    """
    x = linear(observation, parameters["w0"], parameters["b0"]).relu()
    seen = linear(x, parameters["gi"], parameters["gib"])
    after = following(parameters, seen, hidden * (~first).unsqueeze(-1))
    return linear(after, parameters["w1"], parameters["b1"]), after


def unrolled(parameters: Parameters, x: Tensor, hidden: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs [T, N, B, A] of all seats of a stack on observations [T, N, B, O], and h after each [T, N, B, H].

    Args:
        parameters: of a stack (see `agents.parts.team`).
        x: observations.
        hidden: what was remembered before the first, [N, B, H].
        first: where an episode begins, bool [T, N, B].
    """
    steps, seats, copies, _ = x.shape
    weight = parameters["w0"]
    entered = x @ (weight[0] if len(weight) == 1 else weight) + parameters["b0"]
    now, kept = hidden.flatten(0, 1), (~first).flatten(1).unsqueeze(-1)
    after = []
    told = linear(entered.relu().flatten(1, 2), parameters["gi"], parameters["gib"])  # [T, N B, 3 H]
    for seen, on in zip(told, kept, strict=True):
        now = following(parameters, seen, now * on)
        after.append(now)
    hiddens = torch.stack(after)
    out = linear(hiddens, parameters["w1"], parameters["b1"])
    return out.view(steps, seats, copies, -1), hiddens.view(steps, seats, copies, -1)


def following(parameters: Parameters, seen: Tensor, hidden: Tensor) -> Tensor:
    """The next state h' [..., N B, H], given what the gates are told by the input [..., N B, 3 H], and h before."""
    width = 2 * hidden.shape[-1]
    kept = linear(hidden, parameters["gh"], parameters["ghb"])
    reset, stay = (seen[..., :width] + kept[..., :width]).sigmoid().chunk(2, dim=-1)
    new = torch.tanh(seen[..., width:] + reset * kept[..., width:])
    return new + stay * (hidden - new)
