// Pictures that a person gives: cleaned, their face found and laid as the models know it, answered, written as PNG.

import { FACTS } from "./facts.js";
import { answer, sketched } from "./chain.js";
import { cleaned, isFaint, needsCleaning } from "./cleaning.js";
import { warped } from "./crop.js";
import { faceOf, sharesOf, worded } from "./finding.js";
import { hasLines, square } from "./pixels.js";
import { addressOf, decoded } from "./pictures.js";
import { UNABLE } from "./sessions.js";
import { alignment, pairs } from "./shapes.js";
import { crudeness, isVague, understood } from "./understanding.js";

const { about, looking, models, pad: bounds, shapes, upload } = FACTS;
const { note, query: usually } = about;
const FACE_PX = looking.look_px, MOST_SEED = 2 ** 31;
const PHOTO_FROM = 0.5; // of what the finder says: of 100 portraits 99 are above, of 200 artists' sketches 4
const ABOUT_FACE = ["rough-face", "no-face"];
const { coloured: COLOURED } = FACTS.told, TONED = "the person's own tone";

class Refusal extends Error {
  constructor(text, code = "") { super(text); this.code = code; }
}

const withRemark = (ready, code) => ({ ...ready, remarks: [{ code }, ...ready.remarks] });

// Numbers by name, of "eyes=1,mouth=0.5"; one number is for all of FACTS.shapes.parts.
const namedOf = (text) => Object.fromEntries(text.split(",").filter(Boolean).map((one) => one.split("=")));

function askOf(fields) {
  const parts = Object.keys(shapes.parts), likely = fields.likely ? namedOf(fields.likely) : {};
  const person = Object.entries(namedOf(fields.person || "")).map(([name, value]) => [name, value.startsWith("#") ? value : Number(value)]);
  const kind = fields.answer || usually.answer;
  return {
    seed: Number(fields.seed ?? usually.seed), answer: kind === "auto" ? "rendered" : kind, large: fields.large === true,
    person: Object.fromEntries(person),
    likely: Object.fromEntries(parts.map((part) => [part, Number(likely[part] ?? (fields.likely ? 0 : usually.likely))])),
  };
}

// What is asked of the model, [name, question], as in Python (s2f_studio/query.py): beside what is rendered its average.
function asksOf(fields) {
  const ask = askOf(fields), num = Number(fields.candidates ?? usually.candidates), first = [[ask.answer, ask]];
  if (num > 1 && ask.answer === "rendered") first.push(["expected", { ...ask, answer: "expected" }]);
  return Array.from({ length: num }, (_, n) => first[n] ??
    [`variation ${n - first.length + 1}`, { ...ask, seed: (ask.seed + 1 + n - first.length) % MOST_SEED }]);
}

// {ok, told}: what was made, or why there is nothing.
async function told(work) {
  try {
    return { ok: true, told: await work() };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const isPlain = error.name === "Error"; // a sentence of ours
    if (!isPlain || error.cause) console.warn(error);
    return { ok: false, told: { detail: isPlain ? error.message : UNABLE, code: error.code ?? "" } };
  }
}

export class Uploads {
  constructor(engine) { this.engine = engine; }

  // A picture as a model expects it, its paper cleaned where that is needed: {given, face, remarks}; one that is to be taken
  // as it is has no face.
  async prepared(picture, way, fields, sizePx = FACE_PX) {
    if (fields.align === "never") return { given: square(picture, sizePx), face: null, remarks: [] };
    const isDrawing = way === "sketch-to-photo", clean = fields.clean || usually.clean;
    const ready = await this.laid(picture, isDrawing, fields, sizePx), isPhoto = await this.isPhoto(ready.given);
    if (!isDrawing) return isPhoto ? ready : withRemark(ready, "not-a-photo");
    const faint = !isPhoto && isFaint(picture), isDirty = faint || (!isPhoto && needsCleaning(picture));
    if (clean === "never" || !(clean === "always" || isDirty)) return isPhoto ? withRemark(ready, "photo") : ready;
    const paper = cleaned(picture);
    if (!hasLines(paper)) return withRemark(ready, faint ? "no-lines" : "not-cleaned");
    const cleaner = await this.laid(paper, true, fields, sizePx);
    return faint ? withRemark(cleaner, "strengthened") : cleaner;
  }

