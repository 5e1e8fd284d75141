// The page of a sketch pad. Drawings, strokes and undo live here; Python is asked one thing at a time.

const ICONS = {
  pencil: "M4 20l1-5L16 4l4 4L9 19l-5 1z M14 6l4 4",
  eraser: "M8 20l-5-5L14 4l6 6-10 10H8z M9 9l6 6 M8 20h12",
  brush: "M20 4L10 14 M10 14c-3 0-4 2-4 4-1 1-2 1-3 1 2 2 8 2 9-2 0-2-1-3-2-3z",
  fill: "M5 12l8-8 7 7-8 8-7-7z M4 12h15 M21 16c1 2 1 4-.5 4s-1.500-2-.5-4z",
  box: "M4 5h16v14H4z",
  lasso: "M12 5c5 0 8 2 8 5s-3 5-8 5-8-2-8-5 3-5 8-5z M8 15c-2 1-2 4 1 5",
  undo: "M9 6L4 11l5 5 M4 11h10a6 6 0 010 9h-3",
  redo: "M15 6l5 5-5 5 M20 11H10a6 6 0 000 9h3",
  clear: "M5 7h14 M10 7V4h4v3 M7 7l1 13h8l1-13",
  upload: "M12 16V4 M7 9l5-5 5 5 M4 20h16",
  save: "M12 4v12 M7 11l5 5 5-5 M4 20h16",
  dice: "M5 5h14v14H5z M9 9h.01 M15 9h.01 M12 12h.01 M9 15h.01 M15 15h.01",
  keep: "M7 4h10v16l-5-4-5 4z",
  guide: "M12 3c5 0 7 4 7 8 0 5-3 10-7 10s-7-5-7-10c0-4 2-8 7-8z M8 11h2 M14 11h2 M10 16h4",
};
const MOST_STEPS = 30, SLOW_MS = 8000, MOST_UPLOAD_PX = 1600;

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

function button(name, text, label, act, classes = "") {
  return make("button", { type: "button", "aria-label": label, title: label, class: classes, onclick: act },
    icon(name), ...(text ? [make("span", {}, text)] : []));
}

// A line to Python: one request at a time; of drawings and settings only the newest waits.
function line(model, onBusy) {
  const waiting = [];
  let number = model.get("answered") || 0, asked = null, slow = 0;
  function next() {
    if (asked !== null || !waiting.length) return;
    const { kind, content } = waiting.shift();
    asked = ++number;
    model.send({ kind, n: asked, ...(typeof content === "function" ? content() : content) });
    onBusy(true, false);
    slow = setTimeout(() => onBusy(true, true), SLOW_MS);
  }
  model.on("change:answered", () => {
    if (model.get("answered") < asked || asked === null) return;
    clearTimeout(slow);
    asked = null;
    onBusy(false, false);
    next();
  });
  return (kind, content = {}) => {
    if (kind === "draw" || kind === "set") {
      const old = waiting.findLastIndex((other) => other.kind === kind);
      if (old >= 0 && old === waiting.length - 1) {
        const before = waiting.pop();
        if (kind === "set") content = { ...before.content, ...content };
      }
    }
    waiting.push({ kind, content });
    next();
  };
}

