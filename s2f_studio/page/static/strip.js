// Eight people for one drawing: pick the one or two that are nearest, see eight around them, and go
// through the rounds that were shown.

import { make, plainButton, slider } from "./dom.js";
import { NUM_FACES } from "./rounds.js";

const VARIED = { min: 0, max: 1.5, step: 0.05 };
const USUALLY = 0.65; // about what follows from a drawing, where nothing is set
const PICK = "Pick the nearest, one or two";

function picture(png) {
  return make("img", { src: png, alt: "", draggable: "false" });
}

export class Strip {
  constructor(state) {
    this.state = state;
    this.eight = state.eight;
    this.faces = []; // those on the tiles
    this.picked = [];
    const group = { class: "s2f-faces", role: "group", "aria-label": "eight faces" };
    this.tiles = make("div", group, ...Array.from({ length: NUM_FACES }, () => this.tile()));
    this.last = make("span");
    this.before = make("div", { class: "s2f-before" }, "picked in the last round", this.last);
    this.more = plainButton("", () => this.eight.showAlike(), { class: "s2f-first" });
    this.again = plainButton("Make these eight anew", () => this.eight.fill());
    this.back = plainButton("Back", () => this.eight.go(-1));
    this.forward = plainButton("Forward", () => this.eight.go(1));
    this.hint = make("span", {}, PICK);
    const vary = (temperature) => state.set({ temperature });
    const ends = ["the likeliest", "anybody"];
    this.varied = slider("How varied the faces are", ends, VARIED, vary);
    this.usual = plainButton("Follow the drawing", () => vary(null), {
      title: "How varied the faces are follows from the drawing again",
    });
    const rounds = [this.again, this.more, this.back, this.forward, this.hint];
    const buttons = [...rounds, this.varied.box, this.usual];
    const actions = make("div", { class: "s2f-actions" }, ...buttons);
    this.box = make("div", { class: "s2f-strip" }, this.before, this.tiles, actions);
  }

  show() {
    const { model, settings, given, varies } = this.state;
    const { now, rounds, isFilling, numFresh, canGoBack, canGoForward } = this.eight;
    const { picks, picked } = now;
    this.box.hidden = !rounds.list.length || given.isEmpty || !varies;
    if (this.box.hidden) return;
    this.showTiles(now);
    const seen = picked.filter(({ png }) => png);
    if (picked !== this.picked) this.last.replaceChildren(...seen.map((face) => this.small(face)));
    this.picked = picked;
    this.before.hidden = !seen.length;
    this.again.hidden = isFilling || numFresh === NUM_FACES;
    this.more.hidden = !model.chooses;
    this.more.textContent = picks.length > 1 ? "More like these two" : "More like this one";
    this.more.disabled = !picks.length;
    this.hint.hidden = !model.chooses || picks.length > 0;
    this.back.disabled = !canGoBack;
    this.forward.disabled = !canGoForward;
    this.varied.box.hidden = !model.chooses;
    this.varied.put(settings.temperature ?? USUALLY);
    this.usual.hidden = !model.chooses || settings.temperature === null;
  }

  // Tiles whose faces are the same stay, and the focus on one of them.
  showTiles({ faces, picks }) {
    for (let n = 0; n < NUM_FACES; n++) {
      const face = faces[n];
      if (face !== this.faces[n]) this.tiles.children[n].replaceWith(this.tile(face));
      const tile = this.tiles.children[n];
      if (face) tile.setAttribute("aria-pressed", picks.includes(face.seed));
      tile.classList.toggle("s2f-old", Boolean(face) && this.eight.isOld(face));
    }
    this.faces = [...faces];
  }

  // One who was picked in the round before, to be shown large.
  small(face) {
    const named = { "aria-label": `answer ${face.seed + 1}, picked before`, title: "show it large" };
    const show = () => this.eight.showPerson(face);
    return make("button", { type: "button", onclick: show, ...named }, picture(face.png));
  }

  // One of the eight, or its place while it is made.
  tile(face) {
    if (!face) return make("div", { class: "s2f-tile" });
    const name = `answer ${face.seed + 1}`;
    const choose = () => this.eight.pick(face);
    const named = { "aria-label": name, title: name };
    const attributes = { type: "button", class: "s2f-tile", onclick: choose, ...named };
    return make("button", attributes, picture(face.png));
  }

  scrollIntoView() {
    this.box.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }
}
