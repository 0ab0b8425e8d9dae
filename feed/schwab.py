"""The only door to schwab-py (and the Authlib below it): sources, the REST calls the feed needs, and the stream.

What schwab-py, Authlib, httpx and websockets raise is translated here into `feed.errors`.
"""

import asyncio
import contextlib
import json
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

import httpx
import msgspec
from pydantic import SecretStr

from feed import token
from feed.errors import (
    GarbageFrameError,
    LoginNeededError,
    ProtocolError,
    StreamClosedError,
    StreamerCodeError,
    UnreachableError,
)

with warnings.catch_warnings():
    # These libraries warn at import of choices that schwab-py made; nobody who reads our log can act on it. Importing
    # authlib.deprecate puts a filter before ours, unless it is done first.
    import authlib.deprecate  # noqa: F401

    warnings.simplefilter("ignore")
    import schwab.contrib.util  # set_json_decoder fails unless this was imported
    import schwab.streaming
    import websockets.exceptions
    from authlib.integrations.base_client import OAuthError
    from schwab import auth

SCHWAB_URL = "https://api.schwabapi.com"
MAX_FRAME_BYTES = 64 * 1024 * 1024
CLOSE_TIMEOUT_SECONDS = 1.0
HTTP_TIMEOUT_SECONDS = 20.0

_EQUITY = schwab.streaming.StreamClient.LevelOneEquityFields
_OPTION = schwab.streaming.StreamClient.LevelOneOptionFields
EQUITY_FIELDS = [
    _EQUITY.SYMBOL, _EQUITY.BID_PRICE, _EQUITY.ASK_PRICE, _EQUITY.LAST_PRICE, _EQUITY.BID_SIZE, _EQUITY.ASK_SIZE,
    _EQUITY.TOTAL_VOLUME, _EQUITY.LAST_SIZE, _EQUITY.SECURITY_STATUS, _EQUITY.QUOTE_TIME_MILLIS,
    _EQUITY.TRADE_TIME_MILLIS,
]  # fmt: skip
OPTION_FIELDS = [
    _OPTION.SYMBOL, _OPTION.BID_PRICE, _OPTION.ASK_PRICE, _OPTION.LAST_PRICE, _OPTION.TOTAL_VOLUME,
    _OPTION.OPEN_INTEREST, _OPTION.VOLATILITY, _OPTION.DELTA, _OPTION.GAMMA, _OPTION.THETA, _OPTION.VEGA, _OPTION.RHO,
    _OPTION.QUOTE_TIME_MILLIS, _OPTION.TRADE_TIME_MILLIS,
]  # fmt: skip

Handler = Callable[[dict[str, Any]], None]
Tap = Callable[[str], None]


class Source(Protocol):
    """Where clients come from. Another client is made for every connection, so that a new token file is picked up."""

    def client(self) -> "Client":
        """A client with the present token. Raises LoginNeededError."""

    def token_age_seconds(self) -> float | None:
        """The age of the refresh token, None when there is none or it does not age."""

    def token_stamp(self) -> object:
        """A value that changes when there is a new token."""


class LiveSource:
    """Clients of the account whose token lies at `token_path`; refreshed tokens are written back there.

    `base_url` points them at a simulated exchange instead of Schwab.
    """

    def __init__(self, app_key: SecretStr, app_secret: SecretStr, token_path: Path, base_url: str = SCHWAB_URL) -> None:
        self._app_key = app_key
        self._app_secret = app_secret
        self._token_path = token_path
        self._base_url = base_url

    def client(self) -> "Client":
        try:
            content = token.read(self._token_path)
        except token.TokenFileError as error:
            raise LoginNeededError(str(error)) from error
        return _open_client(self._app_key, self._app_secret, content, self._write_token, self._base_url)

    def token_age_seconds(self) -> float | None:
        try:
            return time.time() - float(token.read(self._token_path)["creation_timestamp"])
        except token.TokenFileError:
            return None

    def token_stamp(self) -> object:
        return token.stamp(self._token_path)

    def _write_token(self, content: dict[str, Any], *_: Any, **__: Any) -> None:
        token.write(self._token_path, content)


