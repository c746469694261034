// Boxes for numbers: they take a value when editing ends, and say what is wrong with it.
import { el } from "./ui.js";

let count = 0;

/** Whether a box in `node` has a value that it cannot take. */
export const hasWrong = (node) => Boolean(node.querySelector("input[aria-invalid]"));

/** A box with its `label`, a `note` that says what is wrong, and `set(value)`. `take(value)` is
 *  called with right values, and `changed()` after each edit. Numbers are whole unless the
 *  attribute `step` is a fraction. */
export function numberBox(name, attributes, take, changed) {
  const { min = 0, max = 2147483647, step = 1 } = attributes;
  const note = el("p", { class: "wrong-number", role: "alert", id: `train-note-${++count}` });
  const box = el("input", { type: "number", ...attributes, min, step });
  const wanted = `${step === 1 ? "a whole number" : "a number"} `
    + (attributes.max === undefined ? `of at least ${min}` : `from ${min} to ${max}`);

  function mark(sentence) {
    note.textContent = sentence;
    if (sentence) {
      box.setAttribute("aria-invalid", "true");
      box.setAttribute("aria-describedby", note.id);
    } else for (const key of ["aria-invalid", "aria-describedby"]) box.removeAttribute(key);
  }

  box.addEventListener("change", () => {
    const value = Number(box.value);
    const isRight = box.value !== "" && value >= min && value <= max
      && (step !== 1 || Number.isInteger(value));
    mark(isRight ? "" : `${name}: expected ${wanted}, found ${box.value || "none"}`);
    if (isRight) take(value);
    changed();
  });
  return {
    label: el("label", {}, name, box), note,
    set(value) { box.value = value; mark(""); },
  };
}
