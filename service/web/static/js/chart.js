// The chart of one ticker's day. It owns the drawing and nothing else: bars come in, the crosshair's minute goes out.

import {
  CandlestickSeries,
  ColorType,
  createChart,
  CrosshairMode,
  HistogramSeries,
  LineSeries,
  LineStyle,
} from "../vendor/lightweight-charts.mjs";
import { Overlays } from "./overlays.js";
import { clock, clockSeconds } from "./time.js";

const CLEAR = "rgba(0, 0, 0, 0)";
const HOUR_BARS = 60;
const ROOM_RIGHT = 4;

export class PriceChart {
  #bars = null;
  #pendingFrom = Infinity;
  #frame = 0;
  #drawn = 0;
  #zoom = "hour";

  constructor(container, palette) {
    this.container = container;
    this.chart = createChart(container, { ...baseOptions(), ...themeOptions(palette) });
    this.overlays = new Overlays(palette);
    this.candles = this.chart.addSeries(CandlestickSeries, {
      lastValueVisible: true,
      priceLineStyle: LineStyle.Dotted,
    });
    this.price = this.chart.addSeries(LineSeries, { lineWidth: 2, visible: false, priceLineStyle: LineStyle.Dotted });
    this.vwap = this.chart.addSeries(LineSeries, { ...quietLine, lineWidth: 2, lineStyle: LineStyle.Dashed });
    this.sma9 = this.chart.addSeries(LineSeries, { ...quietLine, lineWidth: 2 });
    this.volume = this.chart.addSeries(HistogramSeries, { ...quietLine, priceFormat: { type: "volume" } }, 1);
    this.chart.panes()[1].setStretchFactor(0.26);
    this.candles.attachPrimitive(this.overlays);
    this.setPalette(palette);
  }

  setPalette(palette) {
    this.palette = palette;
    this.chart.applyOptions(themeOptions(palette));
    // A rising bar is hollow and a falling one filled, so that colour is not the only sign.
    this.candles.applyOptions({
      upColor: CLEAR,
      downColor: palette.down,
      borderUpColor: palette.up,
      borderDownColor: palette.down,
      wickUpColor: palette.up,
      wickDownColor: palette.down,
      priceLineColor: palette.label,
    });
    this.price.applyOptions({ color: palette.price, priceLineColor: palette.label });
    this.vwap.applyOptions({ color: palette.vwap });
    this.sma9.applyOptions({ color: palette.sma9 });
    this.overlays.set({ palette });
    this.#setData();
  }

