// Three points on a picture, to be dragged or moved by arrow keys.

import { make } from "./dom.js";

const NAMES = ["the eye on the left", "the eye on the right", "the middle of the mouth"];
const MIDDLE = [[0.4, 0.45], [0.6, 0.45], [0.5, 0.65]];
const STEP = 0.01; // of the side, for a key
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Points {
  // On a stage; changed() is called when one was moved.
  constructor(stage, changed) {
    this.stage = stage;
    this.dots = NAMES.map((name, n) => this.dot(name, n, changed));
    stage.append(...this.dots);
    this.set(null);
  }

  dot(name, n, changed) {
    const label = `${name}; drag it, or move it with the arrow keys`, letter = make("b", { "aria-hidden": "true" }, "LRM"[n]);
    const dot = make("button", { type: "button", class: "s2f-point", "aria-label": label, title: name }, letter);
    let before = null; // where it was when it was taken
    dot.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      if (event.button > 0) return;
      dot.focus();
      dot.setPointerCapture(event.pointerId);
      before = this.at[n];
    });
    dot.addEventListener("pointermove", (event) => {
      if (!dot.hasPointerCapture(event.pointerId)) return;
      const box = this.stage.getBoundingClientRect();
      this.put(n, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    });
    dot.addEventListener("pointerup", () => { if (before && this.at[n] !== before) changed(); before = null; });
    dot.addEventListener("pointercancel", () => { if (before) this.put(n, ...before); before = null; });
    dot.addEventListener("keydown", (event) => {
      const step = KEYS[event.key];
      if (!step) return;
      event.preventDefault();
      this.put(n, this.at[n][0] + STEP * step[0], this.at[n][1] + STEP * step[1]);
      changed();
    });
    return dot;
  }

  put(n, ...place) {
    this.at[n] = place.map((value) => Math.min(1, Math.max(0, value)));
    this.draw();
  }

  draw() { this.dots.forEach((dot, n) => { [dot.style.left, dot.style.top] = this.at[n].map((value) => `${100 * value}%`); }); }

  // Shares of the sides; null: in the middle of the picture.
  set(points) {
    this.at = (points || MIDDLE).map((point) => [...point]);
    this.draw();
  }

  text() { return this.at.flat().map((value) => Math.round(1e4 * value) / 1e4).join(","); }
  show(shown) { this.dots.forEach((dot) => { dot.hidden = !shown; }); }
}
