"""The fold of the log: pure, without a database. The same events give the same rows, however cut into pages."""

import bisect
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, TypeVar

import msgspec

from eventlog.events import BarBackfill, StoredEvent
from indicators import bars, registry
from indicators.bars import Bar, BarRow
from indicators.definition import Definition
from indicators.errors import ProjectionError
from indicators.kernels import Kernel
from indicators.ticks import Ticks
from market import calendar

T = TypeVar("T")

KINDS = ("equity_tick", "bar_backfill")

IndicatorRow = tuple[Any, ...]
"""seq, ticker, ts_us, then one value per registered indicator."""


class _Tick(msgspec.Struct, gc=False):
    """The part of an equity_tick's payload that is folded; the rest is not decoded."""

    price: float
    volume: int


_decode_tick = msgspec.json.Decoder(_Tick).decode
_decode_backfill = msgspec.json.Decoder(BarBackfill).decode


_seq_of_row = operator.itemgetter(0)


@dataclass(slots=True)
class Folded:
    """What one page gave. `rows` are in seq order; a bar of `bar_rows` supersedes the stored one of its minute."""

    rows: list[IndicatorRow] = field(default_factory=list)
    bar_rows: list[BarRow] = field(default_factory=list)
    backfilled: list[BarRow] = field(default_factory=list)
    tickers: set[str] = field(default_factory=set)

    def extend(self, later: "Folded") -> None:
        """Add what the following page gave."""
        self.rows += later.rows
        self.bar_rows += later.bar_rows
        self.backfilled += later.backfilled
        self.tickers |= later.tickers


class Fold:
    """The kernels of every ticker. `page` moves them; `state` and `restore` keep them."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._tickers: dict[str, TickerFold] = {}

    def page(self, events: Sequence[StoredEvent]) -> Folded:
        """Fold the next events of the log, in seq order. Raises ProjectionError before anything is folded."""
        ticks = [event for event in events if event.kind == "equity_tick"]
        decoded = _decode(ticks)
        folded = Folded(backfilled=[_backfilled(event) for event in events if event.kind == "bar_backfill"])
        by_ticker = _by_ticker(ticks, decoded)
        for ticker, columns in by_ticker.items():
            self._ticker(ticker).fold(columns, folded)
        if len(by_ticker) > 1:
            folded.rows.sort(key=_seq_of_row)
        folded.tickers.update(by_ticker)
        return folded

    def state(self, ticker: str) -> str:
        """The JSON from which `restore` continues to the same bit."""
        return msgspec.json.encode(self._tickers[ticker].state()).decode()

    def states(self) -> dict[str, str]:
        """The state of every ticker."""
        return {ticker: self.state(ticker) for ticker in self._tickers}

    def restore(self, states: Iterable[tuple[str, str]]) -> None:
        """Take (ticker, state) pairs as they were given by `state`, with the same definition."""
        for ticker, state in states:
            self._ticker(ticker).restore(msgspec.json.decode(state))

    def _ticker(self, ticker: str) -> "TickerFold":
        found = self._tickers.get(ticker)
        if found is None:
            found = self._tickers[ticker] = TickerFold(ticker, self._definition)
        return found


class TickerFold:
    """One ticker: the kernels of its current (or, when the market is closed, its next) session, and its forming bar.

    Invariant: the log holds a ticker's ticks in strictly increasing `ts_us`, so that times can be searched.
    """

    def __init__(self, ticker: str, definition: Definition) -> None:
        self._ticker = ticker
        self._definition = definition
        self._open_us = self._close_us = 0
        self._kernels: dict[str, Kernel] = {}
        self._bar: Bar | None = None

    def fold(self, ticks: Ticks, folded: Folded) -> None:
        """Fold ticks of this ticker and add what they give to `folded`."""
        touched = bars.extend(self._bar, ticks)
        self._bar = touched[-1]
        folded.bar_rows += [bar.row(self._ticker) for bar in touched]
        times_us, end = ticks.times_us, 0
        while end < len(times_us):
            if times_us[end] >= self._close_us:
                self._enter(times_us[end])
            start = bisect.bisect_left(times_us, self._open_us, end)
            end = bisect.bisect_left(times_us, self._close_us, start)
            if start < end:
                folded.rows += self._rows(ticks.part(start, end))

    def _enter(self, ts_us: int) -> None:
        """Begin the session of `ts_us`, or, when the market is closed then, the next one."""
        kind = self._definition.session
        session = calendar.session_at(ts_us, kind) or calendar.next_session(ts_us, kind)
        self._open_us, self._close_us = session.open_us, session.close_us
        parameters = self._definition.parameters(session)
        self._kernels = {name: one.make(parameters) for name, one in registry.INDICATORS.items()}

    def _rows(self, ticks: Ticks) -> Iterable[IndicatorRow]:
        columns = [kernel.fold(ticks) for kernel in self._kernels.values()]
        return zip(ticks.seqs, repeat(self._ticker, len(ticks.seqs)), ticks.times_us, *columns, strict=True)

    def state(self) -> dict[str, Any]:
        """All of it, as msgspec writes it to JSON; integers may exceed 64 bits."""
        return {"session_us": [self._open_us, self._close_us], "kernels": self._kernels, "bar": self._bar}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` gave."""
        self._open_us, self._close_us = state["session_us"]
        self._kernels = {
            name: registry.INDICATORS[name].kernel.from_state(one) for name, one in state["kernels"].items()
        }
        self._bar = msgspec.convert(state["bar"], Bar)


def _by_ticker(ticks: Sequence[StoredEvent], decoded: Sequence[_Tick]) -> dict[str, Ticks]:
    tickers = {event.ticker for event in ticks}
    if len(tickers) == 1:
        seqs, times_us = [event.seq for event in ticks], [event.ts_us for event in ticks]
        return {
            tickers.pop(): Ticks.of(seqs, times_us, [tick.price for tick in decoded], [tick.volume for tick in decoded])
        }
    groups: dict[str, list[tuple[int, int, float, int]]] = {}
    for event, tick in zip(ticks, decoded, strict=True):
        row = event.seq, event.ts_us, tick.price, tick.volume
        try:
            groups[event.ticker].append(row)
        except KeyError:
            groups[event.ticker] = [row]
    return {ticker: Ticks.of(*zip(*group, strict=True)) for ticker, group in groups.items()}


def _decode(ticks: Sequence[StoredEvent]) -> list[_Tick]:
    try:
        return [_decode_tick(tick.payload) for tick in ticks]
    except msgspec.MsgspecError:
        return [_readable(_decode_tick, tick) for tick in ticks]


def _backfilled(event: StoredEvent) -> BarRow:
    bar = _readable(_decode_backfill, event)
    return event.ticker, event.ts_us, bar.open, bar.high, bar.low, bar.close, bar.volume, None, bar.source


def _readable(decode: Callable[[bytes], T], event: StoredEvent) -> T:
    try:
        return decode(event.payload)
    except msgspec.MsgspecError as error:
        raise ProjectionError(event.seq, str(error)) from error
