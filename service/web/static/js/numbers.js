// Numbers as people read them. A price keeps the digits it has, two at least, four at most.

const price = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 4 });
const cents = new Intl.NumberFormat("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 2 });

const orDash = (format) => (value) => (value === null || value === undefined ? "–" : format(value));

export const formatPrice = orDash((value) => price.format(value));
export const formatCents = orDash((value) => cents.format(value));
export const formatWhole = orDash((value) => whole.format(value));
export const formatCompact = orDash((value) => compact.format(value));

export function formatChange(now, then) {
  const sign = now > then ? "▲ +" : now < then ? "▼ −" : "● ";
  const difference = Math.abs(now - then);
  return `${sign}${cents.format(difference)} (${cents.format((100 * difference) / then)} %)`;
}