  /** Show a day from its start; `bars` is a DayBars that later `update` calls refer to. */
  show(bars, { sessions, gaps, keepView = false }) {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#pendingFrom = Infinity;
    this.#bars = bars;
    this.#setData();
    this.overlays.set({ firstUs: bars.first?.tsUs ?? null, sessions, gaps });
    if (!keepView) this.zoom(this.#zoom);
  }

  /** Bars from index `from` on have changed; drawn once with the next frame, however many ticks came. */
  update(from) {
    if (from < 0) return;
    this.#pendingFrom = Math.min(this.#pendingFrom, from);
    if (!this.#frame) this.#frame = requestAnimationFrame(() => this.#drawPending());
  }

  setGaps(gaps) {
    this.overlays.set({ gaps });
  }

  setStyle(style) {
    this.candles.applyOptions({ visible: style === "candles" });
    this.price.applyOptions({ visible: style === "line" });
  }

  zoom(zoom) {
    this.#zoom = zoom;
    const count = this.#bars?.minutes.length ?? 0;
    if (!count) return;
    const from = zoom === "day" ? -1 : Math.max(count - HOUR_BARS, -ROOM_RIGHT);
    this.chart.timeScale().setVisibleLogicalRange({ from, to: Math.max(count, from + 40) + ROOM_RIGHT });
  }

  /** `listener({minute, gaps, point})`; without a minute when the crosshair has left. */
  onCrosshair(listener) {
    this.chart.subscribeCrosshairMove((event) => {
      const over = event.point !== undefined && event.logical !== undefined;
      const minute = over ? this.#bars?.at(Math.round(event.logical)) : undefined;
      listener({ minute, gaps: over ? this.overlays.gapsAt(event.logical) : [], point: event.point });
    });
  }

  #setData() {
    if (!this.#bars) return;
    this.#drawn = this.#bars.minutes.length;
    for (const [series, point] of this.#points()) series.setData(this.#bars.minutes.map((_, index) => point(index)));
  }

  #drawPending() {
    // The point before a minute without a trade ends its line.
    const endsLine = this.#bars.at(this.#pendingFrom).open === undefined && this.#pendingFrom > 0;
    const from = this.#pendingFrom - Number(endsLine);
    this.#frame = 0;
    this.#pendingFrom = Infinity;
    if (from === 0) this.overlays.set({ firstUs: this.#bars.first.tsUs });
    const count = this.#bars.minutes.length;
    const isHistory = (index) => index < this.#drawn - 1;
    for (const [series, point] of this.#points()) {
      for (let index = from; index < count; index++) series.update(point(index), isHistory(index));
    }
    this.#drawn = count;
  }

  #points() {
    const { volumeUp, volumeDown } = this.palette;
    const volumeColor = (minute) => (minute.close < minute.open ? volumeDown : volumeUp);
    return [
      [this.candles, ({ tsUs, open, high, low, close }) => ({ time: tsUs / 1e6, open, high, low, close })],
      [this.price, (minute, isBroken) => linePoint(minute, minute.close, isBroken)],
      [this.vwap, (minute, isBroken) => linePoint(minute, minute.vwap, isBroken)],
      [this.sma9, (minute, isBroken) => linePoint(minute, minute.sma9, isBroken)],
      [this.volume, (minute) => ({ ...linePoint(minute, minute.volume), color: volumeColor(minute) })],
    ].map(([series, point]) => [series, (index) => this.#point(point, index)]);
  }

  #point(point, index) {
    const minute = this.#bars.at(index);
    if (minute.open === undefined) return { time: minute.tsUs / 1e6 };
    const next = this.#bars.at(index + 1);
    return point(minute, next !== undefined && next.open === undefined);
  }
}

const quietLine = { lastValueVisible: false, priceLineVisible: false, crosshairMarkerVisible: false };

/** A line goes on from a point in the point's colour: without one it does not bridge minutes that are not on record. */
function linePoint(minute, value, isBroken = false) {
  if (value === null || value === undefined) return { time: minute.tsUs / 1e6 };
  return { time: minute.tsUs / 1e6, value, ...(isBroken && { color: CLEAR }) };
}

function baseOptions() {
  return {
    autoSize: true,
    crosshair: { mode: CrosshairMode.Normal },
    handleScroll: { vertTouchDrag: false }, // on a phone, a swipe up or down moves the page
    rightPriceScale: { borderVisible: false },
    timeScale: {
      timeVisible: true,
      secondsVisible: false,
      borderVisible: false,
      rightOffset: ROOM_RIGHT,
      tickMarkFormatter: (seconds) => clock(seconds * 1e6),
    },
    localization: { timeFormatter: (seconds) => `${clockSeconds(seconds * 1e6)} ET` },
  };
}

function themeOptions(palette) {
  return {
    layout: {
      background: { type: ColorType.Solid, color: palette.surface },
      textColor: palette.text,
      fontSize: 11,
      fontFamily: "ui-sans-serif, system-ui, sans-serif",
      // The logo would inject a style element, which the Content-Security-Policy refuses; the page's foot has the link.
      attributionLogo: false,
      panes: { separatorColor: palette.grid, enableResize: false },
    },
    grid: { vertLines: { color: palette.grid }, horzLines: { color: palette.grid } },
    crosshair: {
      vertLine: { color: palette.crosshair, labelBackgroundColor: palette.label },
      horzLine: { color: palette.crosshair, labelBackgroundColor: palette.label },
    },
  };
}
