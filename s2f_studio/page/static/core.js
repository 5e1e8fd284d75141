// The sketch pad's state and what its controls do to it, the same in every host. A host answers questions and keeps
// nothing: each question carries the drawing and all that was set (s2f_studio/query.py).

import { blobOf, dataUri } from "./files.js";
import { blended } from "./regions.js";
import { ANSWERS, CHANGES, begun, fieldsOf, shownOf } from "./question.js";

const PAD = "pad"; // under which the browser keeps what is drawn and set
const ANSWERED = ["set", "likely", "person", "model", "start", "upload", "hint"];
const SLOW_MS = 1500; // then the page says what is waited for
const UNKEPT = "this browser keeps nothing: save what you want to keep";
const EMPTY = "the drawing is empty: draw a face, or start from one of the list";

class EmptyError extends Error {}
const kindOf = (value) => Object.prototype.toString.call(value);

export class Core {
  // store: {keep, kept} of what the browser keeps, or null; waiting(model, say) says what is waited for, until it ends.
  constructor(host, store = null, waiting = () => () => {}) {
    Object.assign(this, { host, store, waiting, isKept: true, queue: [], isBusy: false, isTold: false });
    Object.assign(this, { problem: "", seconds: 0, slowSaid: null });
    this.view = { shown() {}, tellBusy() {} }; // the page, once it is there
    if (!store) this.anew = null; // nothing is kept that could be left behind
    addEventListener("beforeunload", (event) => { if (!this.isKept) event.preventDefault(); });
  }

  // What the page reads

  get one() { return this.models.find((one) => one.id === this.model); }
  get kind() { return this.one.reads === "map" ? "map" : "aligned"; } // of what it begins with
  get given() { return this.drawings[this.one.reads]; }
  get waits() { return !this.face && !this.given.isEmpty; } // its face is still to be made
  get hasLarge() { return !this.isBlended && this.strength === 0 && !!this.face && this.one.chooses; }
  get settings() { return Object.fromEntries(Object.keys(begun(this.about.query)).map((name) => [name, this[name]])); }
  get lasting() { return { ...this.settings, seed: this.seedOutside ?? this.seed }; } // a region has a person of its own

  // The settings, with the changes that still wait: what the controls show.
  get planned() {
    const changed = (all, { kind, content }) => (kind in CHANGES ? { ...all, ...CHANGES[kind](all, content) } : all);
    return this.queue.reduce(changed, this.settings);
  }

  get state() {
    const { about, one, warnings, versions } = this;
    return {
      ...shownOf(this.planned, one, this.restorers), models: this.models.map(({ id, title }) => [id, title]),
      reads: one.reads, face_px: one.size_px, has_seed: one.answers > 1, starts: about.starts[this.kind] ?? [],
      region: !!this.region, warnings, versions, is_example: !!this.given.start,
      guide: about.guide, labels: about.labels, note: about.note,
    };
  }

  // Beginning

  // now: of a host that knows what is drawn.
  async open(now = null) {
    const [about, { models }] = await Promise.all([this.host.about(), this.host.models()]);
    this.about = about;
    const ready = models.filter((one) => one.state === "ready");
    this.models = ready.filter((one) => one.kind === "model" && ["sketch", "map"].includes(one.reads));
    this.restorers = ready.filter((one) => one.kind === "restorer");
    await this.begin(now ?? this.store?.kept(PAD));
    this.view.shown(true);
  }

  async begin(kept) {
    const { query, start } = this.about, blank = { uri: "", isEmpty: true, start: "" };
    Object.assign(this, begun(query), { model: this.models[0].id });
    Object.assign(this, { drawings: { sketch: blank, map: blank }, face: "", isBlended: false, large: "", versions: [] });
    Object.assign(this, { region: null, outside: "", seedOutside: null, warnings: [], uploaded: [], isPreview: false });
    const isThere = this.models.some((one) => one.id === kept?.model);
    if (kept?.drawings) this.restore(isThere ? kept : { ...kept, model: this.model });
    if (!this.given.uri) await this.beginWith(this.one.reads === "map" ? this.about.starts.map[1] : start);
  }

