"""The line about alerts, both ways."""

import pytest

from service.doctor import alerts
from tests.service.configured import settings_with

TELEGRAM = "https://api.telegram.org/bot12345:planted/sendMessage"


@pytest.mark.parametrize(
    ("settings", "levels"),
    [
        ({}, ["ok"]),
        ({"alert_webhook": "https://hooks.slack.com/services/planted"}, ["ok"]),
        ({"alert_webhook": TELEGRAM}, ["error"]),
        ({"alert_webhook": f"{TELEGRAM}?chat_id=5"}, ["ok"]),
        ({"smtp_host": "mail.example"}, ["error"]),
        ({"smtp_host": "mail.example", "smtp_to": "a@x.example"}, ["error"]),
        ({"smtp_host": "mail.example", "smtp_to": "a@x.example", "smtp_user": "b@x.example"}, ["ok"]),
        ({"smtp_host": "mail.example", "alert_webhook": "https://x.example/planted"}, ["ok", "error"]),
    ],
)
def test_alerts(settings: dict[str, str], levels: list[str]) -> None:
    found = alerts.checks(settings_with(**settings))
    assert [check.level for check in found] == levels
    assert "planted" not in repr(found)
