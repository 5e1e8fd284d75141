// The worker in which the models answer: {id, file, fields} is answered by {id, reply} or {id,
// problem, code}; {loading} says what is being fetched.

import { answer } from "./chain.js";
import { Engine, UNABLE } from "./engine.js";
import { FACTS } from "./facts.js";
import { decoded, pngOf } from "./pixels.js";

const { about, crude, meaning, not_shown: notShown, note_prefix: prefix, sparse } = FACTS;
// Graphs for an answer.
const FIRST = ["reduce", "look", "read", "guess", "fit", "edit", "preview", "paint"];
const engine = new Engine((loading) => postMessage({ loading }));

async function translated(file, fields) {
  const drawing = await decoded(file);
  const ask = {
    seed: Number(fields.seed ?? 0),
    isAverage: fields.answer === "average",
    likely: Number(fields.likely ?? about.query.likely),
    temperature: fields.temperature,
    guidance: Number(fields.guidance ?? about.query.guidance),
    chosen: roundsOf(fields.chosen),
    keep: fields.keep ?? null,
    isPreview: fields.preview === true,
    isLarge: fields.large === true,
  };
  const made = await answer(engine, drawing, ask);
  const { person } = made;
  const png = await pngOf(made.picture, notesOf(ask, fields.chosen, person));
  return { pictures: [{ png, person }], warnings: ask.isAverage ? [] : remarksOn(made) };
}

function remarksOn({ degree, vagueness, lacks }) {
  const remarks = lacks.length ? [notShown.words.replace("{names}", lacks.join(", "))] : [];
  if (vagueness > sparse.from) return [sparse.words, ...remarks];
  return degree > crude.from ? [crude.words, ...remarks] : remarks;
}

// "A,B/C,D;E" → [[["A", "B"], ["C", "D"]], [["E"], []]]: who was picked, and who was passed over.
function roundsOf(chosen) {
  if (!chosen) return [];
  return chosen.split(";").map((round) => {
    const [picked, passed = ""] = round.split("/");
    return [picked, passed].map((people) => people.split(",").filter(Boolean));
  });
}

// What a PNG says of its making, as in Python (s2f_studio/answers.py).
function notesOf({ seed, isAverage, likely, temperature, guidance }, chosen, person) {
  const notes = {
    Description: about.note,
    [`${prefix}model`]: FACTS.models[0].id,
    [`${prefix}seed`]: String(seed),
    [`${prefix}answer`]: isAverage ? "average" : "person",
    [`${prefix}made`]: isAverage ? meaning.rendered : meaning.painted,
  };
  if (person !== null) {
    notes[`${prefix}person`] = person;
    if (temperature !== undefined) notes[`${prefix}temperature`] = String(temperature);
    if (guidance !== about.query.guidance) notes[`${prefix}guidance`] = String(guidance);
    if (chosen) notes[`${prefix}chosen`] = chosen;
  }
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
