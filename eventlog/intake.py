"""From a batch of events to rows that may be committed: checks, seqs, CRCs. The log and its in-memory double use it."""

import collections
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from loguru import logger

from eventlog import codec, validation
from eventlog.errors import InvalidEventError
from eventlog.events import KIND_OF_PAYLOAD, EquityTick, Event, Payload, StoredEvent, decode

_WARN_EVERY_SECONDS = 10.0
_TICK = "equity_tick"
_ABOUT_A_TICKER = (_TICK, "equity_quote", "option_quote", "bar_backfill")


class Intake:
    """Gives out seqs. Synchronous, so that the order of seqs is the order of the calls.

    Invariant: `next_seq` and `_last_tick_us` move only when the whole batch is accepted.
    """

    def __init__(self, next_seq: int, last_tick_us: dict[str, int]) -> None:
        self.next_seq = next_seq
        self.refused: collections.Counter[str] = collections.Counter()
        self.accepted: collections.Counter[str] = collections.Counter()
        """Events by kind since the log was opened."""
        self._last_tick_us = last_tick_us
        self._prefixes: dict[str, dict[str, int]] = {kind: {} for kind in KIND_OF_PAYLOAD.values()}
        self._warned_at = -_WARN_EVERY_SECONDS

    def values(self, batch: Sequence[Event], now_us: int) -> list[Any]:
        """The rows of `batch`, recorded at `now_us`, as one flat list of `codec.COLUMNS`.

        Raises InvalidEventError and takes nothing when one event is refused.
        """
        try:
            values, moved = self._build(batch, now_us)
        except InvalidEventError as error:
            self._refuse(error)
            raise
        self.next_seq += len(batch)
        self._last_tick_us.update(moved)
        self._count(values[1 :: codec.WIDTH])
        return values

    def stored_values(self, batch: Sequence[StoredEvent], now_us: int) -> list[Any]:
        """As `values`, for events that were recorded before: kind, payload and `recorded_us` are kept as they are.

        A kind that a newer version wrote is kept too.
        """
        values: list[Any] = []
        moved: dict[str, int] = {}
        for seq, event in enumerate(batch, self.next_seq):
            self._check_stored(event, moved, now_us + validation.FUTURE_TOLERANCE_US)
            numbered = msgspec.structs.replace(event, seq=seq)
            values += (*_columns(numbered), codec.event_crc(numbered))
        self.next_seq += len(batch)
        self._last_tick_us.update(moved)
        self._count(values[1 :: codec.WIDTH])
        return values

    def _count(self, kinds: list[str]) -> None:
        for kind in set(kinds):
            self.accepted[kind] += kinds.count(kind)

    def _check_stored(self, event: StoredEvent, moved: dict[str, int], horizon_us: int) -> None:
        try:
            payload = decode(event)
        except msgspec.MsgspecError as error:
            raise InvalidEventError("payload", event.payload[:100], f"not a {event.kind}: {error}") from error
        validation.check_ticker(event.ticker, may_be_empty=event.kind not in _ABOUT_A_TICKER)
        validation.check_time(event.recorded_us, horizon_us)
        if event.kind == _TICK:
            last_us = moved.get(event.ticker) or self._last_tick_us.get(event.ticker, 0)
            _check_tick_time(event.ticker, event.ts_us, last_us, horizon_us)
            moved[event.ticker] = event.ts_us
        else:
            validation.check_time(event.ts_us, horizon_us)
        if payload is not None and event.kind in validation.CHECKS:
            validation.CHECKS[event.kind](payload)

    def _build(self, batch: Sequence[Event], now_us: int) -> tuple[list[Any], dict[str, int]]:
        values: list[Any] = []
        moved: dict[str, int] = {}
        horizon_us = now_us + validation.FUTURE_TOLERANCE_US
        encode, crc32, pack, check_tick = codec.encode_payload, codec.crc32, codec.pack_numbers, validation.check_tick
        tick_prefixes = self._prefixes[_TICK]
        for seq, event in enumerate(batch, self.next_seq):
            ticker, ts_us, payload = event.ticker, event.ts_us, event.payload
            if type(payload) is EquityTick:
                kind = _TICK
                prefix = tick_prefixes.get(ticker) or self._new_prefix(kind, ticker)
                last_us = moved.get(ticker) or self._last_tick_us.get(ticker, 0)
                if not (type(ts_us) is int and last_us < ts_us <= horizon_us and ts_us >= validation.EARLIEST_US):
                    _check_tick_time(ticker, ts_us, last_us, horizon_us)
                check_tick(payload)
                moved[ticker] = ts_us
            else:
                kind = _kind(payload)
                prefix = self._prefixes[kind].get(ticker) or self._new_prefix(kind, ticker)
                validation.check_time(ts_us, horizon_us)
                if kind in validation.CHECKS:
                    validation.CHECKS[kind](payload)
            body = encode(payload)
            crc = crc32(body, crc32(pack(seq, ts_us, now_us), prefix))
            values += (seq, kind, ticker, ts_us, now_us, body.decode(), crc)
        return values, moved

    def _new_prefix(self, kind: str, ticker: str) -> int:
        validation.check_ticker(ticker, may_be_empty=kind not in _ABOUT_A_TICKER)
        prefix = codec.prefix_crc(kind, ticker)
        self._prefixes[kind][ticker] = prefix
        return prefix

    def _refuse(self, error: InvalidEventError) -> None:
        self.refused[error.field] += 1
        now = time.monotonic()
        if now - self._warned_at >= _WARN_EVERY_SECONDS:
            self._warned_at = now
            logger.warning("event refused: {} ({} so far)", error, self.refused.total())


def _columns(event: StoredEvent) -> tuple[Any, ...]:
    text = event.payload.decode()
    return event.seq, event.kind, event.ticker, event.ts_us, event.recorded_us, text


def _kind(payload: Payload) -> str:
    kind = KIND_OF_PAYLOAD.get(type(payload))
    if kind is None:
        raise InvalidEventError("payload", type(payload).__name__, "a payload is one of eventlog.events")
    return kind


def _check_tick_time(ticker: str, ts_us: int, last_us: int, horizon_us: int) -> None:
    # The successor of the last tick is always accepted: after a clock was set back it may lie in the future.
    if last_us and ts_us == last_us + 1:
        return
    validation.check_time(ts_us, horizon_us)
    if ts_us <= last_us:
        raise InvalidEventError("ts_us", ts_us, f"ticks of {ticker} must be later than its last one at {last_us}")
