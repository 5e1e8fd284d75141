// A pad at work: what it knows (reduce.js), what it asks the host for, and what the page reads. The
// same in the app, in a notebook and on the exported page. A host answers requests and keeps
// nothing, so each carries the drawing and all settings (s2f_studio/request.py).

import { EightFaces } from "./eight.js";
import { blobOf, dataUri } from "./files.js";
import { Jobs, rest } from "./jobs.js";
import { drawingOf, reduce } from "./reduce.js";
import { withoutPictures } from "./rounds.js";

const TICK_MS = 1000;
const REST_MS = 700; // without a change, until the face is asked for in full
const EMPTY = "the drawing is empty: draw a face, or start from one of the list";
const UNKEPT = "this browser keeps nothing: save what you want to keep";
const PHOTOS = ["sketch-to-photo", "map-to-photo"]; // what can be enhanced
const OF_A_DRAWING = ["follow", "answer", "eight"]; // jobs: of no use for another one
const KEPT = ["draw", "set", "choose", "who", "round", "go", "pick"]; // actions

// "age=0.5,beard=1"
function listed(values) {
  return Object.entries(values).map(([name, value]) => `${name}=${value}`).join(",");
}

export class State {
  // store: {keep, kept, forget} of what the browser keeps, or null.
  constructor(host, store = null) {
    this.host = host;
    this.store = store;
    this.isKept = true;
    this.view = { shown() {}, showStatus() {} }; // the page, once it is there
    this.jobs = new Jobs();
    this.eight = new EightFaces(this);
    this.since = 0; // when the host was asked last
  }

  // kept: by a host that knows what is drawn.
  async open(kept = null) {
    const [about, { models }] = await Promise.all([this.host.about(), this.host.models()]);
    this.about = about;
    const ready = models.filter((one) => one.state === "ready");
    this.models = ready.filter((one) => one.kind === "model");
    this.hasRestorer = ready.some((one) => one.kind === "restorer");
    this.begin(kept ?? this.store?.kept() ?? {});
    if (this.given.uri) return;
    const drawing = await this.fetched(about.start);
    this.dispatch({ type: "draw", drawing });
  }

  begin({ settings = {}, drawings = {}, face = "", round = null }) {
    this.jobs.abortAll();
    const { answer, likely, temperature } = this.about.query;
    const usual = { answer, likely, temperature, person: {}, strength: 0 };
    const known = this.models.find((one) => one.id === settings.model);
    const { id, reads } = known ?? this.models[0];
    const all = { ...usual, ...settings, model: id };
    const begun = { reads, settings: all, drawings, face, round: known ? round : null };
    this.dispatch({ type: "begin", ...begun });
  }

  dispatch(action) {
    this.now = reduce(this.now, action);
    if (KEPT.includes(action.type) && !action.isPassing) this.keep();
    this.view.shown();
  }

  keep() {
    if (!this.store) return;
    const { settings } = this;
    const bare = Object.entries(this.now.drawings).map(([reads, drawing]) => {
      return [reads, { ...drawing, rounds: withoutPictures(drawing.rounds) }];
    });
    this.isKept = this.store.keep({ settings, drawings: Object.fromEntries(bare) });
  }

  // What the page reads

  get settings() {
    return this.now.settings;
  }

  get given() {
    return drawingOf(this.now);
  }

  get face() {
    return this.now.face;
  }

  get reads() {
    return this.now.reads;
  }

  get model() {
    return this.models.find((one) => one.id === this.settings.model);
  }

  get starts() {
    return this.about.starts[this.reads];
  }

  get directions() {
    return [...new Set(this.models.map((one) => one.direction))];
  }

  get canEnhance() {
    return this.hasRestorer && PHOTOS.includes(this.model.direction);
  }

  // Whether one drawing has several answers.
  get varies() {
    const { answer } = this.settings;
    return this.model.answers > 1 && !(this.model.chooses && answer === "average");
  }

  // What a face is made of, but for who it is.
  get basis() {
    return JSON.stringify(this.fields()) + this.given.uri;
  }

