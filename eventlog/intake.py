"""From a batch of events to rows that may be committed: checks, seqs, CRCs. The log and its in-memory double use it."""

import collections
import time
from collections.abc import Sequence

from loguru import logger

from eventlog import codec, validation
from eventlog.errors import InvalidEventError
from eventlog.events import KIND_OF_PAYLOAD, Event

_WARN_EVERY_SECONDS = 10.0
_TICK = "equity_tick"
_ABOUT_THE_RECORDING = ("feed_connected", "feed_gap", "service_started", "service_stopped")


class Intake:
    """Gives out seqs. Synchronous, so that the order of seqs is the order of the calls.

    Invariant: `next_seq` and `_last_tick_us` move only when the whole batch is accepted.
    """

    def __init__(self, next_seq: int, last_tick_us: dict[str, int]) -> None:
        self.next_seq = next_seq
        self.refused: collections.Counter[str] = collections.Counter()
        self._last_tick_us = last_tick_us
        self._prefixes: dict[tuple[str, str], int] = {}
        self._warned_at = -_WARN_EVERY_SECONDS

    def rows(self, batch: Sequence[Event], now_us: int) -> list[codec.Row]:
        """The rows of `batch`, recorded at `now_us`. Raises InvalidEventError and takes nothing when one is refused."""
        try:
            rows, moved = self._build(batch, now_us)
        except InvalidEventError as error:
            self._refuse(error)
            raise
        self.next_seq += len(rows)
        self._last_tick_us.update(moved)
        return rows

    def _build(self, batch: Sequence[Event], now_us: int) -> tuple[list[codec.Row], dict[str, int]]:
        rows: list[codec.Row] = []
        moved: dict[str, int] = {}
        horizon_us = now_us + validation.FUTURE_TOLERANCE_US
        encode, crc32, pack = codec.encode_payload, codec.crc32, codec.pack_numbers
        prefixes, check = self._prefixes, validation.check_payload
        for seq, event in enumerate(batch, self.next_seq):
            ticker, ts_us, payload = event.ticker, event.ts_us, event.payload
            kind = KIND_OF_PAYLOAD[type(payload)]
            prefix = prefixes.get((kind, ticker))
            if prefix is None:
                prefix = self._new_prefix(kind, ticker)
            if kind == _TICK:
                moved[ticker] = self._check_tick_time(ticker, ts_us, moved, horizon_us)
            else:
                validation.check_time(ts_us, horizon_us)
            check(payload)
            body = encode(payload)
            crc = crc32(body, crc32(pack(seq, ts_us, now_us), prefix))
            rows.append((seq, kind, ticker, ts_us, now_us, body.decode(), crc))
        return rows, moved

    def _new_prefix(self, kind: str, ticker: str) -> int:
        validation.check_ticker(ticker, may_be_empty=kind in _ABOUT_THE_RECORDING)
        prefix = codec.prefix_crc(kind, ticker)
        self._prefixes[kind, ticker] = prefix
        return prefix

    def _check_tick_time(self, ticker: str, ts_us: int, moved: dict[str, int], horizon_us: int) -> int:
        last_us = moved.get(ticker) or self._last_tick_us.get(ticker, 0)
        # The successor of the last tick is always accepted: after a clock was set back it may lie in the future.
        if ts_us != last_us + 1 or last_us == 0:
            validation.check_time(ts_us, horizon_us)
        if ts_us <= last_us:
            raise InvalidEventError("ts_us", ts_us, f"ticks of {ticker} must be later than its last one at {last_us}")
        return ts_us

    def _refuse(self, error: InvalidEventError) -> None:
        self.refused[error.field] += 1
        now = time.monotonic()
        if now - self._warned_at >= _WARN_EVERY_SECONDS:
            self._warned_at = now
            logger.warning("event refused: {} ({} so far)", error, self.refused.total())
