"""The transitions of the connection's state machine."""

import random

import pytest

from feed import errors
from feed.options import Watch
from feed.policy import Attempts


def attempts() -> Attempts:
    return Attempts(Watch(), random.Random(1))


@pytest.mark.parametrize(
    "error",
    [
        *(errors.StreamClosedError(code) for code in (1000, 1006, 1011, 1012)),
        *(errors.StreamerCodeError(code, "") for code in (9, 11, 19, 20, 21, 22, 23, 24, 25, 30)),
        errors.SilentStreamError("no frame for 30 s"),
        errors.StaleTickerError("no tick of QQQ"),
        errors.UnreachableError("no network"),
        errors.ProtocolError("unreadable"),
    ],
    ids=str,
)
def test_reconnect_soon(error: errors.ConnectionEndedError) -> None:
    step = attempts().after(error)
    assert step.state == "backing_off"
    assert 0.25 <= step.wait_seconds <= 0.5
    assert step.alarm is None


def test_the_backoff_grows_to_its_cap_and_is_jittered() -> None:
    failing = attempts()
    waits = [failing.after(errors.UnreachableError("x")).wait_seconds for _ in range(200)]
    for number, wait_seconds in enumerate(waits):
        ceiling = min(30.0, 0.5 * 2.0**number)
        assert ceiling / 2 <= wait_seconds <= ceiling
    assert len(set(waits[10:])) > 100
    failing.good()
    assert failing.after(errors.UnreachableError("x")).wait_seconds <= 0.5


def test_a_denied_login_refreshes_once_then_needs_a_person() -> None:
    denied = attempts()
    first = denied.after(errors.StreamerCodeError(3, "denied", "LOGIN"))
    assert (first.state, first.refresh_token, first.wait_seconds) == ("backing_off", True, 0.0)
    second = denied.after(errors.StreamerCodeError(3, "denied", "LOGIN"))
    assert (second.state, second.refresh_token) == ("login_needed", False)
    assert "ticktape login" in str(second.alarm)
    denied.accepted()
    assert denied.after(errors.StreamerCodeError(3, "denied", "LOGIN")).refresh_token


def test_a_dead_refresh_token_needs_a_person() -> None:
    step = attempts().after(errors.LoginNeededError("run `ticktape login`"))
    assert (step.state, step.alarm) == ("login_needed", "run `ticktape login`")


def test_a_takeover_waits_long_and_longer() -> None:
    taken = attempts()
    waits = [taken.after(errors.StreamerCodeError(12, "")) for _ in range(6)]
    assert [step.wait_seconds for step in waits] == [300, 600, 1200, 2400, 3600, 3600]
    assert all(step.state == "stream_taken" and step.alarm for step in waits)


def test_takeovers_without_end() -> None:
    taken = attempts()
    waits = [taken.after(errors.StreamerCodeError(12, "")).wait_seconds for _ in range(1100)]
    assert waits[-1] == 3600
