"""Agents that were trained elsewhere: a policy in a TorchScript, torch.export, ONNX or Stable-Baselines3 file.

A class that names the file, in a Python file beside it, enters matches as any agent does::

    from agents.scripts.imported import TorchScript

    class MyPrey(TorchScript):
        file = "prey.pt"

The model is a function of what its seat sees now, for any number B of games: observations float32 [B, *O] in, and out
come logits (or values) [B, A], or numbers [B, D] in [-1, 1] where actions are continuous. Where it was trained on
something else, override `observation` and `action`. When the agent is made, its model is tried on three made-up
observations: one that cannot take several at once, or mixes them, is asked row by row from then on, and one that fails,
draws luck of its own or has another number of outputs is refused.

A TorchScript or torch.export file is a program, to be trusted as far as its author. Of a Stable-Baselines3 file
nothing is unpickled.
"""

from __future__ import annotations

import importlib
import inspect
import io
import json
import math
import warnings
import zipfile
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from agents.parts.logits import masked
from agents.parts.policies.scripted import Scripted
from agents.protocol import Agent, Memory
from agents.scripts import stable_baselines3 as sb3
from arenas.protocol import Action, ArenaSpec, TimeStep, moment

_TRIED = 3  # made-up observations
_TOLERANCE = 1e-4  # between a row alone and among others, relative to the largest output


@dataclass(frozen=True)
class Model:
    """A model that was loaded: a function of tensors [B, ...], and how many numbers a row it takes, where known."""

    run: Callable[[Tensor], Any]
    width: int | None = None


class Imported(Scripted):
    """An agent that plays a model from a file; it learns nothing and remembers nothing.

    Class attributes:
        needs: `frozenset({"discrete"})`, or `frozenset({"continuous"})` where the model gives numbers.
        file: the model's file, beside the file of the class.
        per_seat: other files by seat, or by side; seats that it does not name play `file`.
        deterministic: True plays the action with the largest output, False draws from softmax(outputs). Numbers are
            played as they are.
        output: which output it is, where the model gives several.
        stand_in: a scripted agent that plays in seats for which no file is named, so that a policy of one side can
            be entered where an entrant fills both.
    """

    file: ClassVar[str] = ""
    per_seat: ClassVar[Mapping[str, str]] = {}
    deterministic: ClassVar[bool] = True
    output: ClassVar[int] = 0
    stand_in: ClassVar[type[Agent] | None] = None

    @classmethod
    def make(
        cls,
        spec: ArenaSpec,
        seats: tuple[str, ...],
        config: Any = None,
        seed: int = 0,
        device: str = "cpu",
        replicas: int = 1,
    ) -> Any:
        """The agent for a seat, or its stand-in.

        Raises:
            ValueError: there is no file for the seat, or its model does not fit there.
        """
        if cls._file(spec, seats[0]) or cls.stand_in is None:
            return super().make(spec, seats, config, seed, device, replicas)
        if cls.stand_in.learns:
            raise ValueError(f"stand_in = {cls.stand_in.__name__} learns, expected a scripted agent such as Random")
        return cls.stand_in.make(spec, seats, None, seed, device, replicas)

    def build(self, seed: int) -> None:
        """The model of the seat, loaded and tried."""
        named = self._file(self.spec, self.seats[0])
        if not named:
            seat = self.spec.seats[self.seats[0]]
            raise ValueError(f"no file for seat {self.seats[0]} of side {seat.side}: set file, per_seat or stand_in")
        self._path = self._beside(named)
        if not self._path.is_file():
            raise ValueError(f"there is no file {self._path}")
        self._model = self.load(self._path)
        self._by_row = self._tried()

    @abstractmethod
    def load(self, path: Path) -> Model:
        """The model in a file, on `self.device`.

        Raises:
            ValueError: the file cannot be read as one, or what it holds cannot play.
        """

    def observation(self, timestep: TimeStep) -> Tensor:
        """What the model is given, [B, ...]: the observation, unless overridden."""
        return timestep.observation

    def action(self, outputs: Tensor, timestep: TimeStep) -> Tensor:
        """Logits [B, A] or numbers [B, D] from what the model gave, [B, ...]: the same, unless overridden."""
        return outputs

    @classmethod
    def files(cls) -> tuple[Path, ...]:
        """The models' files."""
        return tuple(cls._beside(name) for name in sorted({cls.file, *cls.per_seat.values()} - {""}))

    def probabilities(self, timestep: TimeStep) -> Tensor:
        """Action probabilities [..., A] for the leading shape of the time step; what is forbidden has 0."""
        lead = timestep.reward.shape
        flat = timestep.each(lambda leaf: leaf.flatten(0, len(lead) - 1))
        logits = masked(self._outputs(flat, self._by_row), flat.action_mask)
        if self.deterministic:
            chosen = torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).float()
        else:
            chosen = logits.softmax(-1)
        return chosen.view(*lead, -1)

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """The model's action; numbers outside [-1, 1] are cut."""
        if self.seat_spec().actions:
            return super().act(timestep, memory)
        return Action(self._outputs(timestep, self._by_row).clamp(-1, 1)), {**memory, "step": memory["step"] + 1}

    @classmethod
    def _file(cls, spec: ArenaSpec, seat: str) -> str:
        return cls.per_seat.get(seat) or cls.per_seat.get(spec.seats[seat].side) or cls.file

    @classmethod
    def _beside(cls, name: str) -> Path:
        return Path(inspect.getfile(cls)).resolve().parent / Path(name).expanduser()

    @torch.no_grad()
    def _outputs(self, timestep: TimeStep, by_row: bool) -> Tensor:
        """Float32 [B, A] or [B, D]."""
        given = self.observation(timestep)
        rows = torch.split(given, 1) if by_row else (given,)
        outputs = torch.cat([self._run(row) for row in rows])
        return self.action(outputs, timestep).float()

    def _run(self, given: Tensor) -> Tensor:
        """[B, ...] -> [B, K]; models may drop an axis of length 1, or put one in."""
        answer = self._model.run(given)
        output = answer[self.output] if isinstance(answer, list | tuple) else answer
        if not isinstance(output, Tensor):
            raise TypeError(f"it gives {type(output).__name__}, expected a tensor (see output)")
        return output.reshape(len(given), -1)

    def _tried(self) -> bool:
        """Try the model, row by row and with all rows at once: must it be asked row by row?

        Raises:
            ValueError: it fails, draws luck of its own, or its outputs do not fit the seat.
        """
        own, timestep = self.seat_spec(), self._made_up()
        where = f"seat {self.seats[0]} of {self.spec.name}"
        given = self.observation(timestep)
        try:
            alone = self._outputs(timestep, by_row=True)
        except Exception as error:  # a model may fail in any way
            numbers = math.prod(given.shape[1:])
            if self._model.width not in (None, numbers):
                raise ValueError(
                    f"{self._path} takes {self._model.width} numbers a row, {where} gives it {numbers}: wrong file, or"
                    " override observation"
                ) from error
            raise ValueError(
                f"{self._path} fails on observations {list(given.shape)} of {where}: {_last_line(error)}"
            ) from error
        expected = own.actions or own.action_dim
        if alone.shape != (_TRIED, expected):
            raise ValueError(
                f"{self._path} gives {alone.shape[-1]} numbers a row, {where} takes {expected}"
                f" ({'one for each action' if own.actions else 'the action'}): wrong file, or override action"
            )
        if not torch.equal(alone.nan_to_num(), self._outputs(timestep, by_row=True).nan_to_num()):
            raise ValueError(
                f"{self._path} answers the same observation differently when asked again: it draws luck of its own or"
                " keeps a state; export it in evaluation mode, up to the logits"
            )
        try:
            together = self._outputs(timestep, by_row=False)
        except Exception:  # it was exported for one row
            return True
        return together.shape != alone.shape or not torch.allclose(
            together, alone, rtol=0, atol=_TOLERANCE * max(1.0, float(alone.abs().max())), equal_nan=True
        )

    def _made_up(self) -> TimeStep:
        """A time step with observations that differ by row, within the seat's bounds."""
        own = self.seat_spec()
        low, high = max(own.bounds[0], -1.0), min(own.bounds[1], 1.0)
        count = _TRIED * math.prod(own.observation)
        seen = torch.linspace(low, high, count, device=self.device).view(_TRIED, *own.observation)
        return moment(seen, own.actions, first=True)


