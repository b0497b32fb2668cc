"""The pages of a home: what they show, that they are drawn once, and that nothing in them is anybody else's script."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import threading
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from leaderboard.records import EntrantRecord, MatchRecord, NameRecord
from leaderboard.seeds import SECRET_SEEDS
from leaderboard.store.news import News
from leaderboard.store.store import Store
from tests.zoo.command_line import Refused, Zoo
from tests.zoo.serve.asking import Answer, ask, asked, draw_here
from zoo import home
from zoo.serve import home_site, layout, watching
from zoo.serve.keeper import Artist, DrawnPage, Keeper, PageKey, TooBusyError
from zoo.serve.running import known_hosts
from zoo.serve.site import application

ARENA = "ipd-v1(max_steps=4)"
EVIL = "<script>alert(1)</script>"
WORDS = (
    "tournament tit-for-tat always-defect random --arena ipd --set arena.max_steps=4 --episodes 4"
    " --panel tit-for-tat,always-defect"
)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A home with a few games, of which one entrant is called by a script; to be read only."""
    from zoo.cli import main

    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_HOME", str(folder))
        with pytest.raises(SystemExit) as end:
            main(WORDS.split())
        assert not end.value.code
        with Store(home.records()) as store:
            who = next(e.id for e in store.entrants() if e.label == "random")
            store.add(NameRecord("named", who, EVIL, "2026-01-01T00:00:00+00:00"))
    return str(folder)


