
"use strict";
const content = JSON.parse(document.getElementById("content").textContent);
const at = id => document.getElementById(id);
const NAMES = 200, EDGE = 18, ROW = 16;
const SORTS = ["fetch", "check", "unpack", "link", "wait"];
const total = Math.max(content.total, 1);
const view = { from: 0, to: total, order: "begin", filter: "", critical: false };

// Words and numbers.
const seconds = us => total < 1e6 ? (us / 1e3).toFixed(1) + " ms" : (us / 1e6).toFixed(us < 1e5 ? 3 : 2) + " s";
const bytes = n => n >= 1e9 ? (n / 1e9).toFixed(2) + " GB" : n >= 1e6 ? (n / 1e6).toFixed(n < 1e8 ? 1 : 0) + " MB"
  : n >= 1e3 ? (n / 1e3).toFixed(0) + " kB" : n + " B";
const many = (n, one, more) => n.toLocaleString("en") + " " + (n === 1 ? one : more);

// Lanes: what each package's bars say together.
const planned = Math.max(0, ...content.stages.filter(s => s[0] === "plan").map(s => s[2]));
content.lanes.forEach((lane, index) => {
  const bars = lane.bars;
  lane.index = index;
  lane.path = content.path.filter(step => step[1] === index);
  lane.isNew = bars.some(bar => bar.s !== "link");
  lane.begin = bars.length ? Math.min(...bars.map(bar => bar.f)) : Infinity;
  lane.end = bars.length ? Math.max(...bars.map(bar => bar.t)) : Infinity;
  lane.work = bars.reduce((sum, bar) => sum + bar.b, 0);
  lane.critical = lane.path.reduce((sum, step) => sum + step[3] - step[2], 0);
  lane.of = {};
  for (const sort of SORTS) {
    const own = bars.filter(bar => bar.s === sort);
    lane.of[sort] = {
      n: own.reduce((sum, bar) => sum + bar.n, 0), busy: own.reduce((sum, bar) => sum + bar.b, 0),
      amount: own.reduce((sum, bar) => sum + bar.a, 0),
      from: Math.min(...own.map(bar => bar.f)), to: Math.max(...own.map(bar => bar.t)),
    };
  }
});
let shown = [];
const orders = {
  begin: (a, b) => a.begin - b.begin || a.end - b.end, end: (a, b) => a.end - b.end || a.begin - b.begin,
  work: (a, b) => b.work - a.work, name: (a, b) => a.name < b.name ? -1 : 1,
};
function choose() {
  const wanted = view.filter.trim().toLowerCase();
  shown = content.lanes.filter(lane => lane.name.toLowerCase().includes(wanted) && (!view.critical || lane.critical));
  shown.sort((a, b) => orders[view.order](a, b) || a.index - b.index);
  shown.forEach((lane, row) => { lane.row = row; });
  at("height").style.height = shown.length * ROW + "px";
  at("lanes").style.height = at("scroller").clientHeight + "px";
  draw();
}

