"""The notebooks in docs/ run from their first cell to the last, and what they show is what they print."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "docs" / "notebooks").glob("*.ipynb"))


def printed(notebook: object) -> list[str]:
    """What the cells of a notebook printed, without numbers: their last digits belong to the machine."""
    text = json.loads(json.dumps(notebook))
    said = []
    for cell in text["cells"]:
        outputs = cell.get("outputs", [])
        whole = "".join("".join(o.get("text") or o.get("data", {}).get("text/plain", "")) for o in outputs)
        said.append(re.sub(r"-?\d+\.\d+", "#", whole))
    return said


def test_there_are_three() -> None:
    assert len(NOTEBOOKS) == 3
    assert all(any(printed(json.loads(file.read_text()))) for file in NOTEBOOKS)


@pytest.mark.slow
@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_runs(file: Path, tmp_path: Path) -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(file, as_version=4)
    shown = printed(notebook)
    nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    assert printed(notebook) == shown
