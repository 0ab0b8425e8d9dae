"""Duplicated and reordered updates over the socket: deterministic, no key collision, the volume true."""

import json
import random

import pytest

from feed.exchange.protocol import EQUITIES, Fields
from feed.exchange.protocol import data as data_frame
from tests.feed.harness import Bench, StillMarket, exchanging, feeding, trade


def _stream(seed: int) -> list[Fields]:
    """Thirty trades, most of them twice, neighbours swapped at random, some in the same millisecond."""
    dice = random.Random(seed)
    numbers = [number for number in range(1, 31) for _ in range(dice.choice((1, 2, 2)))]
    for _ in range(20):
        at = dice.randrange(len(numbers) - 1)
        numbers[at], numbers[at + 1] = numbers[at + 1], numbers[at]
    return [trade(number // 3, price=100 + number / 100, total_volume=1000 + number * 10) for number in numbers]


async def _until_total(bench: Bench, total: int) -> None:
    last = bench.feed._intake.equity("QQQ")
    await bench.until(lambda: last.mark is not None and last.mark.total == total)


@pytest.mark.parametrize("seed", range(5))
async def test_duplicates_and_swaps(seed: int) -> None:
    print(f"seed {seed}")
    runs = []
    for _ in range(2):
        async with exchanging(StillMarket("QQQ")) as exchange, feeding(exchange) as bench:
            await bench.stored("equity_tick")
            for fields in _stream(seed):
                # Raw, past the exchange's own book, which would not send a repetition.
                frame = data_frame(EQUITIES, [{"key": "QQQ", **fields}])
                await exchange.send(json.dumps(frame))
            await bench.trade(100, total_volume=2000)
            await _until_total(bench, 2000)
            await bench.finish()
            runs.append([(tick.ts_us, tick.payload) for tick in await bench.stored("equity_tick")])
            volumes = [tick.volume for tick in await bench.payloads("equity_tick")]
    assert runs[0] == runs[1]
    keys = [key for key, _ in runs[0]]
    assert keys == sorted(set(keys))
    assert sum(volumes) == 10 + 1000, "its own size, then the rise from 1000 to 2000"
