// What lies behind the candles: hours outside the regular session, its boundaries, and the gaps of the record, hatched.
// A "primitive" of lightweight-charts: https://tradingview.github.io/lightweight-charts/docs/plugins/series-primitives

import { MINUTE_US } from "./time.js";

export class Overlays {
  #chart;
  #requestUpdate;
  #view = { zOrder: () => "bottom", renderer: () => this.#renderer };
  #renderer = { draw: (target) => target.useBitmapCoordinateSpace((scope) => this.#draw(scope)) };
  #firstUs = null;
  #sessions = { regular: null, extended: null };
  #gaps = [];

  constructor(palette) {
    this.palette = palette;
  }

  attached({ chart, requestUpdate }) {
    this.#chart = chart;
    this.#requestUpdate = requestUpdate;
  }

  detached() {
    this.#chart = undefined;
  }

  paneViews() {
    return [this.#view];
  }

  /** `firstUs` is the time of the bar with logical index 0. */
  set({ firstUs = this.#firstUs, sessions = this.#sessions, gaps = this.#gaps, palette = this.palette }) {
    this.#firstUs = firstUs;
    this.#sessions = sessions;
    this.#gaps = gaps;
    this.palette = palette;
    this.#requestUpdate?.();
  }

  /** The gaps that touch the minute at a logical index of the time scale. */
  gapsAt(logical) {
    if (this.#firstUs === null) return [];
    const startUs = this.#firstUs + Math.round(logical) * MINUTE_US;
    return this.#gaps.filter((gap) => gap.fromUs < startUs + MINUTE_US && gap.toUs > startUs);
  }

  /** Pixels from the left; a bar stands in the middle of its minute. */
  #x(tsUs) {
    const logical = (tsUs - this.#firstUs) / MINUTE_US - 0.5;
    const scale = this.#chart.timeScale();
    const low = Math.floor(logical);
    const left = scale.logicalToCoordinate(low);
    const right = scale.logicalToCoordinate(low + 1);
    return left === null || right === null ? null : left + (right - left) * (logical - low);
  }

  #draw({ context, bitmapSize, horizontalPixelRatio }) {
    if (!this.#chart || this.#firstUs === null) return;
    const x = (tsUs) => {
      const pixels = this.#x(tsUs);
      return pixels === null ? null : Math.min(Math.max(pixels * horizontalPixelRatio, -4), bitmapSize.width + 4);
    };
    this.#drawSession(context, bitmapSize, x);
    for (const gap of this.#gaps) this.#drawGap(context, bitmapSize, x(gap.fromUs), x(gap.toUs), horizontalPixelRatio);
  }

  #drawSession(context, { width, height }, x) {
    const { regular } = this.#sessions;
    if (!regular) return;
    const open = x(regular.openUs);
    const close = x(regular.closeUs);
    if (open === null || close === null) return;
    context.fillStyle = this.palette.outside;
    if (open > 0) context.fillRect(0, 0, open, height);
    if (close < width) context.fillRect(close, 0, width - close, height);
    context.strokeStyle = this.palette.boundary;
    context.setLineDash([6, 5]);
    for (const at of [open, close]) line(context, at, height);
    context.setLineDash([]);
  }

  #drawGap(context, { width, height }, from, to, ratio) {
    if (from === null || to === null || to < 0 || from > width) return;
    const left = Math.floor(from);
    const span = Math.max(Math.ceil(to) - left, Math.ceil(3 * ratio));
    context.save();
    context.beginPath();
    context.rect(left, 0, span, height);
    context.clip();
    context.fillStyle = this.palette.gap;
    context.fillRect(left, 0, span, height);
    context.strokeStyle = this.palette.gapHatch;
    context.lineWidth = ratio;
    const step = 9 * ratio;
    context.beginPath();
    for (let start = left - height; start < left + span; start += step) {
      context.moveTo(start, height);
      context.lineTo(start + height, 0);
    }
    context.stroke();
    context.restore();
  }
}

function line(context, x, height) {
  context.beginPath();
  context.moveTo(Math.round(x) + 0.5, 0);
  context.lineTo(Math.round(x) + 0.5, height);
  context.stroke();
}