// Drawing.
let colours = {};
const x = us => NAMES + (us - view.from) / (view.to - view.from) * (width() - NAMES - EDGE);
const time = px => view.from + (px - NAMES) / (width() - NAMES - EDGE) * (view.to - view.from);
const width = () => at("scroller").clientWidth;
function pen(id) {
  const canvas = at(id), ratio = window.devicePixelRatio || 1, height = canvas.clientHeight;
  canvas.style.width = width() + "px";
  canvas.width = Math.round(width() * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  return pen;
}
/** A box from one moment to another, at least a hair wide, clipped to the chart. */
function box(pen, from, to, top, height, colour) {
  const left = Math.max(x(from), NAMES), right = Math.min(x(to), width() - EDGE);
  if (x(to) < NAMES || x(from) > width() - EDGE) return 0;
  pen.fillStyle = colours[colour];
  pen.fillRect(left, top, Math.max(right - left, 0.7), height);
  return right - left;
}
function label(pen, text, left, middle, room, colour = "ink") {
  pen.fillStyle = colours[colour];
  while (text && pen.measureText(text).width > room) text = text.slice(0, text.endsWith("…") ? -2 : -1) + (text.length > 2 ? "…" : "");
  if (text.length > 1) pen.fillText(text, left, middle);
}
function ticks() {
  const span = view.to - view.from, rough = span / Math.max(2, (width() - NAMES) / 110);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(n => n * power).find(n => n >= rough);
  const list = [];
  for (let us = Math.ceil(view.from / step) * step; us <= view.to; us += step) list.push(us);
  return list;
}
function grid(pen, height) {
  for (const us of ticks()) {
    pen.fillStyle = colours.line;
    pen.fillRect(Math.round(x(us)), 0, 1, height);
  }
}
function drawStages() {
  const p = pen("stages");
  grid(p, 68);
  for (const us of ticks()) label(p, seconds(us), x(us) + 3, 8, 90, "soft");
  label(p, "stages", 16, 28, NAMES - 24);
  for (const [name, from, to] of content.stages) {
    const wide = box(p, from, to, 19, 17, "paper") && box(p, from, to, 20, 15, "run");
    if (wide > 24) label(p, name, Math.max(x(from), NAMES) + 4, 28, wide - 8, "paper");
  }
  label(p, "critical path", 16, 52, NAMES - 24, "path");
  for (const [sort, , from, to] of content.path) box(p, from, to, 44, 15, sort);
  for (const [sort, lane, from, to, name] of content.path) {
    const left = Math.max(x(from), NAMES), right = Math.min(x(to), width() - EDGE);
    if (right - left > 40) label(p, lane < 0 ? name || sort : content.lanes[lane].name, left + 4, 52, right - left - 8, sort === "wait" ? "ink" : "paper");
  }
  box(p, 0, total, 61, 2, "path");
}
function drawLane(p, lane, top) {
  if (lane === hovered) {
    p.fillStyle = colours.band;
    p.fillRect(0, top, width(), ROW);
  }
  label(p, lane.name, 16, top + ROW / 2, NAMES - 24, lane.critical ? "ink" : "soft");
  if (!lane.bars.length) return;
  box(p, lane.isNew ? Math.min(planned, lane.begin) : lane.begin, lane.end, top + 7, 1, "wait");
  for (const bar of lane.bars) {
    if (bar.s === "fetch") box(p, bar.f, bar.t, top + 2, 5, "fetch");
    else if (bar.s === "unpack") box(p, bar.f, bar.t, top + 8, 4, "unpack");
    else if (bar.s === "link") box(p, bar.f, bar.t, top + 2, 10, "link");
    else if (bar.s === "check") box(p, bar.f, bar.t, top + 7, 1, "check");
    else box(p, bar.f, bar.t, top + 4, 6, "wait");
  }
  for (const [, , from, to] of lane.path) box(p, from, to, top + 13, 2, "path");
}
function drawLanes() {
  const p = pen("lanes"), height = at("lanes").clientHeight, above = at("scroller").scrollTop;
  grid(p, height);
  const first = Math.floor(above / ROW), last = Math.min(shown.length, first + Math.ceil(height / ROW) + 1);
  for (let row = first; row < last; row++) drawLane(p, shown[row], row * ROW - above);
  // From package to package, where there are not too many for eyes.
  const hair = (view.to - view.from) / 400;
  const steps = content.path.filter(step => step[3] - step[2] > hair && step[3] >= view.from && step[2] <= view.to);
  if (steps.length < 60) {
    p.fillStyle = colours.path;
    for (let i = 1; i < steps.length; i++) {
      const [one, two] = [steps[i - 1], steps[i]].map(step => shown[(content.lanes[step[1]] || {}).row]);
      const bothShown = one && two && one !== two && one.index === steps[i - 1][1] && two.index === steps[i][1];
      if (!bothShown || x(steps[i][2]) < NAMES) continue;
      const ends = [one.row, two.row].map(row => row * ROW - above + 14).sort((a, b) => a - b);
      p.globalAlpha = 0.45;
      p.fillRect(x(steps[i][2]), ends[0], 1, ends[1] - ends[0]);
      p.globalAlpha = 1;
    }
  }
  if (!shown.length) label(p, "no package has this name", NAMES, 20, 300, "soft");
}
function area(p, value, most, top, height, colour, isLine) {
  const samples = content.samples, y = sample => top + height - value(sample) / most * height;
  p.save();
  p.beginPath();
  p.rect(NAMES, 0, width() - NAMES - EDGE, 200);
  p.clip();
  p.beginPath();
  if (!isLine) p.moveTo(x(samples[0][0]), top + height);
  for (const sample of samples) p.lineTo(x(sample[0]), y(sample));
  if (!isLine) p.lineTo(x(samples[samples.length - 1][0]), top + height);
  p.strokeStyle = p.fillStyle = colours[colour];
  p.lineWidth = 1.6;
  if (isLine) p.stroke(); else p.fill();
  p.restore();
}
function drawMemory() {
  const p = pen("memory"), samples = content.samples;
  grid(p, 128);
  if (!samples.length) return;
  const memory = Math.max(1, ...samples.map(s => s[1])), fetched = Math.max(1, ...samples.map(s => s[3]));
  area(p, s => s[1], memory, 6, 56, "resident");
  area(p, s => s[2], memory, 6, 56, "anonymous");
  area(p, s => s[3], fetched, 72, 50, "fetch", true);
  label(p, "memory", 16, 14, NAMES - 24);
  p.fillStyle = colours.resident;
  p.fillRect(16, 26, 9, 9);
  p.fillStyle = colours.anonymous;
  p.fillRect(16, 43, 9, 9);
  label(p, "resident, max " + bytes(1024 * memory), 30, 31, NAMES - 32, "soft");
  label(p, "anonymous, max " + bytes(1024 * Math.max(...samples.map(s => s[2]))), 30, 48, NAMES - 32, "soft");
  label(p, "fetched", 16, 84, NAMES - 24);
  label(p, bytes(content.fetched) + " in all", 16, 101, NAMES - 24, "soft");
  p.fillStyle = colours.line;
  p.fillRect(0, 66, width(), 1);
}
function draw() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["paper", "ink", "soft", "line", "band", "run", "path", "resident", "anonymous", ...SORTS])
    colours[name] = style.getPropertyValue("--" + name).trim();
  drawStages();
  drawLanes();
  drawMemory();
  at("whole").hidden = view.from === 0 && view.to === total;
}

