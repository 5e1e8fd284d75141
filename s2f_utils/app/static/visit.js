// What the pad's page wants of a notebook, over HTTP: values that change, and messages that are answered.

import * as host from "./host.js";

const FORGOTTEN = "the app has forgotten this page's versions: it was started again, or nothing was drawn for half an hour";

export class Visit {
  constructor() {
    this.values = { slow_text: "no answer yet: the app is busy; your drawing is kept" };
    this.listeners = {};
    this.name = this.lastDrawing = null;
    this.hasDrawn = false;
    addEventListener("pagehide", () => {
      if (this.name) host.leaveVisit(this.name);
    });
    addEventListener("beforeunload", (event) => { if (this.hasDrawn) event.preventDefault(); }); // a drawing is not kept
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }

  get(key) { return this.values[key]; }

  on(event, act) { (this.listeners[event] ??= []).push(act); }

  off(event, act) { this.listeners[event] = (this.listeners[event] || []).filter((other) => other !== act); }

  async open() { this.take({ ...(await this.begin()), answered: 0 }); }

  async send(content) {
    if (content.kind === "draw") { this.lastDrawing = content.picture; this.hasDrawn = true; }
    try {
      this.take(await this.tell(content));
    } catch (error) {
      this.take({ problem: error instanceof TypeError ? host.GONE : error.message, answered: content.n });
    }
  }

  take(changed) {
    if (changed.drawing) this.lastDrawing = changed.drawing;
    Object.assign(this.values, changed);
    const names = Object.keys(changed).filter((key) => key !== "answered");
    for (const key of [...names, "answered"]) {
      if (key in changed) for (const act of this.listeners[`change:${key}`] || []) act();
    }
  }

  async begin() {
    const told = await host.beginVisit();
    this.name = told.visit;
    return told.values;
  }

  // Nothing where the app has forgotten this visit.
  ask(content) { return host.tellVisit(this.name, content); }

  async tell(content) {
    const told = await this.ask(content);
    if (told) return this.withNote(told, content);
    const before = this.values.state;
    for (const one of this.again(before, (await this.begin()).state, content)) await this.ask({ n: 0, ...one });
    const after = await this.ask(content);
    if (!after) throw new Error("the app is busy and has forgotten this page: reload it");
    this.hasForgotten = before.versions.length > 0;
    return this.withNote(after, content);
  }

  // That versions are gone is said with the answer to a stroke that has ended, too.
  withNote(told, content) {
    if (this.hasForgotten) told.state.warnings.push(FORGOTTEN);
    if (!content.preview) this.hasForgotten = false;
    return told;
  }

  // The messages that make a fresh visit as the one before was, but for what was kept there.
  again(before, fresh, content) {
    return [
      ...(fresh.model === before.model ? [] : [{ kind: "model", name: before.model }]),
      { kind: "set", detail: before.detail, answer: before.answer, strength: before.strength, seed: before.seed },
      ...Object.entries(before.likely).map(([part, amount]) => ({ kind: "likely", part, amount })),
      ...Object.entries(before.person).map(([name, value]) => ({ kind: "person", name, value })),
      ...Object.entries(before.hints).map(([part, colour]) => ({ kind: "hint", part, colour })),
      ...(this.lastDrawing && content.kind !== "draw" ? [{ kind: "draw", picture: this.lastDrawing }] : []),
    ];
  }
}
