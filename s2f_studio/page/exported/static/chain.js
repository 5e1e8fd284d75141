// From a drawing to a face: which graphs run, and what is decided between them; as in Python
// (s2f_studio/faces).

import { FACTS } from "./facts.js";
import { choose, kept, usualTemperature } from "./choose.js";
import { canvasOf, colours, floats, paperColour, pictureOf, pixels, resized, whole } from "./pixels.js";
import * as shapes from "./shapes.js";

const { alignment, asPortrait, coarseField, coordinates, eyeDistance, five, likely, pairs } = shapes;

const { attributes, bank, looking, meaning, mesh } = FACTS;
const FACE_PX = looking.look_px;
// The last drawing, with its average face and weights: eight faces are asked for one by one.
const remembered = { data: null, found: null };

// What is drawn: {points, off, flags, parts, offByHand}. given: a picture of FACE_PX a side.
async function understood(engine, given) {
  if (remembered.data?.every((value, n) => value === given.data[n])) return remembered.found;
  const paper = paperColour(given).reduce((a, b) => a + b) / 3;
  let affine = framed(given);
  let seen = null;
  for (let look = 0; look < looking.looks; look++) {
    if (seen) affine = alignment(five(pairs(seen.points.data)), FACE_PX);
    const inputs = [pixels(given), floats(affine.flat(), 1, 2, 3), floats([paper], 1)];
    seen = await engine.run("look", ...inputs);
  }
  const flags = {};
  attributes.flags.forEach((name, n) => {
    flags[name] = seen.flags.data[n];
  });
  const parts = {};
  attributes.parts.forEach((name, n) => {
    parts[name] = seen.parts.data.subarray(n * FACE_PX ** 2, (n + 1) * FACE_PX ** 2);
  });
  const off = Array.from(seen.off.data);
  const offByHand = off.map((own) => (1 + looking.by_hand * flags.crude) * own);
  remembered.data = given.data;
  const points = pairs(seen.points.data);
  const vagueness = off.reduce((a, b) => a + b) / off.length / eyeDistance(points);
  remembered.found = { points, offByHand, vagueness, flags, parts };
  return remembered.found;
}

// From a picture's pixels to those that are looked at: a small drawing on much paper fills them.
function framed({ width, data }) {
  const across = Array(width).fill(false);
  const down = Array(width).fill(false);
  let inked = 0;
  for (let n = 0; n < width * width; n++) {
    const level = Math.min(data[3 * n], data[3 * n + 1], data[3 * n + 2]);
    if (level >= looking.lines_below) continue;
    across[n % width] = true;
    down[Math.floor(n / width)] = true;
    inked++;
  }
  const spans = [across, down].map((one) => [one.indexOf(true), one.lastIndexOf(true)]);
  const longest = Math.max(...spans.map(([first, last]) => last + 1 - first));
  const wide = longest / looking.filled;
  const share = inked / (width * width);
  const isSmall = share > 0 && share < looking.inked && wide < looking.small * width;
  const side = isSmall ? wide : width;
  const scale = FACE_PX / side;
  const [left, top] = spans.map(([first, last]) => (isSmall ? (first + last + 1 - wide) / 2 : 0));
  return [[scale, 0, (0.5 - left) * scale - 0.5], [0, scale, (0.5 - top) * scale - 0.5]];
}

// How much of the person above the brows is hair, from 0 (a hat, a bald head) to 1.
function hairAbove({ points, parts }) {
  const unit = eyeDistance(points);
  const middle = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const brow = (name) => mesh.parts[name].map((n) => points[n][1]);
  const brows = Math.min(...brow("left_brow"), ...brow("right_brow"));
  const place = (value) => Math.trunc(Math.min(FACE_PX - 1, Math.max(0, value)));
  const [left, right] = [place(middle - 0.7 * unit), place(middle + 0.7 * unit)];
  const [top, bottom] = [place(brows - 1.3 * unit), place(brows - 0.25 * unit)];
  const sum = { hair: 0, person: 0 };
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      sum.hair += parts.hair[y * FACE_PX + x];
      sum.person += parts.person[y * FACE_PX + x];
    }
  }
  const num = (bottom - top + 1) * (right - left + 1);
  return sum.hair / num / Math.max(sum.person / num, 0.05);
}

// What is inferred of the person, {name: from -1 to 1}: hair drawn down to the brows is no hat, and
// drawn beards would be rendered weakly.
function inferred(found) {
  const { flags } = found;
  const said = {};
  if (flags.hat > meaning.hat_in_doubt) {
    const crude = flags.crude > meaning.scrawled_from ? 1 : 0;
    const isBare = hairAbove(found) < meaning.most_hair[crude];
    const isHat = flags.hat > meaning.hat_from[crude] && isBare;
    if (!isHat) said.hat = -1;
    else if (flags.hat < meaning.surely) said.hat = 1;
  }
  if (flags.beard > meaning.beard_from) said.beard = 1;
  return said;
}

// The average face where this is known of the person, {name: from 0 to 1}.
function expect(engine, given, { points }, known) {
  return engine.run(
    "expect",
    pixels(given),
    floats(points.flat(), 1, points.length, 2),
    floats(attributes.inputs.map((name) => known[name] ?? NaN), 1, attributes.inputs.length),
    floats(attributes.added.map(() => 0), 1, attributes.added.length), // nothing is drawn as well
    floats(Array(6).fill(NaN), 1, 6), // no tones are asked for
  );
}

