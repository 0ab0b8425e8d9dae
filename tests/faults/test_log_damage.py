"""Flipped bits, a lost WAL, a foreign file: never a wrong event, never in silence."""

import random
import shutil
import sqlite3
import struct
from pathlib import Path
from typing import cast

import pytest

from eventlog import backup, codec, events, queries, reader, verify
from eventlog.clock import ManualClock
from eventlog.errors import CorruptEventError, DamagedLogError, FormatError, LostEventsError, TicktapeError, UsageError
from eventlog.events import StoredEvent
from eventlog.log import open_log
from tests.eventlog.ticks import NOW_US, tick, ticks

CLOCK = ManualClock(NOW_US)


async def _make(directory: Path, count: int) -> None:
    log = await open_log(directory, CLOCK)
    await log.append(ticks(count))
    await log.close()


def _read(path: Path) -> list[StoredEvent]:
    """All events, as the log reads them."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        codec.use_bytes(connection)
        found: list[StoredEvent] = []
        while page := queries.page(connection, codec.RowDecoder(), len(found), 100, None).events:
            found += page
        return found
    finally:
        connection.close()


async def test_a_thousand_flipped_bytes(tmp_path: Path) -> None:
    await _make(tmp_path, 400)
    path = tmp_path / "events.db"
    whole = path.read_bytes()
    sound = _read(path)
    assert len(sound) == 400
    payloads = [(whole.index(event.payload), len(event.payload)) for event in sound]
    in_payload = {offset for start, length in payloads for offset in range(start, start + length)}
    seed = 11
    print(f"seed {seed}")
    randomness = random.Random(seed)
    caught = 0
    for number in range(1_000):
        offset = randomness.choice(sorted(in_payload)) if number % 2 else randomness.randrange(len(whole))
        flipped = whole[offset] ^ (1 << randomness.randrange(8))
        path.write_bytes(whole[:offset] + bytes([flipped]) + whole[offset + 1 :])
        try:
            assert _read(path) == sound, f"byte {offset}: other events, and no error"
            assert offset not in in_payload
        except (CorruptEventError, sqlite3.DatabaseError) as error:
            caught += 1
            assert offset not in in_payload or isinstance(error, CorruptEventError)
    assert caught > 500


async def test_a_corrupt_event_stops_the_reader_and_is_named(tmp_path: Path) -> None:
    await _make(tmp_path, 50)
    path = tmp_path / "events.db"
    _damage(path, tick(29).payload)
    log = await reader.open_log_reader(tmp_path)
    try:
        assert len((await log.read(0, 29)).events) == 29
        with pytest.raises(CorruptEventError, match="event 30 is corrupt") as caught:
            await log.read(0, 100)
        assert caught.value.seq == 30
        with pytest.raises(CorruptEventError, match="event 30"):
            await log.read_range("QQQ", 0, 2**62)
        result = await verify.verify(log.database, lambda done, total: None)
    finally:
        await log.close()
    assert len(result.findings) == 1
    assert "event 30" in result.findings[0]
    with pytest.raises(CorruptEventError):
        await open_log(tmp_path, CLOCK)


def _index_entry(content: bytearray, event: StoredEvent) -> int:
    """Where the index of ticks keeps the key of an event whose seq has one byte."""
    found = content.index(b"QQQ" + struct.pack(">qB", event.ts_us, event.seq))
    assert content.count(b"QQQ" + struct.pack(">qB", event.ts_us, event.seq)) == 1
    return found


@pytest.mark.parametrize("seq", [40, 100])
@pytest.mark.parametrize("byte", range(12))
async def test_a_flipped_bit_in_the_index_of_ticks_refuses_no_tick(tmp_path: Path, seq: int, byte: int) -> None:
    """Each byte of an entry: ticker, time, seq; in the middle and at the end."""
    await _make(tmp_path, 100)
    path = tmp_path / "events.db"
    content = bytearray(path.read_bytes())
    event = _read(path)[seq - 1]
    content[_index_entry(content, event) + byte] ^= 0x40
    path.write_bytes(content)
    log = await reader.open_log_reader(tmp_path)
    result = await verify.verify(log.database, lambda done, total: None)
    await log.close()
    assert not result.is_sound
    try:
        opened = await open_log(tmp_path, CLOCK)
    except (CorruptEventError, DamagedLogError):
        return
    assert await opened.append(ticks(1, first=100)) == range(101, 102)
    await opened.close()


def test_an_index_that_leads_around_ends_the_search() -> None:
    class Round:
        def execute(self, *statement: object) -> "Round":
            return self

        def fetchone(self) -> tuple[bytes]:
            return (b"AAPL",)

    with pytest.raises(DamagedLogError, match="out of order at AAPL"):
        queries.tickers(cast("sqlite3.Connection", Round()))


def _damage(path: Path, payload: object) -> None:
    text = codec.encode_payload(payload)
    content = path.read_bytes()
    assert content.count(text) == 1
    path.write_bytes(content.replace(text, text.replace(b"4", b"5")))


async def test_vanished_events_are_noticed(tmp_path: Path) -> None:
    await _make(tmp_path, 50)
    connection = sqlite3.connect(tmp_path / "events.db")
    connection.execute("DROP TRIGGER events_only_pruned")
    connection.execute("DELETE FROM events WHERE seq IN (20, 50)")
    connection.commit()
    connection.close()
    log = await reader.open_log_reader(tmp_path)
    try:
        with pytest.raises(CorruptEventError, match=r"event 20 is corrupt \(it is missing"):
            await log.read(0, 30)
        with pytest.raises(CorruptEventError, match="event 50"):
            await log.read(40, 30)
        result = await verify.verify(log.database, lambda done, total: None)
    finally:
        await log.close()
    assert [finding[:25] for finding in result.findings] == ["events 20 to 20 are missi", "events 50 to 50 are missi"]


async def _crashed(directory: Path, target: Path) -> None:
    """Copy what a kill would leave: the WAL is not yet in the database."""
    log = await open_log(directory, CLOCK)
    await log.append(ticks(20))
    await log._writer.run(lambda raw: raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())
    await log.append(ticks(30, first=20))
    shutil.copytree(directory, target)
    await log.close()


@pytest.mark.parametrize("kept", [None, 0, 32, 6_000])
async def test_a_missing_or_truncated_wal_is_reported(tmp_path: Path, kept: int | None) -> None:
    await _crashed(tmp_path / "a", tmp_path / "b")
    wal = tmp_path / "b" / "events.db-wal"
    if kept is None:
        wal.unlink()
    else:
        wal.write_bytes(wal.read_bytes()[:kept])
    with pytest.raises(LostEventsError, match="its WAL is missing or truncated") as caught:
        await open_log(tmp_path / "b", CLOCK)
    assert (caught.value.head, caught.value.acknowledged) == (20, 50)


async def test_an_untouched_wal_is_recovered(tmp_path: Path) -> None:
    await _crashed(tmp_path / "a", tmp_path / "b")
    log = await open_log(tmp_path / "b", CLOCK)
    assert log.head == 50
    await log.close()


async def test_a_reader_recovers_what_a_killed_writer_left(tmp_path: Path) -> None:
    await _crashed(tmp_path / "a", tmp_path / "b")
    log = await reader.open_log_reader(tmp_path / "b")
    assert len((await log.read(0, 100)).events) == 50
    await log.close()


async def test_an_accepted_loss_is_on_record_and_no_seq_is_used_again(tmp_path: Path) -> None:
    await _crashed(tmp_path / "a", tmp_path / "b")
    (tmp_path / "b" / "events.db-wal").unlink()
    assert await backup.accept_loss(tmp_path / "b", CLOCK) == (20, 50)
    log = await open_log(tmp_path / "b", CLOCK)
    assert await log.append(ticks(1, first=90)) == range(52, 53)
    page = await log.read(0, 100)
    assert [event.seq for event in page.events] == [*range(1, 21), 51, 52]
    gap = events.decode(page.events[20])
    assert isinstance(gap, events.FeedGap)
    assert gap.reason == "events_lost"
    with pytest.raises(UsageError, match="nothing is lost"):
        await backup.accept_loss(tmp_path / "b", CLOCK)
    result = await verify.verify(log._reader.database, lambda done, total: None)
    assert result.is_sound, result.findings
    await log.close()


async def test_foreign_newer_and_ruined_files_are_refused(tmp_path: Path) -> None:
    for name, statement, error in (
        ("foreign", "CREATE TABLE things (x)", FormatError),
        ("newer", "PRAGMA user_version = 999", FormatError),
    ):
        directory = tmp_path / name
        if name == "newer":
            await _make(directory, 1)
        directory.mkdir(exist_ok=True)
        connection = sqlite3.connect(directory / "events.db")
        connection.execute(statement)
        connection.close()
        before = (directory / "events.db").read_bytes()
        with pytest.raises(error):
            await open_log(directory, CLOCK)
        with pytest.raises(error):
            await reader.open_log_reader(directory)
        assert before == (directory / "events.db").read_bytes(), "a refused file is left as it was"
    ruined = tmp_path / "ruined"
    ruined.mkdir()
    (ruined / "events.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(DamagedLogError):
        await open_log(ruined, CLOCK)
    with pytest.raises(TicktapeError):
        await reader.open_log_reader(ruined)
