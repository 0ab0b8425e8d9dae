"""Rows whose columns were damaged: named as corrupt events, whichever row of its ticker comes first."""

import pytest

from eventlog import codec
from eventlog.errors import CorruptEventError
from eventlog.events import StoredEvent

_EVENT = StoredEvent(1, "equity_tick", "QQQ", 2, 3, b"{}")
_ROW = (1, b"equity_tick", b"QQQ", 2, 3, b"{}", codec.event_crc(_EVENT))


@pytest.mark.parametrize("seen_before", [False, True])
@pytest.mark.parametrize(
    ("column", "damaged"),
    [(1, 7), (1, b"\xff"), (2, None), (3, None), (3, b"text"), (3, 2**70), (4, 1.5), (5, None), (5, b"{ }"), (6, 0)],
)
def test_damage_is_a_corrupt_event(seen_before: bool, column: int, damaged: object) -> None:
    decoder = codec.RowDecoder()
    if seen_before:
        assert decoder.decode([_ROW]) == [_EVENT]
    row = (*_ROW[:column], damaged, *_ROW[column + 1 :])
    with pytest.raises(CorruptEventError):
        decoder.decode([row])
