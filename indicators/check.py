"""Whether the stored rows are what the log gives: a replay that writes nothing.

Only what was stored when the check began is compared, so that it can run beside the service.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from eventlog.database import Database
from eventlog.events import StoredEvent
from indicators import pages, registry, schema, store
from indicators.bars import FROM_TICKS, BarRow
from indicators.definition import Definition
from indicators.errors import NotProjectedError
from indicators.fold import Fold, Folded, IndicatorRow
from indicators.store import Position

_FOR_EVER = 2**63 - 1
_TS_US = 2
_BAR_NAMES = ("ticker", "ts_us", "open", "high", "low", "close", "volume", "vwap", "source")

_BARS = f"SELECT {', '.join(_BAR_NAMES)} FROM bars WHERE ticker = ? AND ts_us BETWEEN ? AND ?"
_BAR = f"SELECT {', '.join(_BAR_NAMES)} FROM bars WHERE ticker = ? AND ts_us = ?"


class Report(msgspec.Struct, frozen=True):
    """`rows` and `bars` were compared through the seq `checkpoint`; `difference` names the first one that differs."""

    agrees: bool
    checkpoint: int
    rows: int
    bars: int
    difference: str | None


class _DifferenceError(Exception):
    """Ends the comparison at the first difference, which its message names."""


async def check(log: pages.Readable, state: Database, progress: Callable[[int, int | None], None]) -> Report:
    """Replay `log` by the definition that is stored with the rows of `state`, and compare.

    Raises NotProjectedError when there is none that this version knows, CorruptEventError, ProjectionError.
    """
    position, states = await state.run(_snapshot)
    definition = None if position is None else Definition.from_stored(position.definition)
    if position is None or definition is None:
        raise NotProjectedError("there are no indicators of this version yet: run `ticktape rebuild` first")
    comparison = _Comparison(state, position.checkpoint, await pages.begins_at_us(log))
    fold = Fold(definition)
    through, difference = 0, None
    try:
        while through < position.checkpoint:
            page = await pages.read(log, through)
            events = [event for event in page.events if comparison.covers(event)]
            await comparison.page(fold.page(events))
            through = page.through_seq if page.through_seq > through else position.checkpoint
            progress(min(through, position.checkpoint), position.checkpoint)
        await comparison.end(dict(states), fold.states())
    except _DifferenceError as found:
        difference = str(found)
    return Report(difference is None, position.checkpoint, comparison.rows, comparison.bars, difference)


def _snapshot(connection: sqlite3.Connection) -> tuple[Position | None, list[tuple[str, str]]]:
    connection.execute("BEGIN")
    try:
        return store.position(connection), store.states(connection)
    finally:
        connection.execute("COMMIT")


class _Comparison:
    """Replayed rows and bars beside the stored ones, page by page. Raises _DifferenceError."""

    def __init__(self, state: Database, checkpoint: int, from_us: int) -> None:
        self.rows = 0
        self.bars = 0
        self._state = state
        self._names = ("seq", "ticker", "ts_us", *registry.INDICATORS)
        self._select = (
            f"SELECT seq, ticker, ts_us, {schema.indicator_columns()} FROM indicators"
            " WHERE ticker = ? AND ts_us > ? AND ts_us <= ? AND seq <= ? ORDER BY ts_us"
        )
        self._checkpoint = checkpoint
        self._from_us = from_us
        self._compared_us: dict[str, int] = {}
        self._forming: dict[str, BarRow] = {}
        self._backfilled: dict[tuple[str, int], BarRow] = {}

    def covers(self, event: StoredEvent) -> bool:
        """Whether `event` belongs to what is compared."""
        return event.seq <= self._checkpoint and event.ts_us >= self._from_us

    async def page(self, folded: Folded) -> None:
        """Compare what one page gave, save for the bars that the next page may continue."""
        rows = _grouped(folded.rows, ticker_index=1)
        bars = _grouped(folded.bar_rows, ticker_index=0)
        self._backfilled.update({bar[:2]: bar for bar in folded.backfilled})
        for ticker, replayed in rows.items():
            await self._compare_rows(ticker, replayed[-1][_TS_US], replayed)
        for ticker, touched in bars.items():
            if ticker in self._forming and self._forming[ticker][1] < touched[0][1]:
                touched.insert(0, self._forming[ticker])
            self._forming[ticker] = touched.pop()
            await self._compare_bars(ticker, touched)

    async def end(self, states: Mapping[str, str], replayed: Mapping[str, str]) -> None:
        """Look for stored rows that no event gives, and compare fetched bars and the kernels, forming bars included."""
        for ticker in await self._state.run(_tickers):
            await self._compare_rows(ticker, _FOR_EVER, [])
        await self._compare_last_bars()
        stored = await self._state.run(lambda raw: [raw.execute(_BAR, key).fetchone() for key in self._backfilled])
        for found, bar in zip(stored, self._backfilled.values(), strict=True):
            _compare("bar", _BAR_NAMES, found, bar)
        for ticker in sorted({*states, *replayed} if self._from_us == 0 else replayed):
            if _state(states, ticker) != _state(replayed, ticker):
                raise _DifferenceError(f"{ticker}: kernels are {states.get(ticker)}, replayed {replayed.get(ticker)}")

    async def _compare_last_bars(self) -> None:
        """The last bar of each ticker, unless the projection has gone on: then it may have grown."""
        position = await self._state.run(store.position)
        if position is not None and position.checkpoint == self._checkpoint:
            for ticker, bar in self._forming.items():
                await self._compare_bars(ticker, [bar])

    async def _compare_rows(self, ticker: str, until_us: int, replayed: Sequence[IndicatorRow]) -> None:
        since_us = self._compared_us.get(ticker, self._from_us - 1)
        values = (ticker, since_us, until_us, self._checkpoint)
        stored = await self._state.run(lambda raw: raw.execute(self._select, values).fetchall())
        if stored != replayed:
            by_time = {row[_TS_US]: row for row in stored}, {row[_TS_US]: row for row in replayed}
            for ts_us in sorted({*by_time[0], *by_time[1]}):
                _compare("row", self._names, by_time[0].get(ts_us), by_time[1].get(ts_us))
        self._compared_us[ticker] = until_us
        self.rows += len(replayed)

    async def _compare_bars(self, ticker: str, replayed: Sequence[BarRow]) -> None:
        if not replayed:
            return
        span = (ticker, replayed[0][1], replayed[-1][1])
        stored = {bar[1]: bar for bar in await self._state.run(lambda raw: raw.execute(_BARS, span).fetchall())}
        for bar in replayed:
            found = stored.get(bar[1])
            if found is None or found[-1] == FROM_TICKS:
                _compare("bar", _BAR_NAMES, found, bar)
        self.bars += len(replayed)


def _state(states: Mapping[str, str], ticker: str) -> bytes:
    """As this version writes it: an earlier one may have written the same numbers in other digits (1e-05, 1e-5)."""
    return msgspec.json.encode(msgspec.json.decode(states.get(ticker, "null")))


def _compare(what: str, names: Sequence[str], stored: Sequence[Any] | None, replayed: Sequence[Any] | None) -> None:
    """Raise _DifferenceError that names the first column in which the two differ."""
    if stored == replayed:
        return
    key = dict(zip(names, stored or replayed or (), strict=True))
    where = f"{what} {key['ticker']} {_iso(key['ts_us'])}" + (f" (seq {key['seq']})" if "seq" in key else "")
    if stored is None or replayed is None:
        raise _DifferenceError(f"{where} is {'missing' if stored is None else 'stored, but the log does not give it'}")
    name, old, new = next(each for each in zip(names, stored, replayed, strict=True) if each[1] != each[2])
    raise _DifferenceError(f"{where}: {name} is stored as {old!r}, replayed as {new!r}")


def _iso(ts_us: int) -> str:
    moment = datetime.fromtimestamp(ts_us // 1_000_000, UTC).replace(microsecond=ts_us % 1_000_000)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _grouped(rows: Iterable[Any], ticker_index: int) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for row in rows:
        groups.setdefault(row[ticker_index], []).append(row)
    return groups


def _tickers(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT DISTINCT ticker FROM indicators ORDER BY ticker")]
