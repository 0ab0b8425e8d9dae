"""Where log lines go and how they look: JSON for machines, text for people, never a secret.

A line carries a stable `event` name (docs/OPERATIONS.md lists them) and its fields, bound by
`logger.bind(event="feed.connected", ticker="QQQ").info(...)`. Lines of libraries are let in from WARNING on.
"""

import contextlib
import json
import logging
import sys
import time
import traceback
from collections.abc import Callable, Hashable
from datetime import UTC
from typing import TYPE_CHECKING, Any, TextIO

from loguru import logger

from service import redaction
from service.settings import Settings

if TYPE_CHECKING:
    from loguru import Message, Record

REPEATS_ALLOWED = 3
REPEAT_SECONDS = 60.0
# Above ERROR: the last line of a process is never held back.
UNLIMITED_LEVEL = 50


def configure(settings: Settings) -> None:
    """Send log lines to stdout in LOG_FORMAT."""
    render = render_json if settings.log_format == "json" else render_text
    _install(render, settings.log_level, lambda: sys.stdout)


def silence() -> None:
    """Only errors, on stderr: for commands that draw the screen themselves."""
    _install(render_text, "ERROR", lambda: sys.stderr)


def _install(render: "Callable[[Record], str]", level: str, stream: Callable[[], TextIO]) -> None:
    def write(message: "Message") -> None:
        # A reader of the log that has gone must not end the recording, nor make loguru dump the record to stderr.
        with contextlib.suppress(OSError, ValueError):
            print(redaction.redact(render(message.record)), file=stream(), flush=True)

    logger.remove()
    logger.add(write, level=level, format="{message}", filter=RepeatLimit().admit, backtrace=False, diagnose=False)
    logging.basicConfig(handlers=[_FromLibraries()], level=logging.WARNING, force=True)
    logging.captureWarnings(True)


def render_json(record: "Record") -> str:
    """One JSON object on one line: ts, level, event, message, the bound fields and, after a failure, `error`."""
    line: dict[str, Any] = {
        "ts": _time(record),
        "level": record["level"].name,
        "event": record["extra"].get("event", "log"),
        "message": record["message"],
    }
    line |= {name: value for name, value in record["extra"].items() if name not in line}
    if record["exception"] is not None:
        line["error"] = _trace(record)
    return json.dumps(line, default=str, ensure_ascii=False)


def render_text(record: "Record") -> str:
    """Time, level and message; a traceback on the lines below."""
    line = f"{_time(record)} {record['level'].name:<7} {record['message']}"
    return line if record["exception"] is None else f"{line}\n{_trace(record)}"


def _time(record: "Record") -> str:
    utc = record["time"].astimezone(UTC)
    return utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _trace(record: "Record") -> str:
    error = record["exception"]
    assert error is not None
    return "".join(traceback.format_exception(error.type, error.value, error.traceback)).rstrip()


class RepeatLimit:
    """Admits the first REPEATS_ALLOWED lines of a kind in REPEAT_SECONDS; the next one admitted counts what was not.

    Of one kind are lines whose event, level, ticker, table and library agree; without an event, those of one place in
    the code.
    """

    def __init__(self, now_seconds: Callable[[], float] = time.monotonic) -> None:
        self._now_seconds = now_seconds
        self._windows: dict[Hashable, tuple[float, int]] = {}

    def admit(self, record: "Record") -> bool:
        """Whether the line goes out; sets its field `suppressed` when lines like it were held back before."""
        if record["level"].no >= UNLIMITED_LEVEL:
            return True
        key, now = _kind(record), self._now_seconds()
        since, seen = self._windows.get(key, (now, 0))
        if now - since >= REPEAT_SECONDS:
            if seen > REPEATS_ALLOWED:
                record["extra"]["suppressed"] = seen - REPEATS_ALLOWED
            since, seen = now, 0
            self._forget_before(now - REPEAT_SECONDS)
        self._windows[key] = (since, seen + 1)
        return seen < REPEATS_ALLOWED

    def _forget_before(self, moment: float) -> None:
        held_back = {key: window for key, window in self._windows.items() if window[1] > REPEATS_ALLOWED}
        recent = {key: window for key, window in self._windows.items() if window[0] > moment}
        self._windows = recent | held_back


def _kind(record: "Record") -> Hashable:
    extra = record["extra"]
    if "event" in extra:
        fields = (extra.get(name) for name in ("ticker", "table", "library"))
        return (extra["event"], record["level"].no, *fields)
    return (record["name"], record["line"], record["level"].no)


class _FromLibraries(logging.Handler):
    """Hands on lines of the standard library's logging from WARNING; below it httpx logs URLs, websockets frames."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            level = record.levelname if record.levelname in ("ERROR", "CRITICAL") else "WARNING"
            bound = logger.bind(event="library", library=record.name)
            bound.opt(exception=record.exc_info).log(level, "{}", record.getMessage())
