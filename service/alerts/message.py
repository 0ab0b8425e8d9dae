"""What is sent: one message for a change, one for a day."""

import socket
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from service.alerts.changes import Alert
from service.health.check import duration, size


@dataclass(frozen=True)
class Message:
    """`subject` is one line, `text` all of it for people, `content` the same for machines."""

    subject: str
    text: str
    content: dict[str, Any]


@dataclass(frozen=True)
class Digest:
    """A trading day in figures. The lag is the largest seen that day: events not folded, seconds a row was unsent."""

    day: date
    ticks: int
    gap_count: int
    gap_seconds: float
    lag_events: int
    unsent_seconds: float
    dead_letters: int
    database_bytes: int
    level: str


def of_alert(alert: Alert) -> Message:
    """The message for a change."""
    subject = f"ticktape {alert.level}: {alert.check} ({alert.value})"
    since = f"{_iso(alert.since_us)}, {duration((alert.at_us - alert.since_us) / 1e6)} ago"
    text = f"{alert.sentence}\nSince {since}, on {socket.gethostname()}."
    content = {
        "kind": "alert",
        "check": alert.check,
        "level": alert.level,
        "value": alert.value,
        "sentence": alert.sentence,
        "since": _iso(alert.since_us),
        "at": _iso(alert.at_us),
    }
    return Message(subject, text, content | _origin())


def of_digest(digest: Digest) -> Message:
    """The message for a day."""
    subject = f"ticktape {digest.day}: {digest.ticks:,} ticks, {digest.level}"
    holes = f"{digest.gap_count} holes, {duration(digest.gap_seconds)}" if digest.gap_count else "no hole"
    text = (
        f"{digest.ticks:,} ticks recorded, {holes}.\n"
        f"Largest lag: {digest.lag_events:,} events, rows at most {duration(digest.unsent_seconds)} unsent.\n"
        f"{digest.dead_letters} dead letters, databases {size(digest.database_bytes)}, on {socket.gethostname()}."
    )
    content = {"kind": "digest", **vars(digest), "day": digest.day.isoformat()}
    return Message(subject, text, content | _origin())


def _origin() -> dict[str, str]:
    return {"source": "ticktape", "host": socket.gethostname()}


def _iso(ts_us: int) -> str:
    return datetime.fromtimestamp(ts_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
