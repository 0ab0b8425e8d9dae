"""`GET /api/live`: Server-Sent Events, resumed by Last-Event-ID = seq. Described in docs/API.md."""

import asyncio
import socket

from aiohttp import web

from service.web import query
from service.web.errors import BadQueryError
from service.web.tail import Tail, TooManyViewersError
from service.web.viewer import Viewer

WRITE_TIMEOUT_SECONDS = 30.0
"""A page that takes nothing for so long is gone; if it is not, it comes back and resumes."""

RETRY = b"retry: 1000\n\n"
"""Milliseconds after which a browser comes back when the stream has broken."""

SEND_BUFFER_BYTES = 128 * 1024

HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Live:
    """The stream of one ticker, for each page that asks."""

    def __init__(self, tail: Tail) -> None:
        self._tail = tail

    def routes(self) -> list[web.RouteDef]:
        """The route table."""
        return [web.get("/api/live", self._answer)]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            viewer, after = Viewer(query.ticker(request.query)), _resume_after(request)
        except BadQueryError as error:
            return web.json_response({"error": str(error)}, status=400)
        response = web.StreamResponse(headers=HEADERS)
        try:
            async with self._tail.watched_by(viewer, after) as missed:
                await response.prepare(request)
                _bound_kernel_buffer(request)
                await _write(response, RETRY)
                async for message in missed:
                    await _write(response, message)
                while message := await viewer.take():
                    await _write(response, message)
        except TooManyViewersError as error:
            return web.json_response({"error": str(error)}, status=503)
        except (TimeoutError, ConnectionError):
            pass  # the page has gone or sleeps; it resumes from the last id it has seen
        return response


def _resume_after(request: web.Request) -> int | None:
    """The seq after which to go on: the browser's header after a break, `after` at the first time."""
    last_event_id = request.headers.get("Last-Event-ID")
    if last_event_id:
        return query.integer({"Last-Event-ID": last_event_id}, "Last-Event-ID", 0)
    return query.integer(request.query, "after", 0) if "after" in request.query else None


def _bound_kernel_buffer(request: web.Request) -> None:
    """Else the kernel keeps up to 4 MB for a page that sleeps, beyond the bound of its mailbox."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


async def _write(response: web.StreamResponse, message: bytes) -> None:
    async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
        await response.write(message)
