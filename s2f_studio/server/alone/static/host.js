// What answers the page: this browser, by models that came with the page; nothing that is drawn or uploaded leaves it.

import { FACTS } from "./facts.js";

export const GONE = "the models stopped: reload the page; your drawing is kept";

const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
const asked = new Map(); // {id: {done, fail}}
let number = 0, loading = "", broken = false;

worker.addEventListener("message", ({ data }) => {
  if ("loading" in data) { loading = data.loading; return; }
  const waits = asked.get(data.id);
  asked.delete(data.id);
  if (data.problem === undefined) waits?.done(data.told);
  else waits?.fail(Object.assign(new Error(data.problem), { name: data.kind }));
});
worker.addEventListener("error", () => {
  broken = true;
  for (const { fail } of asked.values()) fail(new TypeError(GONE));
  asked.clear();
});

// What the worker gives for a question; signal: of a page that may not wait for it.
function ask(name, given, signal = null) {
  if (broken) return Promise.reject(new TypeError(GONE));
  const id = ++number;
  return new Promise((done, fail) => {
    asked.set(id, { done, fail });
    signal?.addEventListener("abort", () => {
      worker.postMessage({ leaves: id });
      asked.delete(id);
      fail(new DOMException("another answer is wanted", "AbortError"));
    });
    worker.postMessage({ id, name, given });
  });
}

// {note, travels, drawings, photos, maps}: what is said about the host, and the names of its examples.
export async function about() { return FACTS.about; }

export function addressOf(example) { return `examples/${example}.png`; }
export function addressOfFile(name) { return `files/${name}`; }

// {good, failed}: {drawing, photo, text} each, the first two as names of files.
export async function gallery() { return (await fetch(addressOfFile("gallery.json"))).json(); }

// The picture of an example, or null.
export async function exampleFile(name) {
  const answer = await fetch(addressOf(name));
  return answer.ok ? answer.blob() : null;
}

// {ok, told}: the answers to a file, or what went wrong (`told.detail`).
export async function translate(file, fields, signal) { return ask("translate", [file, fields], signal); }

// {waiting, models, loading}: how many questions are worked on, what is in memory, what is being loaded.
export async function health() {
  return { waiting: asked.size, models: FACTS.models.map((one) => one.id), loading };
}

// {models}
export async function models() { return { models: FACTS.models }; }

// {ok, told}: a person's picture for the pad, {drawing, warnings}.
export async function drawing(file) { return ask("drawing", [file]); }

// The picture that a pad begins with.
export async function startFile(_kind, name) {
  const answer = await fetch(`starts/${name.replaceAll(" ", "-")}.png`).catch(() => null);
  if (!answer?.ok) throw new Error("this drawing could not be loaded: try again when there is a connection");
  return answer.blob();
}
