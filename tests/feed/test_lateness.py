"""How late a frame is read, whatever Schwab's clock and ours say; times are made up."""

from feed.lateness import LATE_US, Lateness

SECOND_US = 1_000_000
BEGAN_US = 500 * SECOND_US
AHEAD_US = 1_700_000_000 * SECOND_US
"""How far Schwab's clock is ahead of a clock that began at the boot."""


def late_us(lateness: Lateness, sent_second: float, read_second: float) -> int:
    return lateness.of(AHEAD_US + round(sent_second * SECOND_US), round(read_second * SECOND_US))


def lateness() -> Lateness:
    found = Lateness(BEGAN_US)
    assert late_us(found, 501, 501.05) == 0
    return found


def test_what_is_read_as_it_comes_is_not_late() -> None:
    found = lateness()
    assert late_us(found, 502, 502.1) == 0
    assert late_us(found, 503, 503.05 + LATE_US / SECOND_US) == 0, "a slow network"


def test_what_waited_in_the_socket_is_as_late_as_it_waited() -> None:
    found = lateness()
    assert late_us(found, 502, 562.05) == 60 * SECOND_US
    assert late_us(found, 561, 562.05) == 0


def test_the_least_distance_counts_as_none() -> None:
    found = lateness()
    assert late_us(found, 510, 510.01) == 0
    assert late_us(found, 511, 514.01) == 3 * SECOND_US


def test_a_frame_older_than_its_connection_is_a_recording() -> None:
    found = lateness()
    assert found.of(AHEAD_US - 86_400 * SECOND_US, 502 * SECOND_US) == 0
    assert late_us(found, 503, 503.05) == 0


def test_without_a_time_nothing_is_said() -> None:
    assert lateness().of(None, 9_000 * SECOND_US) == 0
