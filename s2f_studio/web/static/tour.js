// A tour of the sketch pad, a minute long: a card beside what it tells of.

import { plainButton } from "./common.js";
import { make } from "./dom.js";
import { keep, kept } from "./store.js";

const SEEN = "tour";
const BESIDE_PX = 10, FOOT_PX = 60; // beside what is told of; above the page's foot
const STEPS = [
  [".s2f-paper", "Draw here, with mouse, pen or finger. Where nothing is drawn, faint lines show where eyes, nose and mouth are expected."],
  [".s2f-bar", "Tools: pencil, shading, eraser; Mirror draws both sides at once; Undo takes back. Start from a drawing, or upload one."],
  [".s2f-face", "The guess follows: soft while the pencil moves, in full when it is lifted. It is one of many, and no evidence."],
  [".s2f-settings", "How much is yours: Answer makes a photo of the face that is meant, or their average. Shape goes from your lines to a likely face."],
  [".s2f-person", "What you know of the person: tones, age, glasses, a beard. Open it, and say what the drawing cannot."],
  [".s2f-right", "Another: somebody else who fits the drawing. Keep: up to six versions to compare. Save the face, or both side by side."],
];

// Beneath what is told of, or above it, where there is room; else at the foot of the page.
function place(card, { top, bottom }) {
  const high = card.offsetHeight + 2 * BESIDE_PX, isBelow = innerHeight - bottom > high + FOOT_PX;
  card.style.top = isBelow ? `${bottom + BESIDE_PX}px` : top > high ? `${top - high + BESIDE_PX}px` : "auto";
  card.style.bottom = isBelow || top > high ? "auto" : `${FOOT_PX}px`;
}

// The button that starts it, and a function that ends it.
export function tour() {
  let card = null, toured = null;
  const leave = () => { toured?.classList.remove("s2f-toured"); };
  function end() {
    leave();
    card?.remove();
    card = toured = null;
    keep(SEEN, true);
    start.classList.remove("s2f-new");
    start.focus({ preventScroll: true });
  }
  function show(n) {
    leave();
    toured = document.querySelector(`#draw ${STEPS[n][0]}`);
    if (!toured) return end();
    toured.classList.add("s2f-toured");
    toured.scrollIntoView({ block: "center" });
    const isLast = n === STEPS.length - 1;
    const next = plainButton(isLast ? "Draw" : "Next", () => (isLast ? end() : show(n + 1)));
    const parts = [make("p", {}, STEPS[n][1]), make("div", { class: "s2f-actions" },
      make("span", { class: "s2f-soft" }, `${n + 1} of ${STEPS.length}`), next, plainButton("Close", end))];
    card ??= make("div", { class: "s2f-tour s2f-page", role: "dialog", "aria-label": "tour",
      onkeydown: (event) => { if (event.key === "Escape") end(); } });
    card.replaceChildren(...parts);
    document.body.append(card);
    place(card, toured.getBoundingClientRect());
    next.focus({ preventScroll: true });
  }
  const start = plainButton("One-minute tour", () => show(0));
  start.classList.toggle("s2f-new", !kept(SEEN));
  return { start, end() { if (card) end(); } };
}
