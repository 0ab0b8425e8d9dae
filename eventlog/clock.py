"""The one source of wall-clock time, so that tests can inject their own."""

import time
from typing import Protocol


class Clock(Protocol):
    """Wall-clock time in microseconds since 1970-01-01 UTC."""

    def now_us(self) -> int: ...


class SystemClock:
    """The operating system's clock."""

    def now_us(self) -> int:
        return time.time_ns() // 1000


class ManualClock:
    """A clock that stands still until it is told otherwise."""

    def __init__(self, now_us: int) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        return self._now_us

    def advance_us(self, step_us: int) -> None:
        self._now_us += step_us
