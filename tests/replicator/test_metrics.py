"""streaming_metrics: what was delivered in a minute, and how long that is kept."""

from replicator import rows
from replicator.errors import RetryableError
from replicator.rows import EquityRow
from tests.replicator.doubles import T0_US, Bench, tick


async def test_a_minute_is_summed_up_in_one_row_per_ticker(bench: Bench) -> None:
    await bench.log.append([tick(0), tick(1), tick(2, "QQQ")])
    bench.sink.faults.append(RetryableError("503", "503"))
    for _ in range(2):
        await bench.replicator.sync_once("equity_data")
    await bench.replicator.sync_all()
    assert bench.sink.rows("streaming_metrics") == []
    bench.clock.advance_us(60_000_000)
    await bench.replicator.sync_all()
    await bench.replicator.sync_once("streaming_metrics")
    summary = [
        (row.ticker, rows.microseconds(row.timestamp), row.records_processed, row.batch_size, row.error_count)
        for row in bench.sink.metrics()
    ]
    assert summary == [("AAPL", T0_US, 2, 2, 1), ("QQQ", T0_US, 1, 1, 1)]


async def test_a_summary_counts_only_what_was_delivered(bench: Bench) -> None:
    bench.sink.refuses = lambda row: isinstance(row, EquityRow) and row.price == 666.0
    await bench.log.append([tick(number, price=666.0 if number == 3 else 1.0) for number in range(10)])
    await bench.replicator.sync_once("equity_data")
    await bench.replicator.summary.save()
    assert await bench.query("SELECT records_processed FROM streaming_metrics") == [(9,)]


async def test_old_summaries_are_pruned_once_they_are_delivered(bench: Bench) -> None:
    await bench.log.append([tick(0), tick(1, "QQQ")])
    await bench.replicator.sync_once("equity_data")
    await bench.replicator.summary.save()
    prune = bench.replicator.summary.prune
    assert await prune(T0_US, through_id=2) == 0, "not old yet"
    assert await prune(T0_US + 1, through_id=1) == 1, "the second is not delivered yet"
    assert await prune(T0_US + 1, through_id=2) == 1
