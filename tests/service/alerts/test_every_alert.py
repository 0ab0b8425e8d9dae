"""Every alert there is: fired once however long its cause lasts, recovered once, and readable in every form."""

from dataclasses import replace

import pytest

from service.alerts import changes, message, webhook
from service.health import snapshot
from service.health.facts import Facts
from tests.service.health.samples import HEALTHY
from tests.service.health.test_checks import CAUSES

LOOK_US = 10_000_000


@pytest.mark.parametrize(("name", "level", "given", "says"), CAUSES)
def test_it_is_fired_once_and_recovers_once(name: str, level: str, given: Facts, says: str) -> None:
    observer, told = changes.Changes(), []
    for number, facts in enumerate([HEALTHY] * 3 + [given] * 30 + [HEALTHY] * 30):
        told += observer.observe(snapshot.judge(facts).checks, HEALTHY.now_us + number * LOOK_US)
    recovery = [] if name in changes.ENDS_SILENTLY else [(name, "recovered")]
    assert [(alert.check, alert.level) for alert in told] == [(name, level), *recovery]
    for form in ("json", "slack", "discord", "telegram"):
        _, body = webhook.request("https://x.example/hook?chat_id=1", form, message.of_alert(told[0]))
        assert says.replace("&", "&amp;") in " ".join(map(str, body.values()))


def test_an_outage_of_everything_is_one_alert_per_check() -> None:
    worst = replace(
        next(given for name, level, given, _ in CAUSES if (name, level) == ("replication", "error")),
        feed=next(given for name, level, given, _ in CAUSES if (name, level) == ("feed", "error")).feed,
        token_age_seconds=None,
    )
    observer, told = changes.Changes(), []
    for number in range(100):
        told += observer.observe(snapshot.judge(worst).checks, HEALTHY.now_us + number * LOOK_US)
    assert sorted(alert.check for alert in told) == ["feed", "replication", "token"]
