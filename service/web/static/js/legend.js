// The line of values above the chart: of the minute under the crosshair, else of the last one; and the gap under it.

import { formatCompact, formatPrice } from "./numbers.js";
import { clock, clockSeconds, duration } from "./time.js";
import { setText } from "./vitals.js";

const FORMATS = {
  time: (minute) => clock(minute.tsUs),
  open: (minute) => formatPrice(minute.open),
  high: (minute) => formatPrice(minute.high),
  low: (minute) => formatPrice(minute.low),
  close: (minute) => formatPrice(minute.close),
  sma9: (minute) => formatPrice(minute.sma9),
  vwap: (minute) => formatPrice(minute.vwap),
  volume: (minute) => formatCompact(minute.volume),
};

export class Legend {
  #cells = new Map();
  #pinned = null;
  #last = null;

  constructor(list, hint) {
    for (const cell of list.querySelectorAll("[data-value]")) this.#cells.set(cell.dataset.value, cell);
    this.hint = hint;
  }

  showLast(minute) {
    this.#last = minute;
    if (!this.#pinned) this.#show(minute);
  }

  /** What the crosshair is on; nothing when it left. */
  point({ minute, gaps, point }) {
    this.#pinned = minute ?? null;
    this.#show(minute ?? this.#last);
    this.hint.hidden = gaps.length === 0;
    if (gaps.length === 0) return;
    setText(this.hint, gaps.map(describeGap).join("\n"));
    const left = Math.min(point.x + 12, this.hint.parentElement.clientWidth - this.hint.offsetWidth - 8);
    this.hint.style.transform = `translate(${Math.max(4, left)}px, 10px)`;
  }

  #show(minute) {
    for (const [name, cell] of this.#cells) setText(cell, minute ? FORMATS[name](minute) : "–");
  }
}

function describeGap(gap) {
  const whose = gap.ticker ? `${gap.ticker}: ` : "";
  return `${whose}gap of ${duration(gap.toUs - gap.fromUs)}, ${clockSeconds(gap.fromUs)}–${clockSeconds(gap.toUs)}: ${gap.reason}`;
}
