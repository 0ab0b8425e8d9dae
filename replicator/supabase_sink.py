"""Rows to Supabase through supabase-py, over PostgREST. The one door to supabase."""

import datetime
import email.utils
import ipaddress
import urllib.parse
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import httpx
import msgspec
from postgrest.base_request_builder import RequestConfig
from postgrest.exceptions import APIError
from postgrest.types import ReturnMethod
from pydantic import SecretStr
from supabase import AsyncClient, AsyncClientOptions

from replicator import answers, rows
from replicator.errors import HaltingError, PermanentError, RetryableError, SinkError
from replicator.rows import Row
from replicator.sink import Digest
from replicator.tables import TableSpec

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
# HTTP/1.1: long-lived HTTP/2 connections die with RemoteProtocolError (supabase-py issue 1064).
LIMITS = httpx.Limits(max_connections=6, max_keepalive_connections=6, keepalive_expiry=60.0)

_answer: ContextVar[httpx.Response | None] = ContextVar("last answer of this task", default=None)


class SupabaseSink:
    """Keeps `replicator.sink.Sink`. Both key formats work: a JWT, and `sb_secret_...`."""

    def __init__(self, url: str, key: SecretStr) -> None:
        self._url = url.rstrip("/")
        self._key = key
        parts = urllib.parse.urlsplit(self._url)
        self._identity = f"supabase:{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._refusal = refusal(self._url, key)
        self._http: httpx.AsyncClient | None = None
        self._client: AsyncClient | None = None

    @property
    def identity(self) -> str:
        return self._identity

    async def upsert(self, table: TableSpec, rows: Sequence[Row], merge: bool) -> None:
        builder = self._connected().table(table.name)
        request = builder.upsert(
            {}, on_conflict=",".join(table.key), ignore_duplicates=not merge, returning=ReturnMethod.minimal
        )
        request.request = _Ready(request.request, table.columns, msgspec.json.encode(rows))
        await _execute(request)

    async def probe(self, table: TableSpec) -> None:
        request = self._connected().table(table.name).select(*table.columns).limit(1)
        try:
            await _execute(request.retry(enabled=False))
        except PermanentError as error:
            raise HaltingError(str(error), error.code) from error

    async def digest(self, table: TableSpec, since_us: int, until_us: int, ticker: str | None) -> list[Digest]:
        arguments = {
            "table_name": table.name,
            "since": rows.timestamp(since_us).isoformat(),
            "until": rows.timestamp(until_us).isoformat(),
            "ticker": ticker,
        }
        found = await _execute(self._connected().rpc("replication_digest", arguments))
        return [_digest(record) for record in found.data]

    async def close(self) -> None:
        http, self._http, self._client = self._http, None, None
        if http is not None:
            await http.aclose()

    def _connected(self) -> AsyncClient:
        if self._refusal is not None:
            raise HaltingError(self._refusal)
        if self._client is None:
            self._http = httpx.AsyncClient(
                http1=True, http2=False, timeout=TIMEOUT, limits=LIMITS, event_hooks={"response": [_remember]}
            )
            options = AsyncClientOptions(httpx_client=self._http, auto_refresh_token=False, persist_session=False)
            self._client = AsyncClient(self._url, self._key.get_secret_value(), options)
        return self._client


def refusal(url: str, key: SecretStr) -> str | None:
    """Why nothing may be sent to `url` with `key`, or None."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return f"SUPABASE_URL={url!r} is not an address: it should be https://<project>.supabase.co"
    if parts.scheme == "http" and not _is_local(parts.hostname):
        return f"SUPABASE_URL is http://{parts.hostname}: the key would travel readable for everybody; use https"
    if not (key.get_secret_value().isascii() and key.get_secret_value().isprintable()):
        return "SUPABASE_SERVICE_ROLE_KEY holds a character that no key has, such as a curly quote or a line end"
    if key.get_secret_value().startswith("sb_publishable_"):
        return (
            "SUPABASE_SERVICE_ROLE_KEY is the publishable key, which cannot write: give the secret key (sb_secret_...)"
        )
    return None


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Ready(RequestConfig[httpx.AsyncClient]):
    """A request whose body is ready-made JSON: supabase-py's own encoder takes ten times as long for the same text."""

    def __init__(self, request: RequestConfig[httpx.AsyncClient], columns: Sequence[str], body: bytes) -> None:
        super().__init__(
            session=request.session,
            path=request.path,
            http_method=request.http_method,
            headers=request.headers,
            params=request.params.add("columns", ",".join(f'"{column}"' for column in columns)),
            auth=request.auth,
            json=None,
            retry_enabled=False,
        )
        self._body = body

    def send(self, additional_headers: httpx.Headers) -> Any:
        additional_headers.update(self.headers)
        additional_headers["Content-Type"] = "application/json"
        return self.session.request(
            self.http_method,
            str(self.path),
            content=self._body,
            params=self.params,
            headers=additional_headers,
            auth=self.auth or httpx.USE_CLIENT_DEFAULT,
        )


async def _remember(response: httpx.Response) -> None:
    _answer.set(response)


async def _execute(request: Any) -> Any:
    """Run a request of supabase-py. Raises the replicator's errors, and no other."""
    _answer.set(None)
    try:
        found = await request.execute()
        _refuse_foreign(found.data)
        return found
    except APIError as error:
        raise _classify(error) from error
    except (httpx.ReadTimeout, httpx.WriteTimeout) as error:
        raise answers.timed_out("Supabase") from error
    except httpx.TransportError as error:
        raise RetryableError(f"Supabase cannot be reached ({type(error).__name__}: {error})") from error
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise HaltingError(f"Supabase was not understood ({type(error).__name__}: {error})") from error
    finally:
        _answer.set(None)


def _refuse_foreign(data: Any) -> None:
    """Raise HaltingError for a 2xx that is not PostgREST's: a login page of a network, a parked domain, another API."""
    response = _answer.get()
    is_empty = response is not None and response.request.method == "GET" and not response.content
    if is_empty or not isinstance(data, list):
        raise HaltingError(
            "what answers at SUPABASE_URL is no Supabase: check the address, and the network's login page"
        )


def _classify(error: APIError) -> SinkError:
    response = _answer.get()
    status = response.status_code if response is not None else 0
    wait = retry_after_seconds(response.headers) if response is not None else None
    return answers.of_http(status, error.code or "", error.message or "", wait)


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` as seconds from now, never negative; None when it is missing or unreadable."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:12])
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return max(0.0, (moment - datetime.datetime.now(datetime.UTC)).total_seconds())


def _digest(record: Any) -> Digest:
    hour = datetime.datetime.fromisoformat(record["hour"])
    return Digest(record["ticker"], rows.microseconds(hour), int(record["row_count"]), str(record["digest"]))
