"""Whether anybody is told when something needs a hand. Sends nothing."""

import urllib.parse

from service.alerts.webhook import format_of
from service.health.check import Check
from service.settings import Settings


def checks(settings: Settings) -> list[Check]:
    """One line for each way to a person, or one that says there is none."""
    url = settings.alert_webhook.get_secret_value()
    found = []
    if url:
        found.append(_webhook(url, settings.alert_format))
    if settings.smtp_host:
        found.append(_mail(settings))
    nobody = "Nobody is told when something needs a hand: set ALERT_WEBHOOK or SMTP_HOST and SMTP_TO."
    return found or [Check("alerts", "ok", "off", nobody)]


def _webhook(url: str, chosen: str) -> Check:
    form = format_of(url) if chosen == "auto" else chosen
    if form == "telegram" and "chat_id" not in urllib.parse.parse_qs(urllib.parse.urlsplit(url).query):
        sentence = "Telegram must know whom to tell: put ?chat_id=... at the end of ALERT_WEBHOOK."
        return Check("alerts", "error", "webhook (telegram)", sentence)
    return Check("alerts", "ok", f"webhook ({form})", "Changes of health are posted there.")


def _mail(settings: Settings) -> Check:
    missing = [] if settings.smtp_to else ["SMTP_TO"]
    if not (settings.smtp_from or settings.smtp_user):
        missing.append("SMTP_FROM")
    if missing:
        return Check("alerts", "error", "mail", f"No mail can go out without {' and '.join(missing)}.")
    return Check("alerts", "ok", "mail", "Changes of health are mailed.")
