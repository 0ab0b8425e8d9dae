"""The one way for a command to change a database, whether the service runs or not."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import rich.console
import rich.progress

from eventlog.errors import AlreadyRunningError, UsageError
from eventlog.lock import InstanceLock
from eventlog.reader import LOG_FILE
from service import control, directory, full_disk, jobs
from service.context import open_context
from service.job import Progress
from service.settings import Settings


async def perform(settings: Settings, name: str, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Run the job under the instance lock, or hand it to whoever holds that lock.

    Raises UsageError, and makes nothing, where there is no log and the job is not one that begins it.
    """
    if name not in jobs.BEGINS_A_LOG:
        require_log(settings.data_dir)
    directory.prepare(settings.data_dir)
    with full_disk.named(settings.data_dir):
        lock = InstanceLock(settings.data_dir)
        try:
            lock.acquire()
        except AlreadyRunningError:
            return await control.ask(settings.data_dir, name, args, progress)
        try:
            return await _perform_alone(settings, name, args, progress)
        finally:
            lock.release()


async def _perform_alone(settings: Settings, name: str, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
    if name in jobs.LOCAL:
        settings = settings.model_copy(update={"destination": "none"})
    async with open_context(settings) as context:
        return await jobs.run(name, context, args, progress)


def require_log(data_dir: Path) -> None:
    """Raise UsageError unless `data_dir` holds a log: a misspelt directory is not made."""
    if not (data_dir / LOG_FILE).is_file():
        raise UsageError(f"there is no log in {data_dir}; set DATA_DIR or give --data-dir")


def perform_with_bar(settings: Settings, name: str, args: dict[str, Any], label: str) -> dict[str, Any]:
    """`perform` from a command: with a progress bar on stderr when that is a terminal."""
    console = rich.console.Console(stderr=True)
    with rich.progress.Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(label, total=None)

        def progress(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        return asyncio.run(perform(settings, name, args, progress))
