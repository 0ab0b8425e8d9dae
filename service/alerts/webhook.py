"""Alerts as an HTTP POST: plain JSON, or in the form of Slack, Discord or Telegram."""

import urllib.parse
from typing import Any, Literal

import aiohttp

from service.alerts.errors import RefusedError, UndeliveredError
from service.alerts.message import Message

Format = Literal["json", "slack", "discord", "telegram"]

TIMEOUT = aiohttp.ClientTimeout(total=15)
DISCORD_LENGTH = 2_000
TELEGRAM_LENGTH = 4_096

_HOSTS: dict[str, Format] = {
    "hooks.slack.com": "slack",
    "discord.com": "discord",
    "discordapp.com": "discord",
    "api.telegram.org": "telegram",
}


class Webhook:
    """Posts to one URL. The URL is a secret: whoever knows it can post."""

    name = "webhook"

    def __init__(self, url: str, form: Format) -> None:
        self._url = url
        self._form = form

    async def send(self, message: Message) -> None:
        """Post the message. Raises UndeliveredError or RefusedError, which do not quote the URL."""
        url, body = request(self._url, self._form, message)
        try:
            async with (
                aiohttp.ClientSession(timeout=TIMEOUT) as client,
                client.post(url, json=body, allow_redirects=False) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UndeliveredError(f"ALERT_WEBHOOK cannot be reached ({type(error).__name__})") from error
        if status in (408, 425, 429) or status >= 500:
            raise UndeliveredError(f"ALERT_WEBHOOK answered {status}")
        if status >= 300:
            raise RefusedError(f"ALERT_WEBHOOK answered {status}: check the URL and ALERT_FORMAT={self._form}")


def format_of(url: str) -> Format:
    """The form that a URL's host asks for."""
    host = (urllib.parse.urlsplit(url).hostname or "").lower()
    return _HOSTS.get(host, "json")


def request(url: str, form: Format, message: Message) -> tuple[str, dict[str, Any]]:
    """The URL to post to and the JSON body."""
    plain = f"{message.subject}\n{message.text}"
    if form == "slack":
        # Slack reads & < > as markup.
        escaped = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return url, {"text": escaped}
    if form == "discord":
        return url, {"content": plain[:DISCORD_LENGTH], "allowed_mentions": {"parse": []}}
    if form == "telegram":
        parts = urllib.parse.urlsplit(url)
        query = {name: values[0] for name, values in urllib.parse.parse_qs(parts.query).items()}
        return parts._replace(query="").geturl(), query | {"text": plain[:TELEGRAM_LENGTH]}
    return url, message.content | {"subject": message.subject, "text": message.text}
