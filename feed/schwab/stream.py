"""One WebSocket of schwab-py's StreamClient."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from feed.errors import GarbageFrameError
from feed.schwab.library import StreamJsonDecoder, streaming, websockets_exceptions
from feed.schwab.translation import closed_error, code_error, translated

MAX_FRAME_BYTES = 64 * 1024 * 1024
CLOSE_TIMEOUT_SECONDS = 1.0

_EQUITY = streaming.StreamClient.LevelOneEquityFields
_OPTION = streaming.StreamClient.LevelOneOptionFields
EQUITY_FIELDS = [
    _EQUITY.SYMBOL, _EQUITY.BID_PRICE, _EQUITY.ASK_PRICE, _EQUITY.LAST_PRICE, _EQUITY.BID_SIZE, _EQUITY.ASK_SIZE,
    _EQUITY.TOTAL_VOLUME, _EQUITY.LAST_SIZE, _EQUITY.SECURITY_STATUS, _EQUITY.QUOTE_TIME_MILLIS,
    _EQUITY.TRADE_TIME_MILLIS,
]  # fmt: skip
OPTION_FIELDS = [
    _OPTION.SYMBOL, _OPTION.BID_PRICE, _OPTION.ASK_PRICE, _OPTION.LAST_PRICE, _OPTION.TOTAL_VOLUME,
    _OPTION.OPEN_INTEREST, _OPTION.VOLATILITY, _OPTION.UNDERLYING, _OPTION.DELTA, _OPTION.GAMMA, _OPTION.THETA,
    _OPTION.VEGA, _OPTION.RHO, _OPTION.QUOTE_TIME_MILLIS, _OPTION.TRADE_TIME_MILLIS,
]  # fmt: skip

Handler = Callable[[dict[str, Any]], None]
Tap = Callable[[str], None]


class _FastDecoder(StreamJsonDecoder):  # type: ignore[misc]
    """msgspec in the place of json.loads, showing each frame to the tap.

    schwab-py only knows json.JSONDecodeError, so that every fault becomes one.
    """

    def __init__(self, tap: Tap | None) -> None:
        self._decoder = msgspec.json.Decoder(dict[str, Any])
        self._tap = tap
        self.sent_us: int | None = None

    def decode_json_string(self, raw: str) -> dict[str, Any]:
        if self._tap is not None:
            self._tap(raw)
        try:
            message = self._decoder.decode(raw)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise json.JSONDecodeError(str(error), "", 0) from None
        self.sent_us = _sent_us(message) or self.sent_us
        return message


def _sent_us(message: dict[str, Any]) -> int | None:
    """Schwab's time of a frame, which is in its first element or its heartbeat; None for a frame without."""
    try:
        [first, *_] = next(iter(message.values()))
        return int(first.get("timestamp") or first["heartbeat"]) * 1000
    except (StopIteration, KeyError, TypeError, ValueError, AttributeError):
        return None


class _UnlabelledHandler:
    """A handler for a service that schwab-py has none for: ADMIN, which brings codes 12 and 30."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    def __call__(self, message: dict[str, Any]) -> None:
        self._handler(message)

    def label_message(self, message: dict[str, Any]) -> dict[str, Any]:
        return message


class _LabellingHandler(_UnlabelledHandler):
    """Names the numbered fields as schwab-py's own handler does, without its deep copy of every frame."""

    def __init__(self, handler: Handler, fields: Any) -> None:
        super().__init__(handler)
        self._names: dict[str, str] = fields.key_mapping()

    def label_message(self, message: dict[str, Any]) -> dict[str, Any]:
        if "content" not in message:
            return message
        names = self._names
        content = [{names.get(key, key): value for key, value in item.items()} for item in message["content"]]
        return message | {"content": content}


class Stream:
    """One WebSocket of schwab-py's StreamClient, one task at a time."""

    def __init__(
        self, client: Any, on_equities: Handler, on_options: Handler, on_notice: Handler, tap: Tap | None
    ) -> None:
        self._stream = streaming.StreamClient(client, enforce_enums=False)
        self._decoder = _FastDecoder(tap)
        self._stream.set_json_decoder(self._decoder)
        # Handlers come first: schwab-py drops messages that have none.
        self._stream._handlers["LEVELONE_EQUITIES"].append(_LabellingHandler(on_equities, _EQUITY))
        self._stream._handlers["LEVELONE_OPTIONS"].append(_LabellingHandler(on_options, _OPTION))
        self._stream._handlers["ADMIN"].append(_UnlabelledHandler(on_notice))

    @property
    def sent_us(self) -> int | None:
        """When Schwab sent what was read last, on its clock; None before the first frame that says so."""
        return self._decoder.sent_us

    async def login(self) -> None:
        """Open the socket and log in. Raises a ConnectionEndedError."""
        with translated("LOGIN"):
            await self._stream.login({"max_size": MAX_FRAME_BYTES, "close_timeout": CLOSE_TIMEOUT_SECONDS})

    async def subscribe_equities(self, tickers: Sequence[str]) -> None:
        """Make `tickers` the whole equity subscription; a snapshot of each follows."""
        with translated("SUBS"):
            await self._stream.level_one_equity_subs(list(tickers), fields=[field.value for field in EQUITY_FIELDS])

    async def subscribe_options(self, symbols: Sequence[str]) -> None:
        """Make `symbols` the whole option subscription."""
        with translated("SUBS"):
            await self._stream.level_one_option_subs(list(symbols), fields=[field.value for field in OPTION_FIELDS])

    async def add_options(self, symbols: Sequence[str]) -> None:
        """Add to the option subscription."""
        with translated("ADD"):
            await self._stream.level_one_option_add(list(symbols), fields=[field.value for field in OPTION_FIELDS])

    async def next_frame(self) -> None:
        """Wait for a frame and call the handlers. Cancelling loses nothing: it can only happen while waiting.

        Raises GarbageFrameError for a frame that cannot be read, a ConnectionEndedError when the stream is over.
        """
        try:
            await self._stream.handle_message()
        except (
            streaming.UnparsableMessage,
            TypeError,
            KeyError,
            ValueError,
            AttributeError,
            IndexError,
        ) as error:
            raise GarbageFrameError(f"a frame could not be read ({type(error).__name__})") from None
        except streaming.UnexpectedResponse as error:
            raise code_error(error.response, "") from None
        except websockets_exceptions.ConnectionClosed as error:
            raise closed_error(error) from None

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
