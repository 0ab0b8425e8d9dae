"""The vital signs on the page: what health knows, and the rate of ticks; unsent rows as a curve."""

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from eventlog.clock import Clock

if TYPE_CHECKING:
    from service.app import Service

CURVE_POINTS = 120


class Vitals:
    """Takes the signs; keeps the last CURVE_POINTS of what is drawn as a curve."""

    def __init__(self, service: "Service", clock: Clock) -> None:
        self._service = service
        self._clock = clock
        self._curves: dict[str, deque[int]] = {}
        self._rate = _Rate()

    async def take(self) -> dict[str, Any]:
        """`checks`, each with name, title, level, value, sentence and perhaps `spark`, the last values."""
        head = self._service.context.log.head
        rate = self._rate.at(head)
        checks = [
            _check("events_rate", "Events a second", f"{rate:,.1f}"),
            _check("log_head", "Log head", f"{head:,}"),
        ]
        return {"now_us": self._clock.now_us(), "checks": checks}


def _check(name: str, title: str, value: str, level: str = "ok", sentence: str = "") -> dict[str, Any]:
    return {"name": name, "title": title, "level": level, "value": value, "sentence": sentence}


class _Rate:
    """The growth of a counter a second, over the last ten calls."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque(maxlen=10)

    def at(self, count: int) -> float:
        now = time.monotonic()
        self._seen.append((now, count))
        since, before = self._seen[0]
        return (count - before) / (now - since) if now > since else 0.0
