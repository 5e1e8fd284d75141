// What answers the exported page: this browser, by models that came with the page. Nothing that is
// drawn leaves it.

import { FACTS } from "./facts.js";
import { oneByOne } from "./jobs.js";

export const facesAtOnce = 1; // each is seen as soon as it is there
const GONE = "the models stopped: reload the page; your drawing is kept";
const NO_START = "this drawing could not be loaded: try again when there is a connection";

const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
const waiting = new Map(); // {id: {done, fail}}
const inTurn = oneByOne();
let number = 0;
let loading = "";
let isBroken = false;

worker.addEventListener("message", ({ data }) => {
  if ("loading" in data) {
    loading = data.loading;
    return;
  }
  const { done, fail } = waiting.get(data.id);
  waiting.delete(data.id);
  if (data.problem === undefined) done(data.reply);
  else fail(Object.assign(new Error(data.problem), { code: data.code }));
});

worker.addEventListener("error", () => {
  isBroken = true;
  for (const { fail } of waiting.values()) fail(new Error(GONE));
  waiting.clear();
});

export async function about() {
  return FACTS.about;
}

export async function models() {
  return { models: FACTS.models };
}

// The answer to a drawing; signal: aborted once nobody waits for it.
export function translate(file, fields, _held, signal) {
  const send = () => new Promise((done, fail) => {
    if (isBroken) throw new Error(GONE);
    const id = ++number;
    waiting.set(id, { done, fail });
    worker.postMessage({ id, file, fields });
  });
  return inTurn(send, signal);
}

// A drawing to start from.
export async function start(_reads, name) {
  const answer = await fetch(`starts/${name}.png`).catch(() => null);
  if (!answer?.ok) throw new Error(NO_START);
  return answer.blob();
}

// What a slow answer waits for: the models, as they come.
export async function progress() {
  return loading;
}
