"""Durable appends in groups, beside bare sqlite3 and aiosqlite on the same table, and the eventsourcing library."""

import asyncio
import functools
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiosqlite
import msgspec
from eventsourcing.persistence import StoredEvent as PeerEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from benchmarks import measure
from eventlog import codec, commits, database, schema
from eventlog.events import EquityTick, Event
from eventlog.log import EventLog, open_log

EVENTS = {1: 200, 10: 2_000, 100: 20_000, 1_000: 20_000}
"""Events in a group -> events a round."""
JUDGED_GROUP = 100
ROUNDS = {JUDGED_GROUP: 5}
T0_US = 1_700_000_000_000_000
TICKERS = ("AAPL", "QQQ")

BARE_GOAL = measure.Goal(of="ratio", bound="least", value=0.75, peer="sqlite3 executemany")
LIBRARY_GOAL = measure.Goal(of="ratio", bound="least", value=1.5, peer="eventsourcing")

_INSERT = f"INSERT INTO events ({codec.COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"

_PACED = (
    f"less than {commits.EAGER_EVENTS} waiting events start a commit every {commits.INTERVAL_SECONDS * 1e3:.0f} ms at "
    "most, so that this caller waits for the clock; an idle log commits at once, as the log's own line shows"
)
NOTES = {
    1: _PACED,
    10: _PACED,
    100: "ours checks, encodes and computes CRCs; executemany inserts ready-made rows, eventsourcing encodes too",
    1_000: "",
}

Groups = list[list[Event]]


def results() -> Iterator[measure.Result]:
    """Each size of group with one on its way, the judged one also with eight."""
    for size, count in EVENTS.items():
        groups = groups_of(count, size)
        peers = {
            "sqlite3 executemany": functools.partial(_bare, groups),
            "aiosqlite": functools.partial(_aiosqlite, groups),
            "eventsourcing": functools.partial(_eventsourcing, groups),
        }
        yield measure.compare(
            f"durable appends in groups of {size:,}, one after the other",
            "events/s",
            functools.partial(_in_a_log, one_after_the_other, groups),
            peers,
            BARE_GOAL if size == JUDGED_GROUP else None,
            ROUNDS.get(size, measure.ROUNDS),
            NOTES[size],
        )
        if size == JUDGED_GROUP:
            yield measure.compare(
                f"durable appends in groups of {size:,}, eight on their way",
                "events/s",
                functools.partial(_in_a_log, eight_on_their_way, groups),
                peers,
                LIBRARY_GOAL,
                note="groups that wait share a commit, and one is prepared while another is committed",
            )


def tick(number: int) -> Event:
    """The tick of that number; later numbers have later times."""
    price = 225.84 + (number % 100) / 100
    payload = EquityTick(
        price=price, size=100, volume=100 + number % 7, total_volume=12_345_678 + number, bid=225.83, ask=225.86
    )
    return Event(TICKERS[number % 2], T0_US + number * 1_000, payload)


def groups_of(count: int, size: int) -> Groups:
    """`count` ticks of two tickers in groups of `size`."""
    ticks = [tick(number) for number in range(count)]
    return [ticks[start : start + size] for start in range(0, count, size)]


def _events(groups: Groups) -> int:
    return sum(map(len, groups))


def _in_a_log(work: Callable[[EventLog, Groups], Awaitable[None]], groups: Groups) -> float:
    """Events a second of `work`, opening and closing not counted."""

    async def run(folder: Path) -> float:
        log = await open_log(folder)
        began = time.perf_counter()
        await work(log, groups)
        seconds = time.perf_counter() - began
        await log.close()
        return _events(groups) / seconds

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(run(Path(folder)))


async def one_after_the_other(log: EventLog, groups: Groups) -> None:
    for group in groups:
        await log.append(group)


async def eight_on_their_way(log: EventLog, groups: Groups) -> None:
    waiting: set[asyncio.Future[range]] = set()
    for group in groups:
        waiting.add(asyncio.ensure_future(log.append(group)))
        if len(waiting) >= 8:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait(waiting)


def _rows(groups: Groups) -> list[list[tuple[Any, ...]]]:
    """The same rows, ready-made."""
    size = len(groups[0])
    return [
        [_row(size * number + nth, event) for nth, event in enumerate(group)] for number, group in enumerate(groups)
    ]


def _bare(groups: Groups) -> float:
    """Into the same table and indexes with the same settings."""
    rows = _rows(groups)
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "events.db", isolation_level=None)
        database.configure_writer(connection, "FULL")
        schema.prepare(connection)
        began = time.perf_counter()
        for group in rows:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_INSERT, group)
            connection.execute("COMMIT")
        seconds = time.perf_counter() - began
        connection.close()
    return _events(groups) / seconds


def _aiosqlite(groups: Groups) -> float:
    """As `_bare`, each statement by its way to aiosqlite's thread and back."""

    async def run(path: Path) -> float:
        with sqlite3.connect(path, isolation_level=None) as made:
            database.configure_writer(made, "FULL")
            schema.prepare(made)
        made.close()
        async with aiosqlite.connect(path, isolation_level=None) as connection:
            await connection.execute("PRAGMA synchronous=FULL")
            began = time.perf_counter()
            for group in rows:
                await connection.execute("BEGIN IMMEDIATE")
                await connection.executemany(_INSERT, group)
                await connection.execute("COMMIT")
            return time.perf_counter() - began

    rows = _rows(groups)
    with tempfile.TemporaryDirectory() as folder:
        return _events(groups) / asyncio.run(run(Path(folder) / "events.db"))


def _row(number: int, event: Event) -> tuple[Any, ...]:
    payload = msgspec.json.encode(event.payload).decode()
    return number + 1, "equity_tick", event.ticker, event.ts_us, T0_US, payload, 123_456_789


def _eventsourcing(groups: Groups) -> float:
    """The same payloads, encoded here, as stored events of two aggregates in the recorder's own table."""
    size = len(groups[0])
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
                    PeerEvent(aggregates[event.ticker], size * number + nth, "tick", msgspec.json.encode(event.payload))
                    for nth, event in enumerate(group)
                ]
            )
        seconds = time.perf_counter() - began
        datastore.close()
    return _events(groups) / seconds
