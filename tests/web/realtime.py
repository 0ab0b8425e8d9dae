"""Supabase Realtime as far as the page needs it: joins, heartbeats, `postgres_changes`; scripted, since @supabase/lite
has none.

Protocol: https://supabase.com/docs/guides/realtime/protocol (Phoenix channels, JSON arrays).
"""

import json
from typing import Any

from aiohttp import WSMsgType, web


class Realtime:
    """Channels of all connected pages. `joined` counts joins since the start."""

    def __init__(self) -> None:
        self.joined = 0
        self._sockets: dict[web.WebSocketResponse, dict[str, list[dict[str, Any]]]] = {}

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """The handler of /realtime/v1/websocket."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets[socket] = {}
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._answer(socket, *json.loads(message.data))
        del self._sockets[socket]
        return socket

    async def insert(self, table: str, record: dict[str, Any]) -> None:
        """Tell every page that asked for `table`."""
        data: dict[str, Any] = {"schema": "public", "table": table, "type": "INSERT", "record": record}
        data |= {"columns": [], "errors": None, "commit_timestamp": "2025-01-01T00:00:00Z"}
        for socket, channels in list(self._sockets.items()):
            for topic, changes in channels.items():
                ids = [change["id"] for change in changes if change["table"] == table]
                if ids:
                    payload = {"ids": ids, "data": data}
                    await socket.send_json([None, None, topic, "postgres_changes", payload])

    async def break_connections(self) -> None:
        """As a network does: without a closing handshake."""
        for socket in list(self._sockets):
            assert socket._req is not None and socket._req.transport is not None
            socket._req.transport.abort()

    async def _answer(
        self, socket: web.WebSocketResponse, join_ref: str, ref: str, topic: str, event: str, payload: dict[str, Any]
    ) -> None:
        response: dict[str, Any] = {}
        if event == "phx_join":
            asked = payload["config"]["postgres_changes"]
            changes = [change | {"id": number} for number, change in enumerate(asked, 1)]
            self._sockets[socket][topic] = changes
            response = {"postgres_changes": changes}
            self.joined += 1
        await socket.send_json([join_ref, ref, topic, "phx_reply", {"status": "ok", "response": response}])
