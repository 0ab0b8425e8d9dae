"""The fold of the log and the rebuild beside a bare SQLite scan with msgspec decode of the same events."""

import asyncio
import gc
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks import measure
from eventlog import log as event_log
from eventlog import state as state_file
from eventlog.clock import ManualClock
from eventlog.events import EquityTick, Event
from eventlog.reader import LOG_FILE, open_log_reader
from indicators import pages, registry, schema
from indicators.definition import Definition
from indicators.fold import Fold
from indicators.projection import Projection

TICKS = 400_000
OPEN_US = 1_340_026_200_000_000
"""2012-06-18 09:30 in New York, a Monday: four sessions follow each other."""
TICKS_A_DAY = 100_000
DAY_US = 86_400_000_000
SESSION_US = 23_400_000_000

FOLD_GOAL = measure.Goal(of="ratio", bound="least", value=0.45, peer="scan + decode")
REBUILD_GOAL = measure.Goal(of="ratio", bound="least", value=200_000 / 1_500_000, peer="scan + decode")
LINEAR_GOAL = measure.Goal(of="ratio", bound="most", value=1.25, peer="a quarter of the ticks")
MEMORY_GOAL = measure.Goal(of="figure", bound="most", value=10.0)
RESUME_GOAL = measure.Goal(of="ratio", bound="most", value=1.5, peer="a tenth of the log")


def results() -> Iterator[measure.Result]:
    """Ticks a second of each way through the log, how it scales, what a resume costs."""
    with tempfile.TemporaryDirectory() as directory:
        logs = {share: _recorded(Path(directory) / f"log{share}", TICKS // share) for share in (1, 4, 10)}
        bare = {"scan + decode": lambda: _scan(logs[1])}
        with _only_the_customers():
            yield measure.compare(
                "fold in memory, sma9 + vwap + bars", "ticks/s", lambda: _fold(logs[1]), bare, FOLD_GOAL,
                note="ours checks every CRC as well",
            )  # fmt: skip
        yield measure.compare("fold in memory, every indicator", "ticks/s", lambda: _fold(logs[1]), bare, FOLD_GOAL)
        for share in (1, 10):
            asyncio.run(_projected(logs[share]))
        yield measure.compare(
            "rebuild with rows written, every indicator", "ticks/s", lambda: _rebuild(logs[1]), bare, REBUILD_GOAL,
            note="each row is compared with the one it replaces",
        )  # fmt: skip
        yield measure.compare(
            "time a tick, whole log against a quarter of it", "us/tick", lambda: 1e6 / _fold(logs[1]),
            {"a quarter of the ticks": lambda: 1e6 / _fold(logs[4])}, LINEAR_GOAL,
        )  # fmt: skip
        yield measure.compare(
            "resume after a restart", "ms", lambda: _resume_ms(logs[1]),
            {"a tenth of the log": lambda: _resume_ms(logs[10])}, RESUME_GOAL,
        )  # fmt: skip
        growth = [_peak_mb(logs[1]) - _peak_mb(logs[10]) for _ in range(3)]
        yield measure.figure("peak memory, whole log less a tenth of it", "MB", growth, MEMORY_GOAL)


class _only_the_customers:  # noqa: N801
    """Within it only sma9 and vwap are registered."""

    def __enter__(self) -> None:
        self._all = dict(registry.INDICATORS)
        for name in set(self._all) - set(registry.CUSTOMER):
            del registry.INDICATORS[name]

    def __exit__(self, *_: object) -> None:
        registry.INDICATORS.clear()
        registry.INDICATORS.update(self._all)


def _recorded(directory: Path, ticks: int) -> Path:
    rng = random.Random(5)
    cents, total, events = 58_000, 0, []
    for number in range(ticks):
        day, within = divmod(number, TICKS_A_DAY)
        cents += rng.choice((-1, 0, 1))
        volume = rng.choice((0, 37, 100, 200))
        total += volume
        ts_us = OPEN_US + day * DAY_US + within * SESSION_US // TICKS_A_DAY
        payload = EquityTick(cents / 100, 100, volume, total, (cents - 1) / 100, (cents + 1) / 100)
        events.append(Event("AAPL", ts_us, payload))
    asyncio.run(_append(directory, events))
    return directory


async def _append(directory: Path, events: list[Event]) -> None:
    log = await event_log.open_log(directory, ManualClock(events[-1].ts_us))
    for start in range(0, len(events), 10_000):
        await log.append(events[start : start + 10_000])
    await log.close()


def _scan(directory: Path) -> float:
    connection = sqlite3.connect(f"file:{directory / LOG_FILE}?mode=ro", uri=True)
    decode = msgspec.json.Decoder(EquityTick).decode
    began = time.perf_counter()
    ticks = 0
    for _, _, _, payload in connection.execute("SELECT seq, ticker, ts_us, payload FROM events ORDER BY seq"):
        decode(payload)
        ticks += 1
    seconds = time.perf_counter() - began
    connection.close()
    return ticks / seconds


def _fold(directory: Path) -> float:
    return asyncio.run(_folded(directory))


async def _folded(directory: Path) -> float:
    log = await open_log_reader(directory)
    fold, through, ticks = Fold(Definition()), 0, 0
    began = time.perf_counter()
    while (page := await pages.read(log, through)).events:
        ticks += len(fold.page(page.events).rows)
        through = page.through_seq
    seconds = time.perf_counter() - began
    assert ticks == await log.head(), "every tick is in a session"
    await log.close()
    return ticks / seconds


async def _projected(directory: Path) -> tuple[float, float]:
    """Catch up, then rebuild: milliseconds of the start, ticks a second of the rebuild."""
    log = await event_log.open_log(directory)
    state = await state_file.open_state(directory / "state.db", {"indicators": schema.STEPS})
    projection = Projection(log, state, Definition())
    began = time.perf_counter()
    await projection.start()
    started_ms = (time.perf_counter() - began) * 1e3
    while projection.checkpoint < log.head:
        await projection.fold_once()
    began = time.perf_counter()
    summary = await projection.rebuild()
    seconds = time.perf_counter() - began
    await state.close()
    await log.close()
    return started_ms, summary.rows / seconds


def _rebuild(directory: Path) -> float:
    return asyncio.run(_projected(directory))[1]


async def _resumed(directory: Path) -> float:
    log = await event_log.open_log(directory)
    state = await state_file.open_state(directory / "state.db", {"indicators": schema.STEPS})
    times_ms = []
    for _ in range(50):
        projection = Projection(log, state, Definition())
        gc.collect()
        began = time.perf_counter()
        await projection.start()
        times_ms.append((time.perf_counter() - began) * 1e3)
        assert projection.checkpoint == log.head
    await state.close()
    await log.close()
    return sorted(times_ms)[len(times_ms) // 2]


def _resume_ms(directory: Path) -> float:
    return asyncio.run(_resumed(directory))


def _peak_mb(directory: Path) -> float:
    """Peak resident memory of a process of its own that folds the log."""
    command = [sys.executable, "-m", "benchmarks.bench_indicators", str(directory)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    _fold(Path(sys.argv[1]))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
