"""Whatever a stranger's agent does is a fault of its own, and the referee goes on."""

from __future__ import annotations

import gc
import os
import signal
import time
from pathlib import Path

import pytest

from leaderboard.records import Status
from tests.zoo.sandbox.conftest import CONTAINER, SPEC, Kind, played, seat, step
from tests.zoo.sandbox.strangers import ANSWERS, HEAD, stranger
from zoo.sandbox import spawn
from zoo.sandbox.clock import Allowances
from zoo.sandbox.fault import AgentFault
from zoo.sandbox.log import Tail
from zoo.sandbox.remote import Remote

SHORT = Allowances(act=0.05, row=0.0, bank=0.05, sleep=0.1)


def fault_of(kind: type[Remote], steps: int = 4) -> AgentFault:
    agent = kind.make(SPEC, ("a",))
    memory = agent.begin(seat())
    with pytest.raises(AgentFault) as raised:
        played(agent, memory, steps)
    with pytest.raises(AgentFault) as again:  # and it stays so
        agent.begin(seat())
    assert again.value is raised.value
    return raised.value


BAD = {
    "raises": ("raise RuntimeError('oops')", Status.CRASH, "RuntimeError: oops (mine.py, line 22)"),
    "leaves": ("os._exit(3)", Status.CRASH, "its process left with exit code 3"),
    "exits": ("sys.exit(0)", Status.CRASH, "SystemExit: 0 (mine.py, line 22)"),
    "interrupts": ("raise KeyboardInterrupt", Status.CRASH, "KeyboardInterrupt (mine.py, line 22)"),
    "recurses": ("self.bad(timestep, memory)", Status.CRASH, "RecursionError: maximum recursion depth"),
    "segfaults": ("import ctypes; ctypes.string_at(0)", Status.CRASH, "its process was ended by SIGSEGV"),
    "allocates": ("bytearray(3 << 30)", Status.MEMORY, "MemoryError (mine.py, line 22)"),
    "allocates in torch": ("torch.ones(1 << 32)", Status.MEMORY, "RuntimeError: "),
    "closes its pipe": (f"os.close({ANSWERS}); time.sleep(60)", Status.CRASH, "it closed the pipe"),
}


@pytest.mark.parametrize("level", ["strict", CONTAINER], indirect=True)
@pytest.mark.parametrize("case", BAD)
def test_what_it_does_is_its_own_fault(kind: Kind, case: str) -> None:
    bad, status, message = BAD[case]
    fault = fault_of(kind(stranger(bad)))
    assert fault.status is status, fault
    assert fault.message.startswith(message), fault
    assert "\n" not in fault.message
    assert not fault.retry
    assert fault.seats == ("a",)


INVALID = {
    "scalar": ("Action(torch.tensor(0))", "an action has shape [], expected [2]"),
    "column": ("Action(torch.zeros(2, 1).long())", "an action has shape [2, 1], expected [2]"),
    "one row": ("Action(torch.zeros(1).long())", "an action has shape [1], expected [2]"),
    "no tensor": ("Action([0, 0])", "an action's value is a list, expected a tensor"),
    "complex": ("Action(torch.zeros(2, dtype=torch.cfloat))", "an action is a complex number"),
    "message": ("Action(torch.zeros(2).long(), torch.zeros(2, 7))", "a message has shape [2, 7], expected [2, 0]"),
}


@pytest.mark.parametrize("case", INVALID)
def test_an_action_of_another_form_is_invalid(kind: Kind, case: str) -> None:
    action, message = INVALID[case]
    text = f"{HEAD}\nclass Mine(Zeros):\n    def act(self, timestep, memory):\n        return {action}, memory\n"
    fault = fault_of(kind(text))
    assert (fault.status, fault.message) == (Status.INVALID, message)


