"""The destination's own digests against ours, on the real PostgreSQL; and what a repair sends."""

import asyncio
import datetime
import decimal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest
from pydantic import SecretStr

from eventlog.events import EquityTick, Event, FeedGap, OptionQuote
from replicator import digests, rows, tables, verify
from replicator.backfill import Scope as BackfillScope
from replicator.backfill import backfill
from replicator.postgres_sink import PostgresSink
from replicator.replicator import Options, Replicator
from replicator.verify import TableReport, Verification
from tests.replicator import doubles
from tests.replicator.doubles import T0_US, Bench
from tests.servers import postgres

HOUR_US = 3_600_000_000
SETTINGS = hypothesis.settings(max_examples=300, derandomize=True, deadline=None, print_blob=True)


class Shipped:
    """A log of three tickers over three hours, delivered to a PostgreSQL."""

    def __init__(self, bench: Bench, dsn: str) -> None:
        self.bench = bench
        self.dsn = dsn
        self.sink = PostgresSink(SecretStr(dsn))
        self.replicator = Replicator(bench.log, bench.database, self.sink, Options(clock=bench.clock, seed=1))

    async def ship(self) -> None:
        for table in tables.TABLES:
            while (result := await self.replicator.sync_once(table.name)).more:
                assert result.error is None, result.error

    async def verify(self, table: str = "equity_data", repair: bool = False, **scope: Any) -> TableReport:
        verification = Verification(tables.BY_NAME[table], self.replicator, self.bench.log, repair)
        return await verification.run(verify.Scope(**scope), lambda done, total: None)

    async def execute(self, sql: str) -> None:
        async with postgres.connected(self.dsn) as connection:
            await connection.execute(sql)


@pytest.fixture
async def shipped(tmp_path: Path, database: str) -> AsyncIterator[Shipped]:
    async with doubles.bench(tmp_path) as bench:
        bench.clock.advance_us(500 * HOUR_US)
        made = Shipped(bench, database)
        await made.replicator.start()
        await bench.log.append([_tick(number) for number in range(300)])
        await made.ship()
        yield made
        await made.replicator.close()


