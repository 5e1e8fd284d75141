// The page of a pad: the drawing on the left, the face that follows on the right. What is drawn and
// set is in its state (state.js); strokes and steps are here.

import { chips, palette, settings, toolbar } from "./controls.js";
import { Crop } from "./crop.js";
import { button, make, plainButton, select } from "./dom.js";
import { saveAs } from "./files.js";
import { Paper, drawGuide } from "./paper.js";
import { NUM_FACES } from "./rounds.js";
import { Strip } from "./strip.js";
import { Strokes } from "./strokes.js";

const PREVIEW_MS = 300; // between two previews, at least
const OVERLAY_PX = 512;
const WAYS = {
  "sketch-to-photo": "Sketch → photo",
  "photo-to-sketch": "Photo → sketch",
  "map-to-photo": "Map → photo",
};
const WORDS = { // of what the model reads: the picture's title, and what the answer is called
  sketch: ["Your drawing", "The photo, a guess"],
  photo: ["The photo", "The sketch, a guess"],
  map: ["Your map of a face", "The photo, a guess"],
};

function stage(name, ...children) {
  return make("div", { class: `s2f-stage ${name}` }, ...children);
}

class Pad {
  constructor(state) {
    this.state = state;
    this.reads = "";
    this.tool = "pencil";
    this.isEmpty = false;
    this.onPaper = null; // the drawing that was put there, or drawn
    this.nextPreview = 0;
    this.loading = null; // a drawing that is being put on the paper
    this.crop = new Crop(state);
    this.toolbar = toolbar(this);
    this.palette = palette(state.about.labels, () => this.choose("brush"));
    this.settings = settings(state);
    const named = { class: "s2f-pad", role: "group", "aria-label": "sketch pad" };
    // JupyterLab's own shortcuts would take the pad's keys
    const keys = { tabindex: "-1", "data-lm-suppress-shortcuts": "true" };
    this.root = make("div", { ...named, ...keys });
    this.status = make("p", { class: "s2f-status", role: "status", "aria-live": "polite" });
    const sides = [this.drawingSide(), this.answerSide()];
    this.strip = new Strip(state);
    const parts = [...sides, this.strip.box, this.settings.box];
    const desk = make("div", { class: "s2f-desk" }, ...parts);
    const note = make("p", { class: "s2f-note", role: "note" }, state.about.note);
    this.root.append(this.topBar(), desk, note, this.crop.dialog, this.whole);
    this.root.addEventListener("keydown", (event) => {
      event.stopPropagation();
      this.key(event);
    });
    this.choose("pencil");
  }

  // Parts

  topBar() {
    const { state, crop } = this;
    this.starts = select("start from", (name) => name && state.start(name));
    const file = make("input", { type: "file", accept: "image/*", hidden: true, tabindex: "-1" });
    file.addEventListener("change", () => this.upload(file));
    const hint = "Upload a picture; its face is found and cropped";
    const uploading = button("upload", "Upload", hint, () => file.click());
    uploading.hidden = !state.host.crop;
    const hand = "Place the eyes and the mouth by hand";
    this.cropping = button("crop", "Crop", hand, () => crop.open());
    const anew = button("anew", "Start anew", "Put everything away", () => this.startAnew());
    anew.hidden = !state.store;
    const begin = [this.starts.node, uploading, file, this.cropping, anew];
    return make("div", { class: "s2f-top" }, this.ways(), make("div", {}, ...begin));
  }

  ways() {
    const { state } = this;
    this.radios = state.directions.map((direction) => {
      const choose = () => state.choose({ direction });
      const input = { type: "radio", name: "s2f-way", value: direction, onchange: choose };
      return make("label", {}, make("input", input), make("span", {}, WAYS[direction]));
    });
    const group = { class: "s2f-ways", role: "radiogroup", "aria-label": "direction" };
    const hidden = this.radios.length < 2;
    return make("form", { ...group, hidden }, ...this.radios); // a form: no two pads share radios
  }

