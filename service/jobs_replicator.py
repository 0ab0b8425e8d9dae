"""Changes of a destination, of cursors and of dead letters that commands ask for."""

from collections.abc import Sequence
from typing import Any

import msgspec

from eventlog.errors import UsageError
from indicators import pages
from replicator import backfill, deadletters, tables, verify
from replicator.replicator import Replicator
from replicator.tables import TableSpec
from service.context import Context
from service.job import Job, Progress


async def retry_dead_letters(context: Context, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Send the dead letters `ids`, or all of `table`, once more."""
    replicator = await _started(context)
    letters = await deadletters.find(context.state, args.get("table"), args.get("ids", ()))
    retried = await deadletters.retry(replicator, letters)
    return {"delivered": retried.delivered, "refused": retried.refused}


async def drop_dead_letters(context: Context, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Forget the dead letters `ids`, or all of `table`."""
    replicator = await _started(context)
    letters = await deadletters.find(context.state, args.get("table"), args.get("ids", ()))
    return {"dropped": await deadletters.drop(replicator, letters)}


async def replicate(context: Context, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Deliver the history of `table` (or of all) again, of `ticker` and from `since_us` on when given."""
    replicator = await _started(context)
    scope = backfill.Scope(args.get("ticker"), args.get("since_us", 0))
    reports = [
        await backfill.backfill(replicator, table.name, scope, progress)
        for table in _tables(replicator, args.get("table"))
    ]
    replicator.wake()
    return {"tables": [msgspec.to_builtins(report) for report in reports]}


async def compare(context: Context, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Compare the destination's rows with the local ones, and send what differs when `repair` is true.

    Of a log that was pruned only whole days: what was pruned is the destination's alone. The answer's `since_us` tells.
    """
    replicator = await _started(context)
    since_us = max(args.get("since_us", 0), await pages.begins_at_us(context.log))
    scope = verify.Scope(args.get("ticker"), since_us, args.get("until_us", verify.LAST_US))
    reports = []
    for table in _tables(replicator, args.get("table")):
        verification = verify.Verification(table, replicator, context.log, repair=args.get("repair", False))
        reports.append(await verification.run(scope, progress))
    tables = [{**msgspec.to_builtins(report), "agrees": report.agrees} for report in reports]
    return {"since_us": since_us, "tables": tables}


async def _started(context: Context) -> Replicator:
    if context.replicator is None:
        raise UsageError("DESTINATION=none: there is nothing to replicate to; set it to supabase or postgres")
    await context.replicator.start()
    return context.replicator


def _tables(replicator: Replicator, name: str | None) -> Sequence[TableSpec]:
    if name is None:
        return replicator.options.shipped
    chosen = [table for table in replicator.options.shipped if table.name == name]
    if not chosen:
        raise UsageError(f"--table {name}: one of {', '.join(tables.BY_NAME)}")
    return chosen


JOBS: dict[str, Job] = {
    "deadletters_retry": retry_dead_letters,
    "deadletters_drop": drop_dead_letters,
    "replicate": replicate,
    "verify": compare,
}
"""By the names that commands use."""
