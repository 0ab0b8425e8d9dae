"""kill -9 while the projection folds or rebuilds: the next start finds whole rows and goes on to the same bits (I3)."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from eventlog import log as event_log
from eventlog.clock import ManualClock
from indicators import check
from indicators.definition import Definition
from indicators.projection import Projection
from indicators.replay import no_progress
from tests.indicators import worlds


def kill_after(directory: Path, lines: int, *arguments: str) -> bool:
    """Run the harness and kill it after so many lines; False when it had reached the end of the log by then."""
    command = [sys.executable, "-m", "tests.faults.harness_projection", str(directory), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = [process.stdout.readline()]
        while len(said) < lines and said[-1].startswith(b"at "):
            said.append(process.stdout.readline())
        process.kill()
    assert said[-1], "the harness ended by itself"
    return said[-1] != b"end\n"


def lose_state(directory: Path) -> None:
    for file in directory.glob("state.db*"):
        file.unlink()


async def fill(directory: Path) -> None:
    log = await event_log.open_log(directory, ManualClock(worlds.CLOSE_US + worlds.DAY_US))
    await log.append([*worlds.tape(), *worlds.random_ticks(9, 1500, "QQQ")])
    await log.close()


async def resumed(directory: Path, path: Path) -> dict[str, list[object]]:
    """All that is stored once a projection on `path` has caught up."""
    log = await event_log.open_log(directory)
    async with worlds.opened_state(path) as state:
        projection = Projection(log, state, Definition())
        await projection.start()
        await worlds.without_leftovers(projection)
        assert (await check.check(log, state, no_progress)).agrees
        await worlds.projected(log, state, Definition())
        kept = await worlds.stored(state)
    await log.close()
    return kept


async def kills_while_folding(directory: Path, kills: int, seed: int) -> None:
    rng = random.Random(seed)
    await fill(directory)
    expected = await resumed(directory, directory / "whole.db")
    for _ in range(kills):
        if not kill_after(directory, rng.randint(1, 40)):
            lose_state(directory)
    assert await resumed(directory, directory / "state.db") == expected


async def kills_while_rebuilding(directory: Path, kills: int, seed: int) -> None:
    rng = random.Random(seed)
    await fill(directory)
    expected = await resumed(directory, directory / "state.db")
    for _ in range(kills):
        assert kill_after(directory, rng.randint(1, 200), "rebuild")
        assert await resumed(directory, directory / "state.db") == expected


async def test_killed_while_folding_short(tmp_path: Path) -> None:
    await kills_while_folding(tmp_path, kills=4, seed=1)


async def test_killed_while_rebuilding_short(tmp_path: Path) -> None:
    await kills_while_rebuilding(tmp_path, kills=3, seed=2)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
async def test_killed_while_folding(tmp_path: Path, seed: int) -> None:
    await kills_while_folding(tmp_path, kills=15, seed=seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
async def test_killed_while_rebuilding(tmp_path: Path, seed: int) -> None:
    await kills_while_rebuilding(tmp_path, kills=10, seed=seed)
