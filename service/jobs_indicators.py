"""The job of the indicators: rebuild."""

from datetime import date
from typing import Any

import msgspec

from indicators import replay
from service.context import Context
from service.job import Job, Progress


async def rebuild(context: Context, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Replay the log into new rows: `from` (ISO date) and `ticker` narrow it, None means everything."""
    day = None if args.get("from") is None else date.fromisoformat(args["from"])
    summary = await context.projection.rebuild(replay.scope_from(day, args.get("ticker")), progress)
    # Without a running service nobody folds what came after the last checkpoint.
    head = context.log.head
    while context.projection.checkpoint < head:
        await context.projection.fold_once()
    result: dict[str, Any] = msgspec.to_builtins(summary)
    return result


JOBS: dict[str, Job] = {"rebuild": rebuild}