  get isBusy() {
    return !this.jobs.isEmpty;
  }

  // Whether one person answers whatever is drawn.
  get keepsSomebody() {
    return this.model.chooses && this.settings.answer !== "average" && this.given.keep !== null;
  }

  // Doing

  // A job; whatever it throws, the page says so and can be used again.
  run(kind, act) {
    this.since = performance.now();
    return this.jobs.start(kind, async (signal) => {
      const ticking = setInterval(() => this.tick(), TICK_MS);
      try {
        this.dispatch({ type: "say", problem: "", progress: "" });
        return await act(signal);
      } catch (error) {
        const problem = error?.message || "something went wrong: try again";
        if (!signal.aborted) this.now = reduce(this.now, { type: "say", problem });
        return null;
      } finally {
        clearInterval(ticking);
      }
    }).finally(() => this.view.showStatus());
  }

  // What is waited for, once that takes long.
  async tick() {
    if (performance.now() - this.since < TICK_MS) return;
    const progress = await this.host.progress(this.settings.model).catch(() => "");
    if (!this.isBusy) return; // else the answer itself will say what is wrong
    this.now = reduce(this.now, { type: "say", progress });
    this.view.showStatus();
  }

  // isStep: one back or forward, no new stroke. A new stroke on an empty paper begins another
  // picture.
  draw(uri, isEmpty, { isPreview = false, isStep = false } = {}) {
    const { given } = this;
    const { warnings, codes } = given;
    const start = uri === given.uri ? given.start : "";
    const about = isEmpty ? {} : { start, warnings, codes }; // nothing is left to warn of
    const isAnother = given.isEmpty && !isEmpty && !isStep;
    this.jobs.abort(...(isEmpty ? OF_A_DRAWING : ["eight"]));
    const drawing = { ...about, uri, isEmpty };
    this.dispatch({ type: "draw", drawing, isAnother, isPassing: isPreview });
    return this.ask(isPreview ? "preview" : "both");
  }

  // A picture in place of the drawing. isAnother: not the same one, cropped otherwise.
  put(drawing, isAnother = true) {
    this.jobs.abort(...OF_A_DRAWING);
    this.dispatch({ type: "draw", drawing: { ...drawing, isEmpty: false }, isAnother });
    return this.ask();
  }

  set(settings) {
    this.jobs.abort("eight");
    this.dispatch({ type: "set", settings });
    return this.ask();
  }

  // Another direction, or another model; each kind of input has a drawing.
  choose({ direction = "", model = "" }) {
    const fits = this.models.filter((one) => one.id === model || one.direction === direction);
    const isLast = ({ id, reads }) => this.now.drawings[reads]?.model === id;
    this.jobs.abort("picture", ...OF_A_DRAWING);
    this.dispatch({ type: "choose", model: fits.find(isLast) ?? fits[0] });
    return this.given.uri ? this.ask() : this.start(this.starts[0]);
  }

  start(name) {
    return this.run("picture", async (signal) => {
      const drawing = await this.fetched(name);
      signal.throwIfAborted();
      this.put(drawing);
    });
  }

  async fetched(name) {
    const start = this.starts.includes(name) ? name : this.starts[0];
    const uri = await dataUri(await this.host.start(this.reads, start));
    return { uri, isEmpty: false, start };
  }

  // A picture of the user's, cropped by the host, becomes the drawing; isNew: not one that was cropped
  // before. Throws what the host throws.
  async crop(file, fields, isNew, signal) {
    const { id, direction } = this.model;
    const found = await this.host.crop(file, { ...fields, direction, model: id }, signal);
    signal.throwIfAborted();
    const { drawing: uri, warnings, codes } = found;
    this.put({ uri, warnings, codes }, isNew);
    return found;
  }

  // Empty paper, the usual settings, and nothing kept.
  anew() {
    this.store?.forget();
    this.begin({});
    return this.ask();
  }

  // Asking