FRAMES = {
    "a length that is a lie": "os.write(4, struct.pack('<I', 4_000_000_000)); time.sleep(60)",
    "nonsense": "os.write(4, struct.pack('<I', 3) + b'\\xc1\\xc1\\xc1'); time.sleep(60)",
    "a bomb of lists": "os.write(4, struct.pack('<I', 7998) + b'\\xdc\\x00\\x10' * 2666); time.sleep(60)",
    "a list of billions": "os.write(4, struct.pack('<I', 5) + b'\\xdd\\xff\\xff\\xff\\xff'); time.sleep(60)",
    "an extension": "os.write(4, struct.pack('<I', 3) + b'\\xd4\\x05\\x00'); time.sleep(60)",
    "the answer to another question": "os.write(4, struct.pack('<I', 3) + b'\\x93\\x01\\x00'); time.sleep(60)",
    "an answer before its question": "os.write(4, struct.pack('<I', 3) + b'\\x92\\x07\\x00')",
    "frames without end": "while True: os.write(4, struct.pack('<I', 3) + b'\\x92\\x07\\x00')",
    "zeros without end": "while True: os.write(4, bytes(65536))",
}


@pytest.mark.parametrize("case", FRAMES)
def test_a_frame_that_lies_is_invalid(kind: Kind, case: str) -> None:
    assert fault_of(kind(stranger(FRAMES[case]))).status is Status.INVALID


COMPUTES = "from threading import Thread\nt = Thread(target=sum, args=[range(10**12)])\nt.start()\nt.join()"
SLOW = {
    "computes": "while True: pass",
    "sleeps": "time.sleep(60)",
    "sleeps often": "for _ in range(1000): time.sleep(0.06)",
    "answers byte by byte": "os.write(4, b'\\xe8\\x03\\0\\0')\nwhile os.write(4, b'x'): time.sleep(0.06)",
    "computes in a thread": COMPUTES,
    "floods its log and waits": "while True: os.write(1, b'x' * 65536)",
}


