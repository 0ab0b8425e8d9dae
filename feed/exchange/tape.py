"""A tape of real trades, played back as Schwab would stream them: one update per trade."""

import asyncio
import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feed.errors import TapeError
from feed.exchange.protocol import EQUITIES, EquityField, Fields
from feed.exchange.server import Publisher

COLUMNS = ["time", "price", "size"]
MAX_TRADES_PER_FRAME = 100


@dataclass(frozen=True, slots=True)
class TapeTrade:
    """One line: time in microseconds UTC, price in dollars, size in shares."""

    time_us: int
    price: float
    size: int


class Tape:
    """Plays the CSV file `path` (`time,price,size`, UTC) as `ticker`, gaps divided by `speed`.

    `played_volume` is how much of it an earlier run has played: the tape goes on behind that. Raises TapeError, which
    names file and line.
    """

    def __init__(self, path: Path, ticker: str, speed: float = 1.0, played_volume: int = 0) -> None:
        if not speed > 0:
            raise TapeError(f"speed {speed} must be larger than 0")
        self.ticker = ticker
        self._speed = speed
        trades = list(read_tape(path))
        self.total_volume = sum(trade.size for trade in trades)
        self._states = list(_states(trades))
        self._start = sum(1 for state in self._states if state[1][EquityField.TOTAL_VOLUME] <= played_volume)

    def snapshots(self) -> Iterable[tuple[str, str, Fields]]:
        """The state before the first trade to play."""
        before: Fields = {EquityField.TOTAL_VOLUME: 0, EquityField.STATUS: "Normal"}
        if self._start:
            before |= self._states[self._start - 1][1]
        yield EQUITIES, self.ticker, before

    def chains(self) -> dict[str, dict[str, Any]]:
        """None: a tape has no options."""
        return {}

    async def run(self, exchange: Publisher) -> None:
        """Play what is left; trades that are due together go out as items of one frame."""
        left = self._states[self._start :]
        if not left:
            return
        loop = asyncio.get_running_loop()
        began, first_us, sent = loop.time(), left[0][0], 0
        while sent < len(left):
            elapsed_us = math.inf if math.isinf(self._speed) else (loop.time() - began) * 1e6 * self._speed
            due = sent
            while due < len(left) and due - sent < MAX_TRADES_PER_FRAME and left[due][0] - first_us <= elapsed_us:
                due += 1
            if due == sent:
                await asyncio.sleep((left[sent][0] - first_us - elapsed_us) / 1e6 / self._speed)
                continue
            await exchange.publish(EQUITIES, [(self.ticker, fields) for _, fields in left[sent:due]])
            sent = due


def read_tape(path: Path) -> Iterator[TapeTrade]:
    """The trades of a tape, in its order. Raises TapeError."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            header = next(reader, None)
            if header != COLUMNS:
                raise TapeError(f"{path}, line 1: expected the header {','.join(COLUMNS)}")
            last_us = 0
            for row in reader:
                trade = _parse(row, path, reader.line_num)
                if trade.time_us < last_us:
                    raise TapeError(f"{path}, line {reader.line_num}: its time is before the line above")
                last_us = trade.time_us
                yield trade
    except OSError as error:
        raise TapeError(f"{path}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise TapeError(f"{path}: is not a CSV file of {','.join(COLUMNS)}") from error
    if last_us == 0:
        raise TapeError(f"{path}: holds no trades")


def _parse(row: list[str], path: Path, line: int) -> TapeTrade:
    try:
        time_text, price_text, size_text = row
        time = datetime.fromisoformat(time_text)
        time_us = round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1e6)
        price, size = float(price_text), int(size_text)
    except ValueError as error:
        raise TapeError(f"{path}, line {line}: expected time,price,size such as {_EXAMPLE} ({error})") from error
    if not (0 < price < 1e7 and 0 < size < 2**40 and time_us > 0):
        raise TapeError(f"{path}, line {line}: price and size must be larger than 0")
    return TapeTrade(time_us, price, size)


_EXAMPLE = "2012-06-21T13:30:00.275016Z,585.7400,40"


def _states(trades: Iterable[TapeTrade]) -> Iterator[tuple[int, Fields]]:
    total = 0
    for trade in trades:
        total += trade.size
        yield (
            trade.time_us,
            {
                EquityField.LAST: trade.price,
                EquityField.LAST_SIZE: trade.size,
                EquityField.TOTAL_VOLUME: total,
                EquityField.TRADE_MS: trade.time_us // 1000,
            },
        )
