// Eight faces for one drawing, and rounds of them: they are asked for in two halves, or as many at
// once as the host answers; one or two are picked, and whoever was picked last is shown large.

import { NUM_FACES, nextRound, roundAlike, roundOf, roundsText } from "./rounds.js";

export class EightFaces {
  constructor(state) {
    this.state = state;
  }

  // What the page reads

  get rounds() {
    return this.state.given.rounds;
  }

  get now() {
    return roundOf(this.rounds);
  }

  get isFilling() {
    return this.state.jobs.has("eight");
  }

  get canGoBack() {
    return this.rounds.at > 0;
  }

  get canGoForward() {
    return this.rounds.at + 1 < this.rounds.list.length;
  }

  // Whether a face is of something else than what is drawn and set now.
  isOld({ basis, asked }) {
    const { settings } = this.state;
    return basis !== this.state.basis || (asked.temperature ?? null) !== settings.temperature;
  }

  // How many of the eight in sight are not.
  get numFresh() {
    return this.now.faces.filter((face) => !this.isOld(face)).length;
  }

  // How somebody of a round was asked for, by the code; undefined for others, and where the drawing
  // has changed.
  asked(person) {
    const faces = this.rounds.list.flatMap((round) => round.faces);
    return faces.find((face) => face?.person === person && face.basis === this.state.basis)?.asked;
  }

  change(changes) {
    this.state.dispatch({ type: "change", changes });
  }

  // From round to round

  // Eight people for one drawing, first those among whom the one in sight is; then the next eight.
  showNext() {
    const { given, model } = this.state;
    const isLeft = this.rounds.list.length && !this.now.faces.length; // they could not be made
    return isLeft ? this.fill() : this.show(nextRound(this.rounds, given.seed, model.chooses));
  }

  // The next eight, around those who are picked.
  showAlike() {
    return this.show(roundAlike(this.rounds));
  }

  show(round) {
    this.state.dispatch({ type: "round", round });
    return this.fill();
  }

  // To the round before, -1, or after, 1. The faces are there, unless the round was left before
  // they all were.
  go(by) {
    const { state } = this;
    const made = () => state.basis + state.settings.temperature;
    const before = made();
    state.jobs.abort("eight");
    state.dispatch({ type: "go", by });
    const isPicked = this.now.picks.length > 0;
    const asked = isPicked || made() === before ? this.showPick() : state.ask();
    const isWhole = this.now.faces.length === NUM_FACES;
    return isWhole || this.now.faces.some((face) => this.isOld(face)) ? asked : this.refill();
  }

  // Asking for the faces

  // Ask for the faces that the round in sight lacks, and for the old ones anew. A round that is left
  // costs no more than the half that is being made.
  fill() {
    const { person, temperature, likely } = this.state.settings;
    this.change({ settings: { person, temperature, likely } });
    return this.state.run("eight", (signal) => this.ask(signal));
  }

  async ask(signal) {
    const { state } = this;
    await this.askForPicked(signal);
    const num = state.host.facesAtOnce;
    for (let start = 0; start < NUM_FACES; start += num) {
      const { faces, first } = this.now;
      const part = faces.slice(start, start + num);
      const isFresh = part.length === num && !part.some((face) => this.isOld(face));
      if (!isFresh) {
        const made = await this.made(first + start, num, signal);
        state.dispatch({ type: "faces", faces: made });
      }
    }
  }

  // Faces of so many seeds. Several answers of a model that knows an average include that.
  async made(first, num, signal) {
    const { state } = this;
    const { chosen } = this.now;
    const around = chosen.length ? { chosen: roundsText(chosen) } : {};
    const temperature = state.temperature();
    const candidates = num > 1 && state.model.chooses ? num + 1 : num;
    const more = { ...temperature, ...around, seed: first, candidates, preview: true };
    const { basis } = state;
    const { pictures, warnings } = await state.translate(more, null, signal);
    const people = pictures.filter(({ person }) => person);
    const found = people.length ? people : pictures;
    return Array.from({ length: num }, (_, n) => {
      const { png, person, warnings: own } = found[n] ?? found[0]; // all are one at temperature 0
      const asked = { seed: first + n, ...around, ...temperature };
      return { seed: first + n, person, png, basis, warnings: own ?? warnings, asked };
    });
  }

  // The pictures of those who were picked in the round before, after a reload.
  async askForPicked(signal) {
    const { state } = this;
    const { picked } = this.now;
    if (picked.every(({ png }) => png)) return;
    const { basis } = state;
    const made = [];
    for (const face of picked) {
      const reply = await state.translate({ ...face.asked, preview: true }, null, signal);
      const [{ png, person }] = reply.pictures;
      made.push({ ...face, png, person, basis, warnings: reply.warnings });
    }
    this.change({ picked: made });
  }

  // The eight of a round that is not whole, as after a reload. Whoever was kept is picked there.
  async refill() {
    const { state } = this;
    if (!this.rounds.list.length || !state.varies || state.given.isEmpty) return;
    await this.fill();
    const { faces, picks } = this.now;
    const kept = state.keepsSomebody && faces.find(({ person }) => person === state.given.keep);
    if (kept && !picks.length) state.dispatch({ type: "pick", seed: kept.seed, most: 1 });
    await this.showPick();
  }

  // Picking

  // One of the eight, who is shown large; later strokes are answered with the same person. Picked
  // again, one is no longer picked; of more than two, the last two are.
  pick({ seed }) {
    this.state.dispatch({ type: "pick", seed, most: this.state.model.chooses ? 2 : 1 });
    return this.now.picks.length ? this.showPick() : this.letGo();
  }

  // Nobody is kept, and nobody of the eight is picked any more. Who was in sight still answers this
  // drawing, and another one may bring somebody else.
  letGo() {
    return this.state.stay("");
  }

  // Whoever was picked last in the round in sight is shown large, and is the one who is saved.
  showPick() {
    const { faces, picks } = this.now;
    const face = faces.find(({ seed }) => seed === picks.at(-1));
    return face ? this.showPerson(face) : null;
  }

  // One of a round, large: as on its tile, and then in full.
  showPerson(face) {
    const { state } = this;
    const { seed, chosen = "" } = face.asked;
    const keep = state.model.chooses ? face.person : null;
    state.dispatch({ type: "who", who: { seed, chosen, keep } });
    if (this.isOld(face)) return state.ask();
    state.jobs.abort("follow", "answer");
    state.dispatch({ type: "face", face });
    return state.model.previews || state.host.holdsFace ? state.ask("full") : null;
  }
}
