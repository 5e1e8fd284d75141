// The sketch pads of this page: each message is obeyed as a whole, and answered.

import { FACTS } from "./facts.js";
import { answer } from "./chain.js";
import { addressOf } from "./pictures.js";
import { EmptyError, PadState, obeyed, remarksOn, valuesOf } from "./state.js";
import { answerTo } from "./understanding.js";

const { pad: bounds } = FACTS;
const MOST_SAID = 300; // characters of what went wrong

export class Visits {
  // prepared(blob) cleans and lays a person's picture for a pad.
  constructor(engine, prepared) { Object.assign(this, { engine, prepared, pads: new Map(), number: 0, loaded: 0 }); }

  // A new visit, with an example; its face is made when the page says hello, so that the page is there before the model.
  async begin() {
    const name = String(++this.number), pad = new PadState();
    this.pads.set(name, pad);
    await pad.beginWith(bounds.start);
    return { visit: name, values: { ...(await valuesOf(pad, [], ++this.loaded)), problem: "", seconds: 0, waits: true } };
  }

  end(name) { this.pads.delete(name); }

  // What has changed after a message; null for a visit that is over.
  async tell(name, content) {
    const pad = this.pads.get(name);
    if (!pad) return null;
    const begun = performance.now(), before = { ...pad }, { kind } = content;
    let problem = "", large = {};
    this.isFaithful = false;
    try {
      if (kind === "keep" && !pad.face && !pad.isEmpty) await this.answer(pad); // of a page that is opened again
      const wanted = await obeyed(pad, content, this.prepared), isMissing = kind === "hello" && !pad.face && !pad.isEmpty;
      if (kind === "restore") pad.face = null;
      this.isGreeted ||= kind === "hello";
      if (isMissing || (wanted && (kind !== "restore" || this.isGreeted))) await this.answer(pad);
      if (kind === "save") large = { large: await this.large(pad) };
    } catch (error) {
      if (!(error instanceof EmptyError) && kind !== "draw") Object.assign(pad, before);
      problem = error.message.slice(0, MOST_SAID);
    }
    const isNew = ["hello", "restore"].includes(kind) || (kind !== "draw" && pad.drawing !== before.drawing);
    const remarks = pad.face ? await remarksOn(pad, this.engine, this.isFaithful) : pad.warnings;
    const values = await valuesOf(pad, remarks, isNew ? ++this.loaded : 0);
    return { ...values, ...large, problem, seconds: (performance.now() - begun) / 1000, answered: content.n ?? 0, waits: kind === "restore" && !this.isGreeted && !pad.isEmpty };
  }

  async answer(pad) {
    const ask = pad.question(), made = await answer(this.engine, pad.small, ask);
    this.isFaithful = (await answerTo(this.engine, pad.small, ask)) === "faithful";
    pad.complete(made);
  }

  async large(pad) {
    if (!pad.hasLarge) throw new Error("this face has no larger version");
    pad.isPreview = false;
    return addressOf(await answer(this.engine, pad.small, { ...pad.question(), large: true }), pad.notes());
  }
}
