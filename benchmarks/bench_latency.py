"""From tick on the socket to acknowledged in the log, and to a row in PostgreSQL, at four rates."""

import array
import functools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy

from benchmarks import measure, rig
from benchmarks.exchange_process import TICKERS
from eventlog import events
from service.app import Service

# Ticks a second -> (seconds a round, rounds).
RATES = {1: (20.0, 1), 100: (4.0, 2), 1_000: (4.0, 3), 5_000: (3.0, 2)}
PERCENTILES = (50, 99, 99.9)
GOALS: dict[float, measure.Goal] = {
    50: measure.Goal(of="figure", bound="most", value=60.0),
    99: measure.Goal(of="figure", bound="most", value=250.0),
}


class Stopwatch:
    """Notes when each trade became durable and when its row was acknowledged."""

    def __init__(self, service: Service, trades: int) -> None:
        self.durable_ns = array.array("q", bytes(8 * trades))
        self.row_ns = array.array("q", bytes(8 * trades))
        self.rows = 0
        self._number: dict[tuple[str, int], int] = {}
        log, sink = service.context.log, service.context.replicator.sink  # type: ignore[union-attr]
        self._append, self._upsert = log.append, sink.upsert
        log.append = self._timed_append  # type: ignore[method-assign]
        sink.upsert = self._timed_upsert  # type: ignore[method-assign]

    async def _timed_append(self, batch: Sequence[events.Event]) -> range:
        seqs = await self._append(batch)
        now_ns = time.time_ns()
        for event in batch:
            if isinstance(event.payload, events.EquityTick):
                number = (event.payload.total_volume - 1) * len(TICKERS) + int(event.ticker[1:])
                self.durable_ns[number] = now_ns
                self._number[event.ticker, event.ts_us] = number
        return seqs

    async def _timed_upsert(self, table: Any, rows: Sequence[Any], merge: bool) -> None:
        await self._upsert(table, rows, merge)
        now_ns = time.time_ns()
        if table.name == "equity_data":
            for row in rows:
                self.row_ns[self._number[row.ticker, round(row.timestamp.timestamp() * 1e6)]] = now_ns
            self.rows += len(rows)


async def _measure(rate: int, seconds: float, folder: Path) -> dict[str, numpy.ndarray]:
    trades = int(rate * seconds)
    async with (
        rig.database(folder) as dsn,
        rig.exchange(rate, seconds, folder) as exchange,
        rig.service(exchange.url, folder, dsn) as service,
    ):
        watch = Stopwatch(service, trades)
        await exchange.played()
        await rig.until(lambda: watch.rows == trades)
        sent_ns = numpy.frombuffer(exchange.sent_ns(), dtype=numpy.int64)
        await service.stop("measured")
    return {
        "log": (numpy.frombuffer(watch.durable_ns, dtype=numpy.int64) - sent_ns) / 1e6,
        "row": (numpy.frombuffer(watch.row_ns, dtype=numpy.int64) - sent_ns) / 1e6,
    }


def results() -> Iterator[measure.Result]:
    """Percentiles per rate and stage, in milliseconds, each the median of the rounds."""
    for rate, (seconds, rounds) in RATES.items():
        runs = [rig.run(functools.partial(_measure, rate, seconds)) for _ in range(rounds)]
        for stage, name in (("log", "socket to durable"), ("row", "socket to row in PostgreSQL")):
            for percentile in PERCENTILES:
                values = [float(numpy.percentile(run[stage], percentile)) for run in runs]
                goal = GOALS.get(percentile) if stage == "row" and rate == 1 else None
                yield measure.figure(f"{name}, {rate:,}/s, p{percentile}", "ms", values, goal)
