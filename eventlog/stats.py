"""What is in a log, in figures."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from eventlog import queries

_MINUTE_US = 60_000_000


@dataclass(frozen=True)
class KindStats:
    """Events of one kind and ticker, from the first one's time to the last one's; the rate is over that span."""

    kind: str
    ticker: str
    events: int
    first_us: int
    last_us: int
    events_per_minute: float


@dataclass(frozen=True)
class LogStats:
    """`gaps_today` counts gaps that touch the span given by the caller; `gap_seconds_today` is their length in it."""

    head: int
    events: int
    pruned_through: int
    recorded_last_minute: int
    file_bytes: int
    wal_bytes: int
    bytes_per_event: float
    gaps_today: int
    gap_seconds_today: float
    kinds: list[KindStats]


def collect(connection: sqlite3.Connection, path: Path, now_us: int, today_us: tuple[int, int]) -> LogStats:
    """Figures of the log behind `connection`. `today_us` is the start and end of the day of its gaps."""
    kinds = _kinds(connection)
    events = sum(kind.events for kind in kinds)
    head = connection.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'").fetchone()[0]
    wal = path.with_name(path.name + "-wal")
    file_bytes = path.stat().st_size
    gaps, seconds = _gaps(connection, *today_us)
    return LogStats(
        head=head,
        events=events,
        pruned_through=connection.execute("SELECT through_seq FROM pruned").fetchone()[0],
        recorded_last_minute=_recorded_since(connection, now_us - _MINUTE_US),
        file_bytes=file_bytes,
        wal_bytes=wal.stat().st_size if wal.exists() else 0,
        bytes_per_event=file_bytes / events if events else 0.0,
        gaps_today=gaps,
        gap_seconds_today=seconds,
        kinds=kinds,
    )


def _kinds(connection: sqlite3.Connection) -> list[KindStats]:
    """From the two indexes alone: no payload is read."""
    rows = connection.execute(
        "SELECT 'equity_tick', ticker, count(*), min(ts_us), max(ts_us) FROM events"
        " WHERE kind = 'equity_tick' GROUP BY ticker"
        " UNION ALL SELECT kind, ticker, count(*), min(ts_us), max(ts_us) FROM events"
        " WHERE kind <> 'equity_tick' GROUP BY ticker, kind"
    ).fetchall()
    return [
        KindStats(queries.text(kind), queries.text(ticker), count, first, last, _rate(count, last - first))
        for kind, ticker, count, first, last in rows
    ]


def _rate(events: int, span_us: int) -> float:
    return events / max(span_us / _MINUTE_US, 1.0)


def _recorded_since(connection: sqlite3.Connection, since_us: int) -> int:
    """Events at the end of the log that were recorded since; stops at the first older one."""
    older = connection.execute(
        "SELECT seq FROM events WHERE recorded_us < ? ORDER BY seq DESC LIMIT 1", (since_us,)
    ).fetchone()
    row = connection.execute("SELECT count(*) FROM events WHERE seq > ?", (older[0] if older else 0,)).fetchone()
    return int(row[0])


def _gaps(connection: sqlite3.Connection, start_us: int, end_us: int) -> tuple[int, float]:
    row = connection.execute(
        "SELECT count(*), coalesce(sum(min(to_us, ?) - max(from_us, ?)), 0) / 1e6 FROM gaps"
        " WHERE from_us < ? AND to_us > ?",
        (end_us, start_us, end_us, start_us),
    ).fetchone()
    return int(row[0]), float(row[1])
