// The front end of every explorable: presets, a picture, a sentence, knobs, tools.
// Python computes and draws; this file shows and listens.

const SVG = new Set(["svg", "g", "path", "rect", "text", "title"]);

function h(tag, attributes = {}, ...children) {
  const node = SVG.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const nearest = (values, v) =>
  values.reduce((best, u, i) => (Math.abs(u - v) < Math.abs(values[best] - v) ? i : best), 0);
const words = (v, unit = "") => String(+v.toPrecision(3)).replace("-", "−") + unit;

// save_changes keeps one message under way; what is set meanwhile waits and is merged, so that the newest wins.
function send(model, state) {
  for (const [name, value] of Object.entries(state)) model.set(name, value);
  model.save_changes();
  waiting.get(model)?.();
}

// While another cell runs, the kernel hears nothing: say so, lest the widget look broken. JupyterLab lets one ask.
const waiting = new WeakMap();
function patience(model, listen, note) {
  let timer = null;
  const busy = () => model.widget_manager?.kernel?.status === "busy";
  const stop = () => {
    clearTimeout(timer);
    timer = null;
    note.textContent = "";
  };
  const look = () => {
    if (!busy()) return stop();
    note.textContent = "The kernel is busy with another cell. The picture follows when that is done.";
    timer = setTimeout(look, 300);
  };
  waiting.set(model, () => (timer ??= setTimeout(look, 1200)));
  listen(["front", "caption"], stop);
  return stop;
}

// A finger that scrolls the page touches something first, and has moved it before the browser knows: move it back.
function cancelled(node, read, restore) {
  let before;
  node.addEventListener("pointerdown", () => (before = read()));
  node.addEventListener("pointercancel", () => restore(before));
}

// A finger on it drags it and not the page. (Chromium knows touch-action for a whole svg, not for a shape in it.)
function held(area) {
  area.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
}

const KNOBS = {
  slider(save, { values, unit, words: told }) {
    const box = h("input", { type: "range", min: 0, max: values.length - 1, step: 1 });
    const out = h("output", { "aria-live": "off" }); // the slider itself says its value
    box.addEventListener("input", () => save(values[box.value]));
    cancelled(box, () => box.value, (at) => save(values[at]));
    const show = (v) => {
      const at = nearest(values, v);
      if (+box.value !== at) box.value = at;
      box.style.setProperty("--filled", `${(100 * at) / (values.length - 1)}%`);
      out.textContent = told.length ? told[at] : words(v, unit);
      box.setAttribute("aria-valuetext", out.textContent);
    };
    return { box, out, show };
  },
  menu(save, { values }) {
    const box = h("select", {}, ...values.map((v) => h("option", {}, v)));
    box.addEventListener("change", () => save(box.value));
    return { box, show: (v) => (box.value = v) };
  },
  switch(save) {
    const box = h("input", { type: "checkbox", role: "switch" });
    box.addEventListener("change", () => save(box.checked));
    return { box, show: (v) => (box.checked = v) };
  },
};

function knob(model, listen, about, players) {
  const { box, out, show } = KNOBS[about.kind]((v) => send(model, { [about.name]: v }), about);
  box.dataset.knob = about.name;
  box.setAttribute("aria-label", about.label);
  listen([about.name], () => show(model.get(about.name)));
  const label = h("label", { class: about.kind }, h("span", {}, about.label), box, ...(out ? [out] : []));
  const row = h("div", { class: about.play ? "knob plays" : "knob" }, label);
  if (about.play) row.append(player(model, listen, about, players));
  listen(["idle"], () => (row.hidden = model.get("idle").includes(about.name)));
  return row;
}

// Runs a slider through its stops, never ahead of the picture. Who prefers less motion gets a few stops, slowly.
function player(model, listen, { name, label, values }, players) {
  const button = h("button", { type: "button", class: "play" });
  const last = values.length - 1;
  let timer = null, waiting = false;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    button.setAttribute("aria-label", `Play: ${label}`);
    button.replaceChildren(h("svg", { viewBox: "0 0 16 16" }, h("path", { d: "M4 2l10 6-10 6z" })));
  };
  const start = () => {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const stride = Math.ceil(last / (calm ? 10 : 60));
    let patience = 0;
    const step = () => {
      if (waiting && ++patience < 10) return;
      const at = nearest(values, model.get(name));
      if (at === last) return stop();
      [waiting, patience] = [true, 0];
      send(model, { [name]: values[Math.min(last, at + stride)] });
    };
    if (nearest(values, model.get(name)) === last) send(model, { [name]: values[0] });
    timer = setInterval(step, calm ? 800 : 100);
    button.setAttribute("aria-label", `Pause: ${label}`);
    button.replaceChildren(h("svg", { viewBox: "0 0 16 16" }, h("path", { d: "M3 2h4v12H3zM9 2h4v12H9z" })));
  };
  button.addEventListener("click", () => (timer === null ? start() : stop()));
  listen(["front", "caption"], () => (waiting = false));
  players.push({ button, stop });
  stop();
  return button;
}

