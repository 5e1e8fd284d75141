// What is drawn and set, and the face that follows: the same in the app, in a notebook and on the
// exported page. A host answers requests and keeps nothing, so each carries the drawing and all
// settings (s2f_studio/request.py).

import { blobOf, dataUri } from "./files.js";

export const NUM_FACES = 8;
const TICK_MS = 1000;
const EMPTY = "the drawing is empty: draw a face, or start from one of the list";
const UNKEPT = "this browser keeps nothing: save what you want to keep";
const BLANK = { uri: "", isEmpty: true, start: "", warnings: [], codes: [] };
const PHOTOS = ["sketch-to-photo", "map-to-photo"]; // what can be enhanced

// "age=0.5,beard=1"
function listed(values) {
  return Object.entries(values).map(([name, value]) => `${name}=${value}`).join(",");
}

// The first of the eight among whom a seed is.
function firstOf(seed) {
  return seed - (seed % NUM_FACES);
}

export class State {
  // store: {keep, kept, forget} of what the browser keeps, or null.
  constructor(host, store = null) {
    this.host = host;
    this.store = store;
    this.isKept = true;
    this.view = { shown() {}, told() {} }; // the page, once it is there
    this.numRunning = 0;
    this.wanted = "";
    this.isAsking = false;
    this.epoch = 0; // what was asked in an earlier one is dropped
    this.version = 0; // of what is drawn and set: a strip of faces belongs to one
    this.problem = "";
    this.progress = "";
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

  begin({ settings = {}, drawings = {}, face = "" }) {
    const { seed, answer, likely, temperature, chosen } = this.about.query;
    const usual = { seed, answer, likely, temperature, chosen, person: {}, strength: 0 };
    this.settings = { ...usual, ...settings };
    if (!this.model) this.settings.model = this.models[0].id;
    this.drawings = { ...drawings };
    this.face = face;
    this.forgetFaces();
    this.warnings = [];
    this.seconds = 0;
    this.epoch++;
    this.version++;
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

  get isBusy() {
    return this.numRunning > 0;
  }

  // Doing

  // Run one thing; whatever it throws, the page says so and can be used again.
  async run(act) {
    this.numRunning++;
    this.problem = "";
    this.progress = "";
    const ticking = setInterval(() => this.tick(), TICK_MS);
    try {
      this.view.told();
      return await act();
    } catch (error) {
      this.problem = error?.message || "something went wrong: try again";
      return null;
    } finally {
      clearInterval(ticking);
      this.numRunning--;
      this.view.told();
    }
  }

  // What is waited for, once that takes long.
  async tick() {
    try {
      this.progress = await this.host.progress(this.settings.model);
      if (this.isBusy) this.view.told();
    } catch {
      this.progress = ""; // the answer itself will say what is wrong
    }
  }

  draw(uri, isEmpty, isPreview = false) {
    const { given } = this;
    const start = uri === given.uri ? given.start : "";
    const about = isEmpty ? BLANK : given; // nothing is left to warn of
    return this.put({ ...about, uri, isEmpty, start }, isPreview);
  }

  put(drawing, isPreview = false) {
    this.drawings = { ...this.drawings, [this.reads]: { ...BLANK, ...drawing } };
    return this.changed(isPreview);
  }

  set(changes) {
    Object.assign(this.settings, changes);
    return this.changed();
  }

  // Another direction, or another model; each kind of input has a drawing.
  choose({ direction = "", model = "" }) {
    const isWanted = (one) => one.id === model || one.direction === direction;
    const chosen = this.models.find(isWanted);
    this.settings.model = chosen.id;
    this.face = "";
    this.warnings = [];
    this.epoch++;
    this.version++;
    this.forgetFaces();
    const { uri } = this.given;
    this.view.shown(Boolean(uri));
    return uri ? this.changed() : this.start(this.starts[0]);
  }

  start(name) {
    return this.run(async () => {
      await this.fetchStart(name);
      this.view.shown(true);
      await this.changed();
    });
  }

  async fetchStart(name) {
    const { reads } = this;
    const start = this.starts.includes(name) ? name : this.starts[0];
    const uri = await dataUri(await this.host.start(reads, start));
    this.drawings = { ...this.drawings, [reads]: { ...BLANK, uri, isEmpty: false, start } };
  }

  // A picture of the user's, cropped by the host, becomes the drawing. Throws what the host throws.
  async crop(file, fields) {
    const { model, reads } = this;
    const asked = { ...fields, direction: model.direction, model: model.id };
    const found = await this.host.crop(file, asked);
    if (reads === this.reads) {
      const { warnings, codes } = found;
      this.put({ uri: found.drawing, isEmpty: false, warnings, codes });
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
    this.version++;
    this.forgetFaces();
    if (!isPreview) this.keep();
    return this.ask(isPreview);
  }

  forgetFaces() {
    Object.assign(this, { faces: [], round: [], picks: [] });
  }

  keep() {
    if (!this.store) return;
    this.isKept = this.store.keep({ settings: this.settings, drawings: this.drawings });
  }

  // Ask for the face of what is drawn now; while an answer is waited for, only the newest waits.
  ask(isPreview = false) {
    this.wanted = isPreview ? "preview" : "answer";
    return this.isAsking ? null : this.run(() => this.answerAll());
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
    const isPreview = this.wanted === "preview";
    this.wanted = "";
    try {
      await this.answer(isPreview);
    } catch (error) {
      if (!this.wanted) throw error; // else the newer drawing counts
    }
  }

  async answer(isPreview) {
    const { epoch, given } = this;
    if (given.isEmpty) {
      this.face = "";
      this.warnings = [];
      this.view.shown();
      throw new Error(EMPTY);
    }
    const begun = performance.now();
    const preview = { answer: this.about.preview, enhance: false };
    const told = await this.translate(isPreview ? preview : {}, !isPreview);
    if (epoch !== this.epoch) return;
    this.face = told.pictures[0].png;
    this.seconds = (performance.now() - begun) / 1000;
    this.warnings = [...given.warnings, ...told.warnings];
    this.view.shown();
  }

  // keeps: whether a host that holds a drawing and its face is to hold these.
  translate(more = {}, keeps = false) {
    return this.host.translate(blobOf(this.given.uri), { ...this.fields(), ...more }, keeps);
  }

  fields() {
    const { model, seed, answer, likely, person, strength, chosen } = this.settings;
    const fields = { direction: this.model.direction, model, seed, align: "never", clean: "never" };
    if (this.model.chooses) {
      Object.assign(fields, { answer, likely, person: listed(person), ...this.chosenFields(chosen) });
    }
    const isEnhanced = strength > 0 && this.canEnhance;
    return isEnhanced ? { ...fields, enhance: true, strength } : fields;
  }

  // How freely a person is drawn, and around whom: rounds of picked seeds, as "3,5;9".
  chosenFields(rounds) {
    if (!this.model.chooses) return {};
    const { temperature } = this.settings;
    const free = temperature === null ? {} : { temperature };
    return { ...free, chosen: rounds.map((picks) => picks.join()).join(";") };
  }

  // Eight people for one drawing, one after the other, first those among whom the one in sight is;
  // then the next eight.
  showEight() {
    const { faces, settings } = this;
    if (faces.length) return this.showFaces(faces[0].seed + NUM_FACES, this.round);
    return this.showFaces(firstOf(settings.seed), settings.chosen);
  }

  // The eight from a seed on, drawn around those who were picked in the rounds before.
  showFaces(first, round, picks = []) {
    const version = ++this.version;
    Object.assign(this, { faces: [], round, picks });
    return this.run(async () => {
      for (let seed = first; seed < first + NUM_FACES; seed++) {
        const told = await this.translate({ seed, ...this.chosenFields(round) });
        if (version !== this.version) return; // something was drawn or set meanwhile
        this.faces.push({ seed, png: told.pictures[0].png });
        this.view.shown();
      }
    });
  }

  // The next eight, around those who are picked.
  moreAlike() {
    return this.showFaces(this.faces[0].seed + NUM_FACES, [...this.round, this.picks]);
  }

  // The eight of the round before, and who was picked among them.
  back() {
    const picks = this.round.at(-1);
    return this.showFaces(firstOf(picks[0]), this.round.slice(0, -1), picks);
  }

  // One of the eight, who is shown large; later strokes are answered with the same person. Picked
  // again, one is no longer picked; of more than two, the last two are.
  pick({ seed, png }) {
    if (this.picks.includes(seed)) {
      this.picks = this.picks.filter((one) => one !== seed);
      this.view.shown();
      return null;
    }
    this.picks = [...this.picks, seed].slice(this.model.chooses ? -2 : -1);
    Object.assign(this.settings, { seed, chosen: this.round });
    this.face = png;
    this.keep();
    this.view.shown();
    return this.ask();
  }

  // The face as a PNG's data address, with more pixels where the model has them.
  async large() {
    const hasMore = this.model.size_px === 256 && !(this.settings.strength > 0);
    const told = hasMore && (await this.run(() => this.translate({ large: true })));
    return told ? told.pictures[0].png : this.face;
  }

  // One line on how it goes, and whether it is an error.
  get status() {
    if (this.problem) return [this.problem, !this.given.isEmpty];
    if (this.isBusy) return [this.progress || "working …", false];
    const news = this.isKept ? [] : [UNKEPT];
    const answered = this.face ? [`answered in ${Math.round(1000 * this.seconds)} ms`] : [];
    return [[...answered, ...this.warnings, ...news].join(" · "), false];
  }
}
