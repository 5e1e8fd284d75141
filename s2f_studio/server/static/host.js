// What answers the page: the app's server. Another host, such as one inside the browser, has the same functions.

export const GONE = "the app does not answer: is it still running?";

async function json(path, options) {
  const answer = await fetch(path, options);
  return { ok: answer.ok, status: answer.status, told: await answer.json() };
}

function posted(content) {
  return { method: "POST", ...(content && { headers: { "content-type": "application/json" }, body: JSON.stringify(content) }) };
}

function form(fields, file) {
  const made = new FormData();
  if (file) made.append("file", file, "picture");
  for (const [name, value] of Object.entries(fields)) made.append(name, value);
  return made;
}

// {note, travels, drawings, photos, maps}: what is said about the host, and the names of its examples.
export async function about() { return (await json("app/about")).told; }

export function addressOf(example) { return `app/examples/${example}`; }

export function addressOfFile(name) { return `app/files/${name}`; }

// {good, failed}: {drawing, photo, text} each, the first two as names of files.
export async function gallery() { return (await json(addressOfFile("gallery.json"))).told; }

// The picture of an example, or null.
export async function exampleFile(name) {
  const answer = await fetch(addressOf(name));
  return answer.ok ? answer.blob() : null;
}

// {ok, told}: the answers to a file, or what went wrong (`told.detail`).
export function translate(file, fields, signal) {
  return json("api/translate", { method: "POST", body: form(fields, file), headers: { accept: "application/json" }, signal });
}

// {waiting, models}: how many requests are worked on, and what is in memory.
export async function health() { return (await json("health")).told; }

// {models, downloads}
export async function models() { return (await json("api/models")).told; }

export function download(model) { return json("api/models/download", { method: "POST", body: form({ model, agree: "yes" }) }); }

// A visit of the sketch pad: {visit, values}.
export async function beginVisit() {
  const { ok, told } = await json("app/visits", posted());
  if (!ok) throw new Error(told.detail);
  return told;
}

// What has changed after a message; nothing where the host has forgotten this visit.
export async function tellVisit(visit, content) {
  const { ok, status, told } = await json(`app/visits/${visit}`, posted(content));
  if (status === 404) return null;
  if (!ok) throw new Error(told.detail);
  return told.values;
}

export function leaveVisit(visit) {
  navigator.sendBeacon(`app/visits/${visit}`, new Blob(['{"kind":"bye"}'], { type: "application/json" }));
}
