"""One line of health."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "error"]

SEVERITY: dict[Level, int] = {"ok": 0, "warning": 1, "error": 2}
"""Also the exit code of `ticktape health`."""

VITAL = ("process", "log")
"""An error of one of these means that nothing is recorded; any other leaves the recording alone."""


@dataclass(frozen=True)
class Check:
    """`value` is the figure in short; `sentence` says what it means and, unless all is well, what to do."""

    name: str
    level: Level
    value: str
    sentence: str


def worst(checks: Iterable[Check]) -> Level:
    """The most severe level, "ok" for none."""
    return max((check.level for check in checks), key=SEVERITY.__getitem__, default="ok")


def duration(seconds: float) -> str:
    """A duration for people, in its largest two units at most."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7_200:
        return f"{whole // 60} min"
    if whole < 172_800:
        return f"{whole // 3_600} h {whole % 3_600 // 60} min"
    return f"{seconds / 86_400:.1f} days"


def size(count: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "kB", "MB"):
        if abs(count) < 1_000:
            return f"{count:.0f} {unit}"
        count /= 1_000
    return f"{count:.1f} GB"