  restore(kept) {
    const isSound = (name) => kindOf(kept[name]) === kindOf(this[name]); // else this begins anew
    for (const name of [...Object.keys(this.settings), "versions"].filter(isSound)) this[name] = kept[name];
    this.versions = this.versions.filter((one) => one?.settings);
    for (const [reads, own] of Object.entries(this.drawings)) this.drawings[reads] = { ...own, ...kept.drawings[reads] };
    if (!ANSWERS.some(([name]) => name === this.answer)) this.answer = this.about.query.answer; // one of an older page
    this.face = kept.face ?? "";
  }

  snapshot() { return { ...this.lasting, drawings: this.drawings, versions: this.versions }; }

  draw(uri, isEmpty = false, start = "") {
    this.drawings = { ...this.drawings, [this.one.reads]: { uri, isEmpty, start } };
  }

  async beginWith(start) {
    this.draw(await dataUri(await this.host.startFile(this.kind, start)), false, start);
    this.uploaded = [];
  }

  // What the page asks for: one thing at a time; of a drawing and of each setting only the newest waits. content: or a function
  // that gives it when its turn comes.
  ask(kind, content = {}) {
    const last = this.queue.at(-1), ofOne = (name) => last.content[name] === content[name];
    const isSame = last?.kind === kind && (kind === "draw" || (kind in CHANGES && ["part", "name"].every(ofOne)));
    if (isSame) this.queue.pop();
    const wanted = isSame && kind === "set" ? { ...last.content, ...content } : content;
    return new Promise((done) => {
      this.queue.push({ kind, content: wanted, done });
      if (!this.isBusy) this.next();
    });
  }

  async next() {
    const { kind, content, done } = this.queue.shift(), slowMs = this.host.slow_ms ?? SLOW_MS;
    const slow = setInterval(() => this.view.tellBusy(true, true), slowMs);
    this.isBusy = true;
    this.view.tellBusy(true);
    await this.send({ kind, ...(typeof content === "function" ? await content() : content) });
    clearInterval(slow);
    this.isBusy = false;
    this.view.tellBusy(false);
    done();
    if (this.queue.length && !this.isBusy) this.next();
  }

  // Each is obeyed as a whole, or not at all; but a drawing stays, for the page shows it.
  async send(content) {
    const begun = performance.now(), before = { ...this }, { kind } = content;
    const end = this.waiting(this.model, (text, ...more) => { this.slowSaid = [`${text}; your drawing is kept`, ...more]; });
    let problem = "";
    try {
      await this.obey(content);
      const isWanted = kind === "hello" ? !this.face : ANSWERED.includes(kind) && !this.given.isEmpty;
      if (isWanted || kind === "draw") await this.refresh();
      if (kind === "save") this.large = (await this.answers({ large: true })).pictures[0].png;
    } catch (error) {
      if (!(error instanceof EmptyError) && kind !== "draw") Object.assign(this, before);
      problem = error instanceof TypeError ? this.host.GONE : error.message;
    } finally { end(); }
    const { reads } = this.one, wasOther = reads !== this.models.find((one) => one.id === before.model).reads;
    const isNew = kind !== "draw" && (wasOther || this.given.uri !== before.drawings[reads].uri);
    Object.assign(this, { problem, seconds: (performance.now() - begun) / 1000 });
    if (this.store && !this.isPreview) this.isKept = this.store.keep(PAD, this.snapshot());
    this.view.shown(isNew);
  }

  // What is to be said once.
  news() {
    const found = this.isKept || this.isTold ? [] : [UNKEPT];
    this.isTold = !this.isKept;
    return found;
  }

