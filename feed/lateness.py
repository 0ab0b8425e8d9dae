"""How late a frame is read. After a stall of ours the socket brings what was sent before it: no sign of life since."""

import time

LATE_US = 2_000_000
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_us() -> int:
    """Microseconds on a clock that nobody sets, and that goes on while the machine sleeps (on Linux)."""
    return time.clock_gettime_ns(_CLOCK) // 1000


class Lateness:
    """Of the frames of one connection, which began at `began_us`; times without a name are of `boot_us`.

    Schwab's clock need not agree with ours: the least distance seen counts as none. What is below LATE_US is taken for
    the network's. No frame is older than its connection: a stamp that says so (a recording's) is not believed.
    """

    def __init__(self, began_us: int) -> None:
        self._began_us = began_us
        self._least_us: int | None = None

    def of(self, sent_us: int | None, now_us: int) -> int:
        """How long ago a frame read now was sent, at `sent_us` of Schwab's clock; 0 when it is not late."""
        if sent_us is None:
            return 0
        distance_us = now_us - sent_us
        self._least_us = distance_us if self._least_us is None else min(distance_us, self._least_us)
        late_us = distance_us - self._least_us
        return late_us if LATE_US < late_us <= now_us - self._began_us else 0
