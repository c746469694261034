// A text whose characters have colours, and a cursor that the pointer or the arrow keys move.
import { el } from "./ui.js";

/** A piece of text with its spaces and line ends visible. */
export const shown = (piece) => piece.replaceAll(" ", "·").replaceAll("\n", "↵");

/** A piece of text as it is read aloud. */
export function spoken(piece) {
  return piece === "\n" ? "line end" : piece === " " ? "space" : `“${shown(piece)}”`;
}

/** A text. `oncursor(index)` is told where the cursor is, `onchoose(index)` of clicks and Enter,
 *  and `onmark(text)` of a part that the reader selects. */
export class TextView {
  constructor({ oncursor, onchoose, onmark }) {
    this.hooks = { oncursor, onchoose, onmark };
    this.spans = [];
    this.cursor = -1;
    this.shade = () => null;
    this.isMarked = () => false;
    this.root = el("div", {
      class: "write-text", tabindex: "0", role: "group",
      "aria-label": "The text. Arrow keys move from character to character, Enter chooses one.",
      onkeydown: (event) => this.#key(event),
      onpointerover: (event) => this.#point(event, false),
      onclick: (event) => this.#point(event, true),
      onfocus: () => { if (this.cursor < 0) this.move(0); },
    });
    if (onmark) document.addEventListener("selectionchange", () => this.#select());
  }

  clear() {
    this.spans = [];
    this.cursor = -1;
    this.root.replaceChildren();
  }

  /** Adds a piece of text. */
  append(piece, isPrompt) {
    const kind = piece === "\n" ? " newline" : piece === " " ? " space" : "";
    const span = el("span", { class: `c${kind}${isPrompt ? " prompt" : ""}` }, piece);
    span.index = this.spans.length;
    this.spans.push(span);
    this.root.append(span);
    this.#paint(span);
  }

  /** Colours the text: `shade(index)` is `{ background, color }` or `null`; `isMarked(index)` says
   *  which characters are underlined. */
  paint(shade, isMarked = () => false) {
    this.shade = shade;
    this.isMarked = isMarked;
    for (const span of this.spans) this.#paint(span);
  }

  #paint(span) {
    const style = this.shade(span.index);
    span.style.background = style?.background ?? "";
    span.style.color = style?.color ?? "";
    span.classList.toggle("marked", this.isMarked(span.index));
  }

  /** Moves the cursor. */
  move(index) {
    if (!this.spans.length) return;
    const next = Math.max(0, Math.min(this.spans.length - 1, index));
    this.spans[this.cursor]?.classList.remove("cursor");
    this.cursor = next;
    this.spans[next].classList.add("cursor");
    this.hooks.oncursor?.(next);
  }

  #point(event, isClick) {
    const index = event.target.index;
    if (index === undefined || event.target.parentNode !== this.root) return;
    if (index !== this.cursor) this.move(index);
    if (isClick) this.hooks.onchoose?.(index);
  }

  #key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in steps) this.move(Math.max(this.cursor, 0) + steps[event.key]);
    else if (event.key === "ArrowUp") this.move(this.#line(-1));
    else if (event.key === "ArrowDown") this.move(this.#line(1));
    else if (event.key === "Enter") this.hooks.onchoose?.(this.cursor);
    else return;
    event.preventDefault();
    this.spans[this.cursor]?.scrollIntoView({ block: "nearest" });
  }

  /** The character above or below the cursor. */
  #line(direction) {
    const place = (index) => this.spans[index].getClientRects()[0] ?? { top: 0, left: 0 };
    const start = place(this.cursor);
    let top = null;
    let best = this.cursor;
    let distance = Infinity;
    for (let i = this.cursor + direction; i >= 0 && i < this.spans.length; i += direction) {
      const here = place(i);
      if (Math.abs(here.top - start.top) < 4) continue;
      top ??= here.top;
      if (Math.abs(here.top - top) >= 4) break;
      if (Math.abs(here.left - start.left) < distance) {
        distance = Math.abs(here.left - start.left);
        best = i;
      }
    }
    return best;
  }

  #select() {
    const selection = document.getSelection();
    if (selection.isCollapsed || !this.root.contains(selection.anchorNode)) return;
    const text = selection.toString();
    if (text && text.length <= 60) this.hooks.onmark?.(text);
  }
}
