"""How fast the server answers while a tournament writes: `python -m tests.zoo.serve.load --home FOLDER --arena ARENA`.

The server has one core of its own; the readers and the tournament share the others. The readers ask at fixed moments,
whatever the answers take (an open loop), and a request's time counts from the moment at which it was due.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

CORE = 0
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, tag: str = "") -> tuple[int, str]:
    """One request on an open connection: its status and its ETag."""
    known = f"If-None-Match: {tag}\r\n" if tag else ""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n{known}\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    if length:
        await reader.readexactly(int(length[1]))
    found = re.search(rb"etag: (\S+)", head, re.IGNORECASE)
    return int(head.split()[1]), found[1].decode() if found else ""


async def readers(
    port: int, paths: list[str], connections: int, rate: float, seconds: float, *, again: bool = False
) -> tuple[list[float], dict[int, int]]:
    """Seconds of every request, and how often each status came; `again` sends the tag of the page known before."""
    took: list[float] = []
    statuses: dict[int, int] = {}
    start = time.perf_counter() + 0.5
    due = iter(range(int(rate * seconds)))

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        tags: dict[str, str] = {}
        for number in due:
            moment = start + number / rate
            await asyncio.sleep(max(0.0, moment - time.perf_counter()))
            path = paths[number % len(paths)]
            status, tag = await ask(reader, writer, path, tags.get(path, "") if again else "")
            tags[path] = tag
            took.append(time.perf_counter() - moment)
            statuses[status] = statuses.get(status, 0) + 1
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return took, statuses


def quantile(values: list[float], share: float) -> float:
    """The value below which this share lies."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def started(
    home: str, port: int, *, core: int | None = CORE, words: Sequence[str] = ()
) -> tuple[subprocess.Popen[str], int]:
    """A server, and its port."""
    command = [sys.executable, "-m", "zoo", "serve", "--port", str(port), *words]
    if core is not None:
        command = ["taskset", "-c", str(core), *command]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "ZOO_HOME": home})
    assert server.stdout is not None
    with server.stdout as said:  # it says nothing more
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", said.readline())
    assert found is not None
    return server, int(found[1])


def main() -> None:
    """Measure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--home", required=True)
    options.add_argument("--arena", required=True)
    options.add_argument("--rate", type=float, default=200.0)
    options.add_argument("--connections", type=int, default=50)
    options.add_argument("--seconds", type=float, default=20.0)
    options.add_argument("--first", action="store_true", help="before all else on a busy machine; needs root")
    options.add_argument("--write", type=shlex.split, default=[], help="a command that writes meanwhile")
    chosen = options.parse_args()
    server, port = started(chosen.home, 0)
    writing = None
    try:
        paths = ["/", f"/boards/{quote(chosen.arena)}", "/matches", "/entrants"]
        for path in paths:  # the first reader of a page waits for it
            began = time.perf_counter()
            took, statuses = asyncio.run(readers(port, [path], 1, 1.0, 1.0))
            print(f"{path} first {time.perf_counter() - began - 0.5:.2f} s {statuses}", flush=True)
        if chosen.write:
            env = {**os.environ, "ZOO_HOME": chosen.home}
            writing = subprocess.Popen(chosen.write, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if chosen.first:  # threads that answer and ask; what draws pages and what writes stay behind
            for thread in [0, *(int(task.name) for task in Path(f"/proc/{server.pid}/task").iterdir())]:
                os.sched_setscheduler(thread, os.SCHED_RR, os.sched_param(1))
        before = cpu(server.pid)
        took, statuses = asyncio.run(readers(port, paths, chosen.connections, chosen.rate, chosen.seconds, again=False))
        after = cpu(server.pid)
        print(
            f"load {os.getloadavg()}, the writer {'still writes' if writing and writing.poll() is None else 'is done'}"
        )
        print(f"{len(took)} requests at {chosen.rate:g}/s from {chosen.connections} connections: {statuses}")
        told = " ".join(
            f"{name} {1000 * quantile(took, share):.1f} ms"
            for name, share in (("median", 0.5), ("95 %", 0.95), ("99 %", 0.99), ("most", 1.0))
        )
        print(f"{told}; server {(after - before) / chosen.seconds:.2f} of a core")
    finally:
        if writing is not None:
            writing.kill()
        server.send_signal(signal.SIGINT)
        server.wait(20)


def cpu(pid: int) -> float:
    """CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
