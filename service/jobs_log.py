"""Changes of the log that commands ask for."""

from pathlib import Path
from typing import Any

from eventlog import export, imports
from service.context import Context
from service.job import Job, Progress

_DAY_US = 86_400_000_000


async def prune(context: Context, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Delete events recorded over `keep_days` ago that nobody needs, nor is missing from the export `exported`."""
    await context.projection.start()
    needed_after = {"the indicators": context.projection.checkpoint}
    if context.replicator is not None:
        await context.replicator.start()
        for table in context.replicator.options.shipped:
            if table.kinds:
                needed_after[f"the destination's {table.name}"] = context.replicator.pump(table.name).cursor.position
    if args.get("exported"):
        needed_after[f"the export in {args['exported']}"] = export.exported_through(Path(args["exported"]))
    before_us = context.log.clock.now_us() - args["keep_days"] * _DAY_US
    pruned = await context.log.prune(before_us, needed_after, progress)
    return {
        "events": pruned.events,
        "through_seq": pruned.through_seq,
        "freed_bytes": pruned.freed_bytes,
        "held_by": pruned.held_by,
    }


async def take(context: Context, args: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Append the events of an export (a folder), or of a tape (a file) as ticks of `ticker`."""
    source = Path(args["source"])
    if args.get("ticker"):
        taken = await imports.import_tape(context.log, source, args["ticker"], progress, context.log.clock)
    else:
        taken = await imports.import_export(context.log, source, progress)
    return {"events": taken.events, "skipped": taken.skipped}


JOBS: dict[str, Job] = {"log_prune": prune, "log_import": take}
