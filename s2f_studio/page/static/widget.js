// The pad in a notebook: it shows what the kernel's pad holds, and the kernel's pad holds what is
// drawn here. Requests go as messages, one at a time; answers come back as the trait `reply`.

import { dataUri } from "./files.js";
import { oneByOne } from "./jobs.js";
import { mountPad } from "./pad.js";
import { State } from "./state.js";

function kernel(model) {
  let number = Math.floor(2 ** 40 * Math.random()); // no two views of a pad count alike
  const inTurn = oneByOne();
  const waiting = new Map();

  function hear() {
    const { n, ok, reply } = model.get("reply");
    const one = waiting.get(n);
    waiting.delete(n);
    if (ok) one?.done(reply);
    else one?.fail(Object.assign(new Error(reply.detail), { code: reply.code }));
  }
  model.on("change:reply", hear);

  function ask(kind, content, signal) {
    const send = () => new Promise((done, fail) => {
      number += 1;
      waiting.set(number, { done, fail });
      model.send({ kind, n: number, ...content });
    });
    return inTurn(send, signal);
  }

  return {
    facesAtOnce: 4,
    holdsFace: true, // the kernel's pad has the face that is in sight
    about: async () => model.get("about"),
    models: async () => ({ models: model.get("about").models }),
    async translate(file, fields, held, signal) {
      const kind = held ? "translate" : "look";
      const keep = held?.keep ?? null;
      return ask(kind, { picture: await dataUri(file), fields, keep }, signal);
    },
    async crop(file, fields, signal) {
      return ask("crop", { picture: await dataUri(file), fields }, signal);
    },
    async start(reads, name) {
      const { drawing } = await ask("start", { reads, name });
      return (await fetch(drawing)).blob();
    },
    progress: async () => "no answer yet: the kernel is busy, or has to be started …",
    end: () => model.off("change:reply", hear),
  };
}

async function render({ model, el }) {
  const host = kernel(model);
  const state = new State(host);
  await state.open(model.get("pad"));
  mountPad(state, el);
  const changed = async () => { // by a cell
    await state.open(model.get("pad"));
    await state.eight.refill();
  };
  model.on("change:pad", changed);
  return () => {
    model.off("change:pad", changed);
    host.end();
  };
}

export default { render };
