"""A dashboard's queries go through an index, with a few hundred thousand rows and real statistics."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from replicator import embedded
from tests.servers import postgres

_FILL = """
insert into equity_data
select ticker, timestamptz '2026-11-02 14:30+00' + n * interval '4 seconds', 600 + n % 100, 1
from generate_series(1, 60000) as n, unnest(array['QQQ', 'AAPL', 'SPY']) as ticker;
insert into indicators select ticker, "timestamp", price, price from equity_data;
insert into option_prices (ticker, "timestamp", option_type, strike_price, expiration_date)
select
    ticker, timestamptz '2026-11-02 14:30+00' + n * interval '30 seconds', 'CALL', strike, date '2026-11-02' + n / 300
from generate_series(1, 3000) as n, unnest(array['QQQ', 'AAPL']) as ticker, generate_series(590, 620, 1) as strike;
analyze;
"""

LATEST = "select * from {table} where ticker = 'QQQ' order by timestamp desc limit 100"
DAY = """select * from {table} where ticker = 'QQQ'
and timestamp >= '2026-11-04 05:00+00' and timestamp < '2026-11-05 05:00+00' order by timestamp"""
QUERIES = {
    "latest ticks": (LATEST.format(table="equity_data"), "equity_data_pkey"),
    "latest indicators": (LATEST.format(table="indicators"), "indicators_pkey"),
    "latest of all": ("select * from equity_data order by timestamp desc limit 100", "idx_equity_data_timestamp"),
    "a day of ticks": (DAY.format(table="equity_data"), "equity_data_pkey"),
    "a day of indicators": (DAY.format(table="indicators"), "indicators_pkey"),
    "the chain of an expiry": (
        """select distinct on (strike_price, option_type) * from option_prices
        where ticker = 'QQQ' and expiration_date = '2026-11-08' order by strike_price, option_type, timestamp desc""",
        "idx_option_prices_expiration_date",
    ),
    "a strike's history": (
        "select * from option_prices where ticker = 'QQQ' and strike_price = 600 order by timestamp",
        "idx_option_prices_ticker_strike",
    ),
    "what clean-up deletes": (
        "select ctid from equity_data where timestamp < '2026-11-02 15:00+00' order by timestamp limit 10000",
        "idx_equity_data_timestamp",
    ),
}


@pytest.fixture(scope="module")
def filled(migrated_server: embedded.EmbeddedPostgres) -> str:
    """A database with three tickers' ticks of three days and option chains of ten expiries."""

    async def fill() -> None:
        await postgres.recreate(migrated_server, "plans")
        async with postgres.connected(migrated_server.database_dsn("plans")) as connection:
            await connection.execute(_FILL)

    postgres.run_apart(fill())
    return migrated_server.database_dsn("plans")


@pytest.fixture
async def connection(filled: str) -> AsyncIterator[Any]:
    """As a dashboard: anonymous, with row security."""
    async with postgres.connected(filled) as opened:
        await opened.execute("set role anon")
        yield opened


@pytest.mark.parametrize("name", QUERIES)
async def test_an_index_is_used(connection: Any, name: str) -> None:
    query, index = QUERIES[name]

    plan = "\n".join(row[0] for row in await connection.fetch(f"explain {query}"))

    assert index in plan, plan
    assert "Seq Scan" not in plan, plan


async def test_bars_between_read_only_their_stretch(connection: Any) -> None:
    sql = "select * from bars_1m_between('QQQ', '2026-11-04', '2026-11-04 01:00')"
    # The first call also reads the catalogue.
    await connection.fetch(sql)

    [(text,)] = await connection.fetch(f"explain (analyze, buffers, format json) {sql}")

    plan = json.loads(text)[0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 60, text
