// The page of the app, and of the exported page: a pad over the whole window.

import { plainButton, make } from "./dom.js";
import * as host from "./host.js";
import { mountPad } from "./pad.js";
import { State } from "./state.js";
import * as store from "./store.js";

// Pictures that are dropped on the page, or pasted.
function takeFiles(upload) {
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) upload(file);
  });
  addEventListener("paste", (event) => {
    const [file] = event.clipboardData.files;
    if (file) upload(file);
  });
}

async function open(el) {
  el.textContent = "loading …";
  const state = new State(host, store);
  try {
    await state.open();
    const pad = mountPad(state, el);
    if (host.crop) takeFiles((file) => pad.crop.take(file));
    addEventListener("keydown", (event) => pad.key(event));
    document.querySelector(".s2f-notice").textContent = state.about.notice;
    addEventListener("beforeunload", (event) => {
      if (!state.isKept) event.preventDefault();
    });
  } catch (error) {
    const again = plainButton("Try again", () => open(el));
    el.replaceChildren(make("p", { role: "alert" }, error.message), again);
  }
}

open(document.querySelector("main"));
