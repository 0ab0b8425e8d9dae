// PostgREST's ways: times as ISO text with up to six decimals, and answers cut at 1,000 rows without notice.

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
