"""The command line as a process of its own, in surroundings that are against it: each ends in one line."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ZOO = [sys.executable, "-c", "from marl_zoo import main; main()"]


def run(*words: object, env: dict[str, str] | None = None, **how: Any) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own; `env` comes on top of ours."""
    surroundings = {**os.environ, **(env or {})}
    command = [*ZOO, *(word if isinstance(word, bytes) else str(word) for word in words)]
    return subprocess.run(command, env=surroundings, check=False, **{"capture_output": True, **how})


def refused(done: subprocess.CompletedProcess[bytes]) -> str:
    """The one line of a command that was refused."""
    said = done.stderr.decode()
    assert done.returncode == 2, said
    assert said.startswith("zoo: ")
    assert said.count("\n") == 1
    return said


def test_a_full_disk_behind_standard_output() -> None:
    if not Path("/dev/full").is_char_device():
        pytest.skip("this machine has no /dev/full")
    with open("/dev/full", "wb") as full:
        done = run("agents", "--names", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert refused(done) == "zoo: cannot write: No space left on device\n"


def test_a_full_disk_under_the_home(tmp_path: Path) -> None:
    def small() -> None:  # no file may grow: a disk that is full, for this process alone
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    words = ("match", "grim", "random", "--arena", "ipd", "--set", "arena.max_steps=5", "--episodes", 2)
    done = run(*words, env={"ZOO_HOME": str(tmp_path)}, preexec_fn=small)
    assert str(tmp_path / "records.sqlite") in refused(done)


@pytest.mark.parametrize(
    "shut", [{"stdout": None}, {"stdin": None}, {"stdout": None, "stderr": None}], ids=["out", "in", "all"]
)
def test_closed_streams(shut: dict[str, None]) -> None:
    def close() -> None:
        for name in shut:
            os.close({"stdin": 0, "stdout": 1, "stderr": 2}[name])

    done = run("agents", "nobody", capture_output=False, preexec_fn=close, stderr=subprocess.PIPE)
    assert done.returncode == 2
    if "stderr" not in shut:
        assert refused(done).startswith("zoo: unknown agent 'nobody'")


def test_a_reader_that_leaves() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = run("agents", "--json", capture_output=False, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert done.stderr == b""  # nobody is told what nobody wants to read


@pytest.mark.parametrize(
    "env",
    [
        {"HOME": "/etc/passwd", "ZOO_HOME": "", "XDG_DATA_HOME": ""},
        {"HOME": "/nowhere", "ZOO_HOME": "", "XDG_DATA_HOME": "/dev/null"},
        {"ZOO_HOME": "/proc/zoo"},
        {"ZOO_HOME": "\udcff\udcfe/\0".replace("\0", "")},
    ],
    ids=["home is a file", "data folder is a device", "nothing may be made there", "no text"],
)
def test_a_home_that_cannot_be(env: dict[str, str], tmp_path: Path) -> None:
    words = ("match", "grim", "random", "--arena", "ipd", "--set", "arena.max_steps=5", "--episodes", 2)
    done = run(*words, env=env, cwd=tmp_path)
    if "\udcff" in env.get("ZOO_HOME", ""):  # an odd name, and a folder that can be made all the same, or is refused
        assert done.returncode == 0 or refused(done)
    else:
        assert "set it to a writable folder" in refused(done)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
def test_a_home_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    try:
        someone: dict[str, Any] = {"user": 65534, "group": 65534}
        subprocess.run([sys.executable, "-c", "import marl_zoo"], check=True, capture_output=True, **someone)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("another user cannot read Python here")
    done = run("matches", env={"ZOO_HOME": str(tmp_path / "home")}, **someone)
    refused(done)


def test_words_and_files_that_are_no_text(tmp_path: Path) -> None:
    assert r"'\udcff\udcfe' is no text in UTF-8" in refused(run("agents", b"\xff\xfe"))
    (tmp_path / os.fsdecode(b"\xff.py")).write_text("x = 1\n")
    refused(run("submit", b"\xff.py", "--arena", "ipd", cwd=tmp_path))


def test_a_folder_with_a_name_that_is_no_text(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xfe")
    folder.mkdir()
    assert "no file nowhere.py" in refused(run("agents", "nowhere.py:X", cwd=folder))


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    start = f"exec {sys.executable} -P -c 'from marl_zoo import main; main()' agents"
    script = f"cd {tmp_path}/gone && rmdir ../gone && {start}"
    (tmp_path / "gone").mkdir()
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=False)
    assert "there no more" in refused(done)


def test_a_terminal_that_knows_no_letters() -> None:
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "TERM": "dumb", "COLUMNS": "1"}
    assert run("agents", "lola", env=plain).returncode == 0
    refused(run("agents", "müller", env=plain))


@pytest.mark.slow
def test_ctrl_c_is_one_line_and_keeps_what_was_played(tmp_path: Path) -> None:
    words = ("tournament", "grim", "random", "tit-for-tat", "--arena", "ipd", "--episodes", "1000000", "--no-panel")
    process = subprocess.Popen([*ZOO, *words], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    records = Path(os.environ["ZOO_HOME"]) / "records.sqlite"
    while not records.exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    last = said.decode().splitlines()[-1]
    assert last == "zoo: stopped; every block that was finished is kept, and the same command goes on from there"
    assert b"Traceback" not in said
