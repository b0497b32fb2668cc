"""`zoo duel` without its options: a table, its page, and the server that shows it."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable

from zoo.entry.entrant import Entrant
from zoo.entry.venue import Venue
from zoo.serve.duel_site import DuelSite
from zoo.serve.human import HumanTable
from zoo.serve.running import address_of, bound, known_hosts, serve
from zoo.serve.site import application

_HOST = "127.0.0.1"


def serve_duel(
    venue: Venue, entrant: Entrant, name: str, seed: int, port: int, *, opens: bool, say: Callable[[str], None]
) -> None:
    """Let a human play until Ctrl-C.

    Args:
        venue: where.
        entrant: against whom.
        name: what the human is called.
        seed: match seed.
        port: where to listen, on this machine alone; 0 takes a free one.
        opens: open the page in a browser, too.
        say: given the line that is printed.

    Raises:
        UserError: no human can play here, or the port is taken.
    """
    site = DuelSite(HumanTable(venue, entrant, name, seed))
    listening = bound(_HOST, port)
    address = f"{address_of(listening)}{site.path}"
    say(f"{name} against {entrant.label} in {venue.identity}: {address} (Ctrl-C ends it)")
    if opens:
        webbrowser.open(address)
    serve(application(None, None, known_hosts(_HOST), more=site.routes()), listening)
