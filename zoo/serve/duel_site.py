"""The page in which a human plays against an entrant, and what it asks the server for."""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leaderboard.report.html import player_script
from zoo.errors import UserError
from zoo.serve import layout
from zoo.serve.duels import kept, rated, shown
from zoo.serve.guard import Refusal, read_body
from zoo.serve.human import HumanTable
from zoo.serve.site import answer

_BODY = 1000  # bytes of what the page sends


class DuelSite:
    """The addresses of one table; `path` is known to whoever has seen it printed, and to nobody else."""

    def __init__(self, table: HumanTable) -> None:
        self._table = table
        self._key = secrets.token_urlsafe(16)
        self._lock = asyncio.Lock()
        self._told: dict[str, Any] = {}
        self.path = f"/duel/{self._key}"

    def routes(self) -> list[Route]:
        """Its addresses."""
        return [
            Route("/duel/{key}", self._page, methods=["GET"]),
            Route("/duel/{key}/begin", self._begin, methods=["POST"]),
            Route("/duel/{key}/act", self._act, methods=["POST"]),
        ]

    async def _page(self, request: Request) -> Response:
        self._check(request)
        script = player_script() + (layout.SITE / "duel.js").read_text()
        page = layout.laid_out(
            "duel.html",
            [],
            script=script,
            policy="connect-src 'self'; img-src data:; form-action 'none'",
            label=self._table.entrant.label,
            arena=self._table.venue.identity,
            name=self._table.name,
            table=await asyncio.to_thread(self._rated),
        )
        return answer(request, page, "no-store")

    async def _begin(self, request: Request) -> Response:
        await self._sent(request)
        async with self._lock:
            self._told = await self._asked(self._table.new_game)
        return JSONResponse(self._told)

    async def _act(self, request: Request) -> Response:
        sent = await self._sent(request)
        step, action = sent.get("step"), sent.get("action")
        if type(step) is not int or type(action) is not int:
            raise Refusal(400, "Send the step and the action, as whole numbers.")
        async with self._lock:
            if not self._told or step != self._told["step"] or sent.get("episode") != self._told["episode"]:
                raise Refusal(409, "The game is at another step.")
            self._told = await self._asked(self._table.act, action)
            told = {**self._told, "table": await asyncio.to_thread(self._rated)} if self._told["over"] else self._told
        return JSONResponse(told)

    async def _asked(self, what: Any, *arguments: Any) -> dict[str, Any]:
        try:
            told: dict[str, Any] = await asyncio.to_thread(what, *arguments)
        except UserError as error:
            raise Refusal(400, f"{error}.") from error
        return told

    def _rated(self) -> list[dict[str, Any]]:
        mine = (self._table.entrant.id, self._table.name)
        games = [game for game in kept(self._table.venue.identity) if (game.entrant, game.human) == mine]
        return [shown(rating) for rating in rated(games)]

    def _check(self, request: Request) -> None:
        if not hmac.compare_digest(request.path_params["key"].encode(), self._key.encode()):
            raise Refusal(404, "There is no such page here.")

    async def _sent(self, request: Request) -> dict[str, Any]:
        """What the page sent. A page of another site cannot send JSON here without being asked whether it may."""
        self._check(request)
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise Refusal(415, "Send JSON.")
        try:
            sent = json.loads(await read_body(request, _BODY))
        except (ValueError, RecursionError):
            sent = None
        if not isinstance(sent, dict):
            raise Refusal(400, "Send one JSON object.")
        return sent
