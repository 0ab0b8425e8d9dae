"""Facts of a healthy service in a regular session, to be changed one by one."""

from dataclasses import replace
from typing import Any

from service.health.facts import Facts, FeedFacts, GapFacts, LogFacts, ProjectionFacts, StorageFacts, TableFacts

NOW_US = 1_795_186_800_000_000
SECOND_US = 1_000_000

FEED = FeedFacts(
    state="streaming",
    session_open_us=NOW_US - 3_600 * SECOND_US,
    is_regular=True,
    next_open_us=None,
    last_frame_us=NOW_US,
    last_tick_us=NOW_US - SECOND_US,
    received=(("ticks", 7),),
)
TABLE = TableFacts("equity_data", 1, NOW_US - SECOND_US, 41, 0, "ok")
HEALTHY = Facts(
    now_us=NOW_US,
    started_us=NOW_US - 7_200 * SECOND_US,
    version="1.2.3",
    destination="supabase",
    feed=FEED,
    log=LogFacts("open", 42),
    projection=ProjectionFacts("following", 42, 0),
    tables=(TABLE,),
    gaps=GapFacts(0, 0.0),
    storage=StorageFacts(10_000_000_000, 50_000_000, 4_000_000, 10_000_000.0),
    is_token_needed=True,
    token_age_seconds=86_400.0,
)


def facts(**changes: Any) -> Facts:
    """HEALTHY, with whole parts replaced."""
    return replace(HEALTHY, **changes)


def feed(**changes: Any) -> Facts:
    """HEALTHY, but for the feed."""
    return facts(feed=replace(FEED, **changes))


def table(**changes: Any) -> Facts:
    """HEALTHY, but for one table."""
    return facts(tables=(replace(TABLE, **changes), replace(TABLE, table="indicators")))


def storage(**changes: Any) -> Facts:
    """HEALTHY, but for the disk."""
    return facts(storage=replace(HEALTHY.storage, **changes))
