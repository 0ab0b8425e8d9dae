"""Every event of a log looked at: CRC, numbering, order of ticks, payload; indexes and views against the events."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from eventlog import codec, events, queries
from eventlog.database import Database
from eventlog.errors import CorruptEventError, DamagedLogError, UnreadableLogError

_PAGE_EVENTS = 5_000
_MOST_FINDINGS = 100


@dataclass
class Verification:
    """What was counted and what was found wrong; a sound log has no findings. At most 100 findings are kept."""

    events: int = 0
    ticks: int = 0
    volume: int = 0
    first_seq: int = 0
    last_seq: int = 0
    findings: list[str] = field(default_factory=list)
    _last_tick_us: dict[str, int] = field(default_factory=dict)

    @property
    def is_sound(self) -> bool:
        return not self.findings

    def find(self, finding: str) -> None:
        if len(self.findings) < _MOST_FINDINGS:
            self.findings.append(finding)


async def verify(reader: Database, progress: Callable[[int, int | None], None]) -> Verification:
    """Verify the log behind a reading connection (text as bytes), up to the head it has now.

    Raises UnreadableLogError when the disk fails meanwhile, which is no finding.
    """
    result = Verification()
    try:
        await _verify(reader, result, progress)
    except sqlite3.DatabaseError as error:
        if not queries.is_damage(error):
            raise UnreadableLogError(reader.path, error) from error
        result.find(str(DamagedLogError(str(error))))
    return result


async def _verify(reader: Database, result: Verification, progress: Callable[[int, int | None], None]) -> None:
    finding = await reader.run(_structure)
    if finding != "ok":
        result.find(str(DamagedLogError(finding)))
        return
    head = await reader.run(queries.head)
    expected = 0
    accounted = await reader.run(queries.absences)
    while True:
        rows = await reader.run(lambda raw, after=expected: _rows(raw, after, head))  # type: ignore[misc]
        if not rows:
            break
        for row in rows:
            expected = _check(result, row, expected, accounted)
        progress(result.events, head)
    if queries.skip(expected, accounted) < head:
        result.find(f"events {expected + 1} to {head} are missing at the end")
    result.last_seq = expected
    await reader.run(lambda raw: _check_views(raw, result, head))


def _structure(connection: sqlite3.Connection) -> str:
    """ "ok", or what SQLite finds. The indexes are held against the rows too, which a start has no time for."""
    return " ".join(queries.text(connection.execute("PRAGMA integrity_check(1)").fetchone()[0]).split())


def _rows(connection: sqlite3.Connection, after: int, head: int) -> list[tuple[Any, ...]]:
    select = f"SELECT {codec.COLUMNS} FROM events WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT {_PAGE_EVENTS}"
    return connection.execute(select, (after, head)).fetchall()


_decoder = codec.RowDecoder()


def _check(result: Verification, row: tuple[Any, ...], previous: int, accounted: list[tuple[int, int]]) -> int:
    """Check one row and return its seq."""
    seq: int = row[0]
    result.events += 1
    result.first_seq = result.first_seq or seq
    if seq > queries.skip(previous, accounted) + 1:
        result.find(f"events {previous + 1} to {seq - 1} are missing")
    try:
        (event,) = _decoder.decode([row])
        payload = events.decode(event)
    except CorruptEventError as error:
        result.find(str(error))
        return seq
    except msgspec.MsgspecError as error:
        result.find(f"event {seq}: its payload is not a {row[1].decode()} ({error})")
        return seq
    if isinstance(payload, events.EquityTick):
        result.ticks += 1
        result.volume += payload.volume
        if event.ts_us <= result._last_tick_us.get(event.ticker, 0):
            result.find(f"event {seq}: a tick of {event.ticker} that is not later than the one before")
        result._last_tick_us[event.ticker] = event.ts_us
    return seq


def _check_views(connection: sqlite3.Connection, result: Verification, head: int) -> None:
    try:
        ticks, volume = connection.execute(
            "SELECT count(*), coalesce(sum(volume), 0) FROM ticks WHERE seq <= ?", (head,)
        ).fetchone()
    except sqlite3.DatabaseError as error:
        result.find(f"the view ticks cannot be read: {error}")
        return
    if result.is_sound and (ticks, volume) != (result.ticks, result.volume):
        result.find(
            f"the view ticks shows {ticks} ticks and {volume} shares, the log {result.ticks} and {result.volume}"
        )
