"""`make profile`: a flame graph of the whole service at 1,000 ticks a second, as benchmarks/profile.html."""

import asyncio
import sys
import tempfile
from pathlib import Path

import pyinstrument

from benchmarks import bench_cpu, rig
from service import logs

RATE = 1_000
SECONDS = 10.0
REPORT = Path(__file__).with_name("profile.html")


async def _profile(folder: Path) -> pyinstrument.Profiler:
    async with (
        rig.database(folder) as dsn,
        rig.exchange(RATE, SECONDS, folder) as exchange,
        bench_cpu.whole(dsn)(exchange.url, folder) as progress,
    ):
        with pyinstrument.Profiler(interval=0.0005, async_mode="disabled") as profiler:
            await exchange.played()
            await rig.until(lambda: progress() >= RATE * SECONDS)
        return profiler


def main() -> None:
    """Write the graph, and the costliest calls to stdout."""
    logs.silence()
    with tempfile.TemporaryDirectory(prefix="ticktape-profile-") as folder:
        profiler = asyncio.run(_profile(Path(folder)))
    REPORT.write_text(profiler.output_html())
    sys.stdout.write(profiler.output_text(show_all=False, unicode=True))
    print(f"\n{REPORT}")


if __name__ == "__main__":
    main()
