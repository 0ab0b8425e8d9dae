"""Whether a million ticks through the log and the projection leave memory behind, in a process of its own."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import indicators.schema
from benchmarks import days, measure
from eventlog import log as event_log
from eventlog import state as state_file
from eventlog.clock import ManualClock
from indicators.definition import Definition
from indicators.projection import Projection

TICKS = 1_000_000
WARM_TICKS = 100_000
BATCH = 1_000

GROWTH = measure.Goal(of="figure", bound="most", value=10.0)


def results() -> Iterator[measure.Result]:
    """What the resident set grows from the 100,000th to the millionth tick."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "benchmarks.bench_memory", directory]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    warm, end = map(float, printed)
    note = f"{warm:.0f} MB after {WARM_TICKS:,}, {end:.0f} MB after {TICKS:,}; appended, fsynced and folded"
    yield measure.figure("a million ticks", "MB of growth", [max(0.0, end - warm)], GROWTH, note)


async def _marks(directory: Path) -> list[float]:
    """Resident MB after WARM_TICKS and after TICKS."""
    log = await event_log.open_log(directory, ManualClock(days.OPEN_US + days.DAY_US))
    state = await state_file.open_state(directory / "state.db", {"indicators": indicators.schema.STEPS})
    projection = Projection(log, state, Definition(session="all"))
    await projection.start()
    marks, batch = [], []
    for number, event in enumerate(days.ticks(TICKS // len(days.TICKERS), step_us=10_000), 1):
        batch.append(event)
        if len(batch) == BATCH:
            await log.append(batch)
            batch = []
            await projection.fold_once()
        if number in (WARM_TICKS, TICKS):
            marks.append(_resident_mb())
    assert projection.checkpoint == log.head == TICKS
    await state.close()
    await log.close()
    return marks


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    print(*asyncio.run(_marks(Path(sys.argv[1]))))
