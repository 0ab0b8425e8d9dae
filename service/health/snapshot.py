"""Health at one moment: the facts, the checks on them, and the worst level."""

import os
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from service import redaction
from service.health import checks
from service.health.check import Check, Level, worst
from service.health.facts import Facts

if TYPE_CHECKING:
    from service.app import Service


@dataclass(frozen=True)
class Snapshot:
    """What /readyz, alerts, the live page and `ticktape health` all tell."""

    taken_us: int
    level: Level
    checks: tuple[Check, ...]
    facts: Facts

    def report(self) -> dict[str, Any]:
        """The checks as plain JSON values. Holds no payload of an event and no secret."""
        return {
            "taken_us": self.taken_us,
            "level": self.level,
            "version": self.facts.version,
            "pid": os.getpid() if self.facts.started_us is not None else None,
            "checks": [asdict(check) for check in self.checks],
        }


async def take(service: "Service") -> Snapshot:
    """The running service's health; touches no network."""
    return judge(await service.gatherer.facts(service))


def judge(facts: Facts) -> Snapshot:
    """The snapshot of `facts`. Sentences quote errors of others, so secrets are removed here."""
    found = tuple(replace(check, sentence=redaction.redact(check.sentence)) for check in checks.evaluate(facts))
    return Snapshot(facts.now_us, worst(found), found, facts)
