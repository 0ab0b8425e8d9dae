// The canvas cannot read style sheets by itself: the colours it draws with are the style sheet's custom properties.

const NAMES = {
  text: "--text-quiet",
  grid: "--grid",
  surface: "--surface",
  price: "--text",
  sma9: "--sma9",
  vwap: "--vwap",
  up: "--up",
  down: "--down",
  volumeUp: "--volume-up",
  volumeDown: "--volume-down",
  outside: "--outside",
  boundary: "--boundary",
  gap: "--gap",
  gapHatch: "--gap-hatch",
  crosshair: "--crosshair",
  label: "--label",
};

/** The colours of the theme in force; a probe element resolves `light-dark()`, which `getPropertyValue` does not. */
export function readPalette() {
  const probe = document.createElement("span");
  document.body.append(probe);
  const resolve = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const palette = Object.fromEntries(Object.entries(NAMES).map(([key, name]) => [key, resolve(name)]));
  probe.remove();
  return palette;
}
