// The upload page: a picture that is given, what may be chosen, and the answers.

import { answers } from "./answers.js";
import { choices } from "./choices.js";
import { make, plainButton, statusLine, whenSeen } from "./dom.js";
import { UNREADABLE, isReadable, smaller } from "./files.js";
import { given } from "./given.js";
import * as host from "./host.js";
import { waitingFor } from "./waiting.js";

const WAYS = {
  "sketch-to-photo": { name: "sketch → photo", takes: "a drawing of a face", examples: "drawings" },
  "photo-to-sketch": { name: "photo → sketch", takes: "a photo of a face", examples: "photos" },
  "map-to-photo": { name: "label map → face", takes: "a label map (PNG)", examples: "maps" },
};
// Where a picture is taken for another kind, by the code of what is said.
const SWITCH = {
  photo: { from: "sketch-to-photo", to: "photo-to-sketch", text: "This is a photo: switch to photo → sketch" },
  "not-a-photo": { from: "photo-to-sketch", to: "sketch-to-photo", text: "This is a drawing: switch to sketch → photo" },
};
const LARGE_BYTES = 4e6; // files from this size on are made smaller before they are sent
const WAIT_MS = 250; // after something was changed

class Upload {
  constructor(el, about) {
    // chosen counts the pictures that were chosen, so that a slow one does not come after a later one.
    Object.assign(this, { el, about, file: null, way: "sketch-to-photo", asking: null, chosen: 0, timer: 0 });
    this.placed = this.shown = this.insists = false; // the points: by the visitor, in sight; a face at any rate
    this.endWaiting = () => {};
    this.status = statusLine();
    this.offers = make("div", { class: "s2f-actions" });
    this.retry = plainButton("Try again", () => this.refresh(), { hidden: true });
    this.given = given(el, {
      use: (file) => this.use(file), say: (text, wrong) => this.say(text, wrong),
      moved: () => { this.placed = true; this.later(); },
      place: () => this.place(), seen: (shown) => this.seen(shown),
    });
    this.choices = choices(about, () => this.show(), () => this.later());
    this.answers = answers(() => this.choices.another());
    this.examples = make("div", { class: "s2f-examples", role: "group", "aria-label": "examples" });
    const ways = Object.entries(WAYS).filter(([, { examples }]) => about[examples].length); // those that this host goes
    this.radios = ways.map(([value, { name }]) => {
      const told = { value, checked: value === this.way, onchange: () => this.setWay(value) };
      return make("label", {}, make("input", { type: "radio", name: "s2f-way", ...told }), name);
    });
    const directions = make("div", { class: "s2f-ways", role: "radiogroup", "aria-label": "direction" }, ...this.radios);
    const right = make("div", { class: "s2f-right-side" }, this.status.box, this.offers, this.retry, this.answers.box);
    const two = make("div", { class: "s2f-two" }, this.given.box, right, this.choices.box);
    const examples = make("div", {}, make("b", {}, "Examples"), this.examples);
    el.replaceChildren(make("div", { class: "s2f-upload" }, directions, two, examples));
    this.choices.fillFaces(1);
    this.show(); this.showPoints(); this.showExamples();
    whenSeen(el, () => this.refresh());
  }

  get hasPoints() { return this.way !== "map-to-photo"; }

  say(...said) {
    this.offer([]); // those of an earlier word
    this.status.say(...said);
  }

  show() {
    this.given.ask(WAYS[this.way].takes);
    this.choices.show(this.way);
    this.given.show(this.hasPoints);
    this.answers.others.hidden = !this.choices.hasSeveral;
  }

  showPoints() { this.given.showPoints(this.shown && this.hasPoints, this.shown); }

  showExamples() {
    const names = this.about[WAYS[this.way].examples];
    this.examples.replaceChildren(...names.map((name) => make("button",
      { type: "button", "aria-label": `example ${name}`, title: name, onclick: () => this.useExample(name) },
      make("img", { src: host.addressOf(name), alt: "", loading: "lazy", draggable: "false" }))));
  }

  // What is given

  setWay(way) { // a drawing and a photo may have been taken for each other; a label map is neither
    const isOther = [this.way, way].includes("map-to-photo"), keeps = this.file && !isOther;
    if (isOther) this.chosen++; // a picture that is still being read was for the way before
    this.stop();
    this.way = way;
    this.insists = false;
    this.answers.begin();
    for (const label of this.radios) label.firstChild.checked = label.firstChild.value === way;
    if (!keeps) { this.file = null; this.placed = this.shown = false; this.given.stage.hidden = true; }
    this.answers.box.hidden = true;
    this.say("");
    this.show(); this.showPoints(); this.showExamples();
    if (keeps) this.translate();
  }

