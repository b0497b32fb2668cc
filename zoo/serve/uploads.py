"""What was uploaded, and what becomes of it: each in a folder of its own, tried by `zoo submit` in another process.

Uploads are tried one after the other. What a server that was stopped had not finished is tried again by the next one,
and goes on where it was: `zoo submit` enters the same files once.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from leaderboard.errors import StoreError
from leaderboard.views.submissions import versions
from zoo import home
from zoo.entry.checkpoint import make_folder, write_atomically
from zoo.serve.guard import Refusal

WAITING, RUNNING, ENTERED, REFUSED = "waiting", "running", "entered", "refused"
#: Uploads that may wait, bytes of one, and seconds that one may take.
MOST, SIZE, SECONDS = 20, 16 << 20, 1800.0
_SHOWN = 40_000  # characters of what was said that a page shows
_TICKET = re.compile(r"[A-Za-z0-9_-]{22}")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,59}")
_PROGRAM = "import os; os.nice(5); from zoo.cli import main; main()"  # behind the readers


@dataclass(frozen=True)
class Upload:
    """One file that somebody sent.

    Attributes:
        ticket: by which its page is known; it cannot be guessed.
        file: its name in the folder; name, author, arena: as what, by whom and where it is to be entered.
        state: "waiting", "running", "entered" or "refused".
    """

    ticket: str
    file: str
    name: str
    author: str
    arena: str
    state: str = WAITING

    @property
    def over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in (ENTERED, REFUSED)


class Uploads:
    """The uploads of a home; to be used from one event loop."""

    def __init__(self) -> None:
        self._folder = home.folder() / "uploads"
        make_folder(self._folder)
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._process: asyncio.subprocess.Process | None = None
        self._waiting = 0

    def take(self, file: str, data: bytes, name: str, author: str, arena: str) -> Upload:
        """Keep a file, to be tried when its turn comes.

        Raises:
            Refusal: it is no agent by its name, or too many wait.
        """
        stem, _, suffix = Path(file.replace("\\", "/")).name.rpartition(".")
        if suffix.lower() not in ("py", "zip") or not stem:
            raise Refusal(400, "Send a .py file or a .zip.")
        if not data:
            raise Refusal(400, "The file is empty.")
        if not _NAME.fullmatch(name):
            raise Refusal(400, "A name has small letters, digits and dashes, and begins with a letter.")
        if self._waiting >= MOST:
            raise Refusal(503, f"{MOST} uploads wait already. Try again in some minutes.", 300)
        stem = re.sub(r"[^A-Za-z0-9_]", "_", stem)[:60]
        upload = Upload(secrets.token_urlsafe(16), f"{stem}.{suffix.lower()}", name, author, arena)
        make_folder(self._place(upload))
        write_atomically(self._place(upload) / upload.file, data)
        self._write(upload)
        self._wait_for(upload.ticket)
        return upload

    def read(self, ticket: str) -> Upload | None:
        """The upload of a ticket; None where there is none."""
        if not _TICKET.fullmatch(ticket):
            return None
        with suppress(OSError, ValueError, TypeError):
            return Upload(**json.loads((self._folder / ticket / "upload.json").read_text()))
        return None

    def said(self, upload: Upload) -> str:
        """What `zoo submit` said so far."""
        texts = []
        for name in ("err.txt", "out.txt"):
            with suppress(OSError):
                texts.append((self._place(upload) / name).read_text(errors="replace")[-_SHOWN:])
        text = "\n".join(texts).replace(str(self._place(upload)) + os.sep, "")
        lines = text.replace(str(home.folder()), "HOME").splitlines()  # where it lies is nobody's business
        return "\n".join("".join(x if x.isprintable() else " " for x in line).rstrip() for line in lines).strip()

    async def work(self) -> None:
        """Try what waits, for ever; cancelled, it ends the one at work, which the next server goes on with."""
        for place in sorted(self._folder.glob("*/upload.json"), key=lambda path: path.stat().st_mtime):
            upload = self.read(place.parent.name)
            if upload is not None and not upload.over:
                self._wait_for(upload.ticket)
        while True:
            upload = self.read(await self._queue.get())
            self._waiting -= 1
            if upload is None or upload.over:
                continue
            self._write(replace(upload, state=RUNNING))
            try:
                good = await self._try(upload)
            except OSError as error:
                self._tell(upload, f"zoo: it cannot be tried here: {error.strerror or error}")
                good = False
            self._write(replace(upload, state=ENTERED if good else REFUSED))

    def _wait_for(self, ticket: str) -> None:
        self._waiting += 1
        self._queue.put_nowait(ticket)

    async def _try(self, upload: Upload) -> bool:
        """Run `zoo submit`; says whether it was entered."""
        if (owner := await asyncio.to_thread(_owner, upload.name)) and owner != upload.author:
            self._tell(upload, f"zoo: the name {upload.name} is another author's: choose another one")
            return False
        place = self._place(upload)
        words = [f"--arena={upload.arena}", f"--as={upload.name}", f"--author={upload.author}"]
        command = [sys.executable, "-c", _PROGRAM, "submit", str(place / upload.file), *words]
        with (place / "out.txt").open("wb") as out, (place / "err.txt").open("wb") as err:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=place,
                env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
            try:
                async with asyncio.timeout(SECONDS):
                    return await self._process.wait() == 0
            except TimeoutError:
                self._tell(upload, f"zoo: stopped after {SECONDS:g} s")
                return False
            finally:
                await self._end()

    async def _end(self) -> None:
        """End what is left of the process and of its workers, and wait until the process is gone."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
            self._process = None

    def _tell(self, upload: Upload, line: str) -> None:
        with (self._place(upload) / "err.txt").open("a") as file:
            file.write(f"{line}\n")

    def _place(self, upload: Upload) -> Path:
        return self._folder / upload.ticket

    def _write(self, upload: Upload) -> None:
        kept: dict[str, Any] = asdict(upload)
        write_atomically(self._place(upload) / "upload.json", json.dumps(kept, ensure_ascii=False).encode())


def _owner(name: str) -> str:
    """Whose a name is; "" where nobody has it."""
    with suppress(StoreError), home.read_records() as store:
        for version in versions(store.submissions()):
            if version.name == name:
                return str(version.record.details.get("author", ""))
    return ""
