// The upload page: a picture by drop, paste, camera or example; points to drag; candidates, a divider, this visit's history.

import { make } from "./sketch_pad.js";

const WAYS = {
  "sketch-to-photo": ["sketch → photo", "a drawing of a face"],
  "photo-to-sketch": ["photo → sketch", "a photo of a face"],
  "map-to-photo": ["label map → face", "a label map (PNG)"],
};
const LARGE_BYTES = 4e6, MOST_PX = 1600, MOST_KEPT = 12, NUM_ANSWERS = 3;
const MIDDLE = [[0.4, 0.45], [0.6, 0.45], [0.5, 0.65]];
const GONE = "the app does not answer: is it still running?";
const POINTS = ["the eye on the left", "the eye on the right", "the middle of the mouth"];

// Whenever a part of the page comes into sight: a tab that is opened.
export function whenSeen(el, act) {
  new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) act(); }).observe(el);
}

async function smaller(file) { // what this browser cannot read, the app may
  if (file.size < LARGE_BYTES) return file;
  try {
    const picture = await createImageBitmap(file), scale = Math.min(1, MOST_PX / Math.max(picture.width, picture.height));
    const canvas = make("canvas", { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#fff"; pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  } catch { return file; }
}

function slider(name, text, left, right, value) {
  const input = make("input", { type: "range", min: 0, max: 1, step: 0.05, value, "aria-label": text });
  return { input, box: make("label", { class: "s2f-slider" }, make("b", {}, text), input, make("small", {}, make("span", {}, left), make("span", {}, right))) };
}

// Two pictures in one frame and a divider between them, which is a range: mouse, finger and arrow keys move it.
function divider() {
  const [before, after] = ["before", "after"].map((name) => make("img", { alt: name, class: `s2f-${name}`, draggable: "false" }));
  const bar = make("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": "divider between the picture that was given and the answer" });
  const box = make("div", { class: "s2f-divider" }, before, after, make("i", { "aria-hidden": "true" }), bar);
  const move = () => box.style.setProperty("--at", `${bar.value}%`);
  bar.addEventListener("input", move);
  move();
  return { box, show(given, made) { before.src = given; after.src = made; } };
}

// Three points on a picture, to be dragged or moved by arrow keys.
function pointer(stage, changed) {
  let at = MIDDLE.map((point) => [...point]);
  const dots = POINTS.map((name, n) => {
    const dot = make("button", { type: "button", class: "s2f-point", "aria-label": `${name}; drag it, or move it with the arrow keys`, title: name }, make("b", { "aria-hidden": "true" }, ["L", "R", "M"][n]));
    const put = (x, y) => { at[n] = [Math.min(1, Math.max(0, x)), Math.min(1, Math.max(0, y))]; draw(); };
    dot.addEventListener("pointerdown", (event) => { event.preventDefault(); dot.focus(); dot.setPointerCapture(event.pointerId); });
    dot.addEventListener("pointermove", (event) => {
      if (!dot.hasPointerCapture(event.pointerId)) return;
      const box = stage.getBoundingClientRect();
      put((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    });
    dot.addEventListener("pointerup", () => changed());
    dot.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      put(at[n][0] + 0.01 * step[0], at[n][1] + 0.01 * step[1]);
      changed();
    });
    return dot;
  });
  function draw() { dots.forEach((dot, n) => { dot.style.left = `${100 * at[n][0]}%`; dot.style.top = `${100 * at[n][1]}%`; }); }
  stage.append(...dots);
  draw();
  return {
    all: () => at.map((point) => [...point]),
    get: () => at.flat().map((value) => Math.round(1e4 * value) / 1e4).join(","),
    set(points) { at = (points || MIDDLE).map((point) => [...point]); draw(); },
    show(shown) { dots.forEach((dot) => { dot.hidden = !shown; }); },
  };
}

async function snapshot() { // a frame of the camera, null where the visitor closes the dialog
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1280 } } });
  const video = make("video", { autoplay: true, playsinline: true, muted: true });
  video.srcObject = stream;
  const dialog = make("dialog", { class: "s2f-page s2f-camera", "aria-label": "camera" });
  const shot = new Promise((done) => {
    const take = make("button", { type: "button", class: "s2f-plain", onclick: () => {
      const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
      canvas.getContext("2d").drawImage(video, 0, 0);
      canvas.toBlob(done, "image/png");
    } }, "Take the picture");
    dialog.append(video, make("div", {}, take, make("button", { type: "button", class: "s2f-plain", onclick: () => done(null) }, "Close")));
    dialog.addEventListener("cancel", () => done(null));
  });
  document.body.append(dialog);
  dialog.showModal();
  try { return await shot; } finally {
    stream.getTracks().forEach((track) => track.stop());
    dialog.remove();
  }
}

