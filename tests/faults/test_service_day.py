"""Fault 31: a trading day played fast; memory, file descriptors and write-ahead log stay flat.

TICKTAPE_DAY_SPEED changes how fast (60 is a day in six and a half minutes).
"""

import asyncio
import os
import statistics
from dataclasses import dataclass
from pathlib import Path

import pytest

from feed.exchange import Tape
from tests.e2e import recorder as recording
from tests.e2e.recorder import Recorder
from tests.servers import postgres

DAY_SECONDS = 23_400
WAL_MAX_BYTES = 16_000_000
GROWTH_MAX_BYTES = 12_000_000


@dataclass(frozen=True)
class Sample:
    resident_bytes: int
    descriptors: int
    wal_bytes: int


def _sample(service: Recorder) -> Sample:
    status = Path(f"/proc/{service.pid}/statm").read_text()
    wal = sum(path.stat().st_size for path in service.data_dir.glob("*.db-wal"))
    resident = int(status.split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return Sample(resident, sum(1 for _ in Path(f"/proc/{service.pid}/fd").iterdir()), wal)


async def _play(tmp_path: Path, dsn: str, seconds: int, speed: float, per_second: int) -> list[Sample]:
    """Twenty samples over the day, and at its end every trade's volume at the destination."""
    trades = recording.write_tape(tmp_path / "tape.csv", seconds, per_second)
    samples: list[Sample] = []
    recording.write_token(tmp_path / "data")
    async with (
        recording.exchanging(Tape(tmp_path / "tape.csv", "QQQ", speed)) as exchange,
        recording.recorder(
            tmp_path / "data", SCHWAB_URL=exchange.url, DESTINATION="postgres", POSTGRES_DSN=dsn
        ) as service,
    ):
        await service.start()
        await exchange.first_subscription.wait()
        for _ in range(20):
            await asyncio.sleep(seconds / speed / 20)
            samples.append(_sample(service))
        await asyncio.wait_for(exchange.played.wait(), 60)
        assert await service.stop() == 0, service.errors
    async with postgres.connected(dsn) as connection:
        volume, ticks = await connection.fetchrow("select sum(volume), count(*) from equity_data")
    assert (volume, ticks) == (sum(size for _, size in trades), len(trades))
    return samples


def _are_flat(samples: list[Sample]) -> None:
    early, late = samples[5:10], samples[-5:]
    growth = statistics.median(s.resident_bytes for s in late) - statistics.median(s.resident_bytes for s in early)
    assert growth < GROWTH_MAX_BYTES, samples
    descriptors = {sample.descriptors for sample in samples[5:]}
    assert max(descriptors) - min(descriptors) <= 4, samples
    assert max(sample.wal_bytes for sample in samples) < WAL_MAX_BYTES, samples


async def test_a_part_of_a_day_stays_flat(tmp_path: Path, database: str) -> None:
    _are_flat(await _play(tmp_path, database, seconds=1_800, speed=150.0, per_second=2))


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_a_trading_day_stays_flat(tmp_path: Path, database: str) -> None:
    speed = float(os.environ.get("TICKTAPE_DAY_SPEED", "360"))
    _are_flat(await _play(tmp_path, database, DAY_SECONDS, speed, per_second=2))
