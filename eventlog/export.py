"""A log as files for DuckDB, Polars, Spark or a spreadsheet: day=YYYY-MM-DD/ticker=SYMBOL/part-N.parquet (Hive).

The day is the ET calendar day of the event. Facts about the whole recording have no ticker and stand under
ticker=_recording. Within a file events are in seq order. Files get their names at the end, all of them or none.
"""

import contextlib
import urllib.parse
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from eventlog import columns, durable, manifest, reader, retention
from eventlog.errors import TicktapeError, UsageError
from eventlog.events import StoredEvent
from market import calendar

RECORDING = "_recording"
_PAGE_EVENTS = 5_000
_MOST_OPEN_FILES = 128
_PARTIAL = ".partial"
_NO_END_US = 2**62

Partition = tuple[str, str]
"""Day and ticker."""


@dataclass(frozen=True)
class Selection:
    """Which events to export; a `kinds` or `tickers` that is empty means all. since_us <= ts_us < until_us."""

    kinds: Collection[str] = ()
    tickers: Collection[str] = ()
    since_us: int = 0
    until_us: int = _NO_END_US

    def takes(self, event: StoredEvent) -> bool:
        return (
            self.since_us <= event.ts_us < self.until_us
            and (not self.kinds or event.kind in self.kinds)
            and (not self.tickers or event.ticker in self.tickers)
        )

    @property
    def is_everything(self) -> bool:
        return not self.kinds and not self.tickers and self.since_us == 0 and self.until_us == _NO_END_US


@dataclass(frozen=True)
class Exported:
    """`through_seq` is the log's head when the export began; everything selected up to it is in the files."""

    events: int
    files: int
    through_seq: int


async def export(
    data_dir: Path,
    target: Path,
    form: columns.Format,
    selection: Selection,
    progress: Callable[[int, int | None], None],
) -> Exported:
    """Write the selected events of the log to the folder `target`; the service may be running.

    Raises UsageError when pyarrow is missing or `target` holds an export already, CorruptEventError.
    """
    if form == "parquet":
        columns.require_pyarrow()
    source = await reader.open_log_reader(data_dir)
    try:
        with retention.export_running(data_dir), _files(target, form) as files:
            head = await source.head()
            after = 0
            while after < head:
                page = await source.read(after, min(_PAGE_EVENTS, head - after))
                if not page.events:
                    break
                for event in page.events:
                    if event.seq <= head and selection.takes(event):
                        files.add(event)
                after = page.through_seq
                progress(after, head)
            files.publish()
            sizes = files.sizes()
            manifest.write(target, manifest.Manifest(files.events, head, selection.is_everything, sizes))
        return Exported(files.events, len(sizes), head)
    finally:
        await source.close()


def exported_through(target: Path) -> int:
    """The seq up to which the export in `target` holds the whole log. Raises UsageError when it is not whole."""
    found = manifest.read(target)
    if not found.is_everything:
        raise UsageError(f"{target} holds a selection only: export everything before pruning on its account")
    return found.through_seq


def partition(event: StoredEvent) -> Partition:
    """The day and the ticker of an event's file."""
    return calendar.trading_day(event.ts_us).isoformat(), event.ticker or RECORDING


@contextlib.contextmanager
def _files(target: Path, form: columns.Format) -> Iterator["_Files"]:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} exists and is not an empty folder: choose another one for the export")
    is_new = not target.exists()
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = _Files(target, form)
    try:
        yield files
    except BaseException:
        files.discard()
        if is_new:
            target.rmdir()
        raise


@dataclass
class _Open:
    path: Path
    writer: columns.Writer
    waiting: list[StoredEvent] = field(default_factory=list)


class _Files:
    """The files being written; at most `_MOST_OPEN_FILES` are open, the one idle longest is ended first."""

    def __init__(self, target: Path, form: columns.Format) -> None:
        self._target = target
        self._format = form
        self._open: OrderedDict[Partition, _Open] = OrderedDict()
        self._written: list[Path] = []
        self.events = 0

    def add(self, event: StoredEvent) -> None:
        key = partition(event)
        file = self._open.get(key)
        if file is None:
            file = self._create(key)
        self._open.move_to_end(key)
        file.waiting.append(event)
        self.events += 1
        if len(file.waiting) >= _PAGE_EVENTS:
            _flush(file)

    def publish(self) -> None:
        """End every file and give each its name; then all of them are on the disk."""
        while self._open:
            self._end_oldest()
        for path in self._written:
            path.rename(_final(path))
        folders = {path.parent for path in self._written}
        for folder in sorted(folders | {folder.parent for folder in folders}):
            durable.sync(folder)

    def sizes(self) -> dict[str, int]:
        """The size of each published file, by its name below the target."""
        published = [_final(path) for path in self._written]
        return {path.relative_to(self._target).as_posix(): path.stat().st_size for path in published}

    def discard(self) -> None:
        """Leave nothing behind, the folders included."""
        manifest.discard(self._target)
        for file in self._open.values():
            with contextlib.suppress(OSError, TicktapeError, ValueError):
                file.writer.close()
        for path in [*self._written, *(file.path for file in self._open.values())]:
            path.unlink(missing_ok=True)
            _final(path).unlink(missing_ok=True)
        for folder in sorted(self._target.glob("day=*/ticker=*")) + sorted(self._target.glob("day=*")):
            folder.rmdir()

    def _create(self, key: Partition) -> _Open:
        if len(self._open) >= _MOST_OPEN_FILES:
            self._end_oldest()
        day, ticker = key
        folder = self._target / f"day={day}" / f"ticker={urllib.parse.quote(ticker, safe='')}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = sum(1 for path in self._written if path.parent == folder)
        path = folder / f"part-{number}.{self._format}{_PARTIAL}"
        file = _Open(path, columns.open_writer(path, self._format))
        self._open[key] = file
        return file

    def _end_oldest(self) -> None:
        _, file = self._open.popitem(last=False)
        self._written.append(file.path)
        _flush(file)
        file.writer.close()
        durable.sync(file.path)


def _final(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(_PARTIAL))


def _flush(file: _Open) -> None:
    if file.waiting:
        file.writer.write(file.waiting)
        file.waiting = []