// What is under the mouse.
let hovered = null, pressed = null;
function why(lane, us) {
  const next = lane.bars.filter(bar => bar.f > us).sort((a, b) => a.f - b.f)[0];
  const last = lane.bars.filter(bar => bar.t <= us).sort((a, b) => b.t - a.t)[0];
  if (!next) return us > lane.end ? "ready" : "";
  if (next.s === "link") return last ? "in the store, waits for its turn to be linked" : "in the store already";
  if (!last) return us < planned ? "" : "waits for a connection, or for memory";
  if (next.s === "fetch") return last.s === "fetch" ? "waits until more of it is asked for" : "waits for bytes";
  return "waits for a thread, or for its digest";
}
function tellLane(lane, us) {
  const rows = [["", (lane.name + " " + lane.version).trim() + (lane.size === null ? "" : ", " + bytes(lane.size))]];
  const words = {
    fetch: o => `${many(o.n, "request", "requests")}, ${bytes(o.amount)}, ${bytes(Math.round(o.amount / Math.max(o.to - o.from, 1) * 1e6))}/s`,
    unpack: o => `${many(o.n, "piece", "pieces")}, ${seconds(o.busy)} of work`, link: o => many(o.amount, "file", "files"),
    check: () => "digest", wait: () => "another run gets it",
  };
  for (const sort of SORTS) {
    const of = lane.of[sort];
    if (of.n) rows.push([sort, `${sort} ${seconds(of.from)} – ${seconds(of.to)}: ${words[sort](of)}`]);
  }
  if (lane.critical) rows.push(["path", `on the critical path for ${seconds(lane.critical)}`]);
  const now = SORTS.filter(sort => lane.bars.some(bar => bar.s === sort && bar.f <= us && us <= bar.t));
  const then = now.length ? now.join(" and ") : lane.bars.length ? why(lane, us) : "nothing was done for it";
  if (then) rows.push([now[0] || "wait", `at ${seconds(us)}: ${then}`]);
  return rows;
}
function tellStage(us, y) {
  if (y < 40) {
    const found = content.stages.filter(s => s[1] <= us && us <= s[2]);
    return found.map(([name, from, to]) => ["run", `${name}: ${seconds(from)} – ${seconds(to)}, ${seconds(to - from)}`]);
  }
  const step = content.path.find(s => s[2] <= us && us <= s[3]);
  if (!step) return [];
  const who = step[1] < 0 ? step[4] || step[0] : `${content.lanes[step[1]].name}: ${step[0]}`;
  return [["path", "the run waits for"], [step[0], `${who}, ${seconds(step[3] - step[2])}`]];
}
function tellMemory(us) {
  const sample = content.samples.reduce((best, s) => Math.abs(s[0] - us) < Math.abs(best[0] - us) ? s : best, [Infinity]);
  if (sample.length < 4) return [];
  return [["", `at ${seconds(sample[0])}`], ["", `${bytes(1024 * sample[1])} resident, ${bytes(1024 * sample[2])} anonymous`],
    ["fetch", `${bytes(sample[3])} fetched`]];
}
function element(tag, text, name) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (name) made.className = name;
  return made;
}
function hover(event) {
  const place = at("main").getBoundingClientRect(), px = event.clientX - place.left, us = time(px);
  const inChart = px >= NAMES && px <= width() - EDGE, target = event.target;
  let rows = [], lane = null;
  if (target === at("lanes")) {
    const y = event.clientY - at("scroller").getBoundingClientRect().top + at("scroller").scrollTop;
    lane = shown[Math.floor(y / ROW)] || null;
    if (lane) rows = tellLane(lane, us);
  } else if (inChart && target === at("stages")) rows = tellStage(us, event.offsetY);
  else if (inChart && target === at("memory")) rows = tellMemory(us);
  if (lane !== hovered) { hovered = lane; drawLanes(); }
  at("cursor").hidden = !inChart || !target.getContext;
  at("cursor").style.left = px + "px";
  const tip = at("tip");
  tip.replaceChildren(...rows.map(([sort, text], i) => element(i || sort ? "span" : "b", text, sort)));
  tip.hidden = !rows.length || pressed !== null && Math.abs(px - pressed) > 4;
  const { innerWidth, innerHeight } = window, size = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(event.clientX + 14, innerWidth - size.width - 6)) + "px";
  tip.style.top = (event.clientY + 18 + size.height > innerHeight ? event.clientY - size.height - 10 : event.clientY + 18) + "px";
  if (pressed !== null) select(px);
}
function select(px) {
  const [left, right] = [pressed, Math.min(Math.max(px, NAMES), width() - EDGE)].sort((a, b) => a - b);
  Object.assign(at("selection").style, { left: left + "px", width: right - left + "px" });
  at("selection").hidden = right - left < 5;
  return [left, right];
}
function look(from, to) { Object.assign(view, { from, to }); draw(); }
at("main").addEventListener("mousemove", hover);
at("main").addEventListener("mouseleave", () => { at("tip").hidden = at("cursor").hidden = true; hovered = null; drawLanes(); });
at("main").addEventListener("mousedown", event => {
  const px = event.clientX - at("main").getBoundingClientRect().left;
  if (event.button === 0 && event.target.getContext && px >= NAMES && px <= width() - EDGE) { pressed = px; event.preventDefault(); }
});
window.addEventListener("mouseup", event => {
  if (pressed === null) return;
  const [left, right] = select(event.clientX - at("main").getBoundingClientRect().left);
  at("selection").hidden = true;
  pressed = null;
  if (right - left >= 5) look(Math.max(0, time(left)), Math.min(total, time(right)));
});
at("main").addEventListener("dblclick", () => look(0, total));
at("whole").addEventListener("click", () => look(0, total));
at("scroller").addEventListener("scroll", drawLanes);
at("filter").addEventListener("input", event => { view.filter = event.target.value; choose(); });
at("order").addEventListener("change", event => { view.order = event.target.value; choose(); });
at("critical").addEventListener("change", event => { view.critical = event.target.checked; choose(); });
window.addEventListener("resize", choose);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