  drawingSide() {
    const canvas = make("canvas", { role: "img", "aria-label": "the drawing" });
    const overlay = { width: OVERLAY_PX, height: OVERLAY_PX, "aria-hidden": "true" };
    this.overlay = make("canvas", { ...overlay, class: "s2f-over" });
    const paper = stage("s2f-paper", canvas, this.overlay);
    this.paper = new Paper(canvas);
    this.strokes = new Strokes(this, paper);
    this.title = make("b");
    this.offer = plainButton("This is a photo: make a sketch of it", () => this.takeAsPhoto());
    const caption = make("figcaption", {}, this.title);
    const parts = [caption, paper, this.toolbar.box, this.palette.box, this.offer];
    return make("figure", { class: "s2f-drawing" }, ...parts);
  }

  answerSide() {
    this.answer = make("b");
    const alt = "the answer: a guess, no evidence";
    this.face = make("img", { class: "s2f-face", alt });
    const enlarge = () => this.enlarge();
    const size = "Show the face at full size";
    const hinted = { class: "s2f-enlarge", title: size, "aria-label": size, type: "button" };
    this.enlarging = make("button", { ...hinted, onclick: enlarge }, this.face);
    const whole = { class: "s2f-whole", "aria-label": "the face", onclick: () => this.whole.close() };
    this.whole = make("dialog", whole, make("img", { alt }));
    const spin = make("div", { class: "s2f-spin", "aria-hidden": "true" });
    const hint = "Save as PNG; its metadata say that it is generated";
    this.saving = button("save", "Save", hint, () => this.save());
    this.several = button("people", "", "", () => this.showEight());
    this.words = make("span");
    this.several.append(this.words);
    this.count = make("span", { class: "s2f-count" });
    const named = { title: "They answer whatever you draw", "aria-label": "This person stays: let go" };
    this.kept = plainButton("This person stays ×", () => this.state.eight.letGo(), named);
    this.chips = chips(this.state);
    const parts = [this.several, this.count, this.saving, this.kept];
    const actions = make("div", { class: "s2f-actions" }, ...parts);
    const caption = make("figcaption", {}, this.answer);
    const picture = stage("", this.enlarging, spin);
    const below = [actions, this.chips.box, this.status];
    return make("figure", { class: "s2f-answer" }, caption, picture, ...below);
  }

  // What the tools ask for

  get canDraw() {
    return this.reads !== "photo";
  }

  get width() {
    return this.toolbar.width;
  }

  get colour() {
    return this.reads === "map" ? this.palette.colour : null;
  }

  choose(tool) {
    this.tool = tool;
    this.toolbar.show(tool, (by) => this.paper.canMove(by));
  }

  move(by) {
    this.paper.move(by);
    this.drawn({ isStep: true });
  }

  clear() {
    this.paper.clear();
    this.paper.push();
    this.drawn();
  }

  // While the pencil moves, a quick answer now and then.
  moved() {
    const isTime = performance.now() > this.nextPreview && !this.state.jobs.has("follow");
    if (!isTime || !this.state.model.previews) return;
    this.nextPreview = performance.now() + PREVIEW_MS;
    this.drawn({ isPreview: true });
  }

  async drawn(how = {}) {
    await this.loading; // a drawing on its way would be put over this stroke
    if (!how.isPreview) this.paper.push();
    this.look();
    this.onPaper = this.paper.uri();
    this.state.draw(this.onPaper, this.isEmpty, how);
  }

  key(event) {
    if (event.target.matches?.("select, input:not([type=range])") || !this.canDraw) return;
    const pressed = this.toolbar.ofKey(event);
    if (!pressed) return;
    event.preventDefault();
    pressed.click();
  }

  // After each change of the drawing; an empty one shows where a face goes.
  look() {
    this.isEmpty = this.paper.isEmpty();
    this.choose(this.tool);
    this.overlay.getContext("2d").clearRect(0, 0, OVERLAY_PX, OVERLAY_PX);
    if (this.isEmpty && this.reads === "sketch") drawGuide(this.overlay, this.state.about.guide);
  }

  // Pictures in and out

  upload(input) {
    const [file] = input.files;
    input.value = "";
    if (file) this.crop.take(file);
  }

