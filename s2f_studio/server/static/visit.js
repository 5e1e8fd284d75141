// What the pad's page wants of a notebook, from the host: values that change, and messages that are answered. What is drawn
// and set is kept in the browser's storage, and told anew to a host that does not know it.

import * as host from "./host.js";
import { keep, kept } from "./store.js";
import { waitingFor } from "./waiting.js";

const PAD = "pad", BEFORE = "before"; // what is kept: the pad now, and as it was before it was begun anew
const TOLD = ["model", "detail", "answer", "strength", "seed", "likely", "person", "hints"]; // of the state

export class Visit {
  constructor() {
    this.values = { slow_ms: 1500 };
    this.listeners = {};
    this.name = this.drawing = null;
    this.versions = []; // as `snapshot`
    this.isKept = true; // what is drawn, in the browser
    addEventListener("pagehide", () => { if (this.name) host.leaveVisit(this.name); });
    addEventListener("beforeunload", (event) => { if (!this.isKept) event.preventDefault(); });
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }

  get before() { return kept(BEFORE); }

  set before(what) { keep(BEFORE, what); }

  get(key) { return this.values[key]; }

  on(event, act) { (this.listeners[event] ??= []).push(act); }

  off(event, act) { this.listeners[event] = (this.listeners[event] || []).filter((other) => other !== act); }

  // Begin, with what was kept when the page was here last.
  async open() {
    const before = kept(PAD), fresh = await this.begin();
    this.take({ ...(before ? await this.restored(before).catch(() => fresh) : fresh), answered: 0 });
  }

  async send(content) {
    const { versions, model } = this.values.state;
    const end = waitingFor(model, (text) => { this.values.slow_text = `${text}; your drawing is kept`; });
    try {
      this.take(await this.tell(content));
      this.remember(content, versions.length);
    } catch (error) {
      this.take({ problem: error instanceof TypeError ? host.GONE : error.message, answered: content.n });
    } finally { end(); }
    this.store();
  }

  take(changed) {
    if (changed.drawing) this.drawing = changed.drawing;
    Object.assign(this.values, changed);
    const names = Object.keys(changed).filter((key) => key !== "answered");
    for (const key of [...names, "answered"]) {
      if (key in changed) for (const act of this.listeners[`change:${key}`] || []) act();
    }
  }

  // The versions are the host's; here is what each was made of.
  remember({ kind, number }, num) {
    if (kind === "keep" && this.values.state.versions.length > num) this.versions.push(this.snapshot());
    if (kind === "drop" && this.values.state.versions.length < num) this.versions.splice(number, 1);
  }

  snapshot() { return { picture: this.drawing, ...Object.fromEntries(TOLD.map((name) => [name, this.values.state[name]])) }; }

  store() { this.isKept = keep(PAD, { ...this.snapshot(), versions: this.versions }); }

  async begin() {
    const told = await host.beginVisit();
    this.name = told.visit;
    return told.values;
  }

  async tell(content) {
    if (content.kind === "draw") this.drawing = content.picture;
    const told = await host.tellVisit(this.name, content);
    if (told) return told;
    await this.begin(); // the host has forgotten this visit
    const restored = await this.restored({ ...this.snapshot(), versions: this.versions });
    return { ...restored, ...(await this.ask(content)) };
  }

  async ask(content) {
    const told = await host.tellVisit(this.name, content);
    if (!told) throw new Error("the app is busy and has forgotten this page: reload it");
    return told;
  }

  // Tell a fresh visit what was: each version, and what is drawn and set now; all that it says.
  async restored({ versions = [], ...now }) {
    let told = {};
    for (const one of versions) {
      told = { ...told, ...(await this.ask({ kind: "restore", n: 0, ...one })) };
      told = { ...told, ...(await this.ask({ kind: "keep", n: 0 })) };
    }
    this.versions = [...versions];
    const after = await this.ask({ kind: "restore", n: 0, ...now }), { model } = after.state;
    if (after.problem && model !== now.model) // that model is not there any more
      return { ...told, ...after, ...(await this.ask({ kind: "restore", n: 0, ...now, model })) };
    return { ...told, ...after };
  }

  // Begin anew, with nothing kept; what was can be brought back until something is drawn.
  async anew() {
    const before = { ...this.snapshot(), versions: this.versions };
    host.leaveVisit(this.name);
    keep(PAD, null);
    this.versions = [];
    this.take({ ...(await this.begin()), problem: "" });
    this.before = before;
  }

  async bringBack() {
    const { before } = this;
    this.before = null;
    this.take({ ...(await this.restored(before)), problem: "" });
    this.store();
  }
}
