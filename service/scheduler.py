"""The APScheduler jobs of the service; each only calls a public, loop-free function of a room."""

import contextlib
from collections.abc import AsyncIterator

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from service.context import Context


@contextlib.asynccontextmanager
async def serve(context: Context) -> AsyncIterator[None]:
    """Run the jobs until the block ends."""
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
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)
