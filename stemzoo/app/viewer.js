// An image under its marks: switches and sliders change what is drawn, clicks tell the server.
const find = (name) => element.querySelector(name);
const stage = find(".stage"), sheet = find(".sheet"), photo = find("img"), menu = find(".menu");
const lines = find("svg.lines"), marks = find("svg.marks"), tools = find(".tools");
const hidden = new Set();
let told = null, zoom = 1, left = 0, top = 0, least = 0, picture = "", seen = "", last = "";
const make = (tag, words, parent) => {
  const node = document.createElement(tag);
  node.textContent = words;
  if (parent) parent.append(node);
  return node;
};
const shape = (tag, values, parent) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(values)) node.setAttribute(key, value);
  parent.append(node);
  return node;
};
const visible = (mark) =>
  !hidden.has(told.classes[mark[3]][0]) && (mark[4] === null || mark[4] >= least);

function place() {
  // Marks keep the width of their lines, whatever the zoom: the sheet itself grows.
  const width = stage.clientWidth, height = stage.clientHeight;
  const base = Math.min(width / told.columns, height / told.rows);
  const w = told.columns * base * zoom, h = told.rows * base * zoom;
  left = w <= width ? (width - w) / 2 : Math.min(0, Math.max(width - w, left));
  top = h <= height ? (height - h) / 2 : Math.min(0, Math.max(height - h, top));
  Object.assign(sheet.style, { width: w + "px", height: h + "px", left: left + "px", top: top + "px" });
  stage.classList.toggle("zoomed", zoom > 1);
  if (told.nm) {
    const perNm = w / (told.columns * told.nm);
    const most = Math.min(width / 4, w / 3) / perNm, decade = 10 ** Math.floor(Math.log10(most));
    const bar = [5, 2, 1].map((n) => n * decade).find((n) => n <= most) || decade;
    find(".scale i").style.width = bar * perNm + "px";
    find(".scale span").textContent = bar >= 1 ? `${+bar.toPrecision(3)} nm` : `${+(10 * bar).toPrecision(3)} Å`;
  }
  find(".scale").hidden = !told.nm;
  // Rings of a small picture stay rings.
  const ring = Math.max(told.ring, (3.5 * told.columns) / w);
  for (const circle of marks.children) circle.setAttribute("r", ring);
}
function fit() {
  const width = stage.clientWidth || 300;
  stage.style.height = Math.round(Math.min((width * told.rows) / told.columns, Math.max(0.82 * innerHeight, 260))) + "px";
  place();
}
function draw() {
  marks.replaceChildren();
  const counts = told.classes.map(() => 0);
  for (const mark of told.marks) {
    if (!visible(mark)) continue;
    counts[mark[3]]++;
    const ring = { cx: mark[1], cy: mark[2], r: told.ring, fill: "none", stroke: told.classes[mark[3]][1],
      "stroke-width": mark[5] ? 3 : 2, "vector-effect": "non-scaling-stroke" };
    if (mark[5]) ring["stroke-dasharray"] = "5 3";
    shape("circle", ring, marks);
  }
  told.classes.forEach((one, k) => {
    const cell = find(`.classes [data-class="${k}"] span`);
    if (cell) cell.textContent = `${one[0]} ${counts[k]}`;
  });
  place();
  marks.style.opacity = find("input.opacity").value;
  find("output.least").textContent = least.toFixed(2);
  for (const link of tools.querySelectorAll(".downloads a"))
    link.href = `${told.results}/${link.dataset.kind}?least=${least}`;
}
function buttons() {
  const chips = find(".classes");
  chips.replaceChildren();
  told.classes.forEach(([name, colour], k) => {
    const chip = make("label", "", chips), box = make("input", "", chip);
    chip.className = "chip";
    chip.dataset.class = k;
    box.type = "checkbox";
    box.checked = !hidden.has(name);
    box.onchange = () => { box.checked ? hidden.delete(name) : hidden.add(name); draw(); };
    make("b", "", chip).style.borderColor = colour;
    make("span", name, chip);
  });
  const views = find(".pictures");
  views.replaceChildren();
  if (told.pictures.length > 1)
    for (const [name, address] of told.pictures) {
      const button = make("button", name, views);
      button.type = "button";
      button.classList.toggle("on", name === picture);
      button.onclick = () => { picture = name; photo.src = address; buttons(); draw(); };
    }
  const links = find(".downloads");
  links.replaceChildren();
  for (const [kind, words] of told.downloads) {
    const link = make("a", words, links);
    link.dataset.kind = kind;
    link.setAttribute("download", "");
    if (kind === "table") link.className = "first";
  }
}
function show() {
  // The server may say the same once more ("again"), while a menu is open.
  const text = JSON.stringify({ ...props.value, again: 0 });
  if (text === last) return;
  last = text;
  told = props.value;
  menu.hidden = true;
  const there = Boolean(told && told.pictures);
  find(".nothing").hidden = there;
  photo.hidden = find(".zoom").hidden = !there;
  tools.hidden = !there || !told.looked;
  if (!there) { marks.replaceChildren(); lines.replaceChildren(); find(".scale").hidden = true; told = null; return; }
  if (told.image !== seen) { seen = told.image; zoom = 1; least = told.threshold; picture = ""; }
  least = Math.max(least, told.threshold);
  if (told.show || !told.pictures.some(([name]) => name === picture)) picture = told.show || told.pictures[0][0];
  const address = told.pictures.find(([name]) => name === picture)[1];
  if (photo.getAttribute("src") !== address) photo.src = address;
  photo.alt = told.name;
  for (const svg of [lines, marks]) {
    svg.setAttribute("viewBox", `-0.5 -0.5 ${told.columns} ${told.rows}`);
    svg.setAttribute("preserveAspectRatio", "none");
  }
  lines.replaceChildren();
  for (const line of told.outline)
    shape("polyline", { points: line.map((p) => p.join()).join(" "), fill: "none", stroke: "#7fd4ff",
      "stroke-width": 1.5, "stroke-dasharray": "6 4", "vector-effect": "non-scaling-stroke" }, lines);
  const slider = find("input.least");
  slider.min = told.threshold;
  slider.value = least;
  find(".measure").textContent = "lowest " + told.measure;
  find(".undo").hidden = !told.edits;
  buttons();
  draw();
  fit();
}
function ask(x, y) {
  const box = sheet.getBoundingClientRect(), scale = box.width / told.columns;
  const column = (x - box.left) / scale - 0.5, row = (y - box.top) / scale - 0.5;
  if (row < -0.5 || column < -0.5 || row >= told.rows - 0.5 || column >= told.columns - 0.5) return;
  const reach = Math.max(told.ring * 1.3, 14 / scale);
  let near = null, best = reach;
  for (const mark of told.marks) {
    const away = Math.hypot(mark[1] - column, mark[2] - row);
    if (visible(mark) && away < best) { best = away; near = mark; }
  }
  menu.replaceChildren();
  const value = near && near[4] !== null ? `, ${told.measure} ${near[4].toFixed(2)}` : "";
  make("p", near ? told.classes[near[3]][0] + value : "add here", menu);
  const option = (words, edit) => {
    const button = make("button", words, menu);
    button.type = "button";
    button.setAttribute("role", "menuitem");
    button.onclick = () => { menu.hidden = true; trigger("edit", { ...edit, image: told.image }); };
  };
  if (near) option("remove", { mark: near[0], name: null });
  told.classes.forEach(([name], k) => {
    if (!near) option(name, { mark: null, name, row, column });
    else if (k !== near[3]) option("is " + name, { mark: near[0], name });
  });
  menu.hidden = false;
  const frame = stage.getBoundingClientRect();
  menu.style.left = Math.max(4, Math.min(x - frame.left + 8, frame.width - menu.offsetWidth - 4)) + "px";
  menu.style.top = Math.max(4, Math.min(y - frame.top + 8, frame.height - menu.offsetHeight - 4)) + "px";
  menu.querySelector("button").focus({ preventScroll: true });
}
function enlarge(factor, x, y) {
  const before = zoom, frame = stage.getBoundingClientRect();
  zoom = factor ? Math.min(40, Math.max(1, zoom * factor)) : 1;
  const cx = x - frame.left, cy = y - frame.top;
  left = cx - ((cx - left) * zoom) / before;
  top = cy - ((cy - top) * zoom) / before;
  menu.hidden = true;
  place();
}
const fingers = new Map();
let start = null, spread = 0, moved = false;
const middle = () => {
  const points = [...fingers.values()];
  return [points.reduce((s, p) => s + p[0], 0) / points.length, points.reduce((s, p) => s + p[1], 0) / points.length];
};
const distance = () => {
  const [a, b] = [...fingers.values()];
  return b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : 0;
};
stage.addEventListener("pointerdown", (event) => {
  if (!told || event.target.closest(".menu, .zoom")) return;
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
  if (fingers.size === 1) { start = [event.clientX, event.clientY]; moved = false; }
  else moved = true;
  spread = distance();
});
stage.addEventListener("pointermove", (event) => {
  if (!told || !fingers.has(event.pointerId)) return;
  const before = middle();
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
  const after = middle();
  if (Math.hypot(event.clientX - start[0], event.clientY - start[1]) > 6) moved = true;
  if (!moved) return;
  if (fingers.size > 1) {
    const now = distance();
    enlarge(now / (spread || now), ...after);
    spread = now;
  }
  if (zoom > 1) { left += after[0] - before[0]; top += after[1] - before[1]; menu.hidden = true; place(); }
});
for (const name of ["pointerup", "pointercancel", "pointerleave"])
  stage.addEventListener(name, (event) => fingers.delete(event.pointerId));