class SimulatedSource:
    """Clients of a simulated exchange at `url`. It needs no credentials."""

    def __init__(self, url: str) -> None:
        self._url = url

    def client(self) -> "Client":
        lasting = {"access_token": "simulated", "refresh_token": "simulated", "token_type": "Bearer"}
        content = {"creation_timestamp": int(time.time()), "token": lasting | {"expires_at": int(time.time()) + 86_400}}
        secret = SecretStr("simulated")
        return _open_client(secret, secret, content, lambda *_, **__: None, self._url)

    def token_age_seconds(self) -> float | None:
        return None

    def token_stamp(self) -> object:
        return None


def _open_client(
    app_key: SecretStr,
    app_secret: SecretStr,
    content: dict[str, Any],
    write_token: Callable[..., None],
    base_url: str,
) -> "Client":
    client = auth.client_from_access_functions(
        app_key.get_secret_value(),
        app_secret.get_secret_value(),
        lambda: content,
        write_token,
        asyncio=True,
        enforce_enums=False,
    )
    client.set_timeout(HTTP_TIMEOUT_SECONDS)
    if base_url != SCHWAB_URL:
        client.session.event_hooks = {"request": [_redirect_to(base_url)]}
    return Client(client)


def _redirect_to(base_url: str) -> Callable[[httpx.Request], Any]:
    target = httpx.URL(base_url)

    async def redirect(request: httpx.Request) -> None:
        request.url = request.url.copy_with(scheme=target.scheme, host=target.host, port=target.port)

    return redirect


class Client:
    """The REST calls the feed needs, and the way to a stream. Close it after use."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def stream(self, on_equities: Handler, on_options: Handler, on_notice: Handler, tap: Tap | None = None) -> "Stream":
        """A stream that is not logged in yet. Handlers must only hand over; `tap` sees every raw frame."""
        return Stream(self._client, on_equities, on_options, on_notice, tap)

    async def refresh_token(self) -> None:
        """Fetch a new access token now. Raises LoginNeededError when the refresh token is no longer accepted."""
        session = self._client.session
        with _translated():
            await session.refresh_token(auth.TOKEN_ENDPOINT, refresh_token=session.token.get("refresh_token"))

    async def market_hours(self, day: date) -> dict[str, Any]:
        """Schwab's answer about the equity market on `day`."""
        return await self._get(self._client.get_market_hours(["equity"], date=day))

    async def option_chain(self, underlying: str, first: date, last: date) -> dict[str, Any]:
        """The chain of `underlying` for expiries from `first` to `last`."""
        return await self._get(self._client.get_option_chain(underlying, from_date=first, to_date=last))

    async def minute_bars(self, ticker: str, from_us: int, to_us: int) -> dict[str, Any]:
        """Schwab's minute bars between two times, extended hours included."""
        return await self._get(
            self._client.get_price_history_every_minute(
                ticker,
                start_datetime=datetime.fromtimestamp(from_us / 1e6, UTC),
                end_datetime=datetime.fromtimestamp(to_us / 1e6, UTC),
                need_extended_hours_data=True,
            )
        )

    async def close(self) -> None:
        """Close the HTTP connections."""
        await self._client.close_async_session()

    async def _get(self, call: Any) -> dict[str, Any]:
        with _translated():
            response = await call
            response.raise_for_status()
            return msgspec.json.decode(response.content, type=dict[str, Any])


class _FastDecoder(schwab.contrib.util.StreamJsonDecoder):  # type: ignore[misc]
    """msgspec in the place of json.loads, showing each frame to the tap.

    schwab-py only knows json.JSONDecodeError, so that every fault becomes one.
    """

    def __init__(self, tap: Tap | None) -> None:
        self._decoder = msgspec.json.Decoder(dict[str, Any])
        self._tap = tap

    def decode_json_string(self, raw: str) -> dict[str, Any]:
        try:
            message = self._decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise json.JSONDecodeError(str(error), "", 0) from None
        if self._tap is not None:
            self._tap(raw)
        return message


