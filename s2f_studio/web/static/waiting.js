// What is said while an answer is waited for: for how long, and for what.

import * as host from "./host.js";

const SAY_MS = 1000;

// say(text) is called now and every second until the function that this gives is called. model: its id.
export function waitingFor(model, say) {
  const begun = performance.now();
  let timer = 0, why = "";
  async function tell() {
    const seconds = Math.round((performance.now() - begun) / 1000);
    say(seconds ? `translating … ${seconds} s${why}` : "translating …");
    timer = setTimeout(tell, SAY_MS);
    if (!seconds) return;
    try {
      const { waiting, models, loading } = await host.health(); // loading: a host that knows how far it is says so
      why = models.some((one) => one === model || one.id === model) ? "" : ": the model is being loaded";
      if (waiting > 1) why = `: ${waiting - 1} more ${waiting > 2 ? "pictures are" : "picture is"} being answered`;
      if (loading) why = `: ${loading}`;
    } catch { why = `: ${host.GONE}`; }
  }
  tell();
  return () => clearTimeout(timer);
}
