"""The application: which address shows which page, and the form for uploads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from zoo.entry.registry import ARENAS, names
from zoo.serve import layout, tokens
from zoo.serve.guard import Allowance, Guard, Refusal, read_body
from zoo.serve.keeper import PATIENCE_S, BeingDrawnError, DrawnPage, Keeper, PageKey, TooBusyError
from zoo.serve.uploads import SIZE, Upload, Uploads

_LOG = logging.getLogger(__name__)
_FORM = 64 << 10  # bytes of an upload that are not the file
_AT_ONCE = 4  # uploads that are read at the same time


@dataclass(frozen=True)
class UploadLimits:
    """How often uploads are taken.

    Attributes:
        author: of one author; address: from one address, wrong tokens included.
        wrong: wrong tokens from one address, or for one author.
    """

    author: Allowance = field(default_factory=lambda: Allowance(10, 3600.0))
    address: Allowance = field(default_factory=lambda: Allowance(30, 3600.0))
    wrong: Allowance = field(default_factory=lambda: Allowance(10, 600.0))


class Desk:
    """Where uploads are handed in.

    Args:
        uploads: where they go.
        limits: how many are taken.
    """

    def __init__(self, uploads: Uploads, limits: UploadLimits | None = None) -> None:
        self.uploads = uploads
        self._limits = limits or UploadLimits()
        self._links = layout.links(submit=True)
        self._reading = 0

    async def form(self, request: Request) -> Response:
        """The form."""
        return answer(
            request,
            layout.laid_out("submit.html", self._links, arenas=list(names(ARENAS)), most=SIZE >> 20),
            "no-store",
        )

    async def hand_in(self, request: Request) -> Response:
        """Take an upload, or say why not.

        Raises:
            Refusal: a limit is reached, the token is wrong, or the form is not as it should be.
        """
        address = request.client.host if request.client else ""
        _check(self._limits.address, address, "uploads from your address")
        _check(self._limits.wrong, address, "wrong tokens from your address")
        if self._reading >= _AT_ONCE:
            raise Refusal(503, "Others are sending files just now. Try again in a minute.", 60)
        self._limits.address.use(address)
        self._reading += 1
        try:
            told, file, data = await _parsed(request)
        finally:
            self._reading -= 1
        author = told.get("author", "").strip()
        _check(self._limits.wrong, f"by {author}", "wrong tokens for this author")
        if not tokens.holds(author, told.get("token", "").strip()):
            self._limits.wrong.use(address)
            self._limits.wrong.use(f"by {author}")
            raise Refusal(403, "This token is not the author's.")
        _check(self._limits.author, author, "uploads of yours")
        if told.get("arena") not in names(ARENAS):
            raise Refusal(400, "There is no such arena.")
        upload = self.uploads.take(file, data, told.get("name", "").strip(), author, told["arena"])
        self._limits.author.use(author)
        return RedirectResponse(f"/submissions/{upload.ticket}", 303)

    async def progress(self, request: Request) -> Response:
        """The page of an upload."""
        upload = self._of(request)
        script = "" if upload.over else (layout.SITE / "progress.js").read_text()
        said = await asyncio.to_thread(self.uploads.said, upload)
        policy = "form-action 'none'; connect-src 'self'"
        page = layout.laid_out("progress.html", self._links, script=script, policy=policy, upload=upload, said=said)
        return answer(request, page, "no-store")

    async def news(self, request: Request) -> Response:
        """What the page of an upload asks for while it is tried."""
        upload = self._of(request)
        said = await asyncio.to_thread(self.uploads.said, upload)
        return JSONResponse({"state": upload.state, "over": upload.over, "said": said})

    def _of(self, request: Request) -> Upload:
        upload = self.uploads.read(request.path_params["ticket"])
        if upload is None:
            raise Refusal(404, "There is no such upload.")
        return upload


def _check(allowance: Allowance, key: str, what: str) -> None:
    if wait := allowance.wait(key):
        raise Refusal(429, f"These were too many {what}. Try again in {int(wait) // 60 + 1} min.", int(wait) + 1)


async def _parsed(request: Request) -> tuple[dict[str, str], str, bytes]:
    """The fields of the form, and the name and the bytes of its file."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Refusal(415, "Send the form as multipart/form-data.")
    body = await read_body(request, SIZE + _FORM)

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        parser = MultiPartParser(
            Headers(scope=request.scope), stream(), max_files=1, max_fields=8, max_part_size=_FORM // 8
        )
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeDecodeError) as error:
        raise Refusal(400, "The form cannot be read.") from error
    file, data = "", b""
    try:
        sent = form.get("file")
        if isinstance(sent, UploadFile):
            file, data = sent.filename or "", await sent.read()
        if len(data) > SIZE:
            raise Refusal(413, f"At most {SIZE >> 20} MB are taken.")
        return {key: value for key, value in form.items() if isinstance(value, str)}, file, data
    finally:
        await form.close()


