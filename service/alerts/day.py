"""The daily digest's figures: when it is due, and what the day was like."""

from eventlog.reader import open_log_reader
from market import calendar
from market.calendar import Session
from service import vitals
from service.alerts.message import Digest
from service.health.snapshot import Snapshot
from service.settings import Settings

DIGEST_AFTER_CLOSE_US = 5 * 60 * 1_000_000


def session_to_sum_up(now_us: int) -> Session:
    """Today's regular session while its digest is not due, else the next one."""
    today = calendar.session_of(calendar.trading_day(now_us), "regular")
    if today is not None and now_us < today.close_us + DIGEST_AFTER_CLOSE_US:
        return today
    return calendar.next_session(now_us, "regular")


class Day:
    """The largest lags of a session's day."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._lag_events = 0
        self._unsent_seconds = 0.0

    @property
    def due_us(self) -> int:
        """When the digest goes out."""
        return self.session.close_us + DIGEST_AFTER_CLOSE_US

    def note(self, seen: Snapshot) -> None:
        """Remember the lags of `seen`."""
        self._lag_events = max(self._lag_events, seen.facts.projection.lag_events)
        self._unsent_seconds = max(self._unsent_seconds, vitals.unsent_seconds(seen))

    async def digest(self, seen: Snapshot, settings: Settings) -> Digest:
        """The day in figures."""
        facts = seen.facts
        return Digest(
            day=self.session.day,
            ticks=await _count_ticks(settings, self.session),
            gap_count=facts.gaps.count,
            gap_seconds=facts.gaps.seconds,
            lag_events=self._lag_events,
            unsent_seconds=self._unsent_seconds,
            dead_letters=sum(table.dead_letters for table in facts.tables),
            database_bytes=facts.storage.database_bytes,
            level=seen.level,
        )


async def _count_ticks(settings: Settings, session: Session) -> int:
    """The ticks of the session's ET day."""
    whole = calendar.session_of(session.day, "all")
    assert whole is not None
    sql = "SELECT count(*) FROM events WHERE kind = 'equity_tick' AND ticker = ? AND ts_us >= ? AND ts_us < ?"
    reader = await open_log_reader(settings.data_dir)
    try:
        tickers = await reader.tickers()
        return await reader.run(
            lambda raw: sum(
                raw.execute(sql, (ticker, whole.open_us, whole.close_us)).fetchone()[0] for ticker in tickers
            )
        )
    finally:
        await reader.close()
