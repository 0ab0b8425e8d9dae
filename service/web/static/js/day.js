// What is on screen: one ticker on one ET day, from history, and live when that day is today.

import { DayBars } from "./bars.js";
import { formatChange, formatPrice } from "./numbers.js";
import { showChain, showGaps } from "./tables.js";
import { dayBounds, dayOf } from "./time.js";
import { setText } from "./vitals.js";

const RETRY_MS = 2000;

const find = (selector) => document.querySelector(selector);

export class DayView {
  #stop = () => {};
  #generation = 0;
  #chain = new Map();
  #lostTimer = 0;
  #isBehind = false;
  #isReloading = false;
  ticker = "";
  days = [];
  onPrices = () => {};

  constructor({ source, about, chart, legend, vitals }) {
    Object.assign(this, { source, about, chart, legend, vitals });
  }

  /** Show `ticker` on `day`; an empty day means today, followed live. */
  async show(ticker, day) {
    const generation = ++this.#generation;
    this.#stop();
    const before = `${this.ticker}/${this.day}`;
    Object.assign(this, { ticker, day: day || this.about.today, isLive: !day || day === this.about.today });
    this.bounds = dayBounds(this.day);
    const keepView = before === `${this.ticker}/${this.day}` && this.bars?.minutes.length > 0;
    const [history] = await Promise.all([
      this.source.day(ticker, this.day),
      this.#fillDays(generation),
      this.#fillChain(generation),
    ]);
    if (generation !== this.#generation) return;
    this.#setHistory(history, keepView);
    this.#stop = this.source.live(ticker, history.position, this.#listeners(generation));
  }

  #setHistory({ bars, lines, gaps, sessions }, keepView) {
    this.bars = new DayBars(bars, lines);
    this.gaps = gaps;
    this.#isBehind = false;
    this.chart.show(this.bars, { sessions, gaps, keepView });
    this.chart.container.setAttribute(
      "aria-label",
      `Chart of ${this.ticker} on ${this.day}: ${bars.length} minutes with trades`,
    );
    showGaps(gaps);
    this.#showLast();
    const empty = find("#empty");
    empty.hidden = bars.length > 0;
    setText(empty, this.#whyEmpty());
  }

  #whyEmpty() {
    if (!this.isLive) return "No tick on record for this day.";
    const last = this.days.find((day) => day !== this.day);
    const before = last ? ` The last day on record is ${last}: choose it above.` : "";
    return `No tick recorded yet today; the chart starts with the first one.${before}`;
  }

  #listeners(generation) {
    const current =
      (handle) =>
      (...values) =>
        generation === this.#generation && handle(...values);
    return {
      ticks: current((ticks, foldedSeq) => this.#addTicks(ticks, foldedSeq)),
      lines: current((lines) => this.#addLines(lines)),
      gap: current((gap) => this.#addGap(gap)),
      vitals: current(({ checks }) => this.vitals.show(checks)),
      prices: current((prices) => this.onPrices(prices)),
      chain: current((rows) => this.#addContracts(rows)),
      resync: current(() => this.#reload()),
      trouble: current((error) => setText(find("#notice"), error)),
      state: current((state) => this.#showState(state)),
    };
  }

  #addTicks(ticks, foldedSeq) {
    const last = ticks[ticks.length - 1];
    if (last === undefined) return;
    this.onPrices({ [this.ticker]: last.price });
    if (!this.isLive) return;
    if (!this.#isToday(last)) {
      this.#turnDay(dayOf(last.tsUs));
      return;
    }
    let from = Infinity;
    for (const tick of ticks.filter((each) => this.#isToday(each))) {
      const index = this.bars.add(tick);
      if (index >= 0) from = Math.min(from, index);
    }
    if (from !== Infinity) this.chart.update(from);
    find("#empty").hidden = true;
    this.#showLast();
    this.#mendLines(last, foldedSeq);
  }

  #isToday({ tsUs }) {
    return tsUs >= this.bounds.startUs && tsUs < this.bounds.endUs;
  }

  #addLines(lines) {
    const touched = lines.map((line) => this.bars.addLine(line)).filter((index) => index >= 0);
    if (!this.isLive || touched.length === 0) return;
    this.chart.update(Math.min(...touched));
    this.#showLast();
  }

  /** Ticks sent before the projection had folded them lack their lines: fetch these once it has caught up. */
  #mendLines(last, foldedSeq) {
    if (foldedSeq < last.seq) this.#isBehind = true;
    else if (this.#isBehind) this.#reload();
  }

  #turnDay(day) {
    this.about.today = day;
    this.#reload();
  }

  #reload() {
    if (this.#isReloading) return;
    this.#isReloading = true;
    this.show(this.ticker, this.isLive ? "" : this.day)
      .catch((error) => {
        setText(find("#notice"), `${error.message}. Trying again.`);
        setTimeout(() => this.#reload(), RETRY_MS);
      })
      .finally(() => {
        this.#isReloading = false;
      });
  }

  #addGap(gap) {
    if (!this.isLive || this.gaps.some((known) => known.fromUs === gap.fromUs && known.ticker === gap.ticker)) return;
    this.gaps = [...this.gaps, gap];
    this.chart.setGaps(this.gaps);
    showGaps(this.gaps);
  }

  #showLast() {
    const minute = this.bars.lastTraded;
    this.legend.showLast(minute);
    setText(find("#price"), formatPrice(minute?.close));
    const change = find("#change");
    setText(change, minute ? formatChange(minute.close, this.bars.first.open) : "");
    change.dataset.direction = minute ? String(Math.sign(minute.close - this.bars.first.open)) : "0";
    document.title = minute ? `${formatPrice(minute.close)} ${this.ticker} · ticktape` : "ticktape";
  }

  /** A short break of the connection is nobody's business; a longer one makes everything on screen old. */
  #showState(state) {
    if (state === "open") {
      clearTimeout(this.#lostTimer);
      this.#lostTimer = 0;
      setText(find("#notice"), "");
      return;
    }
    this.#lostTimer ||= setTimeout(() => {
      setText(find("#notice"), "No connection: what you see is old. It continues by itself, without a hole.");
      this.vitals.overall("unknown", "No connection");
    }, 1500);
  }

  async #fillDays(generation) {
    const days = await this.source.days(this.ticker);
    if (generation !== this.#generation) return;
    this.days = days;
    const all = [...new Set([this.about.today, ...days, this.day])].sort().reverse();
    find("#day").replaceChildren(
      ...all.map(
        (day) => new Option(day === this.about.today ? `${day} · live` : day, day === this.about.today ? "" : day),
      ),
    );
    find("#day").value = this.isLive ? "" : this.day;
  }

  async #fillChain(generation) {
    const rows = this.about.options ? await this.source.chain(this.ticker) : [];
    if (generation !== this.#generation) return;
    this.#chain = new Map();
    this.#addContracts(rows);
  }

  #addContracts(rows) {
    for (const row of rows) this.#chain.set(row.symbol, row);
    showChain([...this.#chain.values()], this.bars?.lastTraded?.close);
  }
}
