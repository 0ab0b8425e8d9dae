"""A lively random market that is always open."""

import asyncio
import random
import zlib
from collections.abc import Iterable, Sequence
from datetime import time
from typing import Any

from feed.exchange import protocol
from feed.exchange.option_board import OptionBoard
from feed.exchange.protocol import EQUITIES, OPTIONS, EquityField, Fields
from feed.exchange.server import Publisher
from market import calendar

MIDNIGHT = time(0)
SHARES_PER_SECOND = 2_000
KNOWN_PRICES = {"QQQ": 500.0, "SPY": 600.0, "AAPL": 230.0, "MSFT": 430.0, "NVDA": 140.0, "TSLA": 350.0, "IWM": 220.0}


class RandomMarket:
    """Random walks for `tickers`: `rate` updates a second each, about every other one a trade.

    The day's volume starts where the time of day puts it, so that it never falls when an exchange is started again.
    """

    def __init__(self, tickers: Sequence[str], rate: float = 5.0, seed: int | None = None) -> None:
        self._random = random.Random(seed)
        self._rate = rate
        self._states = {ticker: self._first_state(ticker) for ticker in tickers}
        today = calendar.trading_day(protocol.now_ms() * 1000)
        self._boards = {
            ticker: OptionBoard(ticker, state[EquityField.LAST], today) for ticker, state in self._states.items()
        }

    def snapshots(self) -> Iterable[tuple[str, str, Fields]]:
        """The state of each ticker and its options."""
        for ticker, state in self._states.items():
            yield EQUITIES, ticker, state
            for symbol, fields in self._boards[ticker].snapshots(state[EquityField.LAST]):
                yield OPTIONS, symbol, fields

    def chains(self) -> dict[str, dict[str, Any]]:
        """A chain that expires today for each ticker."""
        return {ticker: board.chain(self._states[ticker][EquityField.LAST]) for ticker, board in self._boards.items()}

    async def run(self, exchange: Publisher) -> None:
        """Move for ever."""
        while True:
            await asyncio.sleep(self._random.expovariate(self._rate * len(self._states)))
            ticker = self._random.choice(list(self._states))
            changes = self._move(ticker)
            await exchange.publish(EQUITIES, [(ticker, changes)])
            if EquityField.LAST in changes:
                await exchange.publish(OPTIONS, self._boards[ticker].move(changes[EquityField.LAST]))

    def _first_state(self, ticker: str) -> Fields:
        price = KNOWN_PRICES.get(ticker, 20.0 + zlib.crc32(ticker.encode()) % 40_000 / 100)
        now_ms = protocol.now_ms()
        day_began_us = calendar.eastern_us(calendar.trading_day(now_ms * 1000), MIDNIGHT)
        elapsed_seconds = (now_ms * 1000 - day_began_us) // 1_000_000
        return {
            EquityField.BID: round(price - 0.01, 2),
            EquityField.ASK: round(price + 0.01, 2),
            EquityField.LAST: price,
            EquityField.BID_SIZE: 3,
            EquityField.ASK_SIZE: 3,
            EquityField.TOTAL_VOLUME: SHARES_PER_SECOND * elapsed_seconds,
            EquityField.LAST_SIZE: 100,
            EquityField.STATUS: "Normal",
            EquityField.QUOTE_MS: now_ms,
            EquityField.TRADE_MS: now_ms,
        }

    def _move(self, ticker: str) -> Fields:
        state, now_ms = self._states[ticker], protocol.now_ms()
        middle = max(1.0, (state[EquityField.BID] + state[EquityField.ASK]) / 2 * (1 + self._random.gauss(0, 1e-4)))
        spread = self._random.choice((0.01, 0.01, 0.01, 0.02, 0.03))
        bid = round(middle - spread / 2, 2)
        changes: Fields = {
            EquityField.BID: bid,
            EquityField.ASK: round(bid + spread, 2),
            EquityField.BID_SIZE: self._random.randint(1, 20),
            EquityField.ASK_SIZE: self._random.randint(1, 20),
            EquityField.QUOTE_MS: now_ms,
        }
        if self._random.random() < 0.6:
            size = self._random.choice((1, 5, 10, 25, 50, 100, 100, 100, 200, 500))
            side = self._random.choice((EquityField.BID, EquityField.ASK))
            changes |= {
                EquityField.LAST: changes[side],
                EquityField.LAST_SIZE: size,
                EquityField.TOTAL_VOLUME: state[EquityField.TOTAL_VOLUME] + size,
                EquityField.TRADE_MS: now_ms,
            }
        state.update(changes)
        return changes
