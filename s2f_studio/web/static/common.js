// What the parts of the app's page share.

import { make } from "./dom.js";

// Whenever a part of the page comes into sight: a tab that is opened.
export function whenSeen(el, act) {
  new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) act(); }).observe(el);
}

export function plainButton(text, onclick, more = {}) {
  return make("button", { type: "button", class: "s2f-plain", onclick, ...more }, text);
}
