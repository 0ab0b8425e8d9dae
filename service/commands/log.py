"""`ticktape log`: look into the event log. All of these only read, whether the service runs or not."""

import asyncio
import contextlib
import dataclasses
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated

import msgspec
import rich.console
import rich.table
import typer

from eventlog import clock as clock_module
from eventlog import ranges, reader, stats, verify
from eventlog.events import StoredEvent
from eventlog.reader import LOG_FILE, LogReader
from market import calendar
from service import options
from service import settings as settings_module
from service.commands import log_change, log_show, progress

app = typer.Typer(help="Look into the event log, copy it, keep it small.", no_args_is_help=True, rich_markup_mode=None)
_PAGE_EVENTS = 1_000
_DAMAGED = 5

Kind = Annotated[list[str] | None, typer.Option("--kind", help="Only this kind, e.g. equity_tick; may be repeated.")]


def register(root: typer.Typer) -> None:
    """Add `log` and its commands."""
    for name, command in (("stats", show_stats), ("tail", tail), ("show", show), ("verify", verify_log)):
        app.command(name)(command)
    log_change.register(app)
    root.add_typer(app, name="log")


def show_stats(data_dir: options.DataDir = None, as_json: options.Json = False) -> int:
    """Events by kind and ticker, sizes, gaps today. Example: ticktape log stats --json."""
    directory = _directory(data_dir)
    now_us = clock_module.SystemClock().now_us()
    today = calendar.session_at(now_us, "all")
    assert today is not None
    collected = asyncio.run(_collect(directory, now_us, (today.open_us, today.close_us)))
    if as_json:
        print(msgspec.json.encode(dataclasses.asdict(collected)).decode())
    else:
        _print_stats(collected)
    return 0


def tail(
    count: Annotated[int, typer.Option("-n", "--count", help="How many events.", min=0, max=100_000)] = 10,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what is appended.")] = False,
    kind: Kind = None,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> int:
    """The last events, and with -f what follows. Example: ticktape log tail -f --kind equity_tick."""
    write = log_show.as_json if as_json else log_show.line
    asyncio.run(_tail(_directory(data_dir), count, follow, kind or None, lambda event: print(write(event), flush=True)))
    return 0


def show(
    ticker: Annotated[str, typer.Option(help="The ticker; empty for facts about the recording.")],
    since: Annotated[
        str, typer.Option(help="From: 2026-11-20, 2026-11-20T14:30:00Z (UTC), or 15m, 2h, 3d ago.")
    ] = "1d",
    until: Annotated[str | None, typer.Option(help="Up to, not included.", show_default="now")] = None,
    kind: Kind = None,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> int:
    """Events of one ticker in time order. Example: ticktape log show --ticker QQQ --since 15m --kind equity_tick."""
    now_us = clock_module.SystemClock().now_us()
    since_us = log_show.parse_time(since, now_us)
    until_us = log_show.parse_time(until, now_us) if until else 2**62
    write = log_show.as_json if as_json else log_show.line
    asyncio.run(
        _show(_directory(data_dir), ticker, (since_us, until_us), kind or None, lambda event: print(write(event)))
    )
    return 0


def verify_log(data_dir: options.DataDir = None, as_json: options.Json = False) -> int:
    """Check every event: CRC, numbering, order, views. Exit code 5 when damaged. Example: ticktape log verify."""
    with progress.bar("verifying") as report:
        result = asyncio.run(_verify(_directory(data_dir), report))
    if as_json:
        print(msgspec.json.encode(log_change.verification(result)).decode())
    else:
        for finding in result.findings:
            print(finding)
        sound = "sound" if result.is_sound else f"{len(result.findings)} findings"
        print(f"{result.events} events, {result.ticks} ticks, seq {result.first_seq} to {result.last_seq}: {sound}")
    return 0 if result.is_sound else _DAMAGED


def _print(line: str) -> None:
    print(line, flush=True)


def _directory(data_dir: Path | None) -> Path:
    return settings_module.load(data_dir=data_dir).data_dir


@contextlib.asynccontextmanager
async def _opened(directory: Path) -> AsyncIterator[LogReader]:
    log_reader = await reader.open_log_reader(directory)
    try:
        yield log_reader
    finally:
        await log_reader.close()


async def _collect(directory: Path, now_us: int, today_us: tuple[int, int]) -> stats.LogStats:
    async with _opened(directory) as log_reader:
        return await log_reader.run(lambda raw: stats.collect(raw, directory / LOG_FILE, now_us, today_us))


async def _verify(directory: Path, report: Callable[[int, int | None], None]) -> verify.Verification:
    async with _opened(directory) as log_reader:
        return await verify.verify(log_reader.database, report)


async def _tail(
    directory: Path, count: int, follow: bool, kinds: list[str] | None, write: Callable[[StoredEvent], None]
) -> None:
    async with _opened(directory) as log_reader:
        last = await log_reader.last(count, kinds)
        for event in last:
            write(event)
        position = await log_reader.head() if not last else last[-1].seq
        while follow:
            page = await log_reader.read(position, _PAGE_EVENTS, kinds)
            for event in page.events:
                write(event)
            if page.through_seq == position:
                await log_reader.wait_beyond(position)
            position = page.through_seq


async def _show(
    directory: Path,
    ticker: str,
    span_us: tuple[int, int],
    kinds: list[str] | None,
    write: Callable[[StoredEvent], None],
) -> None:
    async with _opened(directory) as log_reader:
        async for event in ranges.events_of(log_reader, ticker, *span_us, kinds):
            write(event)


def _print_stats(collected: stats.LogStats) -> None:
    table = rich.table.Table()
    for column in ("kind", "ticker", "events", "first", "last", "per minute"):
        table.add_column(column, justify="right" if column in ("events", "per minute") else "left")
    for one in collected.kinds:
        first, last = log_show.iso(one.first_us), log_show.iso(one.last_us)
        table.add_row(one.kind, one.ticker or "*", f"{one.events:,}", first, last, f"{one.events_per_minute:,.1f}")
    console = rich.console.Console(width=None if sys.stdout.isatty() else 140)
    console.print(table)
    console.print(
        f"{collected.events:,} events, head {collected.head:,}, pruned through {collected.pruned_through:,}, "
        f"{collected.recorded_last_minute:,} in the last minute\n"
        f"{collected.file_bytes:,} bytes in events.db ({collected.bytes_per_event:.0f} per event), "
        f"{collected.wal_bytes:,} in its WAL\n"
        f"{collected.gaps_today} gaps today (ET), {collected.gap_seconds_today:.1f} seconds"
    )
