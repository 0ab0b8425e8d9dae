// Vital signs: one entry per check, with a sign, a word and a colour for its level, and what to do about it.

const SIGNS = { ok: "✓", warning: "!", error: "✕", unknown: "?" };
const WORDS = { ok: "fine", warning: "look at this", error: "act now", unknown: "not known" };
const OVERALL = { ok: "Record is whole", warning: "Needs a look", error: "Needs a hand", unknown: "Connecting" };
const ORDER = ["ok", "unknown", "warning", "error"];
/** A curve between 0 and 1 is not drawn as a mountain. */
const LEAST_SCALE = 10;
const SVG = "http://www.w3.org/2000/svg";

export class Vitals {
  #entries = new Map();

  constructor(list, pill) {
    this.list = list;
    this.pill = pill;
  }

  /** @param {{name:string, title:string, level:string, value:string, sentence:string, spark?:number[]}[]} checks */
  show(checks) {
    const known = new Set(checks.map((check) => check.name));
    for (const [name, entry] of this.#entries) {
      if (!known.has(name)) {
        entry.item.remove();
        this.#entries.delete(name);
      }
    }
    for (const check of checks) this.#entry(check.name).show(check);
    const worst = checks.reduce(
      (level, check) => (ORDER.indexOf(check.level) > ORDER.indexOf(level) ? check.level : level),
      "ok",
    );
    this.overall(checks.length ? worst : "unknown");
  }

  overall(level, text = OVERALL[level]) {
    setText(this.pill, `${SIGNS[level]} ${text}`);
    this.pill.dataset.level = level;
  }

  #entry(name) {
    if (!this.#entries.has(name)) {
      const entry = new Entry(name);
      this.#entries.set(name, entry);
      this.list.append(entry.item);
    }
    return this.#entries.get(name);
  }
}

class Entry {
  constructor(name) {
    this.item = element("li", "check");
    this.item.dataset.name = name;
    this.sign = element("span", "sign");
    this.sign.setAttribute("aria-hidden", "true");
    this.title = element("span", "title");
    this.word = element("span", "hidden");
    this.value = element("span", "value");
    this.sentence = element("p", "sentence");
    this.item.append(this.sign, this.title, this.word, this.value, this.sentence);
  }

  show({ title, level, value, sentence, spark }) {
    if (this.item.dataset.level !== level) this.item.dataset.level = level;
    setText(this.sign, SIGNS[level]);
    setText(this.title, title);
    setText(this.word, WORDS[level]);
    setText(this.value, value);
    setText(this.sentence, sentence);
    if (spark) this.#drawSpark(spark);
  }

  #drawSpark(numbers) {
    if (!this.spark) {
      this.spark = document.createElementNS(SVG, "svg");
      this.spark.setAttribute("viewBox", "0 0 100 20");
      this.spark.setAttribute("preserveAspectRatio", "none");
      this.spark.setAttribute("aria-hidden", "true");
      this.path = document.createElementNS(SVG, "path");
      this.spark.append(this.path);
      this.value.before(this.spark);
    }
    const highest = Math.max(LEAST_SCALE, ...numbers);
    const step = 100 / Math.max(1, numbers.length - 1);
    const points = numbers.map(
      (number, index) => `${(index * step).toFixed(1)} ${(19 - (18 * number) / highest).toFixed(1)}`,
    );
    this.path.setAttribute("d", points.length ? `M${points.join("L")}` : "");
  }
}

function element(tag, className) {
  const made = document.createElement(tag);
  made.className = className;
  return made;
}

/** Touching the document only where something changed keeps screen readers and the frame budget quiet. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
