"""The monitor on a real service: it tells what changes, once, and the day after the close; it never fails aloud."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from eventlog.clock import ManualClock
from eventlog.events import EquityTick, Event, FeedGap
from feed.schwab import SimulatedSource
from market import calendar
from service import app, directory, monitor
from service.alerts.courier import Courier
from service.alerts.message import Message
from service.app import Service
from service.health import snapshot
from service.monitor import Monitor
from tests.service.configured import settings_with

# A Wednesday, an hour after the open.
NOW_US = 1_795_015_800_000_000
MINUTE_US = 60_000_000

Call = Callable[[], None]
Ask = Callable[[], bool]


class Outbox(Courier):
    """Keeps what it is given, and takes it unless `is_cut_off`."""

    def __init__(self) -> None:
        super().__init__([])
        self.messages: list[Message] = []
        self.is_cut_off = False

    def post(self, message: Message, taken: Call = lambda: None, wanted: Ask = lambda: True) -> None:
        if wanted():
            self.messages.append(message)
            if not self.is_cut_off:
                taken()

    def take(self) -> list[tuple[str, str]]:
        told = [(message.content["check"], message.content["level"]) for message in self.messages]
        self.messages.clear()
        return told


@asynccontextmanager
async def watching(data_dir: Path) -> AsyncIterator[tuple[Service, Monitor, Outbox, ManualClock]]:
    """A service whose exchange does not exist, and a monitor beside its own."""
    clock, outbox = ManualClock(NOW_US), Outbox()
    settings = settings_with(data_dir=data_dir, destination="none", health_port=0)
    with directory.held_for_recording(data_dir, "simulated"):
        async with app.running(settings, SimulatedSource("http://127.0.0.1:1"), clock) as service:
            yield service, monitor.Monitor(service, clock, outbox), outbox, clock
            await service.stop("test")


async def test_each_change_is_told_once_and_survives_a_new_monitor(tmp_path: Path) -> None:
    async with watching(tmp_path) as (service, watcher, outbox, clock):
        await watcher.look()
        assert outbox.take() == []
        clock.advance_us(35_000_000)
        await watcher.look()
        await watcher.look()
        assert outbox.take() == [("feed", "warning")]
        clock.advance_us(120_000_000)
        await watcher.look()
        assert outbox.take() == [("feed", "error")]
        again = monitor.Monitor(service, clock, outbox)
        await again.look()
        assert outbox.take() == []
        assert json.loads((tmp_path / "alerts.json").read_text())["feed"]["level"] == "error"


async def test_what_was_not_delivered_is_told_again_by_the_next_monitor(tmp_path: Path) -> None:
    async with watching(tmp_path) as (service, watcher, outbox, clock):
        outbox.is_cut_off = True
        clock.advance_us(35_000_000)
        await watcher.look()
        await watcher.look()
        assert outbox.take() == [("feed", "warning")]
        again = monitor.Monitor(service, clock, outbox)
        await again.look()
        assert outbox.take() == [("feed", "warning")]


async def test_the_day_is_told_after_its_close_once(tmp_path: Path) -> None:
    async with watching(tmp_path) as (service, watcher, outbox, clock):
        tick = EquityTick(price=600.0, size=1, volume=1, total_volume=1)
        session = calendar.session_at(NOW_US, "regular")
        assert session is not None
        gap = FeedGap(from_us=NOW_US - MINUTE_US, to_us=NOW_US, reason="test")
        await service.context.log.append([Event("QQQ", NOW_US + number, tick) for number in range(5)])
        await service.context.log.append([Event("", NOW_US - MINUTE_US, gap)])
        service.feed.status.gaps += 1
        clock.advance_us(session.close_us + 4 * MINUTE_US - NOW_US)
        await watcher.look()
        assert [message.content["kind"] for message in outbox.messages if message.content["kind"] == "digest"] == []
        clock.advance_us(2 * MINUTE_US)
        await watcher.look()
        await watcher.look()
        (digest,) = [message for message in outbox.messages if message.content["kind"] == "digest"]
        assert digest.content["ticks"] == 5
        assert (digest.content["gap_count"], digest.content["gap_seconds"]) == (1, 60.0)
        assert digest.content["day"] == session.day.isoformat()
        assert "5 ticks" in digest.subject
        json.dumps(digest.content)


async def test_a_look_that_fails_is_logged_and_the_next_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(tmp_path) as (_, watcher, outbox, clock):

        async def broken(_service: Service) -> None:
            raise RuntimeError("a bug in a check")

        with monkeypatch.context() as patch:
            patch.setattr(snapshot, "take", broken)
            await watcher.look_safely()
        clock.advance_us(35_000_000)
        await watcher.look_safely()
        assert outbox.take() == [("feed", "warning")]


async def test_health_sees_a_hole_and_a_full_log(tmp_path: Path) -> None:
    async with watching(tmp_path) as (service, watcher, _, _clock):
        gap = FeedGap(from_us=NOW_US - 10 * MINUTE_US, to_us=NOW_US, reason="socket closed")
        await service.context.log.append([Event("", NOW_US - 10 * MINUTE_US, gap)])
        service.feed.status.gaps += 1
        seen = await watcher.look()
        found = {check.name: check for check in seen.checks}
        assert (found["gaps"].level, found["gaps"].value) == ("warning", "10 min")
        assert found["log"].level == "ok"
        full = replace(seen.facts, log=replace(seen.facts.log, state="full"))
        assert snapshot.judge(full).level == "error"
