"""What is new in the records, by arena."""

from __future__ import annotations

from pathlib import Path

from leaderboard.records import ArenaRecord, EntrantRecord, MatchRecord, NameRecord
from leaderboard.store.news import News
from leaderboard.store.store import Store


def match(id: str, arena: str) -> MatchRecord:
    return MatchRecord(id, arena, ("a",), "play", 0, 1, (), "", "2026-01-01T00:00:00+00:00", "1")


def test_only_the_arenas_that_changed_have_another_state(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    news = News(path)
    assert not news.look()  # there is no file yet
    with Store(path) as store:
        for name in ("one", "two"):
            store.add(ArenaRecord(name, name, "mixed", (("a", "s"), ("b", "s")), 0.0, 0.0, 1.0, 10))
        store.add(EntrantRecord("a", "a", "random", 1, {}, None, {"mode": "play"}))
        store.add(match("1", "one"))
        assert news.look() and not news.look()
        states = [news.state(arena) for arena in ("one", "two", "")]
        store.add(match("2", "two"))
        assert news.look()
        assert news.state("one") == states[0]
        assert news.state("two") != states[1] and news.state() != states[2]
        store.add(match("2", "two"))  # nothing that was not there
        assert not news.look()
        states = [news.state(arena) for arena in ("one", "two", "")]
        store.add(NameRecord("n", "a", "another name", "2026-01-01T00:00:00+00:00"))
        assert news.look()  # a name may show on any board
        assert all(news.state(arena) != state for arena, state in zip(("one", "two", ""), states, strict=True))
