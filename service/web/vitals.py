"""The vital signs on the page: health's own checks, drawn finer where a person wants to see more than one figure."""

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from service import redaction
from service.health import checks, snapshot
from service.health.check import Check, Level, duration
from service.health.facts import Facts, TableFacts

if TYPE_CHECKING:
    from service.app import Service

CURVE_POINTS = 120
RATE_POINTS = 10
SECOND_US = 1_000_000

TITLES = {
    "feed": "Feed",
    "log": "Log",
    "projection": "Projection lag",
    "dead_letters": "Dead letters",
    "gaps": "Gaps today",
    "token": "Login",
    "disk": "Disk",
    "replication": "Unsent",
    "process": "Process",
    "wal": "Write-ahead log",
}
SHOWN_WHEN_NOT_OK = frozenset({"process", "wal"})

Sign = dict[str, Any]


class Vitals:
    """Takes the signs, and keeps the last CURVE_POINTS of those drawn as a curve."""

    def __init__(self, service: "Service") -> None:
        self._service = service
        self._curves: dict[str, deque[float]] = {}
        self._ticks: deque[tuple[float, int]] = deque(maxlen=RATE_POINTS)

    async def take(self) -> dict[str, Any]:
        """`level` and `checks`, each with name, title, level, value, sentence and perhaps `spark`, its last values."""
        taken = await snapshot.take(self._service)
        signs: list[Sign] = []
        for check in taken.checks:
            if check.name == "feed":
                signs += self._feed(check, taken.facts)
            elif check.name == "replication" and taken.facts.tables:
                signs += [self._table(table, taken.facts.now_us) for table in taken.facts.tables]
            elif check.name not in SHOWN_WHEN_NOT_OK or check.level != "ok":
                signs.append(_sign(check.name, TITLES.get(check.name, check.name), check))
        return {"taken_us": taken.taken_us, "level": taken.level, "checks": signs}

    def _feed(self, check: Check, facts: Facts) -> list[Sign]:
        """Health's one check is about the connection, or, once that stands, about the age of the last tick."""
        state = facts.feed.state if facts.feed else "not running"
        last_us = facts.feed.last_tick_us if facts.feed else None
        age = "none yet" if last_us is None else _age(facts.now_us - last_us)
        rate = self._rate(self._service.feed.status.counters.ticks)
        is_streaming = state == "streaming"
        connection = Check("feed", "ok" if is_streaming else check.level, state.replace("_", " "), check.sentence)
        freshness = Check("last_tick", check.level if is_streaming else "ok", age, check.sentence)
        return [
            _sign("feed", "Feed", connection),
            _sign("last_tick", "Last tick", freshness),
            self._curve("ticks_a_second", rate)
            | _sign("ticks_a_second", "Ticks a second", Check("", "ok", f"{rate:,.1f}", "")),
        ]

    def _table(self, table: TableFacts, now_us: int) -> Sign:
        name = f"unsent_{table.table}"
        check = Check(name, _table_level(table, now_us), f"{table.unsent:,}", _table_sentence(table, now_us))
        return self._curve(name, table.unsent) | _sign(name, f"Unsent {table.table}", check)

    def _curve(self, name: str, value: float) -> Sign:
        curve = self._curves.setdefault(name, deque(maxlen=CURVE_POINTS))
        curve.append(round(value, 1))
        return {"spark": list(curve)}

    def _rate(self, count: int) -> float:
        self._ticks.append((time.monotonic(), count))
        (since, first), (until, last) = self._ticks[0], self._ticks[-1]
        return (last - first) / (until - since) if until > since else 0.0


def _sign(name: str, title: str, check: Check) -> Sign:
    return {"name": name, "title": title, "level": check.level, "value": check.value, "sentence": check.sentence}


def _age(us: int) -> str:
    return f"{max(0, us) / SECOND_US:.1f} s ago" if us < 10 * SECOND_US else f"{duration(us / SECOND_US)} ago"


def _table_level(table: TableFacts, now_us: int) -> Level:
    """As health judges, except that a failed attempt shows at once."""
    age = _unsent_seconds(table, now_us)
    if table.state == "halted" or age >= checks.UNSENT_ERROR_SECONDS:
        return "error"
    return "warning" if table.state == "retrying" or age >= checks.UNSENT_WARNING_SECONDS else "ok"


def _table_sentence(table: TableFacts, now_us: int) -> str:
    if _table_level(table, now_us) == "ok":
        return f"{table.delivered:,} rows delivered."
    waiting = f"Waiting for {duration(_unsent_seconds(table, now_us))}; nothing is lost, it goes on by itself"
    return f"{waiting}: {redaction.redact(table.last_error)}" if table.last_error else f"{waiting}."


def _unsent_seconds(table: TableFacts, now_us: int) -> float:
    return 0.0 if table.behind_since_us is None else max(0, now_us - table.behind_since_us) / SECOND_US
