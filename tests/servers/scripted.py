"""An HTTP server that answers as told: what Supabase, its proxies and its plans can say, one answer after the other."""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Answer:
    """A response; without a status the connection is reset. `applies` stores the rows first, `hangs` never answers."""

    status: int | None = 201
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    applies: bool = False
    hangs: bool = False


@dataclass(frozen=True)
class Request:
    """What arrived; names of headers are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    text: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        return list(json.loads(self.text))


OK = Answer(201, applies=True)
RESET = Answer(None)


def error(status: int, code: str | None, message: str = "told so", **headers: str) -> Answer:
    """An error as PostgREST writes it."""
    body = json.dumps({"code": code, "message": message, "details": None, "hint": None})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body, {"Content-Type": "application/json", **named})


class ScriptedServer:
    """Each request takes the next of `script`; `otherwise` decides about all further ones. Rows land in `stored`.

    Reads are answered with no rows, or with `read_answer`.
    """

    def __init__(self) -> None:
        self.url = ""
        self.script: deque[Answer] = deque()
        self.otherwise: Callable[[Request], Answer] = lambda _: OK
        self.read_answer: Answer | None = None
        self.requests: list[Request] = []
        self.stored: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
        self._hanging = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen = Request(request.method, request.path, dict(request.query), headers, text)
        self.requests.append(seen)
        if request.method == "GET" and self.read_answer is None:
            return web.json_response([])
        answer = self._next_answer(seen)
        if answer.applies:
            self._store(seen)
        if answer.hangs:
            await self._hanging.wait()
        if answer.status is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.Response(status=answer.status, text=answer.body, headers=answer.headers)

    def _next_answer(self, request: Request) -> Answer:
        if request.method == "GET" and self.read_answer is not None:
            return self.read_answer
        return self.script.popleft() if self.script else self.otherwise(request)

    def _store(self, request: Request) -> None:
        table = self.stored.setdefault(request.path.rpartition("/")[2], {})
        key_columns = request.query["on_conflict"].split(",")
        merges = "resolution=merge-duplicates" in request.headers["prefer"]
        for row in request.rows:
            key = tuple(row[column] for column in key_columns)
            if merges or key not in table:
                table[key] = row


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[ScriptedServer]:
    """A running server on a free port of this machine."""
    server = ScriptedServer()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        server._hanging.set()
        await runner.cleanup()
