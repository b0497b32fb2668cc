"""The networks of Stable-Baselines3 and its contrib package, built anew from the tensors of `policy.pth`.

    x = extracted(observation)      # per part: flattened, or NatureCNN's features of a picture
    x, state = lstm(x, state)       # RecurrentPPO alone
    x = body(x); x = head(x)        # linear layers with an activation between; CrossQ's renormalise

Nothing is unpickled: weights come from a dict of tensors, everything else from the readable part of `data`. What the
tensors' names and shapes leave open (strides, an epsilon) is fixed by the library's own classes, so files of policy
classes of other modules are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from agents.randomness import initialise
from agents.scripts.baselines_spaces import ELSEWHERE, PartSpace

Weights = Mapping[str, Tensor]
Layer = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Layout:
    """How an algorithm names its actor's layers, and what it does between and behind them.

    `shown_by` is the start of a parameter's name that no earlier layout has; `layers` are the prefixes of the linear
    layers, PREFIX.weight or PREFIX.0.weight, PREFIX.2.weight, ...; `extractors` the possible prefixes of extractors.
    """

    algorithm: str
    shown_by: str
    layers: tuple[str, ...]
    activation: type[nn.Module]
    extractors: tuple[str, ...]
    squashed: bool = False
    values: bool = False  # of actions: no logits
    quantiles: bool = False  # several values of each action, of which the mean counts


LAYOUTS = (
    Layout(
        "SAC, TQC or CrossQ", "actor.log_std", ("actor.latent_pi", "actor.mu"), nn.ReLU,
        ("actor.features_extractor",), squashed=True,
    ),
    Layout("DDPG or TD3", "actor.mu.", ("actor.mu",), nn.ReLU, ("actor.features_extractor",), squashed=True),
    Layout("DQN", "q_net.q_net.", ("q_net.q_net",), nn.ReLU, ("q_net.features_extractor",), values=True),
    Layout(
        "QR-DQN", "quantile_net.quantile_net.", ("quantile_net.quantile_net",), nn.ReLU,
        ("quantile_net.features_extractor",), values=True, quantiles=True,
    ),
    Layout("ARS", "action_net.0.", ("action_net",), nn.ReLU, ("features_extractor",), values=True),
    Layout(
        "PPO, A2C, TRPO, MaskablePPO or RecurrentPPO", "action_net.", ("mlp_extractor.policy_net", "action_net"),
        nn.Tanh, ("pi_features_extractor", "features_extractor"),
    ),
)  # fmt: skip
#: The modules whose policy classes are known.
MODULES = (
    "stable_baselines3.common.policies", "stable_baselines3.dqn.policies", "stable_baselines3.sac.policies",
    "stable_baselines3.td3.policies", "sb3_contrib.ars.policies", "sb3_contrib.common.maskable.policies",
    "sb3_contrib.common.recurrent.policies", "sb3_contrib.crossq.policies", "sb3_contrib.qrdqn.policies",
    "sb3_contrib.tqc.policies",
)  # fmt: skip
#: Arguments of policies that change nothing about the actor, or are read from its weights.
HARMLESS = frozenset(
    {
        "activation_fn", "batch_norm", "batch_norm_eps", "batch_norm_momentum", "clip_mean", "enable_critic_lstm",
        "features_extractor_class", "features_extractor_kwargs", "full_std", "log_std_init", "lstm_hidden_size",
        "lstm_kwargs", "n_critics", "n_lstm_layers", "n_quantiles", "net_arch", "normalize_images", "optimizer_class",
        "optimizer_kwargs", "ortho_init", "renorm_warmup_steps", "share_features_extractor", "shared_lstm",
        "squash_output", "use_expln", "use_sde", "with_bias",
    }
)  # fmt: skip
EXTRACTORS = ("FlattenExtractor", "NatureCNN", "CombinedExtractor")
ACTIVATIONS = ("ELU", "GELU", "Hardtanh", "LeakyReLU", "Mish", "ReLU", "SELU", "SiLU", "Sigmoid", "Softplus", "Tanh")
_CNN = {"cnn.0": 4, "cnn.2": 2, "cnn.4": 1}  # NatureCNN's layers and their strides
_RENORM = ("ra_mean", "ra_var", "scale", "bias")  # tensors of CrossQ's layers
_CLIPPED = 2.0  # bound of SAC's means where it explores by state, unless `clip_mean` says another
_EPSILON = 0.001  # of CrossQ's layers, unless `batch_norm_eps` says another


@dataclass(frozen=True)
class Network:
    """An actor: numbers [B, W] of its parts and a state [B, M] in, outputs and the next state out.

    `remembers` is M, 0 where it has no state.
    """

    extract: Layer
    layers: tuple[Layer, ...]
    lstm: nn.LSTM | None
    width: int

    @property
    def remembers(self) -> int:
        """M: hidden and cell state of all layers."""
        return 2 * self.lstm.num_layers * self.lstm.hidden_size if self.lstm else 0

    def __call__(self, given: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Outputs [B, K] and the next state [B, M]."""
        x = self.extract(given)
        if self.lstm is not None and state is not None:
            count = self.lstm.num_layers
            both = state.view(len(x), 2 * count, -1).movedim(1, 0).contiguous()
            seen, (hidden, cell) = self.lstm(x.unsqueeze(0), (both[:count], both[count:]))
            x, state = seen.squeeze(0), torch.cat([hidden, cell]).movedim(0, 1).flatten(1)
        for layer in self.layers:
            x = layer(x)
        return x, state


