"""Two instances on one DATA_DIR: the second says who is first and leaves; a killed one leaves no lock behind."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from eventlog import database
from eventlog.clock import ManualClock
from eventlog.errors import AlreadyRunningError, SecondWriterError
from eventlog.lock import InstanceLock
from eventlog.log import open_log
from tests.eventlog.ticks import NOW_US, ticks
from tests.faults import harness_log


def test_the_second_instance_is_told_who_is_first(tmp_path: Path) -> None:
    with harness_log.appender(tmp_path) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "open\n"
        second = harness_log.run_to_end(tmp_path, 1)
        assert second.exit_code == AlreadyRunningError.exit_code == 3
        assert f"is in use by pid {first.pid} since 20" in second.lines[-1]
        first.kill()
        first.wait()
        with InstanceLock(tmp_path):
            pass


def test_the_lock_is_held_once_and_given_back(tmp_path: Path) -> None:
    with InstanceLock(tmp_path), pytest.raises(AlreadyRunningError):
        InstanceLock(tmp_path).acquire()
    with InstanceLock(tmp_path):
        assert (tmp_path / "lock").read_text().startswith(f"pid {os.getpid()} since ")
    assert (tmp_path / "lock").read_text().strip() == ""


def test_a_full_disk_does_not_keep_the_lock_from_being_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", no_room)
    with InstanceLock(tmp_path), pytest.raises(AlreadyRunningError, match="in use by another process"):
        InstanceLock(tmp_path).acquire()
    with InstanceLock(tmp_path):
        pass


def test_the_pid_is_written_over_the_last_one_in_the_place_it_has(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("pid 12345678 since 2026-11-20T15:00:00Z, and a rest\n")
    sizes = set()
    for _ in range(2):
        with InstanceLock(tmp_path):
            (line,) = (tmp_path / "lock").read_text().splitlines()
            assert line.rstrip().endswith("Z")
            sizes.add((tmp_path / "lock").stat().st_size)
        sizes.add((tmp_path / "lock").stat().st_size)
    assert len(sizes) == 1, "never cut: a full disk has no new block for it"


def test_a_child_process_does_not_inherit_the_lock(tmp_path: Path) -> None:
    lock = InstanceLock(tmp_path)
    lock.acquire()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    lock.release()
    try:
        with InstanceLock(tmp_path):
            pass
    finally:
        child.communicate(b"\n")


async def test_a_second_writer_in_one_process_is_refused(tmp_path: Path) -> None:
    log = await open_log(tmp_path)
    with pytest.raises(SecondWriterError, match="already open for writing"):
        await database.open_writer(tmp_path / "events.db", "FULL")
    await log.close()
    await (await database.open_writer(tmp_path / "events.db", "FULL")).close()


async def test_nobody_else_may_read_the_files(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    before = os.umask(0)
    try:
        with InstanceLock(directory):
            log = await open_log(directory, ManualClock(NOW_US), reserve_bytes=4096)
            await log.start_recording("test")
            await log.append(ticks(1))
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in sorted(directory.iterdir())}
            await log.close()
    finally:
        os.umask(before)
    assert set(modes) == {"events.db", "events.db-shm", "events.db-wal", "events.head", "lock", "reserve"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
