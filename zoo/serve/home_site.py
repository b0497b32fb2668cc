"""`zoo serve` without its options: the pages of this home at an address."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from leaderboard.errors import NoRecordsError
from leaderboard.store.news import News
from zoo import home
from zoo.errors import UserError
from zoo.sandbox.levels import isolation, refusal
from zoo.serve import pages
from zoo.serve.keeper import Artist, Keeper
from zoo.serve.running import address_of, bound, is_loopback, known_hosts, serve
from zoo.serve.site import Desk, application
from zoo.serve.uploads import Uploads
from zoo.work.pool import name_of

_GAMES, _PLAYED = ("games", "match-games"), 2  # pages that play games, and how many of them may wait at once


def serve_home(host: str, port: int, *, submit: bool, say: Callable[[str], None]) -> None:
    """Serve this home's pages until Ctrl-C.

    Args:
        host: where to listen.
        port: likewise; 0 takes a free one.
        submit: take uploads.
        say: given the lines that are printed.

    Raises:
        UserError: the address is taken, or uploads could not be kept apart here.
    """
    if submit:
        level = isolation()
        if level in ("trusted", "process"):
            raise UserError(f"--submit runs strangers' code, which level {level} does not confine: unset ZOO_ISOLATION")
        if why := refusal(level):
            raise UserError(f"--submit: {why}")
    with suppress(NoRecordsError):
        home.read_records().close()  # brings those of an older release up to date
    listening = bound(host, port)
    if not is_loopback(host):
        say(f"Warning: whoever reaches {host} can read these pages{' and send uploads' if submit else ''}.")
    manner = "uploads are taken" if submit else "read-only"
    say(f"{home.folder()} at {address_of(listening)}/ ({manner}; Ctrl-C ends it)")
    draws = name_of(pages.draw_with_form if submit else pages.draw)
    # games are played by another process, so that nobody waits for them who wants a page
    artist, player = Artist(draws), Artist(draws, most=_PLAYED)
    try:
        desk = Desk(Uploads()) if submit else None
        keeper = Keeper(News(home.records()), lambda key: (player if key.kind in _GAMES else artist).draw(key))

        def stop() -> None:
            artist.stop()
            player.stop()

        serve(application(keeper, desk, known_hosts(host)), listening, stop)
    finally:
        artist.close()
        player.close()
