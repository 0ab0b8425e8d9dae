"""Changes of the log that commands ask for."""

from pathlib import Path
from typing import Any

from eventlog import export, imports, space
from eventlog.errors import UsageError
from indicators import retention
from indicators.projection import Projection
from replicator.tables import INDICATORS, STREAMING_METRICS
from service.context import Context
from service.job import Job, Progress

_DAY_US = 86_400_000_000


async def prune(context: Context, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Delete events recorded over `keep_days` ago that nobody needs, nor is missing from the export `exported`.

    Their rows in state.db go with them, save for bars and for what the destination has not acknowledged.
    """
    needed_after = {"the indicators": await _folded(context.projection)}
    if context.replicator is not None:
        await context.replicator.start()
        for table in context.replicator.options.shipped:
            if table.kinds:
                pump = context.replicator.pump(table.name)
                # A cursor beyond a restored log's end says nothing of what that log holds.
                needed_after[f"the destination's {table.name}"] = 0 if pump.is_restored else pump.cursor.position
    if args.get("exported"):
        needed_after[f"the export in {args['exported']}"] = export.exported_through(Path(args["exported"]))
    before_us = context.log.clock.now_us() - args["keep_days"] * _DAY_US
    pruned = await context.log.prune(before_us, needed_after, progress)
    rows = await _prune_rows(context, pruned.through_seq, before_us)
    return {
        "events": pruned.events,
        "through_seq": pruned.through_seq,
        "rows": rows,
        "freed_bytes": pruned.freed_bytes + await space.give_back(context.state),
        "held_by": pruned.held_by,
    }


async def _prune_rows(context: Context, through_seq: int, before_us: int) -> int:
    if context.replicator is None:
        return await retention.prune(context.state, through_seq, context.projection.status().revision)
    shipped = context.replicator.pump(INDICATORS.name).cursor.position
    rows = await retention.prune(context.state, through_seq, shipped)
    shipped = context.replicator.pump(STREAMING_METRICS.name).cursor.position
    return rows + await context.replicator.summary.prune(before_us, shipped)


async def _folded(projection: Projection) -> int:
    """The checkpoint of a projection that stands on solid ground. Raises UsageError while it needs the whole log."""
    if projection.checkpoint == 0 and projection.status().state != "rebuilding":
        # Opened for this job: not loaded yet. A running one is never loaded again.
        await projection.start()
    if projection.status().state == "rebuilding":
        raise UsageError("the indicators wait for their rebuild, which needs the whole log: prune when it is done")
    return projection.checkpoint


async def take(context: Context, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Append the events of an export (a folder), or of a tape (a file) as ticks of `ticker`."""
    source = Path(args["source"])
    if args.get("ticker"):
        taken = await imports.import_tape(context.log, source, args["ticker"], progress, context.log.clock)
    else:
        taken = await imports.import_export(context.log, source, progress)
    return {"events": taken.events, "skipped": taken.skipped}


JOBS: dict[str, Job] = {"log_prune": prune, "log_import": take}
