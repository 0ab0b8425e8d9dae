"""Export and import are inverse; what is written is readable by others; nothing half-made is left behind."""

import csv
import errno
import json
import os
import shutil
from pathlib import Path

import pyarrow.dataset
import pytest

from eventlog import columns, durable, export, imports, retention
from eventlog.clock import ManualClock
from eventlog.errors import CorruptEventError, UsageError
from eventlog.events import EquityTick, Event, FeedGap, StoredEvent, decode
from eventlog.log import EventLog, open_log
from tests.eventlog.ticks import NOW_US, OPEN_US, tick, ticks

TAPE = Path(__file__).parents[1] / "data" / "aapl_2012-06-21_open.csv"
DAY_US = 86_400_000_000
CLOCK = ManualClock(NOW_US + 5 * DAY_US)


def _quiet(done: int, total: int | None) -> None:
    pass


async def _fill(directory: Path) -> EventLog:
    """Three tickers interleaved over three days, a gap, a kind of a newer version, an odd ticker."""
    log = await open_log(directory, CLOCK)
    for day in range(3):
        for number in range(20):
            batch = [
                Event(ticker, OPEN_US + day * DAY_US + number * 1000, tick(number).payload)
                for ticker in ("QQQ", "BRK/B")
            ]
            await log.append(batch)
        await log.append([Event("", OPEN_US + day * DAY_US, FeedGap(OPEN_US, OPEN_US + 1, "test"))])
    await log.append_stored([StoredEvent(0, "new_kind", "QQQ", OPEN_US, NOW_US, b'{"x":"\xc3\xa9"}')])
    return log


@pytest.mark.parametrize("form", ["parquet", "csv"])
async def test_import_is_the_inverse_of_export(tmp_path: Path, form: columns.Format) -> None:
    log = await _fill(tmp_path / "a")
    exported = await export.export(tmp_path / "a", tmp_path / "out", form, export.Selection(), _quiet)
    assert (exported.events, exported.through_seq) == (124, 124)
    copy = await open_log(tmp_path / "b", CLOCK)
    assert await imports.import_export(copy, tmp_path / "out", _quiet) == imports.Imported(124, 0)
    assert (await copy.read(0, 1_000)).events == (await log.read(0, 1_000)).events
    assert await imports.import_export(copy, tmp_path / "out", _quiet) == imports.Imported(0, 124)
    await copy.close()
    await log.close()


async def test_parquet_is_read_as_hive_folders(tmp_path: Path) -> None:
    log = await _fill(tmp_path / "a")
    await log.close()
    only_ticks = export.Selection(kinds={"equity_tick"})
    await export.export(tmp_path / "a", tmp_path / "out", "parquet", only_ticks, _quiet)
    table = pyarrow.dataset.dataset(tmp_path / "out", partitioning="hive", exclude_invalid_files=False).to_table()
    assert table.num_rows == 120
    assert set(table.column("day").to_pylist()) == {"2026-07-20", "2026-07-21", "2026-07-22"}
    assert set(table.column("ticker").to_pylist()) == {"QQQ", "BRK/B"}
    assert sum(table.column("volume").to_pylist()) == 120 * 100
    assert {name for name in table.column_names if name not in ("day", "ticker")} == set(columns.NAMES)


async def test_a_selection(tmp_path: Path) -> None:
    log = await _fill(tmp_path / "a")
    await log.close()
    chosen = export.Selection(tickers={"QQQ"}, since_us=OPEN_US + DAY_US, until_us=OPEN_US + 2 * DAY_US)
    result = await export.export(tmp_path / "a", tmp_path / "out", "csv", chosen, _quiet)
    assert (result.events, result.files) == (20, 1)
    (path,) = (tmp_path / "out").glob("day=*/ticker=*/*")
    assert path.relative_to(tmp_path / "out").as_posix() == "day=2026-07-21/ticker=QQQ/part-0.csv"
    with path.open() as file:
        first = next(csv.DictReader(file))
    assert first["time"] == "2026-07-21T13:30:00.000000Z"
    assert json.loads(first["payload"])["price"] == float(first["price"])
    with pytest.raises(UsageError, match="a selection only"):
        export.exported_through(tmp_path / "out")


