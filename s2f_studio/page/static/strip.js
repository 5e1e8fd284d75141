// Eight people for one drawing: pick the one or two that are nearest, see eight around them, or go
// back a round.

import { make, plainButton } from "./dom.js";
import { NUM_FACES } from "./state.js";

export class Strip {
  constructor(state) {
    this.state = state;
    this.inSight = null; // the people whose tiles these are
    const group = { class: "s2f-faces", role: "group", "aria-label": "eight faces" };
    this.tiles = make("div", group);
    this.more = plainButton("", () => state.moreAlike(), { class: "s2f-first" });
    this.back = plainButton("Back a round", () => state.back());
    this.hint = make("span", {}, "Pick the one or two that are nearest");
    this.rounds = make("div", { class: "s2f-actions" }, this.more, this.back, this.hint);
    this.box = make("div", { class: "s2f-strip" }, this.tiles, this.rounds);
  }

  show() {
    const { state } = this;
    const { faces, picks, round } = state;
    this.box.hidden = !faces.length;
    const people = JSON.stringify([round, faces.map((one) => one.seed)]);
    if (people !== this.inSight) { // else the tiles stay, and the focus on one of them
      const tiles = Array.from({ length: NUM_FACES }, (_, n) => this.tile(faces[n]));
      this.tiles.replaceChildren(...tiles);
    }
    this.inSight = people;
    faces.forEach(({ seed }, n) => {
      this.tiles.children[n].setAttribute("aria-pressed", picks.includes(seed));
    });
    this.rounds.hidden = !state.model.chooses;
    this.more.textContent = picks.length > 1 ? "More like these two" : "More like this one";
    this.more.disabled = !picks.length;
    this.hint.hidden = picks.length > 0;
    this.back.hidden = !round.length;
  }

  // One of the eight, or its place while it is made.
  tile(one) {
    if (!one) return make("div", { class: "s2f-tile" });
    const name = `answer ${one.seed + 1}`;
    const choose = () => this.state.pick(one);
    const named = { "aria-label": name, title: name };
    const attributes = { type: "button", class: "s2f-tile", onclick: choose, ...named };
    return make("button", attributes, make("img", { src: one.png, alt: "", draggable: "false" }));
  }
}
