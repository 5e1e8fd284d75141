// What is said while an answer is waited for: for how long, and for what.

import * as host from "./host.js";

const SAY_MS = 1000;

// say(text, false, how far) is called now and every second until the function that this gives is called. model: its id.
export function waitingFor(model, say) {
  const begun = performance.now();
  let timer = 0, why = "", loaded = [];
  async function tell() {
    const seconds = Math.round((performance.now() - begun) / 1000);
    say(`translating …${why}`, false, seconds ? ` (${[...loaded, `${seconds} s`].join(", ")})` : "");
    timer = setTimeout(tell, SAY_MS);
    if (!seconds) return;
    try {
      const { waiting, models, loading } = await host.health(); // loading: "what, how far", of a host that knows
      why = models.some((one) => one === model || one.id === model) ? "" : ": the model is being loaded";
      if (waiting > 1) why = `: ${waiting - 1} more ${waiting > 2 ? "pictures are" : "picture is"} being answered`;
      [why, ...loaded] = loading ? `: ${loading}`.split(", ") : [why];
    } catch { why = `: ${host.GONE}`; }
  }
  tell();
  return () => clearTimeout(timer);
}
