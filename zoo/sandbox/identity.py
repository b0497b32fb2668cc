"""Who a confined process is to the kernel: nobody else's user, without privileges, ended with its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from pathlib import Path

from zoo.sandbox import kernel

#: Users from here on belong to nobody by convention (above the containers' of systemd, below 2**31); the number of the
#: process is added, so that no two living workers are the same user.
FIRST_USER = 0x70000000
#: Where only 65,536 users are known, as in many containers: the range of systemd's passing users.
FEW_FIRST, FEW = 61184, 4000
_CAPSET, _UNSHARE, _NEW_USERS = 126, 272, 0x10000000
_CAPABILITIES_VERSION = 0x20080522
#: Reading files and folders whatever their owner says; Landlock still says which.
READ_SEARCH = 2
_CHANGE_USER = (6, 7)  # of one's groups, of one's user
_CAPABILITIES = 64


def user_for(process: int) -> int | None:
    """A user whom no other living process is, or None where this process cannot become another."""
    if os.geteuid() != 0 or not _may_change_user():
        return None
    for user in (FIRST_USER + process, FEW_FIRST + process % FEW):
        if any(first <= user < first + count for first, _, count in _known_users()):
            return user
    return None


def stuck_as_root() -> bool:
    """Whether this process is the machine's root for good, whose threads the kernel does not limit."""
    if os.geteuid() != 0 or user_for(os.getpid()) is not None:
        return False
    return any(first == outside == 0 for first, outside, _ in _known_users())


def _known_users() -> list[tuple[int, ...]]:
    """Ranges of users: the first here, the first outside of this namespace, and how many."""
    return [tuple(map(int, line.split())) for line in Path("/proc/self/uid_map").read_text().splitlines()]


def _may_change_user() -> bool:
    lines = Path("/proc/self/status").read_text().splitlines()
    held = next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff"))
    return all(held >> capability & 1 for capability in _CHANGE_USER)


def open_to_all(path: Path) -> bool:
    """Whether every user may enter the folders above a file or folder, and read it."""
    try:
        modes = [folder.stat().st_mode for folder in (path, *path.parents)]
    except OSError:
        return True  # it will not be opened at all
    return bool(modes[0] & 0o004) and all(mode & 0o001 for mode in modes[1:])


def become(user: int, search: bool) -> str:
    """Become `user`, with nothing of root's but, where `search` asks for it, the right to read everywhere.

    Returns:
        What was done, for the list of mechanisms.
    """
    _drop_bounds()
    kernel.prctl(kernel.SET_KEEPCAPS, int(search))
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    kernel.prctl(kernel.SET_KEEPCAPS, 0)
    _keep_only(1 << READ_SEARCH if search else 0)
    return f"uid {user}" + (" with CAP_DAC_READ_SEARCH" if search else "")


def own_users() -> bool:
    """Move into a user namespace of one's own, in which one's threads are counted apart; False where that is refused.

    The file system sees the same user as before. Used where the process cannot become somebody else.
    """
    try:
        kernel.call(_UNSHARE, _NEW_USERS)
    except OSError:
        return False
    return True


def without_privileges() -> None:
    """Give up every capability of this process, those that it could gain by execution too."""
    _drop_bounds()
    _keep_only(0)


def bind(parent: int) -> None:
    """No new privileges, no looks into this process from outside, and an end with its parent.

    Comes after every change of user, as such a change takes back the last two.

    Raises:
        ProcessLookupError: the parent has ended already.
    """
    kernel.prctl(kernel.SET_NO_NEW_PRIVS, 1)
    kernel.prctl(kernel.SET_DUMPABLE, 0)
    kernel.prctl(kernel.SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise ProcessLookupError(f"process {parent}, which started this one, has ended")


def _drop_bounds() -> None:
    """Nothing can be gained by execution; without the privilege to say so, no new privileges says it as well."""
    try:
        for capability in range(_CAPABILITIES):
            kernel.prctl(kernel.CAPBSET_DROP, capability)
    except OSError:  # EINVAL: the last one is reached; EPERM: not allowed to
        pass


def _keep_only(capabilities: int) -> None:
    kernel.prctl(kernel.CAP_AMBIENT, kernel.CAP_AMBIENT_CLEAR_ALL)
    header = struct.pack("=Ii", _CAPABILITIES_VERSION, 0)
    low, high = capabilities & 0xFFFFFFFF, capabilities >> 32
    sets = struct.pack("=6I", low, low, 0, high, high, 0)
    kernel.call(_CAPSET, ctypes.c_char_p(header), ctypes.c_char_p(sets))
