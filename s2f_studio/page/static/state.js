// What is drawn and set, and the face that follows: the same in the app, in a notebook and on the
// exported page. A host answers requests and keeps nothing, so each carries the drawing and all
// settings (s2f_studio/request.py).

import { EightFaces } from "./eight.js";
import { blobOf, dataUri } from "./files.js";

const TICK_MS = 1000;
const REST_MS = 700; // without a change, until the face is asked for in full
// What is asked for: a small face, soon; a small one and, at rest, the full one; or the full one.
const [PREVIEW, BOTH, FULL] = ["preview", "both", "full"];
const EMPTY = "the drawing is empty: draw a face, or start from one of the list";
const UNKEPT = "this browser keeps nothing: save what you want to keep";
const BLANK = { uri: "", isEmpty: true, start: "", warnings: [], codes: [] };
const PHOTOS = ["sketch-to-photo", "map-to-photo"]; // what can be enhanced

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
    this.eight = new EightFaces(this);
    this.numRunning = 0;
    this.wanted = "";
    this.isAsking = false;
    this.isAnswering = false; // the host works on an answer
    this.endRest = () => {};
    this.since = 0; // when the host was asked last
    this.epoch = 0; // what was asked in an earlier one is dropped
    Object.assign(this, { problem: "", progress: "" });
  }

  // now: of a host that knows what is drawn.
  async open(now = null) {
    const [about, { models }] = await Promise.all([this.host.about(), this.host.models()]);
    this.about = about;
    const ready = models.filter((one) => one.state === "ready");
    this.models = ready.filter((one) => one.kind === "model");
    this.hasRestorer = ready.some((one) => one.kind === "restorer");
    this.begin(now ?? this.store?.kept() ?? {});
    if (!this.given.uri) await this.fetchStart(about.start);
    this.view.shown(true);
  }

  // round: of eight faces that are to be in sight; they are asked for anew.
  begin({ settings = {}, drawings = {}, face = "", round = null }) {
    const { seed, answer, likely, temperature, keep } = this.about.query;
    const usual = { seed, answer, likely, temperature, keep, person: {}, strength: 0 };
    this.settings = { ...usual, ...settings };
    const isKnown = Boolean(this.model);
    if (!isKnown) Object.assign(this.settings, { model: this.models[0].id, keep });
    this.drawings = { ...drawings };
    this.face = face;
    this.person = ""; // the code of who is in sight
    this.eight.forget();
    if (round && isKnown) this.eight.rounds.add(round);
    this.warnings = [];
    this.seconds = 0;
    this.epoch++;
  }

  // What the page reads

  get model() {
    return this.models.find((one) => one.id === this.settings.model);
  }

  get reads() {
    return this.model.reads;
  }

  get given() {
    return this.drawings[this.reads] ?? BLANK;
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

  // What a face is made of, but for its seed and the rounds before it.
  get basis() {
    const { seed, ...others } = this.fields();
    return JSON.stringify(others) + this.given.uri;
  }

  get isBusy() {
    return this.numRunning > 0;
  }

  // Whether one person answers whatever is drawn.
  get keepsSomebody() {
    const { answer, keep } = this.settings;
    return this.model.chooses && answer !== "average" && keep !== null;
  }

  // Doing

  // Run one thing; whatever it throws, the page says so and can be used again.
  async run(act) {
    this.numRunning++;
    Object.assign(this, { problem: "", progress: "", since: performance.now() });
    const ticking = setInterval(() => this.tick(), TICK_MS);
    try {
      this.view.showStatus();
      return await act();
    } catch (error) {
      this.problem = error?.message || "something went wrong: try again";
      return null;
    } finally {
      clearInterval(ticking);
      this.numRunning--;
      this.view.showStatus();
    }
  }

  // What is waited for, once that takes long.
  async tick() {
    if (performance.now() - this.since < TICK_MS) return;
    try {
      this.progress = await this.host.progress(this.settings.model);
      if (this.isBusy) this.view.showStatus();
    } catch {
      this.progress = ""; // the answer itself will say what is wrong
    }
  }

  // isStep: one back or forward, no new stroke.
  draw(uri, isEmpty, { isPreview = false, isStep = false } = {}) {
    const { given } = this;
    const start = uri === given.uri ? given.start : "";
    const about = isEmpty ? BLANK : given; // nothing is left to warn of
    this.hold({ ...about, uri, isEmpty, start }, isStep);
    return this.changed(isPreview);
  }

  // Another picture is somebody else: who was picked before is forgotten.
  forgetPicks() {
    if (!this.model.chooses) return;
    this.eight.forget();
    this.settings.keep = null;
  }

  // A new drawing on an empty paper is another picture.
  hold(drawing, isStep = false) {
    if (this.given.isEmpty && !drawing.isEmpty && !isStep) this.forgetPicks();
    this.drawings = { ...this.drawings, [this.reads]: { ...BLANK, ...drawing } };
  }

  set(changes) {
    Object.assign(this.settings, changes);
    return this.changed();
  }

  // Another direction, or another model; each kind of input has a drawing.
  choose({ direction = "", model = "" }) {
    const isWanted = (one) => one.id === model || one.direction === direction;
    this.settings.model = this.models.find(isWanted).id;
    Object.assign(this, { face: "", person: "" });
    this.warnings = [];
    this.epoch++;
    this.eight.forget();
    const { uri } = this.given;
    this.view.shown(Boolean(uri));
    return uri ? this.changed() : this.start(this.starts[0]);
  }

  start(name) {
    return this.run(async () => {
      await this.fetchStart(name);
      this.forgetPicks();
      this.view.shown(true);
      await this.changed();
    });
  }

  async fetchStart(name) {
    const { reads } = this;
    const start = this.starts.includes(name) ? name : this.starts[0];
    const uri = await dataUri(await this.host.start(reads, start));
    if (reads === this.reads) this.hold({ uri, isEmpty: false, start });
  }

  // A picture of the user's, cropped by the host, becomes the drawing; isNew: not one that was cropped
  // before. Throws what the host throws.
  async crop(file, fields, isNew) {
    const { model, reads } = this;
    const asked = { ...fields, direction: model.direction, model: model.id };
    const found = await this.host.crop(file, asked);
    if (reads === this.reads) {
      const { warnings, codes } = found;
      if (isNew) this.forgetPicks();
      this.hold({ uri: found.drawing, isEmpty: false, warnings, codes });
      this.changed();
      this.view.shown(true);
    }
    return found;
  }

  // Empty paper, the usual settings, and nothing kept.
  anew() {
    this.store?.forget();
    this.begin({});
    this.view.shown(true);
    return this.ask();
  }

  // Asking

  changed(isPreview = false) {
    this.eight.filling = null;
    this.view.showStatus(); // the eight are old now
    if (!isPreview) this.keep();
    return this.ask(isPreview ? PREVIEW : BOTH);
  }

  keep() {
    if (!this.store) return;
    const { settings, drawings } = this;
    const { rounds } = this.eight;
    const { first, chosen } = rounds.now;
    const round = rounds.isEmpty ? null : { first, chosen };
    this.isKept = this.store.keep({ settings, drawings, round });
  }

  // The first answer, where there is none, and the eight faces of the round that is in sight.
  async begun() {
    if (!this.face) await this.ask();
    await this.eight.refill();
  }

  // Ask for the face of what is drawn now; while an answer is waited for, only the newest waits.
  ask(wanted = BOTH) {
    this.wanted = this.model.previews ? wanted : FULL;
    this.endRest();
    return this.isAsking ? null : this.run(() => this.answerAll());
  }

  askInFull() {
    return this.ask(FULL);
  }

  async answerAll() {
    this.isAsking = true;
    try {
      while (this.wanted) await this.answerOne();
    } finally {
      this.isAsking = false;
    }
  }

  async answerOne() {
    const { epoch, wanted } = this;
    const isNewest = () => !this.wanted && epoch === this.epoch;
    this.wanted = "";
    try {
      if (wanted !== FULL) await this.answer({ isPreview: true });
      if (wanted === BOTH && isNewest()) await this.rest();
      if (wanted !== PREVIEW && isNewest()) await this.answer({ isPreview: false });
    } catch (error) {
      if (isNewest()) throw error;
    }
  }

  // Until nothing has changed for a while, or something has.
  rest() {
    return new Promise((done) => {
      const resting = setTimeout(done, REST_MS);
      this.endRest = () => {
        clearTimeout(resting);
        done();
      };
    });
  }

  async answer({ isPreview }) {
    const { epoch, given } = this;
    if (given.isEmpty) {
      Object.assign(this, { face: "", person: "", warnings: [] });
      this.view.shown();
      throw new Error(EMPTY);
    }
    const begun = performance.now();
    const small = isPreview ? { preview: true, enhance: false } : {};
    this.isAnswering = true;
    try {
      const keep = this.keepsSomebody ? this.settings.keep : null;
      const fields = { ...this.personFields(), ...small };
      const reply = await this.translate(fields, isPreview ? null : { keep });
      if (epoch !== this.epoch) return;
      const [{ png, person }] = reply.pictures;
      Object.assign(this, { face: png, person: person ?? "" });
      if (!isPreview) this.warnings = [...given.warnings, ...reply.warnings];
    } finally {
      this.isAnswering = false;
    }
    this.seconds = (performance.now() - begun) / 1000;
    this.view.shown();
  }

  // held: what a host that holds a drawing and its face is to hold beside these: {keep}; null: it holds
  // what it held.
  translate(more = {}, held = null) {
    Object.assign(this, { progress: "", since: performance.now() });
    return this.host.translate(blobOf(this.given.uri), { ...this.fields(), ...more }, held);
  }

  fields() {
    const { model, seed, answer, likely, temperature, person, strength } = this.settings;
    const fields = { direction: this.model.direction, model, seed, align: "never", clean: "never" };
    if (this.model.chooses) {
      Object.assign(fields, { answer, likely, person: listed(person) });
      if (temperature !== null) Object.assign(fields, { temperature });
    }
    const isEnhanced = strength > 0 && this.canEnhance;
    return isEnhanced ? { ...fields, enhance: true, strength } : fields;
  }

  // Who answers, if somebody stays: as one of eight was asked for while nothing has changed since,
  // and from then on by the code.
  personFields() {
    if (!this.keepsSomebody) return {};
    const { keep } = this.settings;
    return this.eight.asked(keep) ?? { keep };
  }

  // Somebody stays, by a code; "": nobody.
  stay(code) {
    this.settings.keep = code || null;
    return this.changed();
  }

  // A face that is there already, in place of those that are asked for.
  showFace({ png, person, warnings }) {
    Object.assign(this, { face: png, person: person ?? "", wanted: "", problem: "" });
    this.endRest();
    this.warnings = [...this.given.warnings, ...warnings];
    this.epoch++;
  }

  // The face as a PNG's data address, with more pixels where the model has them.
  async large() {
    const hasMore = this.model.size_px === 256;
    const asked = { ...this.personFields(), large: true };
    const failed = (error) => {
      throw new Error(`saved as it is seen, with fewer pixels: ${error.message}`);
    };
    const reply = hasMore && (await this.run(() => this.translate(asked).catch(failed)));
    return reply ? reply.pictures[0].png : this.face;
  }

  // One line on how it goes, and whether it is an error.
  get status() {
    if (this.problem) return [this.problem, !this.given.isEmpty];
    if (this.isBusy) return [this.progress || "working …", false];
    const news = this.isKept ? [] : [UNKEPT];
    const answered = this.face ? [`answered in ${this.seconds.toFixed(1)} s`] : [];
    return [[...answered, ...this.warnings, ...news].join(" · "), false];
  }
}
