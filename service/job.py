"""What a job is: work that changes a database, as a function of the open rooms and plain JSON arguments."""

from collections.abc import Awaitable, Callable
from typing import Any

from service.context import Context

Progress = Callable[[int, int | None], None]
"""Told (done, total); total is None while it is not known."""

Job = Callable[[Context, dict[str, Any], Progress], Awaitable[dict[str, Any]]]
