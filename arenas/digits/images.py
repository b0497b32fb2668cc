"""The pictures: 1,797 handwritten digits of 8 x 8 pixels, of which every fifth of each digit is held out.

Source and licence stand in `arenas.digits.make_images`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

Images = Literal["train", "held-out"]
SIZE = 8  # pixels a side
_FIFTH = 5
_INK = 16  # the largest pixel


class Pictures(NamedTuple):
    """P pictures, in the order of their digits."""

    pixels: Tensor  # float32 [P, 8, 8] in [0, 1]
    digits: Tensor  # long [P]
    first: Tensor  # long [D], the number of each digit's first picture
    many: Tensor  # long [D], how many each digit has


@cache
def pictures(images: Images, digits: int = 10, device: str = "cpu") -> Pictures:
    """The pictures of the digits below `digits`: those to learn from, or those held out."""
    with np.load(Path(__file__).with_name("images.npz"), allow_pickle=False) as kept:
        pixels, shown = kept["pixels"], kept["digits"]
    chosen = []
    for digit in range(digits):
        mine = np.flatnonzero(shown == digit)
        fifth = np.arange(len(mine)) % _FIFTH == _FIFTH - 1
        chosen.append(mine[fifth if images == "held-out" else ~fifth])
    many = torch.tensor([len(mine) for mine in chosen])
    which = np.concatenate(chosen)
    leaves = [pixels[which].astype(np.float32) / _INK, shown[which].astype(np.int64)]
    seen, names = (torch.from_numpy(leaf).to(device) for leaf in leaves)
    return Pictures(seen, names, (many.cumsum(0) - many).to(device), many.to(device))
