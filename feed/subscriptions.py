"""What one connection is subscribed to: the tickers, and of options what is chosen; Schwab may refuse some."""

from collections.abc import Awaitable, Callable, Sequence

from loguru import logger

from feed import errors
from feed.contracts import Contracts
from feed.schwab import Stream
from feed.status import Status

SYMBOL_LIMIT = 19

Subscribe = Callable[[Sequence[str]], Awaitable[None]]


class Subscriptions:
    """Keeps `status.refused_tickers` up to date, option contracts included."""

    def __init__(self, stream: Stream, tickers: tuple[str, ...], contracts: Contracts, status: Status) -> None:
        self._stream = stream
        self._tickers = tickers
        self._contracts = contracts
        self._status = status
        self._equities: list[str] = []
        self._options: list[str] = []
        self._refused_options: list[str] = []
        self._over: list[str] = []

    @property
    def accepted(self) -> list[str]:
        """What is really subscribed."""
        return [*self._equities, *self._options]

    async def equities(self) -> None:
        """Make the tickers the whole equity subscription. Raises a ConnectionEndedError."""
        self._equities = await self._as_many_as_possible(self._stream.subscribe_equities, self._tickers)
        self._tell_refused()

    async def options(self) -> bool:
        """Bring the subscription to what is chosen: add what is new, start anew when something has expired.

        False when some are over the symbol limit; raises a StreamerCodeError when Schwab refuses them all.
        """
        chosen = self._contracts.chosen()
        try:
            await self._bring_to(chosen)
        finally:
            accepted = set(self._options)
            self._refused_options = [symbol for symbol in chosen if symbol not in accepted]
            self._tell_refused()
        return not self._refused_options

    async def _bring_to(self, chosen: list[str]) -> None:
        known = set(self._options)
        added = [symbol for symbol in chosen if symbol not in known]
        if not added:
            return
        if known and known <= set(chosen):
            self._options += await self._as_many_as_possible(self._stream.add_options, added)
        else:
            self._options = await self._as_many_as_possible(self._stream.subscribe_options, chosen)

    def _tell_refused(self) -> None:
        accepted = set(self._equities)
        refused = [ticker for ticker in self._tickers if ticker not in accepted]
        self._status.refused_tickers = refused + self._refused_options

    async def _as_many_as_possible(self, subscribe: Subscribe, keys: Sequence[str]) -> list[str]:
        """Subscribe to as many leading `keys` as Schwab accepts, and return them.

        The limit is found by bisection: it counts everything of the user, so that 500 cannot be relied on.
        """
        if await _is_accepted(subscribe, keys):
            return list(keys)
        accepted, refused = 0, len(keys)
        while refused - accepted > 1:
            middle = (accepted + refused) // 2
            if await _is_accepted(subscribe, keys[:middle]):
                accepted = middle
            else:
                refused = middle
        if accepted == 0:
            raise errors.StreamerCodeError(SYMBOL_LIMIT, "not a single symbol is accepted", "SUBS")
        self._warn_of(list(keys[accepted:]))
        return list(keys[:accepted])

    def _warn_of(self, over: list[str]) -> None:
        if over != self._over:
            self._over = over
            logger.bind(event="feed.symbol_limit", tickers=over).error(
                "over Schwab's symbol limit, not recorded: {}", ", ".join(over)
            )


async def _is_accepted(subscribe: Subscribe, keys: Sequence[str]) -> bool:
    """Whether `keys` are within the symbol limit. Raises a ConnectionEndedError for any other refusal."""
    try:
        await subscribe(keys)
    except errors.StreamerCodeError as error:
        if error.code != SYMBOL_LIMIT:
            raise
        return False
    return True
