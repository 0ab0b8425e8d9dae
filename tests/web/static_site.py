"""A static host: files from a folder with the headers its vercel.json asks for, and a Supabase at the same address.

@supabase/lite does not answer a browser's preflight request for functions, which Supabase does; behind one address no
browser asks.
"""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
from aiohttp import web
from yarl import URL

from tests.web.realtime import Realtime

PASSED_ON = ("apikey", "authorization", "content-type", "prefer", "range", "range-unit", "accept-profile")


@contextlib.asynccontextmanager
async def served(folder: Path, supabase_url: str, realtime: Realtime) -> AsyncIterator[str]:
    """Serve `folder`, `supabase_url` below /rest and `realtime`; yields the address without a slash."""
    async with aiohttp.ClientSession() as client:

        async def file(request: web.Request) -> web.FileResponse:
            return web.FileResponse(folder / (request.match_info["path"] or "index.html"), headers=_headers(folder))

        async def rest(request: web.Request) -> web.Response:
            headers = {name: value for name, value in request.headers.items() if name.lower() in PASSED_ON}
            url, body = f"{supabase_url}{request.raw_path}", await request.read()
            async with client.request(request.method, URL(url, encoded=True), headers=headers, data=body) as answer:
                kept = {
                    name: answer.headers[name] for name in ("Content-Type", "Content-Range") if name in answer.headers
                }
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)

        application = web.Application()
        application.add_routes([web.get("/realtime/v1/websocket", realtime.serve)])
        application.add_routes([web.route("*", "/rest/{_:.*}", rest), web.get("/{path:.*}", file)])
        runner = web.AppRunner(application)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


def _headers(folder: Path) -> dict[str, str]:
    asked = json.loads((folder / "vercel.json").read_text())["headers"][0]["headers"]
    return {each["key"]: each["value"] for each in asked}
