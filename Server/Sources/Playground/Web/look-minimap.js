// A small picture of the whole graph, with the part that the window shows.
import { el } from "./ui.js";

/** Adds the map to an element; `go(x, y)` moves the window's centre. */
export function minimap(stage, go) {
  const frame = el("rect", { class: "look-frame" });
  const content = el("g");
  const svg = el("svg", { class: "look-map", "aria-hidden": "true", preserveAspectRatio: "none" }, content, frame);
  stage.append(svg);
  let size = { width: 1, height: 1 };

  const move = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    event.stopPropagation();
    const rect = svg.getBoundingClientRect();
    go(((event.clientX - rect.left) / rect.width) * size.width, ((event.clientY - rect.top) / rect.height) * size.height);
  };
  svg.addEventListener("pointerdown", (event) => {
    svg.setPointerCapture(event.pointerId);
    move(event);
  });
  svg.addEventListener("pointermove", move);

  return {
    /** Shows a graph, painted as in the overview. */
    paint(overview, plan) {
      size = plan;
      content.replaceChildren(...[...overview.children].map((node) => node.cloneNode()));
      const scale = Math.min(150 / plan.width, 210 / plan.height);
      const clamp = (x, least, most) => Math.max(least, Math.min(most, x));
      svg.style.width = `${clamp(plan.width * scale, 44, 150)}px`;
      svg.style.height = `${clamp(plan.height * scale, 44, 210)}px`;
      svg.setAttribute("viewBox", `0 0 ${plan.width} ${plan.height}`);
    },
    /** Shows which part is in the window; hides the map where all is. */
    show({ x, y, k }, { width, height }) {
      const shown = { x: -x / k, y: -y / k, width: width / k, height: height / k };
      svg.toggleAttribute("hidden", shown.width >= size.width && shown.height >= size.height);
      const left = Math.max(0, shown.x);
      const top = Math.max(0, shown.y);
      frame.setAttribute("x", left);
      frame.setAttribute("y", top);
      frame.setAttribute("width", Math.max(0, Math.min(size.width, shown.x + shown.width) - left));
      frame.setAttribute("height", Math.max(0, Math.min(size.height, shown.y + shown.height) - top));
    },
  };
}
