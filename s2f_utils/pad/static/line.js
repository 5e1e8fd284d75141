// A line to Python: one request at a time; of drawings and settings only the newest waits.

const SLOW_MS = 8000; // where the model does not say after how long

export function line(model, onBusy) {
  const waiting = [];
  let number = model.get("answered") || 0, asked = null, slow = 0;
  function next() {
    if (asked !== null || !waiting.length) return;
    const { kind, content } = waiting.shift();
    asked = ++number;
    model.send({ kind, n: asked, ...(typeof content === "function" ? content() : content) });
    onBusy(true, false);
    slow = setInterval(() => onBusy(true, true), model.get("slow_ms") || SLOW_MS);
  }
  model.on("change:answered", () => {
    if (model.get("answered") < asked || asked === null) return;
    clearInterval(slow);
    asked = null;
    onBusy(false, false);
    next();
  });
  return (kind, content = {}) => {
    const last = waiting.at(-1);
    if (last?.kind === kind && (kind === "draw" || kind === "set")) {
      waiting.pop();
      if (kind === "set") content = { ...last.content, ...content };
    }
    waiting.push({ kind, content });
    next();
  };
}
