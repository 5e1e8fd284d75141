// A line to Python: one request at a time; of drawings and settings only the newest waits. then() is called after an answer.

const SLOW_MS = 8000; // where the model does not say after how long

export function line(model, onBusy) {
  const waiting = [];
  let number = model.get("answered") || 0, asked = null, slow = 0, then = null;
  function next() {
    if (asked !== null || !waiting.length) return;
    const { kind, content, then: after } = waiting.shift();
    asked = ++number; then = after;
    model.send({ kind, n: asked, ...(typeof content === "function" ? content() : content) });
    onBusy(true, false);
    slow = setInterval(() => onBusy(true, true), model.get("slow_ms") || SLOW_MS);
  }
  model.on("change:answered", () => {
    if (model.get("answered") < asked || asked === null) return;
    clearInterval(slow);
    asked = null;
    onBusy(false, false);
    then?.();
    next();
  });
  return (kind, content = {}, after = null) => {
    const last = waiting.at(-1);
    if (last?.kind === kind && (kind === "draw" || kind === "set")) {
      waiting.pop();
      if (kind === "set") content = { ...last.content, ...content };
    }
    waiting.push({ kind, content, then: after });
    next();
  };
}
