"""What is worth an alert: a check that gets worse, and one that has recovered. Nothing is told twice.

Open alerts are kept in DATA_DIR/alerts.json, so that a service that crashes and restarts does not repeat itself.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from service.health.check import SEVERITY, Check, Level

RECOVERY_HOLD_US = 60_000_000
"""So long must a check be ok before it counts as recovered: what flaps is one alert."""

# Yesterday's holes are no recovery of today's record.
ENDS_SILENTLY = frozenset({"gaps"})


class Alert(msgspec.Struct, frozen=True):
    """One change. `since_us` is when the check left ok, `sentence` what it means and what to do."""

    check: str
    level: Literal["warning", "error", "recovered"]
    since_us: int
    at_us: int
    value: str
    sentence: str


class Open(msgspec.Struct):
    """An alert that was told and has not recovered. `level` is the worst that was told."""

    level: Level
    since_us: int
    ok_since_us: int | None = None


class Changes:
    """Turns one snapshot after another into alerts."""

    def __init__(self, opened: dict[str, Open] | None = None) -> None:
        self.opened = dict(opened or {})

    def observe(self, checks: Iterable[Check], now_us: int) -> list[Alert]:
        """The alerts that `checks`, seen now, give rise to."""
        alerts = [self._observe(check, now_us) for check in checks]
        return [alert for alert in alerts if alert is not None]

    def _observe(self, check: Check, now_us: int) -> Alert | None:
        known = self.opened.get(check.name)
        if check.level == "ok":
            return None if known is None else self._recovering(check, known, now_us)
        if known is not None:
            known.ok_since_us = None
            if SEVERITY[check.level] <= SEVERITY[known.level]:
                return None
        since_us = now_us if known is None else known.since_us
        self.opened[check.name] = Open(check.level, since_us)
        return Alert(check.name, check.level, since_us, now_us, check.value, check.sentence)

    def _recovering(self, check: Check, known: Open, now_us: int) -> Alert | None:
        if known.ok_since_us is None:
            known.ok_since_us = now_us
        # A clock that was set back must not keep an alert open for good.
        known.ok_since_us = min(known.ok_since_us, now_us)
        if now_us - known.ok_since_us < RECOVERY_HOLD_US:
            return None
        del self.opened[check.name]
        if check.name in ENDS_SILENTLY:
            return None
        return Alert(check.name, "recovered", known.since_us, now_us, check.value, check.sentence)


def load(path: Path) -> Changes:
    """The open alerts of `path`; none when it is missing or not readable."""
    try:
        return Changes(msgspec.json.decode(path.read_bytes(), type=dict[str, Open]))
    except (OSError, msgspec.MsgspecError):
        return Changes()


def save(changes: Changes, path: Path) -> None:
    """Replace `path` in one step. A full disk is no reason to stop: at worst an alert is told again."""
    draft = path.with_suffix(".new")
    with contextlib.suppress(OSError):
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(changes.opened))
        draft.replace(path)