def _tick(number: int) -> Event:
    ticker = ("AAPL", "QQQ", "BRK.B")[number % 3]
    tick = EquityTick(price=100 + number * 0.00035, size=1, volume=number, total_volume=1_000_000 + number)
    return Event(ticker, T0_US + number * HOUR_US // 100, tick)


async def test_equal_sides_agree(shipped: Shipped) -> None:
    report = await shipped.verify()
    assert report.agrees and (report.rows, report.hours) == (300, 12)


async def test_every_table_agrees_after_a_delivery(shipped: Shipped, monkeypatch: pytest.MonkeyPatch) -> None:
    quotes = [
        OptionQuote(symbol=f"S{strike}", option_type=side, strike=strike, expiration="2012-07-20", delta=-0.1, bid=0.05)
        for strike in (585.0, 90.5, 100.125)
        for side in ("PUT", "CALL")
    ]
    await shipped.bench.log.append([Event("AAPL", T0_US + 400 * HOUR_US, quote) for quote in quotes])
    await shipped.bench.log.append(
        [Event("", T0_US + 9, FeedGap(from_us=T0_US + 1, to_us=T0_US + 9, reason="closed | reset"))]
    )
    sql = "INSERT INTO indicators VALUES (?, ?, 'AAPL', ?, ?, ?)"
    values = [(number, number, T0_US + number, 1 / (number + 3), None) for number in range(1, 50)]
    await shipped.bench.database.transaction(lambda connection: connection.executemany(sql, values))
    shipped.bench.clock.advance_us(120_000_000)
    await shipped.replicator.sync_all()
    await shipped.ship()
    monkeypatch.setattr(shipped.bench.log, "read", None)  # a log of months is never read as a whole
    found = {table.name: await shipped.verify(table.name) for table in tables.TABLES}
    assert [report for report in found.values() if not report.agrees] == []
    assert {name: report.rows for name, report in found.items()} == {
        "equity_data": 300,
        "indicators": 49,
        "option_prices": 6,
        "streaming_metrics": 3,
        "stream_gaps": 1,
    }


async def test_rows_that_are_missing_or_changed_are_found_and_sent_again(shipped: Shipped) -> None:
    await shipped.execute("DELETE FROM equity_data WHERE volume IN (7, 8, 150)")
    await shipped.execute("UPDATE equity_data SET price = price + 0.0001 WHERE volume IN (30, 299)")
    found = await shipped.verify()
    assert (found.missing, found.different, found.only_remote, found.repaired) == (3, 2, 0, 0)
    mended = await shipped.verify(repair=True)
    assert (mended.missing, mended.different, mended.repaired) == (3, 2, 5)
    assert (await shipped.verify()).agrees


async def test_a_whole_lost_table_is_found_without_asking_for_each_row(shipped: Shipped) -> None:
    await shipped.execute("TRUNCATE equity_data")
    assert (await shipped.verify(repair=True)).repaired == 300
    assert (await shipped.verify()).agrees


async def test_rows_that_only_the_destination_has_are_counted_and_kept(shipped: Shipped) -> None:
    await shipped.execute("INSERT INTO equity_data SELECT 'ZZZ', timestamp, price, volume FROM equity_data LIMIT 2")
    await shipped.execute(
        "INSERT INTO equity_data SELECT ticker, timestamp + interval '1 us', price, volume FROM equity_data LIMIT 1"
    )
    report = await shipped.verify(repair=True)
    assert (report.missing, report.different, report.only_remote, report.repaired) == (0, 0, 3, 0)
    async with postgres.connected(shipped.dsn) as connection:
        assert await connection.fetchval("SELECT count(*) FROM equity_data") == 303


async def test_unsent_rows_are_not_missing(shipped: Shipped) -> None:
    await shipped.bench.log.append([_tick(number) for number in range(300, 310)])
    assert (await shipped.verify()).agrees


async def test_ticker_and_time_narrow_the_comparison(shipped: Shipped) -> None:
    await shipped.execute("DELETE FROM equity_data WHERE ticker = 'QQQ'")
    assert (await shipped.verify(ticker="AAPL")).agrees
    assert (await shipped.verify(ticker="QQQ", until_us=T0_US + HOUR_US)).missing == 33
    assert (await shipped.verify(ticker="QQQ", since_us=T0_US + 2 * HOUR_US)).missing == 33


async def test_dead_letters_are_not_missing(shipped: Shipped) -> None:
    await shipped.execute("ALTER TABLE equity_data ADD CHECK (volume <> 305)")
    await shipped.bench.log.append([_tick(number) for number in range(300, 310)])
    await shipped.ship()
    assert (await shipped.verify()).agrees


async def test_a_backfill_brings_back_what_was_lost_and_leaves_the_cursor(shipped: Shipped) -> None:
    await shipped.execute("DELETE FROM equity_data")
    cursor = shipped.replicator.pump("equity_data").cursor
    since_us = T0_US + HOUR_US
    report = await backfill(shipped.replicator, "equity_data", BackfillScope("QQQ", since_us), lambda done, total: None)
    assert (report.acknowledged, report.refused) == (67, 0)
    assert shipped.replicator.pump("equity_data").cursor == cursor
    assert (await shipped.verify(ticker="QQQ", since_us=since_us)).agrees
    await backfill(shipped.replicator, "equity_data", BackfillScope(), lambda done, total: None)
    assert (await shipped.verify()).agrees


async def test_a_backfill_leaves_what_is_unsent_to_the_loop(shipped: Shipped) -> None:
    await shipped.bench.log.append([_tick(number) for number in range(300, 310)])
    report = await backfill(shipped.replicator, "equity_data", BackfillScope(), lambda done, total: None)
    assert report.acknowledged == 300
    async with postgres.connected(shipped.dsn) as connection:
        assert await connection.fetchval("SELECT count(*) FROM equity_data") == 300


@SETTINGS
@hypothesis.given(st.floats(-1e9, 1e9) | st.decimals(-1000, 1000, places=5).map(float))
@hypothesis.example(225.84354999999999)
@hypothesis.example(0.00005)
@hypothesis.example(-0.00001)
@hypothesis.example(-0.0)
def test_a_price_is_rounded_as_the_decimal_that_it_means(value: float) -> None:
    exact = decimal.Decimal(repr(value))
    written = decimal.Decimal(digests.as_numeric(value))
    assert abs(written - exact) <= decimal.Decimal("0.00005")
    assert written.as_tuple().exponent == -4 and not digests.as_numeric(value).startswith("-0.0000")


async def test_prices_are_rounded_as_postgresql_rounds_them(database: str) -> None:
    prices = [0.00005, -0.00005, 0.00015, 225.84354999999999, 1.00005, 2.5e-05, 9999999999.9999, 123456.78905, -0.0]
    sink = PostgresSink(SecretStr(database))
    moments = [rows.timestamp(T0_US + number) for number in range(len(prices))]
    chunk = [rows.EquityRow("AAPL", moment, price, 1) for moment, price in zip(moments, prices, strict=True)]
    await sink.upsert(tables.EQUITY_DATA, chunk, merge=False)
    (found,) = await sink.digest(tables.EQUITY_DATA, 0, T0_US + HOUR_US, None)
    line = digests.line_maker(tables.EQUITY_DATA)
    assert found.digest == digests.md5([line(row) for row in chunk])
    assert datetime.datetime.fromtimestamp(found.hour_us / 1e6, datetime.UTC).minute == 0
    await sink.close()


async def test_a_row_that_is_refused_does_not_keep_the_others_from_repair(shipped: Shipped) -> None:
    await shipped.execute("DELETE FROM equity_data WHERE volume < 50")
    await shipped.execute("ALTER TABLE equity_data ADD CONSTRAINT odd CHECK (volume <> 7)")
    report = await shipped.verify(repair=True)
    assert (report.missing, report.repaired, report.refused) == (50, 49, 1)
    again = await shipped.verify(repair=True)
    assert (again.missing, again.repaired, again.refused) == (1, 0, 1)


async def test_live_rows_are_sent_while_an_hour_is_searched(shipped: Shipped, monkeypatch: pytest.MonkeyPatch) -> None:
    await shipped.execute("UPDATE equity_data SET price = price + 1 WHERE ticker = 'AAPL'")
    asked, real = 0, shipped.sink.digest

    async def digest(*arguments: Any) -> list[Any]:
        nonlocal asked
        asked += 1
        if asked == 10:
            live = asyncio.create_task(_live(shipped))
            live.add_done_callback(lambda _: sent_after.append(asked))
        return await real(*arguments)

    sent_after: list[int] = []
    monkeypatch.setattr(shipped.sink, "digest", digest)
    assert (await shipped.verify()).different == 100
    assert asked > 100 and sent_after[0] < 20


async def _live(shipped: Shipped) -> None:
    await shipped.bench.log.append([_tick(1_000)])
    await shipped.replicator.sync_once("equity_data")
