import pytest

from eventlog.errors import UsageError
from eventlog.events import EquityTick, Event
from replicator import deadletters
from replicator.rows import EquityRow
from tests.replicator.doubles import T0_US, Bench, tick


async def _refuse(bench: Bench, *prices: float) -> None:
    """Ticks 1 to 10 are delivered, save those with `prices`."""
    bench.sink.refuses = lambda row: isinstance(row, EquityRow) and row.price in prices
    await bench.log.append([tick(number, price=float(number)) for number in range(1, 11)])
    await bench.replicator.sync_once("equity_data")
    bench.sink.refuses = lambda _: False


async def test_a_retried_letter_is_delivered_and_gone(bench: Bench) -> None:
    await _refuse(bench, 3.0, 7.0)
    letters = await deadletters.find(bench.database)
    assert [(letter.table, letter.seq, letter.code) for letter in letters] == [
        ("equity_data", 3, "22001"),
        ("equity_data", 7, "22001"),
    ]
    assert bench.replicator.status()[0].dead_letters == 2
    retried = await deadletters.retry(bench.replicator, letters[:1])
    assert (retried.delivered, retried.refused) == (1, 0)
    assert [letter.seq for letter in await deadletters.find(bench.database)] == [7]
    assert bench.replicator.status()[0].dead_letters == 1
    assert len(bench.sink.rows()) == 9


async def test_a_letter_that_is_refused_again_stays(bench: Bench) -> None:
    await _refuse(bench, 3.0)
    bench.sink.refuses = lambda _: True
    retried = await deadletters.retry(bench.replicator, await deadletters.find(bench.database))
    assert (retried.delivered, retried.refused) == (0, 1)
    assert len(await deadletters.find(bench.database)) == 1


async def test_a_letter_outlives_its_event(bench: Bench) -> None:
    await _refuse(bench, 3.0)
    bench.log._events[2] = bench.log._events[3]  # retention deleted seq 3
    await deadletters.retry(bench.replicator, await deadletters.find(bench.database))
    assert [row.price for row in bench.sink.ticks()] == [float(number) for number in range(1, 11)]


async def test_a_letter_never_replaces_what_came_after_it(bench: Bench) -> None:
    async def store(revision: int, sma9: float) -> None:
        values = (revision, 1, "AAPL", 5, sma9, None)
        sql = "INSERT OR REPLACE INTO indicators VALUES (?, ?, ?, ?, ?, ?)"
        await bench.database.transaction(lambda connection: connection.execute(sql, values))
        bench.replicator.wake()
        await bench.replicator.sync_once("indicators")

    bench.sink.refuses = lambda _: True
    await store(1, 10.0)
    bench.sink.refuses = lambda _: False
    await store(2, 11.0)
    await deadletters.retry(bench.replicator, await deadletters.find(bench.database))
    assert [row.sma9 for row in bench.sink.indicators()] == [11.0]
    assert await deadletters.find(bench.database) == []


async def test_a_number_that_is_none_is_never_sent_as_null(bench: Bench) -> None:
    await bench.database.transaction(
        lambda connection: connection.execute("INSERT INTO indicators VALUES (1, 1, 'AAPL', 5, 9e999, NULL)")
    )
    await bench.replicator.sync_once("indicators")
    retried = await deadletters.retry(bench.replicator, await deadletters.find(bench.database))
    assert (retried.delivered, retried.refused, bench.sink.chunks) == (0, 1, [])


async def test_letters_of_another_destination_are_left_alone(bench: Bench) -> None:
    await _refuse(bench, 3.0)
    bench.sink.identity = "memory:two"
    await bench.restart()
    retried = await deadletters.retry(bench.replicator, await deadletters.find(bench.database))
    assert (retried.delivered, retried.refused) == (0, 0)
    assert len(await deadletters.find(bench.database)) == 1


async def test_letters_are_found_by_table_and_number(bench: Bench) -> None:
    await _refuse(bench, 3.0, 7.0)
    assert await deadletters.find(bench.database, table="indicators") == []
    (second,) = await deadletters.find(bench.database, ids=[2])
    assert second.seq == 7
    with pytest.raises(UsageError, match="no dead letter 9"):
        await deadletters.find(bench.database, ids=[9])
    assert await deadletters.drop(bench.replicator, [second]) == 1
    assert [letter.seq for letter in await deadletters.find(bench.database)] == [3]


async def test_a_dead_letter_is_recorded_once_however_often_its_row_is_refused(bench: Bench) -> None:
    await bench.log.append([Event("AAPL", T0_US, EquityTick(price=1.0, size=1, volume=1, total_volume=1))])
    bench.sink.refuses = lambda _: True
    for _ in range(2):
        await bench.replicator.sync_once("equity_data")
        await bench.query("UPDATE cursors SET position = 0")
        await bench.restart()
    assert len(await deadletters.find(bench.database)) == 1
