import { el } from "./ui.js";

export function mount(root) {
  root.append(el("p", { class: "muted" }, "draw"));
}
