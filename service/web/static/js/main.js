// Puts the page together: one source, one chart, the vital signs, and what the person chose to look at.

import { config } from "../config.js";
import { PriceChart } from "./chart.js";
import { DayView } from "./day.js";
import { Legend } from "./legend.js";
import { readPalette } from "./palette.js";
import { openSource } from "./sources/index.js";
import { Tabs } from "./tabs.js";
import { startTheme } from "./theme.js";
import { Vitals } from "./vitals.js";

const find = (selector) => document.querySelector(selector);

async function start() {
  let chart;
  startTheme(find("#theme"), () => chart?.setPalette(readPalette()));
  const source = await openSource(config);
  const about = await source.about();
  chart = new PriceChart(find("#chart"), readPalette());
  const legend = new Legend(find("#legend"), find("#gap-hint"));
  const vitals = new Vitals(find("#checks"), find("#overall"));
  const view = new DayView({ source, about, chart, legend, vitals });
  const tabs = new Tabs(find("#tickers"), about.tickers, (ticker) => go(ticker, ""));
  view.onPrices = (prices) => tabs.showPrices(prices);

  chart.onCrosshair((at) => legend.point(at));
  choice({ "#candles": () => chart.setStyle("candles"), "#line": () => chart.setStyle("line") });
  choice({ "#zoom-hour": () => chart.zoom("hour"), "#zoom-day": () => chart.zoom("day") });
  find("#day").addEventListener("change", (event) => go(view.ticker, event.target.value));
  showOrigin(about);

  const follow = async () => {
    const { ticker, day } = place(about);
    tabs.select(ticker);
    await view.show(ticker, day);
  };
  addEventListener("hashchange", () => follow().catch(report));
  await follow();
  globalThis.ticktape = { view, chart }; // for the browser's console and the tests
}

/** The address says what is shown (#QQQ or #QQQ/2026-11-20), so that a reload or a bookmark restores it. */
function place(about) {
  const [ticker, day] = location.hash.slice(1).split("/").map(decodeURIComponent);
  return {
    ticker: about.tickers.includes(ticker) ? ticker : about.tickers[0],
    day: /^\d{4}-\d{2}-\d{2}$/.test(day ?? "") ? day : "",
  };
}

function go(ticker, day) {
  location.hash = `${encodeURIComponent(ticker)}${day && `/${day}`}`;
}

/** Buttons of which one is pressed. */
function choice(actions) {
  const buttons = Object.keys(actions).map(find);
  for (const button of buttons) {
    button.addEventListener("click", () => {
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
      actions[`#${button.id}`]();
    });
  }
}

function showOrigin({ origin, version }) {
  find("#about").textContent = version ? `ticktape ${version}` : "ticktape";
  const badge = find("#source");
  badge.textContent = origin;
  badge.hidden = !origin;
}

function report(error) {
  find("#notice").textContent = `The page could not start: ${error.message}. Reload it once the service answers.`;
}

start().catch(report);
