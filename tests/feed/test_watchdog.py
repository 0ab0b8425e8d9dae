"""The watchdog and the pulse of tickers, on seconds that the test makes up."""

import pytest

from eventlog.clock import ManualClock
from feed import errors
from feed.intake import Intake
from feed.options import Options
from feed.pulse import Pulses
from feed.status import Status
from feed.watchdog import Watchdog

IN_SESSION_US = 1_763_650_000_000_000
AT_NIGHT_US = IN_SESSION_US + 12 * 3_600_000_000


def watchdog(now_us: int = IN_SESSION_US) -> tuple[Watchdog, Status]:
    status = Status()
    return Watchdog(Options(("QQQ",)), Intake(), status, ManualClock(now_us)), status


def test_thirty_seconds_without_a_frame_are_too_long() -> None:
    dog, _ = watchdog()
    for second in range(30):
        dog.look(float(second), is_reading=True)
    with pytest.raises(errors.SilentStreamError, match="30 s"):
        dog.look(30.0, is_reading=True)


def test_a_frame_ends_the_silence() -> None:
    dog, _ = watchdog()
    for second in range(300):
        dog.look(float(second), is_reading=True)
        if second % 29 == 0:
            dog.frame()


def test_a_process_that_stood_still_gives_the_peer_another_chance() -> None:
    dog, _ = watchdog()
    dog.look(0.0, is_reading=True)
    dog.look(3600.0, is_reading=True)
    dog.frame()


def test_silence_does_not_count_while_the_log_is_behind() -> None:
    dog, _ = watchdog()
    for second in range(300):
        dog.look(float(second), is_reading=False)


def _tick_then_silence(dog: Watchdog, ticks: int, every: float) -> float:
    now = 0.0
    for number in range(ticks):
        now = number * every
        dog.frame()
        dog.tick("QQQ", now)
    return now


def test_a_liquid_ticker_that_falls_silent_is_subscribed_anew_then_given_up() -> None:
    dog, status = watchdog()
    last = _tick_then_silence(dog, 30, every=1.0)
    assert not dog.look(last + 59, is_reading=True)
    assert dog.look(last + 60, is_reading=True)
    assert status.suspicious_tickers == ["QQQ"]
    dog.frame()
    assert not dog.look(last + 119, is_reading=True)
    dog.frame()
    with pytest.raises(errors.StaleTickerError, match="QQQ"):
        dog.look(last + 120, is_reading=True)


def test_a_tick_calls_it_off() -> None:
    dog, status = watchdog()
    last = _tick_then_silence(dog, 30, every=1.0)
    assert dog.look(last + 60, is_reading=True)
    dog.tick("QQQ", last + 61)
    assert not dog.look(last + 62, is_reading=True)
    assert status.suspicious_tickers == []


def test_quotes_are_life_but_no_beats() -> None:
    dog, status = watchdog()
    last = _tick_then_silence(dog, 30, every=1.0)
    for second in range(600):
        dog.frame()
        dog.quote("QQQ", last + second)
        assert not dog.look(last + second, is_reading=True)
    assert status.suspicious_tickers == []
    assert dog.look(last + 659, is_reading=True), "it fell silent in the end"


def test_quotes_alone_make_no_ticker_liquid() -> None:
    dog, _ = watchdog()
    for number in range(100):
        dog.quote("QQQ", float(number))
    assert not dog.look(600.0, is_reading=True)


@pytest.mark.parametrize(
    ("ticks", "every", "now_us"), [(30, 10.0, IN_SESSION_US), (10, 1.0, IN_SESSION_US), (30, 1.0, AT_NIGHT_US)]
)
def test_illiquid_new_and_nightly_tickers_may_be_silent(ticks: int, every: float, now_us: int) -> None:
    dog, _ = watchdog(now_us)
    last = _tick_then_silence(dog, ticks, every)
    assert not dog.look(last + 600, is_reading=True)


def test_the_pulse_forgets_old_intervals() -> None:
    pulses = Pulses()
    for number in range(100):
        pulses.beat("QQQ", float(number))
    for number in range(100):
        pulses.beat("QQQ", 100.0 + number * 20)
    assert pulses.stale(100.0 + 99 * 20 + 61, 60.0) == [], "it has become a slow ticker"
