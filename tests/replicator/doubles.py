"""A destination in memory that fails on demand, and the parts around it that a replicator needs."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import indicators.schema
import replicator.schema
from eventlog import state
from eventlog.clock import ManualClock
from eventlog.database import Database
from eventlog.events import EquityTick, Event
from eventlog.memory import MemoryLog
from replicator.errors import PermanentError
from replicator.replicator import Options, Replicator
from replicator.rows import EquityRow, GapRow, IndicatorRow, MetricsRow, OptionRow, Row
from replicator.sink import Digest
from replicator.tables import TableSpec

T0_US = 1_340_285_400_000_000

SomeRow = TypeVar("SomeRow")


class FaultySink:
    """Keeps `replicator.sink.Sink` on a dict. Each call takes the next of `faults`; None means: work.

    `refuses` names the rows that a chunk is refused for. With `applies_first` faults strike after storing.
    """

    identity = "memory:one"

    def __init__(self) -> None:
        self.stored: dict[str, dict[tuple[Any, ...], Row]] = {}
        self.faults: deque[Exception | None] = deque()
        self.broken: Exception | None = None
        self.refuses: Callable[[Row], bool] = lambda _: False
        self.applies_first = False
        self.chunks: list[tuple[str, list[Row]]] = []
        self.probes = 0
        self.under_way: dict[str, int] = {}
        self.most_under_way = 0
        self.stored_some = asyncio.Event()
        self.gate: Callable[[], Any] | None = None

    async def upsert(self, table: TableSpec, rows: Sequence[Row], merge: bool) -> None:
        self.chunks.append((table.name, list(rows)))
        self.under_way[table.name] = self.under_way.get(table.name, 0) + 1
        self.most_under_way = max(self.most_under_way, self.under_way[table.name])
        try:
            if self.gate is not None:
                await self.gate()
            self._upsert(table, rows, merge)
        finally:
            self.under_way[table.name] -= 1

    def _upsert(self, table: TableSpec, rows: Sequence[Row], merge: bool) -> None:
        assert len({table.key_of(row) for row in rows}) == len(rows), "a key twice in one chunk"
        fault = self.broken or (self.faults.popleft() if self.faults else None)
        if fault is not None and not self.applies_first:
            raise fault
        if any(self.refuses(row) for row in rows):
            raise PermanentError("22001: refused", "22001")
        stored = self.stored.setdefault(table.name, {})
        for row in rows:
            if merge:
                stored[table.key_of(row)] = row
            else:
                stored.setdefault(table.key_of(row), row)
        self.stored_some.set()
        if fault is not None:
            raise fault

    async def probe(self, table: TableSpec) -> None:
        self.probes += 1
        if self.broken is not None:
            raise self.broken

    async def digest(self, table: TableSpec, since_us: int, until_us: int, ticker: str | None) -> list[Digest]:
        raise NotImplementedError

    async def close(self) -> None:
        pass

    def rows(self, table: str = "equity_data") -> list[Row]:
        """What is stored, in key order."""
        stored = self.stored.get(table, {})
        return [stored[key] for key in sorted(stored)]

    def ticks(self) -> list[EquityRow]:
        return _all_of(EquityRow, self.rows())

    def indicators(self) -> list[IndicatorRow]:
        return _all_of(IndicatorRow, self.rows("indicators"))

    def options(self) -> list[OptionRow]:
        return _all_of(OptionRow, self.rows("option_prices"))

    def metrics(self) -> list[MetricsRow]:
        return _all_of(MetricsRow, self.rows("streaming_metrics"))

    def gaps(self) -> list[GapRow]:
        return _all_of(GapRow, self.rows("stream_gaps"))


def _all_of(kind: type[SomeRow], rows: Sequence[object]) -> list[SomeRow]:
    found = [row for row in rows if isinstance(row, kind)]
    assert len(found) == len(rows)
    return found


def tick(number: int, ticker: str = "AAPL", price: float = 100.0) -> Event:
    return Event(ticker, T0_US + number, EquityTick(price=price, size=1, volume=1, total_volume=number + 1))


@dataclass
class Bench:
    """A log, a state.db, a sink and a replicator on them; `restart` makes a new replicator on the same databases."""

    log: MemoryLog
    database: Database
    clock: ManualClock
    sink: FaultySink = field(default_factory=FaultySink)
    replicator: Replicator = field(init=False)

    async def restart(self, **options: Any) -> Replicator:
        self.replicator = Replicator(self.log, self.database, self.sink, Options(clock=self.clock, seed=1, **options))
        await self.replicator.start()
        return self.replicator

    async def query(self, sql: str) -> list[tuple[Any, ...]]:
        return await self.database.run(lambda connection: connection.execute(sql).fetchall())


@contextlib.asynccontextmanager
async def bench(directory: Path, **options: Any) -> AsyncIterator[Bench]:
    clock = ManualClock(T0_US)
    schemas = {"indicators": indicators.schema.STEPS, "replicator": replicator.schema.STEPS}
    database = await state.open_state(directory / "state.db", schemas)
    made = Bench(MemoryLog(clock), database, clock)
    try:
        await made.restart(**options)
        yield made
        await made.replicator.close()
    finally:
        await database.close()
