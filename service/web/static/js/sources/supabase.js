// A Supabase project that ticktape ships to: history by PostgREST, live by Realtime (supabase_live.js), with the
// publishable key alone.

import { dayBounds, dayOf, easternUs, MINUTE_US } from "../time.js";
import { Follower } from "./supabase_live.js";
import { bar, contract, gap, line, pages, tick, toIso, toUs } from "./supabase_rows.js";

const MAX_CATCH_UP_ROWS = 5_000;

/** @param {{url: string, key: string, tickers: string[], options?: boolean}} config */
export async function openSupabase(config) {
  refuseSecret(config.key);
  const { createClient } = await loadLibrary();
  return new SupabaseSource(createClient(config.url, config.key, { auth: { persistSession: false } }), config);
}

class SupabaseSource {
  constructor(client, config) {
    this.client = client;
    this.config = config;
  }

  async about() {
    const { tickers, options = false } = this.config;
    return { tickers, options, today: dayOf(Date.now() * 1000), origin: "from Supabase", version: "" };
  }

  async days(ticker) {
    const rows = await pages((from, to) =>
      this.client
        .from("equity_data_stats")
        .select("trading_day")
        .eq("ticker", ticker)
        .order("trading_day", { ascending: false })
        .range(from, to),
    );
    return rows.map((row) => row.trading_day);
  }

  async day(ticker, day) {
    const { startUs, endUs } = dayBounds(day);
    const between = { ticker, since: toIso(startUs), until: toIso(endUs) };
    const byMinute = (name) => pages((from, to) => this.client.rpc(name, between).order("timestamp").range(from, to));
    const [bars, lines, gaps] = await Promise.all([
      byMinute("bars_1m_between"),
      byMinute("indicators_1m_between"),
      this.#gaps(ticker, between),
    ]);
    return {
      position: await this.#lastTickUs(ticker, day === dayOf(Date.now() * 1000) ? bars : null),
      bars: bars.map(bar),
      lines: lines.map(line),
      gaps,
      sessions: { regular: regularSession(day), extended: null },
    };
  }

  async chain(ticker) {
    const { data, error } = await this.client
      .from("option_prices")
      .select()
      .eq("ticker", ticker)
      .gte("expiration_date", dayOf(Date.now() * 1000))
      .order("timestamp", { ascending: false })
      .limit(1000);
    if (error) throw new Error(error.message);
    const newest = new Map();
    for (const row of data) if (!newest.has(row.option_symbol)) newest.set(row.option_symbol, contract(row));
    return [...newest.values()];
  }

  /** See ServiceSource.live; `position` is the time of the last tick in the history. */
  live(ticker, position, on) {
    const follower = new Follower(this, ticker, position, on);
    follower.start();
    return () => follower.stop();
  }

  /** Ticks and indicator rows after a time, oldest first; null when they are too many to be worth it. */
  async since(ticker, tsUs) {
    const after = (table) => (from, to) =>
      this.client
        .from(table)
        .select()
        .eq("ticker", ticker)
        .gt("timestamp", toIso(tsUs))
        .order("timestamp")
        .range(from, to);
    const [ticks, lines] = await Promise.all([
      pages(after("equity_data"), MAX_CATCH_UP_ROWS),
      pages(after("indicators"), MAX_CATCH_UP_ROWS),
    ]);
    return ticks.length >= MAX_CATCH_UP_ROWS ? null : { ticks: ticks.map(tick), lines: lines.map(line) };
  }

  async #gaps(ticker, { since, until }) {
    const rows = await pages((from, to) =>
      this.client
        .from("stream_gaps")
        .select()
        .in("ticker", [ticker, "*"])
        .lt("timestamp", until)
        .gt("ended_at", since)
        .order("timestamp")
        .range(from, to),
    );
    return rows.map(gap);
  }

  /**
   * Where the stream goes on: after the last tick that is in `bars`, which know minutes only; for an earlier day (null)
   * after the newest tick there is, since what came in between is of no interest to it.
   */
  async #lastTickUs(ticker, bars) {
    let newest = this.client.from("equity_data").select("timestamp").eq("ticker", ticker);
    if (bars?.length) {
      const minuteUs = toUs(bars[bars.length - 1].timestamp);
      newest = newest.gte("timestamp", toIso(minuteUs)).lt("timestamp", toIso(minuteUs + MINUTE_US));
    }
    const { data, error } = await newest.order("timestamp", { ascending: false }).limit(1);
    if (error) throw new Error(error.message);
    return data.length ? toUs(data[0].timestamp) : dayBounds(dayOf(Date.now() * 1000)).startUs;
  }
}

/** By weekday only: a static page knows no holidays and no half days. */
function regularSession(day) {
  const weekday = new Date(`${day}T12:00:00Z`).getUTCDay();
  return weekday === 0 || weekday === 6 ? null : { openUs: easternUs(day, 9, 30), closeUs: easternUs(day, 16, 0) };
}

/** A page is public: a key that may write must never get into it. */
function refuseSecret(key) {
  const isSecret = key.startsWith("sb_secret_") || (key.startsWith("eyJ") && roleOf(key) === "service_role");
  if (isSecret) throw new Error("config.js holds a secret key. Revoke it now, and use the publishable (or anon) key");
}

function roleOf(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"))).role;
  } catch {
    return "";
  }
}

function loadLibrary() {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("../../vendor/supabase.js", import.meta.url);
    script.onload = () => resolve(globalThis.supabase);
    script.onerror = () => reject(new Error("vendor/supabase.js could not be loaded"));
    document.head.append(script);
  });
}
