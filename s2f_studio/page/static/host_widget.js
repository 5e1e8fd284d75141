// What answers the pad in a notebook: its kernel. Questions go as messages, one at a time; answers come back as traits.

import { dataUri } from "./files.js";

const KERNEL_SLOW_MS = 8000; // then the page says that the kernel is busy

export function widgetHost(model) {
  let number = Math.floor(2 ** 40 * Math.random()), last = Promise.resolve(); // no two views of a pad count alike
  const heard = [];
  function hear() {
    const told = model.get("told");
    for (const one of heard.splice(0)) if (one.n === told.n) one.done(told); else heard.push(one);
  }
  model.on("change:told", hear);
  function ask(kind, content = {}) {
    const now = last.then(() => new Promise((done) => {
      const n = ++number;
      heard.push({ n, done: ({ ok, told }) => done({ ok, told }) });
      model.send({ kind, n, ...content });
    }));
    last = now;
    return now;
  }
  return {
    GONE: "the kernel does not answer: run the cell again",
    slow_ms: KERNEL_SLOW_MS,
    about: async () => model.get("about"),
    models: async () => ({ models: model.get("about").models }),
    async translate(file, fields) { return ask("translate", { picture: await dataUri(file), fields }); },
    async drawing(file, name) { return ask("drawing", { picture: await dataUri(file), model: name }); },
    async startFile(kind, name) {
      const { ok, told } = await ask("start", { start: kind, name });
      if (!ok) throw new Error(told.detail);
      return (await fetch(told.drawing)).blob();
    },
    shown: (face) => ask("shown", { picture: face }),
    end: () => model.off("change:told", hear),
  };
}
