"""A reader of Server-Sent Events, as a browser is one."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp


@dataclass(frozen=True)
class Message:
    """One event: its name, its data, and the id in force."""

    name: str
    data: Any
    last_event_id: str


async def messages(response: aiohttp.ClientResponse) -> AsyncIterator[Message]:
    """Messages as they arrive."""
    name, data, identity = "", "", ""
    async for line in response.content:
        field, _, value = line.decode().rstrip("\n").partition(": ")
        if field == "id":
            identity = value
        elif field == "event":
            name = value
        elif field == "data":
            data = value
        elif not field and name:
            yield Message(name, json.loads(data), identity)
            name = data = ""


async def ticks(response: aiohttp.ClientResponse, count: int) -> list[list[Any]]:
    """The first `count` rows of ticks; fails on a resync."""
    rows: list[list[Any]] = []
    async for message in messages(response):
        assert message.name != "resync"
        if message.name == "ticks":
            rows += message.data["rows"]
        if len(rows) >= count:
            break
    return rows