  // The same, its face found and laid upright.
  async laid(picture, isDrawing, fields, sizePx) {
    const points = fields.points ? pairs(fields.points.split(",").map(Number)) : null;
    const at = points?.map(([x, y]) => [x * picture.width - 0.5, y * picture.height - 0.5]);
    const { face, remarks } = await faceOf(this.engine, picture, { isDrawing, points: at, number: Number(fields.face) || 0 });
    const given = warped(picture, alignment(face.landmarks, sizePx), sizePx, isDrawing ? "paper" : "reflect");
    const isEmpty = !hasLines(given) && hasLines(picture);
    return { given, face, remarks: isDrawing && isEmpty ? [{ code: "empty" }, ...remarks] : remarks };
  }

  async isPhoto(given) {
    return (await understood(this.engine, square(given, FACE_PX))).flags.photo >= PHOTO_FROM;
  }

  // {ok, told}: a person's picture for a pad, {drawing, warnings}.
  drawing(file) {
    return told(async () => {
      const { given, remarks } = await this.prepared(await decoded(file), "sketch-to-photo", {}, bounds.drawing_px);
      return { drawing: await addressOf(given), warnings: remarks.map((one) => worded(one, bounds.words)) };
    });
  }

  async checkFace({ given, remarks }, way) {
    const codes = remarks.map((one) => one.code);
    if (codes.includes("no-lines")) throw new Refusal(`${worded({ code: "no-lines" }, upload.words)}: draw a face first`);
    if (codes.includes("no-face")) throw new Refusal(upload.no_face, "no-face");
    if (way === "sketch-to-photo" && codes.includes("rough-face") && isVague(await understood(this.engine, given))) throw new Refusal(upload.no_face, "no-face");
  }

  // {ok, told}: the answers to a file, or what went wrong. signal() raises where nobody waits any more.
  translate(file, fields, signal) { return told(() => this.answered(file, fields, signal)); }

  async answered(file, fields, signal) {
    const { engine } = this, begun = performance.now(), way = fields.direction, model = models.find((one) => one.direction === way);
    if (!model) throw new Refusal("this page does not go this way: choose sketch → photo, or photo → sketch");
    const picture = await decoded(file), ready = await this.prepared(picture, way, fields);
    if (ready.face && !fields.points && !fields.insist) await this.checkFace(ready, way);
    const prepared = performance.now(), isDrawing = way === "sketch-to-photo";
    const asks = isDrawing ? asksOf(fields) : [["answer", askOf(fields)]], made = [];
    let { remarks } = ready;
    for (const [, ask] of asks) {
      signal();
      made.push(isDrawing ? await answer(engine, ready.given, ask) : await sketched(engine, ready.given, ask));
    }
    if (isDrawing && (fields.answer || usually.answer) === "auto") {
      const degree = await crudeness(engine, ready.given);
      if (degree !== null) remarks = [...remarks, { code: "crude", data: { degree } }];
    }
    const pictures = await Promise.all(made.map(async (one, n) => {
      const notes = notesOf(model, asks[n][1], isDrawing);
      return { name: asks[n][0], notes, width: one.width, height: one.height, png: await addressOf(one, notes) };
    }));
    const seconds = { prepared: (prepared - begun) / 1000, translated: (performance.now() - prepared) / 1000 };
    return { ...toldOf(ready, picture), ...saidOf(remarks, ready.face), model: model.id, direction: way, note, pictures, seconds, given: await addressOf(ready.given) };
  }
}

const short = (value) => String(Number(value.toPrecision(6)));

function notesOf(model, ask, isDrawing) {
  const notes = { model: model.id, seed: String(ask.seed) };
  if (!isDrawing) return notes;
  notes.answer = ask.answer;
  for (const [part, own] of Object.entries(ask.likely)) if (own !== usually.likely) notes[`likely ${part}`] = short(own);
  for (const [name, value] of Object.entries(ask.person)) notes[name] = COLOURED.includes(name) ? `${value} by ${TONED}` : short(value);
  return notes;
}

const isSure = (face) => face?.method !== "finder";

// Where the face is, and which others there are.
function toldOf({ face, remarks }, picture) {
  const several = remarks.find((one) => one.code === "faces")?.data ?? { num: 1, boxes: [], taken: 1 };
  const points = face ? sharesOf(face.landmarks, picture) : null, { num, boxes, taken } = several;
  return { points, face_found: isSure(face), num_faces: num, faces: boxes, taken, sheet: null };
}

function saidOf(remarks, face) {
  const told = remarks.filter((one) => isSure(face) || !ABOUT_FACE.includes(one.code)).map((one) => worded(one, upload.words));
  if (!isSure(face)) told.push(upload.check + upload.unsure);
  return { warnings: [...new Set(told)], codes: remarks.map((one) => one.code) };
}
