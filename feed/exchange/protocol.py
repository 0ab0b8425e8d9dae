"""Names and numbers of Schwab's streamer protocol, and the frames in it."""

import time
from typing import Any

EQUITIES = "LEVELONE_EQUITIES"
OPTIONS = "LEVELONE_OPTIONS"
ADMIN = "ADMIN"

OK = 0
LOGIN_DENIED = 3
CLOSE_CONNECTION = 12
SYMBOL_LIMIT = 19
NO_CONNECTION = 20
BAD_FORMAT = 21
STOP_STREAMING = 30

MAX_KEYS = 500

Fields = dict[str, Any]


class EquityField:
    """Numeric keys of LEVELONE_EQUITIES."""

    BID = "1"
    ASK = "2"
    LAST = "3"
    BID_SIZE = "4"
    ASK_SIZE = "5"
    TOTAL_VOLUME = "8"
    LAST_SIZE = "9"
    STATUS = "32"
    QUOTE_MS = "34"
    TRADE_MS = "35"


class OptionField:
    """Numeric keys of LEVELONE_OPTIONS."""

    BID = "2"
    ASK = "3"
    LAST = "4"
    TOTAL_VOLUME = "8"
    OPEN_INTEREST = "9"
    VOLATILITY = "10"
    EXPIRATION_YEAR = "12"
    STRIKE = "20"
    CONTRACT_TYPE = "21"
    UNDERLYING = "22"
    EXPIRATION_MONTH = "23"
    EXPIRATION_DAY = "26"
    DELTA = "28"
    GAMMA = "29"
    THETA = "30"
    VEGA = "31"
    RHO = "32"
    QUOTE_MS = "38"
    TRADE_MS = "39"


def now_ms() -> int:
    """The time frames are stamped with."""
    return time.time_ns() // 1_000_000


def response(request: dict[str, Any], correl_id: str, code: int, message: str) -> dict[str, Any]:
    """The answer to one request."""
    return {
        "service": request.get("service", ADMIN),
        "command": request.get("command", ""),
        "requestid": str(request.get("requestid", "")),
        "SchwabClientCorrelId": correl_id,
        "timestamp": now_ms(),
        "content": {"code": code, "msg": message},
    }


def data(service: str, content: list[Fields]) -> dict[str, Any]:
    """A frame of updates."""
    return {"data": [{"service": service, "timestamp": now_ms(), "command": "SUBS", "content": content}]}


def heartbeat() -> dict[str, Any]:
    """The frame of an idle stream."""
    return {"notify": [{"heartbeat": str(now_ms())}]}


def notice(code: int, message: str) -> dict[str, Any]:
    """An ADMIN notification, which announces the end of the stream."""
    content = {"code": code, "msg": message}
    return {"notify": [{"service": ADMIN, "timestamp": now_ms(), "content": content}]}
