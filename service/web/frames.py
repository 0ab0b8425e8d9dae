"""Stretches of the log as Server-Sent Events, encoded once for all viewers of a ticker."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from eventlog.api import Log
from eventlog.database import Database
from service.web import history

ALL_TICKERS = ""
"""The ticker of events about the whole recording: their messages go to every viewer."""


@dataclass(frozen=True)
class Batch:
    """What happened through `through_seq`: messages by ticker, the last price of each, the contracts quoted."""

    through_seq: int
    messages: dict[str, bytes] = field(default_factory=dict)
    prices: dict[str, float] = field(default_factory=dict)
    contracts: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def message(self, ticker: str) -> bytes:
        """What a viewer of `ticker` is sent."""
        return self.messages.get(ticker, b"") + self.messages.get(ALL_TICKERS, b"")


class FrameReader:
    """Reads the log in pages, joined with the indicators as far as the projection has folded."""

    def __init__(self, log: Log, state: Database, folded_seq: Callable[[], int]) -> None:
        self._log = log
        self._state = state
        self._folded_seq = folded_seq

    async def read(self, after: int, limit: int) -> Batch:
        """At most `limit` events beyond `after`. Raises CorruptEventError."""
        folded_seq = self._folded_seq()
        page = await self._log.read(after, limit)
        ticks: dict[str, list[history.Row]] = defaultdict(list)
        messages: dict[str, bytes] = defaultdict(bytes)
        batch = Batch(page.through_seq, messages)
        for event in page.events:
            if event.kind == "equity_tick":
                ticks[event.ticker].append(history.tick_row(event))
            elif event.kind == "feed_gap":
                gap = dict(zip(history.GAP_COLUMNS, history.gap_row(event), strict=True))
                messages[event.ticker] += message("gap", gap, page.through_seq)
            elif event.kind == "bar_backfill":
                reason = {"reason": "minutes of a hole were filled in"}
                messages[event.ticker] = message("resync", reason, page.through_seq)
            elif event.kind == "option_quote":
                contract = history.contract_row(event)
                batch.contracts.setdefault(event.ticker, {})[contract["symbol"]] = contract
        if ticks:
            await self._add_ticks(batch, ticks, folded_seq)
        return batch

    async def _add_ticks(self, batch: Batch, ticks: dict[str, list[history.Row]], folded_seq: int) -> None:
        times_us = {ticker: [row[1] for row in rows] for ticker, rows in ticks.items()}
        lines = await self._state.run(lambda connection: history.indicators_at(connection, times_us))
        for ticker, rows in ticks.items():
            joined = [
                (seq, ts_us, price, volume, *lines.get((ticker, ts_us), (None, None)))
                for seq, ts_us, price, _, volume in rows
            ]
            frame = {"ticker": ticker, "folded_seq": folded_seq, "rows": joined}
            batch.messages[ticker] += message("ticks", frame, batch.through_seq)
            batch.prices[ticker] = rows[-1][2]


def message(name: str, data: Any, seq: int | None = None) -> bytes:
    """One Server-Sent Event; `seq` becomes the id from which a viewer resumes."""
    identity = b"" if seq is None else b"id: %d\n" % seq
    return b"%sevent: %s\ndata: %s\n\n" % (identity, name.encode(), msgspec.json.encode(data))
