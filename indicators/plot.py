"""A chart of one ticker as a PNG: price, SMA9, VWAP, volume, gaps shaded. The one door to matplotlib."""

import bisect
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from eventlog.errors import UsageError
from eventlog.events import FeedGap
from indicators.bars import MINUTE_US
from indicators.query import Row
from market import calendar
from market.calendar import NEW_YORK

MAX_ROWS = 200_000
"""More could not be told apart in the picture."""

_SIZE_INCHES = (14, 8)


def save(path: Path, ticker: str, rows: Sequence[Row], bars: Sequence[dict[str, Any]], gaps: Sequence[FeedGap]) -> None:
    """Draw to `path`, replacing it only when the picture is whole. Raises UsageError without matplotlib."""
    if path.suffix.lower() != ".png":
        raise UsageError(f"--plot {path}: name a .png file")
    if not path.parent.is_dir():
        raise UsageError(f"--plot {path}: there is no directory {path.parent}")
    figure = _draw(ticker, rows, bars, gaps)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        figure.savefig(unfinished, format="png", dpi=110)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _draw(ticker: str, rows: Sequence[Row], bars: Sequence[dict[str, Any]], gaps: Sequence[FeedGap]) -> Any:
    try:
        from matplotlib import dates
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError("--plot needs matplotlib: pip install 'ticktape[plot]'") from error
    figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
    prices, volumes = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    drawn = _broken(rows, gaps)
    times = [_eastern(row.ts_us) for row in drawn]
    prices.plot(times, [row.price for row in drawn], color="0.6", linewidth=0.8, label="price")
    for name, color in (("sma9", "tab:blue"), ("vwap", "tab:orange")):
        prices.plot(times, [row.values.get(name) for row in drawn], color=color, linewidth=1.1, label=name.upper())
    minute_days = MINUTE_US / 86_400_000_000
    starts = [_eastern(bar["ts_us"]) for bar in bars]
    volumes.bar(starts, [bar["volume"] for bar in bars], width=minute_days, align="edge", color="0.7")
    for axes in (prices, volumes):
        for gap in gaps:
            axes.axvspan(_eastern(gap.from_us), _eastern(gap.to_us), color="tab:red", alpha=0.15, linewidth=0)
        axes.grid(alpha=0.3)
    prices.set_title(f"{ticker}, {times[0]:%Y-%m-%d %H:%M} to {times[-1]:%Y-%m-%d %H:%M} New York")
    prices.set_ylabel("dollars")
    prices.legend(loc="best")
    volumes.set_ylabel("shares a minute")
    volumes.set_xlim(times[0], times[-1])
    locator = dates.AutoDateLocator(tz=NEW_YORK)  # type: ignore[no-untyped-call]
    volumes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=NEW_YORK))  # type: ignore[no-untyped-call]
    return figure


def _broken(rows: Sequence[Row], gaps: Sequence[FeedGap]) -> list[Row]:
    """The rows with an empty one wherever no line may be drawn: over a gap, and from one day to the next."""
    breaks = sorted(gap.to_us for gap in gaps)
    drawn: list[Row] = []
    for row in rows:
        last = drawn[-1] if drawn else row
        gone = bisect.bisect_right(breaks, last.ts_us) != bisect.bisect_right(breaks, row.ts_us)
        if gone or calendar.trading_day(last.ts_us) != calendar.trading_day(row.ts_us):
            drawn.append(Row(row.ts_us, None, {}))
        drawn.append(row)
    return drawn


def _eastern(ts_us: int) -> datetime:
    return datetime.fromtimestamp(ts_us / 1_000_000, NEW_YORK)
