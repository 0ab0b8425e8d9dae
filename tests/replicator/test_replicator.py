import asyncio
import contextlib
import functools
import sqlite3
import time
from collections.abc import AsyncIterator, Collection

import msgspec
import pytest

from eventlog.api import Page
from eventlog.errors import CorruptEventError
from eventlog.events import EquityQuote, Event, FeedGap, OptionQuote
from replicator import rows
from replicator.backfill import Scope, backfill
from replicator.errors import ChunkTooLargeError, HaltingError, RetryableError
from replicator.flushes import FLUSHES_PER_SECOND
from replicator.replicator import LOOK_SECONDS, Replicator
from tests.replicator.doubles import T0_US, Bench, tick


@contextlib.asynccontextmanager
async def running(replicator: Replicator) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(replicator.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 5)


async def test_ticks_become_rows_once(bench: Bench) -> None:
    await bench.log.append([tick(0, price=1.25), tick(1, price=1.5)])
    result = await bench.replicator.sync_once("equity_data")
    assert (result.delivered, result.dead, result.more, result.error) == (2, 0, False, None)
    assert bench.sink.rows() == [
        rows.EquityRow("AAPL", rows.timestamp(T0_US), 1.25, 1),
        rows.EquityRow("AAPL", rows.timestamp(T0_US + 1), 1.5, 1),
    ]
    assert (await bench.replicator.sync_once("equity_data")).delivered == 0
    assert len(bench.sink.chunks) == 1


async def test_each_table_takes_its_own_kinds(bench: Bench) -> None:
    quote = OptionQuote(symbol="AAPL  120622C00585000", option_type="CALL", strike=585.0, expiration="2012-06-22")
    gap = FeedGap(from_us=T0_US - 5, to_us=T0_US, reason="closed")
    await bench.log.append(
        [Event("AAPL", T0_US, quote), Event("", T0_US, gap), Event("AAPL", T0_US, EquityQuote(bid=1.0))]
    )
    await bench.replicator.sync_all()
    assert [row.option_symbol for row in bench.sink.options()] == ["AAPL  120622C00585000"]
    assert bench.sink.rows("stream_gaps") == [
        rows.GapRow("*", rows.timestamp(T0_US - 5), rows.timestamp(T0_US), "closed")
    ]
    assert bench.sink.rows("equity_data") == []


async def test_a_gap_that_grew_replaces_the_shorter_one(bench: Bench) -> None:
    for end in (5, 9):
        await bench.log.append([Event("", T0_US, FeedGap(from_us=T0_US, to_us=T0_US + end, reason="closed"))])
    await bench.replicator.sync_once("stream_gaps")
    assert [row.ended_at for row in bench.sink.gaps()] == [rows.timestamp(T0_US + 9)]


async def test_indicators_go_by_revision(bench: Bench) -> None:
    async def write(revision: int, number: int, value: float) -> None:
        sql = "INSERT OR REPLACE INTO indicators VALUES (?, ?, 'AAPL', ?, ?, NULL)"
        await bench.database.transaction(
            lambda connection: connection.execute(sql, (revision, number, T0_US + number, value))
        )

    await write(1, 1, 1.5)
    await write(2, 2, 2.5)
    await bench.replicator.sync_once("indicators")
    await write(3, 1, 9.5)
    result = await bench.replicator.sync_once("indicators")
    assert result.delivered == 1
    assert [row.sma9 for row in bench.sink.indicators()] == [9.5, 2.5]


async def test_a_restart_goes_on_at_the_cursor(bench: Bench) -> None:
    await bench.log.append([tick(0), tick(1)])
    await bench.replicator.sync_once("equity_data")
    await bench.restart()
    await bench.log.append([tick(2)])
    result = await bench.replicator.sync_once("equity_data")
    assert result.delivered == 1 and len(bench.sink.rows()) == 3


async def test_another_destination_begins_at_the_first_event(bench: Bench) -> None:
    await bench.log.append([tick(0), tick(1)])
    await bench.replicator.sync_once("equity_data")
    bench.sink.identity = "memory:two"
    await bench.restart()
    assert (await bench.replicator.sync_once("equity_data")).delivered == 2