// A drawing: pencil on paper, or class numbers that are painted exactly, without soft edges.
function paper(canvas) {
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const kept = {};
  let reads = "sketch", colours = [];
  function steps() { return (kept[reads] ??= { list: [], at: -1 }); }
  function same(one, other) {
    const [a, b] = [one, other].map((step) => new Uint32Array(step.data.buffer));
    return a.length === b.length && a.every((value, n) => value === b[n]);
  }
  function push() {
    const own = steps(), now = pen.getImageData(0, 0, canvas.width, canvas.height);
    if (own.at >= 0 && same(own.list[own.at], now)) return; // a step that changes nothing is none to take back
    own.list = [...own.list.slice(0, own.at + 1), now];
    own.list = own.list.slice(-MOST_STEPS);
    own.at = own.list.length - 1;
  }
  function move(by) {
    const own = steps();
    if (!own.list[own.at + by]) return false;
    own.at += by;
    pen.putImageData(own.list[own.at], 0, 0);
    return true;
  }
  function disc(x, y, radius, [r, g, b]) {  // every pixel gets one class's own colour
    const left = Math.max(0, Math.floor(x - radius)), top = Math.max(0, Math.floor(y - radius));
    const right = Math.min(canvas.width, Math.ceil(x + radius) + 1);
    const below = Math.min(canvas.height, Math.ceil(y + radius) + 1);
    if (right <= left || below <= top) return;
    const part = pen.getImageData(left, top, right - left, below - top);
    for (let row = 0; row < part.height; row++) {
      for (let column = 0; column < part.width; column++) {
        if ((left + column + 0.5 - x) ** 2 + (top + row + 0.5 - y) ** 2 > radius ** 2) continue;
        part.data.set([r, g, b, 255], 4 * (row * part.width + column));
      }
    }
    pen.putImageData(part, left, top);
  }
  return {
    steps, push, undo: () => move(-1), redo: () => move(1),
    uri: () => canvas.toDataURL("image/png"),
    clear() {
      pen.fillStyle = reads === "map" ? colours[0] : "#fff";
      pen.fillRect(0, 0, canvas.width, canvas.height);
    },
    begin(kind, palette) {
      if (kind === reads && canvas.width === (kind === "map" ? 256 : 512)) return false;
      reads = kind; colours = palette;
      canvas.width = canvas.height = kind === "map" ? 256 : 512;
      return true;
    },
    async load(uri) {
      const picture = new Image();
      picture.src = uri;
      await picture.decode();
      pen.imageSmoothingEnabled = reads !== "map";
      pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
      push();
    },
    segment(from, to, width, colour) {
      if (reads === "map") {
        const rgb = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
        const length = Math.hypot(to.x - from.x, to.y - from.y), parts = Math.max(1, Math.ceil(length));
        for (let n = 0; n <= parts; n++) {
          const share = n / parts;
          disc(from.x + share * (to.x - from.x), from.y + share * (to.y - from.y), Math.max(0.7, width / 2), rgb);
        }
        return;
      }
      pen.strokeStyle = colour; pen.lineWidth = width; pen.lineCap = pen.lineJoin = "round";
      pen.beginPath(); pen.moveTo(from.x, from.y); pen.lineTo(to.x, to.y); pen.stroke();
    },
    curve(a, b, c, width, colour) {  // from the middle of a-b to that of b-c, bending at b
      pen.strokeStyle = colour; pen.lineWidth = width; pen.lineCap = pen.lineJoin = "round";
      pen.beginPath(); pen.moveTo((a.x + b.x) / 2, (a.y + b.y) / 2);
      pen.quadraticCurveTo(b.x, b.y, (b.x + c.x) / 2, (b.y + c.y) / 2); pen.stroke();
    },
    fill(at, colour) {
      const { width, height } = canvas, whole = pen.getImageData(0, 0, width, height);
      const cells = new Uint32Array(whole.data.buffer), start = Math.floor(at.y) * width + Math.floor(at.x);
      const rgb = [1, 3, 5].map((n) => parseInt(colour.slice(n, n + 2), 16));
      const now = new Uint32Array(new Uint8ClampedArray([...rgb, 255]).buffer)[0], old = cells[start];
      if (old === now || old === undefined) return;
      const open = [start];
      while (open.length) {
        const cell = open.pop();
        if (cells[cell] !== old) continue;
        cells[cell] = now;
        if (cell % width) open.push(cell - 1);
        if ((cell + 1) % width) open.push(cell + 1);
        open.push(cell - width, cell + width);
      }
      pen.putImageData(whole, 0, 0);
    },
  };
}

