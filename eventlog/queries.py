"""Reads of `events` as functions of a plain connection. Each fetches all its rows: no statement pins the WAL."""

import sqlite3
from collections.abc import Collection
from typing import Any

from eventlog import codec
from eventlog.api import Page
from eventlog.errors import CorruptEventError, DamagedLogError
from eventlog.events import StoredEvent

_TICK = "equity_tick"
# SQLite uses a partial index only where the query repeats its condition literally.
_IS_TICK = "kind = 'equity_tick'"
_IS_OTHER = "kind <> 'equity_tick'"


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite says that a file is damaged, and not that it could not be read this time."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def head(connection: sqlite3.Connection) -> int:
    """The last seq ever given out, also when its event has been pruned; 0 for an empty log."""
    row = connection.execute(
        "SELECT max(coalesce((SELECT max(seq) FROM events), 0),"
        " coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0))"
    ).fetchone()
    return int(row[0])


def page(
    connection: sqlite3.Connection, decoder: codec.RowDecoder, after: int, limit: int, kinds: Collection[str] | None
) -> Page:
    """At most `limit` events beyond `after`, of `kinds` when given, looking at `limit` rows at most.

    Rows of other kinds are looked at and checked too: a corrupt event must not be passed over because its kind was hit.
    """
    head_before = head(connection)
    try:
        rows = connection.execute(
            f"SELECT {codec.COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)
        ).fetchall()
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        raise CorruptEventError(after + 1, f"the database page of it or a later one cannot be read: {error}") from error
    events = decoder.decode(rows)
    through_seq = events[-1].seq if events else after
    is_whole = len(events) == limit or through_seq >= head_before
    if through_seq - after != len(events) or not is_whole:
        seqs = [event.seq for event in events]
        _check_holes(connection, after, seqs if is_whole else [*seqs, head_before + 1])
    if kinds is not None:
        events = [event for event in events if event.kind in kinds]
    return Page(events, through_seq)


def latest(connection: sqlite3.Connection, decoder: codec.RowDecoder, kind: str, ticker: str) -> StoredEvent | None:
    """The event of `kind` and `ticker` with the largest time (the last appended among equals)."""
    same_index = _IS_TICK if kind == _TICK else _IS_OTHER
    rows = connection.execute(
        f"SELECT {codec.COLUMNS} FROM events WHERE ticker = ? AND kind = ? AND {same_index}"
        " ORDER BY ts_us DESC, seq DESC LIMIT 1",
        (ticker, kind),
    ).fetchall()
    return next(iter(decoder.decode(rows)), None)


def _check_holes(connection: sqlite3.Connection, after: int, seqs: list[int]) -> None:
    """Raise CorruptEventError where `seqs` leave out more than what was pruned or is on record as lost.

    Damage to a page can make rows vanish without an error from SQLite.
    """
    accounted = absences(connection)
    previous = after
    for seq in seqs:
        previous = skip(previous, accounted)
        if seq > previous + 1:
            raise CorruptEventError(previous + 1, "it is missing")
        previous = max(previous, seq)


def absences(connection: sqlite3.Connection) -> list[tuple[int, int]]:
    """Where events are missing rightly, as (after, through) in order: what was pruned and what is on record as lost."""
    found = connection.execute("SELECT 0, through_seq FROM pruned").fetchall()
    # A log of format 1 that is only read has no losses yet.
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'losses'").fetchone():
        found += connection.execute("SELECT after_seq, through_seq FROM losses").fetchall()
    return sorted(found)


def pruned_through_us(connection: sqlite3.Connection) -> int:
    """The latest time of what was pruned, 0 when nothing was, or before that was noted."""
    columns = {text(row[1]) for row in connection.execute("PRAGMA table_info(pruned)")}
    if "through_us" not in columns:
        return 0  # a log of an older format that is only read
    return int(connection.execute("SELECT through_us FROM pruned").fetchone()[0])


def skip(seq: int, accounted: list[tuple[int, int]]) -> int:
    """The seq whose successor must be there, given that all up to `seq` is accounted for."""
    for after, through in accounted:
        if after <= seq < through:
            seq = through
    return seq


def last(
    connection: sqlite3.Connection, decoder: codec.RowDecoder, count: int, kinds: Collection[str] | None
) -> list[StoredEvent]:
    """The last `count` events, of `kinds` when given, in seq order."""
    chosen = "" if kinds is None else f" WHERE kind IN ({', '.join('?' for _ in kinds)})"
    select = f"SELECT {codec.COLUMNS} FROM events{chosen} ORDER BY seq DESC LIMIT ?"
    return decoder.decode(connection.execute(select, (*(kinds or ()), count)).fetchall()[::-1])


def last_event(connection: sqlite3.Connection, decoder: codec.RowDecoder) -> StoredEvent | None:
    """The event with the largest seq."""
    rows = connection.execute(f"SELECT {codec.COLUMNS} FROM events ORDER BY seq DESC LIMIT 1").fetchall()
    return next(iter(decoder.decode(rows)), None)