async def test_a_failing_table_does_not_hold_up_the_others(bench: Bench) -> None:
    hang = asyncio.Event()
    await bench.log.append([tick(0), Event("", T0_US, FeedGap(from_us=T0_US, to_us=T0_US + 1, reason="closed"))])

    async def gate() -> None:
        if bench.sink.chunks[-1][0] == "equity_data":
            await hang.wait()

    bench.sink.gate = gate
    await bench.restart(batch_interval_seconds=0.05)
    await bench.replicator.sync_all()
    assert len(bench.sink.rows("stream_gaps")) == 1
    assert bench.sink.rows("equity_data") == []
    hang.set()
    await bench.replicator.sync_all()
    assert len(bench.sink.rows("equity_data")) == 1


async def test_a_retryable_error_moves_no_cursor_and_waits_longer_each_time(bench: Bench) -> None:
    await bench.log.append([tick(0)])
    bench.sink.broken = RetryableError("503: busy", "503")
    waits = [(await bench.replicator.sync_once("equity_data")).wait_seconds for _ in range(12)]
    assert 0.25 <= waits[0] <= 0.5 and 1.0 <= waits[2] <= 2.0
    assert all(15 <= wait <= 30 for wait in waits[7:])
    status = bench.replicator.status()[0]
    assert (status.state, status.cursor, status.last_error) == ("retrying", 0, "503: busy")
    bench.sink.broken = None
    assert (await bench.replicator.sync_once("equity_data")).delivered == 1
    assert bench.replicator.status()[0].state == "ok"


async def test_what_the_destination_asks_for_is_honoured_up_to_a_cap(bench: Bench) -> None:
    await bench.log.append([tick(0)])
    for asked, least, most in ((7.0, 7, 8.75), (0.0, 0, 30), (1e12, 300, 375)):
        bench.sink.faults.append(RetryableError("429", "429", retry_after_seconds=asked))
        wait = (await bench.replicator.sync_once("equity_data")).wait_seconds
        assert least <= wait <= most


async def test_a_chunk_that_is_too_large_is_halved_at_once(bench: Bench) -> None:
    await bench.log.append([tick(number) for number in range(1_000)])
    bench.sink.faults.extend([ChunkTooLargeError("413", "413"), ChunkTooLargeError("57014", "57014")])
    waits = [(await bench.replicator.sync_once("equity_data")).wait_seconds for _ in range(2)]
    assert waits == [0.0, 0.0]
    await bench.replicator.sync_all()
    assert [len(chunk) for _, chunk in bench.sink.chunks][:3] == [1_000, 500, 250]
    assert len(bench.sink.rows()) == 1_000


async def test_chunks_grow_while_answers_are_fast(bench: Bench) -> None:
    await bench.log.append([tick(number) for number in range(12_000)])
    await bench.replicator.sync_all()
    sizes = [len(chunk) for _, chunk in bench.sink.chunks]
    assert max(sizes) > 2_000 and len(bench.sink.rows()) == 12_000
    assert bench.sink.most_under_way == 1


async def test_a_halted_table_is_probed_and_resumes_by_itself(bench: Bench) -> None:
    await bench.log.append([tick(0)])
    bench.sink.broken = HaltingError("42P01: no table", "42P01")
    result = await bench.replicator.sync_once("equity_data")
    assert result.wait_seconds == 30.0
    probes = bench.sink.probes
    await bench.replicator.sync_once("equity_data")
    assert (len(bench.sink.chunks), bench.sink.probes) == (0, probes + 1)
    assert bench.replicator.status()[0].state == "halted"
    bench.sink.broken = None
    assert (await bench.replicator.sync_once("equity_data")).delivered == 1
    assert bench.replicator.status()[0].state == "ok"


async def test_a_log_that_ends_before_the_cursor_halts(bench: Bench) -> None:
    await bench.log.append([tick(0), tick(1)])
    await bench.replicator.sync_once("equity_data")
    bench.log._events.pop()  # as after a restore of an older backup
    result = await bench.replicator.sync_once("equity_data")
    assert "--from-start" in str(result.error)
    assert bench.replicator.status()[0].state == "halted"


async def test_a_restored_log_stays_halted_when_it_grows_again(bench: Bench) -> None:
    await bench.log.append([tick(number) for number in range(5)])
    await bench.replicator.sync_once("equity_data")
    del bench.log._events[3:]
    await bench.restart()
    bench.log._intake.next_seq = 4
    await bench.log.append([tick(number) for number in range(10, 20)])
    for _ in range(2):
        assert "--from-start" in str((await bench.replicator.sync_once("equity_data")).error)
        await bench.restart()
    await backfill(bench.replicator, "equity_data", Scope(), lambda done, total: None)
    assert (await bench.replicator.sync_once("equity_data")).error is None
    assert len(bench.sink.rows()) == 15


