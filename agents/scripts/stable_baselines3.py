"""Policies of Stable-Baselines3 and its contrib package as agents, from the files that `model.save` writes."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from agents.scripts.baselines_network import MODULES, Layout, Network, layout_of, network_of
from agents.scripts.baselines_spaces import ELSEWHERE, PartSpace, kind_of, network_input, numbers_in, parts_of, shown_as
from agents.scripts.from_file import Imported
from agents.scripts.model import Model
from arenas.origin import Space, action_of, observation_of
from arenas.protocol import TimeStep

_LARGEST = 2**30  # bytes of a part of the archive
_CLOSE = 1e-5  # of two bounds of actions, relative: the file prints eight digits


class StableBaselines3(Imported):
    """A file saved by `model.save("prey.zip")`; Stable-Baselines3 itself is not needed, and nothing is unpickled.

    Played are the policies of PPO, A2C, DQN, DDPG, TD3, SAC and of contrib's MaskablePPO, RecurrentPPO, TRPO, QR-DQN,
    TQC, CrossQ and ARS: `MlpPolicy`, `CnnPolicy`, `MultiInputPolicy` and their recurrent forms. Layers are read from
    `policy.pth`, activation and spaces from the readable part of `data`. The network is shown what the library itself
    would have shown it: where the arena is a PettingZoo environment, the observation is first put back into the
    environment's own form, and a file that was trained on another space is refused. Whoever overrides `observation`
    gives the numbers of the file's own space [B, ...] instead, a Discrete one-hot. What VecNormalize did to
    observations is not in the file: do it there.
    """

    def load(self, path: Path) -> Model:
        """The actor of a Stable-Baselines3 file."""
        facts, weights = _contents(path, self.device)
        try:
            return self._actor(facts, weights)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        except (KeyError, TypeError, AttributeError, RuntimeError, IndexError) as error:
            raise ValueError(f"{path} is no file as Stable-Baselines3 writes them: {error}") from error

    def observation(self, timestep: TimeStep) -> Tensor:
        """The observation as the library would flatten it, [B, W]; pictures as bytes."""
        mask = timestep.action_mask
        return network_input(self._parts, self._spaces, self._origin, timestep.observation, mask)

    def _check_actions(self) -> None:
        """The file says in which bounds its actions are."""

    def _actor(self, facts: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Model:
        layout = layout_of(weights)
        arguments = facts.get("policy_kwargs", {})
        module = str(facts.get("policy_class", {}).get("__module__"))
        if module not in MODULES:
            raise ValueError(f"its policy class is of {module}, not of the library's own; {ELSEWHERE}")
        if layout.values and not self.deterministic:
            raise ValueError(f"{layout.algorithm} has values and no logits to draw from: leave deterministic = True")
        self._parts: list[PartSpace] = parts_of(facts.get("observation_space", {}))
        self._origin: Space | None = observation_of(self.seat_spec())
        self._spaces: Mapping[str, Space] | None = None
        if type(self).observation is StableBaselines3.observation:
            self._spaces = shown_as(self._parts, self._origin, self.seat_spec().observation)
        network = network_of(weights, layout, arguments, self._parts, self.device)
        scale = self._scale(facts.get("action_space", {}), _squashed(layout, facts))
        actions = self.seat_spec().actions
        return _model(network, layout, scale, actions)

    def _scale(self, space: Mapping[str, Any], squashed: bool) -> Callable[[Tensor], Tensor]:
        """From what the actor gives to logits, or to numbers in [-1, 1]."""
        kind, wanted = kind_of(space), "Discrete" if self.seat_spec().actions else "Box"
        if kind != wanted:
            raise ValueError(f"it was trained for actions of kind {kind}, seat {self.seats[0]} takes {wanted}")
        if kind == "Discrete":
            if int(space.get("start", 0)):
                raise ValueError(f"its actions start at {space['start']}, which the library does not heed; {ELSEWHERE}")
            return lambda outputs: outputs
        if not str(space.get("dtype")).startswith("float"):
            raise ValueError(f"its actions are whole numbers in a Box ({space.get('dtype')}), which it hits by chance")
        low, high = (numbers_in(str(space.get(name, ""))) for name in ("low", "high"))
        if not low or len(low) != len(high) or not all(map(math.isfinite, (*low, *high))):
            raise ValueError(f"the bounds of its actions cannot be read from data; {ELSEWHERE}")
        _same_actions(low, high, action_of(self.seat_spec()))
        if squashed:
            return torch.tanh
        least, most = torch.tensor(low, device=self.device), torch.tensor(high, device=self.device)
        return lambda outputs: 2 * (outputs - least) / (most - least) - 1


def _contents(path: Path, device: str) -> tuple[Mapping[str, Any], Mapping[str, Tensor]]:
    """`data` and the tensors of `policy.pth`."""
    try:
        with zipfile.ZipFile(path) as archive:
            if any(info.file_size > _LARGEST for info in archive.infolist()):
                raise ValueError(f"{path} has a part of more than {_LARGEST:,} bytes")
            facts = json.loads(archive.read("data"))
            stored = io.BytesIO(archive.read("policy.pth"))
    except (zipfile.BadZipFile, KeyError, ValueError, RecursionError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{path} is no Stable-Baselines3 file (a zip with data and policy.pth)") from error
    try:
        weights = torch.load(stored, map_location=device, weights_only=True)
    except Exception as error:  # pickles other than of tensors are refused in torch's own way
        raise ValueError(f"{path}: its policy.pth is no plain dict of tensors") from error
    if not isinstance(facts, dict) or not isinstance(weights, dict):
        raise ValueError(f"{path} is no Stable-Baselines3 file (a zip with data and policy.pth)")
    if not all(isinstance(name, str) and isinstance(w, Tensor) for name, w in weights.items()):
        raise ValueError(f"{path}: its policy.pth is no plain dict of tensors")
    if any(w.numel() * w.element_size() > w.untyped_storage().nbytes() for w in weights.values()):
        raise ValueError(f"{path}: a tensor in its policy.pth is larger than what is stored of it")
    return facts, weights


def _squashed(layout: Layout, facts: Mapping[str, Any]) -> bool:
    """Whether the outputs go through tanh where actions are numbers."""
    usual = layout.squashed
    if layout.algorithm == "ARS":
        usual = "Linear policy" not in str(facts.get("policy_class", {}).get("__doc__"))
    return layout.squashed or bool(facts.get("policy_kwargs", {}).get("squash_output", usual))


def _same_actions(low: list[float], high: list[float], own: Space | None) -> None:
    """Refuse actions that the environment does not take.

    Raises:
        ValueError: the box of the file's actions is not the environment's.
    """
    if own is None or own["kind"] != "Box":
        return
    for name, mine in (("low", low), ("high", high)):
        if own[name] is None:  # too many to be written down
            continue
        theirs = own[name] if isinstance(own[name], list) else [own[name]] * len(mine)
        close = [math.isclose(a, b, rel_tol=_CLOSE, abs_tol=_CLOSE) for a, b in zip(mine, theirs, strict=False)]
        if len(mine) != len(theirs) or not all(close) or not str(own["dtype"]).startswith("float"):
            raise ValueError(
                f"it was trained for actions with {name} {mine[:4]}, the arena takes {theirs[:4]} ({own['dtype']}):"
                " wrap the environment as it was, or override action"
            )


def _model(network: Network, layout: Layout, scale: Callable[[Tensor], Tensor], actions: int) -> Model:
    def outputs(x: Tensor) -> Tensor:
        x = scale(x)
        return x.view(len(x), -1, actions).mean(1) if layout.quantiles and actions else x

    if not network.remembers:
        return Model(lambda given: outputs(network(given)[0]), network.width)

    def remembering(given: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        x, following = network(given, state)
        assert following is not None
        return outputs(x), following

    return Model(remembering, network.width, network.remembers)
