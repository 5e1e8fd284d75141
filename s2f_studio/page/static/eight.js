// Eight faces for one drawing, and rounds of them: they are asked for one by one, one or two are
// picked, and whoever was picked last is shown large.

import { NUM_FACES, Rounds, firstOf, roundsText } from "./rounds.js";

// The codes of those who are on faces, each once.
function peopleOf(faces) {
  return [...new Set(faces.map(({ person }) => person).filter(Boolean))];
}

export class EightFaces {
  constructor(state) {
    this.state = state;
    this.forget();
  }

  forget() {
    this.rounds = new Rounds();
    this.filling = null; // the round whose faces are asked for
  }

  // What the page reads

  // Whether a face is of something else than what is drawn and set now.
  isOld(face) {
    return face.basis !== this.state.basis;
  }

  // How many of the eight in sight are not.
  get numFresh() {
    return this.rounds.now.faces.filter((face) => !this.isOld(face)).length;
  }

  // How somebody of a round was asked for, by the code; undefined for others, and for old faces.
  asked(person) {
    const faces = this.rounds.list.flatMap((round) => round.faces);
    return faces.find((face) => face?.person === person && !this.isOld(face))?.asked;
  }

  // From round to round

  // Eight people for one drawing, first those among whom the one in sight is; then the next eight.
  showNext() {
    const { rounds } = this;
    const { model, settings } = this.state;
    const { first, chosen, picked } = rounds.now;
    if (!rounds.isEmpty) {
      if (!rounds.now.faces.length) return this.fill(); // they could not be made before
      const seen = peopleOf(rounds.now.faces);
      const others = model.chooses ? [...chosen, [[], seen]] : chosen;
      return this.showRound({ first: first + NUM_FACES, chosen: others, picked });
    }
    return this.showRound({ first: firstOf(settings.seed) });
  }

  // The next eight, around those who are picked.
  showAlike() {
    const { first, chosen, faces, picks } = this.rounds.now;
    const picked = faces.filter(({ seed }) => picks.includes(seed));
    const people = peopleOf(picked);
    const passed = peopleOf(faces).filter((one) => !people.includes(one));
    const round = [people, passed];
    return this.showRound({ first: first + NUM_FACES, chosen: [...chosen, round], picked });
  }

  showRound(round) {
    this.rounds.add(round);
    this.state.keep();
    return this.fill();
  }

  // To the round before or after, with what was set there; way: "back" or "forward". The faces are
  // there, unless the round was left before they all were.
  go(way) {
    const { rounds, state } = this;
    const before = state.basis;
    rounds[way]();
    this.filling = null;
    Object.assign(state.settings, rounds.now.said);
    state.keep();
    const isPicked = rounds.now.picks.length > 0;
    const asked = isPicked || state.basis === before ? this.showPick() : state.ask();
    return rounds.now.faces.some((face) => this.isOld(face)) ? asked : this.fill();
  }

  // Asking for the faces

  // Ask for the faces that the round in sight lacks, and for the old ones anew, one by one: each is
  // seen as soon as it is there, and a round that is left costs no more than the one that is made.
  fill() {
    const { state } = this;
    const filling = { round: this.rounds.now, basis: state.basis };
    this.filling = filling;
    const { person, temperature, likely } = state.settings;
    filling.round.said = { person, temperature, likely };
    return state.run(async () => {
      state.view.shown();
      try {
        await this.ask(filling);
      } finally {
        if (this.filling === filling) this.filling = null;
      }
    });
  }

  async ask(filling) {
    const { state } = this;
    const { round, basis } = filling;
    const around = round.chosen.length ? { chosen: roundsText(round.chosen) } : {};
    for (let n = 0; n < NUM_FACES; n++) {
      if (round.faces[n]?.basis === basis) continue;
      const seed = round.first + n;
      const asked = { seed, ...around };
      const reply = await state.translate({ ...asked, preview: true });
      if (this.filling !== filling) return; // something else is to be seen meanwhile
      const [{ png, person }] = reply.pictures;
      const { warnings } = reply;
      const isAnother = round.faces[n] && round.faces[n].person !== person;
      if (isAnother) round.picks = round.picks.filter((one) => one !== seed);
      round.faces[n] = { seed, person, png, basis, warnings, asked };
      state.view.shown();
    }
  }

  // The eight that were in sight when the page was left; whoever was kept is picked among them.
  async refill() {
    const { state } = this;
    const { now, isEmpty } = this.rounds;
    if (isEmpty || !state.varies || state.given.isEmpty) return;
    await this.fill();
    const isKept = ({ person }) => state.keepsSomebody && person === state.settings.keep;
    if (!now.picks.length) now.picks = now.faces.filter(isKept).map(({ seed }) => seed);
    await this.showPick();
  }

  // Picking

  // One of the eight, who is shown large; later strokes are answered with the same person. Picked
  // again, one is no longer picked; of more than two, the last two are.
  pick({ seed }) {
    const { now } = this.rounds;
    const others = now.picks.filter((one) => one !== seed);
    const isPicked = others.length < now.picks.length;
    now.picks = isPicked ? others : [...others, seed].slice(this.state.model.chooses ? -2 : -1);
    return now.picks.length ? this.showPick() : this.letGo();
  }

  // Nobody is kept, and nobody of the eight is picked any more: the usual seed answers again.
  letGo() {
    const { state } = this;
    if (!this.rounds.isEmpty) this.rounds.now.picks = [];
    const { seed } = state.about.query;
    if (state.model.chooses) Object.assign(state.settings, { keep: null, seed });
    state.keep();
    state.view.shown();
    return state.ask();
  }

  // Whoever was picked last in the round in sight is shown large, and is the one who is saved.
  showPick() {
    const { now } = this.rounds;
    const face = now.faces.find((one) => one?.seed === now.picks.at(-1));
    if (face) return this.showPerson(face);
    this.state.view.shown();
    return null;
  }

  // One of a round, large: as on its tile, and then in full.
  showPerson(face) {
    const { state } = this;
    state.settings.seed = face.seed;
    if (state.model.chooses) state.settings.keep = face.person;
    state.keep();
    const isOld = this.isOld(face);
    if (!isOld) state.showFace(face);
    state.view.shown();
    if (isOld) return state.ask();
    return state.model.previews || state.host.holdsFace ? state.askInFull() : null;
  }
}