  async useExample(name) {
    const number = ++this.chosen;
    try {
      const file = await host.exampleFile(name);
      if (file && number === this.chosen) this.use(file);
    } catch { this.say(host.GONE, true); }
  }

  async use(file) {
    const number = ++this.chosen, isLarge = this.hasPoints && file.size >= LARGE_BYTES; // a map's classes do not mix
    const isThere = await isReadable(file), ready = isThere && isLarge ? await smaller(file) : file;
    if (number !== this.chosen) return; // another one was chosen meanwhile
    if (!isThere) return this.say(UNREADABLE, true);
    this.placed = this.shown = this.insists = false;
    this.choices.asked.seed = this.about.query.seed;
    this.answers.begin();
    this.given.points.set(null);
    this.file = ready;
    this.given.showFile(ready);
    this.choices.fillFaces(1);
    this.showPoints();
    this.translate();
  }

  seen(shown) {
    this.given.stage.hidden = !(shown && this.file);
    this.show();
  }

  place() {
    const undone = this.placed;
    this.shown = !this.shown;
    this.placed = false;
    this.showPoints();
    if (undone) this.later(); // the detector's own again
  }

  // Asking

  stop() {
    clearTimeout(this.timer);
    this.endWaiting();
    this.asking?.abort();
    this.asking = null;
    this.el.firstChild.classList.remove("s2f-waits");
  }

  later() {
    clearTimeout(this.timer);
    if (this.file) this.timer = setTimeout(() => this.translate(), WAIT_MS);
  }

  fields() {
    const fields = this.choices.fields();
    if (this.placed && this.hasPoints) fields.points = this.given.points.text();
    if (this.insists) fields.insist = true;
    return fields;
  }

  async translate() {
    this.stop();
    if (!this.choices.known) { await this.refresh(); this.stop(); } // another picture may have waited for them as well
    if (!this.file || !this.choices.known) return;
    const asking = this.asking = new AbortController();
    this.el.firstChild.classList.add("s2f-waits");
    this.offer([]);
    this.endWaiting = waitingFor(this.choices.asked.model, (...said) => this.say(...said));
    try {
      const { ok, told } = await host.translate(this.file, this.fields(), asking.signal);
      if (asking !== this.asking) return;
      this.endWaiting();
      if (ok) this.showAnswer(told); else this.showRefusal(told);
    } catch (error) {
      if (asking === this.asking) this.endWaiting();
      if (error.name !== "AbortError") this.showRefusal({ detail: host.GONE });
    } finally {
      if (asking === this.asking) this.el.firstChild.classList.remove("s2f-waits");
    }
  }

  // Buttons beneath what is said, [text, act].
  offer(rows) { this.offers.replaceChildren(...rows.map(([text, act]) => plainButton(text, act))); }

  offerOtherWay(codes) {
    const other = Object.entries(SWITCH).find(([code, { from }]) => codes.includes(code) && from === this.way);
    return other ? [[other[1].text, () => this.setWay(other[1].to)]] : [];
  }

  showRefusal({ detail, code }) {
    this.answers.box.hidden = true;
    this.say(detail, true);
    const anyway = () => { this.insists = true; this.translate(); };
    this.offer(code === "no-face" ? [["Make a face anyway", anyway]] : []);
    if (code === "no-face" && this.hasPoints) { this.shown = true; this.showPoints(); }
  }

  showAnswer(told) {
    this.given.showFaces(told.faces, told.taken, (n) => this.choices.takeFace(n));
    this.answers.show(told);
    this.given.showSheet(told.sheet);
    this.choices.fillFaces(told.num_faces);
    if (!this.placed) this.given.points.set(told.points);
    if (!told.face_found && !this.placed && this.hasPoints) { this.shown = true; this.showPoints(); }
    const wait = Object.values(told.seconds).reduce((sum, value) => sum + value, 0);
    this.say([`answered in ${Math.round(1000 * wait)} ms`, ...told.warnings].join(" · "));
    this.offer(this.offerOtherWay(told.codes));
  }

  async refresh() { // new runs, models that were downloaded, an app that was started again
    try {
      this.choices.take((await host.models()).models);
    } catch {
      this.retry.hidden = false;
      return this.say(host.GONE, true);
    }
    this.retry.hidden = true;
    if (this.status.words.textContent === host.GONE) this.say("");
    this.show();
  }
}

export async function mountUpload(el) {
  try { new Upload(el, await host.about()); } catch {
    el.replaceChildren(make("p", { role: "alert" }, host.GONE), plainButton("Try again", () => mountUpload(el)));
  }
}
