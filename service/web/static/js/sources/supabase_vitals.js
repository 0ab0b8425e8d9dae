// Vital signs as far as the tables tell them: the recorder's own page knows more (the log, the disk, the login).

import { formatWhole } from "../numbers.js";
import { dayBounds, dayOf, duration, easternUs } from "../time.js";
import { toIso, toUs } from "./supabase_rows.js";

const QUIET_US = 60_000_000;
const SILENT_US = 300_000_000;

/** @param {{isOpen: boolean, lastUs: number}} live the subscription and the time of the last tick it has seen */
export async function readVitals(client, ticker, { isOpen, lastUs }) {
  const nowUs = Date.now() * 1000;
  const [metrics, gaps] = await Promise.all([newestMetrics(client, ticker), gapsToday(client, ticker, nowUs)]);
  return [
    connection(isOpen),
    lastTick(lastUs, nowUs),
    recorder(metrics, nowUs),
    {
      name: "rows",
      title: "Rows in the last summary",
      level: "ok",
      sentence: "",
      value: metrics ? formatWhole(metrics.records_processed) : "–",
    },
    {
      name: "errors",
      title: "Errors in the last summary",
      level: metrics?.error_count ? "warning" : "ok",
      value: metrics ? formatWhole(metrics.error_count) : "–",
      sentence: "Sending to Supabase failed now and then; nothing is lost. See the recorder's own page.",
    },
    {
      name: "gaps",
      title: "Gaps today",
      level: gaps ? "warning" : "ok",
      value: formatWhole(gaps),
      sentence: "The record has holes today; they are hatched on the chart.",
    },
  ];
}

function connection(isOpen) {
  const sign = { name: "realtime", title: "Realtime", sentence: "" };
  if (isOpen === undefined) return { ...sign, level: "unknown", value: "subscribing" };
  if (isOpen) return { ...sign, level: "ok", value: "subscribed" };
  const sentence = "Prices do not move by themselves: is Realtime on for these tables, are its messages used up?";
  return { ...sign, level: "warning", value: "not subscribed", sentence };
}

function lastTick(lastUs, nowUs) {
  const age = nowUs - lastUs;
  const level = !isRegular(nowUs) || age < QUIET_US ? "ok" : age < SILENT_US ? "warning" : "error";
  return {
    name: "last_tick",
    title: "Last tick",
    level,
    value: dayOf(lastUs) === dayOf(nowUs) ? `${duration(age)} ago` : dayOf(lastUs),
    sentence: "No tick has reached Supabase in regular hours: is the recorder running, is today a holiday?",
  };
}

function recorder(metrics, nowUs) {
  const age = metrics ? nowUs - toUs(metrics.timestamp) : Infinity;
  const isQuiet = isRegular(nowUs) && age > 3 * QUIET_US;
  return {
    name: "recorder",
    title: "Recorder",
    level: isQuiet ? "warning" : "ok",
    value: metrics ? `${metrics.service_status}, ${duration(age)} ago` : "nothing heard",
    sentence: "The recorder has sent no summary for minutes: look at its own page or at `ticktape health`.",
  };
}

async function newestMetrics(client, ticker) {
  const { data, error } = await client
    .from("streaming_metrics")
    .select()
    .eq("ticker", ticker)
    .order("timestamp", { ascending: false })
    .limit(1);
  if (error) throw new Error(error.message);
  return data[0];
}

async function gapsToday(client, ticker, nowUs) {
  const { startUs } = dayBounds(dayOf(nowUs));
  const { count, error } = await client
    .from("stream_gaps")
    .select("*", { count: "exact", head: true })
    .in("ticker", [ticker, "*"])
    .gt("ended_at", toIso(startUs));
  if (error) throw new Error(error.message);
  return count;
}

/** Weekdays 09:30 to 16:00 in New York; holidays are not known here. */
function isRegular(us) {
  const day = dayOf(us);
  const weekday = new Date(`${day}T12:00:00Z`).getUTCDay();
  return weekday > 0 && weekday < 6 && us >= easternUs(day, 9, 30) && us < easternUs(day, 16, 0);
}
