// What answers the page: the app's server. A notebook's kernel (widget.js) and the exported page
// have the same functions.

export const facesAtOnce = 4;
const GONE = "the app does not answer: is it still running?";

// The JSON of an answer. Throws an Error with the server's sentence and, of a refusal, its code.
async function json(path, options) {
  const gone = () => {
    throw new Error(GONE); // a proxy's page is no JSON
  };
  const answer = await fetch(path, options).catch(gone);
  const reply = await answer.json().catch(gone);
  if (!answer.ok) throw Object.assign(new Error(reply.detail), { code: reply.code });
  return reply;
}

function form(file, fields) {
  const body = new FormData();
  body.append("file", file, "picture");
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  return { method: "POST", body, headers: { accept: "application/json" } };
}

// What the page is told at first (s2f_studio/page/page.py).
export function about() {
  return json("app/about");
}

// {models}: all that can be chosen.
export function models() {
  return json("api/models");
}

// The answers to a drawing; signal: aborted once nobody waits for them.
export function translate(file, fields, _held, signal) {
  return json("api/translate", { ...form(file, fields), signal });
}

// A user's picture as a drawing: {drawing, points, faces, taken, warnings, codes}.
export function crop(file, fields, signal) {
  return json("app/crop", { ...form(file, fields), signal });
}

// A picture to start from, by what the model reads.
export async function start(reads, name) {
  const answer = await fetch(`app/starts/${reads}/${encodeURIComponent(name)}`).catch(() => null);
  if (!answer?.ok) throw new Error("this picture could not be loaded: try again");
  return answer.blob();
}

// What a slow answer waits for, in one line.
export async function progress(model) {
  const { waiting, models: loaded } = await json("health");
  if (!(model in loaded)) return "the model is being loaded …";
  if (waiting < 2) return "";
  return `waiting for ${waiting - 1} other ${waiting > 2 ? "requests" : "request"} …`;
}