def layout_of(weights: Weights) -> Layout:
    """How the weights' names say that they are laid out.

    Raises:
        ValueError: they are of an unknown algorithm.
    """
    for layout in LAYOUTS:
        if any(f"{name}.".startswith(layout.shown_by) for name in weights):
            return layout
    known = ", ".join(layout.algorithm for layout in LAYOUTS)
    raise ValueError(f"its weights ({', '.join(list(weights)[:3])}, ...) are of none of {known}; {ELSEWHERE}")


def network_of(
    weights: Weights, layout: Layout, arguments: Mapping[str, Any], parts: Sequence[PartSpace], device: str
) -> Network:
    """The actor in a file.

    Args:
        weights: the tensors of `policy.pth`.
        layout: how they are laid out.
        arguments: `policy_kwargs` as far as they can be read.
        parts: what it was trained on.
        device: where it plays.

    Raises:
        ValueError: it has layers or arguments that are not known.
    """
    _known(arguments)
    extract, size = _extractor(weights, layout, arguments, parts)
    lstm = _lstm(weights, arguments, device)
    activation = activation_of(arguments.get("activation_fn"), layout)
    layers: list[Layer] = []
    for prefix in layout.layers:
        found = _layers_under(weights, prefix, activation, float(arguments.get("batch_norm_eps", _EPSILON)))
        between = [activation] if found and layers and isinstance(layers[-1], _Linear) else []
        layers += [*between, *found]
    first = next((layer for layer in layers if isinstance(layer, _Linear)), None)
    if first is None:
        raise ValueError(f"{layout.layers[-1]} has no layers; {ELSEWHERE}")
    taken = lstm.input_size if lstm else first.weight.shape[1]
    if taken != size:
        raise ValueError(f"its first layer takes {taken} numbers, what it was trained on comes to {size}; {ELSEWHERE}")
    if layout.algorithm.startswith("SAC") and "actor.mu.0.weight" in weights:
        bound = float(arguments.get("clip_mean", _CLIPPED))
        layers.append(lambda x: x.clamp(-bound, bound))
    return Network(extract, tuple(layers), lstm, sum(part.size for part in parts))


def _known(arguments: Mapping[str, Any]) -> None:
    unknown = sorted(name for name in arguments if not name.startswith(":") and name not in HARMLESS)
    if unknown:
        raise ValueError(f"policy_kwargs has {unknown[0]}, which is not understood; {ELSEWHERE}")
    chosen = str(arguments.get("features_extractor_class", EXTRACTORS[0]))
    if not chosen.endswith(tuple(f"{name}'>" for name in EXTRACTORS)) and chosen != EXTRACTORS[0]:
        raise ValueError(f"policy_kwargs has the features_extractor_class {chosen}, which is not known; {ELSEWHERE}")
    for name in ("features_extractor_kwargs", "lstm_kwargs"):
        given = arguments.get(name) or {}
        if not isinstance(given, dict) or given.keys() - {
            "features_dim",
            "cnn_output_dim",
            "normalized_image",
            "dropout",
        }:
            raise ValueError(f"policy_kwargs has {name} {given}, which are not understood; {ELSEWHERE}")


@dataclass(frozen=True)
class _Linear:
    weight: Tensor
    bias: Tensor | None

    def __call__(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight, self.bias)


@dataclass(frozen=True)
class _Renorm:
    """CrossQ's batch renormalisation as it plays: by the running mean and variance."""

    mean: Tensor
    variance: Tensor
    scale: Tensor
    bias: Tensor
    epsilon: float

    def __call__(self, x: Tensor) -> Tensor:
        return self.scale * ((x - self.mean) / (self.variance + self.epsilon).sqrt()) + self.bias


def _layers_under(weights: Weights, prefix: str, activation: Layer, epsilon: float) -> list[Layer]:
    """The layers under a prefix in order, with the activation after each linear one but the last.

    Raises:
        ValueError: others stand between, of which the file says no more.
    """
    own = {name.removeprefix(f"{prefix}."): w for name, w in weights.items() if name.startswith(f"{prefix}.")}
    if own.keys() <= {"weight", "bias"}:
        return [_linear(own, "", prefix)] if own else []
    numbers = sorted({int(name.partition(".")[0]) for name in own if name[0].isdigit()})
    layers: list[Layer] = []
    expected, named = 0, set[str]()
    for number in numbers:
        inside = {name for name in own if name.startswith(f"{number}.")}
        renorm = f"{number}.ra_mean" in inside
        if layers and isinstance(layers[-1], _Linear):
            layers.append(activation)
            expected += 1
        if number != expected:
            raise ValueError(f"{prefix} has other layers than linear ones with one activation between; {ELSEWHERE}")
        if renorm:
            mean, variance, scale, bias = (own.get(f"{number}.{leaf}") for leaf in _RENORM)
            if mean is None or variance is None or scale is None or bias is None:
                raise ValueError(f"{prefix} has a layer of another kind; {ELSEWHERE}")
            layers.append(_Renorm(mean, variance, scale, bias, epsilon))
            named |= {f"{number}.{leaf}" for leaf in (*_RENORM, "steps")}
        else:
            layers.append(_linear(own, f"{number}.", prefix))
            named |= {f"{number}.weight", f"{number}.bias"}
        expected += 1
    if own.keys() - named:
        raise ValueError(f"{prefix} has other layers than linear ones; {ELSEWHERE}")
    return layers