@pytest.fixture
def app(played: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("ZOO_HOME", played)
    return application(Keeper(News(home.records()), draw_here), None, known_hosts("127.0.0.1"))


def match_id() -> str:
    with home.read_records() as store:
        return store.matches()[0].id


def stored() -> Store:
    return home.read_records()


def entrant_id(label: str) -> str:
    with home.read_records() as store:
        return next(entrant.id for entrant in store.entrants() if entrant.label == label)


class Inline(HTMLParser):
    """Texts of inline styles and scripts, handlers in attributes, and addresses that are loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {"style": [], "script": []}
        self.wrong: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.wrong += [name for name in known if name.startswith("on")]
        self.wrong += [str(known["src"])] if "src" in known else []
        data = (known.get("type") or "").startswith(("application/json", "text/plain"))
        self._inside = tag if tag in self.texts and not data else ""
        if self._inside:
            self.texts[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside][-1] += data


def is_guarded(answer: Answer) -> None:
    """Every inline text is named by its hash in the policy, and all headers of security are there."""
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    found = Inline()
    found.feed(answer.text)
    assert found.wrong == []
    for kind, texts in found.texts.items():
        for text in texts:
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy[f"{kind}-src"], kind
    for name, value in {
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "x-frame-options": "DENY",
    }.items():
        assert answer.headers[name] == value


def test_every_page_shows_what_the_records_say(app: Any) -> None:
    pages = {
        "/": (ARENA, "tit-for-tat"),
        f"/boards/{quote(ARENA)}": ("Who stands where", "always-defect", 'href="/matches"'),
        "/matches": (match_id()[:8], ARENA),
        f"/matches/{match_id()}": ("own return", "column"),
        "/replays": (f"/boards/{quote(ARENA)}#arena-0-replays",),
        "/entrants": ("always-defect", entrant_id("always-defect")[:16]),
        f"/entrants/{entrant_id('tit-for-tat')}": ("rank", "Where it stands", quote(ARENA)),
        "/seasons": ("No season",),
    }
    for path, words in pages.items():
        answer = ask(app, path)
        assert answer.status == 200, path
        is_guarded(answer)
        for word in words:
            assert word in answer.text, (path, word)


def test_a_match_says_what_everybody_got(app: Any) -> None:
    with home.read_records() as store:
        names = {entrant.id: entrant.label for entrant in store.entrants()}
        match = store.matches()[0]
        block = next(
            b
            for b in store.blocks_of(match.blocks)
            if {names[e] for e in b.entrants} == {"tit-for-tat", "always-defect"}
        )
        mine = next(r for r in block.results if names[r.entrant] == "always-defect" and r.seat == "row")
    rows = re.findall(
        r"<tr><th scope=\"row\">(.*?)</th><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td><td>(.*?)</td>",
        ask(app, f"/matches/{match.id}").text,
    )
    told = {row[:3]: row[3] for row in rows}
    assert float(told["always-defect", "tit-for-tat", "row"].split()[0]) == pytest.approx(float(mine.returns.mean()))


def games(html: str) -> list[dict[str, Any]]:
    """The games in a page, as its script unpacks them."""
    (packed,) = re.findall(r'class="replays" data-arena="0">(.*?)</script>', html)
    unpacked: list[dict[str, Any]] = json.loads(zlib.decompress(base64.b64decode(packed)))["games"]
    return unpacked


def test_a_match_and_a_board_lead_to_games_that_agree_with_their_records(app: Any) -> None:
    match, one, other = match_id(), entrant_id("tit-for-tat"), entrant_id("always-defect")
    assert f'href="/matches/{match}/{one}/{other}"' in ask(app, f"/matches/{match}").text
    assert 'data-games="/games/"' in ask(app, f"/boards/{quote(ARENA)}").text
    with home.read_records() as store:
        block = next(b for b in store.blocks(ARENA, {one, other}, "play") if set(b.entrants) == {one, other})
    for path in (f"/matches/{match}/{one}/{other}", f"/games/{other}/{one}/{quote(ARENA)}"):
        answer = ask(app, path)
        assert answer.status == 200
        is_guarded(answer)
        assert "img-src data:" in answer.headers["content-security-policy"]
        (game,) = games(answer.text)  # the two always play alike
        recorded = {r.seat: r.returns[game["episode"]] for r in block.results if r.rotation == 0}
        assert game["recorded"] == [recorded[seat] for seat in ("row", "column")]
    assert ask(app, f"/games/{one}/{one}/{quote(ARENA)}").text.count("tit-for-tat with its like") == 2
    is_guarded(ask(app, f"/games/{entrant_id('random')}/{one}/{quote(ARENA)}"))


def test_games_of_strangers_are_not_run_for_a_page(app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = entrant_id("tit-for-tat"), entrant_id("always-defect")
    arena = next(arena for arena in stored().arenas() if arena.id == ARENA)
    blocks = stored().blocks(ARENA, {one, other}, "play")
    blocks = [b for b in blocks if set(b.entrants) == {one, other}]
    ran = tmp_path / "ran"
    file = tmp_path / "mine.py"
    file.write_text(f"open({str(ran)!r}, 'w')")
    with Store(str(tmp_path / "records.sqlite")) as store:
        store.add(arena)
        for who in (one, other):
            known = next(e for e in stored().entrants() if e.id == who)
            store.add(replace(known, label=f"{file}:Mine"))
        details = {"arena": "ipd", "settings": ["max_steps=4"], "wrap": [], "pairing": [f"{file}:Mine"] * 2}
        store.add(MatchRecord("m", ARENA, (one, other), "play", 0, 4, (), "", "", "", details))
        monkeypatch.setenv("ZOO_HOME", str(tmp_path))  # which has kept no game
        page = watching.games_page(store, arena, (one, other), blocks, [], back=("/", "Boards"))
    assert page.status == 200 and b"No game of these two can be shown. " in page.body
    assert b"or is not the zoo&#39;s own" in page.body and b"<script" not in page.body
    assert not ran.exists()


def test_games_on_a_secret_seed_are_not_shown(app: Any) -> None:
    one, other = entrant_id("tit-for-tat"), entrant_id("always-defect")
    arena = next(arena for arena in stored().arenas() if arena.id == ARENA)
    blocks = [replace(b, seed=SECRET_SEEDS + 1) for b in stored().blocks(ARENA, {one, other}, "play")]
    page = watching.games_page(stored(), arena, (one, other), blocks, [], back=("/", "Boards"))
    assert b"played on a secret seed" in page.body


def test_few_may_wait_for_games() -> None:
    artist = Artist("zoo.serve.pages:draw", most=0)
    try:
        with pytest.raises(TooBusyError):
            artist.draw(PageKey("games", "a/b/c"))
    finally:
        artist.close()


@pytest.mark.slow
def test_the_board_is_the_report(app: Any, zoo: Zoo, tmp_path: Path) -> None:
    served = ask(app, f"/boards/{quote(ARENA)}").text
    zoo("report", "--arena", ARENA, "--no-replays", "--out", tmp_path / "r.html")
    filed = (tmp_path / "r.html").read_text()
    for part in ('id="evidence">', 'id="figures">', '<table class="forest">'):
        assert part in filed
        end = "</table>" if "table" in part else "</script>"
        assert served.split(part)[1].split(end)[0] == filed.split(part)[1].split(end)[0]
    assert "pairings without games so far" in served  # the server plays none


def test_names_are_escaped_everywhere(app: Any) -> None:
    who = entrant_id("random")
    for path in ("/", f"/boards/{quote(ARENA)}", "/matches", f"/matches/{match_id()}", "/entrants", f"/entrants/{who}"):
        answer = ask(app, path)
        assert EVIL not in answer.text, path
        is_guarded(answer)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in ask(app, f"/entrants/{who}").text


@pytest.mark.parametrize(
    "path",
    [
        "/boards/../../../etc/passwd",
        "/boards/%2e%2e/%2e%2e/etc/passwd",
        "/boards//etc/passwd",
        "/matches/../records.sqlite",
        "/seasons/..",
        "/entrants/%00",
        "/matches?page=0",
        "/matches?page=-1",
        "/matches?page=999999999999999999999",
        "/matches?page=٣",
        "/matches?page=2",
        "/static/../zoo.toml",
        "/submit",
        f"/boards/{'a' * 3000}",
        "/boards/coin-v9",
        f"/matches/{EVIL}",
        f"/matches/{EVIL}/a/b",
        "/games/a/b/coin-v9",
        f"/games/a/b/{quote(ARENA)}",
        f"/games/../b/{quote(ARENA)}",
    ],
)
def test_what_is_not_there_is_not_found(app: Any, path: str) -> None:
    answer = ask(app, path)
    assert answer.status == 404
    assert "root:" not in answer.text and EVIL not in answer.text and "Traceback" not in answer.text
    is_guarded(answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_it_only_reads(app: Any, method: str) -> None:
    for path in ("/", "/matches", f"/boards/{quote(ARENA)}"):
        assert ask(app, path, method).status == 405


def test_other_hosts_are_refused(app: Any) -> None:
    assert ask(app, "/", host="evil.example").status == 421
    assert ask(app, "/", host="evil.example:8000").status == 421
    assert ask(app, "/", host="localhost:8000").status == 200
    assert ask(app, "/", host="[::1]:8000").status == 200
    everybody = application(Keeper(News(home.records()), draw_here), None, known_hosts("0.0.0.0"))
    assert ask(everybody, "/", host="zoo.example").status == 200


def test_who_has_a_page_is_sent_nothing(app: Any) -> None:
    first = ask(app, "/matches")
    again = ask(app, "/matches", if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert ask(app, "/matches", if_none_match='W/"another"').status == 200
    packed = ask(app, "/matches", accept_encoding="gzip, br")
    assert packed.headers["content-encoding"] == "gzip" and packed.text == first.text
    assert len(packed.body) < len(first.body) / 2


def test_an_empty_home_says_so() -> None:
    app = application(Keeper(News(home.records()), draw_here), None, None)
    for path in ("/", "/matches", "/entrants"):
        answer = ask(app, path)
        assert answer.status == 200 and "Nothing has been played here yet" in answer.text


def test_a_damaged_home_is_told_in_a_line() -> None:
    (home.folder() / "records.sqlite").write_bytes(b"no database at all" * 100)
    answer = ask(application(Keeper(News(home.records()), draw_here), None, None), "/matches")
    assert answer.status == 503 and "is not a database" in answer.text and "Traceback" not in answer.text


class Fake:
    """Pages that say how often they were drawn, and can be held up."""

    def __init__(self) -> None:
        self.drawn: list[PageKey] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, key: PageKey) -> DrawnPage:
        self.drawn.append(key)
        self.go.wait(20)
        return DrawnPage(200, f"{key.kind} {len(self.drawn)}".encode(), "")


def add_entrant_named(text: str) -> None:
    with Store(home.records()) as store:
        store.add(EntrantRecord(text, text, "random", 1, {}, None, {"mode": "play"}))
        store.add(NameRecord(text, text, text, "2026-01-01T00:00:00+00:00"))


def test_a_hundred_readers_cost_one_page() -> None:
    fake = Fake()

    async def readers() -> set[bytes]:
        keeper = Keeper(News(home.records()), fake)
        app = application(keeper, None, None)
        return {answer.body for answer in await asyncio.gather(*(asked(app, "/") for _ in range(100)))}

    assert asyncio.run(readers()) == {b"boards 1"}
    assert len(fake.drawn) == 1


def test_who_would_wait_long_is_told_what_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.serve.site.PATIENCE_S", 0.01)
    fake = Fake()
    fake.go.clear()
    person = {"accept": "text/html,application/xhtml+xml"}

    async def read() -> list[Answer]:
        app = application(Keeper(News(home.records()), fake), None, None)
        seen = [await asked(app, "/boards/a", **person), await asked(app, "/boards/a", **person)]
        program = asyncio.create_task(asked(app, "/boards/a"))
        await asyncio.sleep(0.01)
        fake.go.set()
        return [*seen, await program, await asked(app, "/boards/a", **person)]

    first, second, program, last = asyncio.run(read())
    for waiting in (first, second):
        assert (waiting.status, waiting.headers["refresh"]) == (202, "2")
        assert waiting.headers["cache-control"] == "no-store" and "etag" not in waiting.headers
        assert "The board is being made from its records" in waiting.text and "<script" not in waiting.text
    assert program.body == last.body == b"board 1" and len(fake.drawn) == 1
    assert "refresh" not in last.headers


def test_what_came_of_a_page_is_told_to_who_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.serve.site.PATIENCE_S", 0.01)
    go, drawn = threading.Event(), []

    def missing(key: PageKey) -> DrawnPage:
        drawn.append(key)
        go.wait(20)
        if key.name == "b":
            raise RuntimeError("secret")
        return layout.sorry(404, "There is no such arena here.", [])

    async def read(path: str) -> list[int]:
        go.clear()
        keeper = Keeper(News(home.records()), missing)
        app = application(keeper, None, None)
        first = await asked(app, path, accept="text/html")
        go.set()
        while keeper.busy:
            await asyncio.sleep(0.001)
        return [first.status, (await asked(app, path, accept="text/html")).status]

    assert asyncio.run(read("/boards/a")) == [202, 404]
    assert asyncio.run(read("/boards/b")) == [202, 500]
    assert len(drawn) == 2


def test_an_old_page_is_shown_while_the_new_one_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.serve.keeper.LOOK_S", 0.0)
    fake = Fake()

    async def read() -> list[bytes]:
        news = News(home.records())
        keeper, seen = Keeper(news, fake), []
        key = PageKey("boards")
        seen.append((await keeper.page(key)).body)
        add_entrant_named("new")
        fake.go.clear()
        while len(fake.drawn) < 2:  # the news is seen, and the new page is begun; readers have the old one
            seen.append((await keeper.page(key)).body)
            await asyncio.sleep(0.001)
        seen.append((await keeper.page(key)).body)
        fake.go.set()
        while keeper.drawn < 2:
            await asyncio.sleep(0.001)
        seen.append((await keeper.page(key)).body)
        return seen

    *old, new = asyncio.run(read())
    assert set(old) == {b"boards 1"} and new == b"boards 2"
    assert len(fake.drawn) == 2


def test_after_a_pause_nobody_is_shown_an_old_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.serve.keeper.LOOK_S", 0.0)
    monkeypatch.setattr("zoo.serve.keeper.OLD_S", 0.0)
    fake = Fake()

    async def read() -> list[bytes]:
        keeper = Keeper(News(home.records()), fake)
        first = (await keeper.page(PageKey("boards"))).body
        add_entrant_named("new")
        return [first, (await keeper.page(PageKey("boards"))).body]

    assert asyncio.run(read()) == [b"boards 1", b"boards 2"]


def test_too_many_pages_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.serve.keeper.WAITING", 2)
    fake = Fake()
    fake.go.clear()

    async def read() -> list[Any]:
        keeper = Keeper(News(home.records()), fake)
        tasks = [asyncio.create_task(keeper.page(PageKey("board", str(n)))) for n in range(3)]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        fake.go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    *good, bad = asyncio.run(read())
    assert isinstance(bad, TooBusyError)
    assert all(isinstance(page, DrawnPage) for page in good)


def test_what_is_kept_has_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.serve.keeper.ROOM", 20)
    fake = Fake()

    async def read() -> None:
        keeper = Keeper(News(home.records()), fake)
        for n in (1, 2, 3, 4, 1):
            await keeper.page(PageKey("board", str(n)))

    asyncio.run(read())
    assert [key.name for key in fake.drawn] == ["1", "2", "3", "4", "1"]


def test_a_fault_in_drawing_tells_readers_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken(key: PageKey) -> DrawnPage:
        raise ZeroDivisionError("secret words")

    answer = ask(application(Keeper(News(home.records()), broken), None, None), "/")
    assert answer.status == 500 and "secret words" not in answer.text
    is_guarded(answer)
    assert "secret words" in caplog.text  # whoever runs the server reads why


def test_it_warns_where_others_can_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_site, "serve", lambda app, listening, stop: listening.close())
    for host, warns in (("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True)):
        said: list[str] = []
        home_site.serve_home(host, 0, submit=False, say=said.append)
        assert said[0].startswith("Warning: ") == warns, said
        assert "read-only" in said[-1]


@pytest.mark.parametrize("words", ["serve", "duel random --arena ipd"])
def test_a_missing_extra_is_named(words: str, refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.errors.importlib.util.find_spec", lambda name: None)
    assert "pip install 'marl-zoo[serve]'" in refused(*words.split())
