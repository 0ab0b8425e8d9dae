"""Looks at health now and then: alerts on changes, vital signs in the log, the daily digest, systemd's watchdog."""

import asyncio
import contextlib
import functools
from typing import TYPE_CHECKING

from loguru import logger

from eventlog.clock import Clock
from market import calendar
from service import notify, redaction
from service.alerts import changes, courier, message
from service.alerts.changes import Alert
from service.alerts.courier import Courier
from service.alerts.day import Day, session_to_sum_up
from service.health import snapshot
from service.health.snapshot import Snapshot
from service.vitals import Vitals

if TYPE_CHECKING:
    from service.app import Service

LOOK_SECONDS = 10.0
CLOSE_TIMEOUT_SECONDS = 2.0


class Monitor:
    """`look` is one look, free of loops; `run` repeats it."""

    def __init__(self, service: "Service", clock: Clock, to: Courier) -> None:
        self._service = service
        self._settings = service.context.settings
        self._clock = clock
        self._courier = to
        self._changes_path = self._settings.data_dir / "alerts.json"
        self._changes = changes.load(self._changes_path)
        self._vitals = Vitals()
        self._day = Day(session_to_sum_up(clock.now_us()))

    async def run(self, stop: asyncio.Event) -> None:
        """Look every LOOK_SECONDS, or more often when systemd's watchdog asks for it, until `stop`."""
        watchdog = notify.watchdog_seconds()
        pause = LOOK_SECONDS if watchdog is None else min(LOOK_SECONDS, watchdog / 3)
        self._courier.start()
        # A file that is there can be written on a full disk too.
        self._save()
        try:
            while not stop.is_set():
                await self.look_safely()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause)
        finally:
            await self._courier.close(CLOSE_TIMEOUT_SECONDS)

    async def look_safely(self) -> None:
        """One look; an error in it is logged, and that is all."""
        try:
            await self.look()
        except Exception:
            # Watching must not end the recording; a watchdog that is not fed will, if this goes on.
            logger.bind(event="monitor.failed").exception("health could not be taken")

    async def look(self) -> Snapshot:
        """Take health once and tell what has changed."""
        redaction.learn_token_file(self._settings.token_path)
        seen = await snapshot.take(self._service)
        notify.alive()
        self._tell_changes(seen)
        self._vitals.tell_when_due(seen)
        self._day.note(seen)
        if seen.taken_us >= self._day.due_us:
            await self._tell_day(seen)
        return seen

    def _tell_changes(self, seen: Snapshot) -> None:
        alerts = self._changes.observe(seen.checks, seen.taken_us)
        if alerts:
            # Before anything is sent: an alert that a crash keeps from going out is due at the next start.
            self._save()
        for alert in alerts:
            level = {"warning": "WARNING", "error": "ERROR", "recovered": "INFO"}[alert.level]
            logger.bind(event=f"alert.{alert.level}", check=alert.check, value=alert.value).log(
                level, "{}: {}", alert.check, alert.sentence
            )
            taken = functools.partial(self._note_taken, alert)
            self._courier.post(message.of_alert(alert), taken, alert.is_wanted)

    def _note_taken(self, alert: Alert) -> None:
        self._changes.taken(alert)
        self._save()

    def _save(self) -> None:
        changes.save(self._changes, self._changes_path)

    async def _tell_day(self, seen: Snapshot) -> None:
        digest = await self._day.digest(seen, self._settings)
        self._day = Day(calendar.next_session(seen.taken_us, "regular"))
        logger.bind(event="digest", **{name: str(value) for name, value in vars(digest).items()}).info(
            "{}: {} ticks, {} holes", digest.day, digest.ticks, digest.gap_count
        )
        self._courier.post(message.of_digest(digest))


def open_monitor(service: "Service", clock: Clock) -> Monitor:
    """The monitor of a service, with the channels of its settings."""
    return Monitor(service, clock, Courier(courier.channels(service.context.settings)))
