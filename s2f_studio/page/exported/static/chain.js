// From a drawing to a face: which graphs run, and what is decided between them; as in Python
// (s2f_studio/faces).

import { FACTS } from "./facts.js";
import { centreOf, codeOf, textOf, usualTemperature } from "./choose.js";
import { colours, floats, paperColour, pictureOf, pixels, whole } from "./pixels.js";
import * as shapes from "./shapes.js";

const { alignment, asPortrait, coarseField, coordinates, eyeDistance, five, likely, pairs } = shapes;

const { attributes, looking, meaning, mesh, people } = FACTS;
const FACE_PX = looking.look_px;
// The last drawing, with what was read of it and its average face: eight faces are asked for one by
// one.
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
// The graph "look" takes the map as an input, because the second look needs another one.
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
  const [bare, haired] = people.hair_under_hat;
  const share = Math.min(1, Math.max(0, (haired - hairAbove(found)) / (haired - bare)));
  return attributes.worn.map((name) => found.flags[name] * (name === "hat" ? share : 1));
}

// The gap between the lips, and how much higher the corners are than the middle.
function lipsOf(points) {
  const [mouth, lips] = ["mouth", "lips"].map((name) => mesh.parts[name].map((n) => points[n][1]));
  const middleOf = (...values) => values.reduce((a, b) => a + b) / values.length;
  const gap = middleOf(...mouth.slice(4, 7)) - middleOf(...mouth.slice(14, 17));
  const smile = middleOf(lips[5], lips[15]) - middleOf(lips[0], lips[10]);
  return [gap, smile].map((value) => value / eyeDistance(points));
}

// What a drawing shows: what the graph "read" says, and what it was given that others take as well.
async function readOf(engine, given, found) {
  const { flags, offByHand, parts, points } = found;
  const values = coordinates(points, offByHand);
  const shape = floats(values, 1, values.length);
  const lips = floats(lipsOf(points), 1, 2);
  const crude = floats([flags.crude], 1);
  const read = await engine.run(
    "read",
    pixels(given),
    floats(points.flat(), 1, points.length, 2),
    floats([...parts.person, ...parts.hair], 1, 2, FACE_PX, FACE_PX),
    shape,
    lips,
    crude,
    floats(wornBy(found), 1, attributes.worn.length),
  );
  return { ...read, shape, lips, crude };
}

// The code from which a person is moved towards the drawing, and the seed's chances: {code, chances}.
// It is that of who is kept, near those who were picked, or drawn by the seed.
async function startOf(engine, reading, { seed, temperature, guidance, chosen, keep }) {
  const guess = (spread) => {
    return engine.run("guess", reading.features, whole(seed), floats([spread], 1), floats([guidance], 1));
  };
  const { code, chances } = await guess(temperature ?? usualTemperature(reading.crude.data[0]));
  const asCode = (values) => floats(values, 1, people.num_directions);
  if (keep !== null) return { code: asCode(codeOf(keep)), chances };
  const picked = centreOf(chosen);
  if (!picked) return { code, chances };
  const { data: likeliest } = (await guess(0)).code;
  const away = Array.from(code.data, (value, n) => picked.spread * (value - likeliest[n]));
  return { code: asCode(away.map((value, n) => picked.centre[n] + value)), chances };
}

// The weight of the drawn shape.
function firmness(amount) {
  const { at, values } = people.firmness;
  const next = amount < at[1] ? 1 : 2;
  const share = (amount - at[next - 1]) / (at[next] - at[next - 1]);
  return values[next - 1] + share * (values[next] - values[next - 1]);
}

// Which of glasses, beard and hat a drawing surely shows, and the person does not; as in Python
// (s2f_studio/faces/asked.py).
export function notShown(looks, traits) {
  const { bare, names, near, surely, traits: places, wanted } = FACTS.not_shown;
  return names.filter((_, n) => {
    const isDrawn = 1 - Math.exp(looks[bare[n]]) > surely;
    return isDrawn && Math.abs(traits[places[n]] - wanted) > near;
  });
}

// The code of the person who answers, as graphs take it, and what is drawn that it does not show.
async function person(engine, given, found, ask) {
  found.reading ??= await readOf(engine, given, found);
  const { hair, looks, shape, lips, crude } = found.reading;
  const { code, chances } = await startOf(engine, found.reading, ask);
  const isGiven = Number(ask.keep !== null || ask.chosen.some(([picked]) => picked.length));
  const firm = floats([firmness(ask.likely)], 1);
  const rest = [chances, firm, floats([isGiven], 1)];
  const fitted = await engine.run("fit", code, hair, looks, shape, lips, crude, ...rest);
  const nothing = floats(Array(people.num_traits).fill(NaN), 1, people.num_traits);
  const { code: edited, traits } = await engine.run("edit", fitted.code, nothing);
  return { code: edited, lacks: notShown(looks.data, traits.data) };
}

async function laidAverage(engine, given, found, { likely: amount, isPreview }) {
  found.average ??= await averageFace(engine, given, found, inferred(found));
  const coarse = coarseField(asPortrait(likely(found.points, amount, found.offByHand)));
  const side = Math.sqrt(coarse.length / 2);
  const large = isPreview ? "" : "_large";
  return engine.run(`lay${large}`, colours(found.average), floats(coarse, 1, side, side, 2));
}

// A square drawing as a picture of FACE_PX a side.
async function reduced(engine, drawing) {
  if (drawing.width === FACE_PX) return drawing;
  return pictureOf((await engine.run("reduce", pixels(drawing))).reduced);
}

// The answer to a square drawing: {picture, person, lacks, degree, vagueness}, a picture, the person's
// code as text (null for the average), what they do not show, how crude the drawing is, and how little
// of a face can be made out.
// ask: {seed, temperature, guidance, chosen, keep, isAverage, likely, isPreview, isLarge}.
export async function answer(engine, drawing, ask) {
  const given = await reduced(engine, drawing);
  const found = await understood(engine, given);
  const about = { degree: found.flags.crude, vagueness: found.vagueness };
  if (ask.isAverage) {
    const { picture } = await laidAverage(engine, given, found, ask);
    return { picture: pictureOf(picture), person: null, ...about };
  }
  const { code, lacks } = await person(engine, given, found, ask);
  const size = ask.isLarge ? "paint_large" : "paint";
  const { picture } = await engine.run(ask.isPreview ? "preview" : size, code);
  return { picture: pictureOf(picture), person: textOf(code.data), lacks, ...about };
}
