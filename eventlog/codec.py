"""One event <-> one row of `events`, with the CRC that ties a row's columns together.

The CRC-32 covers, in this order: kind NUL ticker NUL (UTF-8), seq, ts_us, recorded_us (little-endian int64), payload.
"""

import sqlite3
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import msgspec

from eventlog.errors import CorruptEventError
from eventlog.events import StoredEvent

COLUMNS = "seq, kind, ticker, ts_us, recorded_us, payload, crc"
WIDTH = 7
"""How many columns a row has. Rows to insert are one flat list, seven values a row, as SQLite binds them."""

encode_payload = msgspec.json.Encoder().encode
pack_numbers = struct.Struct("<qqq").pack
crc32 = zlib.crc32


def prefix_crc(kind: str, ticker: str) -> int:
    """The CRC of what every event of one kind and ticker begins with, so that it is computed once."""
    return crc32(f"{kind}\0{ticker}\0".encode())


def event_crc(event: StoredEvent) -> int:
    """The CRC that a row with this content must carry."""
    numbers = pack_numbers(event.seq, event.ts_us, event.recorded_us)
    return crc32(event.payload, crc32(numbers, prefix_crc(event.kind, event.ticker)))


class RowDecoder:
    """Rows as SQLite gives them with `text_factory = bytes` -> checked events.

    Keeps the CRC of each (kind, ticker) seen; there are as many as there are symbols.
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[Any, Any], tuple[str, str, int]] = {}

    def decode(self, rows: Iterable[tuple[Any, ...]]) -> list[StoredEvent]:
        """Every row's event, in order. Raises CorruptEventError for the first that does not match its CRC."""
        events: list[StoredEvent] = []
        add = events.append
        seen = self._seen
        for seq, kind_bytes, ticker_bytes, ts_us, recorded_us, payload, crc in rows:
            try:
                kind, ticker, prefix = seen[kind_bytes, ticker_bytes]
                computed = crc32(payload, crc32(pack_numbers(seq, ts_us, recorded_us), prefix))
            except KeyError:
                self._meet(seq, kind_bytes, ticker_bytes)
                events += self.decode([(seq, kind_bytes, ticker_bytes, ts_us, recorded_us, payload, crc)])
                continue
            except (TypeError, struct.error) as error:
                raise CorruptEventError(seq, "a column has lost its type") from error
            if computed != crc:
                raise CorruptEventError(seq, "its content does not match its CRC")
            add(StoredEvent(seq, kind, ticker, ts_us, recorded_us, payload))
        return events

    def _meet(self, seq: int, kind_bytes: Any, ticker_bytes: Any) -> None:
        """Remember names that were not seen before. Damage ends the reading, so that few are remembered wrongly."""
        self._seen[kind_bytes, ticker_bytes] = self._learn(seq, kind_bytes, ticker_bytes)

    @staticmethod
    def _learn(seq: int, kind_bytes: bytes, ticker_bytes: bytes) -> tuple[str, str, int]:
        try:
            kind, ticker = kind_bytes.decode(), ticker_bytes.decode()
        except (AttributeError, UnicodeDecodeError) as error:
            raise CorruptEventError(seq, "its kind or ticker is not text") from error
        return kind, ticker, prefix_crc(kind, ticker)


def use_bytes(connection: sqlite3.Connection) -> None:
    """Make `connection` give TEXT as bytes, which the decoder expects: a damaged payload need not be UTF-8."""
    connection.text_factory = bytes