// The same in numbers, and in a sentence.
function table() {
  const head = ["package", "version", "size", "begin", "end", "fetch", "unpack", "link", "files", "critical"];
  const rows = content.lanes.map(lane => [lane.name, lane.version, lane.size === null ? "" : bytes(lane.size),
    ...(lane.bars.length ? [seconds(lane.begin), seconds(lane.end)] : ["", ""]),
    ...["fetch", "unpack", "link"].map(sort => lane.of[sort].n ? seconds(lane.of[sort].busy) : ""),
    lane.of.link.amount || "", lane.critical ? seconds(lane.critical) : ""]);
  const made = element("table", "");
  const row = (cells, tag) => { const tr = element("tr", ""); tr.append(...cells.map(text => element(tag, text))); return tr; };
  made.append(row(head, "th"), ...rows.map(cells => row(cells, "td")));
  return made;
}
at("table").append(table());
at("numbers").addEventListener("click", event => {
  const on = at("table").hidden;
  event.target.setAttribute("aria-pressed", on);
  at("table").hidden = !on;
  at("scroller").style.display = on ? "none" : "";
  at("stages").hidden = at("memory").hidden = on;
  if (!on) choose();
});
function chain() {
  const by = new Map(), add = (word, step) => by.set(word, (by.get(word) || 0) + step[3] - step[2]);
  content.path.forEach(step => add(step[4] || step[0], step));
  const kinds = [...by].filter(kind => kind[1] > total / 1000).sort((a, b) => b[1] - a[1]).map(([word, us]) => `${word} ${seconds(us)}`);
  const worst = content.lanes.filter(lane => lane.critical).sort((a, b) => b.critical - a.critical).slice(0, 4)
    .map(lane => `${lane.name} ${seconds(lane.critical)}`);
  at("chain").append(element("b", "critical path: "), kinds.join(", ") || "nothing",
    worst.length ? "; most of it: " + worst.join(", ") : "");
}
at("facts").textContent = [content.ended, seconds(total), many(content.lanes.length, "package", "packages"),
  bytes(content.fetched) + " fetched", many(content.threads, "processor", "processors"), "Python " + content.python,
  "fastenv " + content.fastenv].join(" · ");
chain();
choose();