async def test_pruned_events_are_passed_over(bench: Bench) -> None:
    await bench.log.append([tick(0), tick(1)])
    bench.log.read = _nothing  # type: ignore[method-assign]
    result = await bench.replicator.sync_once("equity_data")
    assert (result.more, result.error, bench.replicator.status()[0].cursor) == (False, None, 2)


async def _nothing(after: int, limit: int, kinds: object = None) -> Page:
    return Page([], after)


async def test_rows_that_cannot_be_numbers_are_dead_letters_and_are_never_sent(bench: Bench) -> None:
    await bench.database.transaction(
        lambda connection: connection.execute("INSERT INTO indicators VALUES (1, 1, 'AAPL', 5, 9e999, NULL)")
    )
    result = await bench.replicator.sync_once("indicators")
    assert (result.delivered, result.dead) == (0, 1)
    assert bench.sink.chunks == []
    assert await bench.query("SELECT table_name, seq, reason FROM dead_letters") == [
        ("indicators", 1, "sma9 is inf: not a number that a destination can store")
    ]
    assert bench.replicator.status()[1].dead_letters == 1


async def test_an_event_that_cannot_be_a_row_is_a_dead_letter(bench: Bench) -> None:
    quote = OptionQuote(symbol="X", option_type="CALL", strike=585.0, expiration="2012-06-22")
    await bench.log.append([Event("AAPL", T0_US, quote), Event("AAPL", T0_US + 1, quote)])
    broken = msgspec.structs.replace(bench.log._events[0], payload=b'{"symbol": "X"}')
    bench.log._events[0] = broken
    result = await bench.replicator.sync_once("option_prices")
    assert (result.delivered, result.dead, result.error) == (1, 1, None)
    assert await bench.query("SELECT seq, row FROM dead_letters") == [(1, '{"symbol": "X"}')]


async def test_rows_before_a_corrupt_event_are_sent_and_the_table_halts_at_it(bench: Bench) -> None:
    await bench.log.append([tick(number) for number in range(10)])
    read = bench.log.read

    async def damaged(after: int, limit: int, kinds: Collection[str] | None = None) -> Page:
        if after < 7 <= after + limit:
            raise CorruptEventError(7, "its content does not match its CRC")
        return await read(after, limit, kinds)

    bench.log.read = damaged  # type: ignore[method-assign]
    while (result := await bench.replicator.sync_once("equity_data")).error is None:
        assert result.more
    assert isinstance(result.error, CorruptEventError)
    assert (bench.replicator.status()[0].state, bench.replicator.status()[0].cursor) == ("halted", 6)
    assert len(bench.sink.rows()) == 6


async def test_a_full_disk_below_state_db_sends_again_and_goes_on(bench: Bench) -> None:
    await bench.log.append([tick(number) for number in range(3)])
    await bench.database.run(_fill_up)
    result = await bench.replicator.sync_once("equity_data")
    assert isinstance(result.error, RetryableError) and "state.db" in str(result.error)
    assert bench.replicator.status()[0].cursor == 0
    await bench.query("PRAGMA max_page_count = 1000000")
    assert (await bench.replicator.sync_once("equity_data")).delivered == 3
    assert len(bench.sink.rows()) == 3 and bench.replicator.status()[0].state == "ok"


def _fill_up(connection: sqlite3.Connection) -> None:
    """No page more, and no room for a cursor in those that are there."""
    connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")
    for size in (900, 300, 100, 30, 10):
        with contextlib.suppress(sqlite3.OperationalError):
            for number in range(1_000):
                values = (f"{size}-{number}", "x" * size)
                connection.execute("INSERT INTO cursors VALUES (?, ?, 0, 0, 0)", values)


async def test_appends_flush_at_once_and_at_most_ten_times_a_second(bench: Bench) -> None:
    async with running(bench.replicator):
        began = asyncio.get_running_loop().time()
        for number in range(5):
            bench.sink.stored_some.clear()
            await bench.log.append([tick(number)])
            await asyncio.wait_for(bench.sink.stored_some.wait(), 2)
        seconds = asyncio.get_running_loop().time() - began
    assert 0.4 <= seconds < 2
    assert bench.sink.most_under_way == 1


