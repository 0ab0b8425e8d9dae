"""`ticktape log`: files out of the log and into it, and what keeps it small."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from eventlog import backup, columns, export
from eventlog import clock as clock_module
from eventlog.errors import UsageError
from eventlog.lock import InstanceLock
from eventlog.reader import LOG_FILE
from eventlog.verify import Verification
from service import directory as data_directory
from service import full_disk, options, work
from service import settings as settings_module
from service.commands import log_show, outputs, progress

Format = Annotated[str, typer.Option("--format", help="parquet or csv.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, command in (
        ("export", export_log),
        ("import", import_log),
        ("backup", backup_log),
        ("restore", restore_log),
        ("accept-loss", accept_loss),
        ("prune", prune_log),
    ):
        app.command(name)(command)


def export_log(
    target: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    form: Format = "parquet",
    ticker: Annotated[list[str] | None, typer.Option(help="Only this ticker; may be repeated.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind; may be repeated.")] = None,
    since: Annotated[str | None, typer.Option(help="From, as for `log show`.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to, not included.")] = None,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> int:
    """Files by day and ticker for DuckDB, Polars, Spark. Example: ticktape log export out --format parquet."""
    if form not in ("parquet", "csv"):
        raise UsageError(f"--format {form}: parquet or csv")
    now_us = clock_module.SystemClock().now_us()
    selection = export.Selection(
        kinds=frozenset(kind or ()),
        tickers=frozenset(ticker or ()),
        since_us=log_show.parse_time(since, now_us) if since else 0,
        until_us=log_show.parse_time(until, now_us) if until else 2**62,
    )
    chosen: columns.Format = "csv" if form == "csv" else "parquet"
    with outputs.to(target), progress.bar("exporting") as report:
        done = asyncio.run(export.export(_directory(data_dir), target, chosen, selection, report))
    answer = {"events": done.events, "files": done.files, "through_seq": done.through_seq}
    return _answer(answer, f"{done.events} events in {done.files} files under {target}", as_json)


def import_log(
    source: Annotated[Path, typer.Argument(help="The folder of an export, or a tape (CSV of time,price,size).")],
    ticker: Annotated[str | None, typer.Option(help="The ticker of a tape.")] = None,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> int:
    """Append an export or a tape to the log. Example: ticktape log import tape.csv --ticker AAPL."""
    if not source.exists():
        raise UsageError(f"{source}: no such file or folder")
    if source.is_file() and not ticker:
        raise UsageError(f"{source} is a tape: name its ticker with --ticker AAPL")
    if source.is_dir() and ticker:
        raise UsageError(f"--ticker is for a tape; {source} is a folder, whose files name their tickers")
    args = {"source": str(source.absolute()), "ticker": ticker}
    settings = settings_module.load(data_dir=data_dir)
    answer = work.perform_with_bar(settings, "log_import", args, "importing")
    return _answer(answer, f"{answer['events']} events appended, {answer['skipped']} were there already", as_json)


def backup_log(
    target: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> int:
    """A verified copy of the log, also while the service runs. Example: ticktape log backup log-2026-11-20.db."""
    with outputs.to(target), progress.bar("verifying the copy") as report:
        result = asyncio.run(backup.backup(_directory(data_dir), target, report))
    return _answer(verification(result), f"{target}: {result.events} events up to {result.last_seq}, verified", as_json)


def restore_log(
    source: Annotated[Path, typer.Argument(help="A file that `log backup` wrote.")],
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> int:
    """Put a backup in the place of the log; stop the service first. Example: ticktape log restore log.db."""
    directory = _directory(data_dir)
    if not source.is_file():
        raise UsageError(f"{source}: no such backup")
    missing = [path for path in (directory, *directory.parents) if not os.path.lexists(path)]
    data_directory.prepare(directory)
    with (
        full_disk.named(directory),
        InstanceLock(directory),
        _unmade_when_refused(directory, missing),
        progress.bar("verifying the copy") as report,
    ):
        restored = asyncio.run(backup.restore(directory, source, report))
    result = restored.verification
    kept = f"the log that was there is now {restored.kept_as}; " if restored.kept_as else ""
    text = f"restored {result.events} events up to {result.last_seq}; {kept}the next start rebuilds the indicators"
    kept_as = str(restored.kept_as) if restored.kept_as else None
    return _answer({**verification(result), "kept_as": kept_as}, text, as_json)


@contextlib.contextmanager
def _unmade_when_refused(directory: Path, made: list[Path]) -> Iterator[None]:
    """Take the folders `made` away again, `directory` the first of them, unless a log was put there."""
    try:
        yield
    except BaseException:
        if made and not (directory / LOG_FILE).exists():
            for name in ("lock", "events.head"):
                (directory / name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                for path in made:
                    path.rmdir()
        raise


def accept_loss(data_dir: options.DataDir = None, as_json: options.Json = False) -> int:
    """Go on with a log that has lost its last events; the loss is recorded. Example: ticktape log accept-loss."""
    directory = _directory(data_dir)
    work.require_log(directory)
    with full_disk.named(directory), InstanceLock(directory):
        head, acknowledged = asyncio.run(backup.accept_loss(directory))
    answer = {"after_seq": head, "through_seq": acknowledged}
    text = f"events {head + 1} to {acknowledged} are recorded as lost; the next start rebuilds the indicators"
    return _answer(answer, text, as_json)


def prune_log(
    keep_days: Annotated[int, typer.Option(help="Keep events recorded in the last so many days.", min=1)],
    exported: Annotated[Path | None, typer.Option(help="Delete only what this whole export holds.")] = None,
    data_dir: options.DataDir = None,
    as_json: options.Json = False,
) -> int:
    """Delete old events, folded and delivered, and their rows. Example: ticktape log prune --keep-days 365."""
    args = {"keep_days": keep_days, "exported": str(exported.absolute()) if exported else None}
    settings = settings_module.load(data_dir=data_dir)
    answer = work.perform_with_bar(settings, "log_prune", args, "pruning")
    text = f"{answer['events']} events and {answer['rows']} rows pruned, {answer['freed_bytes']} bytes given back"
    if answer["held_by"]:
        text += f"; older events are kept because {answer['held_by']} still needs them"
    return _answer(answer, text, as_json)


def verification(result: Verification) -> dict[str, Any]:
    """A verification as JSON values."""
    return {
        "events": result.events,
        "ticks": result.ticks,
        "volume": result.volume,
        "first_seq": result.first_seq,
        "last_seq": result.last_seq,
        "sound": result.is_sound,
        "findings": result.findings,
    }


def _answer(answer: dict[str, Any], text: str, as_json: bool) -> int:
    print(msgspec.json.encode(answer).decode() if as_json else text)
    return 0


def _directory(data_dir: Path | None) -> Path:
    return settings_module.load(data_dir=data_dir).data_dir
