// Dark or light: as the system says, unless the person chose. The choice stays in this browser.

const NEXT = { system: "dark", dark: "light", light: "system" };
const SIGNS = { system: "◐", dark: "●", light: "○" };
const WORDS = { system: "as the system", dark: "dark", light: "light" };

/** `onChange` is called after every change, also when the system's own theme changes. */
export function startTheme(button, onChange) {
  let chosen = recall();
  const apply = () => {
    if (chosen === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    button.textContent = SIGNS[chosen];
    button.setAttribute("aria-label", `Theme: ${WORDS[chosen]}`);
    button.title = `Theme: ${WORDS[chosen]}`;
  };
  apply();
  button.addEventListener("click", () => {
    chosen = NEXT[chosen];
    remember(chosen);
    apply();
    onChange();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
}

function recall() {
  try {
    const stored = localStorage.getItem("theme");
    return stored in NEXT ? stored : "system";
  } catch {
    return "system"; // storage is blocked in this browser: the choice lasts as long as the page
  }
}

function remember(theme) {
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // as above
  }
}
