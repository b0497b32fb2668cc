"""Uploads: who may send what, how much and how often, and that nothing of it runs in the server."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("python_multipart")

from starlette.requests import Request
from starlette.types import ASGIApp, Message

from leaderboard.records import ArenaRecord, EntrantRecord, SubmissionRecord
from leaderboard.store.store import Store
from tests.zoo.command_line import Refused, Zoo
from tests.zoo.serve.asking import Answer, ask, asked
from zoo import home
from zoo.serve import tokens, uploads
from zoo.serve.guard import Allowance, Refusal, read_body
from zoo.serve.site import Desk, UploadLimits, application
from zoo.serve.uploads import Upload, Uploads

FILE = b"raise SystemExit('this ran')\n"


def form(file: bytes = FILE, filename: str = "mine.py", **fields: str) -> tuple[bytes, str]:
    """A form as a browser sends it, and its type."""
    line = "----zoo"
    parts = [
        f'--{line}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'--{line}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'.encode()
    return b"".join([*parts, head, file, f"\r\n--{line}--\r\n".encode()]), f"multipart/form-data; boundary={line}"


class Sender:
    """Sends forms to a desk."""

    def __init__(self, limits: UploadLimits | None = None) -> None:
        self.token = tokens.new_token("Ada")
        self.uploads = Uploads()
        self.app: ASGIApp = application(None, Desk(self.uploads, limits), None)

    def __call__(self, file: bytes = FILE, client: str = "10.0.0.1", **fields: str) -> Answer:
        known = {"arena": "ipd", "name": "mine", "author": "Ada", "token": self.token}
        body, kind = form(file, **{**known, **fields})
        return asyncio.run(asked(self.app, "/submit", "POST", body, client=client, content_type=kind))


@pytest.fixture
def send() -> Sender:
    return Sender()


def waiting() -> list[Upload]:
    folder = home.folder() / "uploads"
    return [Upload(**json.loads(path.read_text())) for path in folder.glob("*/upload.json")]


def test_an_upload_is_kept_and_has_a_page(send: Sender) -> None:
    answer = send()
    assert answer.status == 303
    (upload,) = waiting()
    assert answer.headers["location"] == f"/submissions/{upload.ticket}"
    assert (upload.author, upload.name, upload.arena, upload.state) == ("Ada", "mine", "ipd", "waiting")
    assert (home.folder() / "uploads" / upload.ticket / "mine.py").read_bytes() == FILE
    page = ask(send.app, f"/submissions/{upload.ticket}")
    assert page.status == 200 and "waiting" in page.text
    assert ask(send.app, f"/submissions/{upload.ticket}/news").json == {"state": "waiting", "over": False, "said": ""}


def test_the_form_is_there(send: Sender) -> None:
    page = ask(send.app, "/submit")
    assert page.status == 200 and "<option>ipd</option>" in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"token": "forged"}, 403),
        ({"token": ""}, 403),
        ({"author": "Bob"}, 403),
        ({"author": "ada"}, 403),
        ({"author": "../../Ada"}, 403),
        ({"arena": "nowhere"}, 400),
        ({"arena": "evil.py:env"}, 400),
        ({"arena": "pettingzoo:mpe.simple_v3"}, 400),
        ({"arena": "--trust"}, 400),
        ({"name": "../up"}, 400),
        ({"name": "--trust"}, 400),
        ({"name": ""}, 400),
        ({"name": "<script>"}, 400),
        ({"filename": "mine.exe"}, 400),
        ({"filename": ".py"}, 400),
        ({"filename": "mine"}, 400),
    ],
)
def test_what_is_wrong_is_refused_and_not_kept(send: Sender, fields: dict[str, str], status: int) -> None:
    answer = send(**fields)
    assert answer.status == status and "Traceback" not in answer.text
    assert waiting() == []


@pytest.mark.parametrize("name", ["../../../evil.py", "..\\..\\evil.py", "/etc/evil.py", "a/b/evil.py", "-evil .py"])
def test_names_of_files_lead_nowhere(send: Sender, name: str) -> None:
    assert send(filename=name).status == 303
    (upload,) = waiting()
    folder = home.folder() / "uploads" / upload.ticket
    assert {path.name for path in folder.iterdir()} == {"upload.json", upload.file}
    assert upload.file in ("evil.py", "_evil_.py")


def test_an_empty_file_is_refused(send: Sender) -> None:
    assert send(b"").status == 400


def test_a_file_that_is_too_large_is_refused(send: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.serve.site.SIZE", 2000)
    assert send(b"#" * 1900).status == 303
    assert send(b"#" * 2001).status == 413
    assert send(b"#" * 200_000).status == 413  # by its length alone, before anything is read
    assert len(waiting()) == 1


@pytest.mark.parametrize("said", ["999999999", "-1", "1e9", "ten"])
def test_a_length_that_is_said_to_be_too_large_is_refused(send: Sender, said: str) -> None:
    answer = ask(send.app, "/submit", "POST", b"x", content_type="multipart/form-data; boundary=x", content_length=said)
    assert answer.status == 413


def request_of(receive: Callable[[], Any]) -> Request:
    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def test_slow_and_endless_bodies_are_refused() -> None:
    async def never() -> Message:
        await asyncio.sleep(60)
        raise AssertionError

    async def endless() -> Message:
        return {"type": "http.request", "body": b"x" * 100, "more_body": True}

    async def cut() -> Message:
        return {"type": "http.disconnect"}

    for receive, status in ((never, 408), (endless, 413), (cut, 400)):
        with pytest.raises(Refusal) as refusal:
            asyncio.run(read_body(request_of(receive), 1000, 0.02))
        assert refusal.value.status == status


@pytest.mark.parametrize("body", [b"", b"nonsense", b"------zoo\r\n\r\n", b"------zoo--\r\n"])
def test_a_form_that_is_none_is_refused(send: Sender, body: bytes) -> None:
    for kind in ("multipart/form-data; boundary=----zoo", "multipart/form-data"):
        assert ask(send.app, "/submit", "POST", body, content_type=kind).status in (400, 403)
    assert ask(send.app, "/submit", "POST", body, content_type="application/json").status == 415


def test_tokens(zoo: Zoo, refused: Refused) -> None:
    first = zoo("serve", "--new-token", "Ada Lovelace").out.strip()
    assert len(first) >= 43 and tokens.holds("Ada Lovelace", first)
    kept = [path.read_text() for path in (home.secrets_folder() / "tokens").iterdir()]
    assert len(kept) == 1 and first not in kept[0]  # its hash alone
    second = zoo("serve", "--new-token", "Ada Lovelace").out.strip()
    assert tokens.holds("Ada Lovelace", second) and not tokens.holds("Ada Lovelace", first)
    other = zoo("serve", "--new-token", "Bob").out.strip()
    assert not tokens.holds("Ada Lovelace", other)
    assert not tokens.holds("Nobody", second) and not tokens.holds("", "")
    for name in ("", " Ada", "A\nB", "x" * 81):
        assert "no name of an author" in refused("serve", "--new-token", name)


def test_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(known: bytes, given: bytes) -> bool:
        compared.append((len(known), len(given)))
        return known == given

    token = tokens.new_token("Ada")
    monkeypatch.setattr("zoo.serve.tokens.hmac.compare_digest", compare)
    assert tokens.holds("Ada", token)
    for author, given in (
        ("Ada", ""),
        ("Ada", token[:-1]),
        ("Ada", "x" * 10_000),
        ("Nobody", token),
        ("\ud800", "\ud800"),
    ):
        assert not tokens.holds(author, given)
    assert compared == [(64, 64)] * 6


def test_a_damaged_token_opens_nothing() -> None:
    token = tokens.new_token("Ada")
    (place,) = (home.secrets_folder() / "tokens").iterdir()
    for text in ("", "[]", "{}", '{"author": "Ada", "sha256": null}', '{"author": "Bob", "sha256": "x"}'):
        place.write_text(text)
        assert not tokens.holds("Ada", token)


def test_an_allowance_ends_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("zoo.serve.guard.time.monotonic", lambda: now[0])
    allowance = Allowance(2, 10.0, keys=3)
    for _ in range(2):
        assert allowance.wait("a") == 0
        allowance.use("a")
        now[0] += 1
    assert allowance.wait("a") == 8 and allowance.wait("b") == 0
    now[0] += 8
    assert allowance.wait("a") == 0
    for key in "bcde":
        allowance.use(key)
    assert len(allowance._used) == 3


def test_too_many_uploads_are_refused() -> None:
    send = Sender(UploadLimits(author=Allowance(2, 60.0)))
    assert [send().status for _ in range(2)] == [303, 303]
    answer = send(client="10.0.0.2")  # by author, wherever from
    assert answer.status == 429 and int(answer.headers["retry-after"]) > 0
    by_address = Sender(UploadLimits(address=Allowance(2, 60.0)))
    assert [by_address().status for _ in range(3)] == [303, 303, 429]
    assert by_address(client="10.0.0.2").status == 303


def test_guessing_tokens_ends_soon() -> None:
    send = Sender(UploadLimits(wrong=Allowance(3, 60.0)))
    assert [send(token=f"guess {n}").status for n in range(4)] == [403, 403, 403, 429]
    assert send().status == 429  # the address has guessed too often, even if it is right now
    assert send(client="10.0.0.2").status == 429  # and so was the author's token
    tokens.new_token("Bob")
    assert send(client="10.0.0.2", author="Bob").status == 403  # which says nothing of others


def test_a_full_queue_is_told(send: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST", 1)
    assert [send().status for _ in range(2)] == [303, 503]


@pytest.mark.parametrize("ticket", ["", "x" * 22, "..", "%2e%2e%2fupload", "a" * 500, "*" * 22])
def test_tickets_cannot_be_guessed(send: Sender, ticket: str) -> None:
    send()
    assert ask(send.app, f"/submissions/{ticket}").status == 404
    assert ask(send.app, f"/submissions/{ticket}/news").status == 404


def run(desk: Uploads, *sent: Upload) -> list[Upload]:
    """Let a desk work until these are over."""

    async def work() -> list[Upload]:
        task = asyncio.create_task(desk.work())
        while not all(now is not None and now.over for now in map(desk.read, [upload.ticket for upload in sent])):
            await asyncio.sleep(0.005)
            assert not task.done(), task
        task.cancel()
        return [now for upload in sent if (now := desk.read(upload.ticket)) is not None]

    return asyncio.run(work())


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Another program in the place of `zoo submit`."""
    return lambda text: monkeypatch.setattr(uploads, "_PROGRAM", text)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[asyncio.subprocess.Process]]:
    """The processes that a desk starts; by the end of a test each must have ended, and been waited for."""
    processes: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def recorded(*words: Any, **terms: Any) -> asyncio.subprocess.Process:
        processes.append(await start(*words, **terms))
        return processes[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", recorded)
    yield processes
    assert [process.returncode for process in processes if process.returncode is None] == []


def test_it_is_tried_in_another_process(program: Callable[[str], None]) -> None:
    program("import os, sys; print(os.getpid(), sys.argv[1:]); print('said <b>', file=sys.stderr)")
    desk = Uploads()
    upload = desk.take("mine.py", FILE, "mine", "Ada L.", "ipd")
    (over,) = run(desk, upload)
    assert over.state == "entered"
    said = desk.said(over)
    assert "said <b>" in said and "'--arena=ipd', '--as=mine', '--author=Ada L.'" in said
    assert str(home.folder()) not in said
    (pid,) = [int(line.split()[0]) for line in said.splitlines() if line[:1].isdigit()]
    assert pid != os.getpid()
    page = ask(application(None, Desk(desk), None), f"/submissions/{upload.ticket}")
    assert "said &lt;b&gt;" in page.text and "<b>" not in page.text.replace("&lt;b&gt;", "")


def test_what_is_refused_is_told(program: Callable[[str], None]) -> None:
    program("import sys; print('zoo: mine.py: no', file=sys.stderr); sys.exit(2)")
    desk = Uploads()
    (over,) = run(desk, desk.take("mine.py", FILE, "mine", "Ada", "ipd"))
    assert (over.state, desk.said(over)) == ("refused", "zoo: mine.py: no")


def test_what_takes_too_long_is_ended(
    program: Callable[[str], None], started: list[asyncio.subprocess.Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    program("import time; time.sleep(60)")
    monkeypatch.setattr(uploads, "SECONDS", 0.05)
    desk = Uploads()
    (over,) = run(desk, desk.take("mine.py", FILE, "mine", "Ada", "ipd"))
    assert over.state == "refused" and "stopped after 0.05 s" in desk.said(over)
    assert len(started) == 1


def test_a_name_stays_its_authors(program: Callable[[str], None]) -> None:
    program("print('tried')")
    with Store(home.records()) as store:
        store.add(ArenaRecord("ipd-v1", "ipd-v1", "mixed", (("a", "s"), ("b", "s")), 0.0, 0.0, 1.0, 10))
        store.add(EntrantRecord("e", "mine/1", "mine", 1, {}, None, {"mode": "play"}))
        details = {"event": "entered", "name": "mine", "author": "Ada"}
        store.add(SubmissionRecord("s", "e", "ipd-v1", details, "2026-01-01T00:00:00+00:00"))
    desk = Uploads()
    sent = [desk.take("mine.py", FILE, "mine", author, "ipd") for author in ("Bob", "Ada")]
    bob, ada = run(desk, *sent)
    assert bob.state == "refused" and "another author's" in desk.said(bob) and "tried" not in desk.said(bob)
    assert ada.state == "entered"


def test_what_a_server_left_the_next_one_finishes(
    program: Callable[[str], None], started: list[asyncio.subprocess.Process]
) -> None:
    program("import time; time.sleep(60)")
    desk = Uploads()
    upload = desk.take("mine.py", FILE, "mine", "Ada", "ipd")

    async def stopped() -> None:
        task = asyncio.create_task(desk.work())
        while not started:
            await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(stopped())
    now = desk.read(upload.ticket)
    assert now is not None and now.state == "running"
    program("print('tried again')")
    after = Uploads()
    (over,) = run(after, upload)
    assert over.state == "entered" and after.said(over) == "tried again"


def test_uploads_are_not_taken_without_a_sandbox(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_ISOLATION", "trusted")
    assert "does not confine" in refused("serve", "--submit", "--port", 0)


@pytest.mark.slow
def test_the_server_imports_no_agents() -> None:
    code = (
        "import sys, zoo.serve.home_site, zoo.serve.pages; print([m for m in ('torch', 'agents') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
