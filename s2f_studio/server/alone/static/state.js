// What a sketch pad knows, and what its page's messages do to it; as s2f_studio/web does for the app's server.

import { FACTS } from "./facts.js";
import { darkest, picture, square } from "./pixels.js";
import { addressOf, blobOf, decoded, thumb } from "./pictures.js";
import { blended, feathered } from "./regions.js";
import { crudeness } from "./understanding.js";

const { pad: bounds, told } = FACTS;
const ANSWERED = ["set", "likely", "person", "start", "upload", "hint"]; // where something is drawn
const NO_TONES = "tones are for the face that is meant: where every line is kept, this page changes none";
const COLOUR = /^#[0-9a-f]{6}$/i;

export class EmptyError extends Error {}

const refuse = (text) => { throw new Error(text); };

function share(value, name, low = 0) {
  return Number(value) >= low && Number(value) <= 1 ? Number(value) : refuse(`${name} must be from ${low} to 1`);
}

const short = (value) => String(Number(Number(value).toPrecision(6)));

const smalls = new WeakMap(); // of each drawing, as the models read it

export class PadState {
  constructor() {
    const { detail, answer, seed, likely } = bounds.state;
    Object.assign(this, { detail, answer, seed, likely, person: {}, hints: {}, region: null, outside: null, seedOutside: null });
    Object.assign(this, { face: null, versions: [], isPreview: false, start: null, warnings: [], about: null });
    this.drawing = picture(bounds.drawing_px, bounds.drawing_px, 255);
  }

  get small() {
    if (!smalls.has(this.drawing)) smalls.set(this.drawing, square(this.drawing, FACTS.looking.look_px));
    return smalls.get(this.drawing);
  }

  get isEmpty() { return darkest(this.drawing.data) > bounds.ink_below; }

  setDrawing(drawing) {
    const own = drawing.width === bounds.drawing_px && drawing.height === bounds.drawing_px ? drawing : square(drawing, bounds.drawing_px);
    if (own.data.every((value, n) => value === this.drawing.data[n])) return;
    this.drawing = own;
    this.start = null;
  }

  async beginWith(name) {
    if (!bounds.state.starts.includes(name)) refuse(`there is no start ${name}: reload the page`);
    const answer = await fetch(new URL(`../starts/${name.replaceAll(" ", "-")}.png`, import.meta.url)).catch(() => null);
    if (!answer?.ok) refuse("this drawing could not be loaded: try again when there is a connection");
    this.take(await decoded(await answer.blob()));
    this.start = name;
  }

  take(drawing, warnings = []) {
    this.warnings = warnings;
    this.setDrawing(drawing);
  }

  setRegion(outline) {
    if (!outline) {
      if (this.seedOutside !== null) this.seed = this.seedOutside; // the person stays who it was
      this.region = this.outside = this.seedOutside = null;
      return;
    }
    if (!this.face) refuse("there is no face yet to keep: draw one first");
    this.region = feathered(outline, this.face.width);
    this.outside = this.face;
    this.seedOutside ??= this.seed;
  }

  setLikely(amount, part) {
    const names = Object.keys(this.likely);
    if (part && !names.includes(part)) refuse(`there is no part ${part}: choose of ${names.join(", ")}`);
    this.likely = { ...this.likely, ...Object.fromEntries((part ? [part] : names).map((name) => [name, share(amount, "likely")])) };
  }

  say(name, value) {
    if (!told.told.includes(name)) refuse(`of a person one may say ${told.told.join(", ")}, not ${name}`);
    const { [name]: _, ...others } = this.person;
    this.person = value === null || value === undefined ? others : { ...others, [name]: share(value, name, -1) };
  }

  hint(part, colour) {
    if (!told.coloured.includes(part)) refuse(`a tone is of ${told.coloured.join(" or ")}`);
    const { [part]: _, ...others } = this.hints;
    if (colour && !COLOUR.test(colour)) refuse("a colour is written as #rrggbb");
    this.hints = colour ? { ...others, [part]: colour.toLowerCase() } : others;
  }

  get settings() {
    const { detail, answer, seed, hints, likely, person } = this;
    return { detail, answer, seed, hints, likely, person };
  }

  keepVersion() {
    if (!this.face) refuse("there is no face yet to keep: draw one first");
    if (this.versions.length >= bounds.most_versions) refuse(`${bounds.most_versions} versions are kept: drop one first`);
    const taken = new Set(this.versions.map((one) => one.name));
    let number = 1;
    while (taken.has(`version ${number}`)) number++;
    this.versions = [...this.versions, { name: `version ${number}`, given: this.drawing, face: this.face, settings: this.settings }];
  }

  version(number) { return this.versions[number] ?? refuse(`there is no version ${number}`); }

  backTo(number) {
    const version = this.version(number);
    this.setRegion(null);
    Object.assign(this, version.settings);
    this.setDrawing(version.given);
    this.face = version.face;
  }