  // The first answer, where there is none, and the eight faces of the round that is in sight.
  async begun() {
    if (!this.face.png) await this.ask();
    await this.eight.refill();
  }

  // Ask for the face of what is drawn now: "preview": a small one, soon; "both": a small one and, at
  // rest, the full one; or "full".
  ask(wanted = "both") {
    return this.run("answer", async (signal) => {
      if (this.given.isEmpty) throw new Error(EMPTY);
      if (wanted !== "full") await this.follow(signal);
      if (wanted === "preview" || (wanted === "both" && !this.model.previews)) return;
      if (wanted === "both") await rest(REST_MS, signal);
      await this.answer(false, signal);
    });
  }

  // The first face after a change. One that is under way is waited for: whoever draws fast sees the
  // face follow.
  async follow(signal) {
    while (this.jobs.has("follow")) await this.following.catch(() => {});
    signal.throwIfAborted();
    const answer = (own) => this.answer(this.model.previews, own);
    this.following = this.jobs.start("follow", answer);
    await this.following;
    signal.throwIfAborted();
  }

  async answer(isPreview, signal) {
    const begun = performance.now();
    const small = isPreview ? { preview: true, enhance: false } : {};
    const held = isPreview ? null : { keep: this.keepsSomebody ? this.given.keep : null };
    const { pictures, warnings } = await this.translate({ ...this.who(), ...small }, held, signal);
    const [{ png, person }] = pictures;
    const seconds = (performance.now() - begun) / 1000;
    this.dispatch({ type: "face", face: { png, person: person ?? "", warnings }, seconds });
  }

  // held: what a host that holds a drawing and its face is to hold beside these: {keep}; null: it holds
  // what it held.
  async translate(more, held, signal) {
    this.since = performance.now();
    const fields = { ...this.fields(), ...more };
    const reply = await this.host.translate(blobOf(this.given.uri), fields, held, signal);
    signal.throwIfAborted();
    return reply;
  }

  fields() {
    const { model, answer, likely, person, strength } = this.settings;
    const fields = { direction: this.model.direction, model, align: "never", clean: "never" };
    if (this.model.chooses) Object.assign(fields, { answer, likely, person: listed(person) });
    const isEnhanced = strength > 0 && this.canEnhance;
    return isEnhanced ? { ...fields, enhance: true, strength } : fields;
  }

  temperature() {
    const { temperature } = this.settings;
    return this.model.chooses && temperature !== null ? { temperature } : {};
  }

  // Who answers: if somebody stays, as one of eight was asked for while the drawing is the same, and
  // from then on by the code.
  who() {
    const { seed, chosen, keep } = this.given;
    if (this.keepsSomebody) return this.eight.asked(keep) ?? { seed, keep };
    const around = chosen && this.model.chooses ? { chosen } : {};
    return { seed, ...around, ...this.temperature() };
  }

  // Somebody stays, by a code; "": nobody. Nobody of the eight is picked any more.
  stay(code) {
    this.eight.change({ picks: [] });
    this.dispatch({ type: "who", who: { keep: code || null } });
    return this.ask();
  }

  // The face as a PNG's data address, with more pixels where the model has them.
  async large() {
    const failed = (error) => {
      throw new Error(`saved as it is seen, with fewer pixels: ${error.message}`);
    };
    const asked = { ...this.who(), large: true };
    const ask = (signal) => this.translate(asked, null, signal).catch(failed);
    const reply = this.model.size_px === 256 && (await this.run("save", ask));
    return reply ? reply.pictures[0].png : this.face.png;
  }

  // One line on how it goes, and whether it is an error.
  get status() {
    const { problem, progress, face, seconds } = this.now;
    if (problem) return [problem, !this.given.isEmpty];
    if (this.isBusy) return [progress || "working …", false];
    const news = this.isKept ? [] : [UNKEPT];
    const answered = face.png ? [`answered in ${seconds.toFixed(1)} s`] : [];
    return [[...answered, ...this.given.warnings, ...face.warnings, ...news].join(" · "), false];
  }
}
