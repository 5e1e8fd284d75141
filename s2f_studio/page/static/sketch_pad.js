// The page of a sketch pad. Drawings, strokes and undo live here; its state (core.js) is told one thing at a time.

import { button, make, statusLine } from "./dom.js";
import { blobOf, saveAs } from "./files.js";
import { Paper } from "./paper.js";
import { drawGuide, drawRegion } from "./regions.js";
import { settings, versions } from "./settings.js";
import { Strokes } from "./strokes.js";
import { palette, toolbar, toolOfKey } from "./tools.js";

const SLOW = "no answer yet: the kernel is busy with a cell, or has to be started; your drawing is kept";
const FIRST_LABEL = 13; // hair
const PREVIEW_MS = 300; // between two previews, at least

// The drawing and the face, side by side, each with a canvas over it.
function pictures(pad) {
  const canvas = make("canvas", { width: 512, height: 512, role: "img", "aria-label": "your drawing" });
  const face = make("img", { class: "s2f-face", alt: "the generated face: a guess, no evidence", draggable: "false" });
  const overlays = [0, 1].map(() => make("canvas", { width: 512, height: 512, class: "s2f-over", "aria-hidden": "true" }));
  const leaveRegion = () => { pad.mark(null); pad.ask("region"); };
  const whole = make("button", { type: "button", class: "s2f-whole", hidden: true, onclick: leaveRegion },
    "region only · back to the whole face");
  const save = button("save", "Save", "Save the face as PNG; its metadata say that it is generated", () => pad.save());
  const another = () => pad.ask("set", { seed: pad.core.planned.seed + 1 });
  const again = button("dice", "Another", "Another answer to the same drawing", another);
  const keep = button("keep", "Keep", "Keep this version, to compare it with others", () => pad.keep());
  const paper = make("div", { class: "s2f-stage s2f-paper" }, canvas, overlays[0]);
  const stage = make("div", { class: "s2f-stage" }, face, overlays[1], make("div", { class: "s2f-spin", "aria-hidden": "true" }));
  const lines = button("save", "Save", "Save the drawing as PNG", () => pad.saveDrawing());
  const title = make("b", {}, "Your drawing");
  const figure = (name, beside, shown) => make("figure", {}, make("figcaption", {}, name, beside), shown);
  const box = make("div", { class: "s2f-views" }, figure(title, make("span", { class: "s2f-right" }, whole, lines), paper),
    figure(make("b", {}, "The guess"), make("span", { class: "s2f-right" }, again, keep, save), stage));
  return {
    box, canvas, overlays, whole, paper, stages: [paper, stage],
    show(state) {
      again.hidden = !state.has_seed;
      title.textContent = state.is_example ? "An example: draw on it" : "Your drawing";
    },
    showFace(uri) {
      face.style.visibility = uri ? "visible" : "hidden";
      save.disabled = !uri;
      if (uri) face.src = uri;
    },
  };
}

// What the page holds; `core` is its state.
class Pad {
  constructor(core) {
    Object.assign(this, { core, state: core.state, tool: "pencil", label: FIRST_LABEL, region: null, isEmpty: false, reads: "", nextPreview: 0 });
    this.root = make("div", { class: "s2f-pad", role: "group", "aria-label": "sketch pad", "data-lm-suppress-shortcuts": "true" });
    const status = statusLine();
    this.say = status.say;
    this.note = make("div", { class: "s2f-note", role: "note" });
    this.ask = (kind, content) => core.ask(kind, content);
    this.toolbar = toolbar(this);
    this.pictures = pictures(this);
    this.sheet = new Paper(this.pictures.canvas);
    this.strokes = new Strokes(this, this.pictures.paper, this.pictures.stages);
    this.versions = versions(this);
    const parts = [palette(this), settings(this), this.versions];
    const [labels, set, ...below] = parts.map((part) => part.box);
    this.parts = [this.toolbar, this.pictures, ...parts];
    const left = make("div", {}, this.pictures.box, status.box, this.note);
    this.root.append(this.toolbar.box, labels, make("div", { class: "s2f-desk" }, left, set), ...below);
    this.root.addEventListener("keydown", (event) => this.obeyKey(event));
  }

  get width() { return this.toolbar.width(); }
  colour(label) { return this.state.labels[label][1]; }

