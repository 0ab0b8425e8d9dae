"""Events as lines for a person or as JSON for a machine, and times as people write them."""

import datetime
import re
from typing import Any

import msgspec

from eventlog.errors import UsageError
from eventlog.events import StoredEvent

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_FIRST_US, _LAST_US = 0, 253_402_300_799_999_999
"""What has a date: 1970, before which there are no ticks, to 9999."""
_UNITS = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}


def iso(ts_us: int) -> str:
    """ISO 8601 in UTC with microseconds."""
    return (_EPOCH + datetime.timedelta(microseconds=ts_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str, now_us: int) -> int:
    """Microseconds of an ISO date or time (UTC unless it says otherwise), or of "15m", "2h", "3d" ago."""
    ago = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if ago:
        return max(now_us - int(ago[1]) * _UNITS[ago[2]], _FIRST_US)
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a time: write 2026-11-20, 2026-11-20T14:30:00Z or 15m, 2h, 3d") from error
    time = time if time.tzinfo else time.replace(tzinfo=datetime.UTC)
    return min(max((time - _EPOCH) // datetime.timedelta(microseconds=1), _FIRST_US), _LAST_US)


def line(event: StoredEvent) -> str:
    """One event as one line of text."""
    return f"{event.seq:>9}  {iso(event.ts_us)}  {event.ticker or '*':<6}  {event.kind:<15}  {event.payload.decode()}"


def as_json(event: StoredEvent) -> str:
    """One event as one line of JSON."""
    shown: dict[str, Any] = {
        "seq": event.seq,
        "kind": event.kind,
        "ticker": event.ticker,
        "time": iso(event.ts_us),
        "ts_us": event.ts_us,
        "recorded_us": event.recorded_us,
        "payload": msgspec.Raw(event.payload),
    }
    return msgspec.json.encode(shown).decode()
