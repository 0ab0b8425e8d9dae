"""The whole service against a simulated exchange and a real PostgREST, with outages on both sides."""

import asyncio
from pathlib import Path

import pytest

from feed.exchange import Exchange, Tape
from tests.e2e import recorder as recording
from tests.e2e.recorder import Gate, Inbox, Recorder
from tests.servers import postgres
from tests.servers.lite import Lite

SPEED = 60.0


async def _play(tmp_path: Path, lite: Lite, seconds: int) -> None:
    trades = recording.write_tape(tmp_path / "tape.csv", seconds)
    recording.write_token(tmp_path / "data")
    async with (
        recording.exchanging(Tape(tmp_path / "tape.csv", "QQQ", SPEED)) as exchange,
        Gate(lite.url) as gate,
        recording.inbox() as inbox,
        recording.recorder(
            tmp_path / "data",
            SCHWAB_URL=exchange.url,
            SUPABASE_URL=gate.url,
            SUPABASE_SERVICE_ROLE_KEY=lite.service_key,
            ALERT_WEBHOOK=inbox.url,
        ) as service,
    ):
        await service.start()
        await exchange.first_subscription.wait()
        await _disturb(exchange, gate, seconds / SPEED)
        await asyncio.wait_for(exchange.played.wait(), 2 * seconds / SPEED + 30)
        await service.until(lambda: _all_recorded(service))
        metrics = await service.get("/metrics")
        assert await service.stop() == 0, service.errors
        await _compare(service, lite, trades)
        _told(service, inbox, metrics)


async def _disturb(exchange: Exchange, gate: Gate, seconds: float) -> None:
    """Cut both sides, one after the other, then both at once."""
    for cut_stream, cut_destination in ((True, False), (False, True), (True, True)):
        await asyncio.sleep(seconds / 8)
        if cut_destination:
            await gate.shut()
        if cut_stream:
            await exchange.close_streams(1006)
        await asyncio.sleep(seconds / 8)
        if cut_destination:
            await gate.open()


async def _all_recorded(service: Recorder) -> bool:
    """Whether the stream is up again and nothing is unsent."""
    replication, feed = await service.check("replication"), await service.check("feed")
    return bool(replication["value"] == "0 unsent" and feed["value"].endswith("ago"))


async def _compare(service: Recorder, lite: Lite, trades: list[tuple[float, int]]) -> None:
    async with postgres.connected(lite.dsn) as connection:
        ticks = await connection.fetch("select timestamp, price, volume from equity_data order by timestamp")
        indicators = await connection.fetch("select timestamp, sma9, vwap from indicators order by timestamp")
        gaps = await connection.fetch("select ticker, reason from stream_gaps")
    # What was traded while the stream was down comes as one tick with the whole volume: none of it is lost.
    assert sum(tick["volume"] for tick in ticks) == sum(size for _, size in trades)
    assert float(ticks[-1]["price"]) == trades[-1][0]
    prices = [price for price, _ in trades]
    assert all(float(tick["price"]) in prices for tick in ticks)
    assert len(ticks) > len(trades) / 2
    assert [row["timestamp"] for row in indicators] == [tick["timestamp"] for tick in ticks]
    closes = [float(tick["price"]) for tick in ticks]
    for number in range(8, len(closes)):
        assert indicators[number]["sma9"] == pytest.approx(sum(closes[number - 8 : number + 1]) / 9, abs=1e-9)
    traded = sum(float(tick["price"]) * tick["volume"] for tick in ticks)
    assert indicators[-1]["vwap"] == pytest.approx(traded / sum(tick["volume"] for tick in ticks), abs=1e-9)
    assert len(gaps) >= 2


def _told(service: Recorder, inbox: Inbox, metrics: str) -> None:
    assert service.events("feed.ended")
    assert service.events("replicator.recovered")
    assert service.events("service.stopped")[0]["unsent"] == 0
    assert service.errors == ""
    assert 'ticktape_sent_rows_total{table="equity_data"}' in metrics
    # Nothing here lasted long enough to wake anybody, but the holes of the day may be told, once.
    assert inbox.changes() in ([], [("gaps", "warning")])


async def test_a_few_minutes_of_market_with_outages_on_both_sides(tmp_path: Path, lite: Lite) -> None:
    await _play(tmp_path, lite, seconds=480)


@pytest.mark.long
async def test_an_hour_of_market_in_a_minute_with_outages_on_both_sides(tmp_path: Path, lite: Lite) -> None:
    await _play(tmp_path, lite, seconds=3_600)