def answer(request: Request, page: DrawnPage, cache: str = "no-cache") -> Response:
    """A page as a response: packed where that is taken, and nothing where the reader has it already."""
    headers = {"content-security-policy": page.policy, "cache-control": cache, "vary": "accept-encoding"}
    if page.status == 200 and cache != "no-store":
        headers["etag"] = page.tag
        known = request.headers.get("if-none-match", "")
        if known and (known == "*" or page.tag in [tag.strip() for tag in known.split(",")]):
            return Response(status_code=304, headers=headers)
    body = page.body
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"], body = "gzip", page.packed
    return Response(body, page.status, headers, "text/html; charset=utf-8")


#: Seconds after which a page that is being drawn is looked for again.
_AGAIN_S = 2
_GAMES = "Games of these two are being played again and held against their records, which is done once"
_DRAWN = {
    "boards": "All boards of this home are being made from its records",
    "board": "The board is being made from its records, and the report is being laid out",
    "games": _GAMES,
    "match-games": _GAMES,
}


class Pages:
    """The pages of a home, with links to others."""

    def __init__(self, keeper: Keeper, links: layout.Links) -> None:
        self._keeper, self._links = keeper, links

    def at(self, kind: str, *, arena: bool = False) -> Callable[[Request], Any]:
        """What answers at an address; its parts say which board, match, entrant, season or games."""

        async def show(request: Request) -> Response:
            name = "/".join(request.path_params.values())
            if kind == "matches":
                name = request.query_params.get("page", "1")
                if not (name.isascii() and name.isdecimal()) or not 0 < int(name[:6]) < 100_000 or name[0] == "0":
                    raise Refusal(404, "There is no such page of matches.")
            if len(name) > 400:
                raise Refusal(404, "There is no page with such a name.")
            key = PageKey(kind, name, request.path_params["name"] if arena else "")
            # a person at a browser is told what goes on; programs wait for the page itself
            patience = PATIENCE_S if "text/html" in request.headers.get("accept", "") else None
            try:
                return answer(request, await self._keeper.page(key, patience))
            except BeingDrawnError as drawing:
                return self._wait(request, kind, drawing.seconds)
            except TooBusyError:
                raise Refusal(503, "Many pages are being drawn just now. Try again in a moment.", 5) from None
            except Exception as error:
                _LOG.exception("%s %s", kind, name)
                raise Refusal(500, "This page cannot be drawn.") from error

        return show

    def _wait(self, request: Request, kind: str, seconds: float) -> Response:
        """A page that says what is being done, and gives way to the one that was asked for."""
        words = f"{_DRAWN.get(kind, 'This page is being made from the records')}. It takes some seconds."
        page = layout.laid_out("waiting.html", self._links, status=202, words=words, seconds=seconds, every=_AGAIN_S)
        response = answer(request, page, "no-store")
        response.headers["refresh"] = str(_AGAIN_S)
        return response


def application(
    keeper: Keeper | None,
    desk: Desk | None,
    hosts: Collection[str] | None,
    *,
    more: Collection[Route] = (),
) -> ASGIApp:
    """What answers requests.

    Args:
        keeper: of the pages; None where only `more` is shown.
        desk: for uploads; None where none are taken.
        hosts: names by which the server is known, None for all.
        more: further addresses.
    """
    routes = list(more)
    links = layout.links(submit=desk is not None) if keeper is not None else []
    if keeper is not None:
        routes += _routes(Pages(keeper, links))
    if desk is not None:
        routes += [
            Route("/submit", desk.form, methods=["GET"]),
            Route("/submit", desk.hand_in, methods=["POST"]),
            Route("/submissions/{ticket}", desk.progress),
            Route("/submissions/{ticket}/news", desk.news),
        ]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(desk.uploads.work()) if desk else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        response = answer(request, layout.sorry(error.status, error.words, links), "no-store")
        if error.after:
            response.headers["retry-after"] = str(error.after)
        return response

    async def missing(request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 404)
        words = "There is no such page here." if status == 404 else "That cannot be done here."
        return answer(request, layout.sorry(status, words, links), "no-store")

    async def broken(request: Request, error: Exception) -> Response:
        return answer(request, layout.sorry(500, "This page cannot be drawn.", links), "no-store")

    handlers: dict[Any, Any] = {Refusal: refused, 404: missing, 405: missing, Exception: broken}
    return Guard(Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers), hosts)


def _routes(pages: Pages) -> list[Route]:
    return [
        Route("/", pages.at("boards")),
        Route("/boards/{name:path}", pages.at("board", arena=True)),
        Route("/matches", pages.at("matches")),
        Route("/matches/{name}", pages.at("match")),
        Route("/matches/{name}/{first}/{second}", pages.at("match-games")),
        Route("/games/{first}/{second}/{name:path}", pages.at("games", arena=True)),
        Route("/replays", pages.at("replays")),
        Route("/entrants", pages.at("entrants")),
        Route("/entrants/{name}", pages.at("entrant")),
        Route("/seasons", pages.at("seasons")),
        Route("/seasons/{name}", pages.at("season")),
    ]
