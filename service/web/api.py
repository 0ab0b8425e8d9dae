"""`GET /api/...`: history as JSON, described in docs/API.md. Read-only, and nothing secret in any answer."""

from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from eventlog.clock import Clock
from eventlog.errors import TicktapeError
from market import calendar
from service.web import history, query
from service.web.errors import BadQueryError
from service.web.history import History

if TYPE_CHECKING:
    from service.app import Service

Answer = Callable[[web.Request], Awaitable[dict[str, Any]]]


class Api:
    """The answers, each a JSON object."""

    def __init__(self, service: "Service", past: History, clock: Clock) -> None:
        self._service = service
        self._past = past
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        """The route table."""
        answers: dict[str, Answer] = {
            "about": self.about,
            "days": self.days,
            "bars": self.bars,
            "indicators": self.indicators,
            "ticks": self.ticks,
            "gaps": self.gaps,
            "sessions": self.sessions,
            "options": self.options,
        }
        return [web.get(f"/api/{name}", _as_json(answer)) for name, answer in answers.items()]

    async def about(self, _request: web.Request) -> dict[str, Any]:
        """What is recorded here."""
        context = self._service.context
        settings = context.settings
        return {
            "version": version("ticktape"),
            "tickers": settings.stream_ticker,
            "origin": origin(self._service),
            "session": settings.session,
            "sma_interval": settings.sma_interval,
            "options": settings.options_0dte or bool(settings.option_symbols),
            "today": calendar.trading_day(self._clock.now_us()).isoformat(),
            "head": context.log.head,
        }

    async def days(self, request: web.Request) -> dict[str, Any]:
        """ET days on record."""
        ticker = query.ticker(request.query)
        return {"ticker": ticker, "days": await self._past.days(ticker)}

    async def bars(self, request: web.Request) -> dict[str, Any]:
        """1-minute bars."""
        ticker, span = query.ticker(request.query), query.span(request.query)
        through_seq, rows = await self._past.bars(ticker, span)
        return {"ticker": ticker, "through_seq": through_seq, "columns": history.BAR_COLUMNS, "rows": rows}

    async def indicators(self, request: web.Request) -> dict[str, Any]:
        """SMA9 and VWAP."""
        ticker, span = query.ticker(request.query), query.span(request.query)
        every_seconds = query.integer(request.query, "every_seconds", 60, 86_400)
        rows = await self._past.indicators(ticker, span, every_seconds)
        return {"ticker": ticker, "columns": history.INDICATOR_COLUMNS, "rows": rows}

    async def ticks(self, request: web.Request) -> dict[str, Any]:
        """Ticks as recorded; `next_since_us` goes on where the answer was cut."""
        ticker, span = query.ticker(request.query), query.span(request.query)
        limit = query.integer(request.query, "limit", 1_000, history.MAX_ROWS)
        if limit == 0:
            raise BadQueryError("limit", "0", f"a whole number from 1 to {history.MAX_ROWS}")
        rows = await self._past.ticks(ticker, span, limit)
        next_since_us = rows[-1][1] + 1 if len(rows) == limit else None
        return {"ticker": ticker, "columns": history.TICK_COLUMNS, "rows": rows, "next_since_us": next_since_us}

    async def gaps(self, request: web.Request) -> dict[str, Any]:
        """Holes of the record."""
        ticker = query.ticker(request.query) if "ticker" in request.query else ""
        rows = await self._past.gaps(ticker, query.span(request.query))
        return {"columns": history.GAP_COLUMNS, "rows": rows}

    async def sessions(self, request: web.Request) -> dict[str, Any]:
        """The regular and the extended session of a day, null when the market is closed."""
        day = query.day(request.query)
        sessions = {kind: calendar.session_of(day, kind) for kind in ("regular", "extended")}
        return {"day": day.isoformat()} | {
            kind: None if session is None else {"open_us": session.open_us, "close_us": session.close_us}
            for kind, session in sessions.items()
        }

    async def options(self, request: web.Request) -> dict[str, Any]:
        """The newest quote of each option contract."""
        ticker = query.ticker(request.query)
        return {"ticker": ticker, "rows": await self._past.chain(ticker)}


def origin(service: "Service") -> str:
    """A word for where the ticks come from when it is not Schwab, else nothing."""
    marker = service.context.settings.data_dir / "source"
    return "simulated market" if marker.is_file() and marker.read_text().strip() == "simulated" else ""


def _as_json(answer: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        try:
            body, status = await answer(request), 200
        except BadQueryError as error:
            body, status = {"error": str(error)}, 400
        except TicktapeError as error:
            body, status = {"error": str(error)}, 500
        return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")

    return handler
