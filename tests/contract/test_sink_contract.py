"""What every sink promises, seen on the real PostgreSQL and, for Supabase, through a PostgREST-compatible server."""

import contextlib
import datetime
import decimal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from replicator import digests, rows, tables
from replicator.errors import HaltingError, PermanentError, RetryableError
from replicator.postgres_sink import PostgresSink
from replicator.sink import Digest, Sink
from replicator.supabase_sink import SupabaseSink
from tests.servers import postgres
from tests.servers.lite import Lite

T0_US = 1_340_285_400_004_241


@dataclass
class Destination:
    sink: Sink
    dsn: str

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        async with postgres.connected(self.dsn) as connection:
            return [tuple(record) for record in await connection.fetch(sql)]

    async def execute(self, sql: str) -> None:
        async with postgres.connected(self.dsn) as connection:
            await connection.execute(sql)


@pytest.fixture
async def postgres_destination(database: str) -> AsyncIterator[Destination]:
    sink = PostgresSink(SecretStr(database))
    yield Destination(sink, database)
    await sink.close()


@pytest.fixture
async def supabase_destination(lite: Lite) -> AsyncIterator[Destination]:
    sink = SupabaseSink(lite.url, SecretStr(lite.service_key))
    yield Destination(sink, lite.dsn)
    await sink.close()


@pytest.fixture(params=["postgres_destination", "supabase_destination"])
def destination(request: pytest.FixtureRequest) -> Destination:
    made: Destination = request.getfixturevalue(request.param)
    return made


def tick(number: int, price: float = 585.25, ticker: str = "AAPL") -> rows.EquityRow:
    return rows.EquityRow(ticker, rows.timestamp(T0_US + number), price, 100)


def option(strike: float, **values: Any) -> rows.OptionRow:
    filled: dict[str, Any] = {
        "option_type": "CALL",
        "last_price": 1.5,
        "bid": 1.4999,
        "ask": None,
        "volume": 3,
        "open_interest": None,
        "delta": 0.1,
    } | values
    return rows.OptionRow(
        ticker="GOOG",
        timestamp=rows.timestamp(T0_US),
        strike_price=strike,
        expiration_date=datetime.date(2024, 5, 17),
        gamma=-0.25,
        theta=None,
        vega=1e-07,
        implied_volatility=33.123456789012345,
        option_symbol="GOOG  240517C00070000",
        **filled,
    )


async def test_rows_arrive_with_every_digit(destination: Destination) -> None:
    await destination.sink.upsert(tables.EQUITY_DATA, [tick(0, 225.8435), tick(1, 93.2599)], merge=False)
    found = await destination.fetch("SELECT * FROM equity_data ORDER BY timestamp")
    assert found == [
        ("AAPL", rows.timestamp(T0_US), decimal.Decimal("225.8435"), 100),
        ("AAPL", rows.timestamp(T0_US + 1), decimal.Decimal("93.2599"), 100),
    ]


async def test_indicators_arrive_to_the_bit(destination: Destination) -> None:
    value = 585.1234567890123
    row = rows.IndicatorRow("AAPL", rows.timestamp(T0_US), value, None)
    await destination.sink.upsert(tables.INDICATORS, [row], merge=True)
    assert await destination.fetch("SELECT sma9, vwap FROM indicators") == [(value, None)]


async def test_every_table_takes_its_rows(destination: Destination) -> None:
    moment = rows.timestamp(T0_US)
    metrics = rows.MetricsRow("AAPL", moment, 60, 1, 12, 0, "healthy")
    gap = rows.GapRow("*", moment, rows.timestamp(T0_US + 5), "socket closed")
    await destination.sink.upsert(tables.OPTION_PRICES, [option(70.0), option(72.5)], merge=False)
    await destination.sink.upsert(tables.STREAMING_METRICS, [metrics], merge=True)
    await destination.sink.upsert(tables.STREAM_GAPS, [gap], merge=True)
    counts = "SELECT (SELECT count(*) FROM {}), (SELECT count(*) FROM {}), (SELECT count(*) FROM {})"
    assert await destination.fetch(counts.format("option_prices", "streaming_metrics", "stream_gaps")) == [(2, 1, 1)]
    assert await destination.fetch("SELECT vega, implied_volatility, bid FROM option_prices LIMIT 1") == [
        (1e-07, 33.123456789012345, decimal.Decimal("1.4999"))
    ]


async def test_a_repeated_fact_changes_nothing(destination: Destination) -> None:
    for price in (1.0, 2.0):
        await destination.sink.upsert(tables.EQUITY_DATA, [tick(0, price)], merge=False)
    assert await destination.fetch("SELECT price FROM equity_data") == [(decimal.Decimal("1.0000"),)]


async def test_a_repeated_key_is_replaced_where_rows_merge(destination: Destination) -> None:
    for price in (1.0, 2.0):
        await destination.sink.upsert(tables.EQUITY_DATA, [tick(0, price)], merge=True)
    assert await destination.fetch("SELECT price FROM equity_data") == [(decimal.Decimal("2.0000"),)]


async def test_a_full_chunk_arrives(destination: Destination) -> None:
    await destination.sink.upsert(tables.EQUITY_DATA, [tick(number) for number in range(5_000)], merge=False)
    assert await destination.fetch("SELECT count(*) FROM equity_data") == [(5_000,)]


async def test_a_bad_row_is_permanent_and_takes_the_whole_chunk_with_it(destination: Destination) -> None:
    chunk = [tick(0), tick(1, ticker="A-TICKER-TOO-LONG"), tick(2)]
    with pytest.raises(PermanentError) as caught:
        await destination.sink.upsert(tables.EQUITY_DATA, chunk, merge=False)
    assert caught.value.code == "22001"
    assert await destination.fetch("SELECT count(*) FROM equity_data") == [(0,)]


