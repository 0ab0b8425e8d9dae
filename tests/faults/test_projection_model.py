"""Fault 12 for the projection: append, fold, crash, prune, lose state.db, change settings, rebuild, in any order.

I3 after every step: what is stored through the checkpoint is the pure fold of what was appended, to the bit; revisions
are unique, and a row that was given a new one has one above all that were given before it.
"""

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from eventlog import log as event_log
from eventlog import state as state_file
from eventlog.clock import ManualClock
from eventlog.events import Event, StoredEvent
from indicators import check, pages, replay, schema, store
from indicators.definition import Definition
from indicators.fold import KINDS, Fold
from indicators.projection import Projection
from tests.indicators import worlds

DEFINITIONS = [Definition(), Definition(session="all"), Definition(sma_interval="60"), Definition(names=("ema9",))]
STEP = Callable[[sqlite3.Connection], object]


class CrashError(Exception):
    """Stands for the end of the process."""


class ProjectionMachine(RuleBasedStateMachine):
    """A log and a state.db on disk, and beside them the list of all events ever appended."""

    @initialize()
    def open_everything(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.clock = ManualClock(worlds.OPEN_US)
        self.definition = Definition()
        self.events: list[StoredEvent] = []
        self.rows_since_us = 0
        self.seen_revisions: dict[tuple[str, int], tuple[int, Any]] = {}
        self.highest_seen = 0
        self.log = self.do(event_log.open_log(self.path, self.clock))
        self.do(self.open_state())

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    async def open_state(self) -> None:
        self.state = await state_file.open_state(self.path / "state.db", {"indicators": schema.STEPS})
        self.projection = Projection(self.log, self.state, self.definition)
        await self.projection.start()
        if self.projection.outdated or self.projection.checkpoint == 0:
            self.rows_since_us = await pages.begins_at_us(self.log)

    @rule(
        minutes=st.sampled_from([0, 1, 7, 400, 1500]), count=st.integers(1, 40), ticker=st.sampled_from(["AAPL", "QQQ"])
    )
    def append(self, minutes: int, count: int, ticker: str) -> None:
        start_us = self.clock.now_us() + minutes * worlds.MINUTE_US
        self.clock.advance_us(minutes * worlds.MINUTE_US + count * 900_000)
        prices = [100 + (index * 7 % 23) / 8 for index in range(count)]
        batch = [worlds.tick(start_us + i * 900_000 + 1, price, i % 5 * 10, ticker) for i, price in enumerate(prices)]
        self.do(self.append_batch(batch))

    async def append_batch(self, batch: list[Event]) -> None:
        before = self.log.head
        await self.log.append(batch)
        self.events += (await self.log.read(before, 1000)).events

    @rule(limit=st.integers(1, 50))
    def fold(self, limit: int) -> None:
        self.do(self.projection.fold_once(limit))

    @rule()
    def crash_within_the_transaction(self) -> None:
        self.crash(self.projection.fold_once, store, "move")

    @rule(where=st.sampled_from([(store, "write_bars"), (schema, "create_views"), (store, "move")]))
    def crash_within_a_rebuild(self, where: tuple[Any, str]) -> None:
        self.crash(self.projection.rebuild, *where)

    def crash(self, work: Callable[[], Coroutine[Any, Any, Any]], module: Any, name: str) -> None:
        with mock.patch.object(module, name, side_effect=CrashError):
            try:
                self.do(work())
            except CrashError:
                pass
            else:
                assert self.projection.checkpoint <= self.log.head
        self.restart(self.definition)

    @rule(definition=st.sampled_from(DEFINITIONS))
    def restart(self, definition: Definition) -> None:
        self.do(self.state.close())
        self.definition = definition
        self.do(self.open_state())

    @rule()
    def lose_state(self) -> None:
        self.do(self.state.close())
        for file in self.path.glob("state.db*"):
            file.unlink()
        self.seen_revisions, self.highest_seen = {}, 0
        self.do(self.open_state())

    @rule(ticker=st.sampled_from([None, "AAPL", "QQQ"]), days=st.integers(0, 3))
    def rebuild(self, ticker: str | None, days: int) -> None:
        from_us = 0 if days == 0 else worlds.OPEN_US // worlds.DAY_US * worlds.DAY_US + days * worlds.DAY_US
        day = None if days == 0 else worlds.calendar_day(from_us)
        whole = self.projection.outdated or self.projection.checkpoint == 0
        self.do(self.projection.rebuild(replay.scope_from(day, ticker)))
        if whole:
            self.rows_since_us = self.do(pages.begins_at_us(self.log))

    @precondition(lambda self: self.projection.checkpoint > 0)
    @rule(share=st.floats(0, 1))
    def prune(self, share: float) -> None:
        through = int(self.projection.checkpoint * share)
        self.do(self.log.prune(self.clock.now_us() + 1, {"the indicators": through}))

    @invariant()
    def stored_is_the_fold_of_the_log(self) -> None:
        if self.projection.outdated:
            return
        folded = Fold(self.definition).page(
            [
                event
                for event in self.events
                if event.seq <= self.projection.checkpoint and event.kind in KINDS and event.ts_us >= self.rows_since_us
            ]
        )
        kept = self.do(worlds.stored(self.state))
        assert sorted(row[1:] for row in kept["indicators"]) == sorted(folded.rows)
        bars = {bar[:2]: bar for bar in folded.bar_rows}
        assert kept["bars"] == sorted(bars.values())
        self.check_revisions(kept["indicators"])

    def check_revisions(self, rows: list[Any]) -> None:
        shipped = 4 + 2 + ("ema9" in self.definition.names)
        highest = self.highest_seen
        for revision, seq, ticker, ts_us, *values in rows:
            old_revision, old_values = self.seen_revisions.get((ticker, ts_us), (0, None))
            now = (seq, self.definition.names, *values[: shipped - 4])
            if revision != old_revision:
                assert revision > self.highest_seen, "the replicator would pass it over"
            else:
                assert now[2:4] == old_values[2:4]
            self.seen_revisions[ticker, ts_us] = revision, now
            highest = max(highest, revision)
        self.highest_seen = highest

    def teardown(self) -> None:
        if not hasattr(self, "runner"):
            return
        try:
            self.do(self.agree_at_the_end())
        finally:
            self.do(self.state.close())
            self.do(self.log.close())
            self.runner.close()
            self.folder.cleanup()

    async def agree_at_the_end(self) -> None:
        while self.projection.checkpoint < self.log.head:
            await self.projection.fold_once()
        if self.events and self.log.head:
            report = await check.check(self.log, self.state, replay.no_progress)
            assert report.agrees, report.difference


def run(examples: int, steps: int) -> None:
    case = ProjectionMachine.TestCase
    case.settings = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True, print_blob=True
    )
    case().runTest()


def test_any_history_short() -> None:
    run(examples=25, steps=25)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_any_history() -> None:
    run(examples=80, steps=40)
