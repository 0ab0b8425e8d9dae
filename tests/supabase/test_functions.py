"""The functions and views, each against an independent reckoning."""

import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from market import calendar
from tests.servers import postgres

NEW_YORK = ZoneInfo("America/New_York")
# A Friday; New York is five hours behind UTC.
OPEN = datetime.datetime(2026, 11, 20, 9, 30, tzinfo=NEW_YORK)


async def fetch(dsn: str, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
    async with postgres.connected(dsn) as connection:
        return [tuple(row) for row in await connection.fetch(sql, *arguments)]


async def add_ticks(dsn: str, *ticks: tuple[Any, ...]) -> None:
    """(ticker, seconds after the open, price, volume)"""
    rows = [
        (ticker, OPEN + datetime.timedelta(seconds=after), Decimal(price), volume)
        for ticker, after, price, volume in ticks
    ]
    async with postgres.connected(dsn) as connection:
        await connection.copy_records_to_table("equity_data", records=rows)


async def health(dsn: str, ticker: str | None, after_seconds: float) -> list[tuple[Any, ...]]:
    moment = OPEN + datetime.timedelta(seconds=after_seconds)
    sql = """select ticker, status, is_healthy, seconds_since_last_tick, records_last_hour, errors_last_hour
    from streaming_health_at($1, $2)"""
    return await fetch(dsn, sql, ticker, moment)


async def test_market_sessions_agree_with_the_calendar_of_the_feed(database: str) -> None:
    found = await fetch(
        database,
        """select day::date, (extract(epoch from opens) * 1e6)::bigint, (extract(epoch from closes) * 1e6)::bigint
        from generate_series(date '2022-01-01', date '2032-12-31', '1 day') as day
        left join market_session(day::date) on true""",
    )
    wrong = []
    for day, opens, closes in found:
        session = calendar.session_of(day, "regular")
        if (opens, closes) != ((session.open_us, session.close_us) if session else (None, None)):
            wrong.append(str(day))
    # A day of mourning, ordered twelve days before: no rule tells it.
    assert wrong == ["2025-01-09"]


@pytest.mark.parametrize(
    ("after_seconds", "status"), [(60, "healthy"), (600, "stale"), (-60, "no_data"), (86_400, "market_closed")]
)
async def test_health_is_judged_within_market_hours_only(database: str, after_seconds: int, status: str) -> None:
    await add_ticks(database, ("QQQ", 1, "600", 5))

    [(ticker, found, is_healthy, *_)] = await health(database, "QQQ", after_seconds)

    assert (ticker, found, is_healthy) == ("QQQ", status, status in ("healthy", "market_closed"))


async def test_a_market_that_has_just_opened_is_not_stale(database: str) -> None:
    await add_ticks(database, ("QQQ", -60_000, "600", 5))

    assert (await health(database, "QQQ", 240))[0][1] == "healthy"
    assert (await health(database, "QQQ", 301))[0][1] == "stale"


async def test_health_counts_records_of_an_hour_for_every_ticker(database: str) -> None:
    await add_ticks(
        database, ("QQQ", 1, "600", 5), ("QQQ", 4000, "600", 5), ("QQQ", 4001, "600", 5), ("AAPL", 4100, "1", 1)
    )
    async with postgres.connected(database) as connection:
        await connection.execute(
            "insert into streaming_metrics (ticker, timestamp, records_processed, error_count)"
            " values ('QQQ', $1, 500, 2)",
            OPEN + datetime.timedelta(seconds=4000),
        )

    assert await health(database, None, 4101) == [
        ("AAPL", "healthy", True, 1.0, 1, 0),
        ("QQQ", "healthy", True, 100.0, 2, 2),
    ]
    assert await health(database, "MSFT", 4101) == [("MSFT", "no_data", False, None, 0, 0)]
    assert [row[0] for row in await fetch(database, "select ticker from get_streaming_health()")] == ["AAPL", "QQQ"]


async def test_stats_by_the_trading_day_of_new_york(database: str) -> None:
    evening = 11 * 3600  # 20:30 in New York is the next day in UTC
    await add_ticks(
        database,
        ("QQQ", 5, "600.5", 10),
        ("QQQ", 1, "600.25", 20),
        ("QQQ", 9, "601.0001", 0),
        ("QQQ", evening, "599", 5),
        ("QQQ", 86_400, "610", 1),
    )
    await fetch(database, "select refresh_equity_stats()")

    sql = """select ticker, trading_day::text, ticks, open, high, low, close, average, volume, first_tick, last_tick
    from equity_data_stats order by trading_day"""
    first, second = await fetch(database, sql)

    seconds = datetime.timedelta(seconds=1)
    assert first[:7] == ("QQQ", "2026-11-20", 4, *map(Decimal, ("600.25", "601.0001", "599", "599")))
    assert first[7:] == (Decimal("600.187525"), 35, OPEN + seconds, OPEN + evening * seconds)
    assert second[:3] == ("QQQ", "2026-11-21", 1)


async def test_minute_bars(database: str) -> None:
    await add_ticks(
        database,
        ("QQQ", 0, "600", 10),
        ("QQQ", 59.999999, "602", 30),
        ("QQQ", 30, "599", 0),
        ("QQQ", 60, "610", 0),
        ("AAPL", 0, "1", 1),
    )
    expected = [
        ("QQQ", OPEN, *map(Decimal, ("600", "602", "599", "602")), 40, (600 * 10 + 602 * 30) / 40, 3),
        ("QQQ", OPEN + datetime.timedelta(minutes=1), *[Decimal(610)] * 4, 0, None, 1),
    ]
    since, until = OPEN - datetime.timedelta(minutes=1), OPEN + datetime.timedelta(minutes=2)

    assert await fetch(database, "select * from bars_1m where ticker = 'QQQ' order by timestamp") == expected
    between = "select * from bars_1m_between('QQQ', $1, $2)"
    assert await fetch(database, between, since, until) == expected
    one_microsecond = datetime.timedelta(microseconds=1)
    assert await fetch(database, between, OPEN, OPEN + datetime.timedelta(minutes=1)) == expected[:1]
    assert await fetch(database, between, OPEN + one_microsecond, until) == expected[1:]
    assert await fetch(database, between, OPEN, OPEN + one_microsecond) == expected[:1]


async def test_clean_up_goes_through_chunks_and_spares_what_is_young(database: str) -> None:
    async with postgres.connected(database) as connection:
        await connection.execute(
            """insert into equity_data select 'QQQ', now() - interval '31 days' - n * interval '1 second', 1, 1
            from generate_series(1, 25000) as n;
            insert into equity_data values ('QQQ', now() - interval '29 days', 1, 1);
            insert into stream_gaps values ('*', now() - interval '31 days', now(), 'old');"""
        )

    assert await fetch(database, "select cleanup_old_equity_data(30)") == [(25_000,)]
    assert await fetch(database, "select cleanup_old_equity_data(30)") == [(0,)]
    assert await fetch(database, "select count(*) from equity_data") == [(1,)]
    for table in ("indicators", "option_prices", "streaming_metrics", "stream_gaps"):
        assert await fetch(database, "select cleanup_old_rows($1, 30)", table) == [
            (1 if table == "stream_gaps" else 0,)
        ]


@pytest.mark.parametrize(("table", "days"), [("equity_data", 0), ("equity_data", None), ("pg_class", 9), (None, 9)])
async def test_clean_up_refuses_what_would_empty_a_table(database: str, table: str | None, days: int | None) -> None:
    with pytest.raises(Exception, match="cleanup_old_rows"):
        await fetch(database, "select cleanup_old_rows($1, $2)", table, days)


async def test_usage_tells_the_days_that_are_left(database: str) -> None:
    async with postgres.connected(database) as connection:
        await connection.execute(
            """insert into equity_data select 'QQQ', now() - n * interval '1 minute', 1, 1
            from generate_series(1, 20160) as n;
            analyze;"""
        )
    usage = {row[0]: row[1:] for row in await fetch(database, "select * from database_usage()")}

    size, rows, per_day, left = usage["equity_data"]
    assert (rows, left) == (20_160, None)
    assert per_day == pytest.approx(size / 14, rel=0.01)
    whole, _, rate, days_left = usage["(database)"]
    assert rate == per_day
    assert float(days_left) == pytest.approx((500e6 - whole) / rate, rel=0.01)
    assert set(usage) == {
        "equity_data",
        "indicators",
        "option_prices",
        "streaming_metrics",
        "stream_gaps",
        "(database)",
    }