  async takeAsPhoto() {
    const { file } = this.crop.upload;
    await this.state.choose({ direction: "photo-to-sketch" });
    this.crop.take(file);
  }

  async save() {
    const { model, given, varies } = this.state;
    const seed = varies ? `-${given.seed}` : "";
    const png = await this.state.large();
    if (png) saveAs(png, `${model.direction}${seed}.png`); // else all was put away meanwhile
  }

  async enlarge() {
    const picture = this.whole.firstChild;
    picture.src = this.state.face.png;
    this.whole.showModal();
    picture.src = await this.state.large();
  }

  showEight() {
    this.state.eight.showNext();
    this.strip.scrollIntoView();
  }

  startAnew() {
    if (!confirm("Delete the drawings and the settings?")) return;
    this.crop.upload = null;
    this.paper.forget(); // or the next visitor could take steps back to the drawing
    this.reads = ""; // begin with an empty paper
    this.state.anew();
  }

  // What the state calls

  // How it goes: waiting, answered, or what went wrong.
  showStatus() {
    const [text, isWrong] = this.state.status;
    this.root.classList.toggle("s2f-busy", this.state.isBusy);
    this.status.classList.toggle("s2f-wrong", isWrong);
    if (this.status.textContent !== text) this.status.textContent = text;
    this.showSeveral();
  }

  shown() {
    const { state } = this;
    if (this.reads !== state.reads) this.begin();
    if (this.onPaper !== state.given.uri) this.load();
    this.settings.show();
    this.showDrawing();
    this.showAnswer();
    this.showStatus();
  }

  begin() {
    const { reads, about } = this.state;
    this.reads = reads;
    this.onPaper = null;
    this.root.dataset.reads = reads;
    this.paper.begin(reads, reads === "map" ? about.labels[0][1] : "#ffffff");
    this.toolbar.begin(reads);
    this.palette.box.hidden = reads !== "map";
    this.choose(reads === "map" ? "brush" : "pencil");
  }

  load() {
    const { uri } = this.state.given;
    this.onPaper = uri;
    this.loading = this.state.run("paper", async (signal) => {
      if (uri) await this.paper.load(uri, signal);
      else this.paper.push();
      this.look();
    });
  }

  showDrawing() {
    const { state, crop } = this;
    const { model, given } = state;
    for (const { firstChild: radio } of this.radios) radio.checked = radio.value === model.direction;
    const [title, answer] = WORDS[state.reads];
    this.title.textContent = given.start && this.canDraw ? "An example: draw on it" : title;
    this.answer.textContent = answer;
    this.starts.show([["", "Examples"], ...state.starts.map((name) => [name, name])], "");
    this.cropping.hidden = !crop.canOpen;
    const canSwitch = state.directions.includes("photo-to-sketch") && crop.canOpen;
    this.offer.hidden = !canSwitch || !given.codes.includes("photo");
  }

  showAnswer() {
    const { state } = this;
    const { png } = state.face;
    this.enlarging.style.visibility = png ? "visible" : "hidden";
    if (png && this.face.src !== png) this.face.src = png;
    this.saving.disabled = !png;
    this.chips.show();
    this.kept.hidden = !state.keepsSomebody || state.given.isEmpty;
  }

  // Whether there are eight, or more of them to come.
  showSeveral() {
    const { given, eight, varies } = this.state;
    const { isFilling, numFresh, rounds } = eight;
    const words = rounds.list.length ? "Eight others" : "Show eight faces";
    if (this.words.textContent !== words) this.words.textContent = words;
    this.several.title = `${words} for this drawing`;
    this.several.setAttribute("aria-label", this.several.title);
    this.several.disabled = given.isEmpty;
    this.several.hidden = !varies;
    this.count.textContent = isFilling ? `${numFresh} of ${NUM_FACES}` : "";
    this.strip.show();
  }
}

// Show a pad of this state in an element, and return it.
export function mountPad(state, el) {
  const pad = new Pad(state);
  state.view = pad;
  el.replaceChildren(pad.root);
  pad.shown();
  state.begun();
  return pad;
}