  choose(tool) {
    this.tool = this.root.dataset.tool = tool;
    this.toolbar.choose(tool);
  }

  obeyKey(event) {
    const act = toolOfKey(this.toolbar, event, this.reads);
    if (act) { event.preventDefault(); act.click(); }
    event.stopPropagation();
  }

  // After each change of the drawing: an empty one shows the guide.
  look() {
    const empty = this.reads !== "map" && this.sheet.isEmpty();
    this.toolbar.undo.disabled = !this.sheet.canMove(-1);
    this.toolbar.redo.disabled = !this.sheet.canMove(1);
    if (empty !== this.isEmpty) { this.isEmpty = empty; this.drawOver(); }
  }

  // What is on the paper, with the drawing that is being opened.
  async drawn() { await Promise.allSettled([this.loading]); return { picture: this.sheet.uri(), empty: this.sheet.isEmpty() }; }

  send() {
    this.look();
    this.ask("draw", () => this.drawn());
    this.tellBusy(true); // a preview may be under way, of which nothing was said
  }

  // While the pencil moves, a quick answer now and then, where the last one is there.
  preview() {
    if (this.core.isBusy || !this.state.chooses || performance.now() < this.nextPreview) return;
    this.nextPreview = performance.now() + PREVIEW_MS;
    this.ask("draw", async () => ({ ...await this.drawn(), preview: true }));
  }

  // Save the face, with more pixels where there are any.
  async save() {
    const { core } = this;
    if (core.hasLarge) await this.ask("save");
    saveAs(blobOf(core.hasLarge && !core.problem ? core.large : core.face), `${this.state.reads}-to-photo.png`);
  }

  saveDrawing() { saveAs(blobOf(this.pictures.canvas.toDataURL("image/png")), "drawing.png"); }

  async keep() {
    await this.ask("keep");
    this.versions.box.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  // Empty paper, and nothing of what the browser kept.
  async anew() {
    if (!confirm("Put away the drawing, the settings and the versions?")) return;
    this.mark(null);
    if (!await this.core.anew()) return;
    await this.loading; // the example that a host begins with
    this.sheet.forget(); // or the next visitor could take steps back to it
    this.sheet.clear();
    this.sheet.push();
    this.send();
  }

  // The region that is redrawn; null: the whole face.
  mark(region) { this.region = region; this.drawOver(); }

  drawOver() {
    const { region, state, pictures: { overlays, whole } } = this;
    overlays.forEach((over, n) => {
      const pen = over.getContext("2d"), size = over.width;
      pen.clearRect(0, 0, size, size);
      if (n === 0 && state.guide && this.isEmpty) drawGuide(pen, size, state.guide);
      if (region) drawRegion(pen, size, region);
    });
    whole.hidden = !region && !state.region;
  }

  // slow: for so long that it is said what is waited for.
  tellBusy(busy, slow = false) {
    if (this.strokes.stroke) return; // a preview: nothing is said
    this.root.classList.toggle("s2f-busy", busy);
    const { core, state } = this;
    if (busy) return this.say(...(slow ? core.slowSaid ?? [SLOW] : ["translating …"]));
    if (core.problem) return this.say(core.problem, !this.isEmpty);
    const answered = `${state.face_px} px, answered in ${Math.round(1000 * core.seconds)} ms`;
    this.say([answered, ...state.warnings, ...core.news()].join(" · "));
  }

  // Show the state as it is now. isNew: with another drawing.
  shown(isNew) {
    const state = this.state = this.core.state, { reads } = state;
    if (this.sheet.begin(reads, state.labels.map((one) => one[1])) || this.reads !== reads) {
      this.reads = this.root.dataset.reads = reads;
      this.toolbar.begin(reads);
      this.choose(reads === "map" ? "brush" : "pencil");
    }
    for (const part of this.parts) part.show(state);
    this.pictures.showFace(this.core.face);
    this.note.textContent = state.note;
    if (!state.region && !this.strokes.stroke) this.region = null;
    this.drawOver();
    if (isNew) this.loading = this.sheet.load(this.core.given.uri).then(() => this.look());
  }
}

// Show a pad of this state (core.js) in an element.
export function mountSketchPad(core, el) {
  const pad = core.view = new Pad(core);
  el.append(pad.root);
  pad.shown(true);
  if (core.waits) pad.ask("hello");
}
