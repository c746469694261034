// Pointers, wheel and keys of the graph.

/** Lets a view be moved and zoomed. `state` has `scene`, `select(box, moves)`, `open(box)`. */
export function addGestures({ svg, view, zoom, update, fit }, state) {
  const pointers = new Map();
  let hasMoved = false;
  const local = (event) => {
    const rect = svg.getBoundingClientRect();
    return [event.clientX - rect.left, event.clientY - rect.top];
  };

  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 30 : 1;
    zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0018)), ...local(event));
  }, { passive: false });

  svg.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, local(event));
    hasMoved = false;
  });
  svg.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = local(event);
    if (!hasMoved && Math.hypot(now[0] - before[0], now[1] - before[1]) < 4) return;
    if (!hasMoved) svg.setPointerCapture(event.pointerId);
    hasMoved = true;
    const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    if (others.length) pinch(before, now, others[0]);
    else {
      view.x += now[0] - before[0];
      view.y += now[1] - before[1];
    }
    pointers.set(event.pointerId, now);
    update();
  });
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) {
    svg.addEventListener(name, (event) => pointers.delete(event.pointerId));
  }
  // A drag is no click on the box where it ends.
  svg.addEventListener("click", (event) => {
    if (hasMoved) event.stopPropagation();
    else if (!event.target.closest(".look-box")) state.select(boxAt(...local(event)));
    hasMoved = false;
  }, true);
  svg.addEventListener("dblclick", (event) => {
    if (!event.target.closest(".look-box")) zoom(view.k < 0.3 ? 0.8 / view.k : 1.6, ...local(event));
  });

  /** The box at a point, which from far away has no element of its own. */
  function boxAt(px, py) {
    const [x, y] = [(px - view.x) / view.k, (py - view.y) / view.k];
    return view.scene.boxes.find((box) =>
      Math.abs(box.x - x) <= box.width / 2 && Math.abs(box.y - y) <= box.height / 2) ?? null;
  }

  function pinch(before, now, other) {
    const distance = (point) => Math.max(1, Math.hypot(point[0] - other[0], point[1] - other[1]));
    zoom(distance(now) / distance(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    view.x += (now[0] - before[0]) / 2;
    view.y += (now[1] - before[1]) / 2;
  }

  const pans = { ArrowUp: [0, 60], ArrowDown: [0, -60], ArrowLeft: [60, 0], ArrowRight: [-60, 0] };
  svg.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const pan = pans[event.key];
    if (pan && event.shiftKey) {
      view.x += pan[0];
      view.y += pan[1];
      update();
    } else if (pan) state.select(neighbour(view, event.key), true);
    else if (event.key === "+" || event.key === "=") zoom(1.3);
    else if (event.key === "-") zoom(1 / 1.3);
    else if (event.key === "0") fit();
    else if (event.key === "Enter" && view.selected) {
      if (event.shiftKey) state.open(view.selected);
      else state.focusDetail();
    } else if (event.key === "Escape") state.select(null);
    else return;
    event.preventDefault();
  });
}

/** The box that an arrow key leads to: along an edge, or beside in the layer. */
function neighbour({ scene, plan, selected }, key) {
  if (!selected) return scene.boxes.find((box) => box.role === "input") ?? scene.boxes[0];
  const near = (list) => list.sort((a, b) =>
    Math.abs(a.x - selected.x) + Math.abs(a.y - selected.y) - Math.abs(b.x - selected.x) - Math.abs(b.y - selected.y))[0];
  if (key === "ArrowDown" || key === "ArrowUp") {
    const [here, there] = key === "ArrowDown" ? ["from", "to"] : ["to", "from"];
    return near(scene.edges.filter((edge) => edge[here] === selected.index).map((edge) => scene.boxes[edge[there]]))
      ?? selected;
  }
  const layer = plan.layers[selected.layer].slice().sort((a, b) => a.x - b.x);
  const place = layer.indexOf(selected) + (key === "ArrowRight" ? 1 : -1);
  return layer[place] ?? selected;
}
