"""The networks of several seats, evaluated together.

Seats may see and do things of different width. Their weights are stacked [N, in, out], padded with zeros to the widest,
so that one batched product serves all seats; a seat's own weights are a view of the stack, and that is what acts, is
stored and is shown to peers. Inputs of the padding are 0, so its weights never learn; outputs of it are masked.

Seats that share parameters have one network [1, in, out] with the seat's number as a further one-hot input. What that
input adds to the first layer is a bias of the seat's own, `b0` [N, 1, out], so that a seat's view is again a network by
itself, which plays without knowing its number.

A recurrent network has a layer with ReLU, a GRU, and a linear layer (see `agents.parts.recurrent`).

R replicas of a team follow one another in the stack, all seats of the first, then all of the second.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor

from agents.parts.encoder import ENCODER, encoder_parameters
from agents.parts.gradients import gradient
from agents.parts.networks import mlp_parameters
from agents.parts.optimizers import Adam
from agents.parts.recurrent import GRU, gru_parameters
from agents.protocol import Parameters
from agents.randomness import derive
from arenas.protocol import ArenaSpec

_LANES = 16  # float32 numbers that a processor works on at once


def numbered(spec: ArenaSpec, seats: Sequence[str]) -> dict[str, list[int]]:
    """Team -> the numbers of its seats among some, in the order of these."""
    teams: dict[str, list[int]] = {}
    for number, seat in enumerate(seats):
        teams.setdefault(spec.seats[seat].team, []).append(number)
    return teams


class Team:
    """N perceptrons of one depth, a seat's each.

    Args:
        sizes: of every seat the widths of its layers, input first.
        widest: of every layer the width to which the stack is filled up, at least the widest seat's; by default that.
        seeds: of every seat the luck of its first weights.
        last_scale: gain of the last layer, see `mlp_parameters`.
        shared: one network for all seats, which is told the seat's number; its luck is the first seed's.
        recurrent: a GRU between the two layers; sizes then hold three widths.
        encoder: units of two layers that read `encoder[0]` numbers, see `agents.parts.encoder`; None: there are none.
        replicas: R; replica r depends on the seeds and on r.
        device: where the weights live.

    Attributes:
        parameters: `w0` [R N, in, out], `b0` [R N, 1, out], ...; to be changed in place only. Where they are shared,
            all but `b0` have a leading R.
    """

    def __init__(
        self,
        sizes: Sequence[Sequence[int]],
        seeds: Sequence[int],
        *,
        widest: Sequence[int] | None = None,
        last_scale: float = 1.0,
        shared: bool = False,
        recurrent: bool = False,
        encoder: tuple[int, int] | None = None,
        replicas: int = 1,
        device: str = "cpu",
    ) -> None:
        self.sizes, self.shared, self.seats = [tuple(s) for s in sizes], shared, len(sizes)
        widest = [max(widths) for widths in zip(*self.sizes, strict=True)] if widest is None else widest
        if shared:
            wide = widest[0]
            self.parameters = mlp_parameters(
                [wide + len(sizes), *widest[1:]],
                seed=seeds[0],
                replicas=replicas,
                last_scale=last_scale,
                device=device,
            )
            # the rows of the one-hot input are what each seat's number adds, so they are the seats' biases
            weight = self.parameters["w0"]
            self.parameters |= {
                "w0": weight[:, :wide].clone(),
                "b0": weight[:, wide:].flatten(0, 1).unsqueeze(1).clone(),
            }
        else:
            self.parameters = {}
            for layer, (wide, narrow) in enumerate(itertools.pairwise(widest)):
                self.parameters[f"w{layer}"] = torch.zeros(replicas * len(sizes), wide, narrow, device=device)
                self.parameters[f"b{layer}"] = torch.zeros(replicas * len(sizes), 1, narrow, device=device)
            for number, (widths, seed) in enumerate(zip(self.sizes, seeds, strict=True)):
                first = mlp_parameters(widths, seed=seed, replicas=replicas, last_scale=last_scale, device=device)
                for name, weight in self.of(number).items():
                    weight.copy_(first[name])
        own = seeds[:1] if shared else seeds
        each = [seed if r == 0 else derive(seed, "replica", r) for r in range(replicas) for seed in own]
        if recurrent:
            self.parameters |= gru_parameters(widest[1], each, device)
        if encoder:
            self.parameters |= encoder_parameters(*encoder, each, device)

    def of(self, number: int) -> Parameters:
        """The weights of one seat [R, in, out] without padding: views, which change with the stack."""
        mine = slice(number, None, self.seats)
        ours = slice(None) if self.shared else mine
        views = {name: self.parameters[name][ours] for name in (*GRU, *ENCODER) if name in self.parameters}
        for layer, (wide, narrow) in enumerate(itertools.pairwise(self.sizes[number])):
            views[f"w{layer}"] = self.parameters[f"w{layer}"][ours, :wide, :narrow]
            views[f"b{layer}"] = self.parameters[f"b{layer}"][ours if layer else mine, :, :narrow]
        return views

    def state(self, name: str) -> Parameters:
        """The stack, stored as `name`; live, not copies."""
        return {f"{name}/{n}": p for n, p in self.parameters.items()}

    @torch.no_grad()
    def follow(self, other: Team, tau: float) -> None:
        """Move the weights towards another team's: theta <- (1 - tau) theta + tau theta_other."""
        torch._foreach_lerp_(list(self.parameters.values()), [other.parameters[name] for name in self.parameters], tau)


