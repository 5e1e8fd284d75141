// The list of models, and downloads that somebody has agreed to.

import { plainButton, whenSeen } from "./common.js";
import { make } from "./dom.js";
import * as host from "./host.js";

export async function mountModels(el) {
  const status = make("p", { role: "status", "aria-live": "polite" });
  const list = make("div", { class: "s2f-models" });
  let listed = "", timer = 0;
  el.replaceChildren(status, list);
  async function show() {
    clearTimeout(timer);
    let told;
    try { told = await host.models(); } catch { status.textContent = host.GONE; return; }
    if (status.textContent === host.GONE) status.textContent = "";
    const now = JSON.stringify(told); // rows that are as they were stay: somebody may be reading the terms
    if (now !== listed) list.replaceChildren(...told.models.map((one) => row(one, told.downloads)));
    listed = now;
    if (told.models.some((one) => one.state === "downloading")) timer = setTimeout(show, 1500);
  }
  function row(one, downloads) {
    const ready = one.state === "ready";
    const facts = [one.kind === "restorer" ? "restores faces" : one.direction.replaceAll("-to-", " → "), `${one.size_px} px`,
      `${one.size_mb.toLocaleString("en", { maximumFractionDigits: 1 })} MB`, one.source].join(" · ");
    const soft = (text) => make("span", { class: "s2f-soft" }, text);
    const parts = [make("b", {}, one.title), soft(`${one.id} · ${facts}`), soft(`Terms: ${one.terms}`)];
    const end = make("div", { class: "s2f-state" }, ready ? "ready" : one.state);
    if (!ready && one.state !== "downloading" && downloads) {
      const agree = make("input", { type: "checkbox" });
      const go = plainButton(`Download ${Math.round(one.size_mb)} MB`, () => fetchIt(one, go), { disabled: true });
      agree.addEventListener("change", () => { go.disabled = !agree.checked; });
      end.append(make("label", {}, agree, " I agree to the terms"), go);
    }
    return make("div", { class: "s2f-model-row" }, make("div", {}, ...parts), end);
  }
  async function fetchIt(one, go) {
    go.disabled = true;
    try {
      const { ok, told } = await host.download(one.id);
      status.textContent = ok ? `${one.id}: ${told.state}` : told.detail;
    } catch { status.textContent = host.GONE; }
    show();
  }
  whenSeen(el, show);
}
