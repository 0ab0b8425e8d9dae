// Realtime, which may lose messages and says nothing while a laptop sleeps. So everything after the last row seen is
// fetched by PostgREST whenever the channel has (re)connected and when the tab comes to the front, and the whole day anew
// every RECONCILE_MS.

import { gap, line, tick } from "./supabase_rows.js";
import { readVitals } from "./supabase_vitals.js";

const VITALS_MS = 15_000;
const RECONCILE_MS = 300_000;

/** One subscription: rows from Realtime, and from PostgREST what Realtime has missed. */
export class Follower {
  #timers = [];
  #isCatchingUp = false;
  #mustCatchUpAgain = false;
  #ticks = [];
  #lines = [];

  /** `source.since` fetches; `lastUs` is the time of the last tick in the history; `on` as ServiceSource.live has it. */
  constructor(source, ticker, lastUs, on) {
    Object.assign(this, { source, ticker, lastUs, on });
  }

  start() {
    const ofTicker = `ticker=eq.${this.ticker}`;
    this.channel = this.source.client.channel(`ticktape:${this.ticker}:${Math.random()}`);
    this.#listen("equity_data", ofTicker, (row) => this.#take([tick(row)], []));
    this.#listen("indicators", ofTicker, (row) => this.#take([], [line(row)]));
    this.#listen("stream_gaps", undefined, (row) => ["*", this.ticker].includes(row.ticker) && this.on.gap(gap(row)));
    this.channel.subscribe((status) => this.#changed(status));
    this.#timers = [setInterval(() => this.#vitals(), VITALS_MS), setInterval(() => this.on.resync(), RECONCILE_MS)];
    this.cameToFront = () => document.visibilityState === "visible" && this.#catchUp();
    document.addEventListener("visibilitychange", this.cameToFront);
    this.#vitals();
  }

  stop() {
    for (const timer of this.#timers) clearInterval(timer);
    document.removeEventListener("visibilitychange", this.cameToFront);
    this.source.client.removeChannel(this.channel);
  }

  #listen(table, filter, handle) {
    const changes = { event: "*", schema: "public", table, filter };
    this.channel.on("postgres_changes", changes, ({ new: row }) => row?.ticker && handle(row));
  }

  #changed(status) {
    this.isOpen = status === "SUBSCRIBED";
    this.on.state(this.isOpen ? "open" : "lost");
    this.#catchUp();
    this.#vitals();
  }

  /** Once more when it is asked for meanwhile: what is under way may have looked before the channel was open. */
  async #catchUp() {
    this.#mustCatchUpAgain = true;
    if (this.#isCatchingUp) return;
    this.#isCatchingUp = true;
    while (this.#mustCatchUpAgain) {
      this.#mustCatchUpAgain = false;
      await this.#fetchMissed();
    }
    this.#isCatchingUp = false;
    this.#release();
  }

  async #fetchMissed() {
    try {
      const missed = await this.source.since(this.ticker, this.lastUs);
      if (missed === null) {
        this.on.resync();
        return;
      }
      // What Realtime brought meanwhile is newer than these, or among them.
      this.#ticks = [...missed.ticks, ...this.#ticks];
      this.#lines = [...missed.lines, ...this.#lines];
      this.#release();
    } catch {
      this.on.state("lost"); // the next connection, or the timer, tries again
    }
  }

  /** Rows that come while others are being fetched wait, so that ticks stay in order. */
  #take(ticks, lines) {
    this.#ticks.push(...ticks);
    this.#lines.push(...lines);
    if (!this.#isCatchingUp) this.#release();
  }

  /** Ticks in order of time, and lines no sooner than their ticks: Realtime knows no order between tables. */
  #release() {
    const fresh = this.#ticks.splice(0).filter(({ tsUs }) => tsUs > this.lastUs);
    fresh.sort((left, right) => left.tsUs - right.tsUs);
    if (fresh.length > 0) {
      this.lastUs = fresh[fresh.length - 1].tsUs;
      this.on.ticks(fresh, Infinity);
    }
    const ready = this.#lines.filter(({ tsUs }) => tsUs <= this.lastUs);
    this.#lines = this.#lines.filter(({ tsUs }) => tsUs > this.lastUs);
    if (ready.length > 0) this.on.lines(ready);
  }

  async #vitals() {
    try {
      const live = { isOpen: this.isOpen, lastUs: this.lastUs };
      this.on.vitals({ checks: await readVitals(this.source.client, this.ticker, live) });
    } catch {
      this.on.state("lost");
    }
  }
}
