"""`ticktape rebuild` and `ticktape indicators`: derived rows, checked against the log, rebuilt from it, shown."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from eventlog import database, events, ranges
from eventlog.clock import SystemClock
from eventlog.database import Database
from eventlog.errors import UsageError
from eventlog.reader import LogReader, open_log_reader
from indicators import check, plot, query
from indicators.bars import MINUTE_US
from service import logs, options, work
from service import settings as settings_module
from service.commands import log_show, outputs, progress
from service.settings import Settings

_GAP = "feed_gap"

Ticker = Annotated[str | None, typer.Option(help="Only this ticker.", show_default="all")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("rebuild")(rebuild)
    group = typer.Typer(help="Indicators and bars, derived from the log.", no_args_is_help=True)
    group.command("show")(show)
    app.add_typer(group, name="indicators")


def rebuild(
    day: Annotated[str | None, typer.Option("--from", help="Only from this day on, YYYY-MM-DD (New York).")] = None,
    ticker: Ticker = None,
    only_check: Annotated[bool, typer.Option("--check", help="Write nothing; tell whether the rows agree.")] = False,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> int:
    """Replay the log into new indicators and swap them in. Example: ticktape rebuild --from 2026-11-20 --check."""
    settings = settings_module.load(data_dir=data_dir)
    work.require_log(settings.data_dir)
    _check_day(day)
    if only_check:
        if day is not None or ticker is not None:
            raise UsageError("--check compares everything: leave out --from and --ticker")
        return _report_check(asyncio.run(_check(settings)), as_json)
    logs.silence()
    args = {"from": day, "ticker": ticker.upper() if ticker else None}
    done = work.perform_with_bar(settings, "rebuild", args, "rebuilding")
    if as_json:
        print(msgspec.json.encode(done).decode())
    else:
        print(
            f"{done['events']} events gave {done['rows']} rows (before: {done['rows_before']});"
            f" {done['changed']} are new or differ and are sent again"
        )
    return 0


def show(
    ticker: Annotated[str, typer.Option(help="Which ticker.")],
    since: Annotated[str, typer.Option(help="ISO time (UTC) or 15m, 2h, 3d ago.")] = "1d",
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows, the newest.")] = 1000,
    plot_file: Annotated[Path | None, typer.Option("--plot", help="Draw to FILE.png instead.")] = None,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> int:
    """Indicators with the price. Example: ticktape indicators show --ticker QQQ --since 2h --plot qqq.png."""
    settings = settings_module.load(data_dir=data_dir)
    since_us = log_show.parse_time(since, SystemClock().now_us())
    if plot_file is not None:
        with outputs.to(plot_file):
            asyncio.run(_plot(settings, ticker.upper(), since_us, plot_file))
        return 0
    for row in asyncio.run(_rows(settings, ticker.upper(), since_us, limit)):
        print(_as_json(row) if as_json else _line(row))
    return 0


async def _check(settings: Settings) -> check.Report:
    async with _opened(settings) as (log, state):
        with progress.bar("checking") as report:
            return await check.check(log, state, report)


async def _rows(settings: Settings, ticker: str, since_us: int, limit: int) -> list[query.Row]:
    async with _opened(settings) as (_, state):
        return await _found(state, ticker, since_us, limit)


async def _found(state: Database, ticker: str, since_us: int, limit: int) -> list[query.Row]:
    rows = await state.run(lambda raw: query.rows(raw, ticker, since_us, ranges.FOR_EVER_US, limit))
    if not rows:
        known = ", ".join(await state.run(query.tickers)) or "none"
        raise UsageError(f"no indicators of {ticker} since {log_show.iso(since_us)}; tickers with rows: {known}")
    return rows


async def _plot(settings: Settings, ticker: str, since_us: int, path: Path) -> None:
    async with _opened(settings) as (log, state):
        rows = await _found(state, ticker, since_us, plot.MAX_ROWS)
        first_us, last_us = rows[0].ts_us, rows[-1].ts_us
        bars = await state.run(lambda raw: query.bars(raw, ticker, first_us - MINUTE_US, last_us + 1))
        # A gap is on record at its end or later, so that it is looked for beyond the last row.
        found = [
            events.decode(event)
            for about in ("", ticker)
            async for event in ranges.events_of(log, about, first_us, ranges.FOR_EVER_US, (_GAP,))
        ]
    plot.save(path, ticker, rows, bars, [gap for gap in found if isinstance(gap, events.FeedGap)])


@contextlib.asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[LogReader, Database]]:
    async with contextlib.AsyncExitStack() as stack:
        log = await open_log_reader(settings.data_dir)
        stack.push_async_callback(log.close)
        path = settings.data_dir / "state.db"
        if not path.is_file():
            raise UsageError(f"there are no indicators in {settings.data_dir} yet: run `ticktape rebuild`")
        state = await database.open_reader(path)
        stack.push_async_callback(state.close)
        yield log, state


def _report_check(report: check.Report, as_json: bool) -> int:
    if as_json:
        print(msgspec.json.encode(report).decode())
    elif report.agrees:
        print(f"{report.rows} rows and {report.bars} bars agree with the log through seq {report.checkpoint}")
    else:
        print(f"the stored rows differ from the log: {report.difference}; run `ticktape rebuild`")
    return 0 if report.agrees else 1


def _check_day(day: str | None) -> None:
    if day is None:
        return
    try:
        date.fromisoformat(day)
    except ValueError as error:
        raise UsageError(f"--from {day}: write a day as 2026-11-20") from error


def _line(row: query.Row) -> str:
    values = "  ".join(f"{name} {_number(value)}" for name, value in row.values.items())
    return f"{log_show.iso(row.ts_us)}  price {_number(row.price)}  {values}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _as_json(row: query.Row) -> str:
    shown: dict[str, Any] = {"time": log_show.iso(row.ts_us), "ts_us": row.ts_us, "price": row.price, **row.values}
    return msgspec.json.encode(shown).decode()
