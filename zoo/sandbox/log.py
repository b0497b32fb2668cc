"""The end of what an agent's process writes to its standard output and error; the rest is dropped as it comes."""

from __future__ import annotations

import os
import time

#: What is kept of each process, in bytes.
KEPT = 8192
_AT_ONCE = 1 << 16  # bytes read in one go
_PAUSE = 0.005  # seconds between two reads: whoever writes more than 13 MB a second waits


class Tail:
    """The end of what comes out of a pipe.

    Args:
        fd: the pipe's file descriptor; it becomes its own.
    """

    def __init__(self, fd: int) -> None:
        self.fd, self._kept, self._next = fd, b"", 0.0
        os.set_blocking(fd, False)

    @property
    def content(self) -> bytes:
        """At most `KEPT` bytes."""
        return self._kept[-KEPT:]

    def wait(self) -> float:
        """Seconds until the pipe may be read again."""
        return max(0.0, self._next - time.monotonic())

    def drain(self) -> bool:
        """Read once; False where the other end is closed."""
        self._next = time.monotonic() + _PAUSE
        try:
            content = os.read(self.fd, _AT_ONCE)
        except BlockingIOError:
            return True
        self._kept = (self._kept + content)[-KEPT:]
        return bool(content)

    def fresh(self) -> bytes:
        """The content, with what has been written up to now: one read holds all that a pipe holds."""
        if self.fd >= 0:
            self.drain()
        return self.content

    def finish(self) -> None:
        """Read what a process that has ended left in the pipe, and close it."""
        if self.fd < 0:
            return
        for _ in range(32):  # a pipe holds less; another process that writes on is not waited for
            try:
                content = os.read(self.fd, _AT_ONCE)
            except BlockingIOError:
                break
            if not content:
                break
            self._kept = (self._kept + content)[-KEPT:]
        os.close(self.fd)
        self.fd = -1


def readable(content: bytes) -> str:
    """A log as text that a terminal shows as it is: other control characters than line ends and tabs are replaced."""
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def one_line(text: str, most: int = 500) -> str:
    """A stranger's text as one line of printable characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * most]).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
