"""Anything in any order: appends good and bad, kills, restarts, clock steps, retention, backup, restore, a lost WAL.

The model is a dictionary of seq -> event. After every step the log must hold exactly the model's events (I1, I2, I6),
give out only new seqs, and refuse what it must.
"""

import asyncio
import contextlib
import random
import shutil
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from loguru import logger

from eventlog import backup, events, tail, verify
from eventlog.clock import ManualClock
from eventlog.errors import InvalidEventError, LostEventsError
from eventlog.events import EquityTick, Event, FeedGap
from eventlog.log import EventLog, open_log
from eventlog.reader import LogReader
from tests.eventlog.ticks import NOW_US

TICKERS = ("AAPL", "QQQ")
HOUR_US = 3_600_000_000


def _quiet(done: int, total: int | None) -> None:
    pass


class LogMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        logger.disable("eventlog")
        self.root = Path(tempfile.mkdtemp())
        self.directory = self.root / "0"
        self.runner = asyncio.Runner()
        self.clock = ManualClock(NOW_US)
        self.model: dict[int, Event] = {}
        self.last_us = dict.fromkeys(TICKERS, 0)
        self.head = 0
        self.backup: tuple[Path, dict[int, Event]] | None = None
        self.log: EventLog = self.runner.run(open_log(self.directory, self.clock))

    def teardown(self) -> None:
        self.runner.run(self.log.close())
        self.runner.close()
        shutil.rmtree(self.root)
        logger.enable("eventlog")

    def _took(self, event: Event, seq: int) -> None:
        assert seq > self.head, "a seq is used once"
        self.head = seq
        self.model[seq] = event
        if isinstance(event.payload, EquityTick):
            self.last_us[event.ticker] = event.ts_us

    @rule(ticker=st.sampled_from(TICKERS), count=st.integers(1, 100), repeated=st.booleans())
    def append(self, ticker: str, count: int, repeated: bool) -> None:
        """As the feed does: a time that is not larger becomes the last one + 1 us."""
        batch, ts_us = [], self.last_us[ticker]
        for number in range(count):
            believed = self.clock.now_us() if not repeated else 0
            ts_us = max(believed, ts_us + 1)
            batch.append(Event(ticker, ts_us, EquityTick(price=1.0 + number, size=1, volume=1, total_volume=number)))
        for event, seq in zip(batch, self._append(batch, bool(repeated and not self.last_us[ticker])), strict=False):
            self._took(event, seq)

    def _append(self, batch: list[Event], may_refuse: bool) -> range:
        try:
            return self.runner.run(self.log.append(batch))
        except InvalidEventError:
            assert may_refuse, "only a tick of the year 1970 is refused here"
            return range(0)

    @rule(ticker=st.sampled_from(TICKERS), back_us=st.integers(0, HOUR_US))
    def append_what_is_not_later(self, ticker: str, back_us: int) -> None:
        late = Event(ticker, self.last_us[ticker] - back_us, EquityTick(price=1.0, size=1, volume=1, total_volume=1))
        with contextlib.suppress(InvalidEventError):
            self.runner.run(self.log.append([late]))
            raise AssertionError("a tick that is not later was taken")

    @rule(hours=st.sampled_from([-1, 1, 24, 24 * 365 * 4, -24 * 365 * 4]))
    def step_the_clock(self, hours: int) -> None:
        self.clock.advance_us(hours * HOUR_US)

    @rule()
    def restart(self) -> None:
        self.runner.run(self.log.close())
        self.log = self.runner.run(open_log(self.directory, self.clock))

    @rule()
    def kill(self) -> None:
        """What the files are at this moment is all that the next start finds."""
        self._leave_behind(lose_wal=False)
        self.log = self.runner.run(open_log(self.directory, self.clock))

    def _leave_behind(self, lose_wal: bool) -> None:
        left = self.root / str(int(self.directory.name) + 1)
        shutil.copytree(self.directory, left)
        self.runner.run(self.log.close())
        self.directory = left
        if lose_wal:
            (left / "events.db-wal").unlink(missing_ok=True)

    @rule()
    def lose_the_wal(self) -> None:
        self._leave_behind(lose_wal=True)
        try:
            self.log = self.runner.run(open_log(self.directory, self.clock))
        except LostEventsError as error:
            assert error.acknowledged == self.head
            kept = {seq: event for seq, event in self.model.items() if seq <= error.head}
            self.runner.run(backup.accept_loss(self.directory, self.clock))
            self._go_on_with(kept)

    def _go_on_with(self, kept: dict[int, Event]) -> None:
        """After a loss: what is left, then a gap with a new seq."""
        self.model = kept
        self.last_us = dict.fromkeys(TICKERS, 0)
        for event in kept.values():
            if isinstance(event.payload, EquityTick):
                self.last_us[event.ticker] = event.ts_us
        self.log = self.runner.run(open_log(self.directory, self.clock))
        (gap,) = self.runner.run(self.log.read(self.head, 10)).events
        payload = events.decode(gap)
        assert isinstance(payload, FeedGap)
        self._took(Event(gap.ticker, gap.ts_us, payload), gap.seq)

    @rule(share=st.floats(0, 1))
    def prune(self, share: float) -> None:
        needed = int(self.head * share)
        before = set(self.model)
        pruned = self.runner.run(self.log.prune(2**62, {"somebody": needed}))
        self.model = {seq: event for seq, event in self.model.items() if seq > pruned.through_seq}
        assert all(seq <= needed for seq in before - set(self.model)), "never beyond who needs them"

    @rule()
    def back_up(self) -> None:
        target = self.root / f"backup-{random.getrandbits(64)}"
        self.runner.run(backup.backup(self.directory, target, _quiet))
        self.backup = target, dict(self.model)

    @precondition(lambda self: self.backup is not None)
    @rule()
    def restore(self) -> None:
        assert self.backup is not None
        self.runner.run(self.log.close())
        self.runner.run(backup.restore(self.directory, self.backup[0], _quiet, self.clock))
        self._go_on_with(dict(self.backup[1]))

    @invariant()
    def the_log_is_the_model(self) -> None:
        for source in (self.log, self.log._reader):  # with its tail in memory, and from the file alone
            found = self._found(source)
            assert found == self.model
            assert list(found) == sorted(found)
        assert self.log.head == self.head

    def _found(self, source: EventLog | LogReader) -> dict[int, Event]:
        found: dict[int, Event] = {}
        position = 0
        while page := self.runner.run(source.read(position, 150)).events:
            for stored in page:
                payload = events.decode(stored)
                assert payload is not None
                found[stored.seq] = Event(stored.ticker, stored.ts_us, payload)
            position = page[-1].seq
        return found

    @rule()
    def verify(self) -> None:
        result = self.runner.run(verify.verify(self.log._reader.database, _quiet))
        assert result.is_sound, result.findings


def _check(examples: int, steps: int) -> None:
    with mock.patch.object(tail, "KEPT_EVENTS", 40):
        _run(examples, steps)


def _run(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        LogMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=True,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_log_keeps_its_model() -> None:
    _check(examples=12, steps=12)


def test_retention_beside_a_loss_on_record() -> None:
    machine = LogMachine()
    try:
        machine.back_up()
        for _ in range(3):
            machine.restore()
            machine.the_log_is_the_model()
        machine.prune(0.5)
        machine.the_log_is_the_model()
        machine.verify()
        machine.back_up()
    finally:
        machine.teardown()


@pytest.mark.long
@pytest.mark.timeout(400)
def test_the_log_keeps_its_model_for_long() -> None:
    _check(examples=60, steps=25)
