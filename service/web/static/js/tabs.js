// Tickers as tabs with their last price: arrow keys move, as the ARIA pattern for tabs asks.

import { formatPrice } from "./numbers.js";
import { setText } from "./vitals.js";

export class Tabs {
  #tabs = new Map();

  constructor(list, tickers, onSelect) {
    for (const ticker of tickers) {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.role = "tab";
      tab.dataset.ticker = ticker;
      tab.setAttribute("aria-controls", "panel");
      const name = document.createElement("b");
      name.textContent = ticker;
      const price = document.createElement("span");
      tab.append(name, price);
      tab.addEventListener("click", () => onSelect(ticker));
      this.#tabs.set(ticker, { tab, price });
      list.append(tab);
    }
    list.addEventListener("keydown", (event) => this.#move(event, tickers, onSelect));
  }

  select(ticker) {
    for (const [name, { tab }] of this.#tabs) {
      tab.setAttribute("aria-selected", String(name === ticker));
      tab.tabIndex = name === ticker ? 0 : -1;
    }
  }

  /** @param {Record<string, number>} prices last price by ticker */
  showPrices(prices) {
    for (const [ticker, price] of Object.entries(prices)) {
      const tab = this.#tabs.get(ticker);
      if (tab) setText(tab.price, formatPrice(price));
    }
  }

  #move(event, tickers, onSelect) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const current = tickers.findIndex((ticker) => this.#tabs.get(ticker).tab.tabIndex === 0);
    const next = tickers[(current + step + tickers.length) % tickers.length];
    event.preventDefault();
    onSelect(next);
    this.#tabs.get(next).tab.focus();
  }
}
