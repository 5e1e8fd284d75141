// A picture of the user's becomes the drawing: the host finds its face and crops it. Where that
// goes wrong, a dialog takes the eyes and the mouth by hand, or another face of several.

import { make, plainButton, select } from "./dom.js";
import { personIn, smaller } from "./files.js";

const NAMES = ["the eye on the left", "the eye on the right", "the middle of the mouth"];
const MIDDLE = [[0.4, 0.45], [0.6, 0.45], [0.5, 0.65]];
const STEP = 0.01; // of the side, for a key
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const PAPER = [
  ["auto", "clean up where needed"],
  ["whole", "clean up, cut nothing out"],
  ["always", "always clean up"],
  ["never", "leave as it is"],
];
const HINT = "Drag the three rings to the eyes and the mouth.";

export class Crop {
  constructor(state) {
    this.state = state;
    this.upload = null; // {file, reads, small, isNew, face}
    this.isMoved = false;
    const shown = { alt: "the picture to crop", draggable: "false" };
    this.picture = make("img", shown);
    this.frames = make("div", { role: "group", "aria-label": "faces in the picture" });
    this.dots = NAMES.map((name, n) => this.dot(name, n));
    this.stage = make("div", { class: "s2f-picture" }, this.picture, this.frames, ...this.dots);
    this.hint = make("p", { role: "status" });
    this.paper = select("paper", () => {});
    this.paperBox = make("label", { class: "s2f-field" }, "Paper", this.paper.node);
    const use = plainButton("Crop here", () => this.send({}), { class: "s2f-plain s2f-first" });
    this.anyway = plainButton("Take it without a face", () => this.send({ insist: true }));
    const close = plainButton("Cancel", () => this.dialog.close());
    const actions = make("div", { class: "s2f-actions" }, use, this.anyway, close);
    const attributes = { class: "s2f-crop", "aria-label": "crop" };
    this.dialog = make("dialog", attributes, this.hint, this.stage, this.paperBox, actions);
    this.paper.show(PAPER, "auto");
    this.place(MIDDLE);
  }

  get canOpen() {
    const reads = this.upload?.reads;
    return reads === this.state.reads && reads !== "map";
  }

  open(hint = HINT) {
    this.hint.textContent = hint;
    this.anyway.hidden = hint === HINT;
    this.paperBox.hidden = this.upload.reads !== "sketch";
    if (!this.dialog.open) this.dialog.showModal();
  }

  // Another picture, a File or Blob. reads: what it is chosen for. small: as it is sent; a map's
  // classes do not mix. isNew: not cropped yet. face: of several, its number from the left. One
  // that the pad has saved brings its person back.
  async take(file) {
    const { reads } = this.state;
    const upload = { file, reads, small: reads === "map" ? file : null, isNew: true, face: "" };
    this.upload = upload;
    const person = await personIn(file);
    if (this.upload !== upload) return null; // another one was chosen, or all put away
    if (person && this.state.model.chooses) {
      this.upload = null;
      return this.state.stay(person);
    }
    this.frames.replaceChildren();
    this.place(MIDDLE);
    URL.revokeObjectURL(this.picture.src);
    this.picture.src = URL.createObjectURL(file);
    return this.send({});
  }

  send(more) {
    const { upload } = this;
    const fields = { clean: this.paper.node.value, face: upload.face, ...more };
    if (this.isMoved) fields.points = this.at.flat().map((value) => value.toFixed(4)).join(",");
    return this.state.run("picture", async (signal) => {
      upload.small ??= await smaller(upload.file);
      try {
        this.found(await this.state.crop(upload.small, fields, upload.isNew, signal));
        upload.isNew = false;
        this.dialog.close();
      } catch (error) {
        const isAsked = error.code === "no-face" || this.dialog.open;
        if (isAsked && !signal.aborted) this.open(error.message);
        throw error;
      }
    });
  }

  found({ points, faces, taken }) {
    if (!this.isMoved && points) this.place(points);
    const several = faces.length > 1 ? faces : [];
    this.frames.replaceChildren(...several.map((box, n) => this.frame(box, n, n + 1 === taken)));
  }

  // A frame around one of several faces, [left, top, width, height] in shares of the sides.
  frame(box, n, isTaken) {
    const name = `face ${n + 1} from the left`;
    const choose = () => {
      this.upload.face = String(n + 1);
      this.isMoved = false;
      this.send({});
    };
    const said = { "aria-pressed": String(isTaken), "aria-label": name, title: name };
    const frame = make("button", { type: "button", class: "s2f-frame", onclick: choose, ...said });
    ["left", "top", "width", "height"].forEach((side, at) => {
      frame.style[side] = `${100 * box[at]}%`;
    });
    return frame;
  }

  // The points, shares of the sides, as they were found, or in the middle.
  place(points) {
    this.at = points.map((one) => [...one]);
    this.isMoved = false;
    this.draw();
  }

  draw() {
    this.dots.forEach((dot, n) => {
      const [x, y] = this.at[n];
      dot.style.left = `${100 * x}%`;
      dot.style.top = `${100 * y}%`;
    });
  }

  move(n, x, y) {
    this.at[n] = [x, y].map((value) => Math.min(1, Math.max(0, value)));
    this.isMoved = true;
    this.draw();
  }

  // One of the three points, which a pointer drags and arrow keys move.
  dot(name, n) {
    const label = `${name}; drag it, or move it with the arrow keys`;
    const attributes = { type: "button", class: "s2f-point", "aria-label": label, title: name };
    const dot = make("button", attributes);
    dot.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      dot.focus();
      dot.setPointerCapture(event.pointerId);
    });
    dot.addEventListener("pointermove", (event) => {
      if (!dot.hasPointerCapture(event.pointerId)) return;
      const box = this.stage.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width;
      this.move(n, x, (event.clientY - box.top) / box.height);
    });
    dot.addEventListener("keydown", (event) => {
      const step = KEYS[event.key];
      if (!step) return;
      event.preventDefault();
      const [x, y] = this.at[n];
      this.move(n, x + STEP * step[0], y + STEP * step[1]);
    });
    return dot;
  }
}