def last_of_kind(connection: sqlite3.Connection, decoder: codec.RowDecoder, kind: str) -> StoredEvent | None:
    """The event of `kind` without a ticker that has the largest seq, whatever its time."""
    rows = connection.execute(
        f"SELECT {codec.COLUMNS} FROM events WHERE seq ="
        f" (SELECT max(seq) FROM events WHERE ticker = '' AND kind = ? AND {_IS_OTHER})",
        (kind,),
    ).fetchall()
    return next(iter(decoder.decode(rows)), None)


def time_range(
    connection: sqlite3.Connection,
    decoder: codec.RowDecoder,
    ticker: str,
    since_us: int,
    until_us: int,
    kinds: Collection[str] | None,
    limit: int,
    after: StoredEvent | None = None,
) -> list[StoredEvent]:
    """Events of `ticker` with since_us <= ts_us < until_us in (ts_us, seq) order, beyond the event `after`."""
    since = (since_us, 0) if after is None else (after.ts_us, after.seq)
    found: list[StoredEvent] = []
    if kinds is None or _TICK in kinds:
        found += decoder.decode(
            _range_rows(connection, f"ticker = ? AND {_IS_TICK}", (ticker,), since, until_us, limit)
        )
    others = _other_kinds(connection, ticker) if kinds is None else [kind for kind in kinds if kind != _TICK]
    for kind in others:
        where = f"ticker = ? AND kind = ? AND {_IS_OTHER}"
        found += decoder.decode(_range_rows(connection, where, (ticker, kind), since, until_us, limit))
    found.sort(key=lambda event: (event.ts_us, event.seq))
    return found[:limit]


def _range_rows(
    connection: sqlite3.Connection,
    where: str,
    values: tuple[Any, ...],
    since: tuple[int, int],
    until_us: int,
    limit: int,
) -> list[tuple[Any, ...]]:
    return connection.execute(
        f"SELECT {codec.COLUMNS} FROM events WHERE {where} AND (ts_us, seq) > (?, ?) AND ts_us >= ? AND ts_us < ?"
        " ORDER BY ts_us, seq LIMIT ?",
        (*values, *since, since[0], until_us, limit),
    ).fetchall()


def _other_kinds(connection: sqlite3.Connection, ticker: str) -> list[str]:
    """The kinds on record for `ticker` besides ticks: one index seek per kind, whatever the number of events."""
    kinds: list[str] = []
    while True:
        last = kinds[-1] if kinds else ""
        row = connection.execute(
            f"SELECT kind FROM events WHERE {_IS_OTHER} AND ticker = ? AND kind > ? ORDER BY kind LIMIT 1",
            (ticker, last),
        ).fetchone()
        if row is None:
            return kinds
        kinds.append(_after(text(row[0]), last))


def tickers(connection: sqlite3.Connection, kinds: Collection[str] = (_TICK,)) -> list[str]:
    """The tickers that have events of `kinds`, sorted: a few index seeks per ticker, whatever the number of events."""
    found = set(_tickers_of_index(connection, _IS_TICK)) if _TICK in kinds else set()
    if others := set(kinds) - {_TICK}:
        candidates = _tickers_of_index(connection, _IS_OTHER)
        found.update(ticker for ticker in candidates if not others.isdisjoint(_other_kinds(connection, ticker)))
    return sorted(found)


def _tickers_of_index(connection: sqlite3.Connection, condition: str) -> list[str]:
    found: list[str] = []
    row = connection.execute(f"SELECT ticker FROM events WHERE {condition} ORDER BY ticker LIMIT 1").fetchone()
    while row is not None:
        found.append(_after(text(row[0]), found[-1]) if found else text(row[0]))
        row = connection.execute(
            f"SELECT ticker FROM events WHERE {condition} AND ticker > ? ORDER BY ticker LIMIT 1", (found[-1],)
        ).fetchone()
    return found


def last_tick_times(connection: sqlite3.Connection) -> dict[str, int]:
    """The time of each ticker's last tick, which the next one must exceed.

    From the events, checked: damage to the index alone would refuse every tick to come. Raises CorruptEventError or
    DamagedLogError.
    """
    text_factory = connection.text_factory
    codec.use_bytes(connection)
    try:
        decoder = codec.RowDecoder()
        return {ticker: _last_tick(connection, decoder, ticker).ts_us for ticker in tickers(connection)}
    finally:
        connection.text_factory = text_factory


def _last_tick(connection: sqlite3.Connection, decoder: codec.RowDecoder, ticker: str) -> StoredEvent:
    event = latest(connection, decoder, _TICK, ticker)
    if event is None:
        raise DamagedLogError(f"the index of ticks names {ticker}, but has none of it")
    return event


def _after(name: str, previous: str) -> str:
    """`name`, the next one that an index has given. A damaged index may lead back, and so around for ever."""
    if name <= previous:
        raise DamagedLogError(f"the index of events is out of order at {name}")
    return name


def text(value: str | bytes) -> str:
    """TEXT as str, whatever the connection's text_factory. Raises DamagedLogError."""
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError as error:
        raise DamagedLogError(f"{value!r} is not text") from error