// The average face in the mean shape. What is inferred is exaggerated where it is seen, as in
// classifier-free guidance.
async function averageFace(engine, given, found, said) {
  const names = Object.keys(said);
  let { raw } = await expect(engine, given, found, found.flags);
  let last = raw;
  const unknown = { ...found.flags };
  const known = { ...found.flags };
  for (const name of names) {
    unknown[name] = NaN;
    known[name] = 0.5 + 0.5 * said[name];
  }
  const steps = names.length ? [[unknown, 1], [known, meaning.guidance]] : [];
  for (const [flags, scale] of steps) {
    const { raw: made } = await expect(engine, given, found, flags);
    const by = attributes.inputs.map((name) => (names.includes(name) ? scale : 0));
    const guided = await engine.run("guide", raw, last, made, floats(by, 1, by.length));
    raw = guided.guided;
    last = made;
  }
  const [turned] = coordinates(found.points, found.offByHand);
  return (await engine.run("settle", raw, floats([turned], 1))).expected;
}

// The finder's probabilities that glasses, a beard and a hat are drawn; hair that is drawn above the
// brows speaks against a hat.
function wornBy(found) {
  const [bare, haired] = bank.hair_under_hat;
  const share = Math.min(1, Math.max(0, (haired - hairAbove(found)) / (haired - bare)));
  return attributes.worn.map((name) => found.flags[name] * (name === "hat" ? share : 1));
}

// All entries, weighed by the drawing: {weights, hair}.
async function weighed(engine, given, found) {
  const { average } = found;
  const { code } = await engine.run("code", average);
  const { flags, offByHand, parts, points } = found;
  const shape = coordinates(points, offByHand);
  const masks = Float32Array.from([...parts.person, ...parts.hair]);
  return engine.run(
    "weigh",
    pixels(given),
    floats(points.flat(), 1, points.length, 2),
    floats(masks, 1, 2, FACE_PX, FACE_PX),
    average,
    code,
    floats(shape, 1, shape.length),
    floats([flags.crude], 1),
    floats(wornBy(found), 1, attributes.worn.length),
    floats(Array(bank.num_values).fill(NaN), 1, bank.num_values), // nothing is asked for
    floats(Array(6).fill(NaN), 1, 6),
  );
}

// The entry of the bank that answers: {entry, mirrored, drawn, own, shape, code}, with the hair that is
// drawn and its own.
async function person(engine, given, found, { seed, temperature, chosen, keep }) {
  found.weighed ??= await weighed(engine, given, found);
  const { weights, hair } = found.weighed;
  const off = async (picked) => {
    const near = await engine.run("alike", floats(picked, 1, picked.length));
    return near.off.data;
  };
  const free = temperature ?? usualTemperature(found.flags.crude);
  const { data } = weights;
  const isKept = keep !== null;
  const who = isKept ? kept(data, keep) : await choose(data, seed, free, chosen, off);
  const { entry, mirrored } = who;
  const own = await engine.run("entry", whole(entry), floats([Number(mirrored)], 1));
  return { entry, mirrored, drawn: hair, own: own.hair, shape: own.shape, code: own.code };
}

// The photo for a careful drawing, in the mean shape.
async function rendered(engine, given, { average, points }, { code }, seed) {
  const expected = await engine.run("code", average);
  const share = bank.entry_code_share;
  const own = code.data;
  const mixed = Array.from(expected.code.data, (value, n) => (1 - share) * value + share * own[n]);
  const { face } = await engine.run(
    "render",
    floats(mixed, 1, mixed.length),
    pixels(given),
    floats(points.flat(), 1, points.length, 2),
    floats([1], 1),
    whole(seed),
  );
  return face;
}

// The shape in which an entry is laid: some of its own, the rest as it is drawn.
function shapeOf({ shape }, { flags, offByHand, points }) {
  const [least, more] = bank.own_shape;
  const own = least + more * Math.min(1, Math.max(0, (flags.crude - 0.2) / 0.5));
  const drawn = coordinates(points, offByHand);
  return Array.from(drawn, (value, n) => own * shape.data[n] + (1 - own) * value);
}

// The answer to a square drawing: {picture, person, degree, vagueness}, a picture of FACE_PX or twice
// that, the number of the bank's person (null for the average), how crude the drawing is, and how
// little of a face can be made out.
// ask: {seed, temperature, chosen, keep, isAverage, likely, isLarge}.
export async function answer(engine, drawing, ask) {
  const given = drawing.width === FACE_PX ? drawing : resized(drawing, FACE_PX);
  const found = await understood(engine, given);
  found.average ??= await averageFace(engine, given, found, inferred(found));
  const who = ask.isAverage ? null : await person(engine, given, found, ask);
  const shape = who && shapeOf(who, found);
  const coarse = coarseField(asPortrait(likely(found.points, ask.likely, found.offByHand, shape)));
  const side = Math.sqrt(coarse.length / 2);
  const field = floats(coarse, 1, side, side, 2);
  const large = ask.isLarge ? "_large" : "";
  const { flags, vagueness } = found;
  const number = who && bank.numbers[who.entry];
  const answered = ({ picture }) => {
    return { picture: pictureOf(picture), person: number, degree: flags.crude, vagueness };
  };
  if (!who) return answered(await engine.run(`lay${large}`, colours(found.average), field));
  if (flags.crude < meaning.careful) {
    const face = await rendered(engine, given, found, who, ask.seed);
    return answered(await engine.run(`lay${large}`, face, field));
  }
  const canvas = canvasOf(await engine.picture(bank.pictures[who.entry]), who.mirrored);
  return answered(await engine.run(`place${large}`, canvas, field, who.drawn, who.own));
}
