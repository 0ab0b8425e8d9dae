"""A whole replication through either sink: catch-up with every table, a verification, a repair, a verification."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from eventlog.events import Event, FeedGap, OptionQuote
from replicator import tables
from replicator.postgres_sink import PostgresSink
from replicator.replicator import Options, Replicator
from replicator.sink import Sink
from replicator.supabase_sink import SupabaseSink
from replicator.verify import Scope, TableReport, Verification
from tests.replicator import doubles
from tests.replicator.doubles import T0_US, Bench, tick
from tests.servers import postgres
from tests.servers.lite import Lite

ROWS = 2_500


class Line:
    def __init__(self, bench: Bench, sink: Sink, dsn: str) -> None:
        self.bench = bench
        self.dsn = dsn
        self.replicator = Replicator(bench.log, bench.database, sink, Options(clock=bench.clock, seed=1))

    async def verify(self, repair: bool = False) -> list[TableReport]:
        found = []
        for table in tables.TABLES:
            verification = Verification(table, self.replicator, self.bench.log, repair)
            found.append(await verification.run(Scope(), lambda done, total: None))
        return found


@pytest.fixture
async def postgres_line(tmp_path: Path, database: str) -> AsyncIterator[Line]:
    async with doubles.bench(tmp_path) as bench:
        line = Line(bench, PostgresSink(SecretStr(database)), database)
        yield line
        await line.replicator.close()


@pytest.fixture
async def supabase_line(tmp_path: Path, lite: Lite) -> AsyncIterator[Line]:
    async with doubles.bench(tmp_path) as bench:
        line = Line(bench, SupabaseSink(lite.url, SecretStr(lite.service_key)), lite.dsn)
        yield line
        await line.replicator.close()


@pytest.fixture(params=["postgres_line", "supabase_line"])
def line(request: pytest.FixtureRequest) -> Line:
    made: Line = request.getfixturevalue(request.param)
    return made


async def _record(bench: Bench) -> None:
    bench.clock.advance_us(3_600_000_000)
    await bench.log.append([tick(number, price=100 + number * 0.0137) for number in range(ROWS)])
    quote = OptionQuote(
        symbol="AAPL  120622C00585000",
        option_type="CALL",
        strike=585.125,
        expiration="2012-06-22",
        bid=1.05,
        implied_volatility=33.123456789012345,
        vega=1e-07,
    )
    await bench.log.append([Event("AAPL", T0_US + 5, quote)])
    await bench.log.append([Event("", T0_US, FeedGap(from_us=T0_US, to_us=T0_US + 9, reason='closed: "1006", ä'))])
    values = [(number, number, "AAPL", T0_US + number, number / 3, None) for number in range(1, ROWS)]
    sql = "INSERT INTO indicators VALUES (?, ?, ?, ?, ?, ?)"
    await bench.database.transaction(lambda connection: connection.executemany(sql, values))


async def test_a_replication_verifies_and_a_damaged_one_is_mended(line: Line) -> None:
    await _record(line.bench)
    await line.replicator.start()
    assert await line.replicator.drain(60) == 0
    found = await line.verify()
    assert [report.table for report in found if not report.agrees] == []
    assert [report.rows for report in found] == [ROWS, ROWS - 1, 1, 1, 1]
    async with postgres.connected(line.dsn) as connection:
        await connection.execute("DELETE FROM equity_data WHERE price = 100.0137")
        await connection.execute("UPDATE indicators SET vwap = 1 WHERE sma9 BETWEEN 10 AND 10.5")
        await connection.execute("UPDATE option_prices SET bid = 1.06")
        await connection.execute("DELETE FROM stream_gaps")
    mended = {report.table: (report.missing, report.different, report.repaired) for report in await line.verify(True)}
    assert mended == {
        "equity_data": (1, 0, 1),
        "indicators": (0, 2, 2),
        "option_prices": (0, 1, 1),
        "streaming_metrics": (0, 0, 0),
        "stream_gaps": (1, 0, 1),
    }
    assert all(report.agrees for report in await line.verify())