function presets(model, listen, table) {
  const buttons = table.map(([name, state]) => {
    const button = h("button", { type: "button" }, name);
    button.addEventListener("click", () => send(model, state));
    const matches = () => Object.entries(state).every(([k, v]) => model.get(k) === v);
    return { button, state, show: () => button.setAttribute("aria-pressed", matches()) };
  });
  for (const { state, show } of buttons) listen(Object.keys(state), show);
  return h("div", { class: "presets", role: "group", "aria-label": "Presets" }, ...buttons.map((b) => b.button));
}

// Pointing into part of a panel moves one knob or two at once; for the keyboard the same knobs stand below.
function pad(model, svg, about, knobs) {
  const area = h("rect", { class: "pad", x: about.left, y: about.top, width: about.width, height: about.height });
  const stop = (name, [lo, hi], t) => {
    const { kind, values } = knobs.find((k) => k.name === name);
    const stops = kind === "menu" ? values.map((_, i) => i) : values; // the words of a menu count as 0, 1, 2, …
    return { [name]: values[nearest(stops, lo + (hi - lo) * Math.min(1, Math.max(0, t)))] };
  };
  const move = (event) => {
    const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    send(model, {
      ...(about.x && stop(about.x, about.xs, (p.x - about.left) / about.width)),
      ...(about.y && stop(about.y, about.ys, 1 - (p.y - about.top) / about.height)),
    });
  };
  const stand = () => Object.fromEntries([about.x, about.y].filter(Boolean).map((name) => [name, model.get(name)]));
  let chosen = null; // where the knobs stood when a mouse came that only looks
  cancelled(area, stand, (before) => send(model, before));
  if (about.y) held(area);
  else svg.style.touchAction = "pan-y"; // a finger that moves sideways drags, one that moves up or down scrolls
  area.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    chosen = null;
    area.setPointerCapture(event.pointerId);
    move(event);
  });
  area.addEventListener("pointermove", (event) => {
    if (area.hasPointerCapture(event.pointerId)) return move(event);
    if (!about.hover || event.pointerType !== "mouse") return;
    chosen ??= stand();
    move(event);
  });
  area.addEventListener("pointerleave", () => {
    if (chosen) send(model, chosen);
    chosen = null;
  });
  if (about.hint) area.append(h("title", {}, about.hint));
  svg.append(area);
}

// A number in the picture, dragged up and down. Its slider gets the focus, so that arrow keys go on from there.
function dial(model, svg, { name, hint, left, top, width, height }, knobs, slider) {
  const area = h("rect", { class: "dial", x: left, y: top, width, height });
  const { values } = knobs.find((k) => k.name === name);
  let grip = null;
  area.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    area.setPointerCapture(event.pointerId);
    grip = { x: event.clientX, y: event.clientY, at: nearest(values, model.get(name)) };
    slider.focus({ preventScroll: true });
  });
  area.addEventListener("pointermove", (event) => {
    if (!area.hasPointerCapture(event.pointerId)) return;
    const stops = Math.round((event.clientX - grip.x + grip.y - event.clientY) / 10);
    send(model, { [name]: values[Math.min(values.length - 1, Math.max(0, grip.at + stops))] });
  });
  held(area);
  // Without this the page would take the focus away at once.
  area.addEventListener("mousedown", (event) => event.preventDefault());
  slider.addEventListener("focus", () => area.classList.add("held"));
  slider.addEventListener("blur", () => area.classList.remove("held"));
  if (hint) area.append(h("title", {}, hint));
  svg.append(area);
}

function panels(model, listen, { title, sizes }) {
  return sizes.map(([width, height], i) => {
    const layers = ["back", "front"].map((name) => {
      const layer = h("g", { class: name });
      let drawn = null;
      listen([name], () => {
        const next = model.get(name)[i];
        if (next !== drawn) layer.innerHTML = drawn = next;
      });
      return layer;
    });
    const label = sizes.length > 1 ? `${title}, picture ${i + 1} of ${sizes.length}` : title;
    const attributes = { viewBox: `0 0 ${width} ${height}`, style: `--width: ${width}`, role: "img", "aria-label": label };
    return h("svg", attributes, ...layers);
  });
}