async function fileUri(file) {  // large photos are made smaller here; what the page cannot read, Python may
  try {
    const picture = await createImageBitmap(file);
    const scale = Math.min(1, MOST_UPLOAD_PX / Math.max(picture.width, picture.height));
    const canvas = make("canvas", { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#fff"; pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.imageSmoothingEnabled = scale < 1;
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return scale < 1 ? canvas.toDataURL("image/jpeg", 0.92) : canvas.toDataURL("image/png");
  } catch {
    return await new Promise((done, fail) => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result);
      reader.onerror = () => fail(reader.error);
      reader.readAsDataURL(file);
    });
  }
}

function render({ model, el }) {
  const state = () => model.get("state");
  const root = make("div", { class: "s2f-pad", role: "group", "aria-label": "sketch pad", "data-lm-suppress-shortcuts": "true" });
  const canvas = make("canvas", { width: 512, height: 512, role: "img", "aria-label": "your drawing" });
  const face = make("img", { class: "s2f-face", alt: "the generated face: a guess, no evidence", draggable: "false" });
  const overlays = [0, 1].map(() => make("canvas", { width: 512, height: 512, class: "s2f-over", "aria-hidden": "true" }));
  const status = make("div", { class: "s2f-status", role: "status", "aria-live": "polite" });
  const sheet = paper(canvas);
  let tool = "pencil", label = 13, stroke = null, region = null, guide = false, kind = "";

  const ask = line(model, (busy, slow) => {
    root.classList.toggle("s2f-busy", busy);
    if (busy) say(slow ? model.get("slow_text") || "no answer yet: the kernel is busy with a cell, or has to be started; your drawing is kept" : "translating …");
    else tellResult();
  });
  function say(text, wrong = false) {
    status.textContent = text;
    status.classList.toggle("s2f-wrong", wrong);
  }
  function tellResult() {
    const problem = model.get("problem"), warned = state().warnings.join(" · ");
    if (problem) return say(problem, true);
    say([`${state().face_px} px, answered in ${Math.round(1000 * model.get("seconds"))} ms`, warned].filter(Boolean).join(" · "));
  }
  const send = () => ask("draw", () => ({ picture: sheet.uri() }));

  // Tools
  const tools = {
    pencil: button("pencil", "Pencil", "Pencil: draw (P)", () => choose("pencil")),
    brush: button("brush", "Brush", "Brush: paint the chosen part (P)", () => choose("brush")),
    fill: button("fill", "Fill", "Fill an area with the chosen part (F)", () => choose("fill")),
    eraser: button("eraser", "Eraser", "Eraser (E)", () => choose("eraser")),
    box: button("box", "Region", "Region: drag a rectangle (R), which is redrawn; the rest of the face stays", () => choose("box")),
    lasso: button("lasso", "Lasso", "Lasso: draw around a region (L), which is redrawn; the rest of the face stays", () => choose("lasso")),
  };
  function choose(name) {
    tool = name;
    for (const [key, node] of Object.entries(tools)) node.setAttribute("aria-pressed", key === name);
    root.dataset.tool = name;
  }
  const width = make("input", { type: "range", min: 1, max: 40, step: 1, value: 4, "aria-label": "line width", title: "line width" });
  const dot = make("span", { class: "s2f-dot", "aria-hidden": "true" });
  const drawDot = () => { const size = Math.min(22, 2 + width.value / 2); dot.style.width = dot.style.height = `${size}px`; };
  width.addEventListener("input", drawDot);
  const undo = button("undo", "", "Undo (Ctrl+Z)", () => sheet.undo() && send());
  const redo = button("redo", "", "Redo (Ctrl+Shift+Z)", () => sheet.redo() && send());
  const clear = button("clear", "", "Clear the drawing", () => { sheet.clear(); sheet.push(); send(); });
  const guideButton = button("guide", "Guide", "Guide: show where the model expects the eyes, the nose and the mouth", () => {
    guide = !guide; guideButton.setAttribute("aria-pressed", guide); drawOver();
  });
  guideButton.setAttribute("aria-pressed", "false");
  const starts = make("select", { "aria-label": "start from a drawn face", onchange: () => {
    if (starts.value) { dropRegion(); ask("start", { name: starts.value }); starts.value = ""; }
  } });
  function picker(name, text, hint, kindOfFile) {
    const input = make("input", { type: "file", accept: "image/*,.heic", hidden: true, tabindex: "-1" });
    input.addEventListener("change", async () => {
      const file = input.files[0];
      input.value = "";
      if (!file) return;
      if (kindOfFile === "upload") dropRegion();
      ask(kindOfFile, { name: file.name, picture: await fileUri(file) });
    });
    return [button(name, text, hint, () => input.click()), input];
  }
  const toolbar = make("div", { class: "s2f-bar", role: "toolbar", "aria-label": "drawing tools" },
    make("div", { class: "s2f-set" }, tools.pencil, tools.brush, tools.fill, tools.eraser),
    make("label", { class: "s2f-set s2f-width" }, make("span", {}, "Width"), width, make("span", { class: "s2f-dotbox" }, dot)),
    make("div", { class: "s2f-set" }, undo, redo, clear),
    make("div", { class: "s2f-set" }, tools.box, tools.lasso),
    make("div", { class: "s2f-set" }, starts, ...picker("upload", "Upload", "Upload a drawing: its paper is cleaned, its face laid upright", "upload"), guideButton));
  const palette = make("div", { class: "s2f-palette", role: "radiogroup", "aria-label": "parts of the face" });

  // The two pictures
  const whole = make("button", { type: "button", class: "s2f-whole", hidden: true, onclick: () => { dropRegion(); ask("region"); } },
    "region only · back to the whole face");
  const save = make("a", { class: "s2f-button", download: "generated-face.png", "aria-label": "Save the face as PNG", title: "Save the face as PNG; its metadata say that it is generated" }, icon("save"), make("span", {}, "Save"));
  const again = button("dice", "Another", "Another answer to the same drawing", () => ask("set", { seed: (state().seed || 0) + 1 }));
  const keep = button("keep", "Keep", "Keep this version, to compare it with others", () => ask("keep"));
  const drawingStage = make("div", { class: "s2f-stage s2f-paper" }, canvas, overlays[0]);
  const faceStage = make("div", { class: "s2f-stage" }, face, overlays[1], make("div", { class: "s2f-spin", "aria-hidden": "true" }));
  const views = make("div", { class: "s2f-views" },
    make("figure", {}, make("figcaption", {}, make("b", {}, "Your drawing"), whole), drawingStage),
    make("figure", {}, make("figcaption", {}, make("b", {}, "The guess"), make("span", { class: "s2f-right" }, again, keep, save)), faceStage));
  const note = make("div", { class: "s2f-note", role: "note" });

  // Settings
  const models = make("select", { "aria-label": "model", onchange: () => { dropRegion(); ask("model", { name: models.value }); } });
  function slider(name, text, left, right) {
    const input = make("input", { type: "range", min: 0, max: 1, step: 0.05, "aria-label": text, onchange: () => ask("set", { [name]: Number(input.value) }) });
    const box = make("label", { class: "s2f-slider" }, make("span", {}, text), input, make("small", {}, make("span", {}, left), make("span", {}, right)));
    return { input, box };
  }
  const detail = slider("detail", "Detail", "faithful", "invented detail");
  const strength = slider("strength", "Enhancement", "off", "invented detail");
  const method = make("span", { class: "s2f-method" });
  const hints = ["hair", "skin"].map((part) => {
    const colour = make("input", { type: "color", value: part === "hair" ? "#a0582c" : "#c68e66", "aria-label": `tone of the ${part}` });
    const on = make("input", { type: "checkbox", "aria-label": `use a tone for the ${part}` });
    const tell = () => ask("hint", { part, colour: on.checked ? colour.value : null });
    on.addEventListener("change", tell);
    colour.addEventListener("change", () => { on.checked = true; tell(); });
    return { part, colour, on, box: make("label", { class: "s2f-hint" }, on, part, colour) };
  });
  const settings = make("div", { class: "s2f-settings" },
    make("label", { class: "s2f-slider s2f-model" }, make("span", {}, "Model"), models), detail.box, strength.box,
    make("div", { class: "s2f-slider s2f-hints" }, make("span", {}, "Witness's hints ", method),
      make("div", { class: "s2f-row" }, ...hints.map((hint) => hint.box),
        ...picker("upload", "Photo", "Take hair and skin tone from a reference photo", "photo"))));
  const variants = make("div", { class: "s2f-strip", "aria-label": "variants", role: "group" });
  const versions = make("div", { class: "s2f-strip", "aria-label": "versions", role: "group" });
  root.append(toolbar, palette, views, status, note, settings, variants, versions);
  el.append(root);

  // Strokes
  let pointer = null;
  function place(event, stage = drawingStage) {
    const box = stage.getBoundingClientRect(), scale = canvas.width / box.width;
    const force = event.pointerType === "pen" && event.pressure > 0 ? 0.35 + 1.3 * event.pressure : 1;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale, force };
  }
  const isRegion = () => tool === "box" || tool === "lasso";
  function widthNow(point) {
    const factor = (stroke.erases ? 3 : 1) * (kind === "map" ? 0.5 : 1);
    return Math.max(1, Number(width.value) * factor * (stroke.erases ? 1 : point.force));
  }
  function ink() {
    if (kind === "map") return state().labels[stroke.erases ? 0 : label][1];
    return stroke.erases ? "#ffffff" : "#262626";
  }
  function extend(point) {
    const points = stroke.points, last = points[points.length - 1];
    if (Math.hypot(point.x - last.x, point.y - last.y) < 0.3) return;
    points.push(point);
    const [a, b, c] = points.slice(-3);
    if (kind !== "map" && c) sheet.curve(a, b, c, widthNow(c), ink());
    else if (kind !== "map") sheet.segment(a, { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, widthNow(b), ink());
    else sheet.segment(last, point, widthNow(point), ink());
  }
  function down(event, stage) {
    if (pointer !== null || (event.pointerType === "mouse" && event.button > 0)) return;
    if (stage !== drawingStage && !isRegion()) return;
    event.preventDefault();
    root.querySelector('[aria-pressed="true"]')?.focus?.({ preventScroll: true });
    pointer = event.pointerId;
    stage.setPointerCapture(pointer);
    const at = place(event, stage);
    if (tool === "fill" && kind === "map") { sheet.fill(at, state().labels[label][1]); stroke = { points: [], filled: true }; return; }
    stroke = { points: [at], erases: tool === "eraser" || (event.buttons & 32) > 0, stage };
    if (!isRegion()) sheet.segment(at, { x: at.x + 0.01, y: at.y }, widthNow(at), ink());
  }
  function moved(event, stage) {
    if (event.pointerId !== pointer || !stroke || stroke.filled) return;
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const one of all.length ? all : [event]) {
      const point = place(one, stage);
      if (isRegion()) { stroke.points.push(point); } else extend(point);
    }
    if (isRegion()) { region = outline(stroke.points); drawOver(); }
  }
  function up(event) {
    if (event.pointerId !== pointer) return;
    pointer = null;
    const done = stroke;
    stroke = null;
    if (isRegion()) {
      const points = outline(done.points), [xs, ys] = [0, 1].map((n) => points.map((point) => point[n]));
      const large = Math.max(...xs) - Math.min(...xs) > 0.03 && Math.max(...ys) - Math.min(...ys) > 0.03;
      if (!large) { dropRegion(); ask("region"); return; }
      region = points;
      drawOver();
      ask("region", { points });
      choose(kind === "map" ? "brush" : "pencil");
      return;
    }
    if (kind !== "map" && done.points.length > 1) {
      stroke = done;
      const [a, b] = done.points.slice(-2);
      sheet.segment({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, b, widthNow(b), ink());
      stroke = null;
    }
    sheet.push();
    send();
  }
  function outline(points) {
    const shares = points.map(({ x, y }) => [x / canvas.width, y / canvas.height].map((v) => Math.min(1, Math.max(0, v))));
    if (tool === "lasso") return shares;
    const [a, b] = [shares[0], shares[shares.length - 1]];
    return [[a[0], a[1]], [b[0], a[1]], [b[0], b[1]], [a[0], b[1]]];
  }
  function dropRegion() { region = null; drawOver(); }
  for (const stage of [drawingStage, faceStage]) {
    stage.addEventListener("pointerdown", (event) => down(event, stage));
    stage.addEventListener("pointermove", (event) => moved(event, stage));
    for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, up);
    stage.addEventListener("contextmenu", (event) => { if (stage === drawingStage) event.preventDefault(); });
    stage.addEventListener("touchstart", (event) => { if (stage === drawingStage || isRegion()) event.preventDefault(); }, { passive: false });
  }
  function drawOver() {
    overlays.forEach((over, n) => {
      const pen = over.getContext("2d"), size = over.width;
      pen.clearRect(0, 0, size, size);
      if (guide && n === 0 && state().guide) {
        const points = state().guide.map(([x, y]) => [x * size, y * size]), [l, r, nose, ml, mr] = points;
        const apart = r[0] - l[0], middle = [(l[0] + r[0]) / 2, (l[1] + r[1]) / 2];
        pen.strokeStyle = "#1a8cff"; pen.lineWidth = 2; pen.setLineDash([7, 5]); pen.globalAlpha = 0.75;
        for (const eye of [l, r]) { pen.beginPath(); pen.ellipse(eye[0], eye[1], apart * 0.23, apart * 0.12, 0, 0, 7); pen.stroke(); }
        pen.beginPath(); pen.arc(nose[0], nose[1], apart * 0.12, 0.3, 2.84); pen.stroke();
        pen.beginPath(); pen.moveTo(...ml); pen.quadraticCurveTo((ml[0] + mr[0]) / 2, ml[1] + apart * 0.1, ...mr); pen.stroke();
        pen.beginPath(); pen.ellipse(middle[0], middle[1] + apart * 0.35, apart * 1.05, apart * 1.5, 0, 0, 7); pen.stroke();
        pen.globalAlpha = 1;
      }
      if (!region) return;
      for (const [colour, dash] of [["#fff", []], ["#d81b60", [9, 7]]]) {
        pen.strokeStyle = colour; pen.lineWidth = 3; pen.setLineDash(dash);
        pen.beginPath(); region.forEach(([x, y]) => pen.lineTo(x * size, y * size)); pen.closePath(); pen.stroke();
      }
    });
    whole.hidden = !region && !state().region;
  }
  root.addEventListener("keydown", (event) => {
    const typing = event.target.matches("select, input:not([type=range]):not([type=checkbox])");
    const key = event.key.toLowerCase(), control = event.ctrlKey || event.metaKey;
    let act = null;
    if (control && key === "z") act = event.shiftKey ? redo : undo;
    else if (control && key === "y") act = redo;
    else if (!control && !event.altKey && !typing) {
      act = { p: kind === "map" ? tools.brush : tools.pencil, e: tools.eraser, r: tools.box, l: tools.lasso, f: kind === "map" && tools.fill }[key];
    }
    if (act) { event.preventDefault(); act.click(); }
    event.stopPropagation();
  });

  // What Python says
  function fillSelect(select, options, value) {
    const wanted = JSON.stringify(options);
    if (select.dataset.options !== wanted) {
      select.replaceChildren(...options.map(([name, text]) => make("option", { value: name }, text)));
      select.dataset.options = wanted;
    }
    select.value = value;
  }
  function tile(uri, text, hint, act) {
    return make("button", { type: "button", class: "s2f-tile", "aria-label": hint, title: hint, onclick: act },
      make("div", {}, ...[].concat(uri).map((one) => make("img", { src: one, alt: "", draggable: "false" }))), make("span", {}, text));
  }
  function drawState() {
    const now = state();
    if (sheet.begin(now.reads, now.labels.map((one) => one[1])) || kind !== now.reads) {
      kind = now.reads;
      root.dataset.reads = kind;
      width.max = kind === "map" ? 60 : 40;
      width.value = kind === "map" ? 16 : 4;
      drawDot();
      choose(kind === "map" ? "brush" : "pencil");
    }
    tools.pencil.hidden = kind === "map";
    tools.brush.hidden = tools.fill.hidden = palette.hidden = kind !== "map";
    if (!palette.children.length) {
      palette.append(...now.labels.map(([name, colour], n) => {
        const swatch = make("button", { type: "button", role: "radio", class: "s2f-swatch", "aria-label": name, title: name, onclick: () => pick(n) }, make("i", { style: `background:${colour}` }), make("span", {}, name));
        return swatch;
      }));
      pick(label);
    }
    fillSelect(models, now.models, now.model);
    fillSelect(starts, [["", "Start from …"], ...now.starts.map((name) => [name, name])], "");
    detail.box.hidden = !now.has_detail;
    again.hidden = !now.has_seed;
    detail.input.value = now.detail;
    strength.input.value = now.strength;
    strength.box.title = `by ${now.restorer}`;
    method.textContent = `(${now.hint_method})`;
    method.title = now.hint_method === "style mixing" ? "other styles are mixed in, and shown within the part" : "the part is recoloured in CIELAB";
    for (const { part, colour, on } of hints) {
      on.checked = part in now.hints;
      if (on.checked) colour.value = now.hints[part];
    }
    if (!now.region && !stroke) region = null;
    note.textContent = now.note;
    variants.hidden = !now.has_variants;
    const made = now.variants.map((uri, n) => tile(uri, `${n + 1}`, `Go on with variant ${n + 1}`, () => ask("choose", { number: n })));
    const last = made.length
      ? button("undo", "own colours", "own colours: back to the drawing's own styles", () => ask("choose", { number: null }))
      : button("dice", "Make eight", "Make eight variants", () => ask("variants"));
    variants.replaceChildren(make("b", {}, "Variants"), ...made, last);
    versions.hidden = !now.versions.length;
    versions.replaceChildren(make("b", {}, "Versions"), ...now.versions.map((one, n) => make("div", { class: "s2f-version" },
      tile([one.given, one.face], one.name, `Go back to ${one.name}`, () => { dropRegion(); ask("back", { number: n }); }),
      make("button", { type: "button", class: "s2f-drop", "aria-label": `Drop ${one.name}`, title: `Drop ${one.name}`, onclick: () => ask("drop", { number: n }) }, "×"))));
    drawOver();
  }
  function pick(n) {
    label = n;
    [...palette.children].forEach((node, at) => node.setAttribute("aria-checked", at === n));
    if (tool === "eraser") choose("brush");
  }
  function drawFace() {
    const uri = model.get("face");
    face.style.visibility = uri ? "visible" : "hidden";
    if (uri) { face.src = uri; save.href = uri; } else save.removeAttribute("href");
  }
  async function load() { drawState(); await sheet.load(model.get("drawing")); }
  model.on("change:state", drawState);
  model.on("change:face", drawFace);
  model.on("change:loaded", load);
  drawState(); drawFace(); load(); say(""); drawDot();
  if (model.get("answered") > 0) ask("hello");
  return () => { for (const [name, act] of [["state", drawState], ["face", drawFace], ["loaded", load]]) model.off(`change:${name}`, act); };
}
export { make };
export default { render };
