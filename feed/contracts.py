"""The option contracts of a session: explicit ones, and those near the money of each ticker's next expiry."""

from datetime import date, timedelta

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
        """Forget the chains of another ET day: their contracts have expired."""
        today = calendar.trading_day(now_us)
        if today == self._day:
            return
        if self._day is not None:
            intake.keep_options(set(self._symbols))
        self._day, self._chains = today, {}

    async def follow(self, client: Client, intake: Intake, now_us: int) -> None:
        """Ask for the chains that are missing this ET day, and choose what the money has come near to.

        Raises a ConnectionEndedError or ValueError when a chain cannot be had; ask again later.
        """
        self.roll(now_us, intake)
        for ticker in self._tickers:
            chain = self._chains.get(ticker)
            # A chain brings a price of its own; the last tick may be from yesterday.
            price = None if chain is None else intake.equity(ticker).price
            if chain is None:
                chain = self._chains[ticker] = await self._fetch(client, ticker, calendar.trading_day(now_us))
            chain.follow(price, self._strikes)

    async def _fetch(self, client: Client, ticker: str, today: date) -> Chain:
        answer = await client.option_chain(ticker, today, today + timedelta(days=MAX_DAYS_TO_EXPIRY))
        return parse_chain(answer, today)