function sentence(model, listen, { aloud }) {
  const shown = h("figcaption", aloud ? { class: "spoken" } : {});
  const spoken = h("div", { class: "spoken", "aria-live": "polite" });
  let timer = null;
  listen(["caption"], () => {
    const caption = model.get("caption").replaceAll(" %", "\u00a0%"); // no line begins with a sign
    const first = !shown.textContent;
    shown.textContent = caption;
    clearTimeout(timer); // a dragged knob must not read out every stop on its way
    if (!first) timer = setTimeout(() => (spoken.textContent = caption), 700);
  });
  return [shown, spoken];
}

// Back to how it was made; and the present state as a line of Python, for a cell or for somebody else.
function tools(model, { name, pad, dials, knobs, start }) {
  const reset = h("button", { type: "button" }, "Reset");
  reset.addEventListener("click", () => send(model, start));
  const copy = h("button", { type: "button" }, "Copy as code");
  const literal = (v) => (typeof v === "boolean" ? (v ? "True" : "False") : JSON.stringify(v));
  copy.addEventListener("click", async () => {
    const code = `${name}(${knobs.map((k) => `${k.name}=${literal(model.get(k.name))}`).join(", ")})`;
    copy.textContent = (await copied(code)) ? "Copied" : code;
    setTimeout(() => (copy.textContent = "Copy as code"), copy.textContent === code ? 20_000 : 1500);
  });
  const hints = [pad.hint, dials[0]?.hint, "Keys: Tab, then arrows; Esc leaves."].filter(Boolean);
  return h("div", { class: "tools" }, h("p", {}, hints.join(". ")), reset, copy);
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // no clipboard for pages that come over plain HTTP from another machine
  }
}

function keyboard(root) {
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return root.closest(".jp-Cell")?.focus();
    // Notebooks take arrows and letters for commands; Ctrl/Cmd and Shift+Enter are meant for them.
    const theirs = event.ctrlKey || event.metaKey || (event.shiftKey && event.key === "Enter");
    if (!theirs) event.stopPropagation();
  });
}

function render({ model, el }) {
  const about = model.get("controls");
  const listening = [];
  const listen = (names, show) => {
    for (const name of names) {
      model.on(`change:${name}`, show);
      listening.push([`change:${name}`, show]);
    }
    show();
  };
  const pictures = panels(model, listen, about);
  if (about.pad.x || about.pad.y) pad(model, pictures[about.pad.panel], about.pad, about.knobs);
  const [shown, spoken] = sentence(model, listen, about);
  const players = [];
  const knobs = about.knobs.map((k) => knob(model, listen, k, players));
  for (const one of about.dials) {
    const slider = knobs.map((row) => row.querySelector(`[data-knob="${one.name}"]`)).find(Boolean);
    dial(model, pictures[one.panel], one, about.knobs, slider);
  }
  const parts = h("div", { class: "parts" },
    presets(model, listen, about.presets),
    h("figure", {}, h("div", { class: "panels" }, ...pictures), shown),
    h("div", { class: about.compact ? "knobs compact" : "knobs" }, ...knobs),
    tools(model, about));
  const [lost, late] = ["lost", "late"].map((name) => h("p", { class: name, role: "status" }));
  const calm = patience(model, listen, late);
  const root = h("div", { class: "explorable", role: "group", "aria-label": about.title }, lost, late, parts, spoken);
  // Its sliders would still move, and nobody would know why the picture does not.
  const gone = () => (lost.textContent = "The kernel has been restarted. Run this cell again, and it moves again.");
  model.on("comm_live_update", gone);
  listening.push(["comm_live_update", gone]);
  keyboard(root);
  // Whoever takes hold of anything else stops what plays.
  const halt = (event) => players.forEach(({ button, stop }) => event.composedPath().includes(button) || stop());
  for (const kind of ["pointerdown", "click", "input", "change"]) root.addEventListener(kind, halt);
  el.append(root);
  const gaze = onPaper(root);
  return () => {
    gaze();
    calm();
    players.forEach(({ stop }) => stop());
    listening.forEach(([event, show]) => model.off(event, show));
  };
}

export default { render };
