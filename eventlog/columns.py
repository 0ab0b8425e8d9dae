"""The columns of exported files, and the doors to pyarrow and csv: one writer and one reader for each format.

Exactness lies in `payload`, the JSON as recorded; `time`, `price` and `volume` are there for convenience.
"""

import csv
import datetime
import struct
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from eventlog import codec
from eventlog.errors import UsageError
from eventlog.events import StoredEvent

Format = Literal["parquet", "csv"]
NAMES = ("seq", "kind", "time", "price", "volume", "ts_us", "recorded_us", "payload")
_ROWS_PER_READ = 5_000
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Writer(Protocol):
    """A file of events of one day and ticker."""

    def write(self, events: Sequence[StoredEvent]) -> None: ...

    def close(self) -> None: ...


class _Shown(msgspec.Struct):
    """What of a payload has a column of its own."""

    price: float | None = None
    volume: int | None = None


_shown = msgspec.json.Decoder(_Shown)


def open_writer(path: Path, form: Format) -> Writer:
    """A new file at `path`."""
    return _ParquetWriter(path) if form == "parquet" else _CsvWriter(path)


def read(path: Path, ticker: str) -> Iterator[StoredEvent]:
    """The events of an exported file, in its order. Raises UsageError for a file that is not one."""
    rows = _parquet_rows(path) if path.suffix == ".parquet" else _csv_rows(path)
    for number, row in enumerate(rows, start=1):
        try:
            seq, kind, ts_us, recorded_us, payload = row
            event = StoredEvent(int(seq), kind, ticker, int(ts_us), int(recorded_us), payload.encode())
            codec.event_crc(event)
        except (TypeError, ValueError, AttributeError, struct.error) as error:
            raise UsageError(f"{path}, row {number}: not an exported event ({error})") from error
        yield event


def require_pyarrow() -> Any:
    """pyarrow.parquet, an optional extra. Raises UsageError when it is missing."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError("parquet needs pyarrow: pip install 'ticktape[export]', or use --format csv") from error
    return pyarrow.parquet


class _CsvWriter:
    def __init__(self, path: Path) -> None:
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file)
        self._writer.writerow(NAMES)

    def write(self, events: Sequence[StoredEvent]) -> None:
        for event in events:
            shown = _show(event)
            time = (_EPOCH + datetime.timedelta(microseconds=event.ts_us)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            payload = event.payload.decode()
            row = (event.seq, event.kind, time, shown.price, shown.volume, event.ts_us, event.recorded_us, payload)
            self._writer.writerow(row)

    def close(self) -> None:
        self._file.close()


class _ParquetWriter:
    def __init__(self, path: Path) -> None:
        parquet = require_pyarrow()
        import pyarrow

        self._pyarrow = pyarrow
        types = (
            pyarrow.int64(),
            pyarrow.string(),
            pyarrow.timestamp("us", tz="UTC"),
            pyarrow.float64(),
            pyarrow.int64(),
            pyarrow.int64(),
            pyarrow.int64(),
            pyarrow.string(),
        )
        self._schema = pyarrow.schema(list(zip(NAMES, types, strict=True)))
        self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")

    def write(self, events: Sequence[StoredEvent]) -> None:
        shown = [_show(event) for event in events]
        times = [event.ts_us for event in events]
        columns = [
            [event.seq for event in events],
            [event.kind for event in events],
            times,
            [one.price for one in shown],
            [one.volume for one in shown],
            times,
            [event.recorded_us for event in events],
            [event.payload.decode() for event in events],
        ]
        arrays = [self._pyarrow.array(data, field.type) for data, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(self._pyarrow.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


def _show(event: StoredEvent) -> _Shown:
    try:
        return _shown.decode(event.payload)
    except msgspec.MsgspecError:
        return _Shown()


_STORED = ("seq", "kind", "ts_us", "recorded_us", "payload")


def _parquet_rows(path: Path) -> Iterator[tuple[Any, ...]]:
    parquet = require_pyarrow()
    import pyarrow

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_ROWS_PER_READ, columns=list(_STORED)):
                yield from zip(*(batch.column(name).to_pylist() for name in _STORED), strict=True)
    except (pyarrow.ArrowException, KeyError, OSError) as error:
        raise UsageError(f"{path}: not an exported file ({error})") from error


def _csv_rows(path: Path) -> Iterator[tuple[Any, ...]]:
    for _, row in csv_lines(path, _STORED, f"its first line must name the columns {', '.join(_STORED)}"):
        yield tuple(row[name] for name in _STORED)


def csv_lines(path: Path, names: Collection[str], refusal: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file that has the columns `names`, each with its line number.

    Raises UsageError, saying `refusal` when it lacks one of them, and the line for what is not text.
    """
    with path.open("rb") as file:
        # Decoded line by line, so that the error is the line's: a text file decodes in blocks.
        rows = csv.DictReader(line.decode() for line in file)
        try:
            if not set(names) <= set(rows.fieldnames or ()):
                raise UsageError(f"{path}: {refusal}")
            for row in rows:
                yield rows.line_num, row
        except (UnicodeDecodeError, csv.Error) as error:
            raise UsageError(f"{path}, line {rows.line_num + 1}: not CSV in UTF-8 ({error})") from error
