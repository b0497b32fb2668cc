"""What the zygote imports before any agent is there: a confined process may no longer find it."""

from __future__ import annotations

import importlib
from contextlib import suppress

#: Of Python and the libraries, what agents commonly use.
_COMMON = [
    "abc",
    "argparse",
    "array",
    "ast",
    "base64",
    "bisect",
    "cmath",
    "collections",
    "collections.abc",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "decimal",
    "encodings.ascii",
    "encodings.idna",
    "encodings.latin_1",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "heapq",
    "inspect",
    "io",
    "itertools",
    "json",
    "linecache",
    "logging",
    "math",
    "numbers",
    "operator",
    "pathlib",
    "pickle",
    "pprint",
    "queue",
    "random",
    "re",
    "secrets",
    "statistics",
    "string",
    "struct",
    "textwrap",
    "threading",
    "time",
    "timeit",
    "traceback",
    "types",
    "typing",
    "unicodedata",
    "uuid",
    "warnings",
    "weakref",
    "zlib",
    "msgpack",
    "numpy",
    "numpy.fft",
    "numpy.lib",
    "numpy.linalg",
    "numpy.polynomial",
    "numpy.random",
    "safetensors",
    "safetensors.numpy",
    "safetensors.torch",
    "torch",
    "torch.distributions",
    "torch.func",
    "torch.linalg",
    "torch.nn",
    "torch.nn.functional",
    "torch.nn.utils",
    "torch.optim",
    "torch.optim.lr_scheduler",
    "torch.utils.data",
    "agents.protocol",
    "agents.randomness",
    "agents.rollout",
    "agents.parts",
    "arenas.luck",
    "arenas.protocol",
    "arenas.settings",
    "zoo.errors",
    "zoo.sandbox.worker",
]


def preload() -> None:
    """Import it all; one thread stays the only one."""
    for name in _COMMON:
        with suppress(ImportError):  # an optional part of a library
            importlib.import_module(name)
    import pkgutil

    import torch

    import agents.parts

    for module in pkgutil.walk_packages(agents.parts.__path__, "agents.parts."):
        importlib.import_module(module.name)
    torch.set_num_threads(1)
    # what a first use makes: kernels' tables, the random state
    torch.manual_seed(0)
    torch.nn.functional.linear(torch.zeros(1, 2), torch.zeros(2, 2)).sum().item()