@pytest.mark.parametrize("level", ["strict", CONTAINER], indirect=True)
@pytest.mark.parametrize("case", SLOW)
def test_who_does_not_answer_is_late(kind: Kind, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = kind(stranger(SLOW[case]))
    agent = mine.make(SPEC, ("a",))  # on a full machine, a process takes longer to start than what is allowed then
    monkeypatch.setattr(mine, "allowances", SHORT)
    monkeypatch.setattr(agent._far.watch, "allowances", SHORT)
    with pytest.raises(AgentFault) as raised:
        played(agent, agent.begin(seat()))
    assert raised.value.status is Status.TIMEOUT


def test_time_beyond_the_allowance_comes_from_a_reserve_per_game(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = "end = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    mine = kind(stranger(busy))
    monkeypatch.setattr(mine, "allowances", Allowances(act=0.01, row=0.0, bank=0.35))
    agent = mine.make(SPEC, ("a",))
    for _ in range(3):
        played(agent, agent.begin(seat()))
    memory = played(agent, agent.begin(seat()), 2)
    agent.act(step(2), memory)
    with pytest.raises(AgentFault) as raised:
        agent.act(step(2), memory)
    assert raised.value.status is Status.TIMEOUT


def test_a_machine_that_is_busy_makes_nobody_late(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process on the same core takes half of the time, which is not charged."""
    busy = "end = time.process_time() + 0.1\nwhile time.process_time() < end: pass"
    mine = kind(stranger(busy))
    monkeypatch.setattr(mine, "allowances", Allowances(act=0.2, row=0.0, bank=0.0, sleep=0.15, wall=100))
    agent = mine.make(SPEC, ("a",))
    core = {max(os.sched_getaffinity(0))}  # the first is where systems do work of their own
    pid = agent._far.watch.pid
    others = []
    try:
        for _ in range(2):
            other = os.fork()
            if other == 0:
                os.sched_setaffinity(0, core)
                end = time.monotonic() + 20
                while time.monotonic() < end:
                    pass
                os._exit(0)
            others.append(other)
        os.sched_setaffinity(pid, core)
        played(agent, agent.begin(seat()))
    finally:
        for other in others:
            os.kill(other, signal.SIGKILL)
            os.waitpid(other, 0)


def test_slow_to_import_or_to_be_made(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    from zoo.errors import UserError

    monkeypatch.setattr(Remote, "allowances", Allowances(load=0.05, make=0.05, begin=0.05, bank=0.0))
    with pytest.raises(UserError, match=r"mine.py cannot be imported: it took .* s of CPU time where 0.05 s"):
        kind("while True: pass")
    endless = "        while True: pass\n"
    mine = kind(stranger("pass", f"    def build(self, seed):\n{endless}"))
    with pytest.raises(AgentFault, match=r"of CPU time where 0.05 s are allowed") as raised:
        mine.make(SPEC, ("a",))
    assert raised.value.status is Status.TIMEOUT
    agent = kind(stranger("pass", f"    def begin(self, seating):\n{endless}")).make(SPEC, ("a",))
    with pytest.raises(AgentFault, match=r"of CPU time where 0.05 s are allowed"):
        agent.begin(seat())


def test_who_is_killed_from_outside_may_try_again(kind: Kind) -> None:
    agent = kind(stranger("pass")).make(SPEC, ("a",))
    memory = agent.begin(seat())
    os.kill(agent._far.watch.pid, signal.SIGKILL)
    with pytest.raises(AgentFault) as raised:
        played(agent, memory, 1_000_000)  # it may answer for a moment
    assert raised.value.retry
    assert raised.value.status is Status.CRASH


def test_a_new_zygote_is_started_where_the_old_one_has_ended(kind: Kind) -> None:
    mine = kind(stranger("pass"))
    agent = mine.make(SPEC, ("a",))
    memory = agent.begin(seat())
    old = spawn._running["0", None]
    os.kill(old._process.pid, signal.SIGKILL)
    with pytest.raises(AgentFault) as raised:
        played(agent, memory, 1_000_000)  # it may answer for a moment
    assert raised.value.retry
    again = mine.make(SPEC, ("a",))
    played(again, again.begin(seat()))
    assert spawn._running["0", None] is not old


def test_the_log_is_kept_and_bounded(kind: Kind) -> None:
    text = stranger("print('hello'); os.write(2, b'x' * 100_000); print('last words \\x1b[31m'); os._exit(1)")
    fault = fault_of(kind(text))
    assert fault.log.endswith("x" * 100) or "last words \ufffd[31m" in fault.log
    assert 8000 < len(fault.log) <= 8192
    agent = kind(stranger("print('hello', flush=True)")).make(SPEC, ("a",))
    played(agent, agent.begin(seat()))
    assert agent.log() == "hello\n"


def test_a_log_is_not_behind_though_its_pipe_has_just_been_read() -> None:
    reads, writes = os.pipe()
    tail = Tail(reads)
    os.write(writes, b"once ")
    assert tail.drain()
    os.write(writes, b"more")
    assert tail.fresh() == b"once more"
    os.close(writes)
    assert tail.fresh() == b"once more"
    tail.finish()
    assert tail.fresh() == b"once more"


def test_a_traceback_goes_to_the_log(kind: Kind) -> None:
    fault = fault_of(kind(stranger("raise RuntimeError('out of [/red] luck')")))
    assert fault.message == "RuntimeError: out of [/red] luck (mine.py, line 22)"
    assert fault.log.rstrip().endswith("RuntimeError: out of [/red] luck")


def test_prints_do_not_disturb_play(kind: Kind) -> None:
    noisy = stranger("print('x' * 1000); sys.stdout.flush(); sys.stderr.write('y'); sys.stdin.read()")
    agent = kind(noisy).make(SPEC, ("a",))
    played(agent, agent.begin(seat()), 6)


def test_no_process_and_no_file_stays(kind: Kind) -> None:
    mine = kind(stranger("pass"))
    mine.make(SPEC, ("a",)).close()
    zygote = spawn._running["0", None]._process.pid

    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    def children() -> list[str]:
        return Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split()

    gc.collect()
    mine.make(SPEC, ("a",)).close()  # the zygote does one thing after the other: what earlier tests left is gone
    before = open_files(), len(children())
    for _ in range(5):
        agent = mine.make(SPEC, ("a",))
        agent.begin(seat())
        del agent
        crashing = kind(stranger("os._exit(1)"))
        fault_of(crashing)
    gc.collect()
    mine.make(SPEC, ("a",)).close()
    assert open_files() == before[0]
    deadline = time.monotonic() + 60  # the last one may be on its way
    while len(children()) > before[1] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(children()) <= before[1]


def test_a_class_that_declares_something_else_each_time_is_at_fault(kind: Kind) -> None:
    mine = kind(stranger("pass", "    behaviour = int.from_bytes(__import__('os').urandom(3), 'little')\n"))
    with pytest.raises(AgentFault, match=r"^its class declares something else than before$") as caught:
        mine.make(SPEC, ("row",), mine.Config(), 0)
    assert caught.value.status is Status.INVALID
