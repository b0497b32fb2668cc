"""The CPU seconds in the last line of a command count the processes that worked for it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from zoo.work.cost import cost, cpu_s

BUSY = "import time\nwhile time.process_time() < 0.1: pass\nprint(end='ready', flush=True); input()"


def test_cpu_seconds_count_processes_that_live_and_that_have_ended() -> None:
    started, own = cpu_s(), time.process_time()
    with subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as busy:
        assert busy.stdin and busy.stdout and busy.stdout.read(5) == b"ready"
        if Path("/proc/self/task").exists():
            assert cpu_s() - started > time.process_time() - own + 0.05  # the system counts in hundredths
        busy.communicate(b"\n")
    assert cpu_s() - started > time.process_time() - own + 0.05
    assert re.fullmatch(r"\d+\.\d CPU s", cost(started))
