// The worker in which the models answer: {id, file, fields} is answered by {id, told} or {id,
// problem}; {loading} says what is being fetched.

import { answer } from "./chain.js";
import { Engine, UNABLE } from "./engine.js";
import { FACTS } from "./facts.js";
import { decoded, pngOf } from "./pixels.js";

const { about, crude, note_prefix: prefix } = FACTS;
const FIRST = ["look", "expect", "guide", "settle", "render", "finish", "lay"]; // for an answer
const engine = new Engine((loading) => postMessage({ loading }));

async function translated(file, fields) {
  const drawing = await decoded(file);
  const ask = {
    seed: Number(fields.seed ?? 0),
    isAverage: fields.answer === "expected",
    likely: Number(fields.likely ?? about.query.likely),
    isLarge: fields.large === true,
  };
  const { picture, degree } = await answer(engine, drawing, ask);
  const isVague = degree > crude.from && fields.answer === "auto";
  const png = await pngOf(picture, notesOf(ask));
  return { pictures: [{ png }], warnings: isVague ? [crude.words] : [] };
}

// What a PNG says of its making.
function notesOf({ seed, isAverage, likely }) {
  const notes = {
    Description: about.note,
    [`${prefix}model`]: FACTS.models[0].id,
    [`${prefix}seed`]: String(seed),
    [`${prefix}answer`]: isAverage ? "expected" : "rendered",
  };
  if (likely !== about.query.likely) notes[`${prefix}likely`] = String(likely);
  return notes;
}

engine.prefetch(FIRST);
addEventListener("message", async ({ data: { id, file, fields } }) => {
  try {
    postMessage({ id, told: await translated(file, fields) });
  } catch (error) {
    console.warn(error, error.cause);
    const isOurs = error.name === "Error"; // a sentence of ours, or a fault
    postMessage({ id, problem: isOurs ? error.message : UNABLE });
  }
});
