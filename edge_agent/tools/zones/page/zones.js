"use strict";
// Draws zones over a camera's picture. Coordinates are fractions of the frame; the SVG is 1000 wide.
const KINDS = ["zones", "ignore_zones", "privacy_masks"];
const STEP = 0.005, FAR = 0.05, WIDE = 1000;
const $ = id => document.getElementById(id);
const view = $("view");
let words, base, limits, high = 562, deadline, saved = "", saving = false, past = [];
let areas = [], heights = {}, feet = {min_height_frac: [0.06, 0.95], max_height_frac: [0.94, 0.95]};
let selected = -1, sketch = null, drag = null, people = [], pictureUrl = "", agent = false;

const word = (key, fields = {}) =>
  words[key].replace(/\{(\w+)\}/g, (whole, name) => name in fields ? fields[name] : whole);
const round = value => Math.round(Math.min(1, Math.max(0, value)) * 1000) / 1000;
const snapshot = () => JSON.stringify([areas, heights]);
const remember = () => { past.push(snapshot()); if (past.length > 100) past.shift(); };

function element(parent, name, attributes = {}, text) {
  const svg = parent instanceof SVGElement;
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return parent.appendChild(made);
}

async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", body: JSON.stringify(body), headers: {"Content-Type": "application/json"}};
  const answer = await fetch(path, {cache: "no-store", credentials: "same-origin", ...options});
  if (answer.status === 403) throw new Error(words ? word("over") : "403");
  return answer;
}

// --- what is shown ---

function render() {
  const key = document.activeElement && document.activeElement.dataset.key;
  view.replaceChildren();
  view.setAttribute("viewBox", `0 0 ${WIDE} ${high}`);
  if (pictureUrl) element(view, "image", {href: pictureUrl, width: WIDE, height: high});
  const px = 1 / view.getScreenCTM().a;
  const handle = (matchMedia("(pointer: coarse)").matches ? 13 : 8) * px;
  areas.forEach((area, number) => renderArea(area, number, handle, px));
  for (const name of Object.keys(heights)) renderBar(name, handle, px);
  for (const each of people) {
    const [x, y, w, h] = each.box;
    element(view, "rect", {class: `person ${each.tells ? "tells" : ""}`, x: x * WIDE, y: y * high,
      width: w * WIDE, height: h * high});
  }
  if (sketch) renderSketch(handle);
  if (key) { const again = view.querySelector(`[data-key="${key}"]`); if (again) again.focus(); }
  $("undo").disabled = !past.length;
  $("save").disabled = saving || snapshot() === saved;
  view.classList.toggle("drawing", Boolean(sketch));
}

const points = polygon => polygon.map(([x, y]) => `${x * WIDE},${y * high}`).join(" ");

function renderArea(area, number, handle, px) {
  const name = word("named_" + area.kind, {name: area.name});
  const group = element(view, "g", {class: `area ${area.kind} ${number === selected ? "selected" : ""}`,
    tabindex: 0, role: "group", "aria-label": word("area_label", {name, count: area.polygon.length}),
    "data-key": `a${number}`});
  element(group, "polygon", {points: points(area.polygon), "data-area": number});
  const [left, top] = area.polygon.reduce((a, b) => b[1] < a[1] ? b : a);
  element(group, "text", {class: "name", x: Math.min(left * WIDE + handle, WIDE - 160 * px),
    y: Math.max(top * high - handle, 18 * px), "font-size": 15 * px}, area.name);
  if (number !== selected) return;
  area.polygon.forEach(([x, y], corner) => {
    const [u, v] = area.polygon[(corner + 1) % area.polygon.length];
    element(group, "circle", {class: "middle", cx: (x + u) / 2 * WIDE, cy: (y + v) / 2 * high,
      r: handle * 0.7, "data-area": number, "data-middle": corner});
  });
  area.polygon.forEach(([x, y], corner) => element(group, "circle", {class: "corner", cx: x * WIDE,
    cy: y * high, r: handle, tabindex: 0, role: "button", "data-area": number,
    "data-corner": corner, "data-key": `a${number}c${corner}`,
    "aria-label": word("corner_label", {number: corner + 1, name: area.name, x, y})}));
}

