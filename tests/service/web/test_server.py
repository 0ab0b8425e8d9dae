"""The HTTP server answers this machine only, in reading methods only, and says why when it cannot start."""

import socket
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from eventlog.errors import UsageError
from service.settings import Settings
from service.web import server
from tests.service.configured import settings_with


async def _hello(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


ROUTES = [web.get("/", _hello), web.route("*", "/post", _hello)]


def _settings(**more: Any) -> Settings:
    return settings_with(health_port=0, **more)


async def test_answers_get_and_head_with_the_security_headers() -> None:
    async with server.serve(_settings(), ROUTES) as url, aiohttp.ClientSession() as client:
        answer = await client.get(url)
        assert (answer.status, await answer.text()) == (200, "hello")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Server"] == "ticktape"
        assert (await client.head(url)).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_refuses_writing_methods(method: str) -> None:
    async with server.serve(_settings(), ROUTES) as url, aiohttp.ClientSession() as client:
        answer = await client.request(method, url + "/post")
        assert answer.status == 405
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_refuses_a_foreign_host_header() -> None:
    async with server.serve(_settings(), ROUTES) as url, aiohttp.ClientSession() as client:
        answer = await client.get(url, headers={"Host": "rebound.example"})
        assert answer.status == 421
        assert "hello" not in await answer.text()


@pytest.mark.parametrize(
    ("header", "health_host", "allowed"),
    [
        ("localhost:8787", "127.0.0.1", True),
        ("LOCALHOST", "127.0.0.1", True),
        ("[::1]:8787", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("10.0.0.5:8787", "127.0.0.1", False),
        ("10.0.0.5:8787", "10.0.0.5", True),
        ("10.0.0.5:8787", "0.0.0.0", True),
        ("localhost:8787", "0.0.0.0", True),
        ("box.internal", "box.internal", True),
        ("evil.example", "0.0.0.0", False),
        ("localhost.evil.example", "127.0.0.1", False),
        ("", "127.0.0.1", False),
    ],
)
def test_host_header(header: str, health_host: str, allowed: bool) -> None:
    assert server.is_allowed_host(header, health_host) is allowed


async def test_a_taken_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = settings_with(health_port=port)
        with pytest.raises(UsageError, match=f"HEALTH_PORT={port} is taken"):
            async with server.serve(settings, ROUTES):
                pytest.fail("served on a taken port")


async def test_another_port_is_taken_where_any_will_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings = settings_with(health_port=other.getsockname()[1])
        async with server.serve(settings, ROUTES, any_port=True) as url, aiohttp.ClientSession() as client:
            assert (await client.get(url)).status == 200
            assert not url.endswith(f":{settings.health_port}")


async def test_an_address_of_another_machine_is_one_clear_line() -> None:
    with pytest.raises(UsageError, match=r"HEALTH_HOST=192\.0\.2\.1 is not an address of this machine"):
        async with server.serve(_settings(health_host="192.0.2.1"), ROUTES):
            pytest.fail("served on a foreign address")
