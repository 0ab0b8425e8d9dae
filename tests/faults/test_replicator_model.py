"""A model of cursor, chunks, failures and crashes, against I4 (cursor), I5 (destination) and I6 (nothing invented)."""

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis
import hypothesis.strategies as st
import pytest
from hypothesis import stateful

from eventlog.events import EquityQuote, EquityTick, Event, FeedGap
from replicator import rows, tables
from replicator.errors import ChunkTooLargeError, HaltingError, RetryableError, SinkError
from replicator.rows import Row
from tests.replicator import doubles
from tests.replicator.doubles import T0_US, Bench

TABLES = ("equity_data", "stream_gaps", "indicators")
FAULTS: list[Callable[[], SinkError]] = [
    lambda: RetryableError("503", "503"),
    lambda: RetryableError("429", "429", retry_after_seconds=5),
    lambda: ChunkTooLargeError("413", "413"),
    lambda: HaltingError("42P01", "42P01"),
]


class Crash(BaseException):
    """The process ends here."""


class Model(stateful.RuleBasedStateMachine):
    """Runs the real replicator on a real state.db; `expected` is what a correct destination may hold."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._directory = tempfile.TemporaryDirectory()
        self._stack = contextlib.AsyncExitStack()
        self.bench: Bench = self._run(self._stack.enter_async_context(doubles.bench(Path(self._directory.name))))
        self.expected: dict[str, dict[tuple[Any, ...], Any]] = {name: {} for name in TABLES}
        self.poison: set[float] = set()
        self.number = 0
        self.revision = 0
        self.cursors: dict[str, int] = {}

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(work)

    def teardown(self) -> None:
        self.bench.sink.refuses = lambda _: False
        self._run(self._stack.aclose())
        self._loop.close()
        self._directory.cleanup()

    @stateful.rule(count=st.integers(1, 40), ticker=st.sampled_from(["AAPL", "QQQ"]))
    def append_ticks(self, count: int, ticker: str) -> None:
        batch = []
        for _ in range(count):
            self.number += 1
            price = float(self.number)
            batch.append(Event(ticker, T0_US + self.number, EquityTick(price, 1, 1, self.number)))
            self.expected["equity_data"][ticker, T0_US + self.number] = price
        self._run(self.bench.log.append(batch))

    @stateful.rule()
    def append_something_else(self) -> None:
        self.number += 1
        self._run(self.bench.log.append([Event("AAPL", T0_US + self.number, EquityQuote(bid=1.0))]))

    @stateful.rule(start=st.integers(1, 3))
    def append_a_gap(self, start: int) -> None:
        self.number += 1
        gap = FeedGap(from_us=T0_US + start, to_us=T0_US + self.number + 5, reason="closed")
        self._run(self.bench.log.append([Event("", T0_US + start, gap)]))
        self.expected["stream_gaps"]["*", T0_US + start] = T0_US + self.number + 5

    @stateful.rule(key=st.integers(1, 20), value=st.integers(1, 1000))
    def derive(self, key: int, value: int) -> None:
        self.revision += 1
        row = (self.revision, key, "AAPL", T0_US + key, float(value), None)
        sql = "INSERT OR REPLACE INTO indicators VALUES (?, ?, ?, ?, ?, ?)"
        self._run(self.bench.database.transaction(lambda connection: connection.execute(sql, row)))
        self.expected["indicators"]["AAPL", T0_US + key] = float(value)

    @stateful.precondition(lambda self: self.number > 0 and len(self.poison) < 4)
    @stateful.rule(data=st.data())
    def poison_a_tick(self, data: st.DataObject) -> None:
        """A row that is still unsent turns out to be one that the destination can never take."""
        delivered = {row.price for row in self.bench.sink.ticks()}
        fresh = [price for price in self.expected["equity_data"].values() if price not in delivered]
        hypothesis.assume(fresh)
        self.poison.add(data.draw(st.sampled_from(fresh)))
        self.bench.sink.refuses = self._is_poison

    def _is_poison(self, row: Row) -> bool:
        return getattr(row, "price", None) in self.poison

    @stateful.rule(table=st.sampled_from(TABLES))
    def sync(self, table: str) -> None:
        self._run(self.bench.replicator.sync_once(table))

    @stateful.rule(table=st.sampled_from(TABLES), fault=st.sampled_from(FAULTS), applied=st.booleans())
    def sync_with_a_fault(self, table: str, fault: Callable[[], SinkError], applied: bool) -> None:
        self.bench.sink.applies_first = applied
        self.bench.sink.faults.append(fault())
        self._run(self.bench.replicator.sync_once(table))
        self.bench.sink.faults.clear()
        self.bench.sink.applies_first = False

    @stateful.rule(table=st.sampled_from(TABLES), written=st.booleans())
    def crash(self, table: str, written: bool) -> None:
        """The process ends beside the transaction that moves the cursor, then starts again."""
        real = self.bench.replicator.cursors.advance

        async def advance(*arguments: Any) -> None:
            if written:
                await real(*arguments)
            raise Crash

        cursors = self.bench.replicator.cursors
        with mock.patch.object(cursors, "advance", advance), contextlib.suppress(Crash):
            self._run(self.bench.replicator.sync_once(table))
        self._run(self.bench.restart())

    @stateful.rule()
    def restart(self) -> None:
        self._run(self.bench.replicator.drain(5))
        self._run(self.bench.restart())

    @stateful.invariant()
    def cursors_never_pass_the_head(self) -> None:
        for status in self.bench.replicator.status():
            if tables.BY_NAME[status.table].kinds:
                assert status.cursor <= self.bench.log.head

    @stateful.invariant()
    def stored_cursors_never_move_back(self) -> None:
        found = dict(self._run(self.bench.query("SELECT table_name, position FROM cursors")))
        for table, position in self.cursors.items():
            assert found[table] >= position
        self.cursors = found

    @stateful.invariant()
    def everything_up_to_the_cursor_is_delivered_or_dead(self) -> None:
        """I4, for ticks: by seq."""
        cursor = self.bench.replicator.status()[0].cursor
        dead = {seq for (seq,) in self._run(self.bench.query("SELECT seq FROM dead_letters"))}
        stored = {(row.ticker, row.timestamp) for row in self.bench.sink.rows()}
        for event in self.bench.log._events[:cursor]:
            if event.kind == "equity_tick" and event.seq not in dead:
                assert (event.ticker, rows.timestamp(event.ts_us)) in stored

    @stateful.invariant()
    def nothing_is_invented(self) -> None:
        """I6."""
        for row in self.bench.sink.ticks():
            assert self.expected["equity_data"][row.ticker, rows.microseconds(row.timestamp)] == row.price

    def finish(self) -> None:
        """I5: once the destination works, it becomes the expected map, save for the dead letters."""
        for table in TABLES:
            for _ in range(50):
                result = self._run(self.bench.replicator.sync_once(table))
                if not result.more:
                    break
        assert result.error is None
        letters = self._run(self.bench.query("SELECT seq FROM dead_letters"))
        dead = {self.bench.log._events[seq - 1].ts_us for (seq,) in letters}
        stored = {(row.ticker, rows.microseconds(row.timestamp)): row.price for row in self.bench.sink.ticks()}
        wanted = {key: price for key, price in self.expected["equity_data"].items() if key[1] not in dead}
        assert {key: stored.get(key) for key in wanted} == wanted
        assert dead == {key[1] for key, price in self.expected["equity_data"].items() if price in self.poison}
        gaps = self.bench.sink.gaps()
        assert {(row.ticker, rows.microseconds(row.timestamp)): rows.microseconds(row.ended_at) for row in gaps} == (
            self.expected["stream_gaps"]
        )
        derived = self.bench.sink.indicators()
        assert {(row.ticker, rows.microseconds(row.timestamp)): row.sma9 for row in derived} == (
            self.expected["indicators"]
        )


class FinishingModel(Model):
    """Every run ends with a destination that works."""

    def teardown(self) -> None:
        try:
            self.finish()
        finally:
            super().teardown()


SHORT = hypothesis.settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    print_blob=True,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)
LONG = hypothesis.settings(SHORT, max_examples=300, stateful_step_count=50, derandomize=False)


def test_the_destination_becomes_what_was_recorded() -> None:
    stateful.run_state_machine_as_test(FinishingModel, settings=SHORT)


@pytest.mark.long
def test_the_destination_becomes_what_was_recorded_long() -> None:
    stateful.run_state_machine_as_test(FinishingModel, settings=LONG)
