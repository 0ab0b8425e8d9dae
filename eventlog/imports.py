"""The way back from exported files into a log, and the way tapes come in.

Exports are taken up in seq order across all files, whatever their number; a tape is a CSV of time,price,size (UTC) of
one ticker. An import that was cut short may be run again: events that are there already are passed over.
"""

import datetime
import heapq
import itertools
import math
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from eventlog import columns, export, validation
from eventlog.clock import Clock, SystemClock
from eventlog.errors import InvalidEventError, UsageError
from eventlog.events import EquityTick, StoredEvent
from eventlog.log import EventLog
from market import calendar

_EVENTS_PER_APPEND = 1_000
_TAPE_COLUMNS = ("time", "price", "size")
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_LATEST_US = 253_370_764_800_000_000
"""The year 9999 in UTC, which in another zone is one that has no dates."""


@dataclass(frozen=True)
class Imported:
    """`skipped` events were in the log already."""

    events: int
    skipped: int


async def import_export(log: EventLog, source: Path, progress: Callable[[int, int | None], None]) -> Imported:
    """Append the events of the export in the folder `source`. Raises UsageError for what is not one."""
    return await _take(log, _in_seq_order(_files(source)), source, progress)


async def import_tape(
    log: EventLog,
    source: Path,
    ticker: str,
    progress: Callable[[int, int | None], None],
    clock: Clock | None = None,
) -> Imported:
    """Append the trades of a tape as ticks of `ticker`. Raises UsageError naming the line that is wrong."""
    recorded_us = (clock or SystemClock()).now_us()
    return await _take(log, tape(source, ticker, recorded_us), source, progress)


def tape(source: Path, ticker: str, recorded_us: int) -> Iterator[StoredEvent]:
    """The ticks of a tape; trades at one time become 1 us apart, `total_volume` starts anew each ET day."""
    last_us, total, day = 0, 0, None
    encode = msgspec.json.Encoder().encode
    for number, (trade_us, price, size) in enumerate(_tape_rows(source), start=1):
        ts_us = max(trade_us, last_us + 1)
        last_us = ts_us
        today = calendar.trading_day(trade_us)
        total = size if today != day else total + size
        day = today
        true_us = None if ts_us == trade_us else trade_us
        tick = EquityTick(price=price, size=size, volume=size, total_volume=total, trade_us=true_us)
        yield StoredEvent(number, "equity_tick", ticker, ts_us, recorded_us, encode(tick))


def _tape_rows(source: Path) -> Iterator[tuple[int, float, int]]:
    refusal = "a tape's first line names the columns time, price and size"
    for number, row in columns.csv_lines(source, _TAPE_COLUMNS, refusal):
        try:
            trade = _trade(row)
        except (TypeError, ValueError, InvalidEventError) as error:
            raise UsageError(f"{source}, line {number}: {error}") from error
        yield trade


def _trade(row: dict[str, str]) -> tuple[int, float, int]:
    time = datetime.datetime.fromisoformat(row["time"])
    utc = time if time.tzinfo else time.replace(tzinfo=datetime.UTC)
    trade_us = (utc - _EPOCH) // datetime.timedelta(microseconds=1)
    # What has no day, and what JSON cannot hold, would fail before the log can refuse it.
    validation.check_time(trade_us, _LATEST_US)
    price, size = float(row["price"]), int(row["size"])
    if not math.isfinite(price):
        raise ValueError(f"price {price}")
    if abs(size) > validation.MAX_VOLUME:
        raise ValueError(f"size {size}")
    return trade_us, price, size


def _files(source: Path) -> list[Path]:
    files = sorted([*source.glob("day=*/ticker=*/*.parquet"), *source.glob("day=*/ticker=*/*.csv")])
    if not files:
        raise UsageError(f"{source}: no day=.../ticker=.../*.parquet or *.csv in it")
    return files


def _in_seq_order(files: list[Path]) -> Iterator[StoredEvent]:
    """Merge the files by seq; a file is open only while its seqs are due."""
    due = sorted((_first_seq(path), path) for path in files)
    heap: list[tuple[int, int, StoredEvent, Iterator[StoredEvent]]] = []
    opened = 0
    while heap or opened < len(due):
        while opened < len(due) and (not heap or due[opened][0] <= heap[0][0]):
            events = columns.read(due[opened][1], _ticker_of(due[opened][1]))
            first = next(events, None)
            opened += 1
            if first is not None:
                heapq.heappush(heap, (first.seq, opened, first, events))
        if heap:
            _, order, event, events = heap[0]
            yield event
            following = next(events, None)
            if following is None:
                heapq.heappop(heap)
            else:
                heapq.heapreplace(heap, (following.seq, order, following, events))


def _first_seq(path: Path) -> int:
    events = columns.read(path, _ticker_of(path))
    return next((event.seq for event in events), 0)


def _ticker_of(path: Path) -> str:
    ticker = urllib.parse.unquote(path.parent.name.removeprefix("ticker="))
    return "" if ticker == export.RECORDING else ticker


async def _take(
    log: EventLog, events: Iterable[StoredEvent], source: Path, progress: Callable[[int, int | None], None]
) -> Imported:
    known = _OnRecord(log)
    taken = skipped = 0
    for chunk in _chunks(events):
        try:
            new = [event for event in chunk if not await known.has(event)]
            await log.append_stored(new)
        except InvalidEventError as error:
            raise UsageError(f"{source}: {error}; the {taken} events before it were taken") from error
        taken += len(new)
        skipped += len(chunk) - len(new)
        progress(taken + skipped, None)
    return Imported(taken, skipped)


def _chunks(events: Iterable[StoredEvent]) -> Iterator[list[StoredEvent]]:
    iterator = iter(events)
    while chunk := list(itertools.islice(iterator, _EVENTS_PER_APPEND)):
        yield chunk


class _OnRecord:
    """What the log held before the import: asked once for each kind and ticker, then only below that time."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._last_us: dict[tuple[str, str], int] = {}

    async def has(self, event: StoredEvent) -> bool:
        """Whether this very event was there. Raises InvalidEventError for a tick before the last one on record."""
        key = event.kind, event.ticker
        if key not in self._last_us:
            latest = await self._log.latest(event.kind, event.ticker)
            self._last_us[key] = latest.ts_us if latest else 0
        if event.ts_us > self._last_us[key]:
            return False
        same_time = await self._log.read_range(event.ticker, event.ts_us, event.ts_us + 1, [event.kind])
        if any(other.payload == event.payload for other in same_time):
            return True
        if event.kind == "equity_tick":
            raise InvalidEventError(
                "ts_us",
                event.ts_us,
                f"it lies before the last {event.ticker} tick on record; import older history into an empty DATA_DIR",
            )
        return False