class _UnlabelledHandler:
    """A handler for a service that schwab-py has none for: ADMIN, which brings codes 12 and 30."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def __call__(self, message: dict[str, Any]) -> None:
        self._handler(message)

    def label_message(self, message: dict[str, Any]) -> dict[str, Any]:
        return message


class Stream:
    """One WebSocket of schwab-py's StreamClient, one task at a time."""

    def __init__(
        self, client: Any, on_equities: Handler, on_options: Handler, on_notice: Handler, tap: Tap | None
    ) -> None:
        self._stream = schwab.streaming.StreamClient(client, enforce_enums=False)
        self._stream.set_json_decoder(_FastDecoder(tap))
        # Handlers come first: schwab-py drops messages that have none.
        self._stream.add_level_one_equity_handler(on_equities)
        self._stream.add_level_one_option_handler(on_options)
        self._stream._handlers["ADMIN"].append(_UnlabelledHandler(on_notice))

    async def login(self) -> None:
        """Open the socket and log in. Raises a ConnectionEndedError."""
        with _translated("LOGIN"):
            await self._stream.login({"max_size": MAX_FRAME_BYTES, "close_timeout": CLOSE_TIMEOUT_SECONDS})

    async def subscribe_equities(self, tickers: Sequence[str]) -> None:
        """Make `tickers` the whole equity subscription; a snapshot of each follows."""
        with _translated("SUBS"):
            await self._stream.level_one_equity_subs(list(tickers), fields=[field.value for field in EQUITY_FIELDS])

    async def subscribe_options(self, symbols: Sequence[str]) -> None:
        """Make `symbols` the whole option subscription."""
        with _translated("SUBS"):
            await self._stream.level_one_option_subs(list(symbols), fields=[field.value for field in OPTION_FIELDS])

    async def add_options(self, symbols: Sequence[str]) -> None:
        """Add to the option subscription."""
        with _translated("ADD"):
            await self._stream.level_one_option_add(list(symbols), fields=[field.value for field in OPTION_FIELDS])

    async def next_frame(self) -> None:
        """Wait for a frame and call the handlers. Cancelling loses nothing: it can only happen while waiting.

        Raises GarbageFrameError for a frame that cannot be read, a ConnectionEndedError when the stream is over.
        """
        try:
            await self._stream.handle_message()
        except (
            schwab.streaming.UnparsableMessage,
            TypeError,
            KeyError,
            ValueError,
            AttributeError,
            IndexError,
        ) as error:
            raise GarbageFrameError(f"a frame could not be read ({type(error).__name__})") from None
        except schwab.streaming.UnexpectedResponse as error:
            raise _code_error(error.response, "") from None
        except websockets.exceptions.ConnectionClosed as error:
            raise _closed_error(error) from None

    async def close(self) -> None:
        """Log out and close, without waiting long for a peer that may be gone."""
        socket = self._stream._socket
        if socket is None:
            return
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                if socket.open:
                    await self._stream.logout()
                await socket.close()
        socket.fail_connection()


@contextlib.contextmanager
def _translated(request: str = "") -> Iterator[None]:
    """Raise what the libraries raise as errors of the feed. Messages never quote an answer: it may hold a token."""
    try:
        yield
    except (schwab.streaming.UnexpectedResponseCode, schwab.streaming.UnexpectedResponse) as error:
        raise _code_error(error.response, request) from None
    except schwab.streaming.UnparsableMessage:
        raise ProtocolError(f"the answer to {request} could not be read") from None
    except websockets.exceptions.ConnectionClosed as error:
        raise _closed_error(error) from None
    except OAuthError as error:
        raise LoginNeededError(f"Schwab refuses the refresh token ({error.error}); run `ticktape login`") from None
    except httpx.HTTPStatusError as error:
        raise _status_error(error.response) from None
    except (httpx.HTTPError, OSError, TimeoutError, websockets.exceptions.WebSocketException) as error:
        raise UnreachableError(f"Schwab cannot be reached ({type(error).__name__}: {error})") from None
    except (AssertionError, TypeError, KeyError, ValueError, AttributeError, IndexError) as error:
        raise ProtocolError(f"an answer of Schwab could not be read ({type(error).__name__})") from None


def _status_error(response: httpx.Response) -> Exception:
    what = f"{response.request.url.path} answered HTTP {response.status_code}"
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return StreamerCodeError(3, what)
    return UnreachableError(what)


def _closed_error(error: Any) -> StreamClosedError:
    close = error.rcvd or error.sent
    return StreamClosedError(1006 if close is None else close.code, "" if close is None else close.reason)


def _code_error(response: Any, request: str) -> Exception:
    try:
        content = response["response"][0]["content"]
        return StreamerCodeError(int(content["code"]), str(content.get("msg", ""))[:200], request)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return ProtocolError(f"the answer to {request or 'nothing'} could not be read")
