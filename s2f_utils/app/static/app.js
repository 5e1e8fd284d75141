// The web app's page: mounts the sketch pad, the upload page and the list of models where the page has a place for them.

import { mountModels } from "./app_models.js";
import { mountUpload } from "./app_upload.js";
import { plainButton } from "./common.js";
import { make } from "./dom.js";
import pad from "./sketch_pad.js";
import { Visit } from "./visit.js";

async function mountPad(el) {
  el.textContent = "loading the model …";
  const visit = new Visit();
  try {
    await visit.open();
    el.textContent = "";
    pad.render({ model: visit, el });
  } catch (error) {
    const again = plainButton("Try again", () => mountPad(el));
    el.replaceChildren(make("p", { role: "alert" }, `The pad could not be opened: ${error.message}`), again);
  }
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
