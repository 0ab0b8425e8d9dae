"""Runs the service's tasks. One that ends before it was told to ends the process: it never dies quietly."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from eventlog.errors import TicktapeError


class DeadTaskError(TicktapeError):
    """A task of the service ended by itself."""

    exit_code = 6


class Supervisor:
    """Tasks by name, in the order they were started."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as the task `name`."""
        self._tasks[name] = asyncio.create_task(work, name=name)

    async def watch(self, stop: asyncio.Event) -> None:
        """Wait for `stop`. Raises the error of the first task that fails, DeadTaskError for one that just ends."""
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([stopping, *self._tasks.values()], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        for name, task in self._tasks.items():
            if task in done and not stop.is_set():
                _raise_for(name, task)

    async def finish(self, name: str) -> None:
        """Wait until the task `name`, whose stop event has been set, has ended; raises its error."""
        await self._tasks[name]

    async def cancel_all(self) -> None:
        """End what still runs, for the way out after a failure."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def _raise_for(name: str, task: asyncio.Task[None]) -> None:
    error = task.exception() if not task.cancelled() else None
    if isinstance(error, TicktapeError):
        raise error
    detail = f"{type(error).__name__}: {error}" if error else "it ended without an error"
    raise DeadTaskError(f"the {name} task died ({detail}); the service ends so that it is restarted") from error