function renderBar(name, handle, px) {
  const value = heights[name];
  if (value === limits[name]) return;
  const [x, foot] = feet[name], tall = value * high, wide = Math.max(12 * px, tall * 0.15);
  const group = element(view, "g", {class: "bar"});
  element(group, "rect", {x: x * WIDE - wide / 2, y: foot * high - tall, width: wide, height: tall,
    "data-bar": name});
  element(group, "circle", {class: "top", cx: x * WIDE, cy: foot * high - tall, r: handle,
    "data-top": name});
  element(group, "text", {class: "name", "font-size": 14 * px,
    y: Math.max(foot * high - tall - handle - 4 * px, 16 * px), x: Math.min(Math.max(x * WIDE - 40 * px, 0), WIDE - 90 * px)}, `${word("short_" + name)} ${value}`);
}

function renderSketch(handle) {
  element(view, "polyline", {class: "sketch", points: points([...sketch.polygon, sketch.at])});
  sketch.polygon.forEach(([x, y]) => element(view, "circle",
    {class: "corner", cx: x * WIDE, cy: y * high, r: handle * 0.8}));
  const [x, y] = [sketch.at[0] * WIDE, sketch.at[1] * high];
  element(view, "path", {class: "cross", d: `M${x - 20} ${y}h40M${x} ${y - 20}v40`});
}

function renderList() {
  $("list").replaceChildren();
  areas.forEach((area, number) => {
    const row = element($("list"), "li", {class: `${area.kind} ${number === selected ? "selected" : ""}`});
    element(row, "label", {for: `name${number}`}, word("kind_" + area.kind));
    const input = element(row, "input", {id: `name${number}`, value: area.name, maxlength: 32,
      autocapitalize: "none", autocomplete: "off", spellcheck: "false"});
    input.addEventListener("focus", () => { if (selected !== number) { selected = number; render(); } });
    input.addEventListener("change", remember, {capture: true});
    input.addEventListener("input", () => { area.name = input.value; render(); });
    const remove = element(row, "button", {type: "button", "aria-label": word("delete_label",
      {name: area.name})}, word("delete"));
    remove.addEventListener("click", () => removeArea(number));
    if (area.kind === "zones") renderTiming(row, area, number);
  });
  for (const name of Object.keys(heights)) {
    $(name).value = heights[name];
    $(name + "_out").textContent = heights[name];
  }
}

// --- how long, and when: of one zone ---

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
let unfolded = new Set();

function timingText(area) {
  const hours = area.schedule.map(({start, end, days}) =>
    `${days.map(day => word(day)).join(" ")} ${start}-${end}`.trim());
  return word("timing", {dwell: area.dwell_s, hours: hours.join(", ") || word("always")});
}

// A field that is edited keeps the focus; what the row says of it follows.
function field(parent, id, text, value, attributes, take) {
  const label = element(parent, "label", {class: "field"}, text);
  const input = element(label, "input", {id, value, ...attributes});
  input.addEventListener("change", () => {
    const before = snapshot();
    if (!input.checkValidity() || !take(input)) return say(word("not_sound", {text}), true);
    say("");
    if (before !== snapshot()) { past.push(before); render(); }
    input.closest("details").querySelector("summary").textContent = timingText(input.closest("details").area);
  });
  return input;
}

function renderTiming(row, area, number) {
  const box = element(row, "details", unfolded.has(number) ? {open: ""} : {});
  box.area = area;
  box.addEventListener("toggle", () => unfolded[box.open ? "add" : "delete"](number));
  element(box, "summary", {}, timingText(area));
  field(box, `dwell${number}`, word("dwell"), area.dwell_s,
    {type: "number", min: 0, max: 3600, step: "any", inputmode: "decimal"},
    input => input.value !== "" && ((area.dwell_s = Number(input.value)), true));
  area.schedule.forEach((entry, at) => renderHours(box, area, number, entry, at));
  const add = element(box, "button", {type: "button", id: `add${number}`}, word("add_hours"));
  add.addEventListener("click", () => changeHours(number, `start${number}_${area.schedule.length}`,
    () => area.schedule.push({start: "22:00", end: "06:00", days: []})));
}

