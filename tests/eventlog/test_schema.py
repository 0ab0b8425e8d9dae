"""The file format: what it refuses, what it allows, and that every format ever written still opens."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventlog import database, events, reader, schema, verify
from eventlog.clock import ManualClock
from eventlog.errors import FormatError
from eventlog.events import StoredEvent
from eventlog.log import open_log
from tests.eventlog.ticks import NOW_US, ticks

FORMATS = Path(__file__).parents[1] / "data" / "formats"


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    log = await open_log(tmp_path, ManualClock(NOW_US))
    await log.append(ticks(5))
    await log.close()
    return tmp_path / "events.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(path, isolation_level=None)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET payload = '{}' WHERE seq = 1",
        "UPDATE events SET seq = 99 WHERE seq = 1",
        "DELETE FROM events",
        "DELETE FROM events WHERE seq = 5",
        "DELETE FROM pruned",
        "UPDATE pruned SET through_seq = -1",
        "UPDATE pruned SET id = 2",
        "INSERT INTO pruned VALUES (2, 5, 0)",
        "INSERT INTO events SELECT NULL, kind, ticker, ts_us, recorded_us, payload, crc FROM events WHERE seq = 3",
        "INSERT INTO events VALUES (NULL, 'x', 'Q', 'noon', 1, '{}', 0)",
        "INSERT INTO losses VALUES (5, 5, 0)",
    ],
)
def test_refused_by_the_file_itself(connection: sqlite3.Connection, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    assert connection.execute("SELECT count(*) FROM events").fetchone() == (5,)


def test_other_kinds_may_share_a_time(connection: sqlite3.Connection) -> None:
    for _ in range(2):
        connection.execute("INSERT INTO events VALUES (NULL, 'equity_quote', 'QQQ', 1, 1, '{}', 0)")


def test_a_step_and_its_record_share_one_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    database.configure_writer(opened, "FULL")
    schema.prepare(opened)
    broken = (*schema.STEPS, ("CREATE TABLE half (x)", "CREATE TABLE half (x)"))
    monkeypatch.setattr(schema, "STEPS", broken)
    monkeypatch.setattr(schema, "VERSION", len(broken))
    with pytest.raises(sqlite3.OperationalError):
        schema.prepare(opened)
    assert opened.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").fetchone() == (0,)
    assert schema.check(opened) == len(broken) - 1
    opened.close()


def test_a_newer_format_is_refused_with_a_message(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    with pytest.raises(FormatError, match="install the newer ticktape"):
        schema.check(connection)


def test_there_is_a_file_of_every_format() -> None:
    names = {path.name for path in FORMATS.glob("events_v*.db")}
    assert names == {f"events_v{number}.db" for number in range(1, schema.VERSION + 1)}


def _stored(seq: int, kind: str, ticker: str, ts_us: int, recorded_us: int, payload: str) -> StoredEvent:
    return StoredEvent(seq, kind, ticker, ts_us, recorded_us, payload.encode())


@pytest.mark.parametrize("path_of_format", sorted(FORMATS.glob("events_v*.db")), ids=lambda path: path.stem)
async def test_every_format_ever_written_opens(tmp_path: Path, path_of_format: Path) -> None:
    before = sqlite3.connect(f"file:{path_of_format}?immutable=1", uri=True)
    rows = before.execute("SELECT seq, kind, ticker, ts_us, recorded_us, payload FROM events").fetchall()
    before.close()
    shutil.copy(path_of_format, tmp_path / "events.db")
    log = await open_log(tmp_path, ManualClock(NOW_US))
    page = await log.read(0, 1_000)
    assert page.events == [_stored(*row) for row in rows]
    assert len(rows) == 28
    assert all(events.decode(event) is not None for event in page.events)
    assert (await verify.verify(log._reader.database, lambda done, total: None)).is_sound
    await log.start_recording("next")
    assert log.head == 30, "the run before has no stop: a gap follows the start"
    await log.close()
    after = sqlite3.connect(tmp_path / "events.db")
    assert after.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
    assert after.execute("SELECT count(*) FROM losses").fetchone() == (0,)
    after.close()


async def test_an_older_format_is_read_without_being_migrated(tmp_path: Path) -> None:
    shutil.copy(FORMATS / "events_v1.db", tmp_path / "events.db")
    log_reader = await reader.open_log_reader(tmp_path)
    assert (await verify.verify(log_reader.database, lambda done, total: None)).is_sound
    assert len((await log_reader.read(0, 100)).events) == 28
    await log_reader.close()


async def test_a_kind_of_a_newer_version_is_kept_and_passed_over(path: Path) -> None:
    stored = StoredEvent(0, "dark_pool_print", "QQQ", NOW_US, NOW_US, b'{"venue":"X"}')
    log = await open_log(path.parent, ManualClock(NOW_US))
    await log.append_stored([stored])
    (event,) = (await log.read(5, 10)).events
    await log.close()
    assert (event.kind, event.payload) == (stored.kind, stored.payload)
    assert events.decode(event) is None
