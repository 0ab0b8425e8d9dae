"""The exchange's token endpoint: authorization codes, refresh tokens, and both of them expiring on request."""

import secrets
from typing import Any

from aiohttp import web
from yarl import URL

ACCESS_SECONDS = 1800


class Tokens:
    """Which tokens are accepted: every one, until some were made to expire."""

    def __init__(self) -> None:
        self.is_strict = False
        self.access_tokens: set[str] = set()
        self.refresh_tokens: set[str] = set()
        self._refresh_is_strict = False
        self.codes: set[str] = set()
        self.refreshes = 0
        self.failing_with: int | None = None

    def is_valid(self, access_token: str) -> bool:
        """Whether REST calls and LOGIN accept it."""
        return not self.is_strict or access_token in self.access_tokens

    def issue(self) -> dict[str, Any]:
        """A new pair, accepted from now on."""
        access_token, refresh_token = f"access-{secrets.token_hex(8)}", f"refresh-{secrets.token_hex(8)}"
        self.access_tokens.add(access_token)
        self.refresh_tokens.add(refresh_token)
        return self._pair(access_token, refresh_token)

    def expire_access(self) -> None:
        """Every access token is refused from now on; refresh tokens still work."""
        self.is_strict = True
        self.access_tokens.clear()

    def expire_refresh(self) -> None:
        """Every token is refused from now on: a person must log in."""
        self.expire_access()
        self._refresh_is_strict = True
        self.refresh_tokens.clear()

    async def answer(self, request: web.Request) -> web.Response:
        """POST /v1/oauth/token."""
        if self.failing_with is not None:
            return web.json_response({"error": "server_error"}, status=self.failing_with)
        form = await request.post()
        if form.get("grant_type") == "authorization_code" and str(form.get("code")) in self.codes:
            self.codes.discard(str(form.get("code")))
            return web.json_response(self.issue())
        refresh_token = str(form.get("refresh_token"))
        known = not self._refresh_is_strict or refresh_token in self.refresh_tokens
        if form.get("grant_type") == "refresh_token" and known:
            self.refreshes += 1
            access_token = f"access-{secrets.token_hex(8)}"
            self.access_tokens.add(access_token)
            return web.json_response(self._pair(access_token, refresh_token))
        return web.json_response({"error": "invalid_grant", "error_description": "scripted"}, status=400)

    async def authorize(self, request: web.Request) -> web.Response:
        """GET /v1/oauth/authorize: everybody is allowed at once, and sent back to the callback URL with a code."""
        code = f"code-{secrets.token_hex(8)}@"
        self.codes.add(code)
        target = URL(request.query.get("redirect_uri", "")).update_query(
            code=code, session="simulated", state=request.query.get("state", "")
        )
        return web.Response(status=302, headers={"Location": str(target)})

    def _pair(self, access_token: str, refresh_token: str) -> dict[str, Any]:
        return {
            "access_token": access_token,
            "refresh_token": refresh_token,
            "token_type": "Bearer",
            "scope": "api",
            "expires_in": ACCESS_SECONDS,
            "id_token": "simulated",
        }
