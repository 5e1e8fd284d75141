// The page of a sketch pad. Drawings, strokes and undo live here; its state (core.js) is told one thing at a time.

import { button, make } from "./dom.js";
import { blobOf } from "./files.js";
import { line } from "./line.js";
import { drawGuide, drawMirror } from "./overlay.js";
import { Paper } from "./paper.js";
import { saveAs } from "./png.js";
import { drawRegion } from "./regions.js";
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
  const another = () => pad.ask("set", { seed: (pad.state.seed || 0) + 1 });
  const again = button("dice", "Another", "Another answer to the same drawing", another);
  const keep = button("keep", "Keep", "Keep this version, to compare it with others", () => pad.keep());
  const paper = make("div", { class: "s2f-stage s2f-paper" }, canvas, overlays[0]);
  const stage = make("div", { class: "s2f-stage" }, face, overlays[1], make("div", { class: "s2f-spin", "aria-hidden": "true" }));
  const lines = button("save", "Save", "Save the drawing as PNG", () => pad.saveDrawing());
  const title = make("b", {}, "Your drawing");
  const figure = (name, beside, shown) => make("figure", {}, make("figcaption", {}, name, beside), shown);
  const box = make("div", { class: "s2f-views" }, figure(title, make("span", { class: "s2f-right" }, whole, lines), paper),
    figure(make("b", {}, "The guess"), make("span", { class: "s2f-right" }, again, keep, save), stage));
  const small = make("img", { class: "s2f-mini", alt: "", hidden: true, "aria-hidden": "true" }); // where the face is out of sight
  new IntersectionObserver(([seen]) => { small.hidden = seen.isIntersecting || !small.src; }).observe(stage);
  return {
    box, canvas, overlays, whole, paper, small, stages: [paper, stage],
    show(state) {
      again.hidden = !state.has_seed;
      title.textContent = state.is_example ? "An example: draw on it" : "Your drawing";
    },
    showFace(uri) {
      face.style.visibility = uri ? "visible" : "hidden";
      save.disabled = !uri;
      if (uri) face.src = small.src = uri;
    },
  };
}

// What the page holds; `model` is its state (core.js).
class Pad {
  constructor(model) {
    Object.assign(this, { model, tool: "pencil", label: FIRST_LABEL, region: null, guide: false, mirrors: false, isEmpty: false, reads: "", busy: false, nextPreview: 0 });
    this.root = make("div", { class: "s2f-pad", role: "group", "aria-label": "sketch pad", "data-lm-suppress-shortcuts": "true" });
    this.status = make("div", { class: "s2f-status", role: "status", "aria-live": "polite" });
    this.note = make("div", { class: "s2f-note", role: "note" });
    this.ask = line(model, (busy, slow) => this.tellBusy(busy, slow));
    this.toolbar = toolbar(this);
    this.pictures = pictures(this);
    this.sheet = new Paper(this.pictures.canvas);
    this.strokes = new Strokes(this, this.pictures.paper, this.pictures.stages);
    this.versions = versions(this);
    const parts = [palette(this), settings(this), this.versions];
    const [labels, set, ...below] = parts.map((part) => part.box);
    this.parts = [this.toolbar, this.pictures, ...parts];
    const left = make("div", {}, this.pictures.box, this.status, this.note);
    this.root.append(this.toolbar.box, labels, make("div", { class: "s2f-desk" }, left, set), ...below);
    set.prepend(this.pictures.small);
    this.root.addEventListener("keydown", (event) => this.obeyKey(event));
  }

  get state() { return this.model.get("state"); }

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

  send() {
    this.look();
    this.ask("draw", () => ({ picture: this.sheet.uri(), empty: this.sheet.isEmpty() }));
    if (this.busy) this.tellBusy(true, false); // a preview is under way, of which nothing was said
  }

  // While the pencil moves, a quick answer now and then, where the last one is there.
  preview() {
    if (this.busy || !this.state.chooses || performance.now() < this.nextPreview) return;
    this.nextPreview = performance.now() + PREVIEW_MS;
    this.ask("draw", () => ({ picture: this.sheet.uri(), empty: this.sheet.isEmpty(), preview: true }));
  }

  // Save the face, with more pixels where there are any.
  save() {
    const { model } = this, saved = (face) => saveAs(blobOf(face), `${this.state.reads}-to-photo.png`);
    if (!this.state.has_large) saved(model.get("face"));
    else this.ask("save", {}, () => saved(model.get(model.get("problem") ? "face" : "large")));
  }

  saveDrawing() { saveAs(blobOf(this.pictures.canvas.toDataURL("image/png")), "drawing.png"); }

  keep() { this.ask("keep", {}, () => this.versions.box.scrollIntoView({ block: "nearest", behavior: "smooth" })); }

  // Empty paper, and nothing of what the browser kept.
  async anew() {
    if (!confirm("Put away the drawing, the settings and the versions?")) return;
    this.mark(null);
    await this.model.anew();
    await this.loading; // the example that a host begins with
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
      if (n === 0 && state.guide && (this.guide || this.isEmpty)) drawGuide(pen, size, state.guide, this.guide ? 0.75 : 0.4);
      if (n === 0 && this.mirrors) drawMirror(pen, size);
      if (region) drawRegion(pen, size, region);
    });
    whole.hidden = !region && !state.region;
  }

  say(text, wrong = false) {
    this.status.textContent = text;
    this.status.classList.toggle("s2f-wrong", wrong);
  }

  tellBusy(busy, slow) {
    this.busy = busy;
    if (this.strokes.stroke) return; // a preview: nothing is said
    this.root.classList.toggle("s2f-busy", busy);
    if (busy) return this.say(slow ? this.model.get("slow_text") || SLOW : "translating …");
    const { model, state } = this, problem = model.get("problem");
    if (problem) return this.say(problem, !this.isEmpty);
    const answered = `${state.face_px} px, answered in ${Math.round(1000 * model.get("seconds"))} ms`;
    this.say([answered, ...state.warnings].join(" · "));
  }

  // What the state says

  showState() {
    const { state } = this, { reads } = state;
    if (this.sheet.begin(reads, state.labels.map((one) => one[1])) || this.reads !== reads) {
      this.reads = this.root.dataset.reads = reads;
      this.toolbar.begin(reads);
      this.choose(reads === "map" ? "brush" : "pencil");
    }
    for (const part of this.parts) part.show(state);
    this.note.textContent = state.note;
    if (!state.region && !this.strokes.stroke) this.region = null;
    this.drawOver();
  }

  load() {
    this.showState();
    this.loading = this.sheet.load(this.model.get("drawing")).then(() => this.look());
  }

  // Follow the state; gives a function that ends it.
  begin() {
    const { model } = this;
    const showFace = () => this.pictures.showFace(model.get("face"));
    const heard = {
      "change:state": () => this.showState(), "change:face": showFace, "change:loaded": () => this.load(),
      "change:answered": () => { if (model.get("problem")) this.showState(); }, // what was refused is shown as it is
    };
    for (const [event, act] of Object.entries(heard)) model.on(event, act);
    showFace();
    this.load();
    if (model.get("answered") > 0 || model.get("waits")) this.ask("hello"); // waits: its face is still to be made
    return () => { for (const [event, act] of Object.entries(heard)) model.off(event, act); };
  }
}

// Show a pad of this state (core.js) in an element; gives a function that ends it.
export function mountSketchPad(model, el) {
  const pad = new Pad(model);
  el.append(pad.root);
  return pad.begin();
}
