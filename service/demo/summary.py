"""What a demo run did, as an object for machines and lines for people."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import msgspec

from service.app import Outcome, Service

OnStart = Callable[[Service], AbstractContextManager[None]]


class Summary(msgspec.Struct, frozen=True):
    """Counts of this run, except `unsent` and `dead_letters`, which are what is left in the data directory."""

    ticks_appended: int
    rows_delivered: dict[str, int]
    unsent: int
    gaps: int
    dead_letters: int
    events_db: str
    state_db: str
    database_uri: str


async def sum_up(service: Service, outcome: Outcome, dsn: str) -> Summary:
    """Count what was recorded and delivered since the service began."""
    began = service.began
    replicator = service.context.replicator
    tables = [] if replicator is None else replicator.status()
    data_dir = service.context.settings.data_dir.resolve()
    return Summary(
        ticks_appended=await _count(service, began.head, "equity_tick"),
        rows_delivered={table: count - began.delivered[table] for table, count in service.delivered().items()},
        unsent=outcome.unsent,
        gaps=await _count(service, began.head, "feed_gap"),
        dead_letters=sum(table.dead_letters for table in tables),
        events_db=str(data_dir / "events.db"),
        state_db=str(data_dir / "state.db"),
        database_uri=dsn,
    )


async def _count(service: Service, after: int, kind: str) -> int:
    count = 0
    while after < service.context.log.head:
        page = await service.context.log.read(after, 5000, (kind,))
        count += len(page.events)
        after = page.through_seq
    return count


def lines(summary: Summary) -> str:
    """The summary for people."""
    delivered = ", ".join(f"{table} {count:,}" for table, count in summary.rows_delivered.items() if count)
    return "\n".join(
        [
            f"ticks appended  {summary.ticks_appended:,}",
            f"rows delivered  {delivered or 'none'}",
            f"unsent          {summary.unsent:,}",
            f"gaps            {summary.gaps:,}",
            f"dead letters    {summary.dead_letters:,}",
            f"event log       {summary.events_db}",
            f"state           {summary.state_db}",
            f"database        {summary.database_uri}",
        ]
    )
