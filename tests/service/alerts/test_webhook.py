"""What is posted, in each form, and what becomes of the receiver's answer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from service.alerts import message, webhook
from service.alerts.changes import Alert, Open
from service.alerts.errors import RefusedError, UndeliveredError

ALERT = message.of_alert(
    Alert("feed", "error", 0, 61_000_000, "no tick", "No tick <!channel> & @everyone: see docs.", Open("error", 0))
)


@asynccontextmanager
async def receiver(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_post("/hook", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    await runner.cleanup()


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("https://hooks.slack.com/services/T/B/X", "slack"),
        ("https://discord.com/api/webhooks/1/x", "discord"),
        ("https://api.telegram.org/bot1:x/sendMessage?chat_id=-5", "telegram"),
        ("https://alerts.example/slack", "json"),
    ],
)
def test_the_form_follows_the_host(url: str, form: str) -> None:
    assert webhook.format_of(url) == form


def test_plain_json_holds_what_since_when_and_what_to_do() -> None:
    _, body = webhook.request("https://x", "json", ALERT)
    assert body["check"] == "feed"
    assert body["level"] == "error"
    assert body["since"] == "1970-01-01T00:00:00Z"
    assert body["sentence"].startswith("No tick")
    assert {"source", "host", "at", "value", "subject", "text"} <= body.keys()


def test_chat_forms_wake_nobody_by_accident_and_keep_their_length() -> None:
    _, slack = webhook.request("https://x", "slack", ALERT)
    assert "&lt;!channel&gt; &amp;" in slack["text"]
    long = message.Message("s", "x" * 9_000, {})
    _, discord = webhook.request("https://x", "discord", long)
    assert discord["allowed_mentions"] == {"parse": []}
    assert len(discord["content"]) == 2_000
    url, telegram = webhook.request("https://api.telegram.org/botT/sendMessage?chat_id=-5", "telegram", long)
    assert (url, telegram["chat_id"]) == ("https://api.telegram.org/botT/sendMessage", "-5")
    assert len(telegram["text"]) == 4_096


async def test_it_is_posted_as_json() -> None:
    got = []

    async def answer(request: web.Request) -> web.Response:
        got.append(await request.json())
        return web.Response(status=204)

    async with receiver(answer) as url:
        await webhook.Webhook(url, "json").send(ALERT)
    assert got[0]["kind"] == "alert"


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, UndeliveredError), (429, UndeliveredError), (404, RefusedError), (302, RefusedError), (401, RefusedError)],
)
async def test_answers_that_are_no_yes(status: int, error: type[Exception]) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "https://elsewhere.example/"})

    async with receiver(answer) as url:
        with pytest.raises(error, match=str(status)):
            await webhook.Webhook(url, "json").send(ALERT)


async def test_nobody_there_is_tried_again_and_the_url_is_not_told() -> None:
    with pytest.raises(UndeliveredError) as caught:
        await webhook.Webhook("http://127.0.0.1:1/secret-path", "json").send(ALERT)
    assert "secret-path" not in str(caught.value)
