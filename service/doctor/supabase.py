"""Supabase: address, key, tables, columns, grants, functions, realtime; over plain HTTP, where each status shows."""

import base64
import contextlib
import json
from typing import Any

import aiohttp
import httpx

from replicator import tables
from replicator.supabase_sink import refusal
from replicator.tables import TableSpec
from service.health.check import Check
from service.settings import Settings

TIMEOUT_SECONDS = 15.0
JOIN_SECONDS = 10.0
MIGRATE = "run `ticktape migrate` (or `supabase db push`)"


async def checks(settings: Settings) -> list[Check]:
    """The lines about a Supabase project; after one that makes the rest pointless there are no more."""
    key = settings.supabase_service_role_key.get_secret_value()
    if not settings.supabase_url or not key:
        sentence = "Set SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY in .env (Supabase: Project Settings, API)."
        return [Check("supabase", "error", "not set", sentence)]
    refused = refusal(settings.supabase_url, settings.supabase_service_role_key) or _not_service_role(key)
    if refused:
        return [Check("supabase", "error", "refused", refused)]
    async with httpx.AsyncClient(
        base_url=settings.supabase_url.rstrip("/"),
        headers={"apikey": key, "Authorization": f"Bearer {key}"},
        timeout=TIMEOUT_SECONDS,
    ) as client:
        reached = await _reached(client)
        if reached.level != "ok":
            return [reached]
        try:
            found = [reached, await _tables(client), await _grants(client), await _functions(client)]
        except httpx.HTTPError as error:
            return [Check("supabase", "error", "no answer", f"Supabase broke off ({type(error).__name__}): try again.")]
    return [*found, await _realtime(settings.supabase_url, key)]


def _not_service_role(key: str) -> str | None:
    """Why a JWT is not the service role's, or None; other forms of keys do not tell."""
    with contextlib.suppress(ValueError, IndexError):
        claims = key.split(".")[1]
        role = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))).get("role")
        if role != "service_role":
            return f"SUPABASE_SERVICE_ROLE_KEY is the key of the role {role!r}: it must be the one of service_role."
    return None


async def _reached(client: httpx.AsyncClient) -> Check:
    try:
        answer = await client.get("/rest/v1/equity_data", params={"select": "ticker", "limit": "1"})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        sentence = (
            f"SUPABASE_URL cannot be reached ({type(error).__name__}): is it spelled right, does the project exist?"
        )
        return Check("supabase", "error", "no answer", sentence)
    if answer.status_code == 401 or _code(answer) in ("PGRST301", "PGRST302", "PGRST303"):
        sentence = "Supabase does not take SUPABASE_SERVICE_ROLE_KEY: copy the secret key of this very project again."
        return Check("supabase", "error", "key refused", sentence)
    if answer.status_code == 540:
        return Check("supabase", "error", "paused", "The project is paused: open it in Supabase's dashboard, Restore.")
    if answer.status_code >= 500:
        sentence = "Supabase has trouble right now: see status.supabase.com, then try again."
        return Check("supabase", "error", f"HTTP {answer.status_code}", sentence)
    return Check("supabase", "ok", "reachable", "The project answers and takes the key.")


async def _tables(client: httpx.AsyncClient) -> Check:
    missing, incomplete = [], []
    for table in tables.TABLES:
        query = {"select": ",".join(table.columns), "limit": "1"}
        code = _code(await client.get(f"/rest/v1/{table.name}", params=query))
        if code in ("42P01", "PGRST205"):
            missing.append(table.name)
        elif code in ("42703", "PGRST204"):
            incomplete.append(table.name)
    if missing:
        return Check("tables", "error", "missing", f"There is no {', '.join(missing)}: {MIGRATE}.")
    if incomplete:
        return Check("tables", "error", "outdated", f"Columns are missing in {', '.join(incomplete)}: {MIGRATE}.")
    return Check("tables", "ok", f"{len(tables.TABLES)} tables", "Every table has every column.")


async def _grants(client: httpx.AsyncClient) -> Check:
    refused = [table.name for table in tables.TABLES if not await _may_write(client, table)]
    if refused:
        sentence = f"The key may not write {', '.join(refused)}: {MIGRATE}, which grants it."
        return Check("grants", "error", "missing", sentence)
    return Check("grants", "ok", "may write", "The service role may write every table.")


async def _may_write(client: httpx.AsyncClient, table: TableSpec) -> bool:
    """Whether an update that hits no row is permitted: PostgreSQL looks at the grants before it looks for rows."""
    no_row = {"ticker": "eq.", "timestamp": "eq.1970-01-01T00:00:00Z"}
    answer = await client.patch(f"/rest/v1/{table.name}", params=no_row, json={"ticker": ""})
    return _code(answer) != "42501"


async def _functions(client: httpx.AsyncClient) -> Check:
    answer = await client.post("/rest/v1/rpc/get_streaming_health", json={})
    if not answer.is_success:
        return Check("functions", "error", "missing", f"get_streaming_health() does not answer: {MIGRATE}.")
    return Check("functions", "ok", "there", "get_streaming_health() answers.")


def _code(answer: httpx.Response) -> str:
    """The error code of PostgREST or PostgreSQL, empty for none."""
    try:
        body: Any = answer.json()
    except ValueError:
        return ""
    return str(body.get("code", "")) if isinstance(body, dict) else ""


async def _realtime(url: str, key: str) -> Check:
    """Subscribe to changes of equity_data as a dashboard would, and wait for the server's word on it."""
    try:
        said = await _subscribe(url, key)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        sentence = f"Realtime does not answer ({type(error).__name__}): dashboards must poll; rows still arrive."
        return Check("realtime", "warning", "no answer", sentence)
    if said is None:
        return Check("realtime", "ok", "subscribed", "Dashboards hear of new rows at once.")
    sentence = f"Dashboards will not hear of new rows ({said[:120]}): {MIGRATE}, which publishes the tables."
    return Check("realtime", "warning", "refused", sentence)


async def _subscribe(url: str, key: str) -> str | None:
    """What the server has against it, or None."""
    address = url.rstrip("/") + "/realtime/v1/websocket"
    changes = [{"event": "*", "schema": "public", "table": "equity_data"}]
    join = {
        "topic": "realtime:ticktape-doctor",
        "event": "phx_join",
        "payload": {"config": {"postgres_changes": changes}, "access_token": key},
        "ref": "1",
        "join_ref": "1",
    }
    timeout = aiohttp.ClientTimeout(total=JOIN_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.ws_connect(address, params={"apikey": key, "vsn": "1.0.0"}) as socket,
    ):
        await socket.send_json(join)
        while True:
            verdict = _verdict(await socket.receive_json(timeout=JOIN_SECONDS))
            if verdict is not None:
                return verdict or None


def _verdict(message: Any) -> str | None:
    """Empty when the subscription stands, the reason when it was refused, None while nothing is decided."""
    payload = message.get("payload", {}) if isinstance(message, dict) else {}
    if message.get("event") == "phx_reply" and payload.get("status") == "error":
        return str(payload.get("response") or "refused")
    if message.get("event") == "system" and payload.get("extension") == "postgres_changes":
        return "" if payload.get("status") == "ok" else str(payload.get("message") or "refused")
    return None
