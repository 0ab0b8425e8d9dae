"""A progress bar on stderr for reading commands that take long, when that is a terminal."""

import contextlib
import sys
from collections.abc import Callable, Iterator

import rich.console
import rich.progress


@contextlib.contextmanager
def bar(label: str) -> Iterator[Callable[[int, int | None], None]]:
    """Yields a function that takes (done, total or None)."""
    console = rich.console.Console(stderr=True)
    with rich.progress.Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as shown:
        task = shown.add_task(label, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
