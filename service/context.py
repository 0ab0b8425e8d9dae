"""The open databases and the rooms on them, without feed, tasks or network traffic."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import indicators.schema
import replicator.schema
from eventlog import log, state
from eventlog.clock import Clock, SystemClock
from eventlog.database import Database
from eventlog.log import EventLog
from indicators.projection import Projection
from replicator.replicator import Replicator
from service import composition, directory
from service.settings import Settings


@dataclass(frozen=True)
class Context:
    """What a job works with. `replicator` is None for DESTINATION=none."""

    settings: Settings
    log: EventLog
    state: Database
    projection: Projection
    replicator: Replicator | None


@contextlib.asynccontextmanager
async def open_context(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Context]:
    """Open everything in DATA_DIR; the caller holds the instance lock. Nothing is started yet."""
    directory.prepare(settings.data_dir)
    async with contextlib.AsyncExitStack() as stack:
        event_log = await log.open_log(settings.data_dir, clock or SystemClock())
        stack.push_async_callback(event_log.close, "closed")
        database = await state.open_state(
            settings.data_dir / "state.db",
            {"indicators": indicators.schema.STEPS, "replicator": replicator.schema.STEPS},
        )
        stack.push_async_callback(database.close)
        projection = Projection(event_log, database, composition.definition(settings))
        shipping = await composition.open_replicator(settings, event_log, database)
        if shipping is not None:
            stack.push_async_callback(shipping.close)
        yield Context(settings, event_log, database, projection, shipping)
