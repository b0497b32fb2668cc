"""Policies of other programs: TorchScript, torch.export, ONNX, and what Stable-Baselines3 saves.

A class that names the file, in a Python file beside it, enters matches as any agent does::

    from agents.scripts.imported import TorchScript

    class MyPrey(TorchScript):
        file = "prey.pt"

A TorchScript or torch.export file is a program, to be trusted as far as its author. Of a Stable-Baselines3 file
nothing is unpickled. What the classes have in common is in `agents.scripts.from_file`.
"""

from __future__ import annotations

import importlib
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.scripts.from_file import Imported as Imported
from agents.scripts.model import Model as Model
from agents.scripts.model import last_line, with_memory
from agents.scripts.stable_baselines3 import StableBaselines3 as StableBaselines3


class TorchScript(Imported):
    """A model saved by `torch.jit.trace(model, example).save("prey.pt")` or `torch.jit.script`; or, in a file that ends
    in .pt2, by `torch.export.save`. Export it in evaluation mode, `model.eval()`.
    """  # noqa: D205

    def load(self, path: Path) -> Model:
        """The model of a TorchScript or torch.export file."""
        module = _exported(path, self.device) if path.suffix == ".pt2" else _scripted(path, self.device)
        if self.remembers:
            return with_memory(lambda tensors: _as_several(module(*tensors)), self.remembers)
        widths = [p.shape[1] for p in module.parameters() if p.dim() == 2]
        return Model(module, widths[0] if widths else None)  # the first layer's, as a rule


def _as_several(answer: Any) -> list[Any]:
    """The outputs of a model that may pack its states into a tuple, as torch's LSTM does."""
    if not isinstance(answer, list | tuple):
        return [answer]
    return [tensor for part in answer for tensor in _as_several(part)]


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
            f"{path} is no torch.export file that torch {torch.__version__} can read: {last_line(error)}"
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
            raise ValueError(f"{path} cannot be read as ONNX: {last_line(error)}") from error
        inputs = session.get_inputs()
        if len(inputs) != 1 + len(self.remembers):
            names = ", ".join(i.name for i in inputs)
            wanted = (
                "one: the observation" if not self.remembers else f"the observation and {len(self.remembers)} states"
            )
            raise ValueError(f"{path} takes {len(inputs)} inputs ({names}), expected {wanted}")
        kinds = [_onnx_kind(path, taken.type) for taken in inputs]

        def call(tensors: list[Tensor]) -> list[Any]:
            arrays = [tensor.numpy(force=True).astype(kind) for tensor, kind in zip(tensors, kinds, strict=True)]
            outputs = session.run(None, {taken.name: array for taken, array in zip(inputs, arrays, strict=True)})
            return [torch.from_numpy(output).to(tensors[0].device) for output in outputs]

        if self.remembers:
            return with_memory(call, self.remembers)
        whole = kinds[0].kind in "iub"
        sizes = inputs[0].shape[1:]
        known = bool(sizes) and all(isinstance(size, int) for size in sizes)
        return Model(lambda given: call([given]), math.prod(sizes) if known else None, whole=whole)


def _onnx_kind(path: Path, text: str) -> np.dtype[Any]:
    """The type of an input, from "tensor(float)"."""
    names = {"float": "float32", "double": "float64"}
    inside = text.removeprefix("tensor(").removesuffix(")")
    try:
        return np.dtype(names.get(inside, inside))
    except TypeError:
        raise ValueError(f"{path} takes {text}, expected numbers") from None
