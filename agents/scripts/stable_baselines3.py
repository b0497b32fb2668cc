"""What a file of Stable-Baselines3 says of its actor: layers, activation and spaces, and what cannot be played.

Nothing is unpickled: weights come from a dict of tensors, everything else from the readable part of `data`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """How an algorithm of Stable-Baselines3 names its actor's layers, and what it does between and behind them."""

    algorithm: str
    layers: tuple[str, ...]  # PREFIX.weight, or PREFIX.0.weight, PREFIX.2.weight, ...
    activation: type[torch.nn.Module]
    squashed: bool = False
    values: bool = False  # of actions: no logits


LAYOUTS = (
    Layout("PPO or A2C", ("mlp_extractor.policy_net", "action_net"), torch.nn.Tanh),
    Layout("DQN", ("q_net.q_net",), torch.nn.ReLU, values=True),
    Layout("DDPG or TD3", ("actor.mu",), torch.nn.ReLU, squashed=True),
)
#: What cannot be played, by a parameter that gives it away.
REFUSED = {
    "features_extractor": "it has a features extractor with weights of its own (CnnPolicy or a custom one)",
    "actor.latent_pi": "it is of SAC",
    "lstm_actor": "it is of RecurrentPPO",
    "quantile_net": "it is of QR-DQN",
}
#: Arguments of policies that change nothing about the actor, or are read from its weights.
HARMLESS = frozenset(
    {
        "activation_fn", "full_std", "log_std_init", "n_critics", "net_arch", "normalize_images", "optimizer_class",
        "optimizer_kwargs", "ortho_init", "share_features_extractor", "use_expln", "use_sde",
    }
)  # fmt: skip
ACTIVATIONS = ("ELU", "GELU", "Hardtanh", "LeakyReLU", "Mish", "ReLU", "SELU", "SiLU", "Sigmoid", "Softplus", "Tanh")
ELSEWHERE = "export its actor as TorchScript or ONNX"


def layout_of(weights: Mapping[str, Tensor]) -> Layout:
    """How the weights' names say that they are laid out.

    Raises:
        ValueError: they are of an algorithm that cannot be played, or of an unknown one.
    """
    for part, what in REFUSED.items():
        if any(f".{part}" in f".{name}" or f"_{part}" in name for name in weights):
            raise ValueError(f"{what}, which is not played; {ELSEWHERE}")
    for layout in LAYOUTS:
        if any(name.startswith(f"{layout.layers[-1]}.") for name in weights):
            return layout
    known = ", ".join(layout.algorithm for layout in LAYOUTS)
    raise ValueError(f"its weights ({', '.join(list(weights)[:3])}, ...) are of none of {known}; {ELSEWHERE}")


def layers_under(weights: Mapping[str, Tensor], prefix: str) -> list[tuple[Tensor, Tensor]]:
    """Weights [out, in] and biases [out] of the linear layers under a prefix, in order."""
    own = {name.removeprefix(f"{prefix}."): w for name, w in weights.items() if name.startswith(f"{prefix}.")}
    numbers = sorted({int(name.partition(".")[0]) for name in own if name[0].isdigit()})
    names = [f"{number}." for number in numbers] or ([""] if own else [])
    expected = {f"{name}{leaf}" for name in names for leaf in ("weight", "bias")}
    # others stand where LayerNorm or something else was put between, of which the file says no more
    if own.keys() != expected or any(own[f"{name}weight"].dim() != 2 for name in names) or numbers[:1] not in ([], [0]):
        raise ValueError(f"{prefix} has other layers than linear ones; {ELSEWHERE}")
    if any(later - earlier != 2 for earlier, later in itertools.pairwise(numbers)):
        raise ValueError(f"{prefix} has other layers than linear ones with one activation between; {ELSEWHERE}")
    return [(own[f"{name}weight"], own[f"{name}bias"]) for name in names]


def activation_of(name: str | None, layout: Layout) -> Callable[[Tensor], Tensor]:
    """The activation that was asked for, "<class 'torch.nn.modules.activation.ReLU'>", or the algorithm's own."""
    if name is None:
        return layout.activation()
    match = re.fullmatch(r"<class 'torch\.nn\.modules\.activation\.(\w+)'>", name)
    if match is None or match[1] not in ACTIVATIONS:
        raise ValueError(f"activation_fn {name} is none of {', '.join(ACTIVATIONS)}; {ELSEWHERE}")
    activation: Callable[[Tensor], Tensor] = getattr(torch.nn, match[1])()
    return activation


def kind_of(space: Mapping[str, Any]) -> str:
    """The last word of "<class 'gymnasium.spaces.box.Box'>"."""
    return str(space.get(":type:", "unknown")).rstrip("'>").rpartition(".")[-1]


def numbers_in(text: str) -> list[float]:
    """From numpy's "[0. 0.5 1. ]"; none where it leaves some out."""
    return [] if "..." in text else [float(word) for word in text.replace("[", " ").replace("]", " ").split()]