export async function mountUpload(el) {
  const now = { file: null, seed: 0, way: "sketch-to-photo", placed: false, shown: false, picked: 0, asking: null, chosen: 0 };
  const status = make("div", { class: "s2f-status", role: "status", "aria-live": "polite" });
  const retry = make("button", { type: "button", class: "s2f-plain", hidden: true, onclick: () => refresh() }, "Try again");
  let models = [];

  // What is given
  const input = make("input", { type: "file", accept: "image/png,image/jpeg,image/webp,image/bmp,image/tiff", class: "s2f-hidden", id: "s2f-file" });
  const camera = make("input", { type: "file", accept: "image/*", capture: "user", class: "s2f-hidden", tabindex: "-1", "aria-hidden": "true" });
  const what = make("span", {});
  const drop = make("label", { class: "s2f-drop-zone", for: "s2f-file" }, make("b", {}, "Choose a picture"), make("span", {}, "or drop it here, or paste it (Ctrl+V)"), what);
  const openCamera = make("button", { type: "button", class: "s2f-plain", onclick: async () => {
    if (!navigator.mediaDevices?.getUserMedia) return camera.click();
    try { const shot = await snapshot(); if (shot) use(shot); } catch { say("the camera cannot be used: allow it in the browser, or choose a file", true); }
  } }, "Camera");
  const examples = make("div", { class: "s2f-examples", role: "group", "aria-label": "examples" });
  const preview = make("img", { alt: "the picture that was given", draggable: "false", onload: () => { stage.hidden = !now.file; showSettings(); }, onerror: () => { stage.hidden = true; showSettings(); } });
  const stage = make("div", { class: "s2f-preview", hidden: true }, preview);
  const points = pointer(stage, () => { now.placed = true; later(); });
  const place = make("button", { type: "button", class: "s2f-plain", "aria-pressed": "false", onclick: () => {
    const undone = now.placed;
    now.shown = !now.shown;
    now.placed = false;
    showPoints();
    if (undone) later(0); // the detector's own again
  } }, "Place eyes and mouth");

  // Settings
  const radios = Object.entries(WAYS).map(([way, [text]]) => {
    const radio = make("input", { type: "radio", name: "s2f-way", value: way, checked: way === now.way, onchange: () => setWay(way) });
    return make("label", {}, radio, text);
  });
  const ways = make("div", { class: "s2f-ways", role: "radiogroup", "aria-label": "direction" }, ...radios);
  const named = (text, node) => make("label", { class: "s2f-named" }, make("b", {}, text), node);
  const model = make("select", { "aria-label": "model", onchange: () => { showSettings(); later(0); } });
  const several = make("select", { "aria-label": "number of answers", onchange: () => later(0) }, ...[1, 2, 3, 4, 6, 8].map((n) => make("option", { value: n, selected: n === NUM_ANSWERS }, n === 1 ? "one" : `${n} side by side`)));
  const clean = make("select", { "aria-label": "paper", onchange: () => later(0) },
    ...[["auto", "clean up where needed"], ["always", "always clean up"], ["never", "leave as it is"]].map(([value, text]) => make("option", { value }, text)));
  const modelBox = named("Model", model), severalBox = named("Answers", several), cleanBox = named("Paper", clean);
  const detail = slider("detail", "Detail", "faithful", "realistic, invented", 0.5);
  const enhance = make("input", { type: "checkbox" });
  const strength = slider("strength", "Strength", "as translated", "invented detail", 0.5);
  const restorer = make("select", { "aria-label": "restorer", onchange: () => later(0) });
  const enhanceBox = make("div", { class: "s2f-enhance" }, make("label", {}, enhance, make("b", {}, "Enhance")), strength.box, restorer);
  for (const one of [detail.input, strength.input, enhance]) one.addEventListener("change", () => { showSettings(); later(); });
  const again = make("button", { type: "button", class: "s2f-plain", onclick: () => { now.seed += Number(several.value); later(0); } }, "Other answers");
  const settings = make("div", { class: "s2f-choices" }, modelBox, severalBox, cleanBox, detail.box, enhanceBox);

  // What comes back
  const compare = divider();
  const answers = make("div", { class: "s2f-answers", role: "group", "aria-label": "answers" });
  const save = make("a", { class: "s2f-plain", download: "generated-face.png" }, "Download PNG");
  const result = make("div", { class: "s2f-result", hidden: true }, compare.box, make("div", { class: "s2f-actions" }, save, again), answers);
  const kept = make("div", { class: "s2f-kept", role: "group", "aria-label": "history of this visit" });
  const history = make("div", { class: "s2f-history", hidden: true }, make("b", {}, "This visit"), make("button", { type: "button", class: "s2f-plain", onclick: () => { kept.replaceChildren(); history.hidden = true; } }, "Forget"), kept);

  const given = make("div", { class: "s2f-given" }, drop, input, camera, make("div", { class: "s2f-actions" }, openCamera, place), stage);
  el.replaceChildren(make("div", { class: "s2f-upload" }, ways, make("div", { class: "s2f-two" }, given, make("div", { class: "s2f-right-side" }, status, retry, result), settings),
    make("div", {}, make("b", {}, "Examples"), examples), history));

  function say(text, wrong = false) { status.textContent = text; status.classList.toggle("s2f-wrong", wrong); }
  function chosen() { return models.find((one) => one.id === model.value) || {}; }
  function fill(select, rows) {
    const before = select.value;
    select.replaceChildren(...rows.map((one) => make("option", { value: one.id, disabled: one.state !== "ready" }, one.title + (one.state === "ready" ? "" : ` (${Math.round(one.size_mb)} MB, not here)`))));
    if (rows.some((one) => one.id === before && one.state === "ready")) select.value = before;
  }
  function fillModels() { fill(model, models.filter((one) => one.kind === "model" && one.direction === now.way)); }
  function showSettings() {
    const map = now.way === "map-to-photo";
    what.textContent = `(${WAYS[now.way][1]})`;
    detail.box.hidden = !chosen().detail;
    severalBox.hidden = chosen().answers === 1;
    cleanBox.hidden = now.way !== "sketch-to-photo";
    enhanceBox.hidden = now.way === "photo-to-sketch";
    strength.box.hidden = restorer.hidden = !enhance.checked;
    place.hidden = map || stage.hidden;
    drop.classList.toggle("s2f-small", !stage.hidden);
    again.hidden = !(chosen().answers > 1);
  }
  function showPoints() { points.show(now.shown && now.way !== "map-to-photo"); place.setAttribute("aria-pressed", now.shown); }
  function stop() { clearTimeout(timer); now.asking?.abort(); now.asking = null; el.firstChild.classList.remove("s2f-waits"); }
  function setWay(way) { // a drawing and a photo may have been taken for each other; a label map is neither
    const keeps = now.file && ![now.way, way].includes("map-to-photo");
    stop();
    now.way = way; now.picked = 0;
    for (const label of radios) label.firstChild.checked = label.firstChild.value === way;
    fillModels();
    if (!keeps) { now.file = null; now.placed = now.shown = false; stage.hidden = true; }
    result.hidden = true;
    say("");
    showSettings(); showPoints(); showExamples();
    if (keeps) translate();
  }
  function showExamples() {
    const names = now.way === "sketch-to-photo" ? el.dataset.drawings : now.way === "photo-to-sketch" ? el.dataset.photos : el.dataset.maps;
    examples.replaceChildren(...names.split(" ").map((name) => make("button", { type: "button", "aria-label": `example ${name}`, title: name, onclick: async () => {
      const number = ++now.chosen;
      try {
        const answer = await fetch(`app/examples/${name}`), file = await answer.blob();
        if (answer.ok && number === now.chosen) use(file);
      } catch { say(GONE, true); }
    } }, make("img", { src: `app/examples/${name}`, alt: "", loading: "lazy", draggable: "false" }))));
  }
  function take(file) { // what is shown as given, and asked for from now on
    now.file = file;
    if (preview.src.startsWith("blob:")) URL.revokeObjectURL(preview.src);
    preview.src = URL.createObjectURL(file);
  }
  async function use(file) {
    const number = ++now.chosen, ready = now.way === "map-to-photo" ? file : await smaller(file);
    if (number !== now.chosen) return; // another one was chosen meanwhile
    now.placed = now.shown = false; now.seed = 0; now.picked = 0;
    points.set(null);
    take(ready);
    showPoints();
    translate();
  }
  let timer = 0;
  function later(wait = 250) { clearTimeout(timer); if (now.file) timer = setTimeout(translate, wait); }
  async function translate() {
    stop();
    if (!models.length) await refresh();
    if (!now.file || !models.length) return;
    const asking = now.asking = new AbortController(), form = new FormData();
    form.append("file", now.file, "picture");
    const fields = { direction: now.way, model: model.value, seed: now.seed, candidates: chosen().answers > 1 ? several.value : 1, enhance: enhance.checked && !enhanceBox.hidden };
    if (chosen().detail) fields.detail = detail.input.value;
    if (fields.enhance) Object.assign(fields, { strength: strength.input.value, restorer: restorer.value });
    if (!cleanBox.hidden) fields.clean = clean.value;
    if (now.placed && now.way !== "map-to-photo") fields.points = points.get();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    el.firstChild.classList.add("s2f-waits");
    say("translating …");
    try {
      const answer = await fetch("api/translate", { method: "POST", body: form, headers: { accept: "application/json" }, signal: asking.signal });
      const told = await answer.json();
      if (asking !== now.asking) return;
      if (answer.ok) { show(told); keep(told); }
      else { result.hidden = true; say(told.detail, true); }
    } catch (error) {
      if (error.name !== "AbortError") say(GONE, true);
    } finally {
      if (asking === now.asking) el.firstChild.classList.remove("s2f-waits");
    }
  }
  function show(told) {
    result.hidden = false;
    answers.replaceChildren(...told.pictures.map((one, n) => make("button", { type: "button", class: "s2f-answer", "aria-label": `answer ${n + 1}: ${one.name}`, onclick: () => pick(told, n) },
      make("img", { src: one.png, alt: "" }), make("span", {}, one.name))));
    answers.hidden = told.pictures.length < 2;
    pick(told, Math.min(now.picked, told.pictures.length - 1));
    if (!now.placed) points.set(told.points);
    if (!told.face_found && !now.placed && now.way !== "map-to-photo") { now.shown = true; showPoints(); }
    const wait = Object.values(told.seconds).reduce((sum, value) => sum + value, 0);
    say([`answered in ${Math.round(1000 * wait)} ms`, ...told.warnings].join(" · "));
  }
  function pick(told, n) {
    now.picked = n;
    compare.show(told.given, told.pictures[n].png);
    save.href = told.pictures[n].png;
    [...answers.children].forEach((one, at) => one.setAttribute("aria-pressed", at === n));
  }
  function keep(told) {
    const then = { told, file: now.file, way: now.way, model: model.value, seed: now.seed, placed: now.placed, at: points.all() };
    const number = Number(kept.firstChild?.dataset.number || 0) + 1, name = `go back to number ${number}, ${WAYS[now.way][0]}`;
    history.hidden = false;
    kept.prepend(make("button", { type: "button", "data-number": number, "aria-label": name, title: name, onclick: () => back(then) }, make("img", { src: told.pictures[0].png, alt: "" })));
    while (kept.children.length > MOST_KEPT) kept.lastChild.remove();
  }
  function back(then) { // the picture, the direction and the points of then, and its answers
    now.file = null;
    if (then.way !== now.way) setWay(then.way); else stop();
    now.chosen++;
    take(then.file);
    model.value = then.model;
    now.seed = then.seed; now.picked = 0; now.placed = now.shown = then.placed;
    points.set(then.at);
    showSettings(); showPoints();
    show(then.told);
    say("from this visit");
  }
  async function refresh() { // new runs, models that were downloaded, an app that was started again
    try {
      models = (await (await fetch("api/models")).json()).models;
      retry.hidden = true;
      if (status.textContent === GONE) say("");
    } catch {
      retry.hidden = false;
      return say(GONE, true);
    }
    fill(restorer, models.filter((one) => one.kind === "restorer"));
    fillModels(); showSettings();
  }

  for (const one of [input, camera]) one.addEventListener("change", () => { if (one.files[0]) use(one.files[0]); one.value = ""; });
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("s2f-over-it"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("s2f-over-it"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("s2f-over-it");
    if (event.dataTransfer.files[0]) use(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files || [])].find((one) => one.type.startsWith("image/"));
    if (file && el.offsetParent !== null) { event.preventDefault(); use(file); }
  });
  showSettings(); showPoints(); showExamples();
  whenSeen(el, refresh);
}