  async restore(content) {
    this.setRegion(null);
    this.take(await decoded(blobOf(content.picture)));
    this.set(content);
    for (const [part, amount] of Object.entries(content.likely)) this.setLikely(amount, part);
    this.person = {};
    this.hints = {};
    for (const [name, value] of Object.entries(content.person)) this.say(name, value);
    for (const [part, colour] of Object.entries(content.hints)) this.hint(part, colour);
  }

  set(content) {
    if ("detail" in content) this.detail = Math.min(1, Math.max(0, Number(content.detail)));
    const answer = content.answer ?? this.answer;
    if (!bounds.answers.includes(answer)) refuse(`there is no answer ${answer}`);
    this.answer = answer;
    if ("seed" in content) this.seed = Math.trunc(Number(content.seed)) % 2 ** 31;
  }

  // What is to be asked of the model now.
  question() {
    if (this.isEmpty) {
      this.face = null;
      throw new EmptyError(bounds.empty);
    }
    const { seed, detail, likely, person, hints } = this;
    const isQuick = this.isPreview && ["auto", "rendered"].includes(this.answer);
    return { seed, detail, colours: seed > 0, likely, large: false, person: { ...person, ...hints }, answer: isQuick ? bounds.preview : this.answer };
  }

  get hasLarge() { return !this.region && !!this.face && !(Object.keys(this.hints).length && this.answer === "faithful"); }

  complete(made) { this.face = this.region ? blended(this.outside, made, this.region) : made; }

  notes() {
    const { state } = bounds, said = { model: state.model, seed: String(this.seed), detail: short(this.detail) };
    if (this.answer !== "auto") said.answer = this.answer;
    for (const [part, own] of Object.entries(this.likely)) if (own !== FACTS.likely) said[`likely ${part}`] = short(own);
    for (const [name, value] of Object.entries(this.person)) said[name] = short(value);
    for (const [part, colour] of Object.entries(this.hints)) said[part] = `${colour} by ${state.hint_method}`;
    return said;
  }
}

// Do what a message asks for; whether the drawing is to be answered again. prepared(blob) cleans and lays a person's picture.
export async function obeyed(pad, content, prepared) {
  const { kind, number } = content;
  pad.isPreview = kind === "draw" && content.preview === true;
  if (kind === "restore") await pad.restore(content);
  else if (kind === "draw") pad.setDrawing(await decoded(blobOf(content.picture)));
  else if (kind === "set") pad.set(content);
  else if (kind === "likely") pad.setLikely(content.amount, content.part);
  else if (kind === "person") pad.say(content.name, content.value);
  else if (kind === "start" || kind === "upload") {
    if (kind === "start") await pad.beginWith(content.name);
    else pad.take(...(await prepared(blobOf(content.picture))));
    pad.setRegion(null);
  } else if (kind === "region") pad.setRegion(content.points);
  else if (kind === "hint") pad.hint(content.part, content.colour);
  else if (kind === "keep") pad.keepVersion();
  else if (kind === "drop") pad.versions = pad.versions.filter((one) => one !== pad.version(number));
  else if (kind === "back") pad.backTo(number);
  else if (kind !== "hello" && kind !== "save") refuse(`this page does not know ${kind}`);
  return kind === "restore" || kind === "draw" || ANSWERED.includes(kind);
}

const kept = new WeakMap(); // what is shown of each version

async function shownOf(version) {
  if (!kept.has(version)) kept.set(version, { name: version.name, given: await thumb(version.given), face: await thumb(version.face) });
  return kept.get(version);
}

// What there is to say about the newest answer: [{code, degree, text}].
export async function remarksOn(pad, engine, isFaithful) {
  const remarks = [...pad.warnings];
  if (!pad.face) return remarks;
  const degree = await crudeness(engine, pad.small, { answer: pad.answer, detail: pad.detail });
  if (degree !== null) remarks.push({ code: "crude", degree, text: bounds.words.crude });
  if (isFaithful && Object.keys(pad.hints).length) remarks.push({ code: "no-tone", text: NO_TONES });
  return remarks;
}

// What the page is told of the pad now.
export async function valuesOf(pad, remarks, loaded) {
  const { detail, answer, seed, likely, person, hints } = pad, drawing = loaded ? { drawing: await addressOf(pad.drawing), loaded } : {};
  return {
    ...drawing,
    face: pad.face ? await addressOf(pad.face, pad.notes()) : "",
    state: {
      ...bounds.state, detail, answer, seed, likely, person, hints, region: !!pad.region, has_large: pad.hasLarge,
      is_example: pad.start !== null, versions: await Promise.all(pad.versions.map(shownOf)),
      warnings: remarks.map((one) => one.text), codes: remarks.map((one) => one.code),
      offers_lines: remarks.some((one) => one.code === "crude" && one.degree <= bounds.lines_until),
    },
  };
}
