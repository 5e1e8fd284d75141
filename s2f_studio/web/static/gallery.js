// Drawings and what came of them: good answers and failed ones, each with a word on why.

import { make, plainButton } from "./dom.js";
import { GONE, addressOfFile, gallery } from "./host.js";

function figure({ drawing, photo, text }) {
  const pictures = [[drawing, "a drawing"], [photo, "what came of it"]].map(([file, alt]) =>
    make("img", { src: addressOfFile(file), alt, width: 192, height: 192, loading: "lazy" }));
  return make("figure", { class: "s2f-shown" }, make("div", {}, ...pictures), make("figcaption", {}, text));
}

export async function mountGallery(el) {
  const found = await gallery().catch(() => null), again = () => mountGallery(el);
  if (!found) return el.replaceChildren(make("p", { role: "alert" }, GONE), plainButton("Try again", again));
  const { good, failed } = found;
  const part = (title, rows) => [make("h2", {}, title), make("div", { class: "s2f-gallery" }, ...rows.map(figure))];
  el.replaceChildren(...part("What works", good), ...part("What fails, and why", failed));
}
