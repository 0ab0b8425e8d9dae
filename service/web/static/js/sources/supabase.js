// A Supabase project that ticktape ships to: history by PostgREST, live by Realtime, with the publishable key alone.
//
// Realtime may lose messages, and says nothing while a laptop sleeps. So everything after the last row seen is fetched
// by PostgREST whenever the channel has (re)connected, and the whole day anew every RECONCILE_MS.

import { dayBounds, dayOf, easternUs, MINUTE_US } from "../time.js";
import { readVitals } from "./supabase_vitals.js";
import { pages, toIso, toUs } from "./supabase_rows.js";

const VITALS_MS = 15_000;
const RECONCILE_MS = 300_000;
const MAX_CATCH_UP_ROWS = 5_000;

/** @param {{url: string, key: string, tickers: string[], options?: boolean}} config */
export async function openSupabase(config) {
  refuseSecret(config.key);
  const { createClient } = await loadLibrary();
  return new SupabaseSource(createClient(config.url, config.key, { auth: { persistSession: false } }), config);
}

export class SupabaseSource {
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
      this.client.from("equity_data_stats").select("trading_day").eq("ticker", ticker)
        .order("trading_day", { ascending: false }).range(from, to));
    return rows.map((row) => row.trading_day);
  }

  async day(ticker, day) {
    const { startUs, endUs } = dayBounds(day);
    const between = { ticker, since: toIso(startUs), until: toIso(endUs) };
    const byMinute = (name) =>
      pages((from, to) => this.client.rpc(name, between).order("timestamp").range(from, to));
    const [bars, lines, gaps] = await Promise.all([
      byMinute("bars_1m_between"), byMinute("indicators_1m_between"), this.#gaps(ticker, between),
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
    const { data, error } = await this.client.from("option_prices").select().eq("ticker", ticker)
      .gte("expiration_date", dayOf(Date.now() * 1000)).order("timestamp", { ascending: false }).limit(1000);
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
      this.client.from(table).select().eq("ticker", ticker).gt("timestamp", toIso(tsUs)).order("timestamp").range(from, to);
    const [ticks, lines] = await Promise.all([
      pages(after("equity_data"), MAX_CATCH_UP_ROWS), pages(after("indicators"), MAX_CATCH_UP_ROWS),
    ]);
    return ticks.length >= MAX_CATCH_UP_ROWS ? null : { ticks: ticks.map(tick), lines: lines.map(line) };
  }

  async #gaps(ticker, { since, until }) {
    const rows = await pages((from, to) =>
      this.client.from("stream_gaps").select().in("ticker", [ticker, "*"])
        .lt("timestamp", until).gt("ended_at", since).order("timestamp").range(from, to));
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

/** One subscription: rows from Realtime, and from PostgREST what Realtime has missed. */
class Follower {
  #timers = [];
  #isCatchingUp = false;
  #waiting = [];

  constructor(source, ticker, lastUs, on) {
    Object.assign(this, { source, ticker, lastUs, on });
  }

  start() {
    const { client } = this.source;
    const inserts = (table, filter, handle) =>
      this.channel.on("postgres_changes", { event: "*", schema: "public", table, filter }, ({ new: row }) => row?.ticker && handle(row));
    const ofTicker = `ticker=eq.${this.ticker}`;
    this.channel = client.channel(`ticktape:${this.ticker}:${Math.random()}`);
    inserts("equity_data", ofTicker, (row) => this.#take([tick(row)]));
    inserts("indicators", ofTicker, (row) => this.on.lines([line(row)]));
    inserts("stream_gaps", undefined, (row) => ["*", this.ticker].includes(row.ticker) && this.on.gap(gap(row)));
    this.channel.subscribe((status) => this.#changed(status));
    this.#timers = [setInterval(() => this.#vitals(), VITALS_MS), setInterval(() => this.on.resync(), RECONCILE_MS)];
    this.catchUp = () => document.visibilityState === "visible" && this.#catchUp();
    document.addEventListener("visibilitychange", this.catchUp);
    this.#vitals();
    this.#catchUp();
  }

  stop() {
    for (const timer of this.#timers) clearInterval(timer);
    document.removeEventListener("visibilitychange", this.catchUp);
    this.source.client.removeChannel(this.channel);
  }

  #changed(status) {
    this.isOpen = status === "SUBSCRIBED";
    this.on.state(this.isOpen ? "open" : "lost");
    if (this.isOpen) this.#catchUp();
  }

  /** Rows that Realtime brings meanwhile wait, so that ticks stay in order. */
  async #catchUp() {
    if (this.#isCatchingUp) return;
    this.#isCatchingUp = true;
    try {
      const missed = await this.source.since(this.ticker, this.lastUs);
      if (missed === null) this.on.resync();
      else {
        this.#hand(missed.ticks);
        this.on.lines(missed.lines);
      }
    } catch {
      this.on.state("lost"); // the next connection or the timer tries again
    } finally {
      this.#isCatchingUp = false;
      this.#hand(this.#waiting.splice(0));
    }
  }

  #take(ticks) {
    if (this.#isCatchingUp) this.#waiting.push(...ticks);
    else this.#hand(ticks);
  }

  #hand(ticks) {
    const fresh = ticks.filter(({ tsUs }) => tsUs > this.lastUs);
    if (fresh.length === 0) return;
    this.lastUs = fresh[fresh.length - 1].tsUs;
    this.on.ticks(fresh, Infinity);
  }

  async #vitals() {
    try {
      this.on.vitals({ checks: await readVitals(this.source.client, this.ticker, { isOpen: this.isOpen, lastUs: this.lastUs }) });
    } catch {
      this.on.state("lost");
    }
  }
}

// A numeric column may arrive as text, so that no digit is lost on the way.
const toNumber = (value) => (value === null ? null : Number(value));
const tick = (row) => ({ seq: 0, tsUs: toUs(row.timestamp), price: Number(row.price), volume: Number(row.volume), sma9: null, vwap: null });
const bar = (row) => ({
  tsUs: toUs(row.timestamp), open: Number(row.open), high: Number(row.high), low: Number(row.low), close: Number(row.close),
  volume: Number(row.volume),
});
const line = (row) => ({ tsUs: toUs(row.timestamp), sma9: row.sma9, vwap: row.vwap });
const gap = (row) => ({
  fromUs: toUs(row.timestamp), toUs: toUs(row.ended_at), ticker: row.ticker === "*" ? "" : row.ticker, reason: row.reason,
});
const contract = (row) => ({
  symbol: row.option_symbol, option_type: row.option_type, strike: Number(row.strike_price), expiration: row.expiration_date,
  bid: toNumber(row.bid), ask: toNumber(row.ask), last: toNumber(row.last_price), implied_volatility: row.implied_volatility, delta: row.delta,
});

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
