"""Makes `images.npz`, the pictures of these games, from the file of digits that scikit-learn ships.

    python -m arenas.digits.make_images digits.csv.gz

That file (`sklearn/datasets/data/digits.csv.gz`) is a copy of the test set of "Optical Recognition of Handwritten
Digits" by E. Alpaydin and C. Kaynak (1998), UCI Machine Learning Repository, https://doi.org/10.24432/C50P49, which is
licensed under CC BY 4.0. Each line holds the 64 pixels of a picture, 0 to 16, and the digit. Nothing is changed but
the form: `pixels` uint8 [1797, 8, 8] and `digits` uint8 [1797], in the order of the lines.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

TARGET = Path(__file__).with_name("images.npz")


def make(source: str, target: Path = TARGET) -> None:
    """Write the pictures of the file `source` to `target`."""
    lines = np.loadtxt(source, delimiter=",", dtype=np.uint8)
    np.savez_compressed(target, pixels=lines[:, :-1].reshape(-1, 8, 8), digits=lines[:, -1])


if __name__ == "__main__":
    make(sys.argv[1])
