"""The digest of `replication_digest` in supabase/migrations, computed over local rows: same text, same md5."""

import decimal
import hashlib
import struct
from collections.abc import Callable, Sequence
from typing import Any

from replicator import rows
from replicator.rows import Row
from replicator.tables import TableSpec

_CENT_OF_A_CENT = decimal.Decimal("0.0001")
_CONTEXT = decimal.Context(prec=400, rounding=decimal.ROUND_HALF_UP)


def line_maker(table: TableSpec) -> Callable[[Row], str]:
    """A function that writes a row of `table` as the destination's digest function does."""
    writers = [(column, _writer(table, column)) for column in table.columns if column not in table.extra]

    def line(row: Row) -> str:
        values = ((write, getattr(row, column)) for column, write in writers)
        return "|".join("-" if value is None else write(value) for write, value in values)

    return line


def _writer(table: TableSpec, column: str) -> Callable[[Any], str]:
    if column in table.decimals:
        return as_numeric
    if column in table.floats:
        return _bits
    if column in ("timestamp", "ended_at"):
        return _microseconds
    return str


def as_numeric(value: float) -> str:
    """`value` as PostgreSQL stores it in numeric(14,4): its shortest decimal, rounded half away from zero."""
    exact = decimal.Decimal(repr(value)).quantize(_CENT_OF_A_CENT, context=_CONTEXT)
    return f"{exact if exact else abs(exact):f}"


def _bits(value: float) -> str:
    return struct.pack(">d", value).hex()


def _microseconds(moment: Any) -> str:
    return str(rows.microseconds(moment))


def in_key_order(table: TableSpec, found: Sequence[Row]) -> list[Row]:
    """The order in which the destination's function strings the rows of one ticker together."""
    if table.name != "option_prices":
        return sorted(found, key=lambda row: row.timestamp)
    return sorted(found, key=_option_order)


def _option_order(row: Any) -> tuple[Any, ...]:
    return row.timestamp, row.option_type.encode(), decimal.Decimal(as_numeric(row.strike_price)), row.expiration_date


def md5(lines: Sequence[str]) -> str:
    """The digest of the lines of one ticker and hour."""
    return hashlib.md5("\n".join(lines).encode(), usedforsecurity=False).hexdigest()