async def test_a_stream_of_events_is_gathered_between_flushes(bench: Bench) -> None:
    bench.sink.gate = functools.partial(asyncio.sleep, 0.012)
    async with running(bench.replicator):
        for number in range(100):
            await bench.log.append([tick(number)])
            await asyncio.sleep(0.005)
    flushes = [chunk for table, chunk in bench.sink.chunks if table == "equity_data"]
    assert 3 <= len(flushes) <= 12


@pytest.fixture
def looks(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When the loop has looked for due flushes."""
    look, found = bench.replicator._start_due, []

    def noted() -> float | None:
        found.append(time.monotonic())
        return look()

    monkeypatch.setattr(bench.replicator, "_start_due", noted)
    return found


async def test_it_looks_for_due_flushes_at_a_pace_however_often_it_is_woken(bench: Bench, looks: list[float]) -> None:
    async with running(bench.replicator):
        for _ in range(100):
            bench.replicator.wake()
            await asyncio.sleep(0.002)
    assert 2 <= len(looks) <= 2 + (looks[-1] - looks[0]) / LOOK_SECONDS


async def test_it_rests_until_a_table_may_be_flushed_again(bench: Bench, looks: list[float]) -> None:
    async with running(bench.replicator):
        for number in range(200):
            await bench.log.append([tick(number)])
            bench.replicator.wake()
            await asyncio.sleep(0.003)
    # The tables of the log are due together, that of the indicators a look later.
    assert len(looks) <= 4 + 3 * FLUSHES_PER_SECOND * (looks[-1] - looks[0])


async def test_a_row_that_is_derived_during_a_flush_does_not_wait_for_the_next_event(bench: Bench) -> None:
    async def derive(revision: int) -> None:
        sql = "INSERT INTO indicators VALUES (?, ?, 'AAPL', ?, 1.0, 1.0)"
        await bench.database.transaction(lambda connection: connection.execute(sql, (revision,) * 3))
        bench.sink.stored_some.clear()
        bench.replicator.wake()

    await bench.restart(batch_interval_seconds=3600)
    async with running(bench.replicator):
        await bench.log.append([tick(0), tick(1)])
        for revision in (1, 2):
            await derive(revision)
            async with asyncio.timeout(3):
                while len(bench.sink.indicators()) < revision:
                    await bench.sink.stored_some.wait()
                    bench.sink.stored_some.clear()


async def test_a_batch_size_waits_for_so_many_events(bench: Bench) -> None:
    await bench.restart(batch_size=3)
    async with running(bench.replicator):
        await bench.log.append([tick(0), tick(1)])
        await asyncio.sleep(0.2)
        assert bench.sink.chunks == []
        await bench.replicator.sync_all()
        assert len(bench.sink.rows()) == 2


async def test_draining_sends_what_it_can_and_counts_the_rest(bench: Bench) -> None:
    await bench.log.append([tick(number) for number in range(5)])
    assert await bench.replicator.drain(5.0) == 0
    await bench.restart()
    await bench.log.append([tick(number) for number in range(5, 12)])
    bench.sink.gate = asyncio.Event().wait
    began = asyncio.get_running_loop().time()
    assert await bench.replicator.drain(0.1) == 7
    assert asyncio.get_running_loop().time() - began < 2


async def test_what_waits_during_an_outage_is_counted_exactly(bench: Bench) -> None:
    def unsent() -> list[int]:
        return [status.unsent for status in bench.replicator.status() if status.table in ("equity_data", "stream_gaps")]

    bench.sink.broken = RetryableError("503", "503")
    for number in range(30):
        await bench.log.append([tick(number), Event("AAPL", T0_US + number, EquityQuote(bid=1.0))])
        await bench.replicator.sync_once("equity_data")
        await bench.replicator.sync_once("stream_gaps")
        assert unsent() == [number + 1, 0]
    bench.sink.broken = None
    await bench.replicator.sync_once("equity_data")
    assert unsent() == [0, 0]
    for number in range(30, 1_500):
        await bench.log.append([tick(number)])
    bench.sink.faults.append(RetryableError("503", "503"))
    await bench.replicator.sync_once("equity_data")
    assert unsent()[0] == 1_470
    await bench.replicator.sync_once("equity_data")
    assert unsent()[0] == 470


async def test_an_idle_second_reads_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.log.append([tick(0)])
    for _ in range(3):
        await bench.replicator.sync_all()
    reads: list[str] = []
    with monkeypatch.context() as watched:
        watched.setattr(bench.database, "run", lambda work: reads.append("state"))
        watched.setattr(bench.log, "read", lambda *_: reads.append("log"))
        await bench.replicator.sync_all()
    assert reads == []
