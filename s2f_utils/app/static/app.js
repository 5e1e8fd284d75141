// The web app's page: mounts the sketch pad, the upload page and the list of models where the page has a place for them.

import pad, { make } from "./sketch_pad.js";
import { mountUpload, whenSeen } from "./app_upload.js";

// What the pad's page wants of a notebook, over HTTP: values that change, and messages that are answered.
function visit() {
  const values = { slow_text: "no answer yet: the app is busy; your drawing is kept" }, listeners = {};
  let name = null, lastDrawing = null, hasDrawn = false;
  function take(changed) {
    if (changed.drawing) lastDrawing = changed.drawing;
    const names = Object.keys(changed).filter((key) => key !== "answered");
    Object.assign(values, changed);
    for (const key of [...names, "answered"]) {
      if (key in changed) for (const act of listeners[`change:${key}`] || []) act();
    }
  }
  async function begin() {
    const answer = await fetch("app/visits", { method: "POST" });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.detail);
    name = told.visit;
    return told.values;
  }
  async function ask(content) { // null where the app has forgotten this visit
    const body = JSON.stringify(content);
    const answer = await fetch(`app/visits/${name}`, { method: "POST", headers: { "content-type": "application/json" }, body });
    if (answer.status === 404) return null;
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.detail);
    return told.values;
  }
  async function tell(content) {
    const told = await ask(content);
    if (told) return told;
    const before = values.state, fresh = (await begin()).state; // as it was, but for what was kept there
    const again = [];
    if (fresh.model !== before.model) again.push({ kind: "model", name: before.model });
    again.push({ kind: "set", detail: before.detail, strength: before.strength, seed: before.seed });
    for (const [part, colour] of Object.entries(before.hints)) again.push({ kind: "hint", part, colour });
    if (lastDrawing && content.kind !== "draw") again.push({ kind: "draw", picture: lastDrawing });
    for (const one of again) await ask({ n: 0, ...one });
    const after = await ask(content);
    if (!after) throw new Error("the app is busy and has forgotten this page: reload it");
    if (before.versions.length) after.state.warnings.push("the app has forgotten this page's versions: it was started again, or nothing was drawn for half an hour");
    return after;
  }
  const model = {
    get: (key) => values[key],
    on: (event, act) => (listeners[event] ??= []).push(act),
    off: (event, act) => { listeners[event] = (listeners[event] || []).filter((other) => other !== act); },
    async send(content) {
      if (content.kind === "draw") { lastDrawing = content.picture; hasDrawn = true; }
      try {
        take(await tell(content));
      } catch (error) {
        take({ problem: error instanceof TypeError ? "the app does not answer: is it still running?" : error.message, answered: content.n });
      }
    },
  };
  addEventListener("pagehide", () => {
    if (name) navigator.sendBeacon(`app/visits/${name}`, new Blob(['{"kind":"bye"}'], { type: "application/json" }));
  });
  addEventListener("beforeunload", (event) => { if (hasDrawn) event.preventDefault(); }); // a drawing is not kept
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  return { model, begin: async () => take({ ...(await begin()), answered: 0 }) };
}

async function mountPad(el) {
  el.textContent = "loading the model …";
  const { model, begin } = visit();
  try {
    await begin();
    el.textContent = "";
    pad.render({ model, el });
  } catch (error) {
    const again = make("button", { type: "button", class: "s2f-plain", onclick: () => mountPad(el) }, "Try again");
    el.replaceChildren(make("p", { role: "alert" }, `The pad could not be opened: ${error.message}`), again);
  }
}

// The list of models, and downloads that somebody has agreed to.
async function mountModels(el) {
  const status = make("p", { role: "status", "aria-live": "polite" });
  const list = make("div", { class: "s2f-models" });
  let listed = "", timer = 0;
  el.replaceChildren(status, list);
  async function show() {
    clearTimeout(timer);
    let told;
    try { told = await (await fetch("api/models")).json(); } catch { status.textContent = "the app does not answer: is it still running?"; return; }
    if (status.textContent.startsWith("the app does not")) status.textContent = "";
    const now = JSON.stringify(told); // rows that are as they were stay: somebody may be reading the terms
    if (now !== listed) list.replaceChildren(...told.models.map((one) => row(one, told.downloads)));
    listed = now;
    if (told.models.some((one) => one.state === "downloading")) timer = setTimeout(show, 1500);
  }
  function row(one, downloads) {
    const ready = one.state === "ready";
    const facts = [one.kind === "restorer" ? "restores faces" : one.direction.replaceAll("-to-", " → "), `${one.size_px} px`,
      `${one.size_mb.toLocaleString("en", { maximumFractionDigits: 1 })} MB`, one.source].join(" · ");
    const parts = [make("b", {}, one.title), make("span", { class: "s2f-soft" }, `${one.id} · ${facts}`), make("span", { class: "s2f-soft" }, `Terms: ${one.terms}`)];
    const end = make("div", { class: "s2f-state" }, ready ? "ready" : one.state);
    if (!ready && one.state !== "downloading" && downloads) {
      const agree = make("input", { type: "checkbox" });
      const go = make("button", { type: "button", class: "s2f-plain", disabled: true, onclick: () => fetchIt(one, go) }, `Download ${Math.round(one.size_mb)} MB`);
      agree.addEventListener("change", () => { go.disabled = !agree.checked; });
      end.append(make("label", {}, agree, " I agree to the terms"), go);
    }
    return make("div", { class: "s2f-model-row" }, make("div", {}, ...parts), end);
  }
  async function fetchIt(one, go) {
    go.disabled = true;
    const form = new FormData();
    form.append("model", one.id);
    form.append("agree", "yes");
    try {
      const answer = await fetch("api/models/download", { method: "POST", body: form }), told = await answer.json();
      status.textContent = answer.ok ? `${one.id}: ${told.state}` : told.detail;
    } catch { status.textContent = "the app does not answer: is it still running?"; }
    show();
  }
  whenSeen(el, show);
}

const PARTS = { pad: mountPad, upload: mountUpload, models: mountModels };
const mounted = new WeakSet();
function mountAll() {
  for (const el of document.querySelectorAll("[data-s2f]")) {
    if (mounted.has(el)) continue;
    mounted.add(el);
    PARTS[el.dataset.s2f](el);
  }
}
new MutationObserver(mountAll).observe(document.documentElement, { childList: true, subtree: true });
mountAll();
