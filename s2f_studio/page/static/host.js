// What answers the page: the app's server. Another host, such as one inside the browser, has the same functions.

export const GONE = "the app does not answer: is it still running?";

async function json(path, options) {
  const answer = await fetch(path, options);
  const wrong = (error) => { throw error instanceof SyntaxError ? new TypeError(GONE) : error; }; // a proxy's page is no JSON
  return { ok: answer.ok, status: answer.status, told: await answer.json().catch(wrong) };
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

// {models}
export async function models() { return (await json("api/models")).told; }

// {ok, told}: a person's picture for the pad of a model, {drawing, warnings}.
export function drawing(file, model) { return json("app/drawing", { method: "POST", body: form({ model }, file) }); }

// The picture that a pad begins with. kind: where its model expects the face.
export async function startFile(kind, name) {
  const answer = await fetch(`app/starts/${kind}/${encodeURIComponent(name)}`);
  if (!answer.ok) throw new Error("this drawing could not be loaded: try again");
  return answer.blob();
}
