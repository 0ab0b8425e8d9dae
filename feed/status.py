"""What the feed tells about itself; health and the demo's screen read it."""

from dataclasses import dataclass, field
from typing import Literal

from feed.intake import Counters

State = Literal[
    "starting",
    "waiting_for_session",
    "connecting",
    "streaming",
    "backing_off",
    "login_needed",
    "stream_taken",
    "stopped",
]


@dataclass
class Status:
    """Live figures, changed in place by the feed.

    `refused_tickers` are tickers and option contracts that Schwab does not stream to us, `silent_tickers` have sent
    nothing since the subscription (is the symbol right?), `suspicious_tickers` stopped ticking. `token_state` is ok,
    warn, alarm or expired.
    """

    state: State = "starting"
    connected: bool = False
    last_frame_us: int | None = None
    last_tick_us: dict[str, int] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)
    connections: int = 0
    reconnects: int = 0
    gaps: int = 0
    backfilled_bars: int = 0
    refused_events: int = 0
    next_open_us: int | None = None
    token_age_seconds: float | None = None
    token_state: str | None = None
    last_error: str | None = None
    alarm: str | None = None
    refused_tickers: list[str] = field(default_factory=list)
    silent_tickers: list[str] = field(default_factory=list)
    suspicious_tickers: list[str] = field(default_factory=list)
