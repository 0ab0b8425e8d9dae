"""Facts of the running service, from the status objects that the rooms keep anyway. Costs about a millisecond."""

import shutil
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from eventlog.clock import Clock
from eventlog.errors import CorruptEventError
from eventlog.log import EventLog
from feed.schwab import LiveSource, Source
from market import calendar
from replicator.standing import TableStatus
from service.health import holes
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
        self._garbage = 0
        self._garbage_us: int | None = None
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
            gaps=await self.gaps_today(now_us),
            storage=storage(context.settings.data_dir, await self.days_recorded(now_us)),
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
            last_garbage_us=self.last_garbage_us(status.counters.garbage, now_us),
        )

    def last_garbage_us(self, count: int, now_us: int) -> int | None:
        """When `count` was seen to rise last."""
        if count > self._garbage:
            self._garbage, self._garbage_us = count, now_us
        return self._garbage_us

    async def gaps_today(self, now_us: int) -> GapFacts:
        """The holes of the present ET day."""
        known = calendar.trading_day(now_us), self._log.appended(["feed_gap"])
        if self._gaps_of != known:
            # A gap is counted when it is accepted, but can be read only when it is committed.
            is_everything_readable = self._log.status().queued == 0
            self._gaps = await holes.today(self._log, self._settings, now_us)
            self._gaps_of = known if is_everything_readable else None
        return self._gaps

    async def days_recorded(self, now_us: int) -> float:
        """The age of the first event, 0 where it cannot be read. Looked up each time: retention takes it away."""
        try:
            first = (await self._log.read(0, 1)).events
        except CorruptEventError:
            return 0.0
        return (now_us - first[0].recorded_us) / calendar.DAY_US if first else 0.0


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