// Not at the pointer's end: of a finger a click follows, which would meet the menu below it.
stage.addEventListener("click", (event) => {
  if (!told || !told.looked || moved || event.target.closest(".menu, .zoom")) return;
  if (menu.hidden) ask(event.clientX, event.clientY);
  else menu.hidden = true;
});
stage.addEventListener("wheel", (event) => {
  // The page scrolls as ever, unless one zooms on purpose or is in the image already.
  if (!told || !(event.ctrlKey || zoom > 1 || event.shiftKey)) return;
  event.preventDefault();
  enlarge((event.deltaY || event.deltaX) < 0 ? 1.2 : 1 / 1.2, event.clientX, event.clientY);
}, { passive: false });
for (const button of element.querySelectorAll("[data-zoom]"))
  button.onclick = () => {
    const frame = stage.getBoundingClientRect();
    enlarge(Number(button.dataset.zoom), frame.left + frame.width / 2, frame.top + frame.height / 2);
  };
find("input.least").oninput = (event) => { least = Number(event.target.value); draw(); };
find("input.opacity").oninput = draw;
find(".undo").onclick = () => trigger("edit", { undo: true, image: told.image });
element.addEventListener("keydown", (event) => { if (event.key === "Escape") menu.hidden = true; });
new ResizeObserver(() => { if (told && Math.abs(stage.clientWidth - (stage.lastWidth || 0)) > 1) { stage.lastWidth = stage.clientWidth; fit(); } }).observe(stage);
watch("value", show);
show();
