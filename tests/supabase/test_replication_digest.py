"""The digest against the same text made in Python, as docs/SCHEMA.md defines it."""

import datetime
import hashlib
import struct
from typing import Any

import hypothesis
import pydantic
import pytest
import supabase
from hypothesis import strategies as st

from replicator import digests, postgres_sink, rows, tables
from tests.servers import postgres
from tests.servers.lite import Lite

UTC = datetime.UTC
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)
HOUR = datetime.datetime(2026, 11, 20, 15, tzinfo=UTC)


def at(microseconds: int) -> datetime.datetime:
    return HOUR + datetime.timedelta(microseconds=microseconds)


def micros(moment: datetime.datetime) -> int:
    return (moment - EPOCH) // datetime.timedelta(microseconds=1)


def bits(number: float) -> str:
    return struct.pack(">d", number).hex()


def md5(*lines: str) -> str:
    return hashlib.md5("\n".join(lines).encode()).hexdigest()


async def digest(dsn: str, table: str, ticker: str | None = None) -> list[tuple[Any, ...]]:
    async with postgres.connected(dsn) as connection:
        sql = "select * from replication_digest($1, $2, $3, $4)"
        found = await connection.fetch(sql, table, HOUR, HOUR + datetime.timedelta(hours=2), ticker)
    return [tuple(row) for row in found]


async def test_ticks_by_ticker_and_hour(database: str) -> None:
    async with postgres.connected(database) as connection:
        await connection.execute("set timezone to 'Asia/Tokyo'")
        await connection.execute(
            "insert into equity_data values ('QQQ', $1, 225.8435, 7), ('QQQ', $2, 225.8, 0), ('AAPL', $3, 1, 1),"
            " ('QQQ', $4, 3, 3), ('QQQ', $5, 4, 4)",
            at(1),
            at(0),
            at(3_600_000_000),
            at(-1),
            at(7_200_000_000),
        )
    expected = [
        ("AAPL", at(3_600_000_000), 1, md5(f"AAPL|{micros(at(3_600_000_000))}|1.0000|1")),
        ("QQQ", HOUR, 2, md5(f"QQQ|{micros(at(0))}|225.8000|0", f"QQQ|{micros(at(1))}|225.8435|7")),
    ]

    assert await digest(database, "equity_data") == expected
    assert await digest(database, "equity_data", "QQQ") == expected[1:]


async def test_means_by_their_bits_and_null_as_a_dash(database: str) -> None:
    vwap = 0.1 + 0.2
    async with postgres.connected(database) as connection:
        await connection.execute("insert into indicators values ('QQQ', $1, null, $2)", at(5), vwap)

    assert await digest(database, "indicators") == [("QQQ", HOUR, 1, md5(f"QQQ|{micros(at(5))}|-|{bits(vwap)}"))]


async def test_options_in_the_order_of_their_whole_key(database: str) -> None:
    async with postgres.connected(database) as connection:
        for kind, strike in (("PUT", 500), ("CALL", 600), ("CALL", 70.5)):
            await connection.execute(
                "insert into option_prices (ticker, timestamp, option_type, strike_price, expiration_date, bid, delta)"
                " values ('QQQ', $1, $2, $3, '2026-11-20', 1.05, -0.5)",
                HOUR,
                kind,
                strike,
            )
    rest = f"2026-11-20|-|1.0500|-|-|-|{bits(-0.5)}|-|-|-|-|-"
    lines = [f"QQQ|{micros(HOUR)}|{key}|{rest}" for key in ("CALL|70.5000", "CALL|600.0000", "PUT|500.0000")]

    assert await digest(database, "option_prices") == [("QQQ", HOUR, 3, md5(*lines))]


async def test_gaps_and_metrics(database: str) -> None:
    async with postgres.connected(database) as connection:
        await connection.execute("insert into stream_gaps values ('*', $1, $2, 'réseau')", at(0), at(9))
        await connection.execute("insert into streaming_metrics values ('QQQ', $1, 3, null, 4, 0, 'ok')", at(0))

    assert await digest(database, "stream_gaps") == [("*", HOUR, 1, md5(f"*|{micros(HOUR)}|{micros(at(9))}|réseau"))]
    assert await digest(database, "streaming_metrics") == [("QQQ", HOUR, 1, md5(f"QQQ|{micros(HOUR)}|3|-|4|0|ok"))]


PRICES = st.decimals(-9_999_999_999, 9_999_999_999, places=4).map(float)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
OPTION = st.builds(
    rows.OptionRow,
    ticker=st.just("QQQ"),
    timestamp=st.integers(0, 50).map(at),
    option_type=st.sampled_from(["CALL", "PUT"]),
    strike_price=PRICES,
    expiration_date=st.dates(datetime.date(1, 1, 1)),
    last_price=st.none() | PRICES,
    bid=st.none() | PRICES,
    ask=st.none() | PRICES,
    volume=st.none() | st.integers(-(2**63), 2**63 - 1),
    open_interest=st.none() | st.integers(0, 2**63 - 1),
    delta=st.none() | FLOATS,
    gamma=st.none() | FLOATS,
    theta=st.none() | FLOATS,
    vega=st.none() | FLOATS,
    implied_volatility=st.none() | FLOATS,
    option_symbol=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=50),
)


@hypothesis.given(st.lists(OPTION, min_size=1, max_size=12, unique_by=tables.OPTION_PRICES.key_of))
@hypothesis.settings(
    derandomize=True,
    deadline=None,
    max_examples=60,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
async def test_any_row_has_the_digest_the_recorder_computes(database: str, options: list[rows.OptionRow]) -> None:
    line = digests.line_maker(tables.OPTION_PRICES)
    expected = md5(*map(line, digests.in_key_order(tables.OPTION_PRICES, options)))
    async with postgres.connected(database) as connection:
        await connection.execute("truncate option_prices")
    sink = postgres_sink.PostgresSink(pydantic.SecretStr(database))
    await sink.upsert(tables.OPTION_PRICES, options, merge=False)
    await sink.close()

    assert await digest(database, "option_prices") == [("QQQ", HOUR, len(options), expected)]


async def test_through_postgrest(lite: Lite, service: supabase.AsyncClient) -> None:
    async with postgres.connected(lite.dsn) as connection:
        await connection.execute("insert into equity_data values ('QQQ', $1, 1.5, 2)", HOUR)
    arguments = {
        "table_name": "equity_data",
        "since": HOUR.isoformat(),
        "until": (HOUR + datetime.timedelta(hours=1)).isoformat(),
    }

    answer: Any = await service.rpc("replication_digest", arguments | {"ticker": "QQQ"}).execute()
    [row] = answer.data

    assert (row["ticker"], row["row_count"], row["digest"]) == ("QQQ", 1, md5(f"QQQ|{micros(HOUR)}|1.5000|2"))
    assert datetime.datetime.fromisoformat(row["hour"]) == HOUR
    assert (await service.rpc("replication_digest", arguments).execute()).data == [row]


async def test_an_unknown_table_is_named(database: str) -> None:
    with pytest.raises(Exception, match="no such table: nothing"):
        await digest(database, "nothing")