def _last_line(error: BaseException) -> str:
    """Where libraries tell a fault in many lines, the last says what it was."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


class TorchScript(Imported):
    """A model saved by `torch.jit.trace(model, example).save("prey.pt")` or `torch.jit.script`; or, in a file that ends
    in .pt2, by `torch.export.save`. Export it in evaluation mode, `model.eval()`.
    """  # noqa: D205

    def load(self, path: Path) -> Model:
        """The model of a TorchScript or torch.export file."""
        module = _exported(path, self.device) if path.suffix == ".pt2" else _scripted(path, self.device)
        widths = [p.shape[1] for p in module.parameters() if p.dim() == 2]
        return Model(module, widths[0] if widths else None)  # the first layer's, as a rule


def _scripted(path: Path, device: str) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.load` is deprecated", DeprecationWarning)
        try:
            return torch.jit.load(path, map_location=device).eval()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise ValueError(
                f'{path} is no TorchScript file: save one by torch.jit.trace(model, example).save("{path.name}")'
            ) from error


def _exported(path: Path, device: str) -> Any:
    try:
        with torch.device("cpu"):  # its reader builds tensors on the default device, whichever that is
            return torch.export.load(path).module().to(device)
    except Exception as error:  # its reader fails in many ways
        raise ValueError(
            f"{path} is no torch.export file that torch {torch.__version__} can read: {_last_line(error)}"
        ) from error


class Onnx(Imported):
    """A model in ONNX, with one input; played by onnxruntime on the CPU (`pip install 'marl-zoo[onnx]'`)."""

    @classmethod
    def files(cls) -> tuple[Path, ...]:
        """The models' files, and the weights beside them, which torch's exporter may put into FILE.data."""
        return tuple(
            file
            for path in super().files()
            for file in (path, path.with_name(f"{path.name}.data"))
            if file == path or file.is_file()
        )

    def load(self, path: Path) -> Model:
        """The model of an ONNX file, in a session of one thread."""
        try:
            onnxruntime = importlib.import_module("onnxruntime")
        except ModuleNotFoundError:
            raise ValueError(f"{path.name} needs onnxruntime: pip install 'marl-zoo[onnx]'") from None
        options = onnxruntime.SessionOptions()
        # one thread, for the same numbers on any machine; faults come as exceptions and need not be printed as well
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library's own kinds
            raise ValueError(f"{path} cannot be read as ONNX: {_last_line(error)}") from error
        inputs = session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(i.name for i in inputs)
            raise ValueError(f"{path} takes {len(inputs)} inputs ({names}), expected one: the observation")
        [taken] = inputs
        double = taken.type == "tensor(double)"

        def run(given: Tensor) -> list[Any]:
            array = given.double() if double else given
            outputs = session.run(None, {taken.name: array.cpu().numpy()})
            return [torch.from_numpy(output).to(given.device) for output in outputs]

        sizes = taken.shape[1:]
        known = bool(sizes) and all(isinstance(size, int) for size in sizes)
        return Model(run, math.prod(sizes) if known else None)


class StableBaselines3(Imported):
    """A file saved by `model.save("prey.zip")`; Stable-Baselines3 itself is not needed, and nothing is unpickled.

    Played are MlpPolicies of PPO, A2C, DQN, DDPG and TD3 (and of algorithms that name their layers as one of these
    does, such as MaskablePPO): their linear layers are read from `policy.pth`, activation and spaces from the readable
    part of `data`. PPO's and A2C's numbers are means, brought from the bounds of the action space to [-1, 1]. What
    VecNormalize did to observations is not in the file: do it in `observation`.
    """

    def load(self, path: Path) -> Model:
        """The actor of a Stable-Baselines3 file."""
        try:
            with zipfile.ZipFile(path) as archive:
                facts = json.loads(archive.read("data"))
                stored = io.BytesIO(archive.read("policy.pth"))
            weights = torch.load(stored, map_location=self.device, weights_only=True)
        except (zipfile.BadZipFile, KeyError, ValueError) as error:
            raise ValueError(f"{path} is no Stable-Baselines3 file (a zip with data and policy.pth)") from error
        except Exception as error:  # pickles other than of tensors are refused in torch's own way
            raise ValueError(f"{path}: its policy.pth is no plain dict of tensors") from error
        try:
            return self._actor(facts, weights)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def observation(self, timestep: TimeStep) -> Tensor:
        """The observation in one row, as MlpPolicy flattens it."""
        return timestep.observation.flatten(1)

    def _actor(self, facts: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Model:
        layout = sb3.layout_of(weights)
        arguments = facts.get("policy_kwargs", {})
        unknown = sorted(name for name in arguments if not name.startswith(":") and name not in sb3.HARMLESS)
        if unknown:
            raise ValueError(f"policy_kwargs has {unknown[0]}, which is not understood; {sb3.ELSEWHERE}")
        if layout.values and not self.deterministic:
            raise ValueError(f"{layout.algorithm} has values and no logits to draw from: leave deterministic = True")
        seen, done = facts.get("observation_space", {}), facts.get("action_space", {})
        kind = sb3.kind_of(seen)
        if kind != "Box" or (seen.get("dtype") == "uint8" and len(seen.get("_shape", ())) == 3):
            what = "pictures" if kind == "Box" else f"observations of kind {kind}"
            raise ValueError(f"it was trained on {what}, expected a Box of numbers; {sb3.ELSEWHERE}")
        scale = self._scale(done, layout)
        layers = [layer for prefix in layout.layers for layer in sb3.layers_under(weights, prefix)]
        activation = sb3.activation_of(arguments.get("activation_fn"), layout)

        def run(given: Tensor) -> Tensor:
            for number, (weight, bias) in enumerate(layers):
                given = torch.nn.functional.linear(activation(given) if number else given, weight, bias)
            return scale(given.tanh() if layout.squashed else given)

        return Model(run, layers[0][0].shape[1])

    def _scale(self, space: Mapping[str, Any], layout: sb3.Layout) -> Callable[[Tensor], Tensor]:
        """From what the actor gives to logits, or to numbers in [-1, 1]."""
        kind, wanted = sb3.kind_of(space), "Discrete" if self.seat_spec().actions else "Box"
        if kind != wanted:
            raise ValueError(f"it was trained for actions of kind {kind}, seat {self.seats[0]} takes {wanted}")
        if kind == "Discrete" or layout.squashed:
            return lambda outputs: outputs
        low, high = (sb3.numbers_in(space.get(name, "")) for name in ("low", "high"))
        if not low or len(low) != len(high) or not all(map(math.isfinite, (*low, *high))):
            raise ValueError(f"the bounds of its actions cannot be read from data; {sb3.ELSEWHERE}")
        least, most = torch.tensor(low, device=self.device), torch.tensor(high, device=self.device)
        return lambda outputs: 2 * (outputs - least) / (most - least) - 1
