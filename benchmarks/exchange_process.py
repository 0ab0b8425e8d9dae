"""The simulated exchange in a process of its own, so that its cost is not counted as ticktape's.

`python -m benchmarks.exchange_process RATE SECONDS FILE` prints its URL, sends RATE trades a second for SECONDS after
the first subscription, writes the send times (nanoseconds, one a trade, in order) to FILE, prints "played", and ends
when stdin is closed. Trade i is of ticker i % 10 and has TOTAL_VOLUME i // 10 + 1. Trades go out every 10 ms in one
frame, or one by one below 100 a second, since Schwab too conflates.
"""

import array
import asyncio
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from feed.exchange import Exchange
from feed.exchange.protocol import EQUITIES, EquityField, Fields
from feed.exchange.server import Publisher

TICKERS = tuple(f"T{number}" for number in range(10))
FRAMES_PER_SECOND = 100


class SteadyMarket:
    """`rate` trades a second for `seconds`."""

    def __init__(self, rate: int, seconds: float) -> None:
        self._rate = rate
        self._total = int(rate * seconds)
        self.sent_ns = array.array("q")

    def snapshots(self) -> Iterable[tuple[str, str, Fields]]:
        return [(EQUITIES, ticker, {EquityField.TOTAL_VOLUME: 0}) for ticker in TICKERS]

    def chains(self) -> dict[str, Any]:
        return {}

    async def run(self, exchange: Publisher) -> None:
        began = time.perf_counter()
        step = 1 / min(self._rate, FRAMES_PER_SECOND)
        frame = 0
        while len(self.sent_ns) < self._total:
            frame += 1
            await asyncio.sleep(max(0.0, began + frame * step - time.perf_counter()))
            due = min(self._total, int((time.perf_counter() - began) * self._rate))
            if due == len(self.sent_ns):
                continue
            updates = [_trade(number) for number in range(len(self.sent_ns), due)]
            now_ns = time.time_ns()
            self.sent_ns.extend([now_ns] * len(updates))
            await exchange.publish(EQUITIES, updates)


def _trade(number: int) -> tuple[str, Fields]:
    price = 100 + number % 997 / 100
    fields: Fields = {
        EquityField.BID: round(price - 0.01, 2),
        EquityField.ASK: round(price + 0.01, 2),
        EquityField.LAST: price,
        EquityField.LAST_SIZE: 1,
        EquityField.TOTAL_VOLUME: number // len(TICKERS) + 1,
        EquityField.TRADE_MS: time.time_ns() // 1_000_000,
    }
    return TICKERS[number % len(TICKERS)], fields


async def main(rate: int, seconds: float, file: Path) -> None:
    """Serve until stdin is closed."""
    market = SteadyMarket(rate, seconds)
    exchange = Exchange(market)
    await exchange.start()
    print(exchange.url, flush=True)
    await exchange.played.wait()
    await asyncio.to_thread(file.write_bytes, market.sent_ns.tobytes())
    print("played", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await exchange.stop()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])))
