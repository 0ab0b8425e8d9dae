"""A log that ends before the cursor: everything it holds is delivered before the table goes on, and only then."""

import pytest

from eventlog.errors import UsageError
from replicator.backfill import Scope, backfill
from replicator.errors import HaltingError
from tests.replicator.doubles import Bench, tick


async def _restore(bench: Bench) -> None:
    """A hundred ticks were delivered; the log now holds sixty of them, and twenty new ones that nobody was sent."""
    await bench.log.append([tick(number) for number in range(100)])
    await bench.replicator.sync_once("equity_data")
    del bench.log._events[60:]
    bench.log._intake.next_seq = 61
    await bench.restart()
    await bench.log.append([tick(number) for number in range(1_000, 1_020)])
    await bench.replicator.sync_once("equity_data")


async def _replicate(bench: Bench, scope: Scope | None = None) -> None:
    await backfill(bench.replicator, "equity_data", scope or Scope(), lambda done, total: None)


def _new_ticks(bench: Bench) -> int:
    return sum(row.timestamp.microsecond >= 1_000 for row in bench.sink.ticks())


async def test_a_failed_delivery_leaves_it_halted(bench: Bench) -> None:
    await _restore(bench)
    bench.sink.broken = HaltingError("540: paused", "540")
    with pytest.raises(HaltingError):
        await _replicate(bench)
    bench.sink.broken = None
    assert "--from-start" in str((await bench.replicator.sync_once("equity_data")).error)
    (status, *_) = bench.replicator.status()
    assert (status.state, status.unsent, _new_ticks(bench)) == ("halted", 80, 0)


async def test_a_part_of_it_is_not_enough(bench: Bench) -> None:
    await _restore(bench)
    with pytest.raises(UsageError, match="first deliver all of it"):
        await _replicate(bench, Scope(ticker="MSFT"))
    assert bench.replicator.status()[0].state == "halted"


async def test_a_delivery_without_the_service_outlasts_the_next_start(bench: Bench) -> None:
    await _restore(bench)
    await bench.restart()
    await _replicate(bench)
    await bench.replicator.close()
    await bench.restart()
    await bench.log.append([tick(number) for number in range(2_000, 2_010)])
    (status, *_) = bench.replicator.status()
    assert (status.cursor, status.unsent) == (80, 10)
    assert (await bench.replicator.sync_once("equity_data")).error is None
    assert _new_ticks(bench) == 30 and bench.replicator.status()[0].unsent == 0
