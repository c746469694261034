// Colours of values, and the ink that is legible on them.
import { color, el } from "./ui.js";

/** The relative luminance of a colour, as WCAG defines it. */
function luminance(rgb) {
  const [r, g, b] = rgb.map((c) => {
    const x = c / 255;
    return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Black or white, whichever is easier to read; one of them has a contrast of at least 4.58. */
function ink(rgb) {
  return luminance(rgb) > 0.179 ? "#000000" : "#ffffff";
}

const mixed = (from, to, x) => from.map((c, i) => Math.round(c + (to[i] - c) * x));

/** A number in about three digits. */
export function number(x) {
  return (x < 0 ? "−" : "") + Math.abs(x).toFixed(Math.abs(x) >= 10 ? 1 : Math.abs(x) >= 1 ? 2 : 3);
}

/** Colours of the numbers from `low` to `high`. One with `middle` has two sides. */
export class Scale {
  constructor(low, high, { middle, format = number, title = "" } = {}) {
    Object.assign(this, { low, high, middle, format, title });
  }

  /** The position of a number between the neutral colour and an end: -1 to 1. */
  position(x) {
    const start = this.middle ?? this.low;
    const end = x < start ? start - this.low : this.high - start;
    return end > 0 ? Math.max(-1, Math.min(1, (x - start) / end)) : 0;
  }

  /** The colours of a number: `{ background, color }`. */
  style(x) {
    if (x == null || Number.isNaN(x)) return null;
    const position = this.position(x);
    const end = color(position < 0 ? "--negative" : "--positive");
    const rgb = mixed(color("--neutral"), end, Math.abs(position));
    return { background: `rgb(${rgb.join(" ")})`, color: ink(rgb) };
  }

  /** A bar of the colours with numbers below it. */
  legend() {
    const stops = this.middle === undefined
      ? ["var(--neutral)", "var(--positive)"]
      : ["var(--negative)", "var(--neutral)", "var(--positive)"];
    const numbers = this.middle === undefined
      ? [this.low, (this.low + this.high) / 2, this.high]
      : [this.low, this.middle, this.high];
    const bar = el("div", { class: "write-legend-bar" });
    bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
    return el("div", { class: "write-legend" },
      el("span", { class: "muted" }, this.title), bar,
      el("div", { class: "write-legend-numbers" },
        ...numbers.map((x) => el("span", {}, this.format(x)))));
  }
}

const short = (x) => (x < 0 ? `−${-x}` : `${x}`);

/** A scale for a gate (0 to 1), a candidate or hidden state (-1 to 1), or cells of any size. */
export function gateScale(letter, values, title) {
  if (["i", "f", "o", "z", "r"].includes(letter)) {
    return new Scale(0, 1, { middle: 0.5, title, format: short });
  }
  if (letter !== "C") return new Scale(-1, 1, { middle: 0, title, format: short });
  let most = 1;
  for (const x of values) most = Math.max(most, Math.abs(x));
  return new Scale(-most, most, { middle: 0, title, format: (x) => (x ? number(x) : "0") });
}
