// The service itself: JSON under /api for history, one Server-Sent Events stream for what happens now.
// See docs/API.md for the answers and docs/FRONTEND.md for what every source offers the page.

const RETRY_MS = 2000;

export class ServiceSource {
  /** Tickers, today's ET day, the source of the ticks and what is recorded. */
  async about() {
    const about = await get("/api/about");
    return {
      tickers: about.tickers,
      today: about.today,
      options: about.options,
      origin: about.origin,
      version: about.version,
    };
  }

  /** Days on record, newest first. */
  async days(ticker) {
    return (await get("/api/days", { ticker })).days;
  }

  /** Everything a chart of one day needs; `position` is where `live` goes on without a hole. */
  async day(ticker, day) {
    const [bars, lines, gaps, sessions] = await Promise.all([
      get("/api/bars", { ticker, day }),
      get("/api/indicators", { ticker, day, every_seconds: 60 }),
      get("/api/gaps", { ticker, day }),
      get("/api/sessions", { day }),
    ]);
    return {
      position: bars.through_seq,
      bars: bars.rows.map(([tsUs, open, high, low, close, volume]) => ({ tsUs, open, high, low, close, volume })),
      lines: lines.rows.map(([tsUs, sma9, vwap]) => ({ tsUs, sma9, vwap })),
      gaps: gaps.rows.map(([fromUs, toUs, gapTicker, reason]) => ({ fromUs, toUs, ticker: gapTicker, reason })),
      sessions: { regular: interval(sessions.regular), extended: interval(sessions.extended) },
    };
  }

  /** The newest quote of each contract. */
  async chain(ticker) {
    return (await get("/api/options", { ticker })).rows;
  }

  /**
   * Follow `ticker` from `position` on: `on.ticks(ticks, foldedSeq)` with their indicators through foldedSeq,
   * `on.gap(gap)`, `on.vitals(vitals)`, `on.prices(prices)`, `on.chain(rows)`, `on.trouble(text)`, `on.resync()` when
   * history has to be fetched anew, `on.state("open" | "lost")`; other sources also call `on.lines(lines)` for
   * indicators that come apart from their ticks. Returns how to stop.
   *
   * The browser reconnects by itself and tells the last seq it has seen; it gives up on an HTTP error, then we retry.
   */
  live(ticker, position, on) {
    let stream;
    let timer;
    let last = position;
    const open = () => {
      stream = new EventSource(`api/live?${new URLSearchParams({ ticker, after: last })}`);
      const listen = (name, handle) =>
        stream.addEventListener(name, (event) => {
          if (event.lastEventId) last = event.lastEventId;
          handle(JSON.parse(event.data));
        });
      listen("ticks", (frame) => on.ticks(frame.rows.map(tick), frame.folded_seq));
      listen("gap", (gap) => on.gap({ fromUs: gap.from_us, toUs: gap.to_us, ticker: gap.ticker, reason: gap.reason }));
      listen("vitals", on.vitals);
      listen("prices", on.prices);
      listen("options", (frame) => on.chain(frame.rows));
      listen("resync", on.resync);
      listen("trouble", ({ error }) => on.trouble(error));
      stream.onopen = () => on.state("open");
      stream.onerror = () => {
        on.state("lost");
        if (stream.readyState === EventSource.CLOSED) timer = setTimeout(open, RETRY_MS);
      };
    };
    open();
    return () => {
      clearTimeout(timer);
      stream.close();
    };
  }
}

const tick = ([seq, tsUs, price, volume, sma9, vwap]) => ({ seq, tsUs, price, volume, sma9, vwap });
const interval = (session) => session && { openUs: session.open_us, closeUs: session.close_us };

async function get(path, parameters = {}) {
  const query = new URLSearchParams(parameters);
  const response = await fetch(`${path.slice(1)}?${query}`, { cache: "no-store" });
  if (!response.ok)
    throw new Error((await response.json().catch(() => null))?.error ?? `${path}: HTTP ${response.status}`);
  return response.json();
}
