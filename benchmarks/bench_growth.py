"""What the same work costs on a log ten times as long. The catch-up and the rebuild have their own lines elsewhere."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from benchmarks import days, measure
from eventlog import log as event_log
from eventlog import startup
from eventlog.clock import ManualClock
from eventlog.events import Event
from eventlog.log import EventLog

TENTH_SECONDS = 5_000
"""Ten tickers: 50,000 ticks, and 500,000 in the log ten times as long."""
ROUNDS = 3
GROUP, GROUPS = 100, 100
REPEATS = 30
HOUR_EVENTS = 3_600
LONGEST_READ = 10_000

PEER = "a tenth of the log"
FLAT = measure.Goal(of="ratio", bound="most", value=1.25, peer=PEER)
AS_FAST = measure.Goal(of="ratio", bound="least", value=0.8, peer=PEER)


def results() -> Iterator[measure.Result]:
    """Appends, the tail, a page in the middle, the last tick, an hour, and opening."""
    with tempfile.TemporaryDirectory() as name:
        whole = days.recorded(Path(name) / "whole", 10 * TENTH_SECONDS)
        tenth = days.recorded(Path(name) / "tenth", TENTH_SECONDS)
        yield _compared("durable appends in groups of 100", "events/s", _appends, whole, tenth, AS_FAST)
        yield _compared("read the tail", "ms", _repeated(_read_tail), whole, tenth, FLAT)
        yield _compared("the last tick of a ticker", "ms", _repeated(_read_latest), whole, tenth, FLAT)
        yield _compared("the last hour of a ticker", "ms", _repeated(_read_hour), whole, tenth, FLAT)
        yield _compared(
            "open", "ms", _open, whole, tenth,
            note=f"a log of up to {startup.QUICK_CHECK_BYTES >> 20} MB is checked first, a larger one while recording",
        )  # fmt: skip


def _compared(
    name: str,
    unit: str,
    work: Callable[[Path], Awaitable[float]],
    whole: Path,
    tenth: Path,
    goal: measure.Goal | None = None,
    note: str = "",
) -> measure.Result:
    return measure.compare(
        f"{name}, {10 * TENTH_SECONDS * len(days.TICKERS):,} ticks", unit, lambda: asyncio.run(_awaited(work(whole))),
        {PEER: lambda: asyncio.run(_awaited(work(tenth)))}, goal, ROUNDS,
        note,
    )  # fmt: skip


async def _awaited(work: Awaitable[float]) -> float:
    return await work


async def _opened(data_dir: Path) -> EventLog:
    return await event_log.open_log(data_dir, ManualClock(days.OPEN_US + 30 * days.DAY_US))


async def _appends(data_dir: Path) -> float:
    log = await _opened(data_dir)
    last = await log.latest("equity_tick", days.TICKERS[0])
    assert last is not None
    added: list[Event] = list(days.ticks(GROUP * GROUPS // len(days.TICKERS), last.ts_us + days.SECOND_US))
    began = time.perf_counter()
    for start in range(0, len(added), GROUP):
        await log.append(added[start : start + GROUP])
    seconds = time.perf_counter() - began
    await log.close()
    return len(added) / seconds


def _repeated(read: Callable[[EventLog], Awaitable[int]]) -> Callable[[Path], Awaitable[float]]:
    """Median milliseconds of `read`, which returns how many events it found."""

    async def work(data_dir: Path) -> float:
        log = await _opened(data_dir)
        taken = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            found = await read(log)
            taken.append((time.perf_counter() - began) * 1e3)
            assert found
        await log.close()
        return statistics.median(taken)

    return work


async def _read_tail(log: EventLog) -> int:
    return len((await log.read(log.head - GROUP, GROUP)).events)


async def _read_latest(log: EventLog) -> int:
    return int(await log.latest("equity_tick", days.TICKERS[-1]) is not None)


async def _read_hour(log: EventLog) -> int:
    last = await log.latest("equity_tick", days.TICKERS[0])
    assert last is not None
    since_us = last.ts_us - HOUR_EVENTS * days.SECOND_US
    return len(await log.read_range(days.TICKERS[0], since_us, last.ts_us, ["equity_tick"], LONGEST_READ))


async def _open(data_dir: Path) -> float:
    began = time.perf_counter()
    log = await _opened(data_dir)
    taken_ms = (time.perf_counter() - began) * 1e3
    await log.close()
    return taken_ms
