"""Every line about a Supabase project: all well against @supabase/lite, each fault against a scripted PostgREST."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from service.doctor import supabase
from service.health.check import Check
from service.settings import Settings
from tests.servers import postgres
from tests.servers.lite import Lite
from tests.service.configured import settings_with

KEY = "sb_secret_planted-in-the-doctor"
Answer = Callable[[web.Request], web.StreamResponse | None]


def _settings(url: str, key: str = KEY) -> Settings:
    return settings_with(supabase_url=url, supabase_service_role_key=key)


async def _lines(url: str, key: str = KEY) -> dict[str, Check]:
    return {check.name: check for check in await supabase.checks(_settings(url, key))}


@asynccontextmanager
async def project(answer: Answer, realtime: list[dict[str, Any]] | None = None) -> AsyncIterator[str]:
    """A project where all is well but what `answer` answers itself; `realtime` is what is said on the socket."""

    async def rest(request: web.Request) -> web.StreamResponse:
        given = answer(request)
        if given is not None:
            return given
        return web.Response(status=204) if request.method == "PATCH" else web.json_response([])

    async def websocket(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        assert (await socket.receive_json())["event"] == "phx_join"
        for message in realtime or []:
            await socket.send_json(message)
        await socket.receive()
        return socket

    application = web.Application()
    application.router.add_get("/realtime/v1/websocket", websocket)
    application.router.add_route("*", "/rest/v1/{path:.*}", rest)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def _well(_request: web.Request) -> None:
    return None


def _error(status: int, code: str) -> web.Response:
    return web.json_response({"code": code, "message": "no"}, status=status)


SUBSCRIBED = [
    {"event": "phx_reply", "payload": {"status": "ok", "response": {"postgres_changes": []}}},
    {"event": "presence_state", "payload": {}},
    {"event": "system", "payload": {"extension": "postgres_changes", "status": "ok", "message": "Subscribed"}},
]


async def test_all_is_well_against_a_real_postgrest(lite: Lite) -> None:
    lines = await _lines(lite.url, lite.service_key)
    levels = {name: check.level for name, check in lines.items()}
    # @supabase/lite has no realtime, which the doctor says without calling it an error.
    expected = {"supabase": "ok", "tables": "ok", "grants": "ok", "functions": "ok", "realtime": "warning"}
    assert levels == expected, lines


async def test_a_key_without_the_right_to_write_is_found_by_a_real_postgrest(lite: Lite) -> None:
    lines = await _lines(lite.url, lite.anon_key)
    assert lines["supabase"].level == "error"
    assert "publishable" in lines["supabase"].sentence


async def test_all_is_well_with_realtime() -> None:
    async with project(_well, SUBSCRIBED) as url:
        assert {check.level for check in (await _lines(url)).values()} == {"ok"}


@pytest.mark.parametrize(("url", "key"), [("", KEY), ("https://x.supabase.co", "")])
async def test_not_set(url: str, key: str) -> None:
    assert (await _lines(url, key))["supabase"].value == "not set"


@pytest.mark.parametrize("url", ["x.supabase.co", "http://x.supabase.co"])
async def test_an_address_that_is_none_or_not_safe(url: str) -> None:
    assert (await _lines(url))["supabase"].value == "refused"


async def test_the_anonymous_jwt_is_told_from_the_service_role() -> None:
    def jwt(role: str) -> str:
        claims = base64.urlsafe_b64encode(json.dumps({"role": role}).encode()).decode().rstrip("=")
        return f"eyJhbGciOiJIUzI1NiJ9.{claims}.c2lnbmF0dXJl"

    async with project(_well, SUBSCRIBED) as url:
        assert (await _lines(url, jwt("service_role")))["supabase"].level == "ok"
        line = (await _lines(url, jwt("anon")))["supabase"]
    assert (line.level, "'anon'" in line.sentence) == ("error", True)


async def test_nobody_there() -> None:
    line = (await _lines("http://127.0.0.1:1"))["supabase"]
    assert (line.level, "cannot be reached" in line.sentence) == ("error", True)


@pytest.mark.parametrize(
    ("status", "code", "value"),
    [(401, "", "key refused"), (403, "PGRST301", "key refused"), (540, "", "paused"), (503, "", "HTTP 503")],
)
async def test_a_project_that_does_not_serve(status: int, code: str, value: str) -> None:
    async with project(lambda _request: _error(status, code)) as url:
        lines = await _lines(url)
    assert [(check.name, check.value) for check in lines.values()] == [("supabase", value)]
    assert KEY not in repr(lines)


@pytest.mark.parametrize(("status", "code", "value"), [(404, "PGRST205", "missing"), (400, "42703", "outdated")])
async def test_a_table_that_is_missing_or_outdated(status: int, code: str, value: str) -> None:
    def answer(request: web.Request) -> web.Response | None:
        return _error(status, code) if request.path.endswith("/stream_gaps") and request.method == "GET" else None

    async with project(answer, SUBSCRIBED) as url:
        line = (await _lines(url))["tables"]
    assert (line.level, line.value, "stream_gaps" in line.sentence) == ("error", value, True)
    assert "ticktape migrate" in line.sentence


async def test_a_table_that_may_not_be_written() -> None:
    def answer(request: web.Request) -> web.Response | None:
        return _error(403, "42501") if request.method == "PATCH" and "indicators" in request.path else None

    async with project(answer, SUBSCRIBED) as url:
        line = (await _lines(url))["grants"]
    assert (line.level, "indicators" in line.sentence) == ("error", True)


async def test_a_function_that_is_missing() -> None:
    async with project(lambda request: _error(404, "PGRST202") if "/rpc/" in request.path else None, SUBSCRIBED) as url:
        assert (await _lines(url))["functions"].level == "error"


@pytest.mark.parametrize(
    "said",
    [
        {
            "event": "system",
            "payload": {"extension": "postgres_changes", "status": "error", "message": "no such table"},
        },
        {"event": "phx_reply", "payload": {"status": "error", "response": {"reason": "no such table"}}},
    ],
)
async def test_realtime_that_refuses(said: dict[str, Any]) -> None:
    async with project(_well, [said]) as url:
        line = (await _lines(url))["realtime"]
    assert (line.level, "no such table" in line.sentence) == ("warning", True)


async def test_missing_grants_are_found_on_a_real_postgrest(lite: Lite) -> None:
    async with postgres.connected(lite.dsn) as connection:
        await connection.execute("revoke insert, update on public.indicators from service_role")
    line = (await _lines(lite.url, lite.service_key))["grants"]
    assert (line.level, "indicators" in line.sentence, "equity_data" in line.sentence) == ("error", True, False)
