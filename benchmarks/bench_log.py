"""The event log beside bare sqlite3 on the same table and index, the eventsourcing library, and one fdatasync."""

import asyncio
import os
import sqlite3
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from eventsourcing.persistence import StoredEvent as PeerEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from benchmarks import measure
from eventlog import codec, database, events, schema
from eventlog.events import EquityTick, Event
from eventlog.log import EventLog, open_log

EVENTS = 20_000
READ_EVENTS = 100_000
GROUP = 100
SINGLES = 200
T0_US = 1_700_000_000_000_000
TICKERS = ("AAPL", "QQQ")

BARE_GOAL = measure.Goal(of="ratio", bound="least", value=0.75, peer="sqlite3 executemany")
LIBRARY_GOAL = measure.Goal(of="ratio", bound="least", value=1.5, peer="eventsourcing")
SINGLE_GOAL = measure.Goal(of="ratio", bound="most", value=2.5, peer="fdatasync")
READ_GOAL = measure.Goal(of="ratio", bound="least", value=0.5, peer="sqlite3 + msgspec")
SIZE_GOAL = measure.Goal(of="figure", bound="most", value=200.0)
MEMORY_GOAL = measure.Goal(of="figure", bound="most", value=5.0)

_SCAN = f"SELECT {codec.COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
_PAGE = 5_000


def results() -> Iterator[measure.Result]:
    """Appends, a single tick, reads, size and memory."""
    groups = _groups(EVENTS)
    peers = {"sqlite3 executemany": lambda: _bare(groups), "eventsourcing": lambda: _eventsourcing(groups)}
    yield measure.compare(
        f"durable appends in groups of {GROUP}, one after the other",
        "events/s",
        lambda: _in_a_log(lambda log: _one_after_the_other(log, groups)),
        peers,
        BARE_GOAL,
        note="ours checks, encodes and computes CRCs; executemany inserts ready-made rows, eventsourcing encodes too",
    )
    yield measure.compare(
        f"durable appends in groups of {GROUP}, eight on their way",
        "events/s",
        lambda: _in_a_log(lambda log: _eight_on_their_way(log, groups)),
        peers,
        LIBRARY_GOAL,
        note="groups that wait share a commit, and one is prepared while another is committed; the peers cannot",
    )
    yield measure.compare(
        "one tick acknowledged by an idle log, median", "ms", _single, {"fdatasync": _fdatasync}, SINGLE_GOAL
    )
    yield from _reads()


def _reads() -> Iterator[measure.Result]:
    with tempfile.TemporaryDirectory() as folder:
        before = _resident_mb()
        asyncio.run(_fill(Path(folder), _groups(READ_EVENTS)))
        yield measure.compare(
            "read in seq order, checked and decoded",
            "events/s",
            lambda: asyncio.run(_read(Path(folder))),
            {"sqlite3 + msgspec": lambda: _scan(Path(folder))},
            READ_GOAL,
            note="ours checks the CRC of every event; the peer only decodes the payload",
        )
        size = (Path(folder) / "events.db").stat().st_size / READ_EVENTS
        yield measure.figure("events.db per tick, both indexes included", "bytes", [size], SIZE_GOAL)
        asyncio.run(_read(Path(folder)))
        middle = _resident_mb()
        asyncio.run(_fill(Path(folder) / "again", _groups(READ_EVENTS)))
        asyncio.run(_read(Path(folder) / "again"))
        grown = _resident_mb() - middle
        yield measure.figure(
            f"resident memory grown by appending and reading {READ_EVENTS:,} more events",
            "MB",
            [max(grown, 0.0)],
            MEMORY_GOAL,
            note=f"{middle:.0f} MB resident then, {before:.0f} MB before the first",
        )


def _tick(number: int) -> Event:
    price = 225.84 + (number % 100) / 100
    payload = EquityTick(
        price=price, size=100, volume=100 + number % 7, total_volume=12_345_678 + number, bid=225.83, ask=225.86
    )
    return Event(TICKERS[number % 2], T0_US + number * 1_000, payload)


def _groups(count: int) -> list[list[Event]]:
    ticks = [_tick(number) for number in range(count)]
    return [ticks[start : start + GROUP] for start in range(0, count, GROUP)]


def _in_a_log(work: Callable[[EventLog], Awaitable[None]]) -> float:
    """Events a second of `work`, opening and closing not counted."""

    async def run(folder: Path) -> float:
        log = await open_log(folder)
        began = time.perf_counter()
        await work(log)
        seconds = time.perf_counter() - began
        await log.close()
        return EVENTS / seconds

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(run(Path(folder)))


