// Times are microseconds UTC (`..._us` on the wire, `...Us` here); people read them in New York.

const ZONE = "America/New_York";
export const MINUTE_US = 60_000_000;

const hourMinute = new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, hour: "2-digit", minute: "2-digit" });
const hourMinuteSecond = new Intl.DateTimeFormat("en-GB", {
  timeZone: ZONE,
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const isoDay = new Intl.DateTimeFormat("en-CA", { timeZone: ZONE, year: "numeric", month: "2-digit", day: "2-digit" });
const offset = new Intl.DateTimeFormat("en-US", { timeZone: ZONE, timeZoneName: "longOffset" });

export const clock = (us) => hourMinute.format(us / 1000);
export const clockSeconds = (us) => hourMinuteSecond.format(us / 1000);
export const dayOf = (us) => isoDay.format(us / 1000);

/** The bounds [start, end) of an ET calendar day, 23 to 25 hours apart. */
export function dayBounds(day) {
  const next = new Date(`${day}T00:00:00Z`);
  next.setUTCDate(next.getUTCDate() + 1);
  return { startUs: midnightUs(day), endUs: midnightUs(next.toISOString().slice(0, 10)) };
}

/** The microseconds of a wall-clock time in New York; the offset is the one at noon unless it is midnight. */
export function easternUs(day, hours, minutes) {
  const noon = new Date(`${day}T17:00:00Z`);
  return Date.parse(`${day}T${pad(hours)}:${pad(minutes)}:00${offsetAt(noon)}`) * 1000;
}

function midnightUs(day) {
  // Daylight saving changes at 02:00, so the offset of 05:00 UTC (midnight or 01:00 ET) is that of midnight.
  return Date.parse(`${day}T00:00:00${offsetAt(new Date(`${day}T05:00:00Z`))}`) * 1000;
}

function offsetAt(date) {
  return offset
    .formatToParts(date)
    .find((part) => part.type === "timeZoneName")
    .value.replace("GMT", "");
}

const pad = (number) => String(number).padStart(2, "0");

/** A duration for people: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min. */
export function duration(us) {
  const seconds = us / 1e6;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  // Rounded before it is taken apart, so that no 60 s remain.
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
