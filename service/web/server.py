"""The one HTTP server: on HEALTH_HOST:HEALTH_PORT, GET and HEAD only, and only for names that are this machine's.

The Host check keeps a web page elsewhere, whose name was made to resolve to 127.0.0.1, from reading what is here.
"""

import contextlib
import errno
import ipaddress
from collections.abc import AsyncIterator, Iterable

from aiohttp import web
from aiohttp.typedefs import Handler

from eventlog.errors import UsageError
from service.settings import Settings

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
SHUTDOWN_SECONDS = 1.0

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "ticktape",
}


@contextlib.asynccontextmanager
async def serve(
    settings: Settings, routes: Iterable[web.AbstractRouteDef], any_port: bool = False
) -> AsyncIterator[str]:
    """Serve `routes` until the block ends; yields the base URL, such as http://127.0.0.1:8787.

    With `any_port` another port is taken when HEALTH_PORT is in use. A handler that streams is cancelled when its
    client leaves. Raises UsageError when the address cannot be had.
    """
    application = web.Application(middlewares=[_refuse_others(settings.health_host)])
    application.on_response_prepare.append(_add_headers)
    application.add_routes(routes)
    runner = web.AppRunner(
        application, access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_SECONDS, handle_signals=False
    )
    await runner.setup()
    try:
        port = await _listen(runner, settings, any_port)
        yield f"http://{_url_host(settings.health_host)}:{port}"
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, settings: Settings, any_port: bool) -> int:
    try:
        await web.TCPSite(runner, settings.health_host, settings.health_port).start()
    except OSError as error:
        if any_port and error.errno == errno.EADDRINUSE:
            return await _listen(runner, settings.model_copy(update={"health_port": 0}), any_port=False)
        raise UsageError(_why_not(error, settings)) from error
    port: int = runner.addresses[0][1]
    return port


def _why_not(error: OSError, settings: Settings) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"HEALTH_PORT={settings.health_port} is taken by another program: choose another port, or 0 for any"
    if error.errno == errno.EACCES:
        return f"HEALTH_PORT={settings.health_port} is not allowed for this user: choose one above 1023"
    return f"HEALTH_HOST={settings.health_host} is not an address of this machine: use 127.0.0.1"


def _refuse_others(health_host: str) -> web.middleware:  # type: ignore[valid-type]
    @web.middleware
    async def refuse_others(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_allowed_host(request.headers.get("Host", ""), health_host):
            raise web.HTTPMisdirectedRequest(text="unknown Host header: use localhost or the configured HEALTH_HOST\n")
        if request.method not in ("GET", "HEAD"):
            raise web.HTTPMethodNotAllowed(request.method, ["GET", "HEAD"])
        return await handler(request)

    return refuse_others


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers[name] = value
    response.headers.setdefault("Cache-Control", "no-store")


def is_allowed_host(header: str, health_host: str) -> bool:
    """Whether a Host header names this server. On a wildcard address any IP literal does: it cannot be rebound."""
    name = _host_name(header).lower()
    if name in LOCAL_NAMES or name == health_host.lower():
        return True
    return _is_wildcard(health_host) and _is_address(name)


def _host_name(header: str) -> str:
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_wildcard(host: str) -> bool:
    return _is_address(host) and ipaddress.ip_address(host).is_unspecified


def _url_host(host: str) -> str:
    if _is_wildcard(host):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
