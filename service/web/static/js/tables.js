// The two tables below the chart: the gaps of the day and the option chain.

import { formatCents, formatPrice } from "./numbers.js";
import { clockSeconds, duration } from "./time.js";
import { setText } from "./vitals.js";

export function showGaps(gaps) {
  const rows = gaps.map((gap) => [
    clockSeconds(gap.fromUs),
    clockSeconds(gap.toUs),
    duration(gap.toUs - gap.fromUs),
    gap.ticker || "all",
    gap.reason,
  ]);
  document.querySelector("#gaps").replaceChildren(...rows.map((cells) => row(cells, { 2: "number" })));
  setText(document.querySelector("#gaps-count"), String(gaps.length));
  document.querySelector("#gaps-none").hidden = gaps.length > 0;
  document.querySelector("#gaps-section .scroll").hidden = gaps.length === 0;
}

/** The expiration that comes next; `price` marks the strike at the money. */
export function showChain(contracts, price) {
  const section = document.querySelector("#chain-section");
  section.hidden = contracts.length === 0;
  if (section.hidden) return;
  const expiration = contracts.reduce(
    (first, { expiration: day }) => (day < first ? day : first),
    contracts[0].expiration,
  );
  const strikes = new Map();
  for (const contract of contracts.filter((each) => each.expiration === expiration)) {
    const pair = strikes.get(contract.strike) ?? {};
    pair[contract.option_type] = contract;
    strikes.set(contract.strike, pair);
  }
  const sorted = [...strikes].sort(([left], [right]) => left - right);
  const nearest = sorted.reduce(
    (best, [strike]) => (Math.abs(strike - price) < Math.abs(best - price) ? strike : best),
    sorted[0][0],
  );
  setText(document.querySelector("#chain-expiration"), `expires ${expiration}`);
  document
    .querySelector("#chain")
    .replaceChildren(
      ...sorted.map(([strike, pair]) => chainRow(strike, pair, strike === nearest && price !== undefined)),
    );
}

function chainRow(strike, { CALL: call, PUT: put }, atTheMoney) {
  const left = [call?.implied_volatility, call?.delta, call?.last, call?.bid, call?.ask];
  const right = [put?.bid, put?.ask, put?.last, put?.delta, put?.implied_volatility];
  const cells = [
    ...left.map(formatCents),
    `${formatPrice(strike)}${atTheMoney ? " ◂" : ""}`,
    ...right.map(formatCents),
  ];
  const made = row(cells, { 5: "strike" });
  made.classList.toggle("at-the-money", atTheMoney);
  return made;
}

function row(cells, classes) {
  const made = document.createElement("tr");
  for (const [index, text] of cells.entries()) {
    const cell = document.createElement("td");
    cell.textContent = text;
    if (classes[index]) cell.className = classes[index];
    made.append(cell);
  }
  return made;
}