async def test_many_partitions_do_not_hold_many_files_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "_MOST_OPEN_FILES", 2)
    log = await open_log(tmp_path / "a", CLOCK)
    for number in range(5):
        await log.append([tick(number, ticker) for ticker in ("A", "B", "C", "D")])
    result = await export.export(tmp_path / "a", tmp_path / "out", "csv", export.Selection(), _quiet)
    assert result.files == 20
    copy = await open_log(tmp_path / "b", CLOCK)
    await imports.import_export(copy, tmp_path / "out", _quiet)
    assert (await copy.read(0, 100)).events == (await log.read(0, 100)).events
    await copy.close()
    await log.close()


async def test_a_failed_export_leaves_nothing(tmp_path: Path) -> None:
    log = await open_log(tmp_path / "a", CLOCK)
    await log.append(ticks(100))
    await log.close()
    path = tmp_path / "a" / "events.db"
    path.write_bytes(path.read_bytes().replace(b'"total_volume":5000,', b'"total_volume":5001,'))
    with pytest.raises(CorruptEventError):
        await export.export(tmp_path / "a", tmp_path / "out", "parquet", export.Selection(), _quiet)
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("precious")
    with pytest.raises(UsageError, match="not an empty folder"):
        await export.export(tmp_path / "a", tmp_path / "out", "parquet", export.Selection(), _quiet)


async def test_the_export_that_was_asked_for_bounds_retention(tmp_path: Path) -> None:
    log = await open_log(tmp_path / "a", CLOCK)
    await log.append(ticks(100))
    await export.export(tmp_path / "a", tmp_path / "out", "csv", export.Selection(), _quiet)
    await log.append(ticks(100, first=100))
    through = export.exported_through(tmp_path / "out")
    pruned = await log.prune(CLOCK.now_us() + 1, {"the export": through})
    assert isinstance(pruned, retention.Pruned)
    assert (pruned.through_seq, pruned.held_by) == (100, "the export")
    await log.close()


async def test_an_export_that_lacks_a_file_vouches_for_nothing(tmp_path: Path) -> None:
    log = await _fill(tmp_path / "a")
    await log.close()
    out = tmp_path / "out"
    await export.export(tmp_path / "a", out, "csv", export.Selection(), _quiet)
    assert export.exported_through(out) == 124
    path = sorted(out.glob("day=*/ticker=*/*"))[1]
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(UsageError, match=f"{path.name} is missing or was changed"):
        export.exported_through(out)
    path.write_bytes(content)
    assert export.exported_through(out) == 124
    shutil.rmtree(path.parent.parent)
    with pytest.raises(UsageError, match="is missing or was changed"):
        export.exported_through(out)


@pytest.mark.parametrize("text", ["[]", "", '{"events": 1}', '{"events":5,"through_seq":5,"is_everything":true}'])
async def test_a_manifest_that_names_no_files_vouches_for_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "_ticktape.json").write_text(text)
    with pytest.raises(UsageError):
        export.exported_through(tmp_path)


async def test_the_manifest_comes_last_and_all_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = await _fill(tmp_path / "a")
    await log.close()
    out = tmp_path / "out"
    synced: list[str] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_relative_to(out):
            synced.append(path.relative_to(out).as_posix())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    await export.export(tmp_path / "a", out, "csv", export.Selection(), _quiet)
    files = {path.relative_to(out).as_posix() for path in out.glob("day=*/ticker=*/*")}
    folders = {path.relative_to(out).as_posix() for path in [*out.glob("day=*"), *out.glob("day=*/ticker=*")]}
    assert {f"{name}.partial" for name in files} | folders <= set(synced)
    assert synced[-2:] == ["_ticktape.json.partial", "."]


async def test_an_export_that_the_disk_refuses_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = await _fill(tmp_path / "a")
    await log.close()

    sync = durable.sync

    def refuse(path: Path) -> None:
        if path == tmp_path / "out":
            raise OSError(errno.EIO, "no")
        sync(path)

    monkeypatch.setattr(durable, "sync", refuse)
    with pytest.raises(OSError, match="no"):
        await export.export(tmp_path / "a", tmp_path / "out", "csv", export.Selection(), _quiet)
    assert not (tmp_path / "out").exists()