async def test_a_price_beyond_the_column_is_permanent(destination: Destination) -> None:
    with pytest.raises(PermanentError) as caught:
        await destination.sink.upsert(tables.EQUITY_DATA, [tick(0, 1e15)], merge=False)
    assert caught.value.code == "22003"


async def test_a_refused_check_is_permanent(postgres_destination: Destination) -> None:
    # @supabase/lite hides the SQLSTATE of a check; tests/contract/test_sink_answers.py has PostgREST's answer.
    with pytest.raises(PermanentError) as caught:
        await postgres_destination.sink.upsert(tables.OPTION_PRICES, [option(70.0, option_type="BOTH")], merge=False)
    assert caught.value.code == "23514"


async def test_a_missing_table_halts_and_says_what_to_do(destination: Destination) -> None:
    await destination.execute("DROP TABLE option_prices CASCADE")
    with pytest.raises(HaltingError, match="ticktape migrate"):
        await destination.sink.upsert(tables.OPTION_PRICES, [option(70.0)], merge=False)
    with pytest.raises(HaltingError, match="ticktape migrate"):
        await destination.sink.probe(tables.OPTION_PRICES)


async def test_a_missing_column_halts(destination: Destination) -> None:
    await destination.execute("ALTER TABLE indicators DROP COLUMN vwap")
    row = rows.IndicatorRow("AAPL", rows.timestamp(T0_US), 1.0, 1.0)
    with pytest.raises(HaltingError, match="ticktape migrate"):
        await destination.sink.upsert(tables.INDICATORS, [row], merge=True)


async def test_a_read_only_database_halts(postgres_destination: Destination) -> None:
    # @supabase/lite does not outlive a cut connection; tests/contract/test_sink_answers.py has PostgREST's answer.
    async with postgres.connected(postgres_destination.dsn) as connection:
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    with pytest.raises(HaltingError) as caught:
        await postgres_destination.sink.upsert(tables.EQUITY_DATA, [tick(0)], merge=False)
    assert caught.value.code == "25006"


async def test_a_cut_connection_is_retryable_and_the_next_call_works(postgres_destination: Destination) -> None:
    await postgres_destination.sink.probe(tables.EQUITY_DATA)
    await postgres_destination.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ticktape'"
    )
    with contextlib.suppress(RetryableError):
        await postgres_destination.sink.upsert(tables.EQUITY_DATA, [tick(0)], merge=False)
    await postgres_destination.sink.upsert(tables.EQUITY_DATA, [tick(0)], merge=False)
    assert await postgres_destination.fetch("SELECT count(*) FROM equity_data") == [(1,)]


async def test_a_server_that_is_not_there_is_retryable() -> None:
    for sink in (
        PostgresSink(SecretStr("postgresql://postgres@127.0.0.1:1/ticks")),
        SupabaseSink("http://127.0.0.1:1", SecretStr("sb_secret_x")),
    ):
        with pytest.raises(RetryableError):
            await sink.upsert(tables.EQUITY_DATA, [tick(0)], merge=False)
        await sink.close()


async def test_a_wrong_dsn_halts_without_showing_its_password() -> None:
    sink = PostgresSink(SecretStr("mysql://user:hidden@db.example.org/ticks"))
    with pytest.raises(HaltingError, match="POSTGRES_DSN") as caught:
        await sink.probe(tables.EQUITY_DATA)
    assert "hidden" not in str(caught.value)


async def test_a_table_that_is_there_can_be_probed(destination: Destination) -> None:
    for table in tables.TABLES:
        await destination.sink.probe(table)


async def test_the_identity_names_the_destination_without_its_credentials() -> None:
    dsn = SecretStr("postgresql://user:hidden@db.example.org:6543/ticks?sslmode=require")
    assert PostgresSink(dsn).identity == "postgres:db.example.org:6543/ticks"
    assert (
        SupabaseSink("https://abc.supabase.co/", SecretStr("sb_secret_x")).identity
        == "supabase:https://abc.supabase.co"
    )


async def test_closing_twice_is_harmless(destination: Destination) -> None:
    await destination.sink.probe(tables.EQUITY_DATA)
    await destination.sink.close()
    await destination.sink.close()


async def test_the_destination_digests_its_own_rows_as_we_do(destination: Destination) -> None:
    line = digests.line_maker(tables.EQUITY_DATA)
    hour_us = 3_600_000_000
    ours = [tick(0, 225.8435), tick(1, 93.2599), tick(hour_us, 1e-05)]
    await destination.sink.upsert(tables.EQUITY_DATA, [*ours, tick(5, ticker="QQQ")], merge=False)
    first_us = T0_US // hour_us * hour_us
    found = await destination.sink.digest(tables.EQUITY_DATA, T0_US, T0_US + 2 * hour_us, "AAPL")
    assert found == [
        Digest("AAPL", first_us, 2, digests.md5([line(row) for row in ours[:2]])),
        Digest("AAPL", first_us + hour_us, 1, digests.md5([line(ours[2])])),
    ]
    everybody = await destination.sink.digest(tables.EQUITY_DATA, T0_US, T0_US + 1, None)
    assert [(digest.ticker, digest.row_count) for digest in everybody] == [("AAPL", 1)]


async def test_a_missing_digest_function_says_what_to_do(destination: Destination) -> None:
    await destination.execute("DROP FUNCTION replication_digest")
    with pytest.raises(HaltingError):
        await destination.sink.digest(tables.EQUITY_DATA, T0_US, T0_US + 1, None)
