// The worker in which the models answer: what the page asks for by name, {id, name, given}, is answered by {id, told} or
// {id, problem}; {loading} says what is being fetched, and {waiting} how much is asked for.

import { Engine } from "./sessions.js";
import { Uploads } from "./uploads.js";

const FIRST = ["look", "expect", "guide", "settle", "render", "finish", "lay"]; // of the usual answer
const engine = new Engine((loading) => postMessage({ loading }));
const uploads = new Uploads(engine);

const ACTS = {
  drawing: (file) => uploads.drawing(file),
  translate: (file, fields, signal) => uploads.translate(file, fields, signal),
};
const left = new Set(); // what nobody waits for any more

engine.prefetch(...FIRST);
addEventListener("message", async ({ data: { id, name, given, leaves } }) => {
  if (leaves) return left.add(leaves);
  const signal = () => { if (left.delete(id)) throw new DOMException("nobody waits for this", "AbortError"); };
  try {
    postMessage({ id, told: await ACTS[name](...given, signal) });
  } catch (error) {
    postMessage({ id, problem: error.message, kind: error.name });
  }
});
