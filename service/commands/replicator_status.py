"""`ticktape status`: how far each table is, and how long it will take."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import rich.console
import rich.progress
import typer

from eventlog import clock, database, reader
from eventlog.database import Database
from eventlog.errors import UsageError
from replicator import report
from replicator.report import TableReport
from service import options
from service import settings as settings_module
from service.commands import log_show

_SAMPLE_SECONDS = 1.0


@dataclass(frozen=True)
class Line:
    """A table now, and how fast it shrinks: rows delivered a second since the sample before."""

    table: TableReport
    rows_per_second: float

    @property
    def seconds_to_go(self) -> float | None:
        """None when nothing moves."""
        if not self.table.unsent:
            return 0.0
        return self.table.unsent / self.rows_per_second if self.rows_per_second > 0 else None

    def values(self) -> dict[str, Any]:
        """For machines."""
        moving = {"rows_per_second": round(self.rows_per_second, 1), "seconds_to_go": self.seconds_to_go}
        return {**msgspec.to_builtins(self.table), **moving}


def status(
    watch: Annotated[bool, typer.Option("--watch", help="Show a progress bar until nothing is unsent.")] = False,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> int:
    """What the destination has, table by table. Example: ticktape status --watch."""
    directory = settings_module.load(data_dir=data_dir).data_dir
    lines = asyncio.run(_watch(directory) if watch and not as_json else _sample(directory))
    if as_json:
        print(msgspec.json.encode([line.values() for line in lines]).decode())
    else:
        print("\n".join(map(_text, lines)) or "nothing was ever shipped from here")
    return 0


def state_path(directory: Path) -> Path:
    """state.db. Raises UsageError when there is none."""
    path = directory / "state.db"
    if not path.is_file():
        raise UsageError(f"there is no state.db in {directory}; set DATA_DIR or give --data-dir")
    return path


@contextlib.asynccontextmanager
async def _opened(directory: Path) -> AsyncIterator[tuple[Database, Database]]:
    log = await reader.open_log_reader(directory)
    try:
        state = await database.open_reader(state_path(directory))
        try:
            yield log.database, state
        finally:
            await state.close()
    finally:
        await log.close()


async def _read(log: Database, state: Database) -> list[TableReport]:
    return [line for name in await report.destinations(state) for line in await report.read(log, state, name)]


async def _sample(directory: Path) -> list[Line]:
    """Two looks a second apart when something is unsent, so that the rate is the present one."""
    async with _opened(directory) as (log, state):
        before = await _read(log, state)
        if not any(table.unsent for table in before):
            return [Line(table, 0.0) for table in before]
        began = time.monotonic()
        await asyncio.sleep(_SAMPLE_SECONDS)
        return _compared(before, await _read(log, state), time.monotonic() - began)


def _compared(before: list[TableReport], after: list[TableReport], seconds: float) -> list[Line]:
    delivered = {(table.destination, table.table): table.delivered for table in before}
    return [
        Line(table, (table.delivered - delivered.get((table.destination, table.table), 0)) / seconds) for table in after
    ]


async def _watch(directory: Path) -> list[Line]:
    """Draw until nothing is unsent."""
    async with _opened(directory) as (log, state):
        lines = [Line(table, 0.0) for table in await _read(log, state)]
        with _bars() as shown:
            tasks: dict[tuple[str, str], rich.progress.TaskID] = {}
            while any(line.table.unsent for line in lines):
                for line in lines:
                    key = (line.table.destination, line.table.table)
                    if key not in tasks:
                        tasks[key] = shown.add_task(line.table.table)
                    total = line.table.delivered + line.table.unsent
                    shown.update(tasks[key], completed=line.table.delivered, total=total)
                began = time.monotonic()
                await asyncio.sleep(_SAMPLE_SECONDS)
                lines = _compared([line.table for line in lines], await _read(log, state), time.monotonic() - began)
    return lines


@contextlib.contextmanager
def _bars() -> Iterator[rich.progress.Progress]:
    columns = (
        rich.progress.TextColumn("{task.description:<18}"),
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeRemainingColumn(),
    )
    with rich.progress.Progress(*columns, console=rich.console.Console(stderr=True), transient=True) as shown:
        yield shown


def _text(line: Line) -> str:
    table = line.table
    parts = [f"{table.table:<18} {table.state:<9} {table.delivered:>10} delivered {table.unsent:>9} unsent"]
    if table.oldest_unsent_us is not None:
        age_seconds = max(0.0, (clock.SystemClock().now_us() - table.oldest_unsent_us) / 1_000_000)
        parts.append(f"oldest {log_show.iso(table.oldest_unsent_us)} ({age_seconds:,.0f} s ago)")
        parts.append(f"{line.rows_per_second:,.0f} rows/s")
        parts.append("not moving" if line.seconds_to_go is None else f"{line.seconds_to_go:,.0f} s to go")
    if table.dead_letters:
        parts.append(f"{table.dead_letters} dead letters")
    if table.last_error:
        parts.append(table.last_error)
    return f"{', '.join(parts)}  [{table.destination}]"
