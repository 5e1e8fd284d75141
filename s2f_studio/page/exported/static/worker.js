// The worker in which the models answer: {id, file, fields} is answered by {id, reply} or {id,
// problem, code}; {loading} says what is being fetched.

import { answer } from "./chain.js";
import { Engine, UNABLE } from "./engine.js";
import { FACTS } from "./facts.js";
import { decoded, pngOf } from "./pixels.js";

const { about, crude, meaning, note_prefix: prefix, sparse } = FACTS;
const FIRST = ["look", "expect", "guide", "settle", "code", "weigh", "entry", "place"]; // for an answer
const engine = new Engine((loading) => postMessage({ loading }));

async function translated(file, fields) {
  const drawing = await decoded(file);
  const ask = {
    seed: Number(fields.seed ?? 0),
    isAverage: fields.answer === "average",
    likely: Number(fields.likely ?? about.query.likely),
    temperature: fields.temperature,
    chosen: roundsOf(fields.chosen),
    keep: fields.keep ?? null,
    isLarge: fields.large === true,
  };
  const { picture, person, degree, vagueness } = await answer(engine, drawing, ask);
  const png = await pngOf(picture, notesOf(ask, fields.chosen, person, wayOfMaking(ask, degree)));
  return { pictures: [{ png, person }], warnings: ask.isAverage ? [] : remarksOn(degree, vagueness) };
}

// As in Python (s2f_studio/answers.py).
function wayOfMaking({ isAverage }, degree) {
  if (isAverage) return meaning.rendered;
  return degree < meaning.careful ? meaning.rendered_from_lines : meaning.composed;
}

function remarksOn(degree, vagueness) {
  if (vagueness > sparse.from) return [sparse.words];
  return degree > crude.from ? [crude.words] : [];
}

// "412,88/3,9;7" → [[[412, 88], [3, 9]], [[7], []]]: who was picked, and who was passed over.
function roundsOf(chosen) {
  if (!chosen) return [];
  return chosen.split(";").map((round) => {
    const [picked, passed] = round.split("/").map(numbersOf);
    return [picked, passed ?? []];
  });
}

function numbersOf(people) {
  return people ? people.split(",").map(Number) : [];
}

// What a PNG says of its making.
function notesOf({ seed, isAverage, likely, temperature }, chosen, person, made) {
  const notes = {
    Description: about.note,
    [`${prefix}model`]: FACTS.models[0].id,
    [`${prefix}seed`]: String(seed),
    [`${prefix}answer`]: isAverage ? "average" : "person",
    [`${prefix}made`]: made,
  };
  if (person !== null) notes[`${prefix}person`] = String(person);
  if (temperature !== undefined) notes[`${prefix}temperature`] = String(temperature);
  if (chosen) notes[`${prefix}chosen`] = chosen;
  if (likely !== about.query.likely) notes[`${prefix}likely`] = String(likely);
  return notes;
}

engine.prefetch(FIRST);
addEventListener("message", async ({ data: { id, file, fields } }) => {
  try {
    postMessage({ id, reply: await translated(file, fields) });
  } catch (error) {
    console.warn(error, error.cause);
    const isOurs = error.name === "Error"; // a sentence of ours, or a fault
    postMessage({ id, problem: isOurs ? error.message : UNABLE, code: error.code });
  }
});