function renderHours(box, area, number, entry, at) {
  const set = element(box, "fieldset");
  element(set, "legend", {}, word("hours", {number: at + 1}));
  const clock = {type: "time", required: ""};
  field(set, `start${number}_${at}`, word("from"), entry.start, clock,
    input => input.value && (entry.start = input.value));
  // Midnight is the end of a day here, never its begin.
  field(set, `end${number}_${at}`, word("until"), entry.end === "24:00" ? "00:00" : entry.end, clock,
    input => input.value && (entry.end = input.value === "00:00" ? "24:00" : input.value));
  const days = element(set, "div", {class: "days", role: "group", "aria-label": word("days")});
  for (const day of DAYS) {
    const one = field(days, `${day}${number}_${at}`, word(day), "", {type: "checkbox"}, input => {
      entry.days = DAYS.filter(each => each === day ? input.checked : entry.days.includes(each));
      return true;
    });
    one.checked = entry.days.includes(day);
  }
  const remove = element(set, "button", {type: "button", "aria-label": word("delete_label",
    {name: word("hours", {number: at + 1})})}, word("delete"));
  remove.addEventListener("click", () => changeHours(number, `add${number}`,
    () => area.schedule.splice(at, 1)));
}

function changeHours(number, focus, work) {
  remember();
  unfolded.add(number);
  work();
  both();
  $(focus).focus();
}

const both = () => { render(); renderList(); };
function hint(text) { $("hint").textContent = text; }
function say(text, bad = false) { $("said").textContent = text; $("said").className = bad ? "bad" : ""; }
function select(number) { if (selected !== number) { selected = number; both(); } }

// --- changes ---

function removeArea(number) {
  remember();
  areas.splice(number, 1);
  unfolded = new Set();
  selected = -1;
  both();
  view.focus();
}

function begin(kind) {
  sketch = {kind, polygon: [], at: [0.5, 0.5]};
  selected = -1;
  hint(word("drawing"));
  both();
  view.focus();
}

function finish() {
  const {kind, at: [x, y]} = sketch;
  let {polygon} = sketch;
  if (polygon.length && polygon.length < 3) return hint(word("three"));
  if (!polygon.length)
    polygon = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([a, b]) => [round(x + a / 8), round(y + b / 8)]);
  remember();
  const stem = {zones: "zone", ignore_zones: "ignore", privacy_masks: "mask"}[kind];
  let count = 1;
  while (areas.some(area => area.name === `${stem}-${count}`)) count += 1;
  areas.push({kind, name: `${stem}-${count}`, polygon, was: null,
    ...(kind === "zones" ? {dwell_s: 0, schedule: []} : {})});
  sketch = null;
  hint(word("moving"));
  selected = areas.length - 1;
  both();
  view.querySelector(`[data-key="a${selected}"]`).focus();
}

function cancel() { sketch = null; hint(word("moving")); both(); }

function shift(area, dx, dy) {
  const xs = area.polygon.map(c => c[0]), ys = area.polygon.map(c => c[1]);
  dx = Math.min(1 - Math.max(...xs), Math.max(-Math.min(...xs), dx));
  dy = Math.min(1 - Math.max(...ys), Math.max(-Math.min(...ys), dy));
  area.polygon = area.polygon.map(([x, y]) => [round(x + dx), round(y + dy)]);
}

function undo() {
  if (!past.length) return;
  [areas, heights] = JSON.parse(past.pop());
  selected = -1;
  both();
}

// --- pointer: mouse, pen and finger ---

function at(event) {
  const box = view.getBoundingClientRect(), shown = Math.min(box.width / WIDE, box.height / high);
  const left = box.left + (box.width - WIDE * shown) / 2, top = box.top + (box.height - high * shown) / 2;
  return [round((event.clientX - left) / (WIDE * shown)), round((event.clientY - top) / (high * shown))];
}

