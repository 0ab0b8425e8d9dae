"""Handing events to the log: in order, nothing dropped, bounded, whatever the log does."""

import asyncio
from collections.abc import Sequence

import pytest

from eventlog.errors import LogFailedError, LogFullError
from eventlog.events import EquityTick, Event
from eventlog.memory import MemoryLog
from feed import appender
from feed.appender import Appender
from feed.status import Status

FIRST_US = 1_763_650_000_000_000


def tick(number: int, price: float = 1.0) -> Event:
    return Event("QQQ", FIRST_US + number, EquityTick(price=price, size=1, volume=1, total_volume=number))


class GatedLog(MemoryLog):
    """Lets one append through at a time; raises what it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Semaphore(0)
        self.errors: list[Exception] = []
        self.batches: list[int] = []
        self.in_flight = 0

    async def append(self, batch: Sequence[Event]) -> range:
        self.in_flight += 1
        assert self.in_flight == 1
        try:
            await self.gate.acquire()
            if self.errors:
                raise self.errors.pop()
            self.batches.append(len(batch))
            return await super().append(batch)
        finally:
            self.in_flight -= 1


async def _let_run() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_arrives_during_an_append_goes_into_the_next() -> None:
    log = GatedLog()
    handing = Appender(log, Status())
    running = asyncio.create_task(handing.run())
    handing.add([tick(1)])
    await _let_run()
    for number in range(2, 8):
        handing.add([tick(number)])
    log.gate.release()
    log.gate.release()
    await handing.drained()
    assert log.batches == [1, 6]
    assert [event.ts_us - FIRST_US for event in (await log.read(0, 10)).events] == list(range(1, 8))
    running.cancel()


async def test_room_waits_while_too_many_wait() -> None:
    log = GatedLog()
    handing = Appender(log, Status())
    running = asyncio.create_task(handing.run())
    handing.add([tick(number) for number in range(appender.MAX_WAITING + appender.MAX_BATCH)])
    await _let_run()
    assert handing.is_full
    waiting = asyncio.create_task(handing.room())
    await _let_run()
    assert not waiting.done()
    log.gate.release()
    await waiting
    assert not handing.is_full
    running.cancel()


async def test_a_full_disk_is_waited_for() -> None:
    log = GatedLog()
    log.errors = [LogFullError("full"), LogFullError("full")]
    handing = Appender(log, Status(), retry_seconds=0)
    running = asyncio.create_task(handing.run())
    handing.add([tick(1)])
    for _ in range(3):
        log.gate.release()
    await handing.drained()
    assert log.head == 1
    running.cancel()


async def test_one_refused_event_costs_only_itself() -> None:
    log = MemoryLog()
    status = Status()
    handing = Appender(log, status)
    running = asyncio.create_task(handing.run())
    handing.add([tick(1), tick(2, price=-1.0), tick(3)])
    await handing.drained()
    assert [event.ts_us - FIRST_US for event in (await log.read(0, 10)).events] == [1, 3]
    assert status.refused_events == 1
    running.cancel()


async def test_a_failed_log_ends_the_feed() -> None:
    log = GatedLog()
    log.errors = [LogFailedError("fsync")]
    handing = Appender(log, Status())
    handing.add([tick(1)])
    log.gate.release()
    with pytest.raises(LogFailedError):
        await handing.run()
