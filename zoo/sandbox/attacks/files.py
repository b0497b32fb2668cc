"""Attacks on files: reading what belongs to others, and writing anything at all."""

from __future__ import annotations

import ctypes
import os
import sqlite3
from functools import partial
from pathlib import Path

from zoo.sandbox.attacks.base import Attack, each, system, won


class ReadEntrant(Attack):
    """Reads another entrant's weights, by path, through a relative path and through a folder's descriptor."""

    defence = "Landlock"

    def strike(self) -> None:
        """Any of the three prints the secret."""
        for secret in self.aims["secrets"]:
            relative = os.path.relpath(secret, self.here)
            for attempt in (
                Path(secret).read_text,
                (self.here / relative).read_text,
                partial(self._through_folder, Path(secret)),
            ):
                try:
                    print(attempt())
                except OSError as error:
                    print(error)

    @staticmethod
    def _through_folder(secret: Path) -> bytes:
        folder = os.open(secret.parent, os.O_PATH)
        return os.read(os.open(secret.name, os.O_RDONLY, dir_fd=folder), 99)


class ReadRecords(Attack):
    """Opens the leaderboard's database."""

    defence = "Landlock"

    def strike(self) -> None:
        """It prints what the table holds."""
        with sqlite3.connect(f"file:{self.aims['database']}?mode=ro", uri=True) as database:
            print(database.execute("select * from secrets").fetchall())


class ReadPasswords(Attack):
    """Reads the machine's lists of users and of their passwords."""

    defence = "Landlock"

    def strike(self) -> None:
        """Any one that can be read is a success."""
        each(lambda: Path("/etc/passwd").read_text()[:20], lambda: Path("/etc/shadow").read_text()[:4])


class FollowLink(Attack):
    """Follows a symbolic link in its own folder to another entrant's file."""

    defence = "no links in an agent's folder; Landlock"

    def strike(self) -> None:
        """It prints the secret."""
        print((self.here / "link").read_text())


class ListFolders(Attack):
    """Lists the folders of entrants, of the machine's users and of the whole machine."""

    defence = "Landlock"

    def strike(self) -> None:
        """Any list is a success."""
        each(*(partial(os.listdir, folder) for folder in (self.aims["folder"], "/", "/tmp", "/home")))


class OpenHandle(Attack):
    """Opens another entrant's file by its handle, which skips the folders above it."""

    defence = "seccomp"

    def strike(self) -> None:
        """It prints the secret."""
        handle = ctypes.create_string_buffer((128).to_bytes(4, "little") + bytes(132))
        mount = ctypes.c_int()
        library = ctypes.CDLL(None, use_errno=True)
        got = library.name_to_handle_at(-100, self.aims["secrets"][0].encode(), handle, ctypes.byref(mount), 0)
        if got != 0:
            raise OSError(ctypes.get_errno(), "no handle")
        file = library.open_by_handle_at(os.open(self.here, os.O_RDONLY), handle, os.O_RDONLY)
        if file < 0:
            raise OSError(ctypes.get_errno(), "not opened")
        print(os.read(file, 99))


class ReopenPath(Attack):
    """Takes a descriptor that can only name another entrant's file, and opens it again through /proc."""

    defence = "Landlock"

    def strike(self) -> None:
        """It prints the secret."""
        file = os.open(self.aims["secrets"][0], os.O_PATH)
        for folder in ("/proc/self/fd", "/proc/thread-self/fd", "/dev/fd", f"/proc/{os.getpid()}/fd"):
            try:
                print(Path(folder, str(file)).read_text())
            except OSError as error:
                print(error)


class ReadInherited(Attack):
    """Reads from every descriptor that it was born with."""

    defence = "descriptors closed"

    def strike(self) -> None:
        """It prints the secret of a file that the referee holds open."""
        for file in range(5, 1024):
            try:
                print(os.pread(file, 99, 0))
            except OSError:
                continue


class WriteFiles(Attack):
    """Creates, appends, renames, links and deletes where every user may, and in its own folder."""

    defence = "Landlock"

    def strike(self) -> None:
        """Any of it is a success."""
        drop, target, own = Path(self.aims["drop"]), Path(self.aims["target"]), self.here
        each(
            lambda: (drop / "new").write_text("x"),
            lambda: target.open("a").write("x"),
            lambda: target.open("r+"),
            lambda: (drop / "folder").mkdir(),
            lambda: (drop / "link").symlink_to("/"),
            lambda: (drop / "twin").hardlink_to(target),
            lambda: target.rename(drop / "renamed"),
            lambda: (drop / "kept").unlink(),
            lambda: os.open(drop, os.O_TMPFILE | os.O_RDWR),
            lambda: os.mkfifo(drop / "pipe"),
            lambda: (own / "notes").write_text("x"),
            *(partial(Path(place).write_text, "x") for place in self.aims["litter"]),
        )


class TruncateFile(Attack):
    """Empties a file that every user may write, by name and by opening it to read."""

    defence = "Landlock"

    def strike(self) -> None:
        """The stage sees that the file is shorter."""
        each(
            lambda: os.open(self.aims["target"], os.O_RDONLY | os.O_TRUNC),
            lambda: os.truncate(self.aims["target"], 0),
            lambda: system(76, self.aims["target"].encode(), 0),
        )


class ChangeModes(Attack):
    """Changes the rights, the times, the owner and the attributes of files, which Landlock leaves alone."""

    defence = "seccomp"

    def strike(self) -> None:
        """Any of it is a success."""
        target = self.aims["target"]
        each(
            lambda: os.chmod(target, 0o755),
            lambda: os.utime(target, (1, 1)),
            lambda: os.chown(target, os.getuid(), os.getgid()),
            lambda: os.setxattr(target, "user.note", b"x"),
            lambda: os.chmod(self.here, 0o777),
        )


class FillDisk(Attack):
    """Writes 50 MB wherever it may."""

    defence = "Landlock; limit on the size of files"

    def strike(self) -> None:
        """Any megabyte is a success."""
        for place in (Path(self.aims["drop"], "big"), self.here / "big", *map(Path, self.aims["litter"])):
            try:
                with place.open("wb") as file:
                    for _ in range(50):
                        file.write(bytes(1 << 20))
                won(place)
            except OSError as error:
                print(error)
            else:
                place.unlink()


class FillPipe(Attack):
    """Writes into a named pipe that another program listens at."""

    defence = "Landlock"

    def strike(self) -> None:
        """It is a success if the pipe opens."""
        os.write(os.open(self.aims["pipe"], os.O_WRONLY | os.O_NONBLOCK), b"hello")
        won("wrote into the pipe")


class ChangeFolder(Attack):
    """Changes its working folder or its root to where it could name files anew."""

    defence = "seccomp"

    def strike(self) -> None:
        """Either is a success."""
        each(lambda: os.chdir(self.aims["folder"]), lambda: os.chroot(self.here), lambda: system(155, b"/", b"/"))
