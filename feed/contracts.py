"""The option contracts of a session: explicit ones, and those near the money of each ticker's next expiry."""

from datetime import date, timedelta

from feed import errors
from feed.chain import MAX_DAYS_TO_EXPIRY, Chain, parse_chain
from feed.intake import Intake
from feed.schwab import Client
from market import calendar


class Contracts:
    """What to stream of options. It outlives connections, so that the same contracts are restored after one ended."""

    def __init__(self, tickers: tuple[str, ...], symbols: tuple[str, ...], with_chains: bool, strikes: int) -> None:
        self._tickers = tickers if with_chains else ()
        self._symbols = symbols
        self._strikes = strikes
        self._day: date | None = None
        self._chains: dict[str, Chain] = {}

    @property
    def underlyings(self) -> tuple[str, ...]:
        """The tickers whose chains are followed."""
        return self._tickers

    def chosen(self) -> list[str]:
        """Everything to be subscribed."""
        near = (symbol for chain in self._chains.values() for symbol in chain.chosen)
        return list(dict.fromkeys([*self._symbols, *near]))

    def roll(self, now_us: int, intake: Intake) -> None:
        """Another ET day has other chains, and contracts that have expired."""
        today = calendar.trading_day(now_us)
        if today == self._day:
            return
        if self._day is not None:
            intake.forget_expired(today, self._symbols)
        self._day, self._chains = today, {}

    async def follow(self, client: Client, intake: Intake, now_us: int, may_ask: bool = True) -> list[str]:
        """Choose what the money has come near to; where `may_ask`, ask for the chains that are missing this ET day.

        Returns why chains cannot be had, which costs only their own tickers' options; ask again later.
        """
        self.roll(now_us, intake)
        failures = []
        for ticker in self._tickers:
            chain = self._chains.get(ticker)
            if chain is not None:
                chain.follow(intake.equity(ticker).price, self._strikes)
                continue
            if not may_ask:
                continue
            try:
                chain = self._chains[ticker] = await self._fetch(client, ticker, calendar.trading_day(now_us))
            except (errors.ConnectionEndedError, ValueError) as error:
                failures.append(f"{ticker}: {error}")
                continue
            # A chain brings a price of its own; the last tick may be from yesterday.
            chain.follow(None, self._strikes)
        return failures

    async def _fetch(self, client: Client, ticker: str, today: date) -> Chain:
        answer = await client.option_chain(ticker, today, today + timedelta(days=MAX_DAYS_TO_EXPIRY))
        return parse_chain(answer, today)
