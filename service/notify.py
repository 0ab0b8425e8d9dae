"""systemd's notification protocol: ready, alive, stopping. Without NOTIFY_SOCKET every call does nothing.

Source: sd_notify(3), sd_watchdog_enabled(3).
"""

import contextlib
import os
import socket


def ready() -> None:
    """The service has started."""
    _send("READY=1")


def stopping() -> None:
    """The service ends in order; systemd then waits for TimeoutStopSec instead of the watchdog."""
    _send("STOPPING=1")


def alive() -> None:
    """Feed the watchdog. The caller has just seen that the event loop and the log answer."""
    _send("WATCHDOG=1")


def watchdog_seconds() -> float | None:
    """How often `alive` must be heard at least, None when nobody listens."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    is_for_us = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    if not is_for_us or not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    return int(microseconds) / 1_000_000


def _send(message: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    # An abstract socket is written with @ and addressed with a zero byte.
    path = "\0" + address[1:] if address.startswith("@") else address
    # A manager that does not listen must not disturb the recording.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.setblocking(False)
        manager.sendto(message.encode(), path)