class Trained:
    """A team that learns: its networks, slow copies of them (the targets), and the optimiser of its steps.

    Args:
        team: the networks.
        lr: Adam's step size at first.
        clip: largest norm of each tensor's gradient.
    """

    def __init__(self, team: Team, lr: float, clip: float) -> None:
        self.team, self.slow, self.lr = team, deepcopy(team), lr
        self.optimizer = Adam(team.parameters, lr, clip=clip)

    def anneal(self, left: float) -> None:
        """Set the step size to `left` times the first."""
        self.optimizer.lr = left * self.lr

    def descend(self, loss: Tensor, theta: Parameters) -> None:
        """One step of the networks against the gradient of `loss`, a scalar, in `theta`, leaves of their values."""
        self.optimizer.descend(gradient(loss, theta))

    def follow(self, tau: float) -> None:
        """Move the slow copies: theta_bar <- (1 - tau) theta_bar + tau theta."""
        self.slow.follow(self.team, tau)

    def state(self, name: str) -> Parameters:
        """Networks, slow copies and optimiser, stored as `name`."""
        return self.team.state(name) | self.slow.state(f"target/{name}") | self.optimizer.state(f"step/{name}")


def apply(parameters: Parameters, x: Tensor, common: Tensor | None = None) -> Tensor:
    """All networks of a stack at once: [N, B, in] -> [N, B, out], ReLU between the layers.

    What all of them read alike may stand apart, `common` [B, C]: they read that first, then their own x.
    """
    layers = len(parameters) // 2
    for layer in range(layers):
        x = layer_of(parameters, layer, x, None if layer else common)
        if layer < layers - 1:
            x = x.relu_()  # nothing else reads what it was before
    return x


def layer_of(parameters: Parameters, layer: int, x: Tensor, common: Tensor | None = None) -> Tensor:
    """One linear layer of a stack: [N, B, in] -> [N, B, out]; the weights may be one seat's for all."""
    weight, bias = parameters[f"w{layer}"], parameters[f"b{layer}"]
    if common is not None:  # its products are made once for all seats
        bias = bias + common @ weight[:, : common.shape[-1]]
        weight = weight[:, common.shape[-1] :]
    return torch.baddbmm(bias, x, weight) if len(weight) == len(x) else product(x, weight[0], bias)


def product(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The layer x @ weight + bias, of [..., B, in], [in, out] and what can be added to [..., B, out].

    A few columns more are cheaper where they fill the processor's registers: of 11 columns and 5,000 rows this takes a
    quarter of the time, forwards and backwards.
    """
    narrow = weight.shape[-1]
    missing = -narrow % _LANES
    if missing:
        weight, bias = (torch.nn.functional.pad(leaf, (0, missing)) for leaf in (weight, bias))
    out = (x @ weight).add_(bias)
    return out[..., :narrow] if missing else out


def padded(leaves: Sequence[Tensor], dim: int = -2) -> Tensor:
    """Leaves [..., W_i] of N seats as one [..., N, W], or with N at `dim`; filled up with zeros to the widest."""
    wide = max(leaf.shape[-1] for leaf in leaves)
    # filled up by 0 a leaf would still be copied
    filled = [x if x.shape[-1] == wide else torch.nn.functional.pad(x, (0, wide - x.shape[-1])) for x in leaves]
    return torch.stack(filled, dim=dim)


def real(widths: Sequence[int], device: str = "cpu") -> Tensor:
    """True, bool [N, 1, W], where a seat's output is no padding."""
    return (torch.arange(max(widths), device=device) < torch.tensor(widths, device=device).unsqueeze(1)).unsqueeze(1)