async def test_a_tape_comes_in_with_its_ticks_one_microsecond_apart(tmp_path: Path) -> None:
    log = await open_log(tmp_path, CLOCK)
    assert await imports.import_tape(log, TAPE, "AAPL", _quiet, CLOCK) == imports.Imported(159, 0)
    page = await log.read(0, 1_000)
    payloads = [decode(event) for event in page.events]
    with TAPE.open() as file:
        rows = list(csv.DictReader(file))
    assert [payload.price for payload in payloads if isinstance(payload, EquityTick)] == [
        float(row["price"]) for row in rows
    ]
    last = payloads[-1]
    assert isinstance(last, EquityTick)
    assert last.total_volume == sum(int(row["size"]) for row in rows)
    times = [event.ts_us for event in page.events]
    assert times == sorted(set(times))
    assert await imports.import_tape(log, TAPE, "AAPL", _quiet, CLOCK) == imports.Imported(0, 159)
    await log.close()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", "names the columns time, price and size"),
        ("time,price,size\nnoon,1,2\n", "line 2"),
        ("time,price,size\n2026-07-20T13:30:00Z,1,2\n2026-07-20T13:31:00Z,many,2\n", "line 3"),
        ("time,price,size\n2026-07-20T13:30:00Z,-1,2\n", "price=-1.0 refused"),
        ("time,price,size\n2026-07-20T13:30:00Z,nan,2\n", "line 2: price nan"),
        ("time,price,size\n0001-01-01T00:00:00,1,2\n", "tape.csv, line 2: .* a time before 1990"),
        ("time,price,size\n2026-07-20T13:30:00Z,1,2\n9999-12-31T23:59:59-12:00,1,2\n", "tape.csv, line 3: .* future"),
        ("time,price,size\n2026-07-20T13:30:00Z,1,99999999999999999999999\n", "line 2: size 9"),
        (b"\x1f\x8b\x08\xff\xfe", "tape.csv, line 1: not CSV in UTF-8"),
        (b"time,price,size\n" + b"2026-07-20T13:30:00Z,1,2\n" * 9 + b"\xff,1,2\n", "tape.csv, line 11: not CSV in"),
        (b'time,price,size\n2026-07-20T13:30:00Z,1,"' + b"2" * 200_000 + b'"\n', "tape.csv, line 2: not CSV in"),
    ],
)
async def test_a_bad_tape_is_named_to_the_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    tape = tmp_path / "tape.csv"
    tape.write_bytes(content if isinstance(content, bytes) else content.encode())
    log = await open_log(tmp_path / "a", CLOCK)
    with pytest.raises(UsageError, match=message):
        await imports.import_tape(log, tape, "AAPL", _quiet, CLOCK)
    assert log.head == 0
    await log.close()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b"1,equity_tick,1,1,1,{\xff}\n", "part-0.csv, line 2: not CSV in UTF-8"),
        (b"1,equity_tick,-99999999999999999999,1,1,{}\n", "part-0.csv, row 1: not an exported event"),
        (b"1,equity_tick,-5,99999999999999999999,1,{}\n", "part-0.csv, row 1: not an exported event"),
    ],
)
async def test_a_bad_row_of_an_export_is_named(tmp_path: Path, row: bytes, message: str) -> None:
    folder = tmp_path / "out" / "day=2026-07-20" / "ticker=QQQ"
    folder.mkdir(parents=True)
    (folder / "part-0.csv").write_bytes(b"seq,kind,ts_us,recorded_us,volume,payload\n" + row)
    log = await open_log(tmp_path / "a", CLOCK)
    with pytest.raises(UsageError, match=message):
        await imports.import_export(log, tmp_path / "out", _quiet)
    assert log.head == 0
    await log.close()


async def test_older_history_is_refused_where_newer_is_on_record(tmp_path: Path) -> None:
    log = await open_log(tmp_path, CLOCK)
    await log.append([tick(0, "AAPL")])
    with pytest.raises(UsageError, match="import older history into an empty DATA_DIR"):
        await imports.import_tape(log, TAPE, "AAPL", _quiet, CLOCK)
    assert log.head == 1
    await log.close()
