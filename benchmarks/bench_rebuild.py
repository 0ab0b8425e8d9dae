"""Rebuilding SMA9 and VWAP of a day of ten tickers, beside polars and DuckDB over the day exported to Parquet."""

import asyncio
import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars

from benchmarks import days, measure
from eventlog import export, reader
from eventlog import log as event_log
from eventlog import state as state_file
from eventlog.clock import ManualClock
from indicators import pages, schema
from indicators.definition import Definition
from indicators.fold import Fold
from indicators.projection import Projection

ROUNDS = 3
TENTH_SECONDS = days.SESSION_SECONDS // 10
TOLERANCE = 1e-9

GROWTH_GOAL = measure.Goal(of="ratio", bound="least", value=0.8, peer="a tenth of the day")

_DUCKDB = """
CREATE OR REPLACE TEMP TABLE rows AS
SELECT seq, ticker, ts_us,
    CASE WHEN count(*) OVER nine = 9 THEN avg(price) OVER nine END AS sma9,
    sum(price * volume) OVER session / nullif(sum(volume) OVER session, 0) AS vwap
FROM read_parquet(?, hive_partitioning = true) WHERE kind = 'equity_tick'
WINDOW nine AS (PARTITION BY day, ticker ORDER BY ts_us ROWS 8 PRECEDING),
    session AS (PARTITION BY day, ticker ORDER BY ts_us ROWS UNBOUNDED PRECEDING)
ORDER BY seq
"""


def results() -> Iterator[measure.Result]:
    """Ticks a second of each way, once the values were seen to agree."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        day = days.recorded(folder / "day")
        tenth = days.recorded(folder / "tenth", TENTH_SECONDS)
        files = _exported(day, folder / "parquet")
        for directory in (day, tenth):
            asyncio.run(_rebuilt(directory))
        _compare_values(asyncio.run(_folded(day))[0], _by_polars(files)[0])
        peers = {"polars": lambda: _by_polars(files)[1], "duckdb": lambda: _by_duckdb(files)}
        yield measure.compare(
            "fold in memory, every indicator", "ticks/s", lambda: asyncio.run(_folded(day))[1], peers, rounds=ROUNDS,
            note="ours reads events.db, checks every CRC, sums exactly and makes eight columns and bars in one thread; "
            "the peers read two columns of Parquet and make two columns of floats on all cores",
        )  # fmt: skip
        yield measure.compare(
            "rebuild with rows written to state.db", "ticks/s", lambda: asyncio.run(_rebuilt(day)), peers,
            rounds=ROUNDS, note="each row is compared with the one it replaces; the peers keep their rows in memory",
        )  # fmt: skip
        yield measure.compare(
            "rebuild with rows written, the whole day", "ticks/s", lambda: asyncio.run(_rebuilt(day)),
            {"a tenth of the day": lambda: asyncio.run(_rebuilt(tenth))}, GROWTH_GOAL, rounds=ROUNDS,
        )  # fmt: skip


def _exported(data_dir: Path, target: Path) -> str:
    asyncio.run(export.export(data_dir, target, "parquet", export.Selection(), lambda done, total: None))
    return f"{target}/**/*.parquet"


async def _folded(data_dir: Path) -> tuple[dict[int, tuple[float | None, float | None]], float]:
    """SMA9 and VWAP by seq, and ticks a second."""
    log = await reader.open_log_reader(data_dir)
    fold, through, rows = Fold(Definition()), 0, []
    began = time.perf_counter()
    while (page := await pages.read(log, through)).events:
        rows.append(fold.page(page.events).rows)
        through = page.through_seq
    seconds = time.perf_counter() - began
    await log.close()
    values = {row[0]: (row[3], row[4]) for part in rows for row in part}
    return values, len(values) / seconds


async def _rebuilt(data_dir: Path) -> float:
    """Ticks a second of a rebuild that replaces the rows of the one before."""
    log = await event_log.open_log(data_dir, ManualClock(days.OPEN_US))
    state = await state_file.open_state(data_dir / "state.db", {"indicators": schema.STEPS})
    projection = Projection(log, state, Definition())
    await projection.start()
    began = time.perf_counter()
    summary = await projection.rebuild()
    seconds = time.perf_counter() - began
    await state.close()
    await log.close()
    return summary.rows / seconds


def _by_polars(files: str) -> tuple[polars.DataFrame, float]:
    price, volume = polars.col("price"), polars.col("volume")
    session = ("day", "ticker")
    began = time.perf_counter()
    frame = (
        polars.scan_parquet(files, hive_partitioning=True)
        .filter(polars.col("kind") == "equity_tick")
        .sort("seq")
        .select(
            "seq",
            "ticker",
            "ts_us",
            price.rolling_mean(9).over(session).alias("sma9"),
            ((price * volume).cum_sum() / volume.cum_sum()).over(session).alias("vwap"),
        )
        .collect()
    )
    return frame, frame.height / (time.perf_counter() - began)


def _by_duckdb(files: str) -> float:
    with duckdb.connect() as connection:
        began = time.perf_counter()
        connection.execute(_DUCKDB, [files])
        seconds = time.perf_counter() - began
        found = connection.execute("SELECT count(*) FROM rows").fetchone()
    assert found is not None
    return int(found[0]) / seconds


def _compare_values(ours: dict[int, tuple[float | None, float | None]], theirs: polars.DataFrame) -> None:
    assert len(ours) == theirs.height == days.DAY_TICKS
    for seq, sma9, vwap in theirs.select("seq", "sma9", "vwap").iter_rows():
        for mine, other in zip(ours[seq], (sma9, vwap), strict=True):
            # 0 / 0 shares is NaN there and None here.
            is_none = other is None or math.isnan(other)
            assert is_none if mine is None else abs(mine - other) <= TOLERANCE, (seq, mine, other)
