"""Killed at any moment, at any write or fsync: what was acknowledged is there, whole, and nothing else."""

import os
import random
from pathlib import Path

import pytest

from tests.faults import harness_log
from tests.faults.harness_log import Told

LARGEST_TRANSACTION = 3 * 30
"""Three appenders with at most 30 events each can wait for one commit."""


async def _kill_again_and_again(directory: Path, kills: int, seed: int) -> None:
    """The same log is killed, checked and gone on with, so that recoveries pile up."""
    print(f"seed {seed}")
    randomness = random.Random(seed)
    for _ in range(kills):
        told = Told()
        wanted_acks = randomness.randrange(1, 60)
        with harness_log.appender(directory) as process:
            assert process.stdout is not None
            for line in process.stdout:
                told.hear(line)
                if sum(one.startswith("ack") for one in told.lines) >= wanted_acks:
                    break
            process.kill()
            rest, errors = process.communicate()
        for line in rest.splitlines():
            told.hear(line)
        assert told.acknowledged, errors
        head = await harness_log.check(directory, told.acknowledged)
        assert head <= told.acknowledged + LARGEST_TRANSACTION


async def test_killed_during_append(tmp_path: Path) -> None:
    await _kill_again_and_again(tmp_path, kills=5, seed=1)


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_killed_200_times_during_append(tmp_path: Path) -> None:
    await _kill_again_and_again(tmp_path, kills=200, seed=random.randrange(10**6))


async def _kill_at(directory: Path, syscall: str, number: int) -> None:
    os.mkdir(directory)  # noqa: PTH102
    told = harness_log.run_to_end(directory, 400, ["-e", f"inject={syscall}:signal=SIGKILL:when={number}"])
    await harness_log.check(directory, told.acknowledged)


@pytest.mark.parametrize("syscall", ["fdatasync", "pwrite64"])
async def test_killed_at_a_system_call(tmp_path: Path, syscall: str) -> None:
    harness_log.require_strace()
    for number in (1, 9, 20, 30):
        await _kill_at(tmp_path / str(number), syscall, number)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("syscall", "calls"), [("fdatasync", 30), ("pwrite64", 60)])
async def test_killed_at_every_system_call(tmp_path: Path, syscall: str, calls: int) -> None:
    harness_log.require_strace()
    for number in range(1, calls):
        await _kill_at(tmp_path / str(number), syscall, number)


async def test_a_failed_fsync_is_never_acknowledged(tmp_path: Path) -> None:
    harness_log.require_strace()
    told = harness_log.run_to_end(tmp_path, 2_000, ["-e", "inject=fdatasync:error=EIO:when=40+"])
    assert told.exit_code == 4
    assert told.lines[-1].startswith("error: the event log failed (disk I/O error)")
    assert told.acknowledged > 0
    head = await harness_log.check(tmp_path, told.acknowledged)
    assert head < 2_000
