"""What is worth an alert: a check that gets worse, and one that has recovered. Nothing is told twice.

Open alerts are kept in DATA_DIR/alerts.json with what of them was told, so that a service that crashes and restarts
neither repeats itself nor forgets what it could not deliver.
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


class Open(msgspec.Struct):
    """A check that has left ok. `told` is the worst that at least one channel took, "ok" while none has.

    `level` is the worst that was put on its way, "ok" once the recovery was.
    """

    level: Level
    since_us: int
    told: Level = "ok"
    ok_since_us: int | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the next trouble of this check is another one."""
        return self.level == "ok" and self.ok_since_us is not None


class Alert(msgspec.Struct, frozen=True):
    """One change. `since_us` is when the check left ok, `sentence` what it means and what to do."""

    check: str
    level: Literal["warning", "error", "recovered"]
    since_us: int
    at_us: int
    value: str
    sentence: str
    about: Open

    def is_wanted(self) -> bool:
        """False for the recovery of what nobody has heard of (so far)."""
        return self.level != "recovered" or self.about.told != "ok"


class Changes:
    """Turns one snapshot after another into alerts, and remembers which of them were told."""

    def __init__(self, opened: dict[str, Open] | None = None) -> None:
        self.opened = dict(opened or {})

    def observe(self, checks: Iterable[Check], now_us: int) -> list[Alert]:
        """The alerts that `checks`, seen now, give rise to. Whoever sends one calls `taken` when it was delivered."""
        alerts = [self._observe(check, now_us) for check in checks]
        return [alert for alert in alerts if alert is not None]

    def taken(self, alert: Alert) -> None:
        """A channel took `alert`."""
        if alert.level != "recovered":
            alert.about.told = max(alert.about.told, alert.level, key=SEVERITY.__getitem__)
        elif self.opened.get(alert.check) is alert.about:
            del self.opened[alert.check]

    def _observe(self, check: Check, now_us: int) -> Alert | None:
        known = self.opened.get(check.name)
        if check.level == "ok":
            return None if known is None else self._recovering(check, known, now_us)
        if known is None or known.has_ended:
            known = self.opened[check.name] = Open("ok", now_us)
        known.ok_since_us = None
        if SEVERITY[check.level] <= SEVERITY[known.level]:
            return None
        known.level = check.level
        return Alert(check.name, check.level, known.since_us, now_us, check.value, check.sentence, known)

    def _recovering(self, check: Check, known: Open, now_us: int) -> Alert | None:
        if known.ok_since_us is None:
            known.ok_since_us = now_us
        # A clock that was set back must not keep an alert open for good.
        known.ok_since_us = min(known.ok_since_us, now_us)
        if known.level == "ok" or now_us - known.ok_since_us < RECOVERY_HOLD_US:
            return None
        known.level = "ok"
        if check.name in ENDS_SILENTLY:
            del self.opened[check.name]
            return None
        return Alert(check.name, "recovered", known.since_us, now_us, check.value, check.sentence, known)


def load(path: Path) -> Changes:
    """The open alerts of `path`, such as they were told; none when it is missing or not readable."""
    try:
        opened = msgspec.json.decode(path.read_bytes(), type=dict[str, Open])
    except (OSError, msgspec.MsgspecError):
        return Changes()
    kept = {name: one for name, one in opened.items() if one.level != "ok" or one.told != "ok"}
    for one in kept.values():
        # What was on its way went with the process that carried it: it is due again.
        one.level = one.told
    return Changes(kept)


def save(changes: Changes, path: Path) -> None:
    """Replace `path` in one step. A full disk is no reason to stop: at worst an alert is told again."""
    content = msgspec.json.encode(changes.opened)
    draft = path.with_suffix(".new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
            _overwrite(path, content)


def _overwrite(path: Path, content: bytes) -> None:
    """Write over what is there, never cut it: on a full disk a file keeps the blocks it has, and gets no other."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(descriptor, content.ljust(path.stat().st_size), 0)
    finally:
        os.close(descriptor)