view.addEventListener("pointerdown", event => {
  if (event.button) return;
  const point = at(event), data = event.target.dataset;
  if (sketch) {
    event.preventDefault();
    const [first] = sketch.polygon, close = 16 / view.clientWidth;
    if (sketch.polygon.length > 2 && Math.hypot(first[0] - point[0], first[1] - point[1]) < close)
      return finish();
    sketch.polygon.push(point);
    sketch.at = point;
    return render();
  }
  if (data.area === undefined && !data.bar && !data.top) return select(-1);
  remember();
  if (data.bar || data.top) drag = {bar: data.bar, top: data.top, from: point};
  else {
    const number = Number(data.area), area = areas[number];
    let corner = data.corner === undefined ? null : Number(data.corner);
    if (data.middle !== undefined) {
      corner = Number(data.middle) + 1;
      area.polygon.splice(corner, 0, point);
    }
    drag = {area, corner, from: point};
    select(number);
  }
  view.setPointerCapture(event.pointerId);
});

// A finger that drags must not scroll; on the bare picture it may.
view.addEventListener("touchstart", event => { if (drag || sketch) event.preventDefault(); },
  {passive: false});

view.addEventListener("pointermove", event => {
  const point = at(event);
  if (sketch) { sketch.at = point; return render(); }
  if (!drag) return;
  const dx = point[0] - drag.from[0], dy = point[1] - drag.from[1];
  if (drag.bar) feet[drag.bar] = [round(feet[drag.bar][0] + dx), round(feet[drag.bar][1] + dy)];
  else if (drag.top) heights[drag.top] = round(feet[drag.top][1] - point[1]);
  else if (drag.corner !== null) drag.area.polygon[drag.corner] = point;
  else shift(drag.area, dx, dy);
  drag.from = point;
  render();
});

for (const name of ["pointerup", "pointercancel"]) view.addEventListener(name, () => {
  if (!drag) return;
  drag = null;
  if (past.at(-1) === snapshot()) past.pop();
  both();
});

// --- keyboard alone ---

const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

view.addEventListener("keydown", event => {
  const step = event.shiftKey ? FAR : STEP, arrow = ARROWS[event.key];
  if (sketch) {
    if (arrow) sketch.at = [round(sketch.at[0] + arrow[0] * step), round(sketch.at[1] + arrow[1] * step)];
    else if (event.key === " ") sketch.polygon.push([...sketch.at]);
    else if (event.key === "Backspace") sketch.polygon.pop();
    else if (event.key === "Enter") { event.preventDefault(); return finish(); }
    else if (event.key === "Escape") { event.preventDefault(); return cancel(); }
    else return;
    event.preventDefault();
    return render();
  }
  const key = /^a(\d+)(?:c(\d+))?$/.exec(event.target.dataset.key || "");
  if (!key) return;
  const number = Number(key[1]), area = areas[number];
  const corner = key[2] === undefined ? null : Number(key[2]);
  if (arrow) {
    remember();
    if (corner === null) shift(area, arrow[0] * step, arrow[1] * step);
    else area.polygon[corner] = area.polygon[corner].map((c, axis) => round(c + arrow[axis] * step));
  } else if (event.key === "Delete") {
    if (corner === null) { event.preventDefault(); return removeArea(number); }
    if (area.polygon.length < 4) return hint(word("three"));
    remember();
    area.polygon.splice(corner, 1);
  } else if (corner !== null && (event.key === "Insert" || event.key === "+")) {
    const [x, y] = area.polygon[corner], [u, v] = area.polygon[(corner + 1) % area.polygon.length];
    remember();
    area.polygon.splice(corner + 1, 0, [round((x + u) / 2), round((y + v) / 2)]);
  } else if (event.key === "Enter" || event.key === " ") select(number);
  else return;
  event.preventDefault();
  both();
});

view.addEventListener("focusin", event => {
  const key = /^a(\d+)$/.exec(event.target.dataset.key || "");
  if (key && !drag && Number(key[1]) !== selected) select(Number(key[1]));
});

document.addEventListener("keydown", event => {
  if (event.key === "z" && (event.ctrlKey || event.metaKey) && event.target.tagName !== "INPUT") {
    event.preventDefault();
    undo();
  }
});

// --- the box ---

const draft = () => ({base, ...heights, ...Object.fromEntries(KINDS.map(kind => [kind,
  areas.filter(area => area.kind === kind).map(({kind: _, ...area}) => area)]))});

