"""The live page: static files, the API behind them, and the connections they read with."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from eventlog import database
from eventlog.clock import Clock, SystemClock
from eventlog.reader import open_log_reader
from service.web.api import Api
from service.web.frames import FrameReader
from service.web.history import History
from service.web.live import Live
from service.web.tail import Tail
from service.web.vitals import Vitals

if TYPE_CHECKING:
    from service.app import Service

STATIC = Path(__file__).parent / "static"


@contextlib.asynccontextmanager
async def open_routes(service: "Service", clock: Clock | None = None) -> AsyncIterator[list[web.AbstractRouteDef]]:
    """The routes of the page and of /api for a started `service`, for as long as the block runs."""
    clock = clock or SystemClock()
    data_dir = service.context.settings.data_dir
    async with contextlib.AsyncExitStack() as stack:
        log = await open_log_reader(data_dir)
        stack.push_async_callback(log.close)
        state = await database.open_reader(data_dir / "state.db")
        stack.push_async_callback(state.close)
        past = History(log, state)
        vitals = Vitals(service)
        reader = FrameReader(service.context.log, state, lambda: service.context.projection.checkpoint)
        live = Live(Tail(service, reader, vitals.take))
        yield [*_static_routes(), *Api(service, past, clock).routes(), *live.routes()]


def _static_routes() -> list[web.AbstractRouteDef]:
    """One route per file: what is not in this list cannot be asked for."""
    files = [path for path in sorted(STATIC.rglob("*")) if path.is_file()]
    routes = [web.get(f"/{path.relative_to(STATIC).as_posix()}", _file(path)) for path in files]
    return [web.get("/", _file(STATIC / "index.html")), *routes]


def _file(path: Path) -> Callable[[web.Request], Awaitable[web.FileResponse]]:
    async def handler(_request: web.Request) -> web.FileResponse:
        # Kept by the browser, but asked for again each time: a new release shows at once.
        return web.FileResponse(path, headers={"Cache-Control": "no-cache"})

    return handler
