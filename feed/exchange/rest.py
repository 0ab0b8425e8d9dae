"""The exchange's REST answers: user preference, tokens, market hours, price history, option chains."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from feed.exchange.tokens import Tokens


class Rest:
    """What the exchange answers over HTTP. Tests set the public attributes."""

    def __init__(self, streamer_url: Callable[[], str]) -> None:
        self._streamer_url = streamer_url
        self.tokens = Tokens()
        self.market_hours: dict[str, dict[str, Any]] = {}
        self.bars: dict[str, list[dict[str, Any]]] = {}
        self.chains: dict[str, dict[str, Any]] = {}
        self.failing_with: int | None = None
        self.calls: list[str] = []

    def add_routes(self, app: web.Application) -> None:
        """Add the routes under the paths of Schwab's API."""
        app.router.add_get("/trader/v1/userPreference", self._guarded(self._user_preference))
        app.router.add_get("/marketdata/v1/markets", self._guarded(self._markets))
        app.router.add_get("/marketdata/v1/pricehistory", self._guarded(self._price_history))
        app.router.add_get("/marketdata/v1/chains", self._guarded(self._chain))
        app.router.add_post("/v1/oauth/token", self.tokens.answer)
        app.router.add_get("/v1/oauth/authorize", self.tokens.authorize)

    def _guarded(self, answer: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            self.calls.append(request.path)
            if self.failing_with is not None:
                return web.json_response({"errors": [{"title": "scripted"}]}, status=self.failing_with)
            access_token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if not self.tokens.is_valid(access_token):
                return web.json_response({"errors": [{"title": "Unauthorized"}]}, status=401)
            return web.json_response(answer(request))

        return handle

    def _user_preference(self, _: web.Request) -> Any:
        info = {
            "streamerSocketUrl": self._streamer_url(),
            "schwabClientCustomerId": "simulated-customer",
            "schwabClientCorrelId": "simulated-correlation",
            "schwabClientChannel": "N9",
            "schwabClientFunctionId": "APIAPP",
        }
        return {
            "accounts": [],
            "streamerInfo": [info],
            "offers": [{"level2Permissions": True, "mktDataPermission": "NP"}],
        }

    def _markets(self, request: web.Request) -> Any:
        return self.market_hours.get(request.query.get("date", ""), {})

    def _price_history(self, request: web.Request) -> Any:
        ticker = request.query.get("symbol", "")
        from_ms, to_ms = int(request.query.get("startDate", 0)), int(request.query.get("endDate", 2**62))
        bars = [bar for bar in self.bars.get(ticker, []) if from_ms <= bar["datetime"] <= to_ms]
        return {"candles": bars, "symbol": ticker, "empty": not bars}

    def _chain(self, request: web.Request) -> Any:
        return self.chains.get(request.query.get("symbol", ""), {"status": "FAILED"})
