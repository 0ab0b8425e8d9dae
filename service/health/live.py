"""Facts of the running service, from the status objects that the rooms keep anyway. Costs about a millisecond."""

import shutil
from datetime import date, time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from eventlog import events
from eventlog.clock import Clock
from eventlog.events import StoredEvent
from eventlog.log import EventLog
from feed.hours import Hours
from feed.schwab import LiveSource, Source
from market import calendar
from replicator.pump import TableStatus
from service.health.facts import (
    Facts,
    FeedFacts,
    GapFacts,
    LogFacts,
    ProjectionFacts,
    StorageFacts,
    TableFacts,
)
from service.settings import Settings

if TYPE_CHECKING:
    from service.app import Service

DATABASES = ("events.db", "state.db")


class Gatherer:
    """Gathers facts; remembers between calls only what is costly to look up."""

    def __init__(self, settings: Settings, log: EventLog, clock: Clock, source: Source) -> None:
        self.started_us = clock.now_us()
        self._source = source
        self._settings = settings
        self._log = log
        self._clock = clock
        self._gaps_of: tuple[date, int] | None = None
        self._gaps = GapFacts(0, 0.0)
        self._first_us: int | None = None
        self._behind = Behind()

    async def facts(self, service: "Service") -> Facts:
        """Everything at this moment."""
        now_us = self._clock.now_us()
        context, feed = service.context, service.feed.status
        log, projection = context.log.status(), context.projection.status()
        return Facts(
            now_us=now_us,
            started_us=self.started_us,
            version=version("ticktape"),
            destination=context.settings.destination,
            feed=self._feed(service, now_us),
            log=LogFacts(log.state, log.head, log.queued, sum(log.refused.values()) + feed.refused_events),
            projection=ProjectionFacts(
                projection.state, projection.checkpoint, projection.lag_events, projection.error
            ),
            tables=_tables(service, log.head, projection.revision, now_us, self._behind),
            gaps=await self._gaps_today(now_us),
            storage=storage(context.settings.data_dir, await self._days_recorded(now_us)),
            is_token_needed=isinstance(self._source, LiveSource),
            token_age_seconds=self._source.token_age_seconds(),
        )

    def _feed(self, service: "Service", now_us: int) -> FeedFacts:
        status, settings = service.feed.status, self._settings
        kind = "all" if settings.skip_market_hours else settings.session
        is_waiting = status.state == "waiting_for_session"
        session = None if is_waiting else calendar.session_at(now_us, kind)
        return FeedFacts(
            state=status.state,
            session_open_us=session.open_us if session else None,
            is_regular=not is_waiting and calendar.session_at(now_us, "regular") is not None,
            next_open_us=status.next_open_us,
            last_frame_us=status.last_frame_us,
            last_tick_us=max(status.last_tick_us.values(), default=None),
            reconnects=status.reconnects,
            received=tuple(msgspec.structs.asdict(status.counters).items()),
            alarm=status.alarm,
            last_error=status.last_error,
            quiet_tickers=tuple(status.silent_tickers + status.suspicious_tickers),
            refused_tickers=tuple(status.refused_tickers),
        )

    async def _gaps_today(self, now_us: int) -> GapFacts:
        today, gaps_on_record = calendar.trading_day(now_us), self._log.appended(["feed_gap"])
        if self._gaps_of != (today, gaps_on_record):
            since_us = calendar.eastern_us(today, time(0))
            found: list[StoredEvent] = []
            for ticker in ("", *self._settings.stream_ticker):
                found += await self._log.read_range(ticker, since_us, now_us + 1, ["feed_gap"])
            self._gaps = count_gaps(found, self._settings, since_us)
            self._gaps_of = (today, gaps_on_record)
        return self._gaps

    async def _days_recorded(self, now_us: int) -> float:
        if self._first_us is None:
            first = await self._log.read(0, 1)
            self._first_us = first.events[0].recorded_us if first.events else None
        return 0.0 if self._first_us is None else (now_us - self._first_us) / calendar.DAY_US


class Behind:
    """Since when each table is behind, by its position: times of events say nothing where an old day is replayed."""

    def __init__(self) -> None:
        self._goals: dict[str, tuple[int, int]] = {}

    def since(self, status: TableStatus, head: int, now_us: int) -> int | None:
        """When a position was seen that the cursor has not reached yet; None when there is no such one."""
        goal, since_us = self._goals.get(status.table, (0, now_us))
        if status.cursor < goal:
            return since_us
        is_behind = status.cursor < head and (status.unsent > 0 or status.table == "indicators")
        if not is_behind:
            self._goals.pop(status.table, None)
            return None
        self._goals[status.table] = (head, now_us)
        return now_us


def _tables(service: "Service", head: int, revision: int, now_us: int, behind: "Behind") -> tuple[TableFacts, ...]:
    replicator = service.context.replicator
    if replicator is None:
        return ()
    return tuple(
        TableFacts(
            table=status.table,
            unsent=max(0, revision - status.cursor) if status.table == "indicators" else status.unsent,
            behind_since_us=behind.since(status, revision if status.table == "indicators" else head, now_us),
            delivered=status.delivered,
            dead_letters=status.dead_letters,
            state=status.state,
            last_error=status.last_error,
            failures=status.failures,
            retries=status.retries,
        )
        for status in replicator.status()
    )


def count_gaps(found: list[StoredEvent], settings: Settings, since_us: int) -> GapFacts:
    """How many holes of `found` lie in a session after `since_us`, and for how long."""
    hours = Hours(settings.session, always=settings.skip_market_hours)
    count, lost_us, reason = 0, 0, None
    for event in found:
        gap = events.decode(event)
        if isinstance(gap, events.FeedGap):
            parts = hours.within_sessions(max(gap.from_us, since_us), gap.to_us)
            if parts:
                count, reason = count + 1, gap.reason
                lost_us += sum(until_us - from_us for from_us, until_us in parts)
    return GapFacts(count, lost_us / 1_000_000, reason)


def storage(data_dir: Path, days_recorded: float) -> StorageFacts:
    """Sizes on disk. A record of less than a day says nothing of a day's growth."""
    database_bytes = sum(_size(data_dir / name) for name in DATABASES)
    wal_bytes = sum(_size(data_dir / f"{name}-wal") for name in DATABASES)
    per_day = database_bytes / days_recorded if days_recorded >= 1 else 0.0
    return StorageFacts(shutil.disk_usage(data_dir).free, database_bytes, wal_bytes, per_day)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
