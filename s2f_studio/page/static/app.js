// The web app's page: fills each panel when it is opened first.

import { mountUpload } from "./app_upload.js";
import { Core } from "./core.js";
import { make, plainButton } from "./dom.js";
import * as host from "./host.js";
import { keep, kept } from "./store.js";
import { mountSketchPad } from "./sketch_pad.js";
import { tabs } from "./tabs.js";
import { waitingFor } from "./waiting.js";

async function mountPad(el) {
  el.textContent = "loading the model …";
  const state = new Core(host, { keep, kept }, waitingFor);
  try {
    await state.open();
    el.textContent = "";
    mountSketchPad(state, el);
  } catch (error) {
    const again = plainButton("Try again", () => mountPad(el)), why = error instanceof TypeError ? host.GONE : error.message;
    el.replaceChildren(make("p", { role: "alert" }, `The pad could not be opened: ${why}`), again);
  }
}

// Drawings and what came of them: good answers and failed ones, each with a word on why.
function figure({ drawing, photo, text }) {
  const pictures = [[drawing, "a drawing"], [photo, "what came of it"]].map(([file, alt]) =>
    make("img", { src: host.addressOfFile(file), alt, width: 192, height: 192, loading: "lazy" }));
  return make("figure", { class: "s2f-shown" }, make("div", {}, ...pictures), make("figcaption", {}, text));
}

async function mountGallery(el) {
  const found = await host.gallery().catch(() => null), again = () => mountGallery(el);
  if (!found) return el.replaceChildren(make("p", { role: "alert" }, host.GONE), plainButton("Try again", again));
  const { good, failed } = found;
  const part = (title, rows) => [make("h2", {}, title), make("div", { class: "s2f-gallery" }, ...rows.map(figure))];
  el.replaceChildren(...part("What works", good), ...part("What fails, and why", failed));
}

async function sayWhereItRuns() {
  const { travels } = await host.about(), place = document.querySelector(".s2f-travels");
  place.textContent = travels;
  place.hidden = !travels;
}

const PARTS = { draw: mountPad, upload: mountUpload, gallery: mountGallery };
const mounted = new Set();
tabs((name) => {
  if (mounted.has(name) || !PARTS[name]) return;
  mounted.add(name);
  PARTS[name](document.getElementById(name));
});
sayWhereItRuns();