// What was drawn since `sent` went to the box stays, and is not saved yet.
async function load(sent = snapshot()) {
  const found = await (await ask("/state")).json();
  ({words, base, limits, agent} = found);
  deadline = Date.now() + found.left_s * 1000;
  if (snapshot() !== sent) { goOn(JSON.parse(sent)[0]); saved = sent; return; }
  areas = KINDS.flatMap(kind => found.draft[kind].map(area => ({kind, ...area})));
  heights = {min_height_frac: found.draft.min_height_frac, max_height_frac: found.draft.max_height_frac};
  saved = snapshot();
  past = [];
  selected = -1;
}

// The areas that were sent are those of the file now; others are new to it.
function goOn(sent) {
  for (const area of areas) {
    const same = each => each.was === area.was && (area.was !== null || each.name === area.name);
    const at = sent.filter(each => each.kind === area.kind).findIndex(same);
    area.was = at < 0 ? null : at;
  }
  past = [];
}

async function picture() {
  const answer = await ask("/picture");
  if (!answer.ok) return say(await answer.text(), true);
  const image = await createImageBitmap(await answer.clone().blob());
  high = Math.round(WIDE * image.height / image.width);
  image.close();
  const before = pictureUrl;
  pictureUrl = URL.createObjectURL(await answer.blob());
  render();
  if (before) URL.revokeObjectURL(before);
}

async function save() {
  saving = $("save").disabled = true;
  const sent = snapshot();
  say(word("saving"));
  try {
    const answer = await (await ask("/save", draft())).json();
    say(answer.text, !answer.saved);
    if (answer.saved) { await load(sent); both(); await picture(); }
  } catch (error) { say(String(error.message), true); }
  saving = false;
  render();
}

async function live() {
  if (!$("follow").checked || document.hidden) return;
  if (agent && !drag && !sketch) await picture();
  const answer = await (await ask("/live", draft())).json();
  agent = answer.agent;
  people = answer.people || [];
  $("live").replaceChildren();
  for (const each of people) element($("live"), "p", {class: each.tells ? "tells" : ""}, each.text);
  if (!people.length) element($("live"), "p", {class: "none"}, answer.text);
  if (!drag) render();
}

async function every(seconds, work) {
  for (;;) {
    await new Promise(done => setTimeout(done, seconds * 1000));
    try { await work(); } catch (error) { say(String(error.message), true); }
    if (Date.now() > deadline) return say(word("over"), true);
  }
}

function build() {
  view.setAttribute("aria-label", word("view_label"));
  for (const kind of KINDS) element($("draw"), "button", {type: "button", class: kind, id: "new_" + kind},
    word("new_" + kind)).addEventListener("click", () => begin(kind));
  for (const name of Object.keys(heights)) {
    const label = element($("heights"), "label", {}, word(name));
    element(label, "output", {id: name + "_out"});
    const input = element(label, "input", {id: name, type: "range", min: 0, max: 1, step: 0.01});
    input.addEventListener("change", renderList);
    input.addEventListener("input", () => { heights[name] = Number(input.value); render();
      $(name + "_out").textContent = input.value; });
    input.addEventListener("pointerdown", remember);
    input.addEventListener("keydown", remember);
  }
  for (const [id, work] of [["undo", undo], ["save", save], ["fresh", picture]]) {
    $(id).textContent = word(id);
    $(id).addEventListener("click", work);
  }
  $("done").textContent = word("done");
  $("done").addEventListener("click", async () => { await ask("/done", {}); say(word("ended")); deadline = 0; });
  $("follow").nextElementSibling.textContent = word("follow");
  $("follow").checked = agent;
  addEventListener("resize", render);
  addEventListener("beforeunload", event => { if (snapshot() !== saved && deadline) event.preventDefault(); });
}

async function start() {
  window.history.replaceState(null, "", "/");
  try {
    await load();
    build();
    both();
    hint(word("moving"));
    await picture();
  } catch (error) { say(String(error.message), true); }
  document.body.dataset.ready = "true";
  every(1, live);
  setInterval(() => {
    const left = Math.max(0, Math.ceil((deadline - Date.now()) / 60000));
    $("left").textContent = word("left", {minutes: left});
  }, 1000);
}

start();
