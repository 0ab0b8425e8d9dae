"""The REST calls the feed needs, and the way to a stream."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import httpx
import msgspec
from pydantic import SecretStr

from feed.schwab.library import auth
from feed.schwab.stream import Handler, Stream, Tap
from feed.schwab.translation import translated

SCHWAB_URL = "https://api.schwabapi.com"
HTTP_TIMEOUT_SECONDS = 20.0


class Client:
    """The REST calls the feed needs, and the way to a stream. Close it after use."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def stream(self, on_equities: Handler, on_options: Handler, on_notice: Handler, tap: Tap | None = None) -> "Stream":
        """A stream that is not logged in yet. Handlers must only hand over; `tap` sees every raw frame."""
        return Stream(self._client, on_equities, on_options, on_notice, tap)

    async def refresh_token(self) -> None:
        """Fetch a new access token now. Raises LoginNeededError when the refresh token is no longer accepted."""
        session = self._client.session
        with translated():
            await session.refresh_token(auth.TOKEN_ENDPOINT, refresh_token=session.token.get("refresh_token"))

    async def market_hours(self, day: date) -> dict[str, Any]:
        """Schwab's answer about the equity market on `day`."""
        return await self._get(self._client.get_market_hours(["equity"], date=day))

    async def option_chain(self, underlying: str, first: date, last: date) -> dict[str, Any]:
        """The chain of `underlying` for expiries from `first` to `last`."""
        return await self._get(self._client.get_option_chain(underlying, from_date=first, to_date=last))

    async def minute_bars(self, ticker: str, from_us: int, to_us: int) -> dict[str, Any]:
        """Schwab's minute bars between two times, extended hours included."""
        return await self._get(
            self._client.get_price_history_every_minute(
                ticker,
                start_datetime=datetime.fromtimestamp(from_us / 1e6, UTC),
                end_datetime=datetime.fromtimestamp(to_us / 1e6, UTC),
                need_extended_hours_data=True,
            )
        )

    async def close(self) -> None:
        """Close the HTTP connections."""
        await self._client.close_async_session()

    async def _get(self, call: Any) -> dict[str, Any]:
        with translated():
            response = await call
            response.raise_for_status()
            return msgspec.json.decode(response.content, type=dict[str, Any])


def open_client(
    app_key: SecretStr,
    app_secret: SecretStr,
    content: dict[str, Any],
    write_token: Callable[..., None],
    base_url: str,
) -> Client:
    """A client with the token of `content`; a refreshed one is given to `write_token`."""
    client = auth.client_from_access_functions(
        app_key.get_secret_value(),
        app_secret.get_secret_value(),
        lambda: content,
        write_token,
        asyncio=True,
        enforce_enums=False,
    )
    client.set_timeout(HTTP_TIMEOUT_SECONDS)
    if base_url != SCHWAB_URL:
        client.session.event_hooks = {"request": [_redirect_to(base_url)]}
        # A proxy of the environment cannot reach a simulated exchange on this machine.
        client.session._mounts.clear()
    return Client(client)


def _redirect_to(base_url: str) -> Callable[[httpx.Request], Any]:
    async def redirect(request: httpx.Request) -> None:
        redirect_request(request, base_url)

    return redirect


def redirect_request(request: httpx.Request, base_url: str) -> None:
    """Send a request to `base_url` instead: schwab-py knows only Schwab's own host."""
    target = httpx.URL(base_url)
    request.url = request.url.copy_with(scheme=target.scheme, host=target.host, port=target.port)
