"""`zoo serve`: the results of a home as pages, for whoever has a browser."""

from __future__ import annotations

import click

EPILOG = """\b
The pages are those of `zoo report`, with lists of boards, matches, entrants and
seasons. They change as games are played. Nothing can be changed through them,
unless --submit takes uploads: those are tried as `zoo submit` tries them, in
another process, and only with a token that --new-token made.

\b
Examples:
  zoo serve
  zoo serve --port 8080
  zoo serve --new-token "Ada Lovelace"
  zoo serve --submit
  zoo serve --submit --host 0.0.0.0

\b
docs/serve.md says what is refused, and how to put it behind a web server.
"""


@click.command(epilog=EPILOG)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; this machine alone by default.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--submit", is_flag=True, help="Take uploads of authors who have a token.")
@click.option(
    "--new-token", "author", metavar="AUTHOR", help="Print a token of an author, which replaces the last one."
)
def command(host: str, port: int, submit: bool, author: str | None) -> None:
    """Show boards, matches, replays, entrants and seasons as web pages.

    Ctrl-C ends it.
    """
    from zoo.errors import need
    from zoo.serve.tokens import new_token

    if author is not None:
        click.echo(new_token(author))
        click.echo(f"This is the token of {author}; it is not shown again, and the one before is void.", err=True)
        return
    for module in ("starlette", "uvicorn", *(["python_multipart"] if submit else [])):
        need(module, "zoo serve")
    from zoo.serve.home_site import serve_home

    serve_home(host, port, submit=submit, say=click.echo)
