// One ET day of a ticker as 1-minute bars with SMA9 and VWAP at each bar's last tick: history first, then ticks folded in.
//
// The grid has no holes: a minute without a trade is an entry without prices, so that equal time is equal width on the
// chart and a gap shows as long as it was.

import { MINUTE_US } from "./time.js";

export class DayBars {
  /**
   * @param {{tsUs:number, open:number, high:number, low:number, close:number, volume:number}[]} bars in time order
   * @param {{tsUs:number, sma9:number|null, vwap:number|null}[]} lines the last value of each minute
   */
  constructor(bars, lines) {
    this.minutes = [];
    this.lastTickUs = 0;
    const byMinute = new Map(lines.map((line) => [minuteOf(line.tsUs), line]));
    for (const bar of bars) {
      const line = byMinute.get(minuteOf(bar.tsUs));
      this.#reach(minuteOf(bar.tsUs));
      Object.assign(this.last, {
        open: bar.open,
        high: bar.high,
        low: bar.low,
        close: bar.close,
        volume: bar.volume,
        sma9: line?.sma9 ?? null,
        vwap: line?.vwap ?? null,
      });
    }
  }

  get first() {
    return this.minutes[0];
  }

  get last() {
    return this.minutes[this.minutes.length - 1];
  }

  /** The minute in progress or the last one that traded. */
  get lastTraded() {
    return this.minutes.findLast((minute) => minute.open !== undefined);
  }

  at(index) {
    return this.minutes[index];
  }

  /** Fold a tick in; returns the index of the first minute it changed, or -1 for one that is known or too old. */
  add(tick) {
    const minuteUs = minuteOf(tick.tsUs);
    if (tick.tsUs <= this.lastTickUs || (this.last && minuteUs < this.last.tsUs)) return -1;
    this.lastTickUs = tick.tsUs;
    const touched = Math.max(0, this.minutes.length - (this.last?.tsUs === minuteUs ? 1 : 0));
    this.#reach(minuteUs);
    const bar = this.last;
    if (bar.open === undefined) {
      Object.assign(bar, { open: tick.price, high: tick.price, low: tick.price, volume: 0, sma9: null, vwap: null });
    }
    bar.high = Math.max(bar.high, tick.price);
    bar.low = Math.min(bar.low, tick.price);
    bar.close = tick.price;
    bar.volume += tick.volume;
    bar.sma9 = tick.sma9 ?? bar.sma9;
    bar.vwap = tick.vwap ?? bar.vwap;
    return touched;
  }

  /** SMA9 and VWAP that came apart from their tick; returns as `add`. */
  addLine(line) {
    const index = this.first ? (minuteOf(line.tsUs) - this.first.tsUs) / MINUTE_US : -1;
    const bar = this.minutes[index];
    if (bar?.open === undefined || (bar.lineUs ?? 0) > line.tsUs) return -1;
    Object.assign(bar, { lineUs: line.tsUs, sma9: line.sma9 ?? bar.sma9, vwap: line.vwap ?? bar.vwap });
    return index;
  }

  #reach(minuteUs) {
    let next = this.last ? this.last.tsUs + MINUTE_US : minuteUs;
    for (; next <= minuteUs; next += MINUTE_US) this.minutes.push({ tsUs: next });
  }
}

const minuteOf = (tsUs) => tsUs - (tsUs % MINUTE_US);
