"""The APScheduler jobs of the service; each only calls a public, loop-free function of a room."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from loguru import logger

from eventlog.errors import TicktapeError
from service import jobs
from service.context import Context

PRUNE_GRACE_SECONDS = 12 * 3600
"""A machine that was busy or asleep at the hour prunes later that day, not a day later."""


@contextlib.asynccontextmanager
async def serve(context: Context) -> AsyncIterator[None]:
    """Run the jobs until the block ends."""
    scheduler = planned(context)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)


def planned(context: Context) -> AsyncIOScheduler:
    """The jobs, not running yet."""
    scheduler = AsyncIOScheduler(timezone="UTC")
    if context.replicator is not None:
        scheduler.add_job(
            context.replicator.sync_all,
            "interval",
            seconds=context.settings.batch_interval,
            max_instances=1,
            coalesce=True,
            id="replicate",
        )
    if context.settings.retention_days:
        scheduler.add_job(
            prune,
            "cron",
            args=[context],
            hour=3,
            timezone="America/New_York",
            coalesce=True,
            misfire_grace_time=PRUNE_GRACE_SECONDS,
            id="prune",
        )
    return scheduler


async def prune(context: Context) -> dict[str, Any]:
    """Delete what is older than RETENTION_DAYS and needed by nobody; what the job `log_prune` answers."""
    try:
        done = await jobs.run("log_prune", context, {"keep_days": context.settings.retention_days}, lambda *_: None)
    except TicktapeError as error:
        logger.bind(event="retention.refused").warning("nothing was pruned: {}", error)
        return {}
    logger.bind(event="retention.pruned", **done).info(
        "{} events and {} rows pruned, the last was seq {}", done["events"], done["rows"], done["through_seq"]
    )
    return done
