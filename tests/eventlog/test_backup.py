"""Live backup, restore, and what a kill in between leaves."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eventlog import backup, events, verify
from eventlog.clock import ManualClock
from eventlog.errors import DamagedLogError, FormatError, UsageError
from eventlog.log import open_log
from tests.eventlog.ticks import NOW_US, ticks

CLOCK = ManualClock(NOW_US)


def _files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir()) if path.is_file()}


def _quiet(done: int, total: int | None) -> None:
    pass


async def test_a_backup_while_appending_is_a_clean_prefix(tmp_path: Path) -> None:
    log = await open_log(tmp_path / "a", CLOCK)
    await log.append(ticks(2_000))

    async def go_on() -> None:
        for number in range(20):
            await log.append(ticks(100, first=2_000 + 100 * number))

    _, result = await asyncio.gather(go_on(), backup.backup(tmp_path / "a", tmp_path / "copy.db", _quiet))
    assert result.is_sound
    assert 2_000 <= result.last_seq <= 4_000
    assert list(_files(tmp_path)) == ["copy.db"]
    (tmp_path / "b").mkdir()
    (tmp_path / "copy.db").rename(tmp_path / "b" / "events.db")
    copy = await open_log(tmp_path / "b", CLOCK)
    original = await log.read(0, result.last_seq)
    assert (await copy.read(0, 10_000)).events == original.events
    await copy.close()
    await log.close()


async def test_a_restore_never_uses_a_seq_again(tmp_path: Path) -> None:
    log = await open_log(tmp_path, CLOCK)
    await log.append(ticks(100))
    await backup.backup(tmp_path, tmp_path / "copy.db", _quiet)
    await log.append(ticks(50, first=100))
    await log.close()
    restored = await backup.restore(tmp_path, tmp_path / "copy.db", _quiet, CLOCK)
    assert restored.verification.last_seq == 100
    assert restored.kept_as == tmp_path / "events.db.before-restore"
    log = await open_log(tmp_path, CLOCK)
    assert log.head == 151, "150 were acknowledged, then comes the gap"
    page = await log.read(0, 1_000)
    assert [event.seq for event in page.events] == [*range(1, 101), 151]
    gap = events.decode(page.events[-1])
    assert isinstance(gap, events.FeedGap)
    assert gap.reason == "restored_from_backup"
    await log.close()


async def test_a_second_restore_keeps_the_log_of_the_first(tmp_path: Path) -> None:
    log = await open_log(tmp_path, CLOCK)
    await log.append(ticks(100))
    await backup.backup(tmp_path, tmp_path / "copy.db", _quiet)
    await log.append(ticks(50, first=100))
    await log.close()
    kept = [(await backup.restore(tmp_path, tmp_path / "copy.db", _quiet, CLOCK)).kept_as for _ in range(3)]
    assert kept == [tmp_path / f"events.db.before-restore{number}" for number in ("", "-2", "-3")]
    assert [_count(path) for path in kept if path] == [150, 101, 101]


async def test_the_wal_goes_with_its_log_and_never_to_another(tmp_path: Path) -> None:
    log = await open_log(tmp_path / "data", CLOCK)
    await log.append(ticks(100))
    await backup.backup(tmp_path / "data", tmp_path / "copy.db", _quiet)
    shutil.copytree(tmp_path / "data", tmp_path / "killed")
    await log.close()
    (tmp_path / "killed" / "events.db.before-restore-wal").write_bytes(b"of an earlier log")
    restored = await backup.restore(tmp_path / "killed", tmp_path / "copy.db", _quiet, CLOCK)
    assert restored.kept_as == tmp_path / "killed" / "events.db.before-restore-2"
    assert _count(restored.kept_as) == 100
    assert (tmp_path / "killed" / "events.db.before-restore-wal").read_bytes() == b"of an earlier log"


async def test_where_no_log_was_none_is_kept(tmp_path: Path) -> None:
    log = await open_log(tmp_path / "a", CLOCK)
    await log.close()
    await backup.backup(tmp_path / "a", tmp_path / "copy.db", _quiet)
    (tmp_path / "b").mkdir()
    assert (await backup.restore(tmp_path / "b", tmp_path / "copy.db", _quiet, CLOCK)).kept_as is None


def _count(path: Path) -> int:
    connection = sqlite3.connect(path)
    count = int(connection.execute("SELECT count(*) FROM events").fetchone()[0])
    connection.close()
    return count


async def _gaps(directory: Path) -> list[tuple[int, str, int, int]]:
    """Seq, reason, span of each."""
    log = await open_log(directory, CLOCK)
    found = await log.read(0, 1_000, ["feed_gap"])
    await log.close()
    gaps = [(event.seq, events.decode(event)) for event in found.events]
    return [(seq, gap.reason, gap.from_us, gap.to_us) for seq, gap in gaps if isinstance(gap, events.FeedGap)]


async def test_a_kill_once_the_backup_is_in_place_leaves_the_gap_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await open_log(tmp_path, CLOCK)
    await log.append(ticks(100))
    await backup.backup(tmp_path, tmp_path / "copy.db", _quiet)
    await log.append(ticks(50, first=100))
    await log.close()
    later = ManualClock(NOW_US + 1_000)
    publish = backup._publish

    def killed(path: Path, target: Path) -> None:
        publish(path, target)
        raise RuntimeError("killed")

    monkeypatch.setattr(backup, "_publish", killed)
    with pytest.raises(RuntimeError):
        await backup.restore(tmp_path, tmp_path / "copy.db", _quiet, later)
    assert await _gaps(tmp_path) == [(151, "restored_from_backup", NOW_US, NOW_US + 1_000)]


async def test_a_kill_once_a_loss_is_on_record_leaves_its_gap_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await open_log(tmp_path, CLOCK)
    await log.append(ticks(100))
    await log.close()
    (tmp_path / "events.head").write_text("00000000000000000150\n")
    skip_to = backup._skip_to

    async def killed(*arguments: Any) -> None:
        await skip_to(*arguments)
        raise RuntimeError("killed")

    monkeypatch.setattr(backup, "_skip_to", killed)
    with pytest.raises(RuntimeError):
        await backup.accept_loss(tmp_path, CLOCK)
    monkeypatch.undo()
    with pytest.raises(UsageError, match="nothing is lost: the log ends at 151"):
        await backup.accept_loss(tmp_path, CLOCK)
    assert await _gaps(tmp_path) == [(151, "events_lost", NOW_US, NOW_US)]


async def test_a_backup_of_nothing_goes_on_after_what_was_lost(tmp_path: Path) -> None:
    log = await open_log(tmp_path, CLOCK)
    await backup.backup(tmp_path, tmp_path / "copy.db", _quiet)
    await log.append(ticks(100))
    await log.close()
    await backup.restore(tmp_path, tmp_path / "copy.db", _quiet, CLOCK)
    assert await _gaps(tmp_path) == [(101, "restored_from_backup", NOW_US, NOW_US)]
    log = await open_log(tmp_path, CLOCK)
    assert await log.append(ticks(1)) == range(102, 103)
    assert (await verify.verify(log._reader.database, _quiet)).is_sound
    await log.close()


async def test_a_damaged_log_is_restored_too(tmp_path: Path) -> None:
    log = await open_log(tmp_path, CLOCK)
    await log.append(ticks(100))
    await log.close()
    await backup.backup(tmp_path, tmp_path / "copy.db", _quiet)
    (tmp_path / "events.db").write_bytes(b"\xff" * 20_000)
    with pytest.raises(DamagedLogError):
        await open_log(tmp_path, CLOCK)
    await backup.restore(tmp_path, tmp_path / "copy.db", _quiet, CLOCK)
    log = await open_log(tmp_path, CLOCK)
    assert len((await log.read(0, 1_000)).events) == 101
    await log.close()


async def test_a_bad_backup_changes_nothing(tmp_path: Path) -> None:
    log = await open_log(tmp_path, CLOCK)
    await log.append(ticks(100))
    await log.close()
    await backup.backup(tmp_path, tmp_path / "copy.db", _quiet)
    whole = (tmp_path / "copy.db").read_bytes()
    start = whole.index(b'{"price"')
    (tmp_path / "flipped.db").write_bytes(whole[: start + 9] + b"9" + whole[start + 10 :])
    (tmp_path / "text.db").write_text("not a database")
    foreign = sqlite3.connect(tmp_path / "foreign.db")
    foreign.execute("CREATE TABLE things (x)")
    foreign.close()
    before = _files(tmp_path)
    for name, error in (
        ("flipped.db", DamagedLogError),
        ("text.db", DamagedLogError),
        ("foreign.db", FormatError),
        ("missing.db", UsageError),
    ):
        with pytest.raises(error):
            await backup.restore(tmp_path, tmp_path / name, _quiet, CLOCK)
    assert _files(tmp_path) == before


async def test_a_backup_is_not_written_over_a_file(tmp_path: Path) -> None:
    log = await open_log(tmp_path, CLOCK)
    await log.close()
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(UsageError, match="exists"):
        await backup.backup(tmp_path, tmp_path / "copy.db", _quiet)
    with pytest.raises(UsageError, match="no such folder"):
        await backup.backup(tmp_path, tmp_path / "missing" / "copy.db", _quiet)
    assert (tmp_path / "copy.db").read_text() == "precious"


_KILLED_BACKUP = """
import asyncio, os, signal, sys
from pathlib import Path
from eventlog import backup
def die(done, total):
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(backup.backup(Path(sys.argv[1]), Path(sys.argv[2]), die))
"""


async def test_a_kill_in_the_middle_leaves_no_half_file(tmp_path: Path) -> None:
    log = await open_log(tmp_path / "data", CLOCK)
    await log.append(ticks(1_000))
    await log.close()
    target = tmp_path / "copy.db"
    command = [sys.executable, "-c", _KILLED_BACKUP, str(tmp_path / "data"), str(target)]
    killed = await asyncio.to_thread(subprocess.run, command, check=False, cwd=Path(__file__).parents[2])
    assert killed.returncode == -9
    assert not target.exists()
    await backup.backup(tmp_path / "data", target, _quiet)
    assert target.exists()
