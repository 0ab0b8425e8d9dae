// Supabase's rows as the page's: times are ISO text with up to six decimals, numeric columns may be text, so that no
// digit is lost, and an answer is cut at 1,000 rows without notice.

const PAGE = 1000;

export function toUs(iso) {
  const fraction = /\.(\d{1,6})/.exec(iso)?.[1] ?? "";
  return Math.floor(Date.parse(iso.replace(/\.\d+/, "")) / 1000) * 1e6 + Number(fraction.padEnd(6, "0"));
}

export function toIso(us) {
  return `${new Date(Math.floor(us / 1e6) * 1000).toISOString().slice(0, 19)}.${String(us % 1e6).padStart(6, "0")}+00:00`;
}

/** All rows of `ask(from, to)`, a request for the rows at these positions; at most about `limit`. */
export async function pages(ask, limit = 20_000) {
  const rows = [];
  while (rows.length < limit) {
    const { data, error } = await ask(rows.length, rows.length + PAGE - 1);
    if (error) throw new Error(error.message);
    rows.push(...data);
    if (data.length < PAGE) break;
  }
  return rows;
}

const toNumber = (value) => (value === null ? null : Number(value));
export const tick = (row) => ({
  seq: 0,
  tsUs: toUs(row.timestamp),
  price: Number(row.price),
  volume: Number(row.volume),
  sma9: null,
  vwap: null,
});
export const bar = (row) => ({
  tsUs: toUs(row.timestamp),
  open: Number(row.open),
  high: Number(row.high),
  low: Number(row.low),
  close: Number(row.close),
  volume: Number(row.volume),
});
export const line = (row) => ({ tsUs: toUs(row.timestamp), sma9: row.sma9, vwap: row.vwap });
export const gap = (row) => ({
  fromUs: toUs(row.timestamp),
  toUs: toUs(row.ended_at),
  ticker: row.ticker === "*" ? "" : row.ticker,
  reason: row.reason,
});
export const contract = (row) => ({
  symbol: row.option_symbol,
  option_type: row.option_type,
  strike: Number(row.strike_price),
  expiration: row.expiration_date,
  bid: toNumber(row.bid),
  ask: toNumber(row.ask),
  last: toNumber(row.last_price),
  implied_volatility: row.implied_volatility,
  delta: row.delta,
});
