"""What the destination itself says: can it be reached, are the newest rows there, does it see errors?"""

import datetime
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service import redaction
from service.health.check import Check, duration
from service.settings import Settings

RECENT_SECONDS = 300
ERROR_RATE_WARNING = 0.01
TIMEOUT_SECONDS = 15.0
COLUMNS = frozenset(
    {"ticker", "status", "is_healthy", "seconds_since_last_tick", "records_last_hour", "errors_last_hour"}
)


@dataclass(frozen=True)
class Answer:
    """`tickers` are the rows of get_streaming_health, `recent` the ticks of the last five minutes."""

    tickers: Sequence[Mapping[str, Any]]
    recent: int
    milliseconds: float


class NoAnswerError(Exception):
    """The destination could not be asked; the message says why and what to do."""


async def checks(settings: Settings) -> list[Check]:
    """The remote lines of `ticktape health`; none for DESTINATION=none."""
    if settings.destination == "none":
        return []
    try:
        began = time.monotonic()
        tickers, recent = await (_ask_supabase if settings.destination == "supabase" else _ask_postgres)(settings)
        answer = Answer(tickers, recent, 1_000 * (time.monotonic() - began))
    except NoAnswerError as error:
        return [Check("remote", "error", "no answer", redaction.redact(str(error)))]
    return [_connection(answer), _latest(answer), _errors(answer), _health(answer)]


def _connection(answer: Answer) -> Check:
    return Check("remote", "ok", f"{answer.milliseconds:.0f} ms", "The destination answers and takes the key.")


def _latest(answer: Answer) -> Check:
    ages = [row["seconds_since_last_tick"] for row in answer.tickers if row["seconds_since_last_tick"] is not None]
    if not ages:
        return Check("remote_rows", "ok", "none yet", "The destination has no ticks yet.")
    value = f"{duration(float(min(ages)))} ago"
    sentence = f"The newest tick there; {answer.recent} ticks in the last five minutes."
    return Check("remote_rows", "ok", value, sentence)


def _errors(answer: Answer) -> Check:
    errors = sum(row["errors_last_hour"] for row in answer.tickers)
    records = sum(row["records_last_hour"] for row in answer.tickers)
    rate = errors / max(1, errors + records)
    if rate >= ERROR_RATE_WARNING and errors > 1:
        sentence = f"{errors} failed requests in the last hour for {records} records: is the connection shaky?"
        return Check("remote_errors", "warning", f"{100 * rate:.1f} %", sentence)
    return Check("remote_errors", "ok", f"{100 * rate:.1f} %", f"{records} records arrived in the last hour.")


def _health(answer: Answer) -> Check:
    ill = [f"{row['ticker']} {row['status']}" for row in answer.tickers if not row["is_healthy"]]
    if ill:
        sentence = f"get_streaming_health() sees: {', '.join(ill[:5])}. Compare with the lines above."
        return Check("remote_health", "warning", f"{len(ill)} unwell", sentence)
    value = f"{len(answer.tickers)} tickers"
    return Check("remote_health", "ok", value, "get_streaming_health() finds every ticker as it should be.")


async def _ask_supabase(settings: Settings) -> tuple[list[dict[str, Any]], int]:
    import httpx

    key = settings.supabase_service_role_key.get_secret_value()
    since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=RECENT_SECONDS)
    try:
        async with httpx.AsyncClient(
            base_url=settings.supabase_url.rstrip("/") + "/rest/v1",
            headers={"apikey": key, "Authorization": f"Bearer {key}"},
            timeout=TIMEOUT_SECONDS,
        ) as client:
            health = await client.post("/rpc/get_streaming_health", json={})
            query = {"select": "ticker", "timestamp": f"gte.{since.isoformat()}", "limit": "1"}
            recent = await client.get("/equity_data", params=query, headers={"Prefer": "count=exact"})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoAnswerError(f"Supabase cannot be reached ({type(error).__name__}): see `ticktape doctor`.") from error
    for answer in (health, recent):
        if not answer.is_success:
            raise NoAnswerError(f"Supabase answers {answer.status_code}: {answer.text[:200]} See `ticktape doctor`.")
    try:
        return _rows(health.json()), int(recent.headers["Content-Range"].rpartition("/")[2])
    except (ValueError, KeyError) as error:
        raise NoAnswerError(
            f"What answers at {settings.supabase_url} is not Supabase ({health.text[:80]!r}): is SUPABASE_URL right?"
            " Does the network ask for a login?"
        ) from error


def _rows(content: Any) -> list[dict[str, Any]]:
    """The rows of get_streaming_health. Raises ValueError for anything else."""
    if not isinstance(content, list) or not all(isinstance(row, dict) and row.keys() >= COLUMNS for row in content):
        raise ValueError("not the rows of get_streaming_health")
    return content


async def _ask_postgres(settings: Settings) -> tuple[list[Any], int]:
    from replicator import postgres
    from replicator.errors import SinkError

    count = "select count(*) from equity_data where timestamp >= now() - make_interval(secs => $1)"
    try:
        async with postgres.connected(settings.postgres_dsn.get_secret_value(), "ticktape health") as connection:
            return await connection.fetch("select * from get_streaming_health()"), await connection.fetchval(
                count, RECENT_SECONDS
            )
    except (SinkError, ValueError) as error:
        raise NoAnswerError(f"PostgreSQL: {error}. See `ticktape doctor`.") from error
