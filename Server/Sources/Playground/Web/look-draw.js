// The elements of a box and of the label of its value.
import { el } from "./ui.js";
import { short, typeText } from "./look-scene.js";
import { thumbnail } from "./look-pictures.js";

/** The height that a box needs more where it shows a value. */
export const stripHeight = 44;

const text = (content, x, y, name) => el("text", { x, y, class: name }, content);

/** A box with its name, its constants and, after a run, a picture of its first output. */
export function drawBox(box, scene, handlers) {
  const [left, top] = [box.x - box.width / 2, box.y - box.height / 2];
  const group = el("g", {
    class: `look-box ${box.color} ${box.role}`, transform: `translate(${left} ${top})`,
    onclick: () => handlers.select(box), ondblclick: () => handlers.open(box),
  });
  group.append(el("title", {}, [box.node?.op ?? box.role, box.node?.name ?? scene.model.values[box.value]?.name]
    .filter(Boolean).join(" ")));
  const round = box.role === "node" ? 6 : 14;
  group.append(el("rect", { class: "look-card", width: box.width, height: box.height, rx: round }));
  if (box.node?.graphs.length) {
    group.append(el("rect", { class: "look-inner", x: 3, y: 3, width: box.width - 6, height: box.height - 6, rx: 4 }));
  }
  group.append(el("rect", { class: "look-band", x: 6, y: 8, width: 5, height: box.height - 16, rx: 2.5 }));
  let y = 18;
  group.append(text(box.title, 18, y, "look-title"));
  if (box.time != null) group.append(text(timeText(box.time), box.width - 8, y, "look-time"));
  if (box.name) group.append(text(box.name, 18, (y += 14), "look-name"));
  for (const line of box.lines) group.append(text(line, 18, (y += 14), "look-line"));
  if (box.summary?.count > 1 && box.height > box.textHeight) group.append(thumbnail(box, 18, box.textHeight - 2));
  return group;
}

/** Microseconds as text. */
export function timeText(time) {
  return time >= 1000 ? `${short(time / 1000)} ms` : `${Math.round(time)} µs`;
}

/** Type and shape of the value that leaves a box, and its range after a run. */
export function drawLabel(box, scene) {
  const value = box.node ? box.node.outputs.find((value) => value >= 0) : box.value;
  if (box.role === "output" || value === undefined) return el("g");
  const group = el("g", { transform: `translate(${box.x + 7} ${box.y + box.height / 2 + 17})` });
  const run = scene.run?.values.get(value);
  const known = run ? { ...scene.model.values[value], shape: run.shape, type: run.summary.type } : scene.model.values[value];
  const lines = [typeText(known)];
  const { min, max } = run?.summary ?? {};
  if (min != null) lines.push(min === max ? `= ${short(min)}` : `${short(min)} … ${short(max)}`);
  lines.forEach((line, index) => {
    if (line) group.append(text(line, 0, index * 12, index ? "look-range" : "look-type"));
  });
  return group;
}
