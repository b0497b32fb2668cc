"""The confinement of one process: what is in force, what it refuses, and what still works."""

from __future__ import annotations

import errno
import json
import mmap
import os
import platform
import resource
import signal
import threading
import time
from pathlib import Path

import pytest

from zoo.sandbox import confine as confining
from zoo.sandbox import identity, kernel, landlock, seccomp, view
from zoo.sandbox.confine import NotConfined, confine, supported, trusted
from zoo.sandbox.limits import Limits

ROOT = os.geteuid() == 0
DEFAULT = Limits()
needs_strict = pytest.mark.skipif(supported("strict") is not None, reason=str(supported("strict")))


def forked(function, level="strict", readable=(), limits=DEFAULT, keep=(), before=lambda: None):
    """What `function` returns in a confined fork, as JSON, or the exception it ends with; and how it ended."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.environ.clear()
            before()
            confine(level, readable, limits, keep=(0, 1, 2, writes, *keep))
            answer = function()
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(writes, json.dumps(answer).encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as said:
        text = said.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return (json.loads(text) if text else None), status


def mounts_alone():
    """Whether a process of this user may have mounts of its own."""
    child = os.fork()
    if child == 0:
        try:
            assert ROOT or identity.own_users()
            view.unshare()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def refusal(call, *arguments):
    """The number of the error with which a call is refused, 0 where it is not."""
    try:
        call(*arguments)
    except OSError as error:
        return error.errno
    return 0


def simulated(number, arguments=(), own=1000, architecture=0xC000003E):
    """What the filter says to a system call: the classic instructions that it uses, one after another."""
    words = [number & 0xFFFFFFFF, architecture, 0, 0]
    for argument in (*arguments, 0, 0, 0, 0, 0, 0)[:6]:
        words += [argument & 0xFFFFFFFF, argument >> 32 & 0xFFFFFFFF]
    steps, at, held = seccomp.program(own), 0, 0
    while True:
        code, yes, no, value = steps[at]
        at += 1
        if code == 0x06:
            return {0x7FFF: "allow", 0x8000: "kill", 5: value & 0xFFFF}[value >> 16]
        if code == 0x20:
            held = words[value // 4]
        else:
            at += yes if {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[code] else no


THREAD = 0x3D0F00  # the flags of the C library for a thread


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("clone", (THREAD,)),
        ("kill", (1000, 15)),
        ("tkill", (1000, 0)),
        ("tgkill", (1000, 1003, 6)),
        ("futex", (1, 128 | 1)),  # a private wake
        ("mmap", (0, 4096, 3, 0x22)),
        ("madvise", (0, 4096, 14)),  # large pages
        ("prlimit64", (0, 3, 0, 1)),
        ("prctl", (15, 1)),
        ("fcntl", (1, 3)),
        ("ioctl", (1, 0x5401)),
        ("clock_gettime", (2,)),
        ("sched_getaffinity", (0, 8)),
    ],
)
def test_calls_are_allowed_for_what_agents_need(call, arguments):
    assert simulated(NUMBERS[call], arguments) == "allow"


@pytest.mark.parametrize("wait", [0, 9, 9 | 256])
def test_who_waits_for_what_is_shared_is_told_to_look_again(wait):
    assert simulated(NUMBERS["futex"], (1, wait)) == errno.EAGAIN


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("clone", (17,)),  # a process
        ("clone", (THREAD | 0x20000000,)),  # a thread in a new namespace
        ("clone", (THREAD & ~0x10000,)),  # a process that shares everything
        ("clone", (THREAD | 17,)),
        ("kill", (1000, 9)),  # oneself: the game would be replayed, and luck drawn again
        ("tkill", (1000, 9)),
        ("tgkill", (1000, 1003, 9)),
        ("kill", (999, 9)),
        ("kill", (2**32 - 1, 9)),  # everybody
        ("kill", (0, 9)),
        ("tgkill", (1, 1, 9)),
        ("futex", (1, 1)),
        ("futex", (1, 10)),
        ("futex", (1, 4)),
        ("mmap", (0, 1 << 21, 3, 0x40022)),  # pages of a store that all share
        ("madvise", (0, 4096, 12)),  # pages merged with those of others
        ("madvise", (0, 4096, 21)),  # pages of a library put out
        ("prlimit64", (0, 3, 1, 0)),
        ("prlimit64", (0, 3, 1 << 32, 0)),  # a new limit at an address whose low half is zero
        ("prlimit64", (999, 3, 0, 1)),
        ("prctl", (1, 0)),
        ("prctl", (4, 1)),
        ("prctl", (38, 0)),
        ("fcntl", (1, 8, 999)),  # who is told of input
        ("fcntl", (1, 6)),  # a lock
        ("ioctl", (1, 0x5412)),  # typing into a terminal
        ("clock_gettime", (2**32 - 6,)),  # the clock of a process
        ("sched_getaffinity", (999, 8)),
        ("arch_prctl", (0x1002,)),
    ],
)
def test_calls_are_refused_for_anything_else(call, arguments):
    assert simulated(NUMBERS[call], arguments) == errno.EPERM


NUMBERS = {
    **seccomp.PLAIN,
    "mmap": 9,
    "madvise": 28,
    "ioctl": 16,
    "clone": 56,
    "kill": 62,
    "fcntl": 72,
    "prctl": 157,
    "arch_prctl": 158,
    "tkill": 200,
    "futex": 202,
    "sched_getaffinity": 204,
    "clock_gettime": 228,
    "tgkill": 234,
    "prlimit64": 302,
}


def test_programs_of_another_kind_are_ended():
    assert simulated(39, architecture=0x40000003) == "kill"  # 32 bits
    assert simulated(39, architecture=0xC00000B7) == "kill"  # arm64
    assert simulated(0x40000000 | 39) == "kill"  # x32
    assert simulated(-1) == "kill"


def test_what_is_newer_than_the_list_does_not_exist():
    assert simulated(435) == errno.ENOSYS  # clone3, or threads would not fall back on clone
    assert simulated(5000) == errno.ENOSYS
    assert simulated(423) == errno.EPERM


@needs_strict
def test_the_kernel_refuses_every_call_that_is_not_listed():
    """All numbers are called with arguments that do no harm; the kernel must not even look at them."""
    conditional = {9, 16, 28, 56, 62, 72, 143, 145, 157, 158, 200, 202, 204, 228, 229, 230, 234, 302}
    probes = {335, 336}  # Linux passes these by every filter, and ends who makes them elsewhere than in its own code
    tried = [n for n in range(480) if n not in {*seccomp.PLAIN.values(), *conditional, *probes}]

    def sweep():
        return [refusal(kernel.call, number, 0, 0, 0, 0, 0, 0) for number in tried]

    answers, status = forked(sweep)
    assert status == 0, answers
    wrong = {n: a for n, a in zip(tried, answers, strict=True) if a != (errno.EPERM if n < 424 else errno.ENOSYS)}
    assert wrong == {}
    assert len(tried) > 300


@needs_strict
def test_a_strict_process_can_do_no_more_than_compute(tmp_path):
    own, other = tmp_path / "own", tmp_path / "other"
    for folder in (own, other):
        folder.mkdir()
        (folder / "file").write_text("text")
        folder.chmod(0o777)
    (own / "link").symlink_to(other / "file")
    standard = json.__file__

    def look():
        return {
            "own": (own / "file").read_text(),
            "listed": sorted(os.listdir(own)),
            "library": len(Path(standard).read_text()) > 100,
            "link": refusal(open, own / "link"),
            "other": refusal(open, other / "file"),
            "above": refusal(os.listdir, tmp_path),
            "write": refusal(open, own / "file", "w"),
            "new": refusal(open, own / "new", "w"),
            "delete": refusal(os.unlink, own / "file"),
            "nothing": open(os.devnull, "w").write("x"),
            "fork": refusal(os.fork),
            "execute": refusal(os.execv, "/bin/true", ["true"]),
            "pipe": refusal(os.pipe),
            "signal": refusal(os.kill, os.getppid(), 0),
        }

    found, status = forked(look, readable=[own])
    assert status == 0
    # where it has a view of its own, everything in it is read-only, and that is said first
    assert {found.pop("write"), found.pop("new")} <= {errno.EACCES, errno.EROFS}
    assert found == {
        "own": "text",
        "listed": ["file", "link"],
        "library": True,
        "nothing": 1,
        **dict.fromkeys(("link", "other", "above"), errno.EACCES),
        **dict.fromkeys(("delete", "execute", "fork", "pipe", "signal"), errno.EPERM),
    }


@needs_strict
def test_other_processes_and_times_of_reading_cannot_be_asked_for(tmp_path):
    other = os.getpid()
    (tmp_path / "file").write_text("text")
    os.utime(tmp_path / "file", (1, 1))

    def look():
        text = (tmp_path / "file").read_text()
        seen = [os.path.exists(f"/proc/{number}/task") for number in (other, os.getpid(), "self")]
        return text, (tmp_path / "file").stat().st_atime, seen

    hidden = ["text", 1, [False, False, False]]
    if not mounts_alone():
        pytest.skip("this user may have no mounts of his own")
    assert forked(look, readable=[tmp_path]) == (hidden, 0)


@needs_strict
def test_threads_and_signals_to_oneself_work():
    def work():
        done = []
        threads = [threading.Thread(target=done.append, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        signal.signal(signal.SIGUSR1, lambda *_: done.append("signal"))
        os.kill(os.getpid(), signal.SIGUSR1)
        return sorted(map(str, done))

    assert forked(work) == (["0", "1", "2", "3", "4", "5", "6", "7", "signal"], 0)


@needs_strict
def test_the_mechanisms_are_named_and_seen_by_the_kernel():
    reads, writes = os.pipe()
    asks, answers = os.pipe()
    child = os.fork()
    if child == 0:
        os.environ.clear()
        done = confine("strict", [], keep=(0, 1, 2, writes, asks))
        os.write(writes, json.dumps(done).encode())
        os.read(asks, 1)
        os._exit(0)
    names = json.loads(os.read(reads, 4096))
    lines = Path(f"/proc/{child}/status").read_text().splitlines()
    status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    os.write(answers, b"x")
    os.waitpid(child, 0)
    for file in (reads, writes, asks, answers):
        os.close(file)
    assert names[:3] == [f"landlock-abi{landlock.version()}", "seccomp", "rlimits"]
    assert status["NoNewPrivs"] == ["1"]
    assert status["Seccomp"] == ["2"]
    allowed = {f"{0:016x}", f"{1 << identity.READ_SEARCH:016x}"} if ROOT else {f"{0:016x}"}
    assert status["CapEff"][0] in allowed
    assert status["CapPrm"] == status["CapEff"]
    assert status["CapBnd"] == status["CapAmb"] == status["CapInh"] == [f"{0:016x}"] or not ROOT
    if ROOT:
        assert set(status["Uid"]) == set(status["Gid"]) == {str(identity.user_for(child))}
        assert status["Groups"] == []


@pytest.mark.skipif(not ROOT, reason="only root becomes somebody else")
def test_no_two_processes_are_the_same_user():
    users = [forked(os.getuid, level="process")[0] for _ in range(3)]
    assert 0 not in users
    assert len(set(users)) == 3


def test_where_few_users_are_known_one_of_these_is_taken(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def mapped(users, rights=0x1FFFFFFFFFF):
        texts = {"/proc/self/uid_map": users, "/proc/self/status": f"Name:\tx\nCapEff:\t{rights:016x}\n"}
        monkeypatch.setattr(Path, "read_text", lambda self: texts[str(self)])
        return identity.user_for(70_000), identity.stuck_as_root()

    assert mapped("         0          0 4294967295\n") == (identity.FIRST_USER + 70_000, False)
    few, stuck = mapped("         0     100000      65536\n")
    assert identity.FEW_FIRST <= few < identity.FEW_FIRST + identity.FEW
    assert not stuck
    assert mapped("         0       1000          1\n") == (None, False)  # a common user who is root in a namespace
    assert mapped("         0          0          1\n") == (None, True)
    assert mapped("         0          0 4294967295\n", rights=1 << 7) == (None, True)  # a container without rights


@needs_strict
def test_root_that_cannot_be_anybody_else_is_refused(monkeypatch):
    monkeypatch.setattr(identity, "stuck_as_root", lambda: True)
    assert "be a common user" in str(supported("strict"))


@needs_strict
def test_limits_are_in_force_and_hard():
    kinds = ("FSIZE", "NOFILE", "CORE", "CPU", "STACK")

    def ask():
        return [resource.getrlimit(getattr(resource, f"RLIMIT_{kind}")) for kind in kinds]

    found, _ = forked(ask, limits=Limits(open_files=20, cpu_seconds=7, stack_bytes=1 << 20))
    assert found == [[0, 0], [20, 20], [0, 0], [7, 12], [1 << 20, 1 << 20]]

    def fill():
        return len(mmap.mmap(-1, 1 << 30))  # what malloc has left over from earlier tests would do for bytearray

    assert forked(fill, limits=Limits(memory_bytes=1 << 28))[0].startswith("OSError: [Errno 12]")
    assert forked(lambda: len(bytearray(1 << 27)), limits=Limits(memory_bytes=1 << 28))[0] == 1 << 27


@pytest.mark.skipif(kernel.machine() is not None, reason="limits of Linux")
def test_level_process_limits_and_binds_and_no_more(tmp_path):
    (tmp_path / "file").write_text("text")

    def look():
        kinds = (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)
        return [resource.getrlimit(kind)[1] for kind in kinds], kernel.prctl(kernel.GET_DUMPABLE)

    assert forked(look, level="process")[0] == [[0, 0], 0]
    rank = Path("/proc/self/oom_score_adj")
    assert forked(rank.read_text, level="process")[0] == "1000\n"  # it goes first where memory runs out


@needs_strict
def test_descriptors_are_closed_but_the_kept_ones(tmp_path):
    (tmp_path / "file").write_text("text")
    with (tmp_path / "file").open() as held, (tmp_path / "file").open() as kept:
        os.set_inheritable(held.fileno(), True)
        found, _ = forked(
            lambda: [refusal(os.fstat, held.fileno()), os.pread(kept.fileno(), 9, 0).decode()], keep=(kept.fileno(),)
        )
    assert found == [errno.EBADF, "text"]


@needs_strict
def test_a_process_with_threads_or_an_environment_is_refused():
    def start():
        threading.Thread(target=time.sleep, args=(5,), daemon=True).start()

    assert forked(list, before=start)[0] == "NotConfined: the process has 2 threads and must have one"
    assert forked(list, before=lambda: os.environ.update(AWS_SECRET="x"))[0] == (
        "NotConfined: the environment still holds AWS_SECRET"
    )
    assert forked(list, before=lambda: os.environ.update(OMP_NUM_THREADS="1"))[0] == []


@pytest.mark.skipif(kernel.machine() is not None, reason="a signal of Linux")
def test_a_process_ends_with_its_parent():
    reads, writes = os.pipe()
    parent = os.fork()
    if parent == 0:
        worker = os.fork()
        if worker == 0:
            os.environ.clear()
            confine("process", [], keep=(writes,))
            os.write(writes, str(os.getpid()).encode())
            time.sleep(60)
            os._exit(0)
        time.sleep(60)
        os._exit(0)
    os.close(writes)
    worker = os.read(reads, 99)
    assert worker.isdigit()
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    assert os.read(reads, 99) == b""  # its end of the pipe is closed: it has ended
    os.close(reads)


@pytest.mark.skipif(kernel.machine() is not None, reason="a signal of Linux")
def test_a_process_whose_parent_has_ended_is_not_confined():
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.environ.clear()
        try:
            confine("process", [], keep=(writes,), parent=2**22)
        except NotConfined as error:
            os.write(writes, str(error).encode())
        os._exit(0)
    os.close(writes)
    os.waitpid(child, 0)
    with os.fdopen(reads) as said:
        assert "has ended" in said.read()


@needs_strict
def test_where_landlock_cannot_see_that_a_file_is_emptied_seccomp_does(tmp_path):
    file = tmp_path / "file"
    file.write_text("text")
    child = os.fork()
    if child == 0:
        kernel.prctl(kernel.SET_NO_NEW_PRIVS, 1)
        seccomp.refuse_to_truncate()
        refused = refusal(os.open, file, os.O_RDONLY | os.O_TRUNC) == errno.EPERM
        os._exit(0 if refused and file.read_text() == "text" and file.open("a").write("x") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert landlock.lacking(1) == ["truncation", "TCP", "signals"]
    assert landlock.lacking(3) == ["TCP", "signals"]
    assert landlock.lacking(6) == []


@needs_strict
def test_a_confinement_that_is_not_in_force_is_noticed(monkeypatch):
    monkeypatch.setattr(seccomp, "enforce", lambda own: "seccomp")
    assert forked(list)[0] == "NotConfined: the confinement is not in force"
    monkeypatch.undo()
    monkeypatch.setattr(landlock.Ruleset, "enforce", lambda self: "landlock")
    assert forked(list)[0] == "NotConfined: the confinement is not in force"


def test_a_machine_that_cannot_confine_says_why(monkeypatch):
    assert supported("trusted") is None
    assert supported("process") is None
    monkeypatch.setattr(landlock, "version", lambda: 0)
    assert "Landlock" in str(supported("strict"))
    monkeypatch.setattr(seccomp, "available", lambda: False)
    assert "seccomp" in str(supported("strict"))
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert "aarch64" in str(supported("strict"))
    monkeypatch.setattr(kernel.sys, "platform", "darwin")
    assert "needs Linux" in str(supported("strict"))


@needs_strict
def test_a_home_among_the_libraries_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(confining, "trusted", lambda: (tmp_path,))
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    assert "set ZOO_HOME elsewhere" in str(supported("strict"))


def test_what_lies_beside_the_libraries_is_not_trusted():
    places = trusted()
    root = Path(confining.__file__).resolve().parents[2]
    assert root / "zoo" in places
    assert not any(root.is_relative_to(place) for place in places)
    assert not any(place in (Path("/"), Path("/etc"), Path("/usr"), Path("/proc"), Path.home()) for place in places)