def _linear(own: Weights, name: str, prefix: str) -> _Linear:
    weight, bias = own.get(f"{name}weight"), own.get(f"{name}bias")
    if weight is None or weight.dim() != 2 or (bias is not None and bias.shape != weight.shape[:1]):
        raise ValueError(f"{prefix} has other layers than linear ones; {ELSEWHERE}")
    return _Linear(weight, bias)


def _extractor(
    weights: Weights, layout: Layout, arguments: Mapping[str, Any], parts: Sequence[PartSpace]
) -> tuple[Layer, int]:
    """What is done to the numbers of the parts, and how many features come out."""
    prefix = next((p for p in layout.extractors if any(name.startswith(f"{p}.") for name in weights)), None)
    own = {n.removeprefix(f"{prefix}."): w for n, w in weights.items() if prefix and n.startswith(f"{prefix}.")}
    fractions = arguments.get("normalize_images", True)
    pieces: list[Layer] = []
    features, used = 0, set[str]()
    for part in parts:
        place = f"extractors.{part.key}." if part.key else ""
        inside = {n.removeprefix(place): w for n, w in own.items() if n.startswith(place)}
        divisor = 255.0 if part.picture and fractions else 1.0
        if inside:
            pieces.append(_nature(inside, part, divisor))
            features += inside["linear.0.weight"].shape[0]
            used |= {f"{place}{name}" for name in inside}
        else:
            pieces.append(_divided(divisor))
            features += part.size
    if own.keys() - used:
        raise ValueError(f"it has a features extractor with weights of its own; {ELSEWHERE}")
    sizes = [part.size for part in parts]

    def extract(given: Tensor) -> Tensor:
        flat = given.flatten(1)
        return torch.cat([piece(x) for piece, x in zip(pieces, torch.split(flat, sizes, 1), strict=True)], 1)

    return extract, features


def _divided(divisor: float) -> Layer:
    return lambda x: x / divisor


def _nature(own: Weights, part: PartSpace, divisor: float) -> Layer:
    """NatureCNN: three convolutions and a linear layer, each followed by ReLU.

    Raises:
        ValueError: the weights are of another network.
    """
    names = {f"{layer}.{leaf}" for layer in (*_CNN, "linear.0") for leaf in ("weight", "bias")}
    kernels = [tuple(own[f"{layer}.weight"].shape[2:]) for layer in _CNN if f"{layer}.weight" in own]
    if own.keys() != names or kernels != [(8, 8), (4, 4), (3, 3)] or len(part.shape) != 3:
        raise ValueError(f"it has a features extractor of its own in the place of NatureCNN; {ELSEWHERE}")

    def features(x: Tensor) -> Tensor:
        x = x.view(len(x), *part.shape) / divisor
        for layer, stride in _CNN.items():
            x = nn.functional.conv2d(x, own[f"{layer}.weight"], own[f"{layer}.bias"], stride).relu()
        return nn.functional.linear(x.flatten(1), own["linear.0.weight"], own["linear.0.bias"]).relu()

    return features


def _lstm(weights: Weights, arguments: Mapping[str, Any], device: str) -> nn.LSTM | None:
    own = {n.removeprefix("lstm_actor."): w for n, w in weights.items() if n.startswith("lstm_actor.")}
    if not own:
        return None
    depth = sum(name.startswith("weight_ih") for name in own)
    expected = {f"{kind}_{way}_l{n}" for kind in ("weight", "bias") for way in ("ih", "hh") for n in range(depth)}
    if own.keys() != expected:
        raise ValueError(f"its LSTM has other weights than those of plain layers; {ELSEWHERE}")
    with initialise(0):  # what is drawn here is overwritten
        lstm = nn.LSTM(own["weight_ih_l0"].shape[1], own["weight_hh_l0"].shape[1], depth, device=device)
    lstm.load_state_dict(own)
    return lstm.eval()


def activation_of(name: str | None, layout: Layout) -> Layer:
    """The activation that was asked for, "<class 'torch.nn.modules.activation.ReLU'>", or the algorithm's own."""
    if name is None:
        return layout.activation()
    match = re.fullmatch(r"<class 'torch\.nn\.modules\.activation\.(\w+)'>", name)
    if match is None or match[1] not in ACTIVATIONS:
        raise ValueError(f"activation_fn {name} is none of {', '.join(ACTIVATIONS)}; {ELSEWHERE}")
    activation: Layer = getattr(nn, match[1])()
    return activation
