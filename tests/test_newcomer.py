"""The way of somebody who has just found the zoo, in a fresh clone and a fresh environment, by the docs alone.

Install, a match, an agent of one's own from the tutorial, its check, its submission, and a report. Every command stands
in the README or in docs/ as it is typed here. Skipped where no package index can be reached.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent
README = (HOUSE / "README.md").read_text()
TUTORIAL = (HOUSE / "docs" / "your-own-agent.md").read_text()
REPORT = (HOUSE / "docs" / "report.md").read_text()
MINUTES = 10


def cpu_s() -> float:
    """Processor time of all that was started from here and has ended; no other process on the machine adds to it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def block(marker: str) -> str:
    found = re.search(rf"<!-- {marker} -->\n```sh\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.slow
def test_a_newcomer_gets_from_nothing_to_a_report(tmp_path: Path) -> None:
    clone, before = tmp_path / "zoo", cpu_s()
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{HOUSE}", str(clone)], check=True)
    terms = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "ZOO"))}
    terms |= {"ZOO_HOME": str(tmp_path / "home"), "PATH": f"{clone}/.venv/bin:{os.environ['PATH']}"}

    def typed(command: str, page: str) -> str:
        assert command in page, f"{command!r} stands in no page"
        done = subprocess.run(["bash", "-euc", command], cwd=clone, env=terms, capture_output=True, text=True)
        if "No matching distribution" in done.stderr or "Could not find a version" in done.stderr:
            pytest.skip("no package index can be reached")
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    assert "Verdict: lola earned more than maddpg" in typed(block("play"), README)
    source = re.search(r"<!-- test: agent -->\n```python\n(.*?)```", TUTORIAL, re.DOTALL)
    assert source is not None and "Save this as `stayer.py`" in TUTORIAL
    (clone / "stayer.py").write_text(source[1])
    assert "Every law holds." in typed("zoo check stayer.py:Stayer", TUTORIAL)
    assert "Verdict:" in typed("zoo match stayer.py:Stayer tit-for-tat --arena ipd", TUTORIAL)
    assert "stayer" in typed("zoo submit stayer.py --arena ipd", TUTORIAL).lower()
    typed("zoo report --arena coin --out coin.html", REPORT)
    assert "lola" in (clone / "coin.html").read_text()
    assert cpu_s() - before < 60 * MINUTES
