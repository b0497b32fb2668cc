"""The targets of the attacks: another entrant's files, a database, a process with a secret, servers that listen.

Everything lies in a folder of the stage's own, and the process belongs to it, so that an attack that succeeds harms
nothing else.
"""

from __future__ import annotations

import builtins
import importlib
import json
import os
import resource
import secrets
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Self

from agents.protocol import Agent
from zoo.sandbox.attacks.base import WON

#: Folders elsewhere that every user may write to.
_OPEN = ("/tmp", "/dev/shm")
#: A process that waits for its input to end, as it does when this process ends; its environment holds the secret.
_VICTIM = ("cat",)


class Stage:
    """Targets that say what was done to them, between `with` and its end.

    Attributes:
        secret: what no attack may print.
        folder: where everything lies; every user may enter it, so that no rights of files help the defence.
        aims: where each target is, for the attacks.
    """

    def __enter__(self) -> Self:
        self.secret = f"zoo-secret-{secrets.token_hex(12)}"
        self.folder = Path(tempfile.mkdtemp(prefix="zoo-stage-"))
        self.folder.chmod(0o755)
        # what attacks would leave behind elsewhere; other stages may be set up at the same time
        self._litter = [f"{folder}/zoo-attack-{self.secret[-12:]}" for folder in _OPEN]
        self._write_files()
        self._start_victim()
        self._listen()
        os.environ["ZOO_STAGE_SECRET"] = self.secret
        self._before = self._look()
        return self

    def __exit__(self, *error: object) -> None:
        os.environ.pop("ZOO_STAGE_SECRET", None)
        self._end_victim()
        for server in self._servers.values():
            server.close()
        os.close(self._pipe)
        self._held.close()
        for litter in self._litter:
            with suppress(OSError):
                os.unlink(litter)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_files(self) -> None:
        folder = self.folder
        for name, mode in (("entrants", 0o755), ("drop", 0o777), ("agents", 0o755)):
            (folder / name).mkdir()
            (folder / name).chmod(mode)
        for name in ("drop/target", "drop/kept", "entrants/secret"):
            (folder / name).write_text(self.secret)
            (folder / name).chmod(0o666)
        with closing(sqlite3.connect(folder / "records.sqlite")) as database, database:
            database.execute("create table secrets (secret text)")
            database.execute("insert into secrets values (?)", (self.secret,))
        os.mkfifo(folder / "pipe")
        (folder / "pipe").chmod(0o666)
        self._pipe = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        # an attack that inherits descriptors could read from this one
        self._held = (folder / "entrants/secret").open()
        os.set_inheritable(self._held.fileno(), True)

    def _listen(self) -> None:
        tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
        named, abstract = (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2))
        name = f"zoo-stage-{self.secret[-12:]}"
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        udp.bind(("127.0.0.1", 0))
        named.bind(str(self.folder / "socket"))
        (self.folder / "socket").chmod(0o777)
        abstract.bind("\0" + name)
        self._servers = {"TCP": tcp, "UDP": udp, "socket": named, "abstract socket": abstract}
        for server in self._servers.values():
            server.setblocking(False)
        self.aims: dict[str, Any] = {
            "secrets": [str(self.folder / "entrants" / "secret")],
            "folder": str(self.folder / "entrants"),
            "database": str(self.folder / "records.sqlite"),
            "drop": str(self.folder / "drop"),
            "target": str(self.folder / "drop" / "target"),
            "pipe": str(self.folder / "pipe"),
            "socket": str(self.folder / "socket"),
            "abstract": name,
            "tcp": tcp.getsockname()[1],
            "udp": udp.getsockname()[1],
            "others": [self._victim.pid],
            "litter": self._litter,
        }

    def prepared(self, agent: type[Agent], **further: Sequence[Any]) -> Path:
        """A fresh folder with the agent's file as `attack.py`, and the aims with further ones, by their names."""
        module = importlib.import_module(agent.__module__)
        folder = Path(tempfile.mkdtemp(prefix=f"{agent.__name__}-", dir=self.folder / "agents"))
        folder.chmod(0o755)
        shutil.copy(str(module.__file__), folder / "attack.py")
        aims = {
            name: [*aim, *further.get(name, ())] if isinstance(aim, list) else aim for name, aim in self.aims.items()
        }
        (folder / "aims.json").write_text(json.dumps(aims))
        return folder

    def evidence(self, log: str) -> list[str]:
        """What shows that an attack that printed `log` has succeeded; empty where it was stopped."""
        lines = log.splitlines()
        claims = [line for line in lines if line.startswith(WON)]
        leaks = [f"printed {line}" for line in lines if self.secret in line and line not in claims]
        return [*claims, *leaks, *self._changes()]

    def _changes(self) -> list[str]:
        now = self._look()
        changed = [f"{what} changed" for what, before in self._before.items() if now[what] != before]
        heard = [f"{name} was reached" for name, server in self._servers.items() if _reached(name, server)]
        with suppress(BlockingIOError):
            if os.read(self._pipe, 99):
                heard.append("the pipe was written")
        if changed:
            self.reset()
        return [*changed, *heard]

    def _look(self) -> dict[str, Any]:
        """All that attacks should leave as it is."""
        files = {}
        for path in sorted(self.folder.glob("drop/**/*")):
            info = path.lstat()
            content = path.read_text(errors="replace") if path.is_file() else ""
            files[path.name] = (info.st_mode, info.st_uid, int(info.st_mtime), content)
        return {
            "the files of others": files,
            "a file elsewhere": [os.path.lexists(litter) for litter in self._litter],
            "another process": self._victim.poll(),
            "another process's limits": self._victims_limits() == self._limits,
            "the referee's own code": (hasattr(Agent, "stolen"), Agent.act, hasattr(builtins, "stolen")),
        }

    def reset(self) -> None:
        """Set everything up again for the next attack, whatever the last one did and whenever it takes effect."""
        for litter in self._litter:
            with suppress(OSError):
                os.unlink(litter)
        shutil.rmtree(self.folder / "drop")
        (self.folder / "drop").mkdir()
        (self.folder / "drop").chmod(0o777)
        for name in ("target", "kept"):
            (self.folder / "drop" / name).write_text(self.secret)
            (self.folder / "drop" / name).chmod(0o666)
        self._end_victim()
        self._start_victim()
        self.aims["others"] = [self._victim.pid]
        self._before = self._look()

    def _start_victim(self) -> None:
        self._victim = subprocess.Popen(
            _VICTIM,
            env={"SECRET": self.secret},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._limits = self._victims_limits()

    def _end_victim(self) -> None:
        self._victim.kill()
        self._victim.communicate()

    def _victims_limits(self) -> list[tuple[int, int]]:
        try:
            kinds = (resource.RLIMIT_CORE, resource.RLIMIT_NOFILE)
            return [resource.prlimit(self._victim.pid, kind) for kind in kinds]
        except ProcessLookupError:
            return []


def _reached(name: str, server: socket.socket) -> bool:
    try:
        if name == "TCP":
            server.accept()[0].close()
        else:
            server.recv(99)
    except BlockingIOError:
        return False
    return True