async def _one_after_the_other(log: EventLog, groups: list[list[Event]]) -> None:
    for group in groups:
        await log.append(group)


async def _eight_on_their_way(log: EventLog, groups: list[list[Event]]) -> None:
    waiting: set[asyncio.Future[range]] = set()
    for group in groups:
        waiting.add(asyncio.ensure_future(log.append(group)))
        if len(waiting) >= 8:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait(waiting)


def _bare(groups: list[list[Event]]) -> float:
    """The same rows, ready-made, into the same table and index with the same settings."""
    insert = f"INSERT INTO events ({codec.COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
    rows = [
        [_row(GROUP * number + nth, event) for nth, event in enumerate(group)] for number, group in enumerate(groups)
    ]
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "events.db", isolation_level=None)
        database.configure_writer(connection, "FULL")
        schema.prepare(connection)
        began = time.perf_counter()
        for group in rows:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, group)
            connection.execute("COMMIT")
        seconds = time.perf_counter() - began
        connection.close()
    return EVENTS / seconds


def _row(number: int, event: Event) -> tuple[Any, ...]:
    payload = msgspec.json.encode(event.payload).decode()
    return number + 1, "equity_tick", event.ticker, event.ts_us, T0_US, payload, 123_456_789


def _eventsourcing(groups: list[list[Event]]) -> float:
    """The same payloads, encoded here, as stored events of two aggregates in the recorder's own table."""
    aggregates = {ticker: uuid.uuid4() for ticker in TICKERS}
    with tempfile.TemporaryDirectory() as folder:
        datastore = SQLiteDatastore(str(Path(folder) / "events.db"))
        recorder = SQLiteApplicationRecorder(datastore)
        recorder.create_table()
        with datastore.transaction(commit=True) as cursor:
            cursor.execute("PRAGMA synchronous")
            assert tuple(cursor.fetchone()) == (2,), "the peer is durable too"
        began = time.perf_counter()
        for number, group in enumerate(groups):
            recorder.insert_events(
                [
                    PeerEvent(
                        aggregates[event.ticker], GROUP * number + nth, "tick", msgspec.json.encode(event.payload)
                    )
                    for nth, event in enumerate(group)
                ]
            )
        seconds = time.perf_counter() - began
        datastore.close()
    return EVENTS / seconds


def _single() -> float:
    """Milliseconds until one tick is acknowledged, with a pause between them."""

    async def run(folder: Path) -> float:
        log = await open_log(folder)
        taken = []
        for number in range(SINGLES):
            await asyncio.sleep(0.006)
            batch = [_tick(number)]
            began = time.perf_counter()
            await log.append(batch)
            taken.append(time.perf_counter() - began)
        await log.close()
        return statistics.median(taken) * 1e3

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(run(Path(folder)))


def _fdatasync() -> float:
    """Milliseconds of one fdatasync after a write of the pages that a commit touches, at the same pace."""
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        descriptor = os.open(Path(folder) / "file", os.O_RDWR | os.O_CREAT)
        for _ in range(SINGLES):
            time.sleep(0.006)
            os.write(descriptor, os.urandom(4 * 4096))
            began = time.perf_counter()
            os.fdatasync(descriptor)
            taken.append(time.perf_counter() - began)
        os.close(descriptor)
    return statistics.median(taken) * 1e3


async def _fill(folder: Path, groups: list[list[Event]]) -> None:
    log = await open_log(folder)
    await _eight_on_their_way(log, groups)
    await log.close()


async def _read(folder: Path) -> float:
    log = await open_log(folder)
    began = time.perf_counter()
    position = seen = 0
    while page := (await log.read(position, _PAGE)).events:
        for event in page:
            if events.decode(event) is not None:
                seen += 1
        position = page[-1].seq
    seconds = time.perf_counter() - began
    await log.close()
    assert seen == READ_EVENTS
    return seen / seconds


def _scan(folder: Path) -> float:
    connection = sqlite3.connect(f"file:{folder}/events.db?mode=ro", uri=True)
    connection.text_factory = bytes
    decode = msgspec.json.Decoder(EquityTick).decode
    began = time.perf_counter()
    position = seen = 0
    while rows := connection.execute(_SCAN, (position, _PAGE)).fetchall():
        for row in rows:
            decode(row[5])
            seen += 1
        position = rows[-1][0]
    seconds = time.perf_counter() - began
    connection.close()
    assert seen == READ_EVENTS
    return seen / seconds


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
