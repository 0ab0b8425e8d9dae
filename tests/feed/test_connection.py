"""A peer that reads requests and never answers."""

from datetime import UTC, datetime

from eventlog.clock import ManualClock
from tests.feed.harness import StillMarket, exchanging, feeding

IN_SESSION_US = round(datetime(2025, 11, 20, 15, 0, tzinfo=UTC).timestamp() * 1_000_000)


async def test_a_login_that_is_never_answered_is_given_up() -> None:
    async with (
        exchanging(StillMarket("QQQ")) as exchange,
        feeding(exchange, watch={"connect_seconds": 0.2}) as bench,
    ):
        await bench.stored("equity_tick")
        exchange.is_deaf = True
        await exchange.close_streams(1011)
        await bench.until(lambda: "login and subscription took longer" in str(bench.feed.status.last_error))
        exchange.is_deaf = False
        await bench.stored("feed_connected", 2)


async def test_a_new_subscription_that_is_never_answered_ends_the_connection() -> None:
    async with (
        exchanging(StillMarket("QQQ"), heartbeat_seconds=0.02) as exchange,
        feeding(
            exchange,
            clock=ManualClock(IN_SESSION_US),
            session="regular",
            watch={"connect_seconds": 0.2, "stale_after_seconds": 0.3},
        ) as bench,
    ):
        await bench.until(lambda: bench.feed.status.connected)
        for number in range(1, 30):
            await bench.trade(number)
        exchange.is_deaf = True
        await bench.until(lambda: "subscribing anew took longer" in str(bench.feed.status.last_error))
        exchange.is_deaf = False
        await bench.stored("feed_connected", 2)


async def test_a_stop_does_not_wait_for_a_peer_that_does_not_answer() -> None:
    clock = ManualClock(IN_SESSION_US)
    async with (
        exchanging(StillMarket("QQQ")) as exchange,
        feeding(exchange, clock=clock, session="regular", watch={"connect_seconds": 1000.0}) as bench,
    ):
        await bench.stored("equity_tick")
        exchange.is_deaf = True
        await exchange.close_streams(1011)
        await bench.until(lambda: exchange.streamers and not bench.feed.status.connected)
        clock.advance_us(1_000_000)
        await bench.finish()
        [gap] = await bench.payloads("feed_gap")
    assert (gap.from_us, gap.to_us, gap.reason) == (IN_SESSION_US, IN_SESSION_US + 1_000_000, "socket_closed_1011")
