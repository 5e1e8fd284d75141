// From a drawing to an answer: which graphs run, and what is decided between them; as in Python (s2f_studio/faces).
//
// A question, `ask`, is {seed, answer, likely, person, large}, as `Ask` in Python.

import { FACTS } from "./facts.js";
import { pictureOf, resized, tensor } from "./pixels.js";
import { coarseField, likely } from "./shapes.js";
import { hairAbove, turnedBy, understood } from "./understanding.js";

const { meaning, told } = FACTS;
const FACE_PX = FACTS.looking.look_px;
const without = (values, names) => Object.fromEntries(Object.entries(values).filter(([name]) => !names.has(name)));

// The question, with what the drawing seems to say where the question says nothing of it.
export function meant(ask, found) {
  const { flags } = found, said = {};
  if (flags.hat > meaning.hat_in_doubt) {
    const crude = flags.crude > meaning.scrawled_from ? 1 : 0;
    if (!(flags.hat > meaning.hat_from[crude] && hairAbove(found) < meaning.most_hair[crude])) said.hat = -1;
    else if (flags.hat < meaning.surely) said.hat = 1;
  }
  if (flags.beard > meaning.beard_from) said.beard = 1;
  return { ...ask, person: { ...said, ...ask.person } };
}

// What the question says that the person wears, and the drawing does not show.
const toAdd = (ask, { flags }) =>
  new Set(told.added.filter((name) => (ask.person[name] ?? 0) > 0 && flags[name] < meaning.not_drawn));

// The question and what was found, without some words of what is said of the person; colours stay.
function untold(ask, found, words = new Set(told.told)) {
  const hidden = new Set([...words].filter((name) => name in ask.person));
  const flags = Object.fromEntries(Object.entries(found.flags).map(([name, flag]) => [name, hidden.has(name) ? NaN : flag]));
  return [{ ...ask, person: without(ask.person, hidden) }, { ...found, flags }];
}

const knownOf = (ask, { flags }) =>
  told.told.map((name) => (name in ask.person ? 0.5 + 0.5 * ask.person[name] : flags[name] ?? NaN));

export const coloursOf = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
const tonesOf = ({ person }) => told.coloured.flatMap((name) => (person[name] ? coloursOf(person[name]) : [NaN, NaN, NaN])
  .map((value) => Math.fround(value / 127.5) - 1));

const wearsHat = ({ person }, found) => (person.hat === undefined ? found.flags.hat > meaning.hat_sure : person.hat > 0);

// What the network says of a drawing: {raw, tones_taken}. added: what is drawn as well.
function answered(engine, given, ask, found, added) {
  return engine.run(
    "expect", tensor.pictures(given), tensor.floats(found.points.flat(), [1, found.points.length, 2]),
    tensor.floats(knownOf(ask, found), [1, told.told.length]),
    tensor.floats(told.added.map((name) => Number(added.has(name))), [1, told.added.length]),
    tensor.floats(tonesOf(ask), [1, 6]), tensor.whole(ask.seed || -1),
  );
}

// What is expected of a drawing, in the mean shape: {expected, people, tones}. Words are exaggerated where they are seen.
async function expected(engine, given, found, question) {
  const added = toAdd(question, found), ask = meant(question, found), none = new Set();
  const said = new Set(Object.keys(ask.person).filter((name) => told.told.includes(name)));
  const others = new Set([...said].filter((name) => !added.has(name)));
  const { raw: first, tones_taken: tones } = await answered(engine, given, untold(ask, found)[0], found, none);
  let raw = first, last = first;
  const steps = [ // words that change something, words that are still hidden, what is drawn, how much each word does
    [new Set(told.worn.filter((name) => said.has(name))), said, none, Object.fromEntries(told.worn.map((name) => [name, 1]))],
    [added, others, added, meaning.added_guidance],
    [others, none, added, {}],
  ];
  for (const [words, hidden, drawn, scales] of steps) {
    if (!words.size) continue;
    const { raw: made } = await answered(engine, given, ...untold(ask, found, hidden), drawn);
    const by = told.told.map((name) => (words.has(name) ? scales[name] ?? meaning.guidance : 0));
    ({ guided: raw } = await engine.run("guide", raw, last, made, tensor.floats(by, [1, by.length])));
    last = made;
  }
  return { ...(await engine.run("settle", raw, tensor.floats([turnedBy(found)], [1]))), tones };
}

// People who might exist, made of what is expected.
async function rendered(engine, given, found, ask) {
  const { expected: face, tones } = await expected(engine, given, found, ask), { person } = meant(ask, found);
  const traits = told.textured.map((name) => person[name] ?? NaN);
  const { people, hair } = await engine.run("render", face, tensor.whole(ask.seed), tensor.floats(traits, [1, traits.length]));
  const hat = wearsHat({ person }, found);
  if (!hat && !tones.data.some(Number.isFinite)) return people;
  return (await engine.run("finish", people, hair, tones, tensor.floats([Number(hat)], [1]))).finished;
}

// The answer to a square drawing, of FACE_PX or, where it is large, of twice that.
export async function answer(engine, drawing, ask) {
  const given = drawing.width === FACE_PX ? drawing : resized(drawing, FACE_PX, FACE_PX);
  const found = await understood(engine, given), isRendered = ask.answer === "rendered";
  const person = isRendered ? await rendered(engine, given, found, ask) : (await expected(engine, given, found, ask)).people;
  const points = likely(found.points, ask.likely, found.offByHand), coarse = coarseField(points);
  const side = Math.sqrt(coarse.length / 2), background = tensor.whole(isRendered ? ask.seed : -1);
  const stage = ask.large ? "lay_large" : "lay";
  return pictureOf((await engine.run(stage, person, tensor.floats(coarse, [1, side, side, 2]), background)).picture);
}

// The sketch of an aligned photo.
export async function sketched(engine, given, { large }) {
  const made = pictureOf((await engine.run("translate", tensor.pictures(given))).made);
  return large ? resized(made, 2 * made.width, 2 * made.height) : made;
}
