"""A single tick in the event log beside one fdatasync, reads beside a bare scan, size and memory."""

import asyncio
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks import bench_append, measure
from eventlog import codec, events
from eventlog.events import EquityTick, Event
from eventlog.log import open_log

READ_EVENTS = 100_000
GROUP = 100
SINGLES = 200

SINGLE_GOAL = measure.Goal(of="ratio", bound="most", value=2.5, peer="fdatasync")
READ_GOAL = measure.Goal(of="ratio", bound="least", value=0.5, peer="sqlite3 + msgspec")
SIZE_GOAL = measure.Goal(of="figure", bound="most", value=200.0)
MEMORY_GOAL = measure.Goal(of="figure", bound="most", value=5.0)

_SCAN = f"SELECT {codec.COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
_PAGE = 5_000


def results() -> Iterator[measure.Result]:
    """A single tick, reads, size and memory."""
    yield measure.compare(
        "one tick acknowledged by an idle log, median", "ms", _single, {"fdatasync": _fdatasync}, SINGLE_GOAL
    )
    yield from _reads()


def _reads() -> Iterator[measure.Result]:
    with tempfile.TemporaryDirectory() as folder:
        before = _resident_mb()
        asyncio.run(_fill(Path(folder), bench_append.groups_of(READ_EVENTS, GROUP)))
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
        asyncio.run(_fill(Path(folder) / "again", bench_append.groups_of(READ_EVENTS, GROUP)))
        asyncio.run(_read(Path(folder) / "again"))
        grown = _resident_mb() - middle
        yield measure.figure(
            f"resident memory grown by appending and reading {READ_EVENTS:,} more events",
            "MB",
            [max(grown, 0.0)],
            MEMORY_GOAL,
            note=f"{middle:.0f} MB resident then, {before:.0f} MB before the first",
        )


def _single() -> float:
    """Milliseconds until one tick is acknowledged, with a pause between them."""

    async def run(folder: Path) -> float:
        log = await open_log(folder)
        taken = []
        for number in range(SINGLES):
            await asyncio.sleep(0.006)
            batch = [bench_append.tick(number)]
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
    await bench_append.eight_on_their_way(log, groups)
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
