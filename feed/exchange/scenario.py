"""Scripted bad days: what the exchange does at which second after the first subscription."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from feed.errors import TapeError
from feed.exchange import protocol
from feed.exchange.server import Exchange

BIG_FRAME_BYTES = 10 * 1024 * 1024

Action = Literal[
    "close",
    "notice",
    "refuse",
    "silence",
    "half_open",
    "garbage",
    "big_frame",
    "raw",
    "update",
    "expire_access_token",
    "expire_refresh_token",
    "rest_error",
    "rest_ok",
]


class Step(msgspec.Struct, forbid_unknown_fields=True):
    """At `at_seconds`, do one thing; the other fields are its parameters.

    close: WebSocket `code`. notice: streamer `code`. refuse: the next `times` requests of `command` get `code`.
    raw: send `text`. update: `fields` (numeric keys) of `key` of `service`. rest_error: HTTP status `code`.
    """

    at_seconds: float
    do: Action
    code: int = 0
    command: str = "SUBS"
    times: int = 1
    text: str = ""
    service: str = protocol.EQUITIES
    key: str = ""
    fields: dict[str, float | int | str] = {}


NAMED: dict[str, list[Step]] = {
    "closes": [Step(5.0 * (n + 1), "close", code=code) for n, code in enumerate((1000, 1006, 1011, 1012))],
    "codes": [
        Step(5, "notice", code=protocol.STOP_STREAMING),
        Step(10, "refuse", code=protocol.LOGIN_DENIED, command="LOGIN"),
        Step(10, "close", code=1011),
        Step(15, "refuse", code=protocol.SYMBOL_LIMIT),
        Step(15, "close", code=1011),
    ],
    "takeover": [Step(5, "notice", code=protocol.CLOSE_CONNECTION)],
    "half-open": [Step(5, "half_open")],
    "silence": [Step(5, "silence")],
    "garbage": [Step(5, "garbage"), Step(6, "big_frame")],
    "tokens": [Step(5, "expire_access_token"), Step(5, "close", code=1011), Step(10, "expire_refresh_token"),
               Step(10, "close", code=1011)],
}  # fmt: skip


def load(name_or_path: str) -> list[Step]:
    """A named scenario, or the JSON array of steps in a file. Raises TapeError."""
    if name_or_path in NAMED:
        return NAMED[name_or_path]
    try:
        return msgspec.json.decode(Path(name_or_path).read_bytes(), type=list[Step])
    except OSError as error:
        names = ", ".join(NAMED)
        raise TapeError(f"scenario {name_or_path}: neither a file ({error.strerror}) nor one of {names}") from error
    except msgspec.MsgspecError as error:
        raise TapeError(f"scenario {name_or_path}: {error}") from error


async def play(exchange: Exchange, steps: Sequence[Step], speed: float = 1.0) -> None:
    """Do the steps in the order of their times, counted from the first subscription."""
    await exchange.first_subscription.wait()
    loop = asyncio.get_running_loop()
    began = loop.time()
    for step in sorted(steps, key=lambda step: step.at_seconds):
        await asyncio.sleep(max(0.0, began + step.at_seconds / speed - loop.time()))
        await do(exchange, step)


async def do(exchange: Exchange, step: Step) -> None:
    """Do one step now."""
    at_once: dict[Action, Callable[[], None]] = {
        "refuse": lambda: exchange.refuse(step.command, step.code, times=step.times),
        "silence": exchange.fall_silent,
        "half_open": exchange.freeze,
        "expire_access_token": exchange.rest.tokens.expire_access,
        "expire_refresh_token": exchange.rest.tokens.expire_refresh,
        "rest_error": lambda: setattr(exchange.rest, "failing_with", step.code),
        "rest_ok": lambda: setattr(exchange.rest, "failing_with", None),
    }
    sending: dict[Action, Callable[[], Awaitable[None]]] = {
        "close": lambda: exchange.close_streams(step.code),
        "notice": lambda: exchange.stop_streams(step.code),
        "garbage": lambda: exchange.send('{"data":[{"service":'),
        "big_frame": lambda: exchange.send(big_frame()),
        "raw": lambda: exchange.send(step.text),
        "update": lambda: exchange.publish(step.service, [(step.key, step.fields)]),
    }
    if step.do in at_once:
        at_once[step.do]()
    else:
        await sending[step.do]()


def big_frame(size_bytes: int = BIG_FRAME_BYTES) -> str:
    """A valid frame of a service nobody asked for."""
    filler = "x" * size_bytes
    return msgspec.json.encode(protocol.data("UNKNOWN_SERVICE", [{"key": filler}])).decode()
