"""The vital signs: one log line a minute."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from service.health import checks
from service.health.snapshot import Snapshot

VITALS_SECONDS = 60.0


def unsent_seconds(seen: Snapshot) -> float:
    """How long the table that is furthest behind has been so."""
    return max((checks.unsent_seconds(seen.facts, table) for table in seen.facts.tables), default=0.0)


@dataclass
class Vitals:
    """One log line a minute with what one wants to know, instead of one per flush."""

    told_at: float = 0.0
    cpu_before: float = 0.0

    def tell_when_due(self, seen: Snapshot) -> None:
        """Write the line when a minute has passed since the last."""
        now, cpu = time.monotonic(), time.process_time()
        if self.told_at and now - self.told_at < VITALS_SECONDS:
            return
        percent = 100 * (cpu - self.cpu_before) / (now - self.told_at) if self.told_at else 0.0
        self.told_at, self.cpu_before = now, cpu
        facts = seen.facts
        logger.bind(
            event="vitals",
            health=seen.level,
            feed=facts.feed.state if facts.feed else "not running",
            received=dict(facts.feed.received) if facts.feed else {},
            head=facts.log.head,
            lag_events=facts.projection.lag_events,
            unsent=sum(table.unsent for table in facts.tables),
            unsent_seconds=round(unsent_seconds(seen), 1),
            dead_letters=sum(table.dead_letters for table in facts.tables),
            gap_seconds=round(facts.gaps.seconds, 1),
            database_bytes=facts.storage.database_bytes,
            wal_bytes=facts.storage.wal_bytes,
            resident_bytes=resident_bytes(),
            cpu_percent=round(percent, 2),
        ).info("{}, head {}, {} unsent", seen.level, facts.log.head, sum(table.unsent for table in facts.tables))


def resident_bytes() -> int:
    """Memory of this process; 0 where /proc does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