  async obey(content) {
    const { kind, number } = content;
    this.isPreview = kind === "draw" && content.preview === true;
    if (kind === "draw") {
      const { uri, start } = this.given;
      this.draw(content.picture, content.empty, content.picture === uri ? start : "");
      if (content.empty) { this.uploaded = []; this.within(null); } // there is nothing left to warn of, or to redraw
    } else if (kind === "model") await this.choose(content.name);
    else if (kind in CHANGES) Object.assign(this, CHANGES[kind](this, content));
    else if (kind === "start" || kind === "upload") {
      if (kind === "start") await this.beginWith(content.name);
      else {
        const { drawing, warnings } = await this.told(this.host.drawing(blobOf(content.picture), this.model));
        this.draw(drawing);
        this.uploaded = warnings;
      }
      this.within(null);
    } else if (kind === "region") this.within(content.region ?? null);
    else if (kind === "keep") this.keep();
    else if (kind === "drop") this.versions = this.versions.filter((_, n) => n !== number);
    else if (kind === "back") this.back(this.versions[number]);
    else if (kind === "anew") await this.begin(null);
  }

  // Another model; one of another kind begins with its own drawing or map.
  async choose(name) {
    if (!this.models.some((one) => one.id === name)) throw new Error(`${name} takes no drawings: choose another model`);
    this.within(null);
    Object.assign(this, { model: name, face: "" });
    if (!this.given.uri) await this.beginWith(this.about.starts[this.kind].at(this.kind === "map" ? 1 : 0));
  }

  // From now on redraw this region alone; null: the whole face.
  within(region) {
    if (region && !this.face) throw new Error("there is no face yet to keep: draw one first");
    const seed = this.seedOutside ?? this.seed; // of the person, who stays
    if (region) Object.assign(this, { region, outside: this.face, seedOutside: seed });
    else Object.assign(this, { seed, region: null, outside: "", seedOutside: null });
  }

  keep() {
    const { most_versions: most } = this.about, taken = this.versions.map((one) => one.name);
    if (!this.face) throw new Error("there is no face yet to keep: draw one first");
    if (taken.length >= most) throw new Error(`${most} versions are kept: drop one first`);
    let number = 1;
    while (taken.includes(`version ${number}`)) number++;
    const { lasting: settings, face, isBlended } = this;
    this.versions = [...this.versions, { name: `version ${number}`, given: this.given.uri, face, settings, isBlended }];
  }

  back({ given, face, settings, isBlended = false }) {
    const { model } = settings; // a run may have been deleted since
    if (!this.models.some((one) => one.id === model)) throw new Error(`${model} is not here any more: choose another version`);
    this.within(null);
    Object.assign(this, settings);
    this.draw(given);
    Object.assign(this, { face, isBlended, uploaded: [], warnings: [] });
  }

  // Asking

  fields(more) {
    const asked = this.isPreview ? { ...this.settings, answer: this.about.preview, strength: 0 } : this.settings;
    return { ...fieldsOf(asked, this.one), align: "never", clean: "never", ...more };
  }

  // What a host says, once it is good.
  async told(asked) {
    const { ok, told } = await asked;
    if (!ok) throw new Error(told.detail);
    return told;
  }

  answers(more = {}) { return this.told(this.host.translate(blobOf(this.given.uri), this.fields(more))); }

  async refresh() {
    if (this.given.isEmpty) {
      this.face = "";
      throw new EmptyError(EMPTY);
    }
    const told = await this.answers(), made = told.pictures[0].png;
    this.face = this.region ? await blended(this.outside, made, this.region) : made;
    this.isBlended = !!this.region;
    this.warnings = [...this.uploaded, ...told.warnings];
    if (this.region) this.host.shown?.(this.face);
  }

  // Begin with nothing kept, once what is being asked is answered; whether that could be done.
  async anew() {
    await this.ask("anew");
    if (!this.problem) this.store.keep(PAD, null);
    return !this.problem;
  }
}
