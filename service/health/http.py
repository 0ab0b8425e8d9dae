"""/healthz, /readyz and /metrics of the running service. No secret and no payload of an event is in any answer."""

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from service.health import snapshot
from service.health.check import VITAL

if TYPE_CHECKING:
    from service.app import Service


def routes(service: "Service") -> list[web.RouteDef]:
    """The route table."""

    async def healthz(_request: web.Request) -> web.Response:
        """200 while the process works and the log takes what arrives, whatever else is wrong; else 503."""
        found = await snapshot.take(service)
        failed = any(check.level == "error" for check in found.checks if check.name in VITAL)
        return _json(found.report(), 503 if failed else 200)

    async def readyz(_request: web.Request) -> web.Response:
        """200 while no check is at error; else 503."""
        found = await snapshot.take(service)
        return _json(found.report(), 503 if found.level == "error" else 200)

    async def metrics_of(_request: web.Request) -> web.Response:
        # Imported here: who never asks for metrics need not pay for their library.
        from service.health import metrics

        body = metrics.exposition(await snapshot.take(service))
        return web.Response(body=body, headers={"Content-Type": metrics.CONTENT_TYPE})

    return [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics_of)]


def _json(content: object, status: int) -> web.Response:
    return web.Response(body=msgspec.json.encode(content), status=status, content_type="application/json")
