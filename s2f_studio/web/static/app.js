// The web app's page: fills each panel when it is opened first.

import { mountUpload } from "./app_upload.js";
import { Core } from "./core.js";
import { make, plainButton } from "./dom.js";
import { mountGallery } from "./gallery.js";
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
    const again = plainButton("Try again", () => mountPad(el));
    el.replaceChildren(make("p", { role: "alert" }, `The pad could not be opened: ${error.message}`), again);
  }
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
