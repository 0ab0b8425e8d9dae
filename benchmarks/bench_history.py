"""Whether a tick costs more, or is later, on a recorder that has recorded much: the whole way at 1x and 10x data.

Log, state.db and destination all hold the history; each round starts the service on a copy of the two files.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy

from benchmarks import bench_cpu, days, measure, rig
from benchmarks.bench_latency import Stopwatch
from replicator import embedded, migrate
from service.context import open_context

TENTH_SECONDS = 5_000
"""Seconds of ten tickers: 50,000 ticks, and ten times as many."""
PEER = "a tenth of the history"
RATE = 1_000
SECONDS = 3.0
ROUNDS = 3

NO_DEARER = measure.Goal(of="ratio", bound="most", value=1.25, peer=PEER)


@dataclass
class Recorder:
    """A data directory with its history, all of which the destination has acknowledged."""

    data_dir: Path
    server: embedded.EmbeddedPostgres


@dataclass
class Taken:
    """Of one round: CPU a tick in microseconds, the rest in milliseconds."""

    cpu_us: float
    durable_ms: float
    durable_p99_ms: float
    row_ms: float


def results() -> Iterator[measure.Result]:
    """Both recorders in turn, after a round each that does not count."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole, tenth = _recorder(folder / "whole", 10 * TENTH_SECONDS), _recorder(folder / "tenth", TENTH_SECONDS)
        try:
            rounds = [(_round(whole), _round(tenth)) for _ in range(1 + ROUNDS)][1:]
        finally:
            for one in (whole, tenth):
                one.server.stop()
    at = f"at {RATE:,}/s, {10 * TENTH_SECONDS * len(days.TICKERS):,} ticks before"
    for what, unit, field in (
        ("CPU, the whole way", "us of CPU a tick", "cpu_us"),
        ("socket to durable, p50,", "ms", "durable_ms"),
        ("socket to durable, p99,", "ms", "durable_p99_ms"),
        ("socket to row in PostgreSQL, p50,", "ms", "row_ms"),
    ):
        ours, peer = zip(*((getattr(one, field), getattr(other, field)) for one, other in rounds), strict=True)
        series = measure.Series("ticktape", list(ours)), [measure.Series(PEER, list(peer))]
        # The 99th percentile of three seconds is three frames: shown, not judged.
        yield measure.Result(f"{what} {at}", unit, *series, None if "p99" in field else NO_DEARER)


def _recorder(folder: Path, seconds: int) -> Recorder:
    """Record, fold and ship `seconds` of ten tickers."""
    data_dir = days.recorded(folder / "data", seconds)
    server = embedded.start(folder / "server")
    asyncio.run(_shipped(data_dir, server.dsn))
    return Recorder(data_dir, server)


async def _shipped(data_dir: Path, dsn: str) -> None:
    await migrate.apply(dsn)
    async with open_context(rig.settings(data_dir, dsn)) as context:
        await context.projection.start()
        while context.projection.checkpoint < context.log.head:
            await context.projection.fold_once()
        assert context.replicator is not None
        await context.replicator.start()
        unsent = await context.replicator.drain(120)
        assert unsent == 0, f"{unsent} rows unsent"


def _round(recorder: Recorder) -> Taken:
    with tempfile.TemporaryDirectory(prefix="ticktape-bench-") as name:
        data_dir = Path(shutil.copytree(recorder.data_dir, Path(name) / "data"))
        os.sync()  # or the first checkpoint would have to write the copy to the disk as well
        return asyncio.run(_taken(data_dir, recorder.server.dsn))


async def _taken(data_dir: Path, dsn: str) -> Taken:
    warm, trades = int(RATE * bench_cpu.WARM_SECONDS), int(RATE * (bench_cpu.WARM_SECONDS + SECONDS))
    async with (
        rig.exchange(RATE, bench_cpu.WARM_SECONDS + SECONDS, data_dir) as exchange,
        rig.service(exchange.url, data_dir, dsn) as service,
    ):
        watch = Stopwatch(service, trades)
        await rig.until(lambda: watch.rows >= warm)
        began, before = rig.cpu_seconds(), watch.rows
        await exchange.played()
        await rig.until(lambda: watch.rows == trades)
        cpu_us = (rig.cpu_seconds() - began) / (trades - before) * 1e6
        sent_ns = numpy.frombuffer(exchange.sent_ns(), dtype=numpy.int64)
        await service.stop("measured")
    durable_ms = (numpy.frombuffer(watch.durable_ns, dtype=numpy.int64) - sent_ns)[warm:] / 1e6
    row_ms = (numpy.frombuffer(watch.row_ns, dtype=numpy.int64) - sent_ns)[warm:] / 1e6
    return Taken(
        cpu_us, float(numpy.median(durable_ms)), float(numpy.percentile(durable_ms, 99)), float(numpy.median(row_ms))
    )
